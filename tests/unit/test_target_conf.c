/* SPDX-License-Identifier: BSD-2-Clause */
/* iscsifs-target.conf, the checks of a configuration, and what prints it. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "target/target_apply.h"
#include "target/target_conf_file.h"

struct world {
	char dir[64];
	char path[96];
	struct target_conf conf;
	struct err err;
	char notes[8192];
};

static int world_setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	snprintf(w->dir, sizeof(w->dir), "%s/iscsifs.XXXXXX", getenv("TMPDIR") ?: "/tmp");
	assert_non_null(mkdtemp(w->dir));
	assert_int_equal(chdir(w->dir), 0);
	snprintf(w->path, sizeof(w->path), "t.conf");
	target_conf_init(&w->conf);
	*state = w;
	return 0;
}

static int world_teardown(void **state)
{
	struct world *w = *state;
	char command[128];

	target_conf_fini(&w->conf);
	assert_int_equal(chdir("/"), 0);
	snprintf(command, sizeof(command), "rm -r %s", w->dir);
	assert_int_equal(system(command), 0);
	free(w);
	return 0;
}

static void note(const char *text, void *arg)
{
	struct world *w = arg;
	size_t at = strlen(w->notes);

	snprintf(w->notes + at, sizeof(w->notes) - at, "%s\n", text);
}

static void write_file(const char *path, const char *text, mode_t mode)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
}

/* Read @text and check it. */
static int try(struct world *w, const char *text)
{
	write_file(w->path, text, 0600);
	target_conf_fini(&w->conf);
	target_conf_init(&w->conf);
	w->err = (struct err)ERR_INIT;
	w->notes[0] = 0;
	if (target_conf_read(&w->conf, w->path, note, w, &w->err))
		return -(int)w->err.code;
	return target_conf_check(&w->conf, note, w, &w->err);
}

static void take(struct world *w, const char *text)
{
	if (try(w, text))
		fail_msg("%s", w->err.text);
}

static void refuse(struct world *w, const char *text, const char *why)
{
	if (!try(w, text))
		fail_msg("taken: %s", text);
	if (!strstr(w->err.text, why))
		fail_msg("%s\n%s\nwant \"%s\"", text, w->err.text, why);
}

static const struct target_conf_target *target(const struct world *w, const char *name)
{
	const struct target_conf_target *t = target_conf_target(&w->conf, name);

	assert_non_null(t);
	return t;
}

static void levels_inherit_wherever_a_key_stands(void **state)
{
	struct world *w = *state;
	const struct target_conf_target *a, *b;

	take(w, "target 'iqn.a1' {\n lun '1' { backing-store = 'ram:1M' readonly = 0 }\n"
		" lun 2 { backing-store = 'ram:1M' }\n readonly = 1\n MaxBurstLength = 65536\n}\n"
		"target 'iqn.b1' { lun 1 { backing-store = 'ram:2M' } }\n"
		"MaxBurstLength = 131072\nMaxCommands = 7\nvendor_id = V\n");
	a = target(w, "iqn.a1");
	b = target(w, "iqn.b1");
	assert_int_equal(a->keys.offer.max_burst_bytes, 65536);
	assert_int_equal(b->keys.offer.max_burst_bytes, 131072);
	assert_int_equal(a->keys.max_commands, 7);
	assert_int_equal(target_conf_lun(a, 1)->keys.readonly, 0);
	assert_int_equal(target_conf_lun(a, 2)->keys.readonly, 1);
	assert_int_equal(target_conf_lun(b, 1)->keys.readonly, 0);
	assert_string_equal(target_conf_lun(a, 2)->keys.vendor_id, "V");
	assert_string_equal(target_conf_lun(b, 1)->backing, "ram:2M");
	assert_string_equal(target_conf_lun(b, 1)->where, "t.conf:7");
}

