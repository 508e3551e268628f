/* SPDX-License-Identifier: BSD-2-Clause */
/* The transport against real targets: what a session needs of it, and what it does when they die. */
#include "unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dialler.h"
#include "peer.h"

enum { BLOCK = 512, READS = 64, BIG = 262144, BIGS = 32 };

static struct peer peer;

struct probe {
	struct transport_cmd cmd;
	unsigned done;
	unsigned *all;
};

static void probe_done(struct transport_cmd *cmd)
{
	struct probe *p = container_of(cmd, struct probe, cmd);

	p->done++;
	if (p->all)
		++*p->all;
}

static struct lun_addr lun(void)
{
	return lun_addr_of(PEER_LUN);
}

static void dial(struct dialler *d, const char *target)
{
	struct transport_param param = dialler_param(peer.portal, target);

	assert_true(dialler_dial(d, &param));
}

/* A login is greeted with unit attentions: ask until they are gone. */
static void calm(struct dialler *d)
{
	struct probe p = { .cmd.done = probe_done };
	uint8_t cdb[CDB_MAX];
	unsigned len = cdb_test_unit_ready(cdb);

	for (unsigned i = 1; i < 10; i++) {
		assert_int_equal(transport_command(d->tp, &p.cmd, lun(), cdb, len, NULL, 0, NULL, 0),
				 0);
		assert_true(dialler_wait(d, &p.done, i));
		if (p.cmd.status == SCSI_GOOD)
			return;
		assert_int_equal(p.cmd.sense.key, SENSE_UNIT_ATTENTION);
	}
	fail();
}

static void a_login_says_what_was_negotiated(void **state)
{
	struct dialler d;

	(void)state;
	dial(&d, PEER_OPEN);
	assert_in_range(d.limits.max_send_bytes, 8192, 262144);
	assert_int_equal(d.limits.max_burst_bytes, 262144);
	assert_in_range(d.limits.first_burst_bytes, 65536, 262144);
	assert_int_equal(d.limits.tpgt, 1);
	assert_true(d.limits.immediate_data);
	assert_false(d.limits.chap);
	assert_false(d.limits.header_digest);
	assert_int_equal(d.limits.time2wait, 2000);
	assert_memory_equal(transport_local(d.tp), "127.0.0.1:", 10);
	assert_in_range(transport_silence(d.tp), 0, 1000);
	assert_int_equal(transport_queued(d.tp), 0);
	dialler_end(&d);
}

static void a_header_digest_is_negotiated_and_works(void **state)
{
	struct transport_param param = dialler_param(peer.portal, PEER_OPEN);
	struct dialler d;

	(void)state;
	param.header_digest = TRANSPORT_DIGEST_CRC32C;
	assert_true(dialler_dial(&d, &param));
	assert_true(d.limits.header_digest);
	calm(&d);
	dialler_end(&d);
}

static void a_demanded_header_digest_is_had_or_refused(void **state)
{
	struct transport_param param = dialler_param(peer.portal, PEER_SECRET);
	struct dialler d;

	(void)state;
	param.user = "user";
	param.password = "password-of-user";
	param.header_digest = TRANSPORT_DIGEST_CRC32C;
	if (dialler_dial(&d, &param)) {
		assert_true(d.limits.header_digest);
		calm(&d);
	} else {
		assert_int_equal(peer.kind, PEER_TGTD);	/* has it switched off here */
		assert_int_equal(d.loss.kind, TRANSPORT_LOSS_LOGIN);
	}
	dialler_end(&d);
}

static void a_command_brings_data(void **state)
{
	struct probe p = { .cmd.done = probe_done };
	uint8_t cdb[CDB_MAX], data[255] = { 0 };
	struct dialler d;

	(void)state;
	dial(&d, PEER_OPEN);
	calm(&d);
	assert_int_equal(transport_command(d.tp, &p.cmd, lun(), cdb,
					   cdb_inquiry(cdb, -1, sizeof(data)), data, sizeof(data),
					   NULL, 0), 0);
	assert_int_equal(p.done, 0);
	assert_true(dialler_wait(&d, &p.done, 1));
	assert_int_equal(p.cmd.status, SCSI_GOOD);
	assert_in_range(p.cmd.in_bytes, 36, 254);
	assert_true(!memcmp(data + 8, peer.kind == PEER_TGTD ? "IET " : "ISCSIFS ", 4));
	dialler_end(&d);
}

