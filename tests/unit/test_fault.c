/* SPDX-License-Identifier: BSD-2-Clause */
/* Fault rules: the language, the engine that counts, the journal, the cache that can be lost. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "iscsifs/log.h"
#include "iscsifs/scsi_cdb.h"
#include "target/disk_cache.h"
#include "target/fault.h"
#include "target/fault_edit.h"
#include "target/journal.h"

/* --- the language --- */

static const char *const good_rules[] = {
	"rule a on connect do close",
	"rule a on connect do blackhole for 2s",
	"rule a on login do refuse with 0301",
	"rule a on login where stage=full count 5 do refuse with unavailable",
	"rule a on login where stage=security, stage=operational do redirect 127.0.0.1:3261",
	"rule a on login do redirect permanently [::1]:3260",
	"rule a on nop every 2 do drop",
	"rule a on nop do delay 500ms",
	"rule a on read do sense 3/11/00",
	"rule a on write where lun=3, lba=0-99 nth 3 count 2 do execute, withhold, mark got.it",
	"rule a on command where op=0x8a, op=read per lba nth 1 do close",
	"rule a on command where op=any, lba=7 do status TASK-SET-FULL",
	"rule a on flush for 250ms do status BUSY",
	"rule a on unmap do reject protocol-error",
	"rule a on write chance 5% seed 7 do reset",
	"rule a on write chance 0.25 seed 7 do reset",
	"rule a on write where initiator=iqn.*:host?, target=*disk do truncate 20",
	"rule a on write do execute, corrupt header-digest",
	"rule a on write per session nth 1 do garbage 100",
	"rule a on data-out do drop",
	"rule a on data-in where op=read do truncate 48",
	"rule a on write nth 3 do zombie 2s, reset",
	"rule a on tmf where function=abort-task do drop",
	"rule a on logout do close",
	"rule a on text do reject unsupported",
	"rule a on mark x do crash lose-cache restart after 2s",
	"rule a on mark x do crash lose-part seed 18446744073709551615",
	"rule a on time 3s count 10 do crash keep-cache",
	"rule a on time 0 do resize lun 0 to 10M, remove lun 1, add lun 1, identity lun 2",
	"rule a on mark x do forget cache, forget reservations, refuse for 2s",
	"rule a on write do async logout within 2s",
	"rule a on write do async drop-connection, duplicate",
	"rule a on read do async scsi 6/3f/0e, async vendor, async renegotiate",
	"rule a on tmf where function=lun-reset do refuse with no-lun",
	"rule a on tmf do refuse for 2s",
	"rule a on tmf do late 2s, mark late",
	"rule a on tmf do withhold",
	"rule a on r2t where op=write, lba=0-99 nth 1 do set offset +4096",
	"rule a on r2t do set length 0, set ttt 0xffffffff, set r2tsn -1 digest broken",
	"rule a on r2t do duplicate, drop",
	"rule a on data-in do set datasn +5, set data-length 16777215",
	"rule a on data-in chance 1% seed 2 do flip data seed 3",
	"rule a on answer where op=write do residual under 512, set status 8",
	"rule a on answer do residual none, flip bit 383 digest broken",
	"rule a on answer do residual over 4294967295",
	"rule a on login do set login-status 0x0200, flip header seed 1",
	"rule a on logout do set time2wait 60",
	"rule a on nop do set expcmdsn +100, set maxcmdsn -100",
	"rule a on write do window 0 for 2s, stall for 1s",
	"rule a on mark x do window 1, ping, forget session, stall",
	"rule a on connect do rate 1M for 10s, slice 1",
	"rule a on write do pretend",
	"\t rule  a-b_c.9\ton write do close , mark b   # and why",
};

static void rules_of_the_manual_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good_rules); i++) {
		struct script_rule r, again;
		struct err e = ERR_INIT;

		if (script_parse(&r, good_rules[i], "test", &e))
			fail_msg("%s: %s", good_rules[i], e.text);
		assert_int_equal(script_parse(&again, r.text, "test", &e), 0);
		assert_string_equal(again.text, r.text);
		assert_memory_equal(again.action, r.action, sizeof(r.action));
		assert_memory_equal(&again.match, &r.match, sizeof(r.match));
		assert_memory_equal(&again.limits, &r.limits, sizeof(r.limits));
	}
}

