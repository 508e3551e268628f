/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fault rules read. The one hard thing: a rule that is accepted does what it says, so every word is
 * checked against the event it stands with; what cannot happen there is refused here, with a
 * sentence, and not passed over when the time comes.
 */
#include "target/script.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "iscsifs/check.h"
#include "iscsifs/cleanup.h"
#include "iscsifs/num.h"
#include "iscsifs/scsi_cdb.h"
#include "iscsifs/settings.h"

enum {
	SCRIPT_WORDS_MAX = 160,
	SCRIPT_LUN_MAX = 16383,
	SCRIPT_COUNT_MAX = 1000000000,
	SCRIPT_FILE_MAX = 256 * 1024,
};

/* The words of a rule, a comma being one of its own, and how far they are read. */
struct script_words {
	const char *place;
	struct err *e;
	char memory[2 * SCRIPT_LINE_MAX + 2];
	const char *word[SCRIPT_WORDS_MAX];
	unsigned count;
	unsigned at;
};

/* A word of the language and what it stands for. */
struct script_word {
	const char *name;
	uint32_t value;
};

/* --- words --- */

static int script_fail(const struct script_words *w, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static int script_fail(const struct script_words *w, const char *fmt, ...)
{
	char why[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return err_set(w->e, ERR_INVALID, "%s: %s", w->place, why);
}

/* Returns 0 or -ERR_INVALID. */
static int script_split(struct script_words *w, const char *line)
{
	char *to = w->memory;

	if (strlen(line) > SCRIPT_LINE_MAX)
		return script_fail(w, "the rule is longer than %d characters", SCRIPT_LINE_MAX);
	for (const char *p = line;;) {
		while (isspace((unsigned char)*p))
			p++;
		if (!*p || *p == '#')
			return 0;
		if (w->count == SCRIPT_WORDS_MAX)
			return script_fail(w, "more than %d words", SCRIPT_WORDS_MAX);
		w->word[w->count++] = to;
		if (*p == ',') {
			*to++ = *p++;
		} else {
			while (*p && *p != ',' && !isspace((unsigned char)*p)) {
				if (!isprint((unsigned char)*p))
					return script_fail(w, "byte 0x%02x: want printable characters",
							   (unsigned char)*p);
				*to++ = *p++;
			}
		}
		*to++ = 0;
	}
}

static const char *script_peek(const struct script_words *w)
{
	return w->at < w->count ? w->word[w->at] : "";
}

static const char *script_next(struct script_words *w)
{
	const char *word = script_peek(w);

	w->at += w->at < w->count;
	return word;
}

static bool script_take(struct script_words *w, const char *word)
{
	bool is = !strcmp(script_peek(w), word);

	w->at += is;
	return is;
}

static int script_want(struct script_words *w, const char *word, const char *where)
{
	if (script_take(w, word))
		return 0;
	return script_fail(w, "\"%s\": want \"%s\" %s", script_peek(w), word, where);
}

/* All names of @table, and the one that was probably meant, into one sentence. */
static int script_fail_word(const struct script_words *w, const char *word, const char *what,
			    const struct script_word *table)
{
	const char *names[64], *near;
	char list[240] = "";
	size_t len = 0;
	unsigned n = 0;

	for (; table[n].name; n++) {
		names[n] = table[n].name;
		if (len < sizeof(list))
			len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", n ? ", " : "",
						table[n].name);
	}
	names[n] = NULL;
	near = *word ? settings_nearest(word, names) : NULL;
	if (near)
		return script_fail(w, "\"%s\": no such %s; did you mean \"%s\"?", word, what, near);
	return script_fail(w, "\"%s\": want %s: %s", word, what, list);
}

/* @word in @table to *@out; 0 when it is not there. */
static int script_lookup(const struct script_words *w, const char *word, const char *what,
			 const struct script_word *table, uint32_t *out)
{
	*out = 0;
	for (const struct script_word *row = table; row->name; row++) {
		if (!strcmp(row->name, word)) {
			*out = row->value;
			return 0;
		}
	}
	return script_fail_word(w, word, what, table);
}

static int script_number(const struct script_words *w, const char *word, const char *what,
			 uint64_t min, uint64_t max, uint64_t *out)
{
	if (!num_parse_u64(word, min, max, out))
		return 0;
	return script_fail(w, "%s \"%s\": want a number from %llu to %llu", what, word,
			   (unsigned long long)min, (unsigned long long)max);
}

static int script_span(const struct script_words *w, const char *word, const char *what,
		       span_ms *out)
{
	if (!num_parse_span(word, out) && *out >= 0 && *out <= 24 * 3600 * 1000)
		return 0;
	return script_fail(w, "%s \"%s\": want a time such as 500ms or 5s, a day at most", what, word);
}

bool script_name_ok(const char *name)
{
	size_t len = strlen(name);

	for (const char *p = name; *p; p++) {
		if (!isalnum((unsigned char)*p) && !strchr("-_.", *p))
			return false;
	}
	return len && len <= SCRIPT_NAME_MAX;
}

static int script_name(const struct script_words *w, const char *word, const char *what,
		       char out[SCRIPT_NAME_MAX + 1])
{
	if (!script_name_ok(word))
		return script_fail(w, "%s \"%s\": want 1 to %d letters, digits, - _ .", what, word,
				   SCRIPT_NAME_MAX);
	memcpy(out, word, strlen(word) + 1);
	return 0;
}

/* --- events and what they match --- */

static const struct script_word script_events[] = {
	{ "connect", SCRIPT_EV_CONNECT },
	{ "login", SCRIPT_EV_LOGIN },
	{ "nop", SCRIPT_EV_NOP },
	{ "command", SCRIPT_EV_COMMAND },
	{ "read", SCRIPT_EV_COMMAND },
	{ "write", SCRIPT_EV_COMMAND },
	{ "flush", SCRIPT_EV_COMMAND },
	{ "unmap", SCRIPT_EV_COMMAND },
	{ "data-out", SCRIPT_EV_DATA_OUT },
	{ "data-in", SCRIPT_EV_DATA_IN },
	{ "tmf", SCRIPT_EV_TMF },
	{ "logout", SCRIPT_EV_LOGOUT },
	{ "text", SCRIPT_EV_TEXT },
	{ "mark", SCRIPT_EV_MARK },
	{ "time", SCRIPT_EV_TIME },
	{ NULL, 0 },
};

const char *script_event_name(enum script_event ev)
{
	for (const struct script_word *row = script_events; row->name; row++) {
		if (row->value == (uint32_t)ev)
			return row->name;
	}
	return NULL;
}

/* Kinds of commands; a kind with several opcodes has several rows. */
static const struct script_word script_ops[] = {
	{ "read", SCSI_READ_6 },
	{ "read", SCSI_READ_10 },
	{ "read", SCSI_READ_12 },
	{ "read", SCSI_READ_16 },
	{ "write", SCSI_WRITE_6 },
	{ "write", SCSI_WRITE_10 },
	{ "write", SCSI_WRITE_12 },
	{ "write", SCSI_WRITE_16 },
	{ "write", SCSI_WRITE_VERIFY_10 },
	{ "write", SCSI_WRITE_VERIFY_12 },
	{ "write", SCSI_WRITE_VERIFY_16 },
	{ "flush", SCSI_SYNCHRONIZE_CACHE_10 },
	{ "flush", SCSI_SYNCHRONIZE_CACHE_16 },
	{ "unmap", SCSI_UNMAP },
	{ "write-same", SCSI_WRITE_SAME_10 },
	{ "write-same", SCSI_WRITE_SAME_16 },
	{ "compare-and-write", SCSI_COMPARE_AND_WRITE },
	{ "verify", SCSI_VERIFY_10 },
	{ "verify", SCSI_VERIFY_12 },
	{ "verify", SCSI_VERIFY_16 },
	{ "test-unit-ready", SCSI_TEST_UNIT_READY },
	{ "inquiry", SCSI_INQUIRY },
	{ "mode-sense", SCSI_MODE_SENSE_6 },
	{ "mode-sense", SCSI_MODE_SENSE_10 },
	{ "mode-select", SCSI_MODE_SELECT_6 },
	{ "mode-select", SCSI_MODE_SELECT_10 },
	{ "report-luns", SCSI_REPORT_LUNS },
	{ "read-capacity", SCSI_READ_CAPACITY_10 },
	{ "service-action-in", SCSI_SERVICE_ACTION_IN_16 },
	{ "reserve", SCSI_RESERVE_6 },
	{ "release", SCSI_RELEASE_6 },
	{ "start-stop", SCSI_START_STOP_UNIT },
	{ NULL, 0 },
};

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

static const struct script_word script_stages[] = {
	{ "security", SCRIPT_STAGE_SECURITY },
	{ "operational", SCRIPT_STAGE_OPERATIONAL },
	{ "full", SCRIPT_STAGE_FULL },
	{ NULL, 0 },
};

/* RFC 7143 11.5.1 */
static const struct script_word script_functions[] = {
	{ "abort-task", 1 },
	{ "abort-task-set", 2 },
	{ "clear-task-set", 4 },
	{ "lun-reset", 5 },
	{ "target-warm-reset", 6 },
	{ "target-cold-reset", 7 },
	{ NULL, 0 },
};

enum {
	SCRIPT_IN_SESSION = SCRIPT_EV_NOP | SCRIPT_EV_COMMAND | SCRIPT_EV_DATA_OUT |
			    SCRIPT_EV_DATA_IN | SCRIPT_EV_TMF | SCRIPT_EV_LOGOUT | SCRIPT_EV_TEXT,
	SCRIPT_WITH_DATA = SCRIPT_EV_COMMAND | SCRIPT_EV_DATA_OUT | SCRIPT_EV_DATA_IN,
	SCRIPT_NOBODY = SCRIPT_EV_MARK | SCRIPT_EV_TIME,	/* no connection: all of them */
	SCRIPT_ANYWHERE = SCRIPT_IN_SESSION | SCRIPT_NOBODY | SCRIPT_EV_CONNECT | SCRIPT_EV_LOGIN,
};

enum script_key {
	SCRIPT_KEY_OP, SCRIPT_KEY_LUN, SCRIPT_KEY_LBA, SCRIPT_KEY_STAGE, SCRIPT_KEY_FUNCTION,
	SCRIPT_KEY_INITIATOR, SCRIPT_KEY_TARGET,
};

static const struct script_word script_keys[] = {
	{ "op", SCRIPT_KEY_OP },
	{ "lun", SCRIPT_KEY_LUN },
	{ "lba", SCRIPT_KEY_LBA },
	{ "stage", SCRIPT_KEY_STAGE },
	{ "function", SCRIPT_KEY_FUNCTION },
	{ "initiator", SCRIPT_KEY_INITIATOR },
	{ "target", SCRIPT_KEY_TARGET },
	{ NULL, 0 },
};

/* With which events a key makes sense. */
static const unsigned script_key_events[] = {
	[SCRIPT_KEY_OP] = SCRIPT_WITH_DATA,
	[SCRIPT_KEY_LUN] = SCRIPT_WITH_DATA | SCRIPT_EV_TMF,
	[SCRIPT_KEY_LBA] = SCRIPT_WITH_DATA,
	[SCRIPT_KEY_STAGE] = SCRIPT_EV_LOGIN,
	[SCRIPT_KEY_FUNCTION] = SCRIPT_EV_TMF,
	[SCRIPT_KEY_INITIATOR] = SCRIPT_IN_SESSION,
	[SCRIPT_KEY_TARGET] = SCRIPT_IN_SESSION,
};

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

/* --- limits --- */

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

enum script_limit {
	SCRIPT_LIMIT_NTH, SCRIPT_LIMIT_EVERY, SCRIPT_LIMIT_COUNT, SCRIPT_LIMIT_PER,
	SCRIPT_LIMIT_FOR, SCRIPT_LIMIT_CHANCE, SCRIPT_LIMIT_END,
};

static const struct script_word script_limit_words[] = {
	{ "nth", SCRIPT_LIMIT_NTH },
	{ "every", SCRIPT_LIMIT_EVERY },
	{ "count", SCRIPT_LIMIT_COUNT },
	{ "per", SCRIPT_LIMIT_PER },
	{ "for", SCRIPT_LIMIT_FOR },
	{ "chance", SCRIPT_LIMIT_CHANCE },
	{ "do", SCRIPT_LIMIT_END },
	{ NULL, 0 },
};

static const struct script_word script_pers[] = {
	{ "session", SCRIPT_PER_SESSION },
	{ "lba", SCRIPT_PER_LBA },
	{ NULL, 0 },
};

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

/* --- actions --- */

static const struct script_word script_statuses[] = {
	{ "BUSY", SCSI_BUSY },
	{ "TASK-SET-FULL", SCSI_TASK_SET_FULL },
	{ "RESERVATION-CONFLICT", SCSI_RESERVATION_CONFLICT },
	{ "CONDITION-MET", SCSI_CONDITION_MET },
	{ "ACA-ACTIVE", SCSI_ACA_ACTIVE },
	{ "TASK-ABORTED", SCSI_TASK_ABORTED },
	{ NULL, 0 },
};

/* RFC 7143 11.17.1 */
static const struct script_word script_rejects[] = {
	{ "data-digest", 0x02 },
	{ "snack", 0x03 },
	{ "protocol-error", 0x04 },
	{ "unsupported", 0x05 },
	{ "immediate", 0x06 },
	{ "task-in-progress", 0x07 },
	{ "invalid-field", 0x09 },
	{ "resources", 0x0a },
	{ NULL, 0 },
};

/* RFC 7143 11.13.5 */
static const struct script_word script_login_statuses[] = {
	{ "initiator-error", 0x0200 },
	{ "auth-failed", 0x0201 },
	{ "forbidden", 0x0202 },
	{ "not-found", 0x0203 },
	{ "removed", 0x0204 },
	{ "target-error", 0x0300 },
	{ "unavailable", 0x0301 },
	{ "no-resources", 0x0302 },
	{ NULL, 0 },
};

/* RFC 7143 11.9.1 */
static const struct script_word script_asyncs[] = {
	{ "logout", 1 },
	{ "drop-connection", 2 },
	{ "drop-session", 3 },
	{ NULL, 0 },
};

static const struct script_word script_corrupts[] = {
	{ "header-digest", SCRIPT_CORRUPT_HEADER_DIGEST },
	{ "data-digest", SCRIPT_CORRUPT_DATA_DIGEST },
	{ "opcode", SCRIPT_CORRUPT_OPCODE },
	{ NULL, 0 },
};

static const struct script_word script_forgets[] = {
	{ "cache", SCRIPT_DO_FORGET_CACHE },
	{ "reservations", SCRIPT_DO_FORGET_RESERVATIONS },
	{ NULL, 0 },
};

static const struct script_word script_loses[] = {
	{ "keep-cache", SCRIPT_KEEP_CACHE },
	{ "lose-cache", SCRIPT_LOSE_CACHE },
	{ "lose-part", SCRIPT_LOSE_PART },
	{ NULL, 0 },
};

static const struct script_word script_acts[] = {
	{ "close", SCRIPT_DO_CLOSE },
	{ "reset", SCRIPT_DO_RESET },
	{ "refuse", SCRIPT_DO_REFUSE_FOR },
	{ "redirect", SCRIPT_DO_REDIRECT },
	{ "blackhole", SCRIPT_DO_BLACKHOLE },
	{ "delay", SCRIPT_DO_DELAY },
	{ "drop", SCRIPT_DO_DROP },
	{ "withhold", SCRIPT_DO_WITHHOLD },
	{ "execute", SCRIPT_DO_EXECUTE },
	{ "duplicate", SCRIPT_DO_DUPLICATE },
	{ "zombie", SCRIPT_DO_ZOMBIE },
	{ "status", SCRIPT_DO_STATUS },
	{ "sense", SCRIPT_DO_SENSE },
	{ "reject", SCRIPT_DO_REJECT },
	{ "async", SCRIPT_DO_ASYNC },
	{ "truncate", SCRIPT_DO_TRUNCATE },
	{ "corrupt", SCRIPT_DO_CORRUPT },
	{ "garbage", SCRIPT_DO_GARBAGE },
	{ "forget", SCRIPT_DO_FORGET_CACHE },
	{ "crash", SCRIPT_DO_CRASH },
	{ "resize", SCRIPT_DO_RESIZE },
	{ "remove", SCRIPT_DO_REMOVE },
	{ "add", SCRIPT_DO_ADD },
	{ "identity", SCRIPT_DO_IDENTITY },
	{ "mark", SCRIPT_DO_MARK },
	{ NULL, 0 },
};

/* At which events an action can be done. */
static unsigned script_act_events(enum script_act act)
{
	const unsigned requests = SCRIPT_IN_SESSION & ~(unsigned)SCRIPT_EV_DATA_IN;

	switch (act) {
	case SCRIPT_DO_REFUSE_WITH:
	case SCRIPT_DO_REDIRECT:
		return SCRIPT_EV_LOGIN;
	case SCRIPT_DO_DELAY:
		return requests | SCRIPT_EV_LOGIN;
	case SCRIPT_DO_DROP:
		return requests | SCRIPT_EV_LOGIN;
	case SCRIPT_DO_WITHHOLD:
	case SCRIPT_DO_EXECUTE:
	case SCRIPT_DO_DUPLICATE:
	case SCRIPT_DO_ZOMBIE:
	case SCRIPT_DO_STATUS:
	case SCRIPT_DO_SENSE:
		return SCRIPT_EV_COMMAND;
	case SCRIPT_DO_REJECT:
		return requests & ~(unsigned)SCRIPT_EV_DATA_OUT;
	case SCRIPT_DO_ASYNC:
		return SCRIPT_IN_SESSION | SCRIPT_NOBODY;
	case SCRIPT_DO_TRUNCATE:
	case SCRIPT_DO_CORRUPT:
		return SCRIPT_IN_SESSION | SCRIPT_EV_LOGIN;
	case SCRIPT_DO_NONE:
		return 0;
	case SCRIPT_DO_CLOSE:
	case SCRIPT_DO_RESET:
	case SCRIPT_DO_REFUSE_FOR:
	case SCRIPT_DO_BLACKHOLE:
	case SCRIPT_DO_GARBAGE:
	case SCRIPT_DO_FORGET_CACHE:
	case SCRIPT_DO_FORGET_RESERVATIONS:
	case SCRIPT_DO_CRASH:
	case SCRIPT_DO_RESIZE:
	case SCRIPT_DO_REMOVE:
	case SCRIPT_DO_ADD:
	case SCRIPT_DO_IDENTITY:
	case SCRIPT_DO_MARK:
		return SCRIPT_ANYWHERE;
	}
	return 0;
}

/* `with STATUS`, a name or class and detail in hexadecimal; or `for TIME`. */
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
static int script_sense(struct script_words *w, struct script_action *a)
{
	const char *word = script_next(w);
	unsigned key, asc, ascq;
	char after;

	if (sscanf(word, "%2x/%2x/%2x%c", &key, &asc, &ascq, &after) != 3 || key > 0xf)
		return script_fail(w, "sense \"%s\": want KEY/ASC/ASCQ in hexadecimal, such as 6/29/00",
				   word);
	a->number = key << 16 | asc << 8 | ascq;
	return 0;
}

static int script_named(struct script_words *w, struct script_action *a, const char *what,
			const struct script_word *table)
{
	uint32_t value;

	if (script_lookup(w, script_next(w), what, table, &value))
		return -ERR_INVALID;
	a->number = value;
	return 0;
}

static int script_async(struct script_words *w, struct script_action *a)
{
	if (script_named(w, a, "async event", script_asyncs))
		return -ERR_INVALID;
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

/* What stands behind the word of an action. */
static int script_arguments(struct script_words *w, struct script_action *a)
{
	uint32_t value;

	switch (a->act) {
	case SCRIPT_DO_REFUSE_FOR:
	case SCRIPT_DO_REFUSE_WITH:
		return script_refuse(w, a);
	case SCRIPT_DO_REDIRECT:
		return script_redirect(w, a);
	case SCRIPT_DO_BLACKHOLE:
		return script_take(w, "for") ? script_span(w, script_next(w), "for", &a->span) : 0;
	case SCRIPT_DO_DELAY:
		return script_span(w, script_next(w), "delay", &a->span);
	case SCRIPT_DO_ZOMBIE:
		return script_span(w, script_next(w), "zombie", &a->span);
	case SCRIPT_DO_STATUS:
		return script_named(w, a, "status", script_statuses);
	case SCRIPT_DO_SENSE:
		return script_sense(w, a);
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
		break;
	}
	return 0;
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
	if (script_arguments(w, a))
		return -ERR_INVALID;
	if (!(script_act_events(a->act) & r->event))
		return script_fail(w, "\"%s\": cannot be done on %s events", word,
				   script_event_name(r->event));
	r->at_answer |= a->act == SCRIPT_DO_EXECUTE || a->act == SCRIPT_DO_WITHHOLD ||
			a->act == SCRIPT_DO_DUPLICATE || a->act == SCRIPT_DO_ZOMBIE;
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

static int script_actions(struct script_words *w, struct script_rule *r)
{
	do {
		if (script_one_action(w, r))
			return -ERR_INVALID;
	} while (script_take(w, ","));
	if (w->at < w->count)
		return script_fail(w, "\"%s\": want a comma, or the end of the rule", script_peek(w));
	return script_check_actions(w, r);
}

/* --- rules --- */

static void script_join(const struct script_words *w, char *out)
{
	size_t at = 0;

	for (unsigned i = 0; i < w->count; i++) {
		if (i && strcmp(w->word[i], ",") && at < SCRIPT_LINE_MAX)
			out[at++] = ' ';
		for (const char *p = w->word[i]; *p && at < SCRIPT_LINE_MAX; p++)
			out[at++] = *p;
	}
	out[at] = 0;
}

int script_parse(struct script_rule *out, const char *line, const char *place, struct err *e)
{
	struct script_words w = { .place = place, .e = e };
	struct script_rule r = { .name = "" };

	if (script_split(&w, line))
		return -ERR_INVALID;
	if (!w.count)
		return 1;
	if (script_want(&w, "rule", "and its name first") ||
	    script_name(&w, script_next(&w), "rule", r.name) ||
	    script_want(&w, "on", "and an event after the name") || script_event(&w, &r))
		return -ERR_INVALID;
	if (script_take(&w, "where")) {
		do {
			if (script_one_match(&w, &r))
				return -ERR_INVALID;
		} while (script_take(&w, ","));
	}
	if (script_limits(&w, &r) || script_actions(&w, &r))
		return -ERR_INVALID;
	script_join(&w, r.text);
	*out = r;
	return 0;
}

/* Every line of @text, which is cut up, to @got, or only looked at when that is NULL. */
static int script_pass(const char *text, size_t len, const char *name,
		       int (*got)(void *arg, const struct script_rule *r, struct err *e), void *arg,
		       struct err *e)
{
	int rc = 0;

	for (unsigned n = 1; rc >= 0 && len; n++) {
		const char *end = memchr(text, '\n', len);
		size_t line = end ? (size_t)(end - text) : len;
		char copy[SCRIPT_LINE_MAX + 2], place[160];
		struct script_rule r;

		snprintf(place, sizeof(place), "%s:%u", name, n);
		if (line > SCRIPT_LINE_MAX)
			return err_set(e, ERR_INVALID, "%s: want %d characters in a line at most", place,
				       SCRIPT_LINE_MAX);
		if (memchr(text, 0, line))
			return err_set(e, ERR_INVALID, "%s: want text, this has a zero byte", place);
		memcpy(copy, text, line);
		copy[line] = 0;
		rc = script_parse(&r, copy, place, e);
		if (!rc && got)
			rc = got(arg, &r, e);
		line += end != NULL;
		text += line;
		len -= line;
	}
	return MIN(rc, 0);
}

int script_read(FILE *f, const char *name,
		int (*got)(void *arg, const struct script_rule *r, struct err *e), void *arg,
		struct err *e)
{
	cleanup_free char *text = malloc(SCRIPT_FILE_MAX + 1);
	size_t len = text ? fread(text, 1, SCRIPT_FILE_MAX + 1, f) : 0;
	int rc;

	if (!text)
		return err_set(e, ERR_NOMEM, "%s: out of memory", name);
	if (ferror(f))
		return err_set(e, ERR_ACCESS, "%s: cannot be read", name);
	if (len > SCRIPT_FILE_MAX)
		return err_set(e, ERR_INVALID, "%s: want %d bytes at most", name, SCRIPT_FILE_MAX);
	rc = script_pass(text, len, name, NULL, NULL, e);
	return rc ? rc : script_pass(text, len, name, got, arg, e);
}
