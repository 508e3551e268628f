/* SPDX-License-Identifier: BSD-2-Clause */
/* tgt's targets.conf: its grammar, what its keys become, and files that mean no good. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "target/tgt_conf.h"
#include "target/tgt_rules.h"

struct world {
	char dir[64];
	struct target_conf conf;
	struct err err;
	char notes[16384];
};

static int world_setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	snprintf(w->dir, sizeof(w->dir), "%s/iscsifs.XXXXXX", getenv("TMPDIR") ?: "/tmp");
	assert_non_null(mkdtemp(w->dir));
	assert_int_equal(chdir(w->dir), 0);
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

static void write_bytes(const char *path, const char *text, size_t len)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	fclose(f);
	assert_int_equal(chmod(path, 0600), 0);
}

static void write_file(const char *path, const char *text)
{
	write_bytes(path, text, strlen(text));
}

static int read_it(struct world *w)
{
	target_conf_fini(&w->conf);
	target_conf_init(&w->conf);
	w->err = (struct err)ERR_INIT;
	w->notes[0] = 0;
	if (tgt_conf_read(&w->conf, "t.conf", note, w, &w->err))
		return -(int)w->err.code;
	return target_conf_check(&w->conf, note, w, &w->err);
}

static int try(struct world *w, const char *text)
{
	write_file("t.conf", text);
	return read_it(w);
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

static void noted(const struct world *w, const char *what)
{
	if (!strstr(w->notes, what))
		fail_msg("%s\nwant \"%s\"", w->notes, what);
}

static const struct target_conf_target *target(const struct world *w, const char *name)
{
	const struct target_conf_target *t = target_conf_target(&w->conf, name);

	assert_non_null(t);
	return t;
}

static const struct target_conf_lun *lun(const struct world *w, const char *name, unsigned number)
{
	const struct target_conf_lun *l = target_conf_lun(target(w, name), number);

	if (!l)
		fail_msg("%s has no LUN %u", name, number);
	return l;
}

/* What the Arch wiki shows, keys that stand after the target included. */
static void a_file_from_a_wiki_is_read(void **state)
{
	struct world *w = *state;
	const struct target_conf_target *t;
	const struct target_conf_lun *l;

	take(w, "<target iqn.2004-01.nl.xtg:iscsi-server1>\n"
		" direct-store /dev/sdb\n"
		" write-cache on\n"
		" initiator-address ALL\n"
		" incominguser gebruiker wachtwoord\n"
		" scsi_id 00010001\n"
		" vendor_id XTG\n"
		" lun 12\n"
		"</target>\n"
		"\n"
		"MaxRecvDataSegmentLength 131072\n"
		"MaxXmitDataSegmentLength 131072\n"
		"MaxBurstLength 262144\n"
		"FirstBurstLength 262144\n"
		"TargetRecvDataSegmentLength=262144\n"
		"InitiatorRecvDataSegmentLength=262144\n"
		"MaxOutstandingUnexpectedPDUs=0\n"
		"MaxOutstandingR2T=1\n"
		"MaxCommands=128\n");
	t = target(w, "iqn.2004-01.nl.xtg:iscsi-server1");
	l = lun(w, t->name, 12);
	assert_string_equal(l->backing, "/dev/sdb");
	assert_string_equal(l->keys.scsi_id, "00010001");
	assert_string_equal(l->keys.vendor_id, "XTG");
	assert_int_equal(l->keys.write_cache, TARGET_CACHE_ON);
	assert_int_equal(l->keys.thin, 0);
	assert_string_equal(access_account(&t->access, ACCESS_INCOMING, "gebruiker")->secret,
			    "wachtwoord");
	assert_int_equal(list_first(&t->access.addresses, struct access_entry, link)->family, 0);
	assert_int_equal(t->keys.offer.max_recv_bytes, 131072);
	assert_int_equal(t->keys.offer.max_send_bytes, 131072);
	assert_int_equal(t->keys.offer.max_burst_bytes, 262144);
	assert_int_equal(t->keys.offer.first_burst_bytes, 262144);
	assert_int_equal(t->keys.offer.max_outstanding_r2t, 1);
	assert_int_equal(t->keys.max_commands, 128);
	noted(w, "t.conf:11: MaxRecvDataSegmentLength stands outside of targets");
	noted(w, "t.conf:15: TargetRecvDataSegmentLength is ignored");
	noted(w, "t.conf:16: InitiatorRecvDataSegmentLength is ignored");
	noted(w, "t.conf:17: MaxOutstandingUnexpectedPDUs is ignored");
	noted(w, "t.conf:2: direct-store /dev/sdb is served as a backing-store");
}

