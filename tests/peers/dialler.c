/* SPDX-License-Identifier: BSD-2-Clause */
/* A transport under test. The hard thing is only to bound every wait. */
#include "dialler.h"

#include <stdlib.h>
#include <string.h>

static void dialler_on_ready(void *arg, const struct transport_limits *limits)
{
	struct dialler *d = arg;

	d->ready++;
	d->limits = *limits;
}

static void dialler_on_lost(void *arg, const struct transport_loss *loss)
{
	struct dialler *d = arg;

	d->lost++;
	d->loss = *loss;
}

static void dialler_on_pong(void *arg)
{
	struct dialler *d = arg;

	d->pongs++;
}

static void dialler_on_tmf(void *arg, uint8_t response)
{
	struct dialler *d = arg;

	d->tmfs++;
	d->tmf_response = response;
}

static void dialler_on_target(void *arg, const char *target, const char *portal)
{
	struct dialler *d = arg;

	(void)portal;
	if (target)
		d->found++;
	else
		d->found_all = true;
}

static const struct transport_events dialler_events = {
	.on_ready = dialler_on_ready,
	.on_lost = dialler_on_lost,
	.on_pong = dialler_on_pong,
	.on_tmf = dialler_on_tmf,
	.on_target = dialler_on_target,
};

struct transport_param dialler_param(const char *portal, const char *target)
{
	return (struct transport_param){
		.portal = portal,
		.target = target,
		.initiator = "iqn.2026-11.example:test",
		.alias = "test",
		.isid = 0x801234567890,
		.header_digest = TRANSPORT_DIGEST_NONE,
		.immediate_data = true,
		.commands = 64,
	};
}

bool dialler_wait(struct dialler *d, const unsigned *counter, unsigned value)
{
	mono_ms deadline = clock_mono_ms() + 10000;

	while (*counter < value && clock_mono_ms() < deadline)
		loop_turn(d->loop, 100);
	return *counter >= value;
}

bool dialler_dial(struct dialler *d, const struct transport_param *param)
{
	mono_ms deadline = clock_mono_ms() + 10000;

	memset(d, 0, sizeof(*d));
	if (loop_new(&d->loop))
		return false;
	if (transport_dial(&d->tp, d->loop, param, &dialler_events, d))
		return false;
	while (!d->ready && !d->lost && clock_mono_ms() < deadline)
		loop_turn(d->loop, 100);
	return d->ready == 1;
}

void dialler_end(struct dialler *d)
{
	transport_cut(d->tp);
	loop_free(d->loop);
	memset(d, 0, sizeof(*d));
}