static void units_of_two_targets_may_have_one_number(void **state)
{
	struct world *w = *state;

	take(w, "target iqn.a1 { lun 0 { backing-store = 'ram:1M' } lun 1 { backing-store = 'ram:2M' } }\n"
		"target iqn.b1 { lun 1 { backing-store = 'ram:3M' } lun 0 { backing-store = 'ram:4M' } }\n");
	assert_string_equal(target_conf_lun(target(w, "iqn.a1"), 0)->backing, "ram:1M");
	assert_string_equal(target_conf_lun(target(w, "iqn.a1"), 1)->backing, "ram:2M");
	assert_string_equal(target_conf_lun(target(w, "iqn.b1"), 0)->backing, "ram:4M");
	assert_string_equal(target_conf_lun(target(w, "iqn.b1"), 1)->backing, "ram:3M");
}

static void rules_and_accounts_are_read(void **state)
{
	struct world *w = *state;
	const struct access *a;

	take(w, "incomingdiscoveryuser = 'disc one'\noutgoingdiscoveryuser = 'us two'\n"
		"target iqn.a1 {\n initiator-name = {'iqn.h1', 'iqn.h2'}\n"
		" initiator-address = {'10.0.0.0/8', '::1'}\n"
		" incominguser = {'anna one', 'bert  two words'}\n outgoinguser = 'disk three'\n}\n");
	a = &target(w, "iqn.a1")->access;
	assert_string_equal(access_account(a, ACCESS_INCOMING, "anna")->secret, "one");
	assert_string_equal(access_account(a, ACCESS_INCOMING, "bert")->secret, " two words");
	assert_string_equal(access_account(a, ACCESS_OUTGOING, "disk")->secret, "three");
	assert_string_equal(list_last(&a->names, struct access_entry, link)->text, "iqn.h2");
	assert_string_equal(list_first(&a->addresses, struct access_entry, link)->text,
			    "10.0.0.0/8");
	assert_non_null(access_account(&w->conf.discovery, ACCESS_INCOMING, "disc"));
	assert_non_null(access_account(&w->conf.discovery, ACCESS_OUTGOING, "us"));
	assert_non_null(strstr(w->notes, "t.conf:4: target iqn.a1 has no LUN"));
}

static void passwords_may_live_elsewhere(void **state)
{
	struct world *w = *state;
	static const char text[] = "password_file = 'pw'\n"
				   "target iqn.a1 { incominguser = {anna, bert}\n"
				   " lun 0 { backing-store = 'ram:1M' } }\n";

	write_file("pw", "# ours\n\nanna one\nbert two words", 0600);
	take(w, text);
	assert_string_equal(access_account(&target(w, "iqn.a1")->access, ACCESS_INCOMING,
					   "bert")->secret, "two words");
	assert_int_equal(chmod("t.conf", 0644), 0);
	target_conf_fini(&w->conf);
	target_conf_init(&w->conf);
	assert_int_equal(target_conf_read(&w->conf, w->path, note, w, &w->err), 0);
	write_file("pw", "anna one\nbert two\n", 0644);
	refuse(w, text, "t.conf:1: password file pw: others may read it");
	write_file("pw", "anna one\n", 0600);
	refuse(w, text, "t.conf:2: user bert is not in the password_file");
	write_file("pw", "anna one\nanna two\n", 0600);
	refuse(w, text, "pw:2: user anna: there is one already");
	write_file("pw", "anna\n", 0600);
	refuse(w, text, "pw:1: want USER PASSWORD");
	assert_int_equal(unlink("pw"), 0);
	assert_int_equal(symlink("/dev/zero", "pw"), 0);
	refuse(w, text, "password file: pw: more than 1 MiB");
	assert_int_equal(unlink("pw"), 0);
}

static void passwords_that_others_may_read_are_refused(void **state)
{
	struct world *w = *state;

	write_file(w->path, "target iqn.a1 { incominguser = 'anna hunter2'\n}\n", 0644);
	assert_int_equal(target_conf_read(&w->conf, w->path, note, w, &w->err), -ERR_ACCESS);
	assert_non_null(strstr(w->err.text, "t.conf:1: user anna: others may read"));
	assert_null(strstr(w->err.text, "hunter2"));
}

/* Each one costs more than the one before it: a whole file of them held up a running target. */
static void sections_have_a_limit(void **state)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	for (int i = 0; i < 30000; i++)
		fprintf(f, "target 'iqn.a1:%d' {}\n", i);
	fclose(f);
	refuse(*state, text, "t.conf:8192: more than 8192 sections");
	free(text);
}

