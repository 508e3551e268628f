/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fault engine: rules, what they have seen, and whether one of them strikes now. Pure: events
 * and instants come in, a rule comes out; fault_hooks.h carries it out.
 */
#ifndef ISCSIFS_TARGET_FAULT_H
#define ISCSIFS_TARGET_FAULT_H

#include "iscsifs/list.h"
#include "target/script.h"

enum {
	FAULT_RULES_MAX = 256,
	FAULT_MARKS_MAX = 256,
	FAULT_KEYS = 4096,		/* things that a rule with `per` tells apart */
};

/* What happens, for the rules to look at. What an event does not have is zero or NULL. */
struct fault_event {
	enum script_event event;
	uint64_t conn;
	unsigned stages;
	bool has_op;
	uint8_t op;
	bool has_lun;
	unsigned lun;
	bool has_lba;
	uint64_t lba;
	uint64_t blocks;		/* 0 counts as 1 */
	uint8_t function;
	const char *initiator;
	const char *target;
	const char *mark;
};

struct fault_count {
	uint64_t key;
	uint64_t seen;			/* events that matched */
	uint64_t hits;			/* of those, the ones that the limits let through */
};

struct fault_rule {
	struct script_rule script;
	struct fault_count all;
	struct fault_count *each;	/* FAULT_KEYS of them, for a rule with `per` */
	mono_ms first_hit;		/* MONO_NEVER: none yet */
	unsigned refs;
	bool deleted;
	struct list link;
};

struct fault_mark {
	char name[SCRIPT_NAME_MAX + 1];
	uint64_t count;
};

struct fault {
	struct list rules;		/* in the order they were added */
	unsigned rule_count;
	struct fault_mark mark[FAULT_MARKS_MAX];
	unsigned marks;
};

void fault_init(struct fault *f);
void fault_fini(struct fault *f);

/* @r is copied. Returns 0 or -code: the name is taken, or there are too many. */
int fault_add(struct fault *f, const struct script_rule *r, struct err *e);

struct fault_rule *fault_find(const struct fault *f, const char *name);

/* It strikes no more; its memory goes with its last reference. */
void fault_del(struct fault *f, struct fault_rule *r);

static inline struct fault_rule *fault_rule_ref(struct fault_rule *r)
{
	r->refs++;
	return r;
}

/* fault_rule_put(NULL) is legal. */
void fault_rule_put(struct fault_rule *r);

/*
 * Something happens at @now: the first rule, in the order they were added, that matches and whose
 * limits let it through, counted; or NULL. Rules behind it do not see the event.
 */
struct fault_rule *fault_check(struct fault *f, const struct fault_event *ev, mono_ms now);

/* Count the mark. Returns its new count, or 0 when there are too many names. */
uint64_t fault_mark(struct fault *f, const char *name);
uint64_t fault_marked(const struct fault *f, const char *name);

/* 64 bits from a seed and an index: the same for ever (splitmix64, Steele et al. 2014). */
uint64_t fault_random(uint64_t seed, uint64_t index);

#endif