struct bad_rule {
	const char *line;
	const char *why;		/* stands in the sentence */
};

static const struct bad_rule bad_rules[] = {
	{ "on write do close", "want \"rule\"" },
	{ "rule", "rule \"\": want 1 to 31" },
	{ "rule a/b on write do close", "want 1 to 31" },
	{ "rule aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa on write do close", "want 1 to 31" },
	{ "rule a write do close", "want \"on\"" },
	{ "rule a on", "want event: connect" },
	{ "rule a on wrote do close", "did you mean \"write\"" },
	{ "rule a on write", "want limit, or \"do\"" },
	{ "rule a on write do", "want action" },
	{ "rule a on write do close,", "want action" },
	{ "rule a on write do clos", "did you mean \"close\"" },
	{ "rule a on write do close reset", "want a comma" },
	{ "rule a on write where lun do close", "want KEY=VALUE" },
	{ "rule a on write where lum=1 do close", "did you mean \"lun\"" },
	{ "rule a on write where lun=99999 do close", "want a number from 0 to 16383" },
	{ "rule a on write where lba=9-3 do close", "want N or N-M" },
	{ "rule a on write where lba=-3 do close", "want N or N-M" },
	{ "rule a on write where stage=full do close", "command events have no stage" },
	{ "rule a on connect where lun=1 do close", "connect events have no lun" },
	{ "rule a on command where op=wirte do close", "did you mean \"write\"" },
	{ "rule a on command where op=0x100 do close", "want a number from 0 to 255" },
	{ "rule a on write nth 0 do close", "want a number from 1" },
	{ "rule a on write nth x do close", "want a number from 1" },
	{ "rule a on write chance 2 seed 1 do close", "want a probability" },
	{ "rule a on write chance nan seed 1 do close", "want a probability" },
	{ "rule a on write chance 5% do close", "want \"seed\"" },
	{ "rule a on write for ever do close", "want a time" },
	{ "rule a on write per lun do close", "want limit: session, lba" },
	{ "rule a on login per lba nth 1 do close", "login events have none" },
	{ "rule a on time 1s per session do close", "time events have none" },
	{ "rule a on time do close", "want a time" },
	{ "rule a on mark do close", "want limit" },
	{ "rule a on write do delay", "want a time" },
	{ "rule a on write do delay -1", "want a time" },
	{ "rule a on write do delay 25h", "a day at most" },
	{ "rule a on write do status GOOD", "want status: BUSY" },
	{ "rule a on write do sense 6/29", "want KEY/ASC/ASCQ" },
	{ "rule a on write do sense 16/29/00", "want KEY/ASC/ASCQ" },
	{ "rule a on write do sense 6/29/00x", "want KEY/ASC/ASCQ" },
	{ "rule a on write do refuse with 0301", "cannot be done on command events" },
	{ "rule a on login do refuse with 0101", "want login status: initiator-error" },
	{ "rule a on login do refuse", "want \"for TIME\" or \"with STATUS\"" },
	{ "rule a on login do redirect host", "want ADDRESS:PORT" },
	{ "rule a on login do status BUSY", "cannot be done on login events" },
	{ "rule a on time 1s do drop", "cannot be done on time events" },
	{ "rule a on connect do async logout", "cannot be done on connect events" },
	{ "rule a on write do execute, drop", "to run, and not to run" },
	{ "rule a on write do truncate 49", "from 1 to 48" },
	{ "rule a on write do garbage 0", "from 1 to 65536" },
	{ "rule a on write do crash", "want fate of the cache: keep-cache" },
	{ "rule a on write do crash lose-part", "want \"seed\"" },
	{ "rule a on write do crash lose-cache restart 2s", "want \"after\"" },
	{ "rule a on write do forget everything", "want thing to forget" },
	{ "rule a on write do resize 10M", "want \"lun\"" },
	{ "rule a on write do set offset 1", "no such field goes at command events" },
	{ "rule a on answer do set length 1", "no such field goes at answer events" },
	{ "rule a on r2t do set lenght 1", "did you mean \"length\"" },
	{ "rule a on r2t do set length", "want a number from 0 to 4294967295" },
	{ "rule a on r2t do set length +-1", "want a number" },
	{ "rule a on r2t do set flags 256", "want a number from 0 to 255" },
	{ "rule a on r2t do set data-length -16777216", "want a number from 0 to 16777215" },
	{ "rule a on r2t do set length 1 digest", "want \"broken\"" },
	{ "rule a on r2t do flip header", "want \"seed\"" },
	{ "rule a on r2t do flip bit 384", "want a number from 0 to 383" },
	{ "rule a on r2t do flip byte 3", "want bit to flip: header, data, bit" },
	{ "rule a on r2t do residual none", "cannot be done on r2t events" },
	{ "rule a on answer do residual under", "want a number" },
	{ "rule a on r2t do delay 1s", "cannot be done on r2t events" },
	{ "rule a on answer do execute", "cannot be done on answer events" },
	{ "rule a on write do late 1s", "cannot be done on command events" },
	{ "rule a on tmf do refuse with unavailable", "want response: no-task" },
	{ "rule a on login do refuse with no-task", "want login status" },
	{ "rule a on tmf do execute", "cannot be done on tmf events" },
	{ "rule a on connect do window 0", "cannot be done on connect events" },
	{ "rule a on connect do rate 1000", "1K at least" },
	{ "rule a on connect do rate fast", "1K at least" },
	{ "rule a on connect do slice 0", "from 1 to 65536" },
	{ "rule a on write do async scsi", "want KEY/ASC/ASCQ" },
	{ "rule a on write do pretend, drop", "to run, and not to run" },
	{ "rule a on write do resize lun 0 to much", "want a size" },
	{ "rule a on write do close, close, close, close, close, close, close, close, close",
	  "more than 8 actions" },
	{ "rule a on write do close\001", "byte 0x01" },
};