static void mistakes_are_told_with_their_place(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "\nlisten = {'127.0.0.1:0', '::1:0'}\n", "t.conf:2: listen ::1:0: want" },
		{ "listen = '127.0.0.1:99999'\n", "t.conf:1: listen 127.0.0.1:99999: want" },
		{ "\nnonsense = 1\n", "t.conf:2: unknown key \"nonsense\"" },
		{ "initiator-adress = ALL\n", "did you mean initiator-address" },
		{ "initiator-name = iqn.h\n", "belongs into a target section" },
		{ "backing-store = x\n", "belongs into a lun section" },
		{ "target iqn.a1 { listen = x }\n", "does not belong into a target section" },
		{ "target iqn.a1 { lun 0 { MaxBurstLength = 512 } }\n",
		  "does not belong into a lun section" },
		{ "target iqn.a1 { login_timeout = 3 }\n", "does not belong into a target section" },
		{ "target nobody {\n}\n", "t.conf:2: target \"nobody\": want a name" },
		{ "target iqn.a1 { }\ntarget iqn.a1 { }\n", "found duplicate title" },
		{ "target iqn.a1 { lun 0 { backing-store = a }\nlun 0 { backing-store = b } }\n",
		  "found duplicate title" },
		{ "target iqn.a1 { lun 0 { backing-store = a }\nlun 00 { backing-store = b } }\n",
		  "t.conf:2: LUN b: target iqn.a1 has a LUN 0 already" },
		{ "target iqn.a1 {\nlun x { backing-store = a } }\n", "t.conf:2: lun \"x\": want" },
		{ "target iqn.a1 {\nlun 16384 { backing-store = a } }\n", "want a number from 0 to" },
		{ "target iqn.a1 {\nlun 1 { readonly = 1 } }\n", "lun \"1\" has no backing-store" },
		{ "target iqn.a1 {\nlun 1 { backing-store = a\nblock-size = 1024 } }\n",
		  "t.conf:3: block-size \"1024\": want 512 or 4096" },
		{ "MaxBurstLength = 511\n", "t.conf:1: MaxBurstLength \"511\": want 512 to" },
		{ "MaxRecvDataSegmentLength = 262145\n", "want 512 to 262144" },
		{ "MaxCommands = 0\n", "want 1 to 1024" },
		{ "HeaderDigest = MD5\n", "HeaderDigest \"MD5\"" },
		{ "removable = 1\n", "only \"0\" can be had" },
		{ "vendor_id = TooLongAName\n target iqn.a1 {\n lun 1 { backing-store = a }\n}\n",
		  "t.conf:3: vendor_id \"TooLongAName\": want at most 8" },
		{ "target iqn.a1 {\n lun 1 { backing-store = a\n scsi_sn = \"\303\244\" }\n}\n",
		  "all of them ASCII" },
		{ "target iqn.a1 {\n lun 1 { backing-store = a\n rotation_rate = 600 }\n}\n",
		  "rotation_rate \"600\"" },
		{ "target iqn.a1 {\n initiator-address = '10.0.0.0/33'\n}\n", "t.conf:2: initiator" },
		{ "target iqn.a1 {\n incominguser = 'anna'\n}\n", "t.conf:2: user anna has no password" },
		{ "target iqn.a1 {\n outgoinguser = 'disk s'\n}\n", "needs an incoming user" },
		{ "target iqn.a1 {\n incominguser = 'anna s'\n outgoinguser = 'disk s'\n}\n",
		  "two directions must differ" },
		{ "outgoingdiscoveryuser = 'disk s'\n", "needs an incomingdiscoveryuser" },
		{ "target iqn.a1 { controller_tid = 3 }\ntarget iqn.b1 { controller_tid = 3 }\n",
		  "has controller_tid 3, too" },
		{ "target iqn.a1 { controller_tid = 0 }\n", "controller_tid \"0\"" },
		{ "target iqn.a1 {\n lun 1 {\n", "has no end" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		refuse(w, rows[i].text, rows[i].why);
}

