/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What each unit of a disk may hold. The one hard thing: nobody outside knows the moment at which a
 * cache is lost, only two between which it was. An answer that comes in between, or to what was
 * asked before the end of that time, may be about a disk that is no more; it adds to what is
 * allowed and takes nothing away. Only a durable write may be believed then.
 */
#include "history_model.h"

#include <errno.h>
#include <stdlib.h>

#include "iscsifs/check.h"

enum { HISTORY_ROOM = 4 };

int history_model_init(struct history_model *m, uint64_t units)
{
	*m = (struct history_model){ .count = units, .event = 1 };
	list_init(&m->looks);
	m->units = calloc(units, sizeof(*m->units));
	for (uint64_t i = 0; m->units && i < units; i++) {
		struct history_unit *u = &m->units[i];

		u->values = calloc(HISTORY_ROOM, sizeof(*u->values));
		if (!u->values) {
			history_model_fini(m);
			return -ENOMEM;
		}
		u->room = HISTORY_ROOM;
		u->count = 1;
		u->values[0].ended = m->event;
	}
	return m->units ? 0 : -ENOMEM;
}

void history_model_fini(struct history_model *m)
{
	for (uint64_t i = 0; m->units && i < m->count; i++)
		free(m->units[i].values);
	free(m->units);
	*m = (struct history_model){ 0 };
}

/* May an answer to @op be about what a cache that is lost by now held? */
static bool history_is_doubtful(const struct history_model *m, const struct history_op *op)
{
	return m->losing || op->since <= m->lost;
}

static bool value_may_return(const struct history_model *m, const struct history_value *v)
{
	return v->gone && !v->dead && v->gone > m->flushed;
}

/* Drop what nobody can find any more. */
static void unit_prune(const struct history_model *m, struct history_unit *u)
{
	const struct history_op *oldest = list_first(&m->looks, struct history_op, link);
	unsigned n = 0;

	for (unsigned i = 0; i < u->count; i++) {
		const struct history_value *v = &u->values[i];

		if (!v->gone || value_may_return(m, v) || (oldest && v->gone > oldest->since))
			u->values[n++] = *v;
	}
	u->count = n;
}

static void unit_add(const struct history_model *m, struct history_unit *u, uint64_t id)
{
	if (u->count == u->room)
		unit_prune(m, u);
	if (u->count == u->room) {
		u->room *= 2;
		u->values = realloc(u->values, u->room * sizeof(*u->values));
		BUG_ON(!u->values);
	}
	u->values[u->count++] = (struct history_value){ .id = id };
}

void history_begin(struct history_model *m, struct history_op *op)
{
	op->since = ++m->event;
	list_init(&op->link);
	list_append(&m->looks, &op->link);
}

void history_begin_write(struct history_model *m, struct history_op *op)
{
	BUG_ON(op->first + op->count > m->count);
	history_begin(m, op);
	for (uint64_t i = op->first; i < op->first + op->count; i++) {
		m->units[i].writers++;
		unit_add(m, &m->units[i], op->id);
	}
}

/* The write @op of this unit was acknowledged, beyond doubt: what ended before it began is over. */
static void unit_supersede(const struct history_model *m, struct history_unit *u,
			   const struct history_op *op)
{
	for (unsigned i = 0; i < u->count; i++) {
		struct history_value *v = &u->values[i];

		if (v->id == op->id || !v->ended || v->ended >= op->since)
			continue;
		v->dead |= op->durable;
		v->gone = v->gone ? v->gone : m->event;
	}
}

static void unit_wrote(const struct history_model *m, struct history_unit *u,
		       const struct history_op *op, bool good)
{
	u->writers--;
	u->changed = m->event;
	for (unsigned i = 0; i < u->count; i++) {
		struct history_value *v = &u->values[i];

		if (v->id == op->id) {
			v->ended = m->event;
			v->failed = !good;
		}
	}
	if (good && (op->durable || !history_is_doubtful(m, op)))
		unit_supersede(m, u, op);
}

void history_wrote(struct history_model *m, struct history_op *op, uint64_t good)
{
	m->event++;
	for (uint64_t i = 0; i < op->count; i++)
		unit_wrote(m, &m->units[op->first + i], op, i < good);
}

bool history_allows(const struct history_model *m, const struct history_op *op, uint64_t unit,
		    uint64_t id)
{
	const struct history_unit *u = &m->units[unit];

	for (unsigned i = 0; i < u->count; i++) {
		const struct history_value *v = &u->values[i];

		if (v->id == id && (!v->gone || v->gone > op->since))
			return true;
	}
	return false;
}

bool history_saw(struct history_model *m, const struct history_op *op, uint64_t unit, uint64_t id)
{
	struct history_unit *u = &m->units[unit];
	bool there = false;

	if (u->writers || u->changed >= op->since || history_is_doubtful(m, op))
		return true;
	m->event++;
	for (unsigned i = 0; i < u->count; i++) {
		struct history_value *v = &u->values[i];

		there |= v->id == id && !v->gone;
		if (v->id != id && !v->failed && !v->gone)
			v->gone = m->event;
	}
	return there;
}

bool history_flushed(struct history_model *m, const struct history_op *op)
{
	if (history_is_doubtful(m, op))
		return false;
	m->event++;
	m->flushed = MAX(m->flushed, op->since);
	return true;
}

void history_end(struct history_op *op)
{
	list_del(&op->link);
}

static void history_revive(struct history_model *m)
{
	for (uint64_t i = 0; i < m->count; i++) {
		struct history_unit *u = &m->units[i];

		for (unsigned k = 0; k < u->count; k++) {
			if (value_may_return(m, &u->values[k]))
				u->values[k].gone = 0;
		}
	}
}

void history_losing(struct history_model *m)
{
	m->losing = true;
	m->event++;
	history_revive(m);
}

void history_lost(struct history_model *m)
{
	m->losing = false;
	m->lost = ++m->event;
	history_revive(m);
}
