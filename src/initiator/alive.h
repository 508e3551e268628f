/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When is silence death? Pure: time and what was heard come in as arguments.
 *
 * open-iscsi's rule: any received byte is life. Nothing received for noop_out_interval: ping.
 * Nothing received for noop_out_timeout more: the link is lost. A slow large read never kills.
 */
#ifndef ISCSIFS_ALIVE_H
#define ISCSIFS_ALIVE_H

#include <stdbool.h>

#include "iscsifs/clock.h"

struct alive {
	mono_ms ping_sent;	/* MONO_NEVER: none is unanswered */
};

enum alive_verdict {
	ALIVE_OK = 0,
	ALIVE_PING,		/* send one now */
	ALIVE_DEAD,		/* the link is lost */
};

struct alive_input {
	mono_ms now;
	span_ms silence;	/* since the last byte was received, or since the login */
	bool blocked;		/* PDUs wait for window or socket: a ping would wait behind them */
	span_ms unheard;	/* none of our bytes has been acknowledged since; 0: none wait */
	span_ms oldest;		/* age of the oldest unanswered command; 0: none */
	span_ms interval;	/* noop_out_interval; 0: pings are off */
	span_ms timeout;	/* noop_out_timeout */
	span_ms patience;	/* scsi_cmd_timeout: bounds a blocked link; 0: does not */
};

void alive_init(struct alive *a);

/* Decide, and say in *next when to ask again (MONO_NEVER: not by time). */
enum alive_verdict alive_check(struct alive *a, const struct alive_input *in, mono_ms *next);

#endif
