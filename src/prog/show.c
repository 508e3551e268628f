/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records as text, key=value and JSON. The one hard thing: what a target calls itself reaches
 * people's terminals and scripts' parsers, so nothing is printed as it came.
 */
#include "prog/show.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "iscsifs/check.h"
#include "iscsifs/num.h"

/* Keys whose values are numbers in JSON; further ones by their unit. */
static const char *const number_keys[] = {
	"sid", "pid", "tpgt", "tsih", "attempts", "waiting", "inflight", "logins", "losses", "reads",
	"writes", "flushes", "errors", "retries", "replayed", "interrupted", "lun", "dials",
	"outages", "power_losses", "aborts", "lun_resets", "target_resets", "ladder_cuts",
	"aborted", "poisoned", "cid", "tid", "luns", "sessions", "seq", "ms", "count", "requests",
	"FirstBurstLength", "MaxBurstLength", "MaxRecvDataSegmentLength",
	"MaxXmitDataSegmentLength", "MaxOutstandingR2T",
};

/* --- lists --- */

int show_list_add(struct show_list *l, const struct control_record *r)
{
	struct control_record copy = { 0 };
	struct control_record *more = realloc(l->records, (l->count + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	l->records = more;
	for (size_t i = 0; i < r->count; i++) {
		if (control_record_add(&copy, r->pairs[i].key, r->pairs[i].value)) {
			control_record_fini(&copy);
			return -ENOMEM;
		}
	}
	l->records[l->count++] = copy;
	return 0;
}

void show_list_fini(struct show_list *l)
{
	for (size_t i = 0; i < l->count; i++)
		control_record_fini(&l->records[i]);
	free(l->records);
	*l = (struct show_list){ 0 };
}

/* --- values --- */

/* The value of @key, or "" */
static const char *get(const struct control_record *r, const char *key)
{
	const char *v = control_record_get(r, key);

	return v ? v : "";
}

static int64_t get_number(const struct control_record *r, const char *key, int64_t otherwise)
{
	const char *v = control_record_get(r, key);
	int64_t n;

	return v && !num_parse_i64(v, INT64_MIN + 1, INT64_MAX, &n) ? n : otherwise;
}

static bool is_yes(const struct control_record *r, const char *key)
{
	return !strcasecmp(get(r, key), "yes");
}

void show_put_text(FILE *f, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		fputc(c < 0x20 || c == 0x7f ? '?' : c, f);
	}
}

static void put_field(FILE *f, const char *before, const char *text)
{
	fputs(before, f);
	show_put_text(f, text);
	fputc('\n', f);
}

/* "250 ms", "12 s", "3 min 5 s", "2 h 4 min". Returns @buf. */
static const char *print_span(int64_t ms, char *buf, size_t len)
{
	int64_t s = ms / 1000;

	if (ms < 1000)
		snprintf(buf, len, "%" PRId64 " ms", ms);
	else if (s < 120)
		snprintf(buf, len, "%" PRId64 " s", s);
	else if (s < 7200)
		snprintf(buf, len, "%" PRId64 " min %" PRId64 " s", s / 60, s % 60);
	else
		snprintf(buf, len, "%" PRId64 " h %" PRId64 " min", s / 3600, s / 60 % 60);
	return buf;
}

/* "1.5 GiB" of the bytes in @key. Returns @buf. */
static const char *print_bytes(const struct control_record *r, const char *key, char *buf,
			       size_t len)
{
	return num_print_size((uint64_t)MAX(get_number(r, key, 0), 0), buf, len);
}

/* --- states, in iscsiadm's words --- */

struct state_words {
	const char *ours;
	const char *connection;		/* iSCSI Connection State */
	const char *internal;		/* Internal iscsid Session State */
};

static const struct state_words link_words[] = {
	{ "IDLE", "FREE", "NO CHANGE" },
	{ "DIAL", "IN LOGIN", "REOPEN" },
	{ "PROBE", "LOGGED IN", "REOPEN" },
	{ "UP", "LOGGED IN", "NO CHANGE" },
	{ "WAIT", "TRANSPORT WAIT", "REOPEN" },
	{ "CLOSE", "IN LOGOUT", "CLEANUP" },
	{ "REFUSED", "FREE", "CLEANUP" },
};

static const struct state_words *link_state_words(const char *link)
{
	static const struct state_words unknown = { "", "unknown", "unknown" };

	for (size_t i = 0; i < ARRAY_SIZE(link_words); i++) {
		if (!strcmp(link_words[i].ours, link))
			return &link_words[i];
	}
	return &unknown;
}

static const char *session_state(const char *gate)
{
	if (!strcmp(gate, "OPEN") || !strcmp(gate, "TRIAL"))
		return "LOGGED_IN";
	return !strcmp(gate, "SHUT") ? "FREE" : "FAILED";
}

/* --- sessions --- */

/* ", down for 25 s, 95 s left, 12 requests wait": what matters during an outage. */
static void put_outage(FILE *f, const struct control_record *r)
{
	int64_t outage = get_number(r, "outage_ms", 0), left = get_number(r, "left_ms", -1);
	int64_t waiting = get_number(r, "waiting", 0);
	char text[48];

	if (outage > 0)
		fprintf(f, ", outage for %s", print_span(outage, text, sizeof(text)));
	if (left > 0)
		fprintf(f, ", requests fail in %s", print_span(left, text, sizeof(text)));
	if (waiting > 0)
		fprintf(f, ", %" PRId64 " request%s wait%s", waiting, waiting == 1 ? "" : "s",
			waiting == 1 ? "s" : "");
}

static void put_portal(FILE *f, const struct control_record *r, const char *key)
{
	show_put_text(f, get(r, key));
	fputc(',', f);
	show_put_text(f, *get(r, "tpgt") ? get(r, "tpgt") : "-1");
}

/* The line that scripts know from iscsiadm -m session; in its brackets what is ours. */
static void put_session_line(FILE *f, const struct control_record *r)
{
	fprintf(f, "tcp: [%s] ", get(r, "sid"));
	put_portal(f, r, "portal");
	fputc(' ', f);
	show_put_text(f, get(r, "target"));
	fprintf(f, " (link %s, gate %s", get(r, "link"), get(r, "gate"));
	put_outage(f, r);
	fputs(")\n", f);
}

static void put_banner(FILE *f, const char *title)
{
	int len = (int)strlen(title);

	fprintf(f, "\t\t%.*s\n\t\t%s\n\t\t%.*s\n", len, "**************************", title, len,
		"**************************");
}

static void put_interface(FILE *f, const struct control_record *r)
{
	put_banner(f, "Interface:");
	fputs("\t\tIface Name: default\n\t\tIface Transport: tcp\n", f);
	put_field(f, "\t\tIface Initiatorname: ", get(r, "initiator"));
	put_field(f, "\t\tSID: ", get(r, "sid"));
}

/* What is being done about a late command. */
static void put_ladder(FILE *f, const struct control_record *r)
{
	if (*get(r, "ladder") && strcmp(get(r, "ladder"), "IDLE"))
		fprintf(f, "\t\tLadder: %s\n", get(r, "ladder"));
}

static void put_states(FILE *f, const struct control_record *r)
{
	const struct state_words *words = link_state_words(get(r, "link"));
	char text[48];

	fprintf(f, "\t\tiSCSI Connection State: %s\n", words->connection);
	fprintf(f, "\t\tiSCSI Session State: %s\n", session_state(get(r, "gate")));
	fprintf(f, "\t\tInternal iscsid Session State: %s\n", words->internal);
	fprintf(f, "\t\tLink: %s for %s\n", get(r, "link"),
		print_span(get_number(r, "link_for_ms", 0), text, sizeof(text)));
	fprintf(f, "\t\tGate: %s", get(r, "gate"));
	put_outage(f, r);
	fputc('\n', f);
	put_ladder(f, r);
	if (*get(r, "last_error"))
		put_field(f, "\t\tLast Error: ", get(r, "last_error"));
	if (*get(r, "why"))
		put_field(f, "\t\tWhy: ", get(r, "why"));
	fprintf(f, "\t\tLogins: %s, Losses: %s, Failed Attempts: %s\n", get(r, "logins"),
		get(r, "losses"), get(r, "attempts"));
	put_field(f, "\t\tMountpoint: ", get(r, "mountpoint"));
	put_field(f, "\t\tDaemon: pid ", get(r, "pid"));
}

static bool same_session(const struct control_record *a, const struct control_record *b)
{
	return !strcmp(get(a, "sid"), get(b, "sid")) && !strcmp(get(a, "socket"), get(b, "socket"));
}

/* A setting of session @r, or NULL. @settings has a record for each session, a key for each name. */
static const char *session_setting(const struct show_list *settings,
				   const struct control_record *r, const char *name)
{
	for (size_t i = 0; i < settings->count; i++) {
		if (same_session(&settings->records[i], r))
			return control_record_get(&settings->records[i], name);
	}
	return NULL;
}

/* A list of names in iscsiadm's words and ours. */
struct named {
	const char *words;
	const char *key;
};

static void put_settings(FILE *f, const struct show_list *settings,
			 const struct control_record *r, const struct named *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *value = session_setting(settings, r, names[i].key);

		if (!value)
			continue;
		fprintf(f, "\t\t%s: ", names[i].words);
		put_field(f, "", *value ? value : "<empty>");
	}
}

