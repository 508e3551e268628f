/* SPDX-License-Identifier: BSD-2-Clause */
/* The second half of a rule read: what it does. */
#include "target/script_do.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iscsifs/num.h"

static int script_named(struct script_words *w, struct script_action *a, const char *what,
			const struct script_word *table)
{
	uint32_t value;

	if (script_lookup(w, script_next(w), what, table, &value))
		return -ERR_INVALID;
	a->number = value;
	return 0;
}

/* A login: `with STATUS`, a name or class and detail in hexadecimal; or `for TIME`. */
static int script_refuse(struct script_words *w, struct script_action *a)
{
	const char *how = script_next(w), *word = script_next(w);
	uint32_t status;
	char *end;

	if (!strcmp(how, "for"))
		return script_span(w, word, "refuse for", &a->span);
	if (strcmp(how, "with"))
		return script_fail(w, "\"%s\": want \"for TIME\" or \"with STATUS\" after \"refuse\"",
				   how);
	a->act = SCRIPT_DO_REFUSE_WITH;
	a->number = strtoul(word, &end, 16);
	if (strlen(word) == 4 && !*end && a->number >> 8 >= 2 && a->number >> 8 <= 3)
		return 0;
	if (script_lookup(w, word, "login status", script_login_statuses, &status))
		return -ERR_INVALID;
	a->number = status;
	return 0;
}

static int script_redirect(struct script_words *w, struct script_action *a)
{
	const char *word;

	a->number = script_take(w, "permanently") ? 0x0102 : 0x0101;
	word = script_next(w);
	if (!strchr(word, ':') || strlen(word) >= sizeof(a->text))
		return script_fail(w, "redirect \"%s\": want ADDRESS:PORT", word);
	memcpy(a->text, word, strlen(word) + 1);
	return 0;
}

/* KEY/ASC/ASCQ, hexadecimal */
static int script_sense(struct script_words *w, uint64_t *out)
{
	const char *word = script_next(w);
	unsigned key, asc, ascq;
	char after;

	if (sscanf(word, "%2x/%2x/%2x%c", &key, &asc, &ascq, &after) != 3 || key > 0xf)
		return script_fail(w, "sense \"%s\": want KEY/ASC/ASCQ in hexadecimal, such as 6/29/00",
				   word);
	*out = key << 16 | asc << 8 | ascq;
	return 0;
}

static int script_async(struct script_words *w, struct script_action *a)
{
	if (script_named(w, a, "async event", script_asyncs))
		return -ERR_INVALID;
	if (!a->number)
		return script_sense(w, &a->seed);
	a->span = 1000;
	return script_take(w, "within") ? script_span(w, script_next(w), "within", &a->span) : 0;
}

static int script_crash(struct script_words *w, struct script_action *a)
{
	if (script_named(w, a, "fate of the cache", script_loses))
		return -ERR_INVALID;
	if (a->number == SCRIPT_LOSE_PART &&
	    (script_want(w, "seed", "and a number after lose-part") ||
	     script_number(w, script_next(w), "seed", 0, UINT64_MAX, &a->seed)))
		return -ERR_INVALID;
	if (!script_take(w, "restart"))
		return 0;
	if (script_want(w, "after", "and a time after restart"))
		return -ERR_INVALID;
	return script_span(w, script_next(w), "restart after", &a->span);
}

/* `lun N` */
static int script_lun(struct script_words *w, struct script_action *a)
{
	uint64_t lun;

	if (script_want(w, "lun", "and its number") ||
	    script_number(w, script_next(w), "lun", 0, SCRIPT_LUN_MAX, &lun))
		return -ERR_INVALID;
	a->lun = (unsigned)lun;
	return 0;
}

static int script_resize(struct script_words *w, struct script_action *a)
{
	const char *size;

	if (script_lun(w, a) || script_want(w, "to", "and a size"))
		return -ERR_INVALID;
	size = script_next(w);
	if (num_parse_size(size, &a->number) || !a->number || a->number > INT64_MAX)
		return script_fail(w, "resize to \"%s\": want a size such as 64M", size);
	return 0;
}

/* `for TIME`, or nothing: for good */
static int script_for(struct script_words *w, struct script_action *a)
{
	return script_take(w, "for") ? script_span(w, script_next(w), "for", &a->span) : 0;
}

