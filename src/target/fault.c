/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fault engine. The one hard thing is to be repeatable: what a rule decides depends on what it
 * saw, on its seed, and on nothing else, so the same rules meet the same traffic in the same way.
 */
#include "target/fault.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "iscsifs/check.h"

enum { FAULT_PROBES = 16 };

uint64_t fault_random(uint64_t seed, uint64_t index)
{
	uint64_t z = seed + (index + 1) * 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

void fault_init(struct fault *f)
{
	memset(f, 0, sizeof(*f));
	list_init(&f->rules);
}

void fault_fini(struct fault *f)
{
	struct fault_rule *r, *tmp;

	list_each_safe(r, tmp, &f->rules, link)
		fault_del(f, r);
}

struct fault_rule *fault_find(const struct fault *f, const char *name)
{
	struct fault_rule *r;

	list_each(r, &f->rules, link) {
		if (!strcmp(r->script.name, name))
			return r;
	}
	return NULL;
}

int fault_add(struct fault *f, const struct script_rule *script, struct err *e)
{
	struct fault_rule *r;

	if (fault_find(f, script->name))
		return err_set(e, ERR_EXISTS, "rule %s: there is one of this name", script->name);
	if (f->rule_count == FAULT_RULES_MAX)
		return err_set(e, ERR_INVALID, "rule %s: there are %d rules already", script->name,
			       FAULT_RULES_MAX);
	r = calloc(1, sizeof(*r));
	if (r && script->limits.per)
		r->each = calloc(FAULT_KEYS, sizeof(*r->each));
	if (!r || (script->limits.per && !r->each)) {
		free(r);
		return err_set(e, ERR_NOMEM, "rule %s: out of memory", script->name);
	}
	r->script = *script;
	r->first_hit = MONO_NEVER;
	r->refs = 1;
	list_append(&f->rules, &r->link);
	f->rule_count++;
	return 0;
}

void fault_rule_put(struct fault_rule *r)
{
	if (!r || --r->refs)
		return;
	free(r->each);
	free(r);
}

void fault_del(struct fault *f, struct fault_rule *r)
{
	list_del(&r->link);
	f->rule_count--;
	r->deleted = true;
	fault_rule_put(r);
}

/* --- deciding --- */

static bool fault_lba_matches(const struct script_match *m, const struct fault_event *ev)
{
	uint64_t last = ev->lba + (ev->blocks ? ev->blocks - 1 : 0);

	return ev->has_lba && ev->lba <= m->lba_last && last >= m->lba_first;
}

static bool fault_glob_matches(const char *glob, const char *name)
{
	return !*glob || (name && !fnmatch(glob, name, 0));
}

static bool fault_matches(const struct script_rule *s, const struct fault_event *ev)
{
	const struct script_match *m = &s->match;

	if (s->event != ev->event)
		return false;
	if (s->event == SCRIPT_EV_MARK && strcmp(s->mark, ev->mark))
		return false;
	if (!m->any_op && !(ev->has_op && m->ops[ev->op / 8] >> ev->op % 8 & 1))
		return false;
	if (m->has_lun && !(ev->has_lun && ev->lun == m->lun))
		return false;
	if (m->has_lba && !fault_lba_matches(m, ev))
		return false;
	if (m->stages && !(m->stages & ev->stages))
		return false;
	if (m->function && m->function != ev->function)
		return false;
	return fault_glob_matches(m->initiator, ev->initiator) &&
	       fault_glob_matches(m->target, ev->target);
}

/* Where the limits of @r count @ev. A table that is full forgets what it kept in the first place. */
static struct fault_count *fault_count_of(struct fault_rule *r, const struct fault_event *ev)
{
	uint64_t key = r->script.limits.per == SCRIPT_PER_SESSION ?
		       ev->conn : fault_random(ev->lun, ev->lba);
	struct fault_count *c;

	key += !key;
	for (unsigned i = 0; i < FAULT_PROBES; i++) {
		c = &r->each[(fault_random(0, key) + i) % FAULT_KEYS];
		if (c->key == key)
			return c;
		if (!c->key) {
			c->key = key;
			return c;
		}
	}
	c = &r->each[fault_random(0, key) % FAULT_KEYS];
	*c = (struct fault_count){ .key = key };
	return c;
}

/* Does the event that was just counted in @c get through? */
static bool fault_limits_let(const struct fault_rule *r, const struct fault_count *c, mono_ms now)
{
	const struct script_limits *l = &r->script.limits;
	uint64_t first = l->nth ? l->nth : l->every ? l->every : 1;
	uint64_t count = l->count ? l->count : l->nth && !l->every ? 1 : UINT64_MAX;

	if (c->seen < first || c->hits >= count)
		return false;
	if (l->every && (c->seen - first) % l->every)
		return false;
	if (l->for_ms && r->first_hit != MONO_NEVER && now >= r->first_hit + l->for_ms)
		return false;
	return !l->has_chance || fault_random(l->seed, r->all.seen) % 1000000 < l->chance_ppm;
}

struct fault_rule *fault_check(struct fault *f, const struct fault_event *ev, mono_ms now)
{
	struct fault_rule *r;

	list_each(r, &f->rules, link) {
		struct fault_count *c;

		if (!fault_matches(&r->script, ev))
			continue;
		c = r->each ? fault_count_of(r, ev) : &r->all;
		c->seen++;
		r->all.seen += c != &r->all;
		if (!fault_limits_let(r, c, now))
			continue;
		c->hits++;
		r->all.hits += c != &r->all;
		if (r->first_hit == MONO_NEVER)
			r->first_hit = now;
		return r;
	}
	return NULL;
}

/* --- marks --- */

static struct fault_mark *fault_mark_find(const struct fault *f, const char *name)
{
	for (unsigned i = 0; i < f->marks; i++) {
		if (!strcmp(f->mark[i].name, name))
			return (struct fault_mark *)(uintptr_t)&f->mark[i];
	}
	return NULL;
}

uint64_t fault_mark(struct fault *f, const char *name)
{
	struct fault_mark *m = fault_mark_find(f, name);

	BUG_ON(strlen(name) > SCRIPT_NAME_MAX);
	if (!m) {
		if (f->marks == FAULT_MARKS_MAX)
			return 0;
		m = &f->mark[f->marks++];
		memcpy(m->name, name, strlen(name) + 1);
	}
	return ++m->count;
}

uint64_t fault_marked(const struct fault *f, const char *name)
{
	const struct fault_mark *m = fault_mark_find(f, name);

	return m ? m->count : 0;
}
