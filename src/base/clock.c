/* SPDX-License-Identifier: BSD-2-Clause */
/* The only reader of the machine's clocks; simulations link another one. */
#include "iscsifs/clock.h"

#include <time.h>

static struct timespec clock_read(clockid_t id)
{
	struct timespec ts = { 0 };

	clock_gettime(id, &ts);
	return ts;
}

mono_ms clock_mono_ms(void)
{
	struct timespec ts = clock_read(CLOCK_MONOTONIC);

	return (mono_ms)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

uint64_t clock_mono_us(void)
{
	struct timespec ts = clock_read(CLOCK_MONOTONIC);

	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

wall_ms clock_wall_ms(void)
{
	struct timespec ts = clock_read(CLOCK_REALTIME);

	return (wall_ms)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}