static void put_level_2(FILE *f, const struct show_list *settings, const struct control_record *r)
{
	static const struct named timeouts[] = {
		{ "Recovery Timeout", "node.session.timeo.replacement_timeout" },
		{ "Target Reset Timeout", "node.session.err_timeo.tgt_reset_timeout" },
		{ "LUN Reset Timeout", "node.session.err_timeo.lu_reset_timeout" },
		{ "Abort Timeout", "node.session.err_timeo.abort_timeout" },
		{ "Ping Interval", "node.conn[0].timeo.noop_out_interval" },
		{ "Ping Timeout", "node.conn[0].timeo.noop_out_timeout" },
		{ "Login Timeout", "node.conn[0].timeo.login_timeout" },
	};
	static const struct named chap[] = {
		{ "username", "node.session.auth.username" },
		{ "password", "node.session.auth.password" },
		{ "username_in", "node.session.auth.username_in" },
		{ "password_in", "node.session.auth.password_in" },
	};
	static const char *const negotiated[] = {
		"HeaderDigest", "DataDigest", "MaxRecvDataSegmentLength",
		"MaxXmitDataSegmentLength", "FirstBurstLength", "MaxBurstLength", "ImmediateData",
		"InitialR2T", "MaxOutstandingR2T",
	};

	put_banner(f, "Timeouts:");
	put_settings(f, settings, r, timeouts, ARRAY_SIZE(timeouts));
	put_banner(f, "CHAP:");
	put_settings(f, settings, r, chap, ARRAY_SIZE(chap));
	put_banner(f, "Negotiated iSCSI params:");
	for (size_t i = 0; i < ARRAY_SIZE(negotiated); i++) {
		const char *value = control_record_get(r, negotiated[i]);

		if (value)
			fprintf(f, "\t\t%s: %s\n", negotiated[i], value);
	}
}

