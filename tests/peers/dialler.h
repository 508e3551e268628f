/* SPDX-License-Identifier: BSD-2-Clause */
/* A transport under test with a loop of its own: it counts its events and waits for them. */
#ifndef ISCSIFS_TEST_DIALLER_H
#define ISCSIFS_TEST_DIALLER_H

#include "initiator/transport.h"

struct dialler {
	struct loop *loop;
	struct transport *tp;
	struct transport_limits limits;
	struct transport_loss loss;
	unsigned ready, lost, pongs, found, tmfs;
	uint8_t tmf_response;		/* the last one */
	bool found_all;
};

struct transport_param dialler_param(const char *portal, const char *target);

/* Dial and wait until it is ready or lost. Returns whether it is ready. */
bool dialler_dial(struct dialler *d, const struct transport_param *param);
/* Turn the loop until *@counter reaches @value; false when that takes 10 s. */
bool dialler_wait(struct dialler *d, const unsigned *counter, unsigned value);
void dialler_end(struct dialler *d);

#endif