static void an_error_brings_sense(void **state)
{
	struct probe p = { .cmd.done = probe_done };
	uint8_t data[BLOCK];
	struct dialler d;

	(void)state;
	dial(&d, PEER_OPEN);
	calm(&d);
	assert_int_equal(transport_read(d.tp, &p.cmd, lun(), 1ull << 40, 1, BLOCK, data), 0);
	assert_true(dialler_wait(&d, &p.done, 1));
	assert_false(p.cmd.rejected);
	assert_int_equal(p.cmd.status, SCSI_CHECK_CONDITION);
	assert_int_equal(p.cmd.sense.key, SENSE_ILLEGAL_REQUEST);
	assert_int_equal(p.cmd.sense.code, SENSE_LBA_OUT_OF_RANGE);
	dialler_end(&d);
}

/* A write that fails at its first byte, while its data is still queued here. */
static void an_early_answer_to_a_write_waits_for_its_data_to_leave(void **state)
{
	struct probe p[8];
	uint8_t *data = calloc(1, BIG);
	unsigned all = 0;
	struct dialler d;

	(void)state;
	dial(&d, PEER_OPEN);
	calm(&d);
	for (unsigned i = 0; i < ARRAY_SIZE(p); i++) {
		p[i] = (struct probe){ .cmd.done = probe_done, .all = &all };
		assert_int_equal(transport_write(d.tp, &p[i].cmd, lun(), 1ull << 40, BIG / BLOCK,
						 BLOCK, data, false), 0);
	}
	assert_true(dialler_wait(&d, &all, ARRAY_SIZE(p)));
	for (unsigned i = 0; i < ARRAY_SIZE(p); i++)
		assert_int_equal(p[i].cmd.status, SCSI_CHECK_CONDITION);
	assert_int_equal(d.lost, 0);
	dialler_end(&d);
	free(data);
}

static void sixty_four_reads_are_in_flight_and_one_more_is_not(void **state)
{
	struct probe p[READS + 1];
	uint8_t *data = malloc((READS + 1) * BLOCK);
	unsigned all = 0;
	struct dialler d;

	(void)state;
	memset(data, 0xaa, (READS + 1) * BLOCK);
	dial(&d, PEER_OPEN);
	calm(&d);
	for (unsigned i = 0; i <= READS; i++) {
		p[i] = (struct probe){ .cmd.done = probe_done, .all = &all };
		assert_int_equal(transport_read(d.tp, &p[i].cmd, lun(), i, 1, BLOCK,
						data + i * BLOCK), i < READS ? 0 : -EAGAIN);
	}
	assert_int_equal(transport_queued(d.tp), READS);
	assert_true(dialler_wait(&d, &all, READS));
	for (unsigned i = 0; i < READS; i++) {
		assert_int_equal(p[i].done, 1);
		assert_int_equal(p[i].cmd.status, SCSI_GOOD);
		assert_int_equal(p[i].cmd.in_bytes, BLOCK);
	}
	assert_int_equal(data[0], 0);
	assert_int_equal(data[READS * BLOCK - 1], 0);
	assert_int_equal(data[READS * BLOCK], 0xaa);
	assert_int_equal(transport_read(d.tp, &p[0].cmd, lun(), 0, 1, BLOCK, data), 0);
	assert_true(dialler_wait(&d, &all, READS + 1));
	dialler_end(&d);
	free(data);
}

/* More than any command window: what does not go out now goes out when it opens. */
static void a_closed_window_opens_again(void **state)
{
	enum { MANY = 1024 };
	struct transport_param param = dialler_param(peer.portal, PEER_OPEN);
	struct probe *p = calloc(MANY, sizeof(*p));
	uint8_t *data = malloc((size_t)MANY * BLOCK);
	unsigned all = 0;
	struct dialler d;

	(void)state;
	param.commands = MANY;
	assert_true(dialler_dial(&d, &param));
	calm(&d);
	for (unsigned i = 0; i < MANY; i++) {
		p[i] = (struct probe){ .cmd.done = probe_done, .all = &all };
		assert_int_equal(transport_read(d.tp, &p[i].cmd, lun(), i, 1, BLOCK,
						data + (size_t)i * BLOCK), 0);
	}
	loop_turn(d.loop, 0);
	assert_int_not_equal(transport_queued(d.tp), 0);
	assert_int_equal(transport_ping(d.tp), 0);
	assert_true(dialler_wait(&d, &all, MANY));
	assert_true(dialler_wait(&d, &d.pongs, 1));
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(p[i].cmd.status, SCSI_GOOD);
	assert_int_equal(transport_queued(d.tp), 0);
	dialler_end(&d);
	free(data);
	free(p);
}