static void put_lun(FILE *f, const struct control_record *lun)
{
	char size[32];

	fprintf(f, "\t\tLun: %s\n", get(lun, "lun"));
	fprintf(f, "\t\t\tState: %s, gate %s", get(lun, "state"), get(lun, "gate"));
	put_outage(f, lun);
	fputc('\n', f);
	if (*get(lun, "why"))
		put_field(f, "\t\t\tWhy: ", get(lun, "why"));
	fprintf(f, "\t\t\tSize: %s, blocks of %s bytes%s%s\n",
		print_bytes(lun, "size_bytes", size, sizeof(size)), get(lun, "block_bytes"),
		is_yes(lun, "write_protected") ? ", write protected" : "",
		is_yes(lun, "thin") ? ", thin" : "");
	fputs("\t\t\tDevice: ", f);
	show_put_text(f, get(lun, "vendor"));
	fputc(' ', f);
	show_put_text(f, get(lun, "product"));
	put_field(f, ", serial ", get(lun, "serial"));
	put_field(f, "\t\t\tWWID: ", get(lun, "wwid"));
	fprintf(f, "\t\t\tRequests: %s waiting, %s on the wire\n", get(lun, "waiting"),
		get(lun, "inflight"));
}

static void put_session_luns(FILE *f, const struct show_list *luns, const struct control_record *r)
{
	put_banner(f, "Attached SCSI devices:");
	for (size_t i = 0; i < luns->count; i++) {
		if (same_session(&luns->records[i], r))
			put_lun(f, &luns->records[i]);
	}
}