static void units_have_the_numbers_that_tgt_gives(void **state)
{
	struct world *w = *state;

	take(w, "<target iqn.a1>\n direct-store /d/2\n backing-store /b/2\n direct-store /d/1\n"
		" backing-store /b/1\n</target>\n");
	assert_string_equal(lun(w, "iqn.a1", 1)->backing, "/b/1");
	assert_string_equal(lun(w, "iqn.a1", 2)->backing, "/b/2");
	assert_string_equal(lun(w, "iqn.a1", 3)->backing, "/d/1");
	assert_string_equal(lun(w, "iqn.a1", 4)->backing, "/d/2");
	take(w, "<target iqn.a1>\n <backing-store /c>\n lun 2\n </backing-store>\n"
		" <backing-store /a>\n </backing-store>\n <direct-store /b>\n </direct-store>\n"
		" <direct-store /z>\n lun 0\n </direct-store>\n</target>\n");
	assert_string_equal(lun(w, "iqn.a1", 0)->backing, "/z");
	assert_string_equal(lun(w, "iqn.a1", 1)->backing, "/a");
	assert_string_equal(lun(w, "iqn.a1", 2)->backing, "/c");
	assert_string_equal(lun(w, "iqn.a1", 3)->backing, "/b");
}

static void targets_have_the_numbers_that_tgt_gives(void **state)
{
	struct world *w = *state;

	take(w, "<target iqn.c1>\n backing-store /c\n</target>\n"
		"<target iqn.a1>\n backing-store /a\n</target>\n"
		"<target iqn.b1>\n backing-store /b\n controller_tid 10\n</target>\n");
	assert_int_equal(target(w, "iqn.a1")->tid, 1);
	assert_int_equal(target(w, "iqn.b1")->tid, 10);
	assert_int_equal(target(w, "iqn.c1")->tid, 11);
}

static void keys_of_a_target_hold_for_its_stores(void **state)
{
	struct world *w = *state;

	take(w, "<target iqn.a1>\n backing-store /a\n <backing-store /b>\n  write-cache on\n"
		"  vendor_id OTHER\n  readonly 1\n </backing-store>\n write-cache off\n"
		" vendor_id MyCompany Inc.\n params thin_provisioning=1,rotation_rate=7200\n"
		" block-size 4096\n online 0\n</target>\n");
	assert_int_equal(lun(w, "iqn.a1", 1)->keys.write_cache, TARGET_CACHE_OFF);
	assert_int_equal(lun(w, "iqn.a1", 2)->keys.write_cache, TARGET_CACHE_ON);
	assert_string_equal(lun(w, "iqn.a1", 1)->keys.vendor_id, "MyCompan");
	assert_string_equal(lun(w, "iqn.a1", 2)->keys.vendor_id, "OTHER");
	assert_int_equal(lun(w, "iqn.a1", 1)->keys.readonly, 0);
	assert_int_equal(lun(w, "iqn.a1", 2)->keys.readonly, 1);
	assert_int_equal(lun(w, "iqn.a1", 2)->keys.thin, 1);
	assert_int_equal(lun(w, "iqn.a1", 2)->keys.rotation_rate, 7200);
	assert_int_equal(lun(w, "iqn.a1", 2)->keys.online, 0);
	assert_int_equal(target_keys_block_bytes(&lun(w, "iqn.a1", 2)->keys), 4096);
	noted(w, "vendor_id \"MyCompany Inc.\" is cut to \"MyCompan\"");
}