static int script_rate(struct script_words *w, struct script_action *a)
{
	const char *rate = script_next(w);

	if (num_parse_size(rate, &a->number) || a->number < 1024 || a->number > INT32_MAX)
		return script_fail(w, "rate \"%s\": want bytes a second, such as 64K or 1M, 1K at least",
				   rate);
	return script_for(w, a);
}

/* `digest broken`, or nothing */
static int script_digest(struct script_words *w, struct script_action *a)
{
	a->spoils_digest = script_take(w, "digest");
	return a->spoils_digest ? script_want(w, "broken", "after \"digest\"") : 0;
}

static int script_field(struct script_words *w, const char *word, uint32_t *out)
{
	struct script_word names[32] = { { NULL, 0 } };
	uint32_t n = 0;

	for (; script_fields[n].name; n++)
		names[n] = (struct script_word){ script_fields[n].name, n };
	return script_lookup(w, word, "field", names, out);
}

/* `FIELD N`, `FIELD +N`, `FIELD -N` */
static int script_set(struct script_words *w, struct script_action *a, enum script_event event)
{
	const char *word = script_next(w), *value = script_next(w);
	const struct script_field *f;
	uint64_t most;

	if (script_field(w, word, &a->field))
		return -ERR_INVALID;
	f = &script_fields[a->field];
	if (!(f->events & event))
		return script_fail(w, "set %s: no such field goes at %s events", word,
				   script_event_name(event));
	most = (1ull << 8 * f->bytes) - 1;
	a->relative = *value == '+' || *value == '-';
	if (script_number(w, value + a->relative, word, 0, most, &a->number))
		return -ERR_INVALID;
	if (*value == '-')
		a->number = -a->number;
	return script_digest(w, a);
}

/* `header seed N`, `data seed N`, `bit N` */
static int script_flip(struct script_words *w, struct script_action *a)
{
	if (script_lookup(w, script_next(w), "bit to flip", script_flips, &a->field))
		return -ERR_INVALID;
	if (a->field == SCRIPT_FLIP_BIT) {
		if (script_number(w, script_next(w), "bit", 0, 8 * 48 - 1, &a->number))
			return -ERR_INVALID;
	} else if (script_want(w, "seed", "and a number") ||
		   script_number(w, script_next(w), "seed", 0, UINT64_MAX, &a->seed)) {
		return -ERR_INVALID;
	}
	return script_digest(w, a);
}

static int script_residual(struct script_words *w, struct script_action *a)
{
	if (script_lookup(w, script_next(w), "residual", script_residuals, &a->field))
		return -ERR_INVALID;
	if (a->field == SCRIPT_RESIDUAL_NONE)
		return 0;
	return script_number(w, script_next(w), "residual", 0, UINT32_MAX, &a->number);
}

static int script_window(struct script_words *w, struct script_action *a)
{
	if (script_number(w, script_next(w), "window", 0, 1024, &a->number))
		return -ERR_INVALID;
	return script_for(w, a);
}

static int script_refuse_tmf(struct script_words *w, struct script_action *a)
{
	a->act = SCRIPT_DO_REFUSE_TMF;
	script_next(w);
	return script_named(w, a, "response", script_tmf_responses);
}

/* What stands behind the word of an action. */
static int script_arguments(struct script_words *w, struct script_action *a,
			    enum script_event event)
{
	uint32_t value;

