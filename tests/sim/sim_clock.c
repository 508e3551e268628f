/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time and entropy of a simulation. The one hard thing: nothing of the real world may leak in, or a
 * seed would not replay; so getrandom() is ours as well.
 */
#include <sys/random.h>

#include "sim.h"

static mono_ms sim_clock_now = 1000000;
static uint64_t sim_entropy;

mono_ms sim_now(void)
{
	return sim_clock_now;
}

void sim_clock_set(mono_ms now)
{
	sim_clock_now = now;
}

void sim_entropy_set(uint64_t seed)
{
	sim_entropy = seed;
}

mono_ms clock_mono_ms(void)
{
	return sim_clock_now;
}

wall_ms clock_wall_ms(void)
{
	return sim_clock_now;
}

uint64_t clock_mono_us(void)
{
	return (uint64_t)sim_clock_now * 1000;
}

ssize_t getrandom(void *buf, size_t len, unsigned flags)
{
	uint8_t *p = buf;

	(void)flags;
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)sim_chance_next(&sim_entropy);
	return (ssize_t)len;
}
