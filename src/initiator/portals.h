/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where to dial next: the portals that are configured, and where the target sent us (RFC 7143
 * 11.13.5, status 0101 and 0102). Pure; names as they were given, not looked up.
 */
#ifndef ISCSIFS_PORTALS_H
#define ISCSIFS_PORTALS_H

#include <stdbool.h>

#include "transport.h"

enum { PORTALS_MAX = 16 };

struct portals {
	unsigned count;
	char list[PORTALS_MAX][TRANSPORT_PORTAL_MAX];	/* as configured, none twice */
	unsigned next;			/* in the list */
	unsigned picked;		/* in the list; PORTALS_MAX: elsewhere */
	char temporary[TRANSPORT_PORTAL_MAX];	/* "": none; for this outage */
	char permanent[TRANSPORT_PORTAL_MAX];	/* "": none; goes before the list as long as we live */
	bool permanent_failed;		/* in this round: then the list has its turn */
};

/* What it has already, and more than PORTALS_MAX, is left out. */
void portals_add(struct portals *p, const char *portal);

/* The one to dial now, on loan until the next call. There is at least one. */
const char *portals_pick(struct portals *p);

/* The one that was picked sent us to @to, for now or for good. */
void portals_redirect(struct portals *p, const char *to, bool for_good);
/* Nobody took our login there. */
void portals_failed(struct portals *p);
/* It is up; and it was lost after it had served: there first, for what it may still be doing for us. */
void portals_up(struct portals *p);
void portals_lost(struct portals *p);

#endif
