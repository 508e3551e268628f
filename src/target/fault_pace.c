/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pace and window. The one hard thing: what rests must be woken, and who waits for a window that
 * opens sends nothing that could be answered, so he is told unasked.
 */
#include "target/fault_pace.h"

#include "iscsifs/check.h"
#include "target/connection.h"
#include "target/session.h"

/* --- pace --- */

static void fault_pace_refill(struct loop_timer *t)
{
	struct connection *c = container_of(t, struct connection, fault.pace.timer);
	struct fault_pace *p = &c->fault.pace;
	mono_ms now = loop_now(c->server->loop);

	if (now >= p->until)
		p->bytes = 0;
	p->in = p->out = p->bytes;
	if (p->bytes)
		loop_timer_set(t, now + p->tick);
	conn_resume(c);
}

void fault_pace_set(struct connection *c, uint32_t bytes, span_ms tick, span_ms span)
{
	struct fault_pace *p = &c->fault.pace;
	mono_ms now = loop_now(c->server->loop);

	p->bytes = p->in = p->out = bytes;
	p->tick = tick;
	p->until = span ? now + span : MONO_NEVER;
	loop_timer_set(&p->timer, now + tick);
}

void fault_pace_sent(struct connection *c, uint64_t bytes)
{
	c->fault.pace.out -= (uint32_t)MIN(bytes, (uint64_t)c->fault.pace.out);
}

void fault_pace_received(struct connection *c, uint64_t bytes)
{
	c->fault.pace.in -= (uint32_t)MIN(bytes, (uint64_t)c->fault.pace.in);
	if (!c->fault.pace.in)
		conn_mark_dirty(c);	/* its socket is not to be watched now */
}

/* --- window --- */

static void fault_window_open(struct loop_timer *t)
{
	struct connection *c = container_of(t, struct connection, fault.window.timer);

	c->fault.window.narrow = false;
	if (c->session)
		session_tell_numbers(c->session);
}

void fault_window_set(struct connection *c, uint32_t commands, span_ms span)
{
	struct fault_window *w = &c->fault.window;

	if (!c->session)
		return;
	if (!w->narrow)
		w->told = c->session->maxcmdsn;
	w->narrow = true;
	w->commands = commands;
	if (span)
		loop_timer_set(&w->timer, loop_now(c->server->loop) + span);
	else
		loop_timer_stop(&w->timer);
}

uint32_t fault_window_told(struct session *s)
{
	struct fault_window *w = &s->c->fault.window;
	uint32_t max = s->expcmdsn + w->commands - 1;

	if (serial_before(s->maxcmdsn, max))
		max = s->maxcmdsn;
	if (serial_before(w->told, max))
		w->told = max;
	return w->told;
}

/* --- life --- */

void fault_pace_init(struct connection *c)
{
	loop_timer_init(c->server->loop, &c->fault.pace.timer, fault_pace_refill);
	loop_timer_init(c->server->loop, &c->fault.window.timer, fault_window_open);
}

void fault_pace_end(struct connection *c)
{
	loop_timer_stop(&c->fault.pace.timer);
	loop_timer_stop(&c->fault.window.timer);
}