static void wrong_rules_are_refused_with_a_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad_rules); i++) {
		struct script_rule r;
		struct err e = ERR_INIT;

		if (script_parse(&r, bad_rules[i].line, "file:7", &e) != -ERR_INVALID)
			fail_msg("%s: was taken", bad_rules[i].line);
		if (strncmp(e.text, "file:7: ", 8) || !strstr(e.text, bad_rules[i].why))
			fail_msg("%s: %s", bad_rules[i].line, e.text);
	}
}

/* Cut anywhere, and with any byte changed, a rule is read or refused, and never more than that. */
static void a_damaged_rule_harms_nobody(void **state)
{
	static const char bytes[] = { ' ', ',', '#', '=', '-', '9', 'x', '\t', '\377', '/' };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good_rules); i++) {
		size_t len = strlen(good_rules[i]);

		for (size_t at = 0; at <= len; at++) {
			char *line = strdup(good_rules[i]);
			struct script_rule r;

			for (size_t b = 0; at < len && b < sizeof(bytes); b++) {
				struct err e = ERR_INIT;

				line[at] = bytes[b];
				assert_true(script_parse(&r, line, "test", &e) == -ERR_INVALID ||
					    !err_is_set(&e));
			}
			line[at] = 0;
			(void)script_parse(&r, line, "test", NULL);
			free(line);
		}
	}
}

static void a_line_has_its_limits(void **state)
{
	char *line = malloc(SCRIPT_LINE_MAX + 100);
	struct script_rule r;
	struct err e = ERR_INIT;

	(void)state;
	memset(line, 'a', SCRIPT_LINE_MAX + 50);
	line[SCRIPT_LINE_MAX + 50] = 0;
	assert_int_equal(script_parse(&r, line, "test", &e), -ERR_INVALID);
	for (int i = 0; i < SCRIPT_LINE_MAX; i++)
		line[i] = i % 2 ? ' ' : ',';
	line[SCRIPT_LINE_MAX] = 0;
	e = (struct err)ERR_INIT;
	assert_int_equal(script_parse(&r, line, "test", &e), -ERR_INVALID);
	assert_int_equal(script_parse(&r, "   # nothing", "test", &e), 1);
	assert_int_equal(script_parse(&r, "", "test", &e), 1);
	free(line);
}

static int count_rules(void *arg, const struct script_rule *r, struct err *e)
{
	(void)r;
	(void)e;
	++*(int *)arg;
	return 0;
}

static int read_text(const char *text, size_t len, int *got, struct err *e)
{
	FILE *f = fmemopen((void *)(uintptr_t)text, len, "r");
	int rc;

	*got = 0;
	rc = script_read(f, "x.fault", count_rules, got, e);
	fclose(f);
	return rc;
}