static void what_cannot_be_had_is_said(void **state)
{
	struct world *w = *state;

	take(w, "MaxConnections = 4\nErrorRecoveryLevel = 2\nDefaultTime2Retain = 20\n"
		"IFMarker = Yes\n");
	assert_non_null(strstr(w->notes, "t.conf:1: MaxConnections \"4\" is not applied"));
	assert_non_null(strstr(w->notes, "t.conf:2: ErrorRecoveryLevel"));
	assert_non_null(strstr(w->notes, "t.conf:3: DefaultTime2Retain"));
	assert_non_null(strstr(w->notes, "t.conf:4: IFMarker is ignored"));
	assert_int_equal(w->conf.keys.offer.max_connections, 1);
	assert_int_equal(w->conf.keys.offer.time2retain_s, 0);
}

static void two_units_of_one_name_are_kept_apart(void **state)
{
	struct world *w = *state;
	const struct target_conf_target *t;

	take(w, "target iqn.a1 { scsi_sn = same\n lun 0 { backing-store = a }\n"
		" lun 1 { backing-store = b }\n lun 2 { backing-store = c scsi_id = own } }\n");
	t = target(w, "iqn.a1");
	assert_non_null(strstr(w->notes, "LUN 1 has the scsi_sn of LUN 0"));
	assert_true(target_conf_lun(t, 0)->shared_id && target_conf_lun(t, 1)->shared_id);
	assert_false(target_conf_lun(t, 2)->shared_id);
}

static char *printed(const struct target_conf *c, bool secrets)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	target_conf_print(c, secrets, f);
	fclose(f);
	return text;
}

static const char everything[] =
	"listen = {'127.0.0.1:0', '[::1]:3261'}\nopen = yes\nuser = 'nobody:nogroup'\n"
	"login_timeout = 250ms\nnop_interval = 7\nnop_count = 3\nmax_connections = 9\n"
	"max_connections_per_address = 3\nImmediateData = No\nthin_provisioning = 0\n"
	"incomingdiscoveryuser = {'d1 s1', 'd2 s2'}\noutgoingdiscoveryuser = 'd3 s3'\n"
	"target 'iqn.a1' {\n controller_tid = 4\n HeaderDigest = CRC32C\n DataDigest = None\n"
	" InitialR2T = Yes\n MaxRecvDataSegmentLength = 8192\n MaxXmitDataSegmentLength = 16384\n"
	" FirstBurstLength = 4096\n MaxBurstLength = 65536\n MaxOutstandingR2T = 2\n"
	" DefaultTime2Wait = 5\n MaxCommands = 16\n RedirectAddress = '[::1]'\n RedirectPort = 860\n"
	" RedirectReason = Permanent\n initiator-name = {'iqn.h1', 'iqn.h2'}\n"
	" initiator-address = 'fd00::/8'\n incominguser = {'a b\\\\c\\'d \"e', 'f ${HOME}'}\n"
	" outgoinguser = 'g h'\n vendor_id = \"A B\"\n"
	" lun 0 { backing-store = 'null:1G' block-size = 4096 la_lba = 7\n"
	"  online = 0 optimal_xfer_gran = 8 optimal_xfer_len = 100 rotation_rate = 7200 readonly = 1\n"
	"  write-cache = off thin_provisioning = 1 product_id = P product_rev = R\n"
	"  scsi_id = 'some id' scsi_sn = 'some sn' }\n"
	" lun 300 { backing-store = 'ram:1M' write-cache = volatile lbppbe = 0 }\n}\n"
	"target 'iqn.b1' { lun 0 { backing-store = 'ram:1M' } }\n";

static void what_is_printed_is_read_back_the_same(void **state)
{
	struct world *w = *state;
	char *once, *twice;

	take(w, everything);
	once = printed(&w->conf, true);
	take(w, once);
	twice = printed(&w->conf, true);
	assert_string_equal(once, twice);
	assert_string_equal(access_account(&target(w, "iqn.a1")->access, ACCESS_INCOMING,
					   "a")->secret, "b\\c'd \"e");
	assert_string_equal(access_account(&target(w, "iqn.a1")->access, ACCESS_INCOMING,
					   "f")->secret, "${HOME}");
	free(once);
	free(twice);
}