static void write_and_read_back(bool initial_r2t, bool immediate_data)
{
	struct transport_param param = dialler_param(peer.portal, PEER_OPEN);
	struct probe p[BIGS];
	uint8_t *out = malloc((size_t)BIGS * BIG), *in = malloc((size_t)BIGS * BIG);
	unsigned all = 0;
	struct dialler d;

	for (size_t i = 0; i < (size_t)BIGS * BIG; i++)
		out[i] = (uint8_t)(i * 31 + i / BIG * 7 + initial_r2t * 3 + immediate_data);
	param.initial_r2t = initial_r2t;
	param.immediate_data = immediate_data;
	assert_true(dialler_dial(&d, &param));
	calm(&d);
	for (unsigned i = 0; i < BIGS; i++) {
		p[i] = (struct probe){ .cmd.done = probe_done, .all = &all };
		assert_int_equal(transport_write(d.tp, &p[i].cmd, lun(), i * (BIG / BLOCK),
						 BIG / BLOCK, BLOCK, out + (size_t)i * BIG,
						 i % 2), 0);
	}
	assert_true(dialler_wait(&d, &all, BIGS));
	for (unsigned i = 0; i < BIGS; i++) {
		assert_int_equal(p[i].cmd.status, SCSI_GOOD);
		assert_int_equal(transport_read(d.tp, &p[i].cmd, lun(), i * (BIG / BLOCK),
						BIG / BLOCK, BLOCK, in + (size_t)i * BIG), 0);
	}
	assert_true(dialler_wait(&d, &all, 2 * BIGS));
	assert_true(!memcmp(in, out, (size_t)BIGS * BIG));
	dialler_end(&d);
	free(in);
	free(out);
}

static void big_writes_arrive_unsolicited(void **state)
{
	(void)state;
	write_and_read_back(false, true);
}

static void big_writes_arrive_asked_for(void **state)
{
	(void)state;
	write_and_read_back(true, false);
}

static void a_ping_is_answered(void **state)
{
	struct dialler d;

	(void)state;
	dial(&d, PEER_OPEN);
	assert_int_equal(transport_ping(d.tp), 0);
	assert_int_equal(transport_ping(d.tp), 0);
	assert_true(dialler_wait(&d, &d.pongs, 2));
	assert_int_equal(d.lost, 0);
	dialler_end(&d);
}

static void a_logout_is_the_end(void **state)
{
	struct probe p = { .cmd.done = probe_done };
	uint8_t data[BLOCK];
	struct dialler d;

	(void)state;
	dial(&d, PEER_OPEN);
	calm(&d);
	assert_int_equal(transport_read(d.tp, &p.cmd, lun(), 0, 1, BLOCK, data), 0);
	assert_true(dialler_wait(&d, &p.done, 1));
	assert_int_equal(transport_logout(d.tp), 0);
	assert_true(dialler_wait(&d, &d.lost, 1));
	assert_int_equal(d.loss.kind, TRANSPORT_LOSS_LOGGED_OUT);
	for (int i = 0; i < 3; i++)
		loop_turn(d.loop, 10);
	assert_int_equal(d.lost, 1);
	dialler_end(&d);
}

static void a_target_that_is_not_there_has_a_status(void **state)
{
	struct transport_param param = dialler_param(peer.portal, "iqn.2026-11.example:none");
	struct dialler d;

	(void)state;
	assert_false(dialler_dial(&d, &param));
	assert_int_equal(d.loss.kind, TRANSPORT_LOSS_LOGIN);
	assert_int_equal(d.loss.login_status, 0x0203);
	assert_string_equal(d.loss.text, "target not found");
	dialler_end(&d);
}

static void chap_lets_us_in(void **state)
{
	struct transport_param param = dialler_param(peer.portal, PEER_SECRET);
	struct dialler d;

	(void)state;
	param.user = "user";
	param.password = "password-of-user";
	assert_true(dialler_dial(&d, &param));
	assert_true(d.limits.chap);
	assert_false(d.limits.chap_mutual);
	calm(&d);
	dialler_end(&d);
}

static void a_wrong_password_has_a_status(void **state)
{
	struct transport_param param = dialler_param(peer.portal, PEER_SECRET);
	struct dialler d;

	(void)state;
	param.user = "user";
	param.password = "something-else";
	assert_false(dialler_dial(&d, &param));
	assert_int_equal(d.loss.kind, TRANSPORT_LOSS_LOGIN);
	assert_int_equal(d.loss.login_status, 0x0201);
	dialler_end(&d);
}

static void mutual_chap_proves_both(void **state)
{
	struct transport_param param = dialler_param(peer.portal, PEER_MUTUAL);
	struct dialler d;

	(void)state;
	param.user = "user";
	param.password = "password-of-user";
	param.user_in = "target";
	param.password_in = "password-of-target";
	assert_true(dialler_dial(&d, &param));
	assert_true(d.limits.chap);
	assert_true(d.limits.chap_mutual);
	calm(&d);
	dialler_end(&d);
}

