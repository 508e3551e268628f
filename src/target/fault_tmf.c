/* SPDX-License-Identifier: BSD-2-Clause */
/* Late task management: each request is a copy of its header and a timer. */
#include "target/fault_tmf.h"

#include <stdlib.h>
#include <string.h>

#include "iscsifs/check.h"
#include "target/connection.h"
#include "target/tmf.h"

enum { FAULT_LATE_MAX = 64 };

struct fault_late {
	struct connection *c;
	uint8_t bhs[PDU_BHS];
	struct loop_timer timer;
	struct list link;
};

static void fault_late_free(struct fault_late *l)
{
	l->c->fault.late_count--;
	loop_timer_stop(&l->timer);
	list_del(&l->link);
	free(l);
}

static void fault_late_fire(struct loop_timer *t)
{
	struct fault_late *l = container_of(t, struct fault_late, timer);
	struct connection *c = l->c;
	uint8_t bhs[PDU_BHS];
	const struct pdu p = { .bhs = bhs };

	memcpy(bhs, l->bhs, PDU_BHS);
	fault_late_free(l);
	tmf_request(c->session, &p);
}

void fault_tmf_late(struct connection *c, const uint8_t *bhs, span_ms span)
{
	struct fault_late *l = c->fault.late_count < FAULT_LATE_MAX ? calloc(1, sizeof(*l)) : NULL;

	if (!l)
		return;
	l->c = c;
	memcpy(l->bhs, bhs, PDU_BHS);
	list_init(&l->link);
	list_append(&c->fault.late, &l->link);
	c->fault.late_count++;
	loop_timer_init(c->server->loop, &l->timer, fault_late_fire);
	loop_timer_set(&l->timer, loop_now(c->server->loop) + span);
}

void fault_tmf_end(struct connection *c)
{
	struct fault_late *l, *tmp;

	list_each_safe(l, tmp, &c->fault.late, link)
		fault_late_free(l);
}