static void the_grammar_is_config_generals(void **state)
{
	struct world *w = *state;
	const struct access *a;

	take(w, "# a comment\n\n<target iqn.a1>   # another\n\tbacking-store = \"/a b\"\n"
		"  vendor_id\t \"  X\" # blanks\r\n product_id   tab  two\n"
		" product_rev=1\\#2\n scsi_id a\\\n    b \\\n  c\n scsi_sn = x=y\n"
		" incominguser  joe \t s\\\"e\\\\c\n initiator-name iqn.h1\n initiator-name iqn.h2\n"
		"</target>\n<target \"iqn.b1\">\n</target>\n<target iqn.a1>\n"
		" backing-store /c\n</target>");
	assert_string_equal(lun(w, "iqn.a1", 1)->backing, "/a b");
	assert_string_equal(lun(w, "iqn.a1", 2)->backing, "/c");
	assert_string_equal(lun(w, "iqn.a1", 1)->keys.vendor_id, "  X");
	assert_string_equal(lun(w, "iqn.a1", 1)->keys.product_id, "tab  two");
	assert_string_equal(lun(w, "iqn.a1", 1)->keys.product_rev, "1#2");
	assert_string_equal(lun(w, "iqn.a1", 1)->keys.scsi_id, "ab c");
	assert_string_equal(lun(w, "iqn.a1", 1)->keys.scsi_sn, "x=y");
	a = &target(w, "iqn.a1")->access;
	assert_string_equal(access_account(a, ACCESS_INCOMING, "joe")->secret, "s\"e\\c");
	assert_string_equal(list_last(&a->names, struct access_entry, link)->text, "iqn.h2");
	assert_int_equal(w->conf.target_count, 2);
}

static void a_line_is_counted_with_its_continuations(void **state)
{
	refuse(*state, "<target iqn.a1>\n scsi_id a\\\n b\\\n c\n nonsense\n</target>\n", "t.conf:5: ");
}

static void includes_are_read_where_they_stand(void **state)
{
	struct world *w = *state;

	assert_int_equal(mkdir("d", 0700), 0);
	write_file("d/a.conf", "<target iqn.a1>\n backing-store /a\n</target>\n");
	write_file("d/b.conf", "<target iqn.b1>\n backing-store /b\n include acl\n</target>\n");
	write_file("acl", "initiator-address 192.0.2.1\n");
	take(w, "include d/*.conf\ninclude nowhere/*.conf\n");
	assert_string_equal(lun(w, "iqn.a1", 1)->backing, "/a");
	assert_int_equal(list_empty(&target(w, "iqn.b1")->access.addresses), 0);
	assert_string_equal(target(w, "iqn.b1")->where, "d/b.conf:1");
	take(w, "Include \"d\"\n");
	assert_int_equal(w->conf.target_count, 2);
	take(w, "<<include d/a.conf>>\n");
	assert_int_equal(w->conf.target_count, 1);
	refuse(w, "\ninclude nowhere\n", "t.conf:2: include nowhere: No such file");
	write_file("d/c.conf", "<target iqn.c1>\n nonsense 1\n</target>\n");
	refuse(w, "include d/*\n", "d/c.conf:2: unknown key \"nonsense\"");
	write_file("d/c.conf", "<target iqn.c1>\n");
	refuse(w, "include d/*\n", "opens or closes a block");
	refuse(w, "include t.conf\n", "does one include itself?");
	assert_int_equal(mkfifo("d/c.pipe", 0600), 0);
	refuse(w, "include d/c.pipe\n", "no regular file");
}

static void both_classes_of_rules_must_match(void **state)
{
	struct world *w = *state;

	take(w, "<target iqn.a1>\n backing-store /a\n initiator-name iqn.h1\n</target>\n");
	noted(w, "initiator-name restricts target iqn.a1; tgt would let everybody in");
	take(w, "<target iqn.a1>\n backing-store /a\n initiator-name iqn.h1\n"
		" initiator-address 10.0.0.0/8\n initiator-address [fd00::1]\n</target>\n");
	assert_string_equal(w->notes, "");
}

static void discovery_has_accounts(void **state)
{
	struct world *w = *state;

	take(w, "incomingdiscoveryuser d1 s1\noutgoingdiscoveryuser d2 s2\n");
	assert_string_equal(access_account(&w->conf.discovery, ACCESS_INCOMING, "d1")->secret, "s1");
	assert_string_equal(access_account(&w->conf.discovery, ACCESS_OUTGOING, "d2")->secret, "s2");
}

static void passwords_that_others_may_read_are_said(void **state)
{
	struct world *w = *state;

	write_file("t.conf", "<target iqn.a1>\n incominguser a hunter2\n backing-store /a\n</target>\n");
	assert_int_equal(chmod("t.conf", 0644), 0);
	assert_int_equal(read_it(w), 0);
	noted(w, "t.conf:2: there is a password in it, and others may read the file");
	assert_null(strstr(w->notes, "hunter2"));
}

#define IN_TARGET(text)	"<target iqn.a1>\n backing-store /a\n " text "\n</target>\n"

