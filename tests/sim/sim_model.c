/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What each unit of a disk may hold. The one hard thing: a write that failed or was cancelled may
 * have happened, or may happen as long as its memory is not back; so a unit has a set of values,
 * and a value that left the set stays known to whoever began to look before.
 */
#include <stdlib.h>
#include <string.h>

#include "iscsifs/check.h"
#include "sim.h"

void sim_model_init(struct sim_model *m)
{
	*m = (struct sim_model){ 0 };
	for (unsigned i = 0; i < SIM_UNITS; i++) {
		struct sim_unit *u = &m->units[i];

		u->room = 4;
		u->values = calloc(u->room, sizeof(*u->values));
		BUG_ON(!u->values);
		u->count = 1;
	}
}

void sim_model_fini(struct sim_model *m)
{
	for (unsigned i = 0; i < SIM_UNITS; i++)
		free(m->units[i].values);
}

static struct sim_value *unit_find(struct sim_unit *u, uint64_t id)
{
	for (unsigned i = 0; i < u->count; i++) {
		if (u->values[i].id == id && !u->values[i].gone)
			return &u->values[i];
	}
	return NULL;
}

/* Values that nobody can have looked at any more. */
static void unit_prune(const struct sim *s, struct sim_unit *u)
{
	const struct sim_io *io;
	uint64_t oldest = s->event;
	unsigned n = 0;

	list_each(io, &s->ios, link) {
		if (!io->answered)
			oldest = MIN(oldest, io->since);
	}
	for (unsigned i = 0; i < u->count; i++) {
		if (!u->values[i].gone || u->values[i].gone > oldest)
			u->values[n++] = u->values[i];
	}
	u->count = n;
}

void sim_model_may_hold(struct sim *s, struct sim_model *m, unsigned unit, uint64_t id)
{
	struct sim_unit *u = &m->units[unit];

	u->changed = s->event;
	if (unit_find(u, id))
		return;
	if (u->count == u->room)
		unit_prune(s, u);
	if (u->count == u->room) {
		u->room *= 2;
		u->values = realloc(u->values, u->room * sizeof(*u->values));
		BUG_ON(!u->values);
	}
	u->values[u->count++] = (struct sim_value){ .id = id };
}

static bool sim_is_among(uint64_t id, const uint64_t *ids, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (ids[i] == id)
			return true;
	}
	return false;
}

void sim_model_set(struct sim *s, struct sim_model *m, unsigned unit, uint64_t id,
		   const uint64_t *also, unsigned also_count)
{
	struct sim_unit *u = &m->units[unit];

	sim_model_may_hold(s, m, unit, id);
	for (unsigned i = 0; i < u->count; i++) {
		struct sim_value *v = &u->values[i];

		if (!v->gone && v->id != id && !sim_is_among(v->id, also, also_count))
			v->gone = s->event;
	}
}

bool sim_model_allows(const struct sim_model *m, unsigned unit, uint64_t id, uint64_t since)
{
	const struct sim_unit *u = &m->units[unit];

	for (unsigned i = 0; i < u->count; i++) {
		if (u->values[i].id == id && (!u->values[i].gone || u->values[i].gone > since))
			return true;
	}
	return false;
}

void sim_unit_fill(uint8_t *unit, unsigned index, uint64_t id)
{
	uint64_t word = id << 16 | index;

	for (unsigned i = 0; i < SIM_UNIT_BYTES; i += 8)
		memcpy(unit + i, &word, 8);
}

uint64_t sim_unit_id(struct sim *s, const uint8_t *unit, unsigned index)
{
	uint64_t first, word;

	memcpy(&first, unit, 8);
	for (unsigned i = 8; i < SIM_UNIT_BYTES; i += 8) {
		memcpy(&word, unit + i, 8);
		if (word != first)
			sim_broken(s, "unit %u is torn: write %llu and write %llu", index,
				   (unsigned long long)(first >> 16), (unsigned long long)(word >> 16));
	}
	if (first && (first & 0xffff) != index)
		sim_broken(s, "unit %u holds what belongs to unit %u of write %llu", index,
			   (unsigned)(first & 0xffff), (unsigned long long)(first >> 16));
	return first >> 16;
}