static void a_file_is_taken_whole_or_not_at_all(void **state)
{
	static const char good[] = "# two\nrule a on write do close\n\nrule b on read do close";
	static const char bad[] = "rule a on write do close\n\nrule b on read do\n";
	static const char zero[] = "rule a on write do close\nrule b on\0read do close\n";
	struct err e = ERR_INIT;
	int got;

	(void)state;
	assert_int_equal(read_text(good, sizeof(good) - 1, &got, &e), 0);
	assert_int_equal(got, 2);
	assert_int_equal(read_text(bad, sizeof(bad) - 1, &got, &e), -ERR_INVALID);
	assert_int_equal(got, 0);
	assert_non_null(strstr(e.text, "x.fault:3: "));
	e = (struct err)ERR_INIT;
	assert_int_equal(read_text(zero, sizeof(zero) - 1, &got, &e), -ERR_INVALID);
	assert_non_null(strstr(e.text, "x.fault:2: "));
}

/* --- PDUs spoilt --- */

enum { EDIT_DATA = 8 };

/* A header and data of 0x11 everywhere, as @rule would send it; number 0 of its seed. */
static void edited(const char *rule, uint8_t pdu[48 + EDIT_DATA])
{
	struct fault_edit edit[SCRIPT_ACTIONS_MAX];
	struct script_rule r;
	struct err e = ERR_INIT;

	memset(pdu, 0x11, 48 + EDIT_DATA);
	if (script_parse(&r, rule, "test", &e))
		fail_msg("%s", e.text);
	for (unsigned i = 0; i < r.actions; i++) {
		const struct script_action *a = &r.action[i];

		edit[i] = (struct fault_edit){ a->act, a->field, a->number, a->relative, false };
		if (a->act == SCRIPT_DO_FLIP && a->field != SCRIPT_FLIP_BIT)
			edit[i].number = fault_random(a->seed, 0);
	}
	fault_edit(edit, r.actions, pdu, pdu + 48, EDIT_DATA);
}