static void mistakes_are_told_with_their_place(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ IN_TARGET("initiator-adress 10.0.0.1"),
		  "t.conf:3: unknown key \"initiator-adress\", did you mean initiator-address?" },
		{ IN_TARGET("maxburstlength 512"), "did you mean MaxBurstLength?" },
		{ IN_TARGET("NONE:n"), "unknown key" },
		{ IN_TARGET("default-driver iscsi"), "default-driver does not belong here" },
		{ "initiator-address 10.0.0.1\n", "initiator-address does not belong here" },
		{ "backing-store /a\n", "t.conf:1: a backing-store belongs into a target" },
		{ IN_TARGET("driver iser"), "t.conf:3: driver iser: only iscsi" },
		{ "default-driver iser\n", "only iscsi is spoken here" },
		{ IN_TARGET("device-type cd"), "there are only disks here" },
		{ IN_TARGET("removable 1"), "the disks stay in" },
		{ IN_TARGET("sense_format 1"), "format of sense data" },
		{ IN_TARGET("bs-type rbd"), "only files and block devices" },
		{ IN_TARGET("bs-type sg"), "only files and block devices" },
		{ IN_TARGET("bs-type glfs"), "only files and block devices" },
		{ IN_TARGET("bs-type sheepdog"), "only files and block devices" },
		{ IN_TARGET("path /x"), "has its path already" },
		{ IN_TARGET("params element_type=4"), "a disk has no element_type" },
		{ IN_TARGET("params thin_provisioning"), "want key=value" },
		{ IN_TARGET("block-size 1024"), "want 512 or 4096" },
		{ IN_TARGET("MaxBurstLength 1"), "t.conf:3: MaxBurstLength \"1\": want 512" },
		{ IN_TARGET("MaxRecvDataSegmentLength 16777216"), "want 512 to 262144" },
		{ IN_TARGET("initiator-address 10.0.0.1/33"), "t.conf:3: initiator address" },
		{ IN_TARGET("initiator-name nobody"), "t.conf:3: initiator name" },
		{ IN_TARGET("incominguser joe"), "want a user and a password" },
		{ IN_TARGET("incominguser joe two words"), "without blanks" },
		{ IN_TARGET("incominguser joe s\n outgoinguser us s"), "two directions must differ" },
		{ IN_TARGET("outgoinguser us s"), "needs an incoming user" },
		{ IN_TARGET("write-cache on\n write-cache off"), "t.conf:4: write-cache is given twice" },
		{ IN_TARGET("backing-store /b\n lun 3"), "lun outside of a store, and there are 2" },
		{ IN_TARGET("lun 20000"), "want a number from 0 to 16383" },
		{ IN_TARGET("<backing-store /b>\n lun 1\n </backing-store>\n<backing-store /c>\n"
			    " lun 1\n </backing-store>"), "has a LUN 1 already" },
		{ IN_TARGET("<backing-store>\n</backing-store>"), "a store wants a path" },
		{ IN_TARGET("<backing-store /b>\n"), "</target> where </backing-store> is due" },
		{ IN_TARGET("<target iqn.b1>"), "a <target> block has no place here" },
		{ "<other a>\n</other>\n", "a <other> block has no place here" },
		{ "<target iqn.a1>\n backing-store /a\n", "t.conf:1: the block that begins here" },
		{ "</target>\n", "t.conf:1: </target> ends nothing" },
		{ "<target iqn.a1\n</target>\n", "closed by >" },
		{ "<target nobody>\n</target>\n", "t.conf:1: target \"nobody\": want a name" },
		{ "<target>\n</target>\n", "want a name" },
		{ IN_TARGET("vendor_id \"a # b\""), "a quote has no end" },
		{ IN_TARGET("vendor_id <<EOF"), "here-documents" },
		{ IN_TARGET("controller_tid 0"), "controller_tid \"0\"" },
		{ "/* a comment */\n", "unknown key" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		refuse(w, rows[i].text, rows[i].why);
}

