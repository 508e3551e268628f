/* SPDX-License-Identifier: BSD-2-Clause */
/* The first half of a rule read: on which events it strikes, and how often. */
#include "target/script_when.h"

#include <stdlib.h>
#include <string.h>

#include "iscsifs/num.h"

enum { SCRIPT_COUNT_MAX = 1000000000 };

static void script_match_op(struct script_match *m, unsigned opcode)
{
	m->any_op = false;
	m->ops[opcode / 8] |= (uint8_t)(1u << opcode % 8);
}

static int script_op(const struct script_words *w, struct script_match *m, const char *word)
{
	uint64_t opcode;
	uint32_t first;

	if (!strcmp(word, "any"))
		return 0;
	if (!strncmp(word, "0x", 2)) {
		int rc = script_number(w, word, "op", 0, 255, &opcode);

		if (!rc)
			script_match_op(m, (unsigned)opcode);
		return rc;
	}
	if (script_lookup(w, word, "kind of command", script_ops, &first))
		return -ERR_INVALID;
	for (const struct script_word *row = script_ops; row->name; row++) {
		if (!strcmp(row->name, word))
			script_match_op(m, row->value);
	}
	return 0;
}

static int script_lba(const struct script_words *w, struct script_match *m, const char *word)
{
	const char *dash = strchr(word, '-');
	char first[32];

	if (!dash)
		dash = word + strlen(word);
	if ((size_t)(dash - word) >= sizeof(first))
		return script_fail(w, "lba \"%s\": want N or N-M", word);
	memcpy(first, word, (size_t)(dash - word));
	first[dash - word] = 0;
	if (num_parse_u64(first, 0, INT64_MAX, &m->lba_first) ||
	    num_parse_u64(*dash ? dash + 1 : first, m->lba_first, INT64_MAX, &m->lba_last))
		return script_fail(w, "lba \"%s\": want N or N-M", word);
	m->has_lba = true;
	return 0;
}

static int script_glob(const struct script_words *w, const char *word, const char *what,
		       char out[SCRIPT_GLOB_MAX + 1])
{
	if (!*word || strlen(word) > SCRIPT_GLOB_MAX)
		return script_fail(w, "%s \"%s\": want 1 to %d characters", what, word,
				   SCRIPT_GLOB_MAX);
	memcpy(out, word, strlen(word) + 1);
	return 0;
}

static int script_match_value(struct script_words *w, struct script_rule *r, enum script_key key,
			      const char *value)
{
	struct script_match *m = &r->match;
	uint32_t bits;
	uint64_t n;
	int rc;

	switch (key) {
	case SCRIPT_KEY_OP:
		return script_op(w, m, value);
	case SCRIPT_KEY_LUN:
		rc = script_number(w, value, "lun", 0, SCRIPT_LUN_MAX, &n);
		m->lun = rc ? 0 : (unsigned)n;
		m->has_lun = !rc;
		return rc;
	case SCRIPT_KEY_LBA:
		return script_lba(w, m, value);
	case SCRIPT_KEY_STAGE:
		rc = script_lookup(w, value, "stage", script_stages, &bits);
		m->stages |= rc ? 0 : bits;
		return rc;
	case SCRIPT_KEY_FUNCTION:
		rc = script_lookup(w, value, "function", script_functions, &bits);
		m->function = rc ? 0 : (uint8_t)bits;
		return rc;
	case SCRIPT_KEY_INITIATOR:
		return script_glob(w, value, "initiator", m->initiator);
	case SCRIPT_KEY_TARGET:
		return script_glob(w, value, "target", m->target);
	}
	return 0;
}