static void a_field_is_set_where_it_stands(void **state)
{
	static const struct {
		const char *rule;
		unsigned at, len;
		uint8_t bytes[4];
	} row[] = {
		{ "rule a on answer do set status 8", 3, 1, { 8 } },
		{ "rule a on answer do set flags +1", 1, 1, { 0x12 } },
		{ "rule a on answer do set data-length 65536", 5, 3, { 1, 0, 0 } },
		{ "rule a on answer do set itt 0xffffffff", 16, 4, { 255, 255, 255, 255 } },
		{ "rule a on answer do set statsn -18", 24, 4, { 0x11, 0x11, 0x10, 0xff } },
		{ "rule a on r2t do set length 0", 44, 4, { 0, 0, 0, 0 } },
		{ "rule a on r2t do set offset +0xeeeeeeef", 40, 4, { 0, 0, 0, 0 } },
		{ "rule a on answer do residual under 7", 44, 4, { 0, 0, 0, 7 } },
		{ "rule a on answer do residual under 7", 1, 1, { 0x13 } },
		{ "rule a on answer do set flags 7, residual over 7", 1, 1, { 5 } },
		{ "rule a on answer do set flags 7, residual none", 1, 1, { 1 } },
		{ "rule a on answer do flip bit 0", 0, 1, { 0x91 } },
		{ "rule a on answer do flip bit 383", 47, 1, { 0x10 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		uint8_t pdu[48 + EDIT_DATA];

		edited(row[i].rule, pdu);
		if (memcmp(pdu + row[i].at, row[i].bytes, row[i].len))
			fail_msg("%s: %02x", row[i].rule, pdu[row[i].at]);
	}
}

static void a_random_bit_is_one_bit_and_in_its_part(void **state)
{
	bool differ = false;
	unsigned first = 0;

	(void)state;
	for (unsigned seed = 0; seed < 200; seed++) {
		uint8_t pdu[48 + EDIT_DATA];
		char rule[80];
		unsigned flipped = 0, where = 0;

		snprintf(rule, sizeof(rule), "rule a on data-in do flip %s seed %u",
			 seed % 2 ? "data" : "header", seed);
		edited(rule, pdu);
		for (unsigned bit = 0; bit < sizeof(pdu) * 8; bit++) {
			if ((pdu[bit / 8] ^ 0x11) >> bit % 8 & 1) {
				flipped++;
				where = bit;
			}
		}
		assert_int_equal(flipped, 1);
		assert_int_equal(where >= 48 * 8, seed % 2);
		differ |= seed > 1 && where != first;
		first = seed % 2 ? first : where;
	}
	assert_true(differ);
}

/* --- the engine --- */

static struct fault engine;

static void engine_with(const char *const *rules)
{
	fault_init(&engine);
	for (; *rules; rules++) {
		struct script_rule r;
		struct err e = ERR_INIT;

		if (script_parse(&r, *rules, "test", &e) || fault_add(&engine, &r, &e))
			fail_msg("%s", e.text);
	}
}

#define ENGINE(...) engine_with((const char *const[]){ __VA_ARGS__, NULL })

static struct fault_event a_write(uint64_t conn, uint64_t lba)
{
	return (struct fault_event){ .event = SCRIPT_EV_COMMAND, .conn = conn, .has_op = true,
				     .op = SCSI_WRITE_16, .has_lun = true, .has_lba = true,
				     .lba = lba, .blocks = 8, .initiator = "iqn.a:host",
				     .target = "iqn.a:disk" };
}

/* Which of @n writes, all on one connection, are struck: a letter for each. */
static const char *strikes(unsigned n)
{
	static char text[100];
	unsigned i;

	for (i = 0; i < n; i++) {
		struct fault_event ev = a_write(1, i * 8);

		text[i] = fault_check(&engine, &ev, i * 10) ? '*' : '.';
	}
	text[i] = 0;
	return text;
}

static void limits_let_through_what_they_say(void **state)
{
	static const struct {
		const char *rule;
		const char *strikes;
	} row[] = {
		{ "rule a on write do close", "**********" },
		{ "rule a on write nth 3 do close", "..*......." },
		{ "rule a on write nth 3 count 2 do close", "..**......" },
		{ "rule a on write every 3 do close", "..*..*..*." },
		{ "rule a on write nth 2 every 3 do close", ".*..*..*.." },
		{ "rule a on write every 2 count 2 do close", ".*.*......" },
		{ "rule a on write count 4 do close", "****......" },
		{ "rule a on write nth 2 count 99 for 30ms do close", ".***......" },
		{ "rule a on write where lba=16-17 do close", "..*......." },
		{ "rule a on write where lba=20-40 do close", "..****...." },
		{ "rule a on write where lba=24 do close", "...*......" },
		{ "rule a on read do close", ".........." },
		{ "rule a on command where op=0x8a count 1 do close", "*........." },
		{ "rule a on command where lun=1 do close", ".........." },
		{ "rule a on write where target=*:disk nth 1 do close", "*........." },
		{ "rule a on write where target=*:tape do close", ".........." },
		{ "rule a on connect do close", ".........." },
		{ "rule a on write per lba nth 1 do close", "**********" },
		{ "rule a on write per lba nth 2 do close", ".........." },
		{ "rule a on write per session nth 2 do close", ".*........" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		ENGINE(row[i].rule);
		if (strcmp(strikes(10), row[i].strikes))
			fail_msg("%s: %s", row[i].rule, strikes(10));
		fault_fini(&engine);
	}
}

static void chance_is_the_same_each_time_and_about_right(void **state)
{
	char first[101];
	unsigned hits = 0;

	(void)state;
	ENGINE("rule a on write chance 20% seed 7 do close");
	strcpy(first, strikes(99));
	fault_fini(&engine);
	for (const char *p = first; *p; p++)
		hits += *p == '*';
	assert_in_range(hits, 8, 35);
	ENGINE("rule a on write chance 20% seed 7 do close");
	assert_string_equal(strikes(99), first);
	fault_fini(&engine);
	ENGINE("rule a on write chance 20% seed 8 do close");
	assert_string_not_equal(strikes(99), first);
	fault_fini(&engine);
}

static void sessions_and_places_are_counted_apart(void **state)
{
	struct fault_event ev;

	(void)state;
	ENGINE("rule s on write per session nth 2 do close");
	for (uint64_t conn = 1; conn < 5000; conn++) {
		ev = a_write(conn, 0);
		assert_null(fault_check(&engine, &ev, 0));
		assert_non_null(fault_check(&engine, &ev, 0));
		assert_null(fault_check(&engine, &ev, 0));
	}
	assert_int_equal(fault_find(&engine, "s")->all.hits, 4999);
	assert_int_equal(fault_find(&engine, "s")->all.seen, 3 * 4999);
	fault_fini(&engine);
	ENGINE("rule l on write per lba nth 1 do close");
	for (unsigned i = 0; i < 200; i++) {
		ev = a_write(1, i % 100 * 8);
		assert_int_equal(fault_check(&engine, &ev, 0) != NULL, i < 100);
	}
	fault_fini(&engine);
}

static void the_first_rule_that_fits_takes_the_event(void **state)
{
	struct fault_event ev = a_write(1, 0);

	(void)state;
	ENGINE("rule a on write nth 2 do close", "rule b on write do close");
	assert_string_equal(fault_check(&engine, &ev, 0)->script.name, "b");
	assert_string_equal(fault_check(&engine, &ev, 0)->script.name, "a");
	assert_string_equal(fault_check(&engine, &ev, 0)->script.name, "b");
	assert_int_equal(fault_find(&engine, "b")->all.seen, 2);
	fault_fini(&engine);
}

static void a_deleted_rule_lives_as_long_as_it_is_held(void **state)
{
	struct fault_event ev = a_write(1, 0);
	struct fault_rule *r;

	(void)state;
	ENGINE("rule a on write do close");
	r = fault_rule_ref(fault_check(&engine, &ev, 0));
	fault_del(&engine, r);
	assert_null(fault_find(&engine, "a"));
	assert_null(fault_check(&engine, &ev, 0));
	assert_string_equal(r->script.name, "a");
	fault_rule_put(r);
	fault_fini(&engine);
}

static void names_are_unique_and_rules_bounded(void **state)
{
	struct script_rule r;
	struct err e = ERR_INIT;

	(void)state;
	ENGINE("rule a on write do close");
	assert_int_equal(script_parse(&r, "rule a on read do close", "test", &e), 0);
	assert_int_equal(fault_add(&engine, &r, &e), -ERR_EXISTS);
	for (int i = 1; i < FAULT_RULES_MAX; i++) {
		snprintf(r.name, sizeof(r.name), "r%d", i);
		assert_int_equal(fault_add(&engine, &r, NULL), 0);
	}
	strcpy(r.name, "more");
	assert_int_equal(fault_add(&engine, &r, NULL), -ERR_INVALID);
	fault_fini(&engine);
}

static void marks_are_counted_by_name(void **state)
{
	struct fault_event ev = { .event = SCRIPT_EV_MARK, .mark = "x" };
	char name[16];

	(void)state;
	ENGINE("rule a on mark x do close");
	assert_int_equal(fault_marked(&engine, "x"), 0);
	assert_int_equal(fault_mark(&engine, "x"), 1);
	assert_int_equal(fault_mark(&engine, "x"), 2);
	assert_int_equal(fault_marked(&engine, "x"), 2);
	assert_non_null(fault_check(&engine, &ev, 0));
	ev.mark = "y";
	assert_null(fault_check(&engine, &ev, 0));
	for (int i = 1; i < FAULT_MARKS_MAX; i++) {
		snprintf(name, sizeof(name), "m%d", i);
		assert_int_equal(fault_mark(&engine, name), 1);
	}
	assert_int_equal(fault_mark(&engine, "more"), 0);
	fault_fini(&engine);
}

/* --- the journal --- */

static void the_journal_keeps_the_newest(void **state)
{
	static struct journal j;

	(void)state;
	assert_null(journal_newest(&j));
	assert_null(journal_get(&j, 0));
	assert_int_equal(journal_oldest(&j), 1);
	for (uint64_t i = 1; i <= JOURNAL_RECORDS + 10; i++) {
		journal_add(&j)->conn = i;
		assert_int_equal(journal_newest(&j)->seq, i);
	}
	assert_int_equal(journal_oldest(&j), 11);
	assert_null(journal_get(&j, 10));
	assert_int_equal(journal_get(&j, 11)->conn, 11);
	assert_int_equal(journal_get(&j, JOURNAL_RECORDS + 10)->conn, JOURNAL_RECORDS + 10);
	assert_null(journal_get(&j, JOURNAL_RECORDS + 11));
}

/* --- the volatile cache --- */

enum { CACHE_DISK = 1 << 20 };

static void cache_fill(uint8_t *p, size_t len, uint64_t seed)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)fault_random(seed, i);
}

/* A disk with a cache, over @below, which shows what would survive. */
static struct disk *cached_disk(struct disk **below)
{
	struct disk *d;

	assert_int_equal(disk_ram_open(&d, CACHE_DISK, NULL), 0);
	*below = d;
	assert_int_equal(disk_cache_wrap(&d, NULL), 0);
	return d;
}

static void unflushed_writes_are_read_and_can_be_lost(void **state)
{
	uint8_t old[4096], new[1024], got[4096];
	struct disk *below, *d = cached_disk(&below);

	(void)state;
	cache_fill(old, sizeof(old), 1);
	cache_fill(new, sizeof(new), 2);
	assert_int_equal(disk_write(d, 8192, old, sizeof(old)), 0);
	assert_int_equal(disk_flush(d), 0);
	assert_int_equal(disk_read(below, 8192, got, sizeof(got)), 0);
	assert_memory_equal(got, old, sizeof(old));
	assert_int_equal(disk_write(d, 8192 + 1536, new, sizeof(new)), 0);
	assert_int_equal(disk_read(d, 8192, got, sizeof(got)), 0);
	assert_memory_equal(got, old, 1536);
	assert_memory_equal(got + 1536, new, sizeof(new));
	assert_memory_equal(got + 2560, old + 2560, 1536);
	disk_cache_lose(d, false, 0);
	assert_int_equal(disk_read(d, 8192, got, sizeof(got)), 0);
	assert_memory_equal(got, old, sizeof(old));
	disk_free(d);
}

static void zeroed_blocks_do_not_come_back_by_a_flush(void **state)
{
	uint8_t data[8192], got[8192], zeros[8192] = { 0 };
	struct disk *below, *d = cached_disk(&below);

	(void)state;
	cache_fill(data, sizeof(data), 3);
	assert_int_equal(disk_write(d, 0, data, sizeof(data)), 0);
	assert_int_equal(disk_zero(d, 512, 6144, true), 0);
	assert_int_equal(disk_flush(d), 0);
	assert_int_equal(disk_read(below, 0, got, sizeof(got)), 0);
	assert_memory_equal(got, data, 512);
	assert_memory_equal(got + 512, zeros, 6144);
	assert_memory_equal(got + 6656, data + 6656, 1536);
	disk_free(d);
}

static void a_part_is_lost_page_by_page(void **state)
{
	static uint8_t data[CACHE_DISK], got[CACHE_DISK], again[CACHE_DISK];
	unsigned kept = 0;

	(void)state;
	cache_fill(data, sizeof(data), 4);
	for (int round = 0; round < 2; round++) {
		struct disk *below, *d = cached_disk(&below);

		assert_int_equal(disk_write(d, 0, data, sizeof(data)), 0);
		disk_cache_lose(d, true, 99);
		assert_int_equal(disk_read(d, 0, round ? again : got, CACHE_DISK), 0);
		disk_free(d);
	}
	assert_memory_equal(got, again, CACHE_DISK);
	for (size_t at = 0; at < CACHE_DISK; at += 4096) {
		bool is = !memcmp(got + at, data + at, 4096);

		kept += is;
		for (size_t i = at; !is && i < at + 4096; i++)
			assert_int_equal(got[i], 0);
	}
	assert_in_range(kept, CACHE_DISK / 4096 / 4, CACHE_DISK / 4096 * 3 / 4);
}

static void what_is_cached_is_mapped(void **state)
{
	uint8_t data[4096] = { 1 };
	struct disk *below, *d = cached_disk(&below);
	uint64_t len;
	bool mapped;

	(void)state;
	assert_int_equal(disk_write(d, 16384, data, sizeof(data)), 0);
	assert_int_equal(disk_extent(d, 0, &len, &mapped), 0);
	assert_false(mapped);
	assert_int_equal(len, 16384);
	assert_int_equal(disk_extent(d, 16384 + 512, &len, &mapped), 0);
	assert_true(mapped);
	assert_int_equal(len, 4096 - 512);
	assert_int_equal(disk_extent(d, 20480, &len, &mapped), 0);
	assert_false(mapped);
	assert_int_equal(len, CACHE_DISK - 20480);
	disk_free(d);
}

static void a_full_cache_writes_through(void **state)
{
	enum { BIG = DISK_CACHE_PAGES + 16 };
	uint8_t data[4096], got[4096];
	struct disk *below, *d;

	(void)state;
	assert_int_equal(disk_ram_open(&d, (uint64_t)BIG * 4096, NULL), 0);
	below = d;
	assert_int_equal(disk_cache_wrap(&d, NULL), 0);
	for (uint64_t i = 0; i < BIG; i++) {
		memset(data, (int)(i % 251 + 1), sizeof(data));
		assert_int_equal(disk_write(d, i * 4096, data, sizeof(data)), 0);
	}
	for (uint64_t i = 0; i < BIG; i++) {
		assert_int_equal(disk_read(d, i * 4096, got, sizeof(got)), 0);
		assert_int_equal(got[4095], i % 251 + 1);
	}
	assert_int_equal(disk_read(below, (uint64_t)(BIG - 1) * 4096, got, sizeof(got)), 0);
	assert_int_equal(got[0], (BIG - 1) % 251 + 1);
	disk_cache_lose(d, false, 0);
	assert_int_equal(disk_read(d, 0, got, sizeof(got)), 0);
	assert_int_equal(got[0], 0);
	disk_free(d);
}

/* Random writes, zeroings, flushes and losses against a model of each sector: two values it may have. */
static void any_history_leaves_what_it_may(void **state)
{
	enum { SECTORS = 256, STEPS = 4000 };
	static uint32_t seen[SECTORS], safe[SECTORS];
	uint32_t data[SECTORS * 128], value = 0;
	struct disk *below, *d = cached_disk(&below);
	uint64_t n = 0;

	(void)state;
	for (unsigned step = 0; step < STEPS; step++) {
		unsigned what = fault_random(5, n++) % 16, at = fault_random(5, n++) % SECTORS;
		unsigned count = fault_random(5, n++) % (SECTORS - at) + 1;

		if (what < 11) {
			value++;
			for (unsigned i = 0; i < count * 128; i++)
				data[i] = value;
			assert_int_equal(disk_write(d, at * 512, data, count * 512), 0);
			for (unsigned i = at; i < at + count; i++)
				seen[i] = value;
		} else if (what < 13) {
			assert_int_equal(disk_zero(d, at * 512, count * 512, true), 0);
			for (unsigned i = at; i < at + count; i++)
				seen[i] = safe[i] = 0;
		} else if (what < 15) {
			assert_int_equal(disk_flush(d), 0);
			memcpy(safe, seen, sizeof(safe));
		} else {
			disk_cache_lose(d, false, 0);
			memcpy(seen, safe, sizeof(seen));
		}
		assert_int_equal(disk_read(d, 0, data, sizeof(data)), 0);
		for (unsigned i = 0; i < SECTORS; i++)
			assert_int_equal(data[i * 128], seen[i]);
	}
	disk_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_of_the_manual_are_read),
		cmocka_unit_test(wrong_rules_are_refused_with_a_reason),
		cmocka_unit_test(a_damaged_rule_harms_nobody),
		cmocka_unit_test(a_line_has_its_limits),
		cmocka_unit_test(a_file_is_taken_whole_or_not_at_all),
		cmocka_unit_test(a_field_is_set_where_it_stands),
		cmocka_unit_test(a_random_bit_is_one_bit_and_in_its_part),
		cmocka_unit_test(limits_let_through_what_they_say),
		cmocka_unit_test(chance_is_the_same_each_time_and_about_right),
		cmocka_unit_test(sessions_and_places_are_counted_apart),
		cmocka_unit_test(the_first_rule_that_fits_takes_the_event),
		cmocka_unit_test(a_deleted_rule_lives_as_long_as_it_is_held),
		cmocka_unit_test(names_are_unique_and_rules_bounded),
		cmocka_unit_test(marks_are_counted_by_name),
		cmocka_unit_test(the_journal_keeps_the_newest),
		cmocka_unit_test(unflushed_writes_are_read_and_can_be_lost),
		cmocka_unit_test(zeroed_blocks_do_not_come_back_by_a_flush),
		cmocka_unit_test(a_part_is_lost_page_by_page),
		cmocka_unit_test(what_is_cached_is_mapped),
		cmocka_unit_test(a_full_cache_writes_through),
		cmocka_unit_test(any_history_leaves_what_it_may),
	};

	log_set_level(LOG_LEVEL_WARN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
