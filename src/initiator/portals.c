/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where to dial next. The one hard thing: a place that we were sent to may be dead, and then what is
 * configured must have its turn, without the other being forgotten when it was for good.
 */
#include "portals.h"

#include <stdio.h>
#include <string.h>

#include "iscsifs/check.h"

static unsigned portals_find(const struct portals *p, const char *portal)
{
	for (unsigned i = 0; i < p->count; i++) {
		if (!strcmp(p->list[i], portal))
			return i;
	}
	return PORTALS_MAX;
}

void portals_add(struct portals *p, const char *portal)
{
	if (p->count < PORTALS_MAX && portals_find(p, portal) == PORTALS_MAX)
		snprintf(p->list[p->count++], sizeof(p->list[0]), "%s", portal);
}

const char *portals_pick(struct portals *p)
{
	BUG_ON(!p->count);
	p->picked = PORTALS_MAX;
	if (*p->temporary)
		return p->temporary;
	if (*p->permanent && !p->permanent_failed)
		return p->permanent;
	p->picked = p->next;
	p->next = (p->next + 1) % p->count;
	if (p->next == 0)
		p->permanent_failed = false;	/* each of them had its turn */
	return p->list[p->picked];
}

void portals_redirect(struct portals *p, const char *to, bool for_good)
{
	char *where = for_good ? p->permanent : p->temporary;

	if (for_good)
		*p->temporary = '\0';
	snprintf(where, TRANSPORT_PORTAL_MAX, "%s", to);
	p->permanent_failed = false;
}

void portals_failed(struct portals *p)
{
	if (*p->temporary)
		*p->temporary = '\0';
	else if (p->picked == PORTALS_MAX)
		p->permanent_failed = true;
}

void portals_up(struct portals *p)
{
	p->permanent_failed = false;
}

void portals_lost(struct portals *p)
{
	*p->temporary = '\0';
	if (p->picked < PORTALS_MAX)
		p->next = p->picked;
}