static int script_one_match(struct script_words *w, struct script_rule *r)
{
	const char *word = script_next(w), *equals = strchr(word, '=');
	char key[32] = "";
	uint32_t which;

	if (!equals || (size_t)(equals - word) >= sizeof(key))
		return script_fail(w, "\"%s\": want KEY=VALUE after \"where\"", word);
	memcpy(key, word, (size_t)(equals - word));
	if (script_lookup(w, key, "key", script_keys, &which))
		return -ERR_INVALID;
	if (!(script_key_events[which] & r->event))
		return script_fail(w, "\"%s\": %s events have no %s", word,
				   script_event_name(r->event), key);
	return script_match_value(w, r, (enum script_key)which, equals + 1);
}

static int script_event(struct script_words *w, struct script_rule *r)
{
	const char *word = script_next(w);
	uint32_t event;
	int rc = script_lookup(w, word, "event", script_events, &event);

	r->match.any_op = true;
	if (rc)
		return rc;
	r->event = (enum script_event)event;
	if (r->event == SCRIPT_EV_MARK)
		return script_name(w, script_next(w), "mark", r->mark);
	if (r->event == SCRIPT_EV_TIME)
		return script_span(w, script_next(w), "time", &r->after);
	if (r->event == SCRIPT_EV_COMMAND && strcmp(word, "command"))
		return script_op(w, &r->match, word);
	return 0;
}

static int script_chance(struct script_words *w, struct script_limits *l)
{
	const char *word = script_next(w);
	char *end;
	double p = strtod(word, &end);

	if (*end == '%') {
		p /= 100;
		end++;
	}
	if (end == word || *end || !(p > 0 && p <= 1))
		return script_fail(w, "chance \"%s\": want a probability such as 5%% or 0.05", word);
	l->has_chance = true;
	l->chance_ppm = (uint32_t)(p * 1e6 + 0.5);
	if (script_want(w, "seed", "and a number after the chance"))
		return -ERR_INVALID;
	return script_number(w, script_next(w), "seed", 0, UINT64_MAX, &l->seed);
}

static int script_one_limit(struct script_words *w, struct script_rule *r, enum script_limit which)
{
	struct script_limits *l = &r->limits;
	uint32_t per;
	int rc;

	switch (which) {
	case SCRIPT_LIMIT_NTH:
		return script_number(w, script_next(w), "nth", 1, SCRIPT_COUNT_MAX, &l->nth);
	case SCRIPT_LIMIT_EVERY:
		return script_number(w, script_next(w), "every", 1, SCRIPT_COUNT_MAX, &l->every);
	case SCRIPT_LIMIT_COUNT:
		return script_number(w, script_next(w), "count", 1, SCRIPT_COUNT_MAX, &l->count);
	case SCRIPT_LIMIT_PER:
		rc = script_lookup(w, script_next(w), "limit", script_pers, &per);
		l->per = rc ? SCRIPT_PER_NONE : (enum script_per)per;
		if (!rc && ((r->event & SCRIPT_NOBODY) ||
			    (l->per == SCRIPT_PER_LBA && !(r->event & SCRIPT_WITH_DATA))))
			return script_fail(w, "per %s: %s events have none",
					   script_pers[l->per - 1].name, script_event_name(r->event));
		return rc;
	case SCRIPT_LIMIT_FOR:
		return script_span(w, script_next(w), "for", &l->for_ms);
	case SCRIPT_LIMIT_CHANCE:
		return script_chance(w, l);
	case SCRIPT_LIMIT_END:
		break;
	}
	return 0;
}

static int script_limits(struct script_words *w, struct script_rule *r)
{
	uint32_t which;

	for (;;) {
		const char *word = script_next(w);

		if (script_lookup(w, word, "limit, or \"do\"", script_limit_words, &which))
			return -ERR_INVALID;
		if (which == SCRIPT_LIMIT_END)
			return 0;
		if (script_one_limit(w, r, (enum script_limit)which))
			return -ERR_INVALID;
	}
}

int script_when(struct script_words *w, struct script_rule *r)
{
	if (script_event(w, r))
		return -ERR_INVALID;
	if (script_take(w, "where")) {
		do {
			if (script_one_match(w, r))
				return -ERR_INVALID;
		} while (script_take(w, ","));
	}
	return script_limits(w, r);
}