static void put_session_tree(FILE *f, const struct show_sessions *s,
			     const struct control_record *r, int level)
{
	put_field(f, "Target: ", get(r, "target"));
	fputs("\tCurrent Portal: ", f);
	put_portal(f, r, "portal");
	fputs("\n\tPersistent Portal: ", f);
	put_portal(f, r, *get(r, "persistent_portal") ? "persistent_portal" : "portal");
	fputc('\n', f);
	put_interface(f, r);
	put_states(f, r);
	if (level >= 2)
		put_level_2(f, &s->settings, r);
	if (level >= 3)
		put_session_luns(f, &s->luns, r);
}

void show_sessions(FILE *f, const struct show_sessions *s, int level)
{
	for (size_t i = 0; i < s->sessions.count; i++) {
		const struct control_record *r = &s->sessions.records[i];

		if (level <= 0)
			put_session_line(f, r);
		else
			put_session_tree(f, s, r, level);
	}
}

void show_stats(FILE *f, const struct show_list *sessions)
{
	for (size_t i = 0; i < sessions->count; i++) {
		const struct control_record *r = &sessions->records[i];
		char text[32];

		fprintf(f, "Stats for session [sid: %s, target: ", get(r, "sid"));
		show_put_text(f, get(r, "target"));
		fputs(", portal: ", f);
		show_put_text(f, get(r, "portal"));
		fprintf(f, "]\n\treads: %s (%s)\n", get(r, "reads"),
			print_bytes(r, "read_bytes", text, sizeof(text)));
		fprintf(f, "\twrites: %s (%s)\n", get(r, "writes"),
			print_bytes(r, "write_bytes", text, sizeof(text)));
		fprintf(f, "\tflushes: %s\n\terrors: %s\n\tretries: %s\n\treplayed: %s\n",
			get(r, "flushes"), get(r, "errors"), get(r, "retries"),
			get(r, "replayed"));
		fprintf(f, "\taborts: %s\n\tlun resets: %s\n\ttarget resets: %s\n",
			get(r, "aborts"), get(r, "lun_resets"), get(r, "target_resets"));
		fprintf(f, "\tpoisoned: %s\n", get(r, "poisoned"));
		fprintf(f, "\tlogins: %s\n\tlosses: %s\n\tin flight: %s\n\twaiting: %s\n",
			get(r, "logins"), get(r, "losses"), get(r, "inflight"),
			get(r, "waiting"));
	}
}

void show_luns(FILE *f, const struct show_list *luns)
{
	for (size_t i = 0; i < luns->count; i++) {
		const struct control_record *r = &luns->records[i];
		char size[32];

		fprintf(f, "[%s] lun %s %s ", get(r, "sid"), get(r, "lun"), get(r, "state"));
		fputs(print_bytes(r, "size_bytes", size, sizeof(size)), f);
		fputc(' ', f);
		show_put_text(f, get(r, "target"));
		put_field(f, " ", get(r, "wwid"));
	}
}

void show_settings(FILE *f, const struct show_list *settings)
{
	for (size_t i = 0; i < settings->count; i++) {
		const struct control_record *r = &settings->records[i];

		fprintf(f, "%s# [%s] ", i ? "\n" : "", get(r, "sid"));
		put_field(f, "", get(r, "target"));
		for (size_t j = 0; j < r->count; j++) {
			if (!strchr(r->pairs[j].key, '.'))
				continue;
			fprintf(f, "%s = ", r->pairs[j].key);
			put_field(f, "", r->pairs[j].value);
		}
	}
}

/* --- for machines --- */

void show_pairs(FILE *f, const struct show_list *l)
{
	for (size_t i = 0; i < l->count; i++) {
		const struct control_record *r = &l->records[i];

		for (size_t j = 0; j < r->count; j++) {
			fprintf(f, "%s=", r->pairs[j].key);
			for (const char *p = r->pairs[j].value; *p; p++) {
				if (*p == '\n' || *p == '\\')
					fputc('\\', f);
				fputc(*p == '\n' ? 'n' : *p, f);
			}
			fputc('\n', f);
		}
		fputc('\n', f);
	}
}