static void what_is_printed_for_others_has_no_secrets(void **state)
{
	struct world *w = *state;
	char *text;

	take(w, everything);
	text = printed(&w->conf, false);
	assert_null(strstr(text, "s1"));
	assert_null(strstr(text, "\"e"));
	assert_non_null(strstr(text, "incominguser = {'a', 'f'}"));
	free(text);
}

/* What a server is that was made from @text, printed. */
static char *applied(struct world *w, const char *text)
{
	struct target_conf now;
	struct server s;
	char *out;

	take(w, text);
	server_init(&s);
	if (target_apply(&w->conf, &s, note, w, &w->err))
		fail_msg("%s", w->err.text);
	assert_int_equal(s.limits.ping_timeout, 21000);
	assert_int_equal(s.limits.connections_per_address, 3);
	assert_int_equal(server_target(&s, "iqn.b1")->tid, 5);
	target_conf_init(&now);
	assert_int_equal(target_apply_capture(&now, &s, &w->err), 0);
	out = printed(&now, true);
	target_conf_fini(&now);
	server_fini(&s);
	return out;
}

static void what_is_applied_can_be_captured(void **state)
{
	static const char *const want[] = {
		"open = 'Yes'\n", "user = 'nobody:nogroup'\n",
		"controller_tid = 4\n", "\tscsi_id = 'some id'\n", "\trotation_rate = '7200'\n",
		"\tlbppbe = '0'\n", "lun '300'", "write-cache = 'volatile'", "MaxCommands = '16'",
		"online = '0'", "initiator-name = {'iqn.h1', 'iqn.h2'}", "outgoinguser = {'g h'}",
		"incomingdiscoveryuser = {'d1 s1', 'd2 s2'}", "readonly = '1'", "login_timeout = '250ms'",
	};
	char *once = applied(*state, everything), *twice = applied(*state, once);

	assert_string_equal(once, twice);
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		if (!strstr(once, want[i]))
			fail_msg("no %s", want[i]);
	}
	free(once);
	free(twice);
}

static void discovery_is_never_asked_for_digests(void **state)
{
	struct world *w = *state;
	struct server s;

	server_init(&s);
	take(w, "HeaderDigest = CRC32C\nDataDigest = CRC32C\n"
		"target iqn.a1 { lun 0 { backing-store = 'ram:1M' } }\n");
	assert_int_equal(target_apply(&w->conf, &s, note, w, &w->err), 0);
	assert_int_equal(s.offer.header_digest, PARAMS_DIGEST_PREFERRED);
	assert_int_equal(s.offer.data_digest, PARAMS_DIGEST_PREFERRED);
	assert_int_equal(server_target(&s, "iqn.a1")->offer.data_digest, PARAMS_DIGEST_REQUIRED);
	server_fini(&s);
}

static void a_disk_that_is_missing_changes_nothing(void **state)
{
	struct world *w = *state;
	struct server s;

	server_init(&s);
	take(w, "max_connections = 3\ntarget iqn.a1 { lun 0 { backing-store = 'ram:1M' } }\n"
		"target iqn.b1 {\n lun 0 { backing-store = missing }\n}\n");
	assert_int_not_equal(target_apply(&w->conf, &s, note, w, &w->err), 0);
	assert_non_null(strstr(w->err.text, "t.conf:4: LUN missing"));
	assert_true(list_empty(&s.targets));
	assert_int_equal(s.limits.connections, 256);
	take(w, "target iqn.a1 { lun 0 { backing-store = 'ram:1M' } }\n");
	assert_int_equal(target_apply(&w->conf, &s, note, w, &w->err), 0);
	take(w, "target iqn.b1 { }\ntarget iqn.a1 { }\n");
	assert_int_equal(target_apply(&w->conf, &s, note, w, &w->err), -ERR_EXISTS);
	assert_null(server_target(&s, "iqn.b1"));
	server_fini(&s);
}