	switch (a->act) {
	case SCRIPT_DO_REFUSE_FOR:
	case SCRIPT_DO_REFUSE_WITH:
	case SCRIPT_DO_REFUSE_TMF:
		if (event == SCRIPT_EV_TMF && !strcmp(script_peek(w), "with"))
			return script_refuse_tmf(w, a);
		return script_refuse(w, a);
	case SCRIPT_DO_REDIRECT:
		return script_redirect(w, a);
	case SCRIPT_DO_BLACKHOLE:
	case SCRIPT_DO_STALL:
		return script_for(w, a);
	case SCRIPT_DO_RATE:
		return script_rate(w, a);
	case SCRIPT_DO_SLICE:
		return script_number(w, script_next(w), "slice", 1, 65536, &a->number);
	case SCRIPT_DO_WINDOW:
		return script_window(w, a);
	case SCRIPT_DO_SET:
		return script_set(w, a, event);
	case SCRIPT_DO_FLIP:
		return script_flip(w, a);
	case SCRIPT_DO_RESIDUAL:
		return script_residual(w, a);
	case SCRIPT_DO_LATE:
		return script_span(w, script_next(w), "late", &a->span);
	case SCRIPT_DO_DELAY:
		return script_span(w, script_next(w), "delay", &a->span);
	case SCRIPT_DO_ZOMBIE:
		return script_span(w, script_next(w), "zombie", &a->span);
	case SCRIPT_DO_STATUS:
		return script_named(w, a, "status", script_statuses);
	case SCRIPT_DO_SENSE:
		return script_sense(w, &a->number);
	case SCRIPT_DO_REJECT:
		return script_named(w, a, "reason to reject", script_rejects);
	case SCRIPT_DO_ASYNC:
		return script_async(w, a);
	case SCRIPT_DO_TRUNCATE:
		return script_number(w, script_next(w), "truncate", 1, 48, &a->number);
	case SCRIPT_DO_CORRUPT:
		return script_named(w, a, "thing to corrupt", script_corrupts);
	case SCRIPT_DO_GARBAGE:
		return script_number(w, script_next(w), "garbage", 1, SCRIPT_GARBAGE_MAX, &a->number);
	case SCRIPT_DO_FORGET_CACHE:
	case SCRIPT_DO_FORGET_RESERVATIONS:
	case SCRIPT_DO_FORGET_SESSION:
		if (script_lookup(w, script_next(w), "thing to forget", script_forgets, &value))
			return -ERR_INVALID;
		a->act = (enum script_act)value;
		return 0;
	case SCRIPT_DO_CRASH:
		return script_crash(w, a);
	case SCRIPT_DO_RESIZE:
		return script_resize(w, a);
	case SCRIPT_DO_REMOVE:
	case SCRIPT_DO_ADD:
	case SCRIPT_DO_IDENTITY:
		return script_lun(w, a);
	case SCRIPT_DO_MARK:
		return script_name(w, script_next(w), "mark", a->text);
	case SCRIPT_DO_NONE:
	case SCRIPT_DO_CLOSE:
	case SCRIPT_DO_RESET:
	case SCRIPT_DO_DROP:
	case SCRIPT_DO_WITHHOLD:
	case SCRIPT_DO_EXECUTE:
	case SCRIPT_DO_DUPLICATE:
	case SCRIPT_DO_PRETEND:
	case SCRIPT_DO_PING:
		break;
	}
	return 0;
}

/* Done when the command would be answered. */
static bool script_needs_command(enum script_act act)
{
	return act == SCRIPT_DO_EXECUTE || act == SCRIPT_DO_WITHHOLD || act == SCRIPT_DO_DUPLICATE ||
	       act == SCRIPT_DO_ZOMBIE || act == SCRIPT_DO_PRETEND;
}

static int script_one_action(struct script_words *w, struct script_rule *r)
{
	struct script_action *a = &r->action[r->actions];
	const char *word = script_next(w);
	uint32_t act;

	if (r->actions == SCRIPT_ACTIONS_MAX)
		return script_fail(w, "\"%s\": more than %d actions", word, SCRIPT_ACTIONS_MAX);
	if (script_lookup(w, word, "action", script_acts, &act))
		return -ERR_INVALID;
	a->act = (enum script_act)act;
	if (script_arguments(w, a, r->event))
		return -ERR_INVALID;
	if (!(script_act_events(a->act) & r->event))
		return script_fail(w, "\"%s\": cannot be done on %s events", word,
				   script_event_name(r->event));
	r->at_answer |= r->event == SCRIPT_EV_COMMAND && script_needs_command(a->act);
	r->actions++;
	return 0;
}

/* Actions that need the command, and actions that need it not to run. */
static int script_check_actions(struct script_words *w, const struct script_rule *r)
{
	for (unsigned i = 0; i < r->actions && r->at_answer; i++) {
		if (r->action[i].act == SCRIPT_DO_DROP || r->action[i].act == SCRIPT_DO_REJECT)
			return script_fail(w, "the command is to run, and not to run");
	}
	return 0;
}

int script_do(struct script_words *w, struct script_rule *r)
{
	do {
		if (script_one_action(w, r))
			return -ERR_INVALID;
	} while (script_take(w, ","));
	if (w->at < w->count)
		return script_fail(w, "\"%s\": want a comma, or the end of the rule", script_peek(w));
	return script_check_actions(w, r);
}