/* The bytes of the UTF-8 character at @p, 0: it is none (RFC 3629 section 4). */
static size_t utf8_bytes(const unsigned char *p)
{
	size_t n = p[0] < 0x80 ? 1 : p[0] >= 0xc2 && p[0] < 0xe0 ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 :
		   p[0] >= 0xf0 && p[0] < 0xf5 ? 4 : 0;

	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

/* Bytes that are no UTF-8 become U+FFFD: JSON has no word for them. */
static void put_json_string(FILE *f, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	fputc('"', f);
	while (*p) {
		size_t n = utf8_bytes(p);

		if (!n)
			fputs("\\ufffd", f);
		else if (*p < 0x20 || *p == 0x7f)
			fprintf(f, "\\u%04x", *p);
		else if (*p == '"' || *p == '\\')
			fprintf(f, "\\%c", *p);
		else
			fwrite(p, 1, n, f);
		p += n ? n : 1;
	}
	fputc('"', f);
}

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), n = strlen(end);

	return len >= n && !strcmp(text + len - n, end);
}

static bool key_is_number(const char *key)
{
	if (ends_with(key, "_ms") || ends_with(key, "_bytes"))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(number_keys); i++) {
		if (!strcmp(number_keys[i], key))
			return true;
	}
	return false;
}

static void put_json_pair(FILE *f, const struct control_pair *p)
{
	char printed[24];
	int64_t v;

	put_json_string(f, p->key);
	fputs(": ", f);
	if (key_is_number(p->key) && !num_parse_i64(p->value, INT64_MIN + 1, INT64_MAX, &v)) {
		snprintf(printed, sizeof(printed), "%" PRId64, v);
		fputs(printed, f);
	} else {
		put_json_string(f, p->value);
	}
}

static void put_json_pairs(FILE *f, const struct control_record *r)
{
	for (size_t i = 0; i < r->count; i++) {
		fputs(i ? ", " : "", f);
		put_json_pair(f, &r->pairs[i]);
	}
}

void show_json(FILE *f, const struct show_list *l)
{
	fputs("[", f);
	for (size_t i = 0; i < l->count; i++) {
		fputs(i ? ",\n {" : "\n {", f);
		put_json_pairs(f, &l->records[i]);
		fputs("}", f);
	}
	fputs("\n]\n", f);
}

/* `, "name": [{…}, …]` of what belongs to @r. */
static void put_json_children(FILE *f, const char *name, const struct show_list *l,
			      const struct control_record *r)
{
	bool first = true;

	if (!l->count)
		return;
	fprintf(f, ", \"%s\": [", name);
	for (size_t i = 0; i < l->count; i++) {
		if (!same_session(&l->records[i], r))
			continue;
		fputs(first ? "{" : ", {", f);
		put_json_pairs(f, &l->records[i]);
		fputs("}", f);
		first = false;
	}
	fputs("]", f);
}

/* A word, or in double quotes what is none: as event_print() does it. */
static void put_word(FILE *f, const char *text)
{
	bool plain = *text;

	for (const char *p = text; *p; p++)
		plain = plain && (unsigned char)*p > ' ' && *p != 0x7f && *p != '"' && *p != '\\';
	if (!plain)
		fputc('"', f);
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			fprintf(f, "\\%c", c);
		else if (c < ' ' || c == 0x7f)
			fprintf(f, "\\x%02x", c);
		else
			fputc(c, f);
	}
	if (!plain)
		fputc('"', f);
}

void show_event(FILE *f, const struct control_record *r, enum show_format format)
{
	struct show_list one = { .records = (struct control_record *)(uintptr_t)r, .count = 1 };

	if (format == SHOW_PAIRS) {
		show_pairs(f, &one);
	} else if (format == SHOW_JSON) {
		fputc('{', f);
		put_json_pairs(f, r);
		fputs("}\n", f);
	} else {
		for (size_t i = 0; i < r->count; i++) {
			fprintf(f, "%s%s=", i ? " " : "", r->pairs[i].key);
			put_word(f, r->pairs[i].value);
		}
		fputc('\n', f);
	}
}

void show_sessions_json(FILE *f, const struct show_sessions *s)
{
	fputs("[", f);
	for (size_t i = 0; i < s->sessions.count; i++) {
		const struct control_record *r = &s->sessions.records[i];

		fputs(i ? ",\n {" : "\n {", f);
		put_json_pairs(f, r);
		put_json_children(f, "settings", &s->settings, r);
		put_json_children(f, "luns", &s->luns, r);
		fputs("}", f);
	}
	fputs("\n]\n", f);
}