static void a_disk_that_is_missing_can_be_left_out(void **state)
{
	struct world *w = *state;
	struct server s;

	server_init(&s);
	take(w, "target iqn.a1 { lun 0 { backing-store = missing }\n"
		" lun 1 { backing-store = 'ram:1M' } }\n");
	w->conf.ignore_errors = true;		/* of a targets.conf */
	assert_int_equal(target_apply(&w->conf, &s, note, w, &w->err), 0);
	assert_non_null(strstr(w->notes, "t.conf:1: LUN missing"));
	assert_null(target_lun(server_target(&s, "iqn.a1"), 0));
	assert_non_null(target_lun(server_target(&s, "iqn.a1"), 1));
	server_fini(&s);
}

static void a_key_can_be_set_later(void **state)
{
	struct world *w = *state;
	struct setting_note n;
	struct target *t;

	assert_int_equal(target_new(&t, "iqn.a1", &w->err), 0);
	assert_int_equal(target_apply_key(t, "MaxBurstLength", "4096", &n, &w->err), 0);
	assert_int_equal(t->offer.max_burst_bytes, 4096);
	assert_int_equal(t->offer.first_burst_bytes, 4096);
	assert_int_equal(target_apply_key(t, "MaxCommands", "3", &n, &w->err), 0);
	assert_int_equal(t->window, 3);
	assert_int_equal(t->offer.max_burst_bytes, 4096);
	assert_int_equal(target_apply_key(t, "MaxConnections", "3", &n, &w->err), 0);
	assert_non_null(strstr(n.text, "not applied"));
	assert_int_not_equal(target_apply_key(t, "readonly", "1", &n, &w->err), 0);
	w->err = (struct err)ERR_INIT;
	assert_int_not_equal(target_apply_key(t, "MaxBurst", "1", &n, &w->err), 0);
	target_free(t);
}

static void each_level_has_its_keys(void **state)
{
	(void)state;
	assert_string_equal(target_keys_all.rows[0].name, "login_timeout");
	assert_string_equal(target_keys_of_target.rows[0].name, "HeaderDigest");
	assert_string_equal(target_keys_of_lun.rows[0].name, "block-size");
	assert_null(settings_find(&target_keys_of_target, "user"));
	assert_null(settings_find(&target_keys_of_lun, "MaxCommands"));
}

/* What a cat on the keyboard writes may be refused or taken, and nothing else. */
static void nothing_in_a_file_crashes(void **state)
{
	static const char *const words[] = {
		"target", "lun", "iqn.a1", "iqn.b1", "{", "}", "=", "\n", "0", "1", "'", "\"",
		"backing-store", "'ram:1M'", "incominguser", "'a b'", ",", "readonly", "listen",
		"#", "/*", "+=", "${X}", "(", ")", "include", "\\", "MaxBurstLength",
	};
	struct world *w = *state;
	uint32_t seed = 7;

	for (int round = 0; round < 400; round++) {
		char text[512] = "";

		for (size_t at = 0; at < 400;) {
			seed = seed * 1664525 + 1013904223;
			if (seed >> 24 < 6)
				break;
			at += (size_t)sprintf(text + at, "%s ",
					      words[(seed >> 8) % ARRAY_SIZE(words)]);
		}
		if (try(w, text))
			assert_true(*w->err.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(levels_inherit_wherever_a_key_stands, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(units_of_two_targets_may_have_one_number,
						world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(rules_and_accounts_are_read, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(passwords_may_live_elsewhere, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(passwords_that_others_may_read_are_refused,
						world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(sections_have_a_limit, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(mistakes_are_told_with_their_place, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_had_is_said, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(two_units_of_one_name_are_kept_apart, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(what_is_printed_is_read_back_the_same, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(what_is_printed_for_others_has_no_secrets,
						world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(what_is_applied_can_be_captured, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(discovery_is_never_asked_for_digests, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(a_disk_that_is_missing_changes_nothing, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(a_disk_that_is_missing_can_be_left_out, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(a_key_can_be_set_later, world_setup, world_teardown),
		cmocka_unit_test(each_level_has_its_keys),
		cmocka_unit_test_setup_teardown(nothing_in_a_file_crashes, world_setup,
						world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