static void a_target_with_the_wrong_secret_is_refused(void **state)
{
	struct transport_param param = dialler_param(peer.portal, PEER_MUTUAL);
	struct dialler d;

	(void)state;
	param.user = "user";
	param.password = "password-of-user";
	param.user_in = "target";
	param.password_in = "password-of-another";
	assert_false(dialler_dial(&d, &param));
	assert_int_equal(d.loss.kind, TRANSPORT_LOSS_AUTH);
	dialler_end(&d);
}

static void credentials_are_not_waived_by_a_target_that_wants_none(void **state)
{
	struct transport_param param = dialler_param(peer.portal, PEER_OPEN);
	struct dialler d;

	(void)state;
	param.user = "user";
	param.password = "password-of-user";
	assert_false(dialler_dial(&d, &param));
	assert_int_equal(d.loss.kind, TRANSPORT_LOSS_AUTH);
	dialler_end(&d);
}

static void discovery_finds_every_target(void **state)
{
	struct dialler d;

	(void)state;
	dial(&d, NULL);
	assert_int_equal(transport_send_targets(d.tp), 0);
	assert_true(dialler_wait(&d, &d.found, 3));
	assert_true(d.found_all);
	assert_int_equal(transport_logout(d.tp), 0);
	assert_true(dialler_wait(&d, &d.lost, 1));
	dialler_end(&d);
}

/* Last: the target does not come back. */
static void a_killed_target_is_lost_once_and_completes_nothing_more(void **state)
{
	struct probe p[READS];
	uint8_t *data = malloc((size_t)READS * BIG);
	unsigned all = 0, before;
	struct dialler d;

	(void)state;
	dial(&d, PEER_OPEN);
	calm(&d);
	for (unsigned i = 0; i < READS; i++) {
		p[i] = (struct probe){ .cmd.done = probe_done, .all = &all };
		assert_int_equal(transport_read(d.tp, &p[i].cmd, lun(), i * 8, BIG / BLOCK, BLOCK,
						data + (size_t)i * BIG), 0);
	}
	loop_turn(d.loop, 0);
	peer_kill(&peer);
	assert_true(dialler_wait(&d, &d.lost, 1));
	assert_int_equal(d.loss.kind, TRANSPORT_LOSS_DROPPED);
	before = all;
	assert_true(before < READS);
	for (int i = 0; i < 3; i++)
		loop_turn(d.loop, 10);
	transport_cut(d.tp);
	d.tp = NULL;
	for (int i = 0; i < 3; i++)
		loop_turn(d.loop, 10);
	assert_int_equal(d.lost, 1);
	assert_int_equal(all, before);
	dialler_end(&d);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_login_says_what_was_negotiated),
		cmocka_unit_test(a_header_digest_is_negotiated_and_works),
		cmocka_unit_test(a_demanded_header_digest_is_had_or_refused),
		cmocka_unit_test(a_command_brings_data),
		cmocka_unit_test(an_error_brings_sense),
		cmocka_unit_test(an_early_answer_to_a_write_waits_for_its_data_to_leave),
		cmocka_unit_test(sixty_four_reads_are_in_flight_and_one_more_is_not),
		cmocka_unit_test(a_closed_window_opens_again),
		cmocka_unit_test(big_writes_arrive_unsolicited),
		cmocka_unit_test(big_writes_arrive_asked_for),
		cmocka_unit_test(a_ping_is_answered),
		cmocka_unit_test(a_logout_is_the_end),
		cmocka_unit_test(a_target_that_is_not_there_has_a_status),
		cmocka_unit_test(chap_lets_us_in),
		cmocka_unit_test(a_wrong_password_has_a_status),
		cmocka_unit_test(mutual_chap_proves_both),
		cmocka_unit_test(a_target_with_the_wrong_secret_is_refused),
		cmocka_unit_test(credentials_are_not_waived_by_a_target_that_wants_none),
		cmocka_unit_test(discovery_finds_every_target),
		cmocka_unit_test(a_killed_target_is_lost_once_and_completes_nothing_more),
	};
	int failed = 0, ran = 0;

	for (int kind = PEER_TGTD; kind <= PEER_OURS; kind++) {
		const char *missing = peer_missing(kind);

		if (missing) {
			printf("skipped: %s\n", missing);
			continue;
		}
		if (!peer_start(&peer, kind))
			return 1;
		failed += cmocka_run_group_tests_name(kind == PEER_TGTD ? "tgtd" : "ours", tests,
						      NULL, NULL);
		peer_stop(&peer);
		ran++;
	}
	return ran ? failed : 77;
}