static void what_is_not_applied_is_said(void **state)
{
	static const struct {
		const char *text, *note;
	} rows[] = {
		{ "default-driver iscsi\n", "default-driver is ignored" },
		{ "control-port 3\n", "control-port is ignored" },
		{ "iSNS On\n", "iSNS is ignored" },
		{ "iSNSServerIP 192.0.2.1\n", "iSNSServerIP is ignored" },
		{ "iSNSServerPort 3205\n", "iSNSServerPort is ignored" },
		{ "iSNSAccessControl On\n", "iSNSAccessControl is ignored" },
		{ IN_TARGET("driver iscsi"), "t.conf:3: driver is ignored" },
		{ IN_TARGET("allow-in-use yes"), "allow-in-use is ignored" },
		{ IN_TARGET("sense_format 0"), "sense_format is ignored" },
		{ IN_TARGET("mode_page 8:0:18:0x10:0:0xff\n mode_page 1:0:1:1"),
		  "t.conf:4: mode_page is ignored" },
		{ IN_TARGET("bsopts x"), "bsopts is ignored" },
		{ IN_TARGET("bsoflags direct"), "bsoflags is ignored" },
		{ IN_TARGET("IFMarker No"), "IFMarker is ignored" },
		{ IN_TARGET("OFMarkInt Reject"), "OFMarkInt is ignored" },
		{ IN_TARGET("MaxConnections 8"), "MaxConnections \"8\" is not applied" },
		{ IN_TARGET("DefaultTime2Retain 20"), "DefaultTime2Retain \"20\" is not applied" },
		{ IN_TARGET("MaxRecvDataSegmentLength 1048576"), "262144 is the most here" },
		{ IN_TARGET("incominguser a b\n outgoinguser c d\n outgoinguser e f"),
		  "t.conf:5: outgoinguser e is not applied" },
		{ IN_TARGET("backing-store /a"), "/a is named more than once" },
		{ IN_TARGET("backing-store /b\n scsi_sn same"), "has the scsi_sn of LUN 1" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		take(w, rows[i].text);
		noted(w, rows[i].note);
	}
}

static void values_reach_their_place(void **state)
{
	struct world *w = *state;
	const struct target_keys *k;

	take(w, IN_TARGET("HeaderDigest None,CRC32C\n DataDigest CRC32C\n bsoflags sync\n"
			  " MaxQueueCmd 9\n InitialR2T Yes\n ImmediateData No\n la_lba 1\n lbppbe 0\n"
			  " optimal_xfer_gran 8\n optimal_xfer_len 9\n product_rev 12345"));
	k = &lun(w, "iqn.a1", 1)->keys;
	assert_int_equal(k->offer.header_digest, PARAMS_DIGEST_PREFERRED);
	assert_int_equal(k->offer.data_digest, PARAMS_DIGEST_REQUIRED);
	assert_int_equal(k->offer.initial_r2t, 1);
	assert_int_equal(k->offer.immediate_data, 0);
	assert_int_equal(k->write_cache, TARGET_CACHE_OFF);
	assert_int_equal(k->max_commands, 9);
	assert_int_equal(target(w, "iqn.a1")->keys.max_commands, 9);
	assert_int_equal(k->la_lba, 1);
	assert_int_equal(k->lbppbe, 0);
	assert_int_equal(k->optimal_xfer_gran, 8);
	assert_int_equal(k->optimal_xfer_len, 9);
	assert_string_equal(k->product_rev, "1234");
	take(w, IN_TARGET("bs-type null"));
	assert_string_equal(lun(w, "iqn.a1", 1)->backing, "null:1T");
}

static void errors_can_be_ignored_but_not_those_of_access(void **state)
{
	struct world *w = *state;

	take(w, IN_TARGET("nonsense 1\n<backing-store /tape>\n device-type tape\n</backing-store>")
		"ignore-errors yes\n");
	noted(w, "t.conf:3: unknown key \"nonsense\"");
	noted(w, "t.conf:4: /tape is left out");
	assert_int_equal(target(w, "iqn.a1")->lun_count, 1);
	assert_true(w->conf.ignore_errors);
	refuse(w, "ignore-errors yes\n" IN_TARGET("initiator-address nonsense"), "initiator address");
	refuse(w, "ignore-errors yes\n" IN_TARGET("incominguser joe"), "want a user and a password");
	refuse(w, "ignore-errors yes\n" IN_TARGET("driver iser"), "only iscsi");
	refuse(w, "ignore-errors yes\n" IN_TARGET("initiator-adress 10.0.0.1\n<x>"), "has no place");
}

static void a_typo_in_a_rule_never_opens_a_target(void **state)
{
	refuse(*state, "ignore-errors yes\n" IN_TARGET("initiator-adress 10.0.0.1"),
	       "did you mean initiator-address");
	refuse(*state, "ignore-errors yes\n" IN_TARGET("incomingusr joe secret"),
	       "did you mean incominguser");
}

static void hostile_files_are_refused(void **state)
{
	struct world *w = *state;
	static char big[2 << 20];

	memset(big, 'x', sizeof(big));
	write_bytes("t.conf", big, sizeof(big));
	assert_int_not_equal(read_it(w), 0);
	write_bytes("t.conf", big, 5000);
	assert_int_not_equal(read_it(w), 0);
	assert_non_null(strstr(w->err.text, "t.conf:1: a line of more than"));
	for (size_t i = 0; i < 9000; i += 2)
		memcpy(big + i, "\\\n", 2);
	write_bytes("t.conf", big, 9000);
	assert_int_not_equal(read_it(w), 0);
	assert_non_null(strstr(w->err.text, "unknown key \"\\\""));
	write_bytes("t.conf", "a\0b", 3);
	assert_int_not_equal(read_it(w), 0);
	assert_non_null(strstr(w->err.text, "NUL"));
	assert_int_equal(unlink("t.conf"), 0);
	assert_int_equal(mkdir("t.conf", 0700), 0);
	assert_int_not_equal(read_it(w), 0);
}

static void a_target_with_too_many_stores_is_refused(void **state)
{
	struct world *w = *state;
	FILE *f = fopen("t.conf", "w");

	fputs("<target iqn.a1>\n", f);
	for (int i = 0; i < 1100; i++)
		fprintf(f, " backing-store /%d\n", i);
	fputs("</target>\n", f);
	fclose(f);
	assert_int_not_equal(read_it(w), 0);
	assert_non_null(strstr(w->err.text, "t.conf:1026: a target has 1024 stores at most"));
}

/* Pieces of true files, put together at random and bent. */
static void nothing_in_a_file_crashes(void **state)
{
	static const char *const words[] = {
		"<target iqn.a1>\n", "</target>\n", "<backing-store /a>\n", "</backing-store>\n",
		"backing-store /b\n", "direct-store", "<", ">", "/", "\n", " ", "\t", "=", "\"", "\\",
		"\\\n", "#", "include t.conf\n", "include .\n", "<<include", ">>", "incominguser a b\n",
		"initiator-address", " ALL\n", "params", " a=b,", "lun", " 1\n", "MaxBurstLength",
		"ignore-errors yes\n", "\r", "\377", "scsi_sn", "<direct-store>\n",
	};
	struct world *w = *state;
	uint32_t seed = 11;

	for (int round = 0; round < 500; round++) {
		char text[1024] = "";

		for (size_t at = 0; at < 900;) {
			seed = seed * 1664525 + 1013904223;
			if (seed >> 24 < 6)
				break;
			at += (size_t)sprintf(text + at, "%s",
					      words[(seed >> 8) % ARRAY_SIZE(words)]);
		}
		if (try(w, text))
			assert_true(*w->err.text);
	}
}

static void each_rule_of_a_setting_has_its_row(void **state)
{
	(void)state;
	for (const struct tgt_rule *r = tgt_rules; r->key; r++) {
		if (r->action == TGT_DO_SETTING &&
		    !settings_find(&target_keys_all, r->setting ? r->setting : r->key))
			fail_msg("%s", r->key);
		if (r->class != TGT_HONOURED)
			assert_non_null(r->note);
	}
}

#define CASE(name)	cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_file_from_a_wiki_is_read),
		CASE(units_have_the_numbers_that_tgt_gives),
		CASE(targets_have_the_numbers_that_tgt_gives),
		CASE(keys_of_a_target_hold_for_its_stores),
		CASE(the_grammar_is_config_generals),
		CASE(a_line_is_counted_with_its_continuations),
		CASE(includes_are_read_where_they_stand),
		CASE(both_classes_of_rules_must_match),
		CASE(discovery_has_accounts),
		CASE(passwords_that_others_may_read_are_said),
		CASE(mistakes_are_told_with_their_place),
		CASE(what_is_not_applied_is_said),
		CASE(values_reach_their_place),
		CASE(errors_can_be_ignored_but_not_those_of_access),
		CASE(a_typo_in_a_rule_never_opens_a_target),
		CASE(hostile_files_are_refused),
		CASE(a_target_with_too_many_stores_is_refused),
		CASE(nothing_in_a_file_crashes),
		cmocka_unit_test(each_rule_of_a_setting_has_its_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
