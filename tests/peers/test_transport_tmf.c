/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Task management over libiscsi: what is on the wire, and what a target that has aborted a command
 * can still do with it. Each script is the target; where it and its case must meet, a ping does it.
 */
#include "unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dialler.h"
#include "hostile.h"
#include "iscsifs/cursor.h"

enum { BLOCK = 512, IMMEDIATE = 0x40, F = 0x80, ABORT_TASK = 1, LUN_RESET = 5, LUN = 3 };

struct probe {
	struct transport_cmd cmd;
	unsigned done;
};

static void probe_done(struct transport_cmd *cmd)
{
	container_of(cmd, struct probe, cmd)->done++;
}

struct affair {
	struct hostile h;
	struct dialler d;
	struct probe p, q;
	uint8_t data[BLOCK], other[BLOCK];
};

static struct affair *begin_with(void (*script)(int fd), unsigned commands)
{
	struct affair *a = calloc(1, sizeof(*a));
	struct transport_param param;

	assert_non_null(a);
	a->p.cmd.done = a->q.cmd.done = probe_done;
	assert_true(hostile_start(&a->h, script));
	param = dialler_param(a->h.portal, "iqn.2026-11.example:slow");
	param.commands = commands;
	assert_true(dialler_dial(&a->d, &param));
	return a;
}

static struct affair *begin(void (*script)(int fd))
{
	return begin_with(script, 8);
}

static void end(struct affair *a)
{
	dialler_end(&a->d);
	hostile_stop(&a->h);
	free(a);
}

static void send_read(struct affair *a)
{
	assert_int_equal(transport_read(a->d.tp, &a->p.cmd, lun_addr_of(LUN), 0, 1, BLOCK, a->data),
			 0);
}

static void send_write(struct affair *a)
{
	assert_int_equal(transport_write(a->d.tp, &a->p.cmd, lun_addr_of(LUN), 0, 1, BLOCK, a->data,
					 false), 0);
}

static int ask(struct affair *a, enum transport_tmf function)
{
	return transport_task_management(a->d.tp, function, lun_addr_of(LUN),
					 function == TRANSPORT_ABORT_TASK ? &a->p.cmd : NULL);
}

/* The script has come to its next pdu_await(PDU_NOP_OUT), and answered it. */
static void meet(struct affair *a)
{
	assert_int_equal(transport_ping(a->d.tp), 0);
	assert_true(dialler_wait(&a->d, &a->d.pongs, a->d.pongs + 1));
}

/* Send @send, have it aborted, abandon it. */
static void abort_one(struct affair *a, void (*send)(struct affair *a))
{
	send(a);
	meet(a);
	assert_int_equal(ask(a, TRANSPORT_ABORT_TASK), 0);
	assert_true(dialler_wait(&a->d, &a->d.tmfs, 1));
	assert_int_equal(a->d.tmf_response, TRANSPORT_TMF_COMPLETE);
	assert_int_equal(transport_abandon(a->d.tp, &a->p.cmd), 0);
	memset(a->data, 0xee, sizeof(a->data));
}

static void expect_untouched(const struct affair *a)
{
	for (size_t i = 0; i < sizeof(a->data); i++)
		assert_int_equal(a->data[i], 0xee);
	assert_int_equal(a->p.done, 0);
}

/* ---- The target's side ---- */

static void answer_ping(int fd, const struct pdu *ping)
{
	uint8_t header[PDU_HEADER];

	pdu_answer(header, PDU_NOP_IN, ping);
	pdu_send(fd, header, NULL, 0);
}

static void pong(int fd)
{
	struct pdu ping;

	pdu_await(fd, &ping, PDU_NOP_OUT);
	answer_ping(fd, &ping);
}

static void answer_tmf(int fd, const struct pdu *tmf, uint8_t response)
{
	uint8_t header[PDU_HEADER];

	pdu_answer(header, PDU_TMF_RESPONSE, tmf);
	header[2] = response;
	pdu_send(fd, header, NULL, 0);
}

/* Up to an abort that was answered; *cmd is the command. */
static void abort_command(int fd, struct pdu *cmd)
{
	struct pdu tmf;
	uint8_t header[PDU_HEADER];

	login_pass(fd);
	pdu_await(fd, cmd, PDU_COMMAND);
	memcpy(header, cmd->header, sizeof(header));
	pong(fd);
	pdu_await(fd, &tmf, PDU_TMF);
	memcpy(cmd->header, header, sizeof(header));
	answer_tmf(fd, &tmf, 0);
}

static void send_data(int fd, const struct pdu *cmd, unsigned flags)
{
	uint8_t header[PDU_HEADER], data[BLOCK];

	memset(data, 0x11, sizeof(data));
	pdu_answer(header, PDU_DATA_IN, cmd);
	header[1] = (uint8_t)flags;
	pdu_send(fd, header, data, sizeof(data));
}

/* ---- What is asked for ---- */

/* The answer says what was wrong with the request. */
static void script_inspect(int fd)
{
	struct pdu cmd, tmf;
	uint8_t c[PDU_HEADER];
	const uint8_t *m = tmf.header;
	uint8_t wrong = 0;

	login_pass(fd);
	pdu_await(fd, &cmd, PDU_COMMAND);
	memcpy(c, cmd.header, sizeof(c));
	pong(fd);
	pdu_await(fd, &tmf, PDU_TMF);
	wrong |= (m[0] & IMMEDIATE) ? 0 : 2;
	wrong |= m[1] == (F | ABORT_TASK) ? 0 : 4;
	wrong |= memcmp(m + 8, c + 8, 8) ? 8 : 0;			/* LUN */
	wrong |= memcmp(m + 20, c + 16, 4) ? 16 : 0;			/* Referenced Task Tag */
	wrong |= memcmp(m + 32, c + 24, 4) ? 32 : 0;			/* RefCmdSN */
	wrong |= memcmp(m + 16, c + 16, 4) ? 0 : 64;			/* its own tag */
	answer_tmf(fd, &tmf, wrong);
	hold(fd);
}

static void an_abort_names_its_command(void **state)
{
	struct affair *a = begin(script_inspect);

	(void)state;
	abort_one(a, send_read);
	end(a);
}

static void script_inspect_reset(int fd)
{
	struct pdu tmf;
	const uint8_t *m = tmf.header;
	uint8_t wrong = 0;

	login_pass(fd);
	pdu_await(fd, &tmf, PDU_TMF);
	wrong |= m[1] == (F | LUN_RESET) ? 0 : 4;
	wrong |= be16_load(m + 8) == LUN ? 0 : 8;
	wrong |= be32_load(m + 20) == 0xffffffff ? 0 : 16;
	answer_tmf(fd, &tmf, wrong);
	hold(fd);
}

static void a_reset_names_its_lun_and_no_task(void **state)
{
	struct affair *a = begin(script_inspect_reset);

	(void)state;
	assert_int_equal(ask(a, TRANSPORT_LUN_RESET), 0);
	assert_true(dialler_wait(&a->d, &a->d.tmfs, 1));
	assert_int_equal(a->d.tmf_response, TRANSPORT_TMF_COMPLETE);
	end(a);
}

static void script_hold(int fd)
{
	login_pass(fd);
	hold(fd);
}

static void nothing_is_asked_for_while_something_waits_to_be_sent(void **state)
{
	struct affair *a = begin(script_hold);

	(void)state;
	send_read(a);
	assert_int_equal(ask(a, TRANSPORT_ABORT_TASK), -EBUSY);
	assert_int_equal(ask(a, TRANSPORT_LUN_RESET), -EBUSY);
	loop_turn(a->d.loop, 0);
	assert_int_equal(ask(a, TRANSPORT_LUN_RESET), 0);
	end(a);
}

static void script_reject(int fd)
{
	uint8_t header[PDU_HEADER];
	struct pdu tmf;

	login_pass(fd);
	pdu_await(fd, &tmf, PDU_TMF);
	pdu_answer(header, PDU_REJECT, &tmf);
	header[2] = 0x05;	/* command not supported */
	be32_store(header + 16, 0xffffffff);
	pdu_send(fd, header, tmf.header, PDU_HEADER);
	hold(fd);
}

static void a_reject_is_a_no(void **state)
{
	struct affair *a = begin(script_reject);

	(void)state;
	assert_int_equal(ask(a, TRANSPORT_LUN_RESET), 0);
	assert_true(dialler_wait(&a->d, &a->d.tmfs, 1));
	assert_int_equal(a->d.tmf_response, TRANSPORT_TMF_REJECTED);
	assert_int_equal(a->d.lost, 0);
	end(a);
}

static void script_late_answer(int fd)
{
	struct pdu tmf, first;
	uint8_t header[PDU_HEADER];

	login_pass(fd);
	pdu_await(fd, &tmf, PDU_TMF);
	memcpy(header, tmf.header, sizeof(header));
	pong(fd);
	pdu_await(fd, &tmf, PDU_TMF);
	memcpy(first.header, header, sizeof(header));
	answer_tmf(fd, &first, 0);
	pong(fd);
	answer_tmf(fd, &tmf, 5);
	hold(fd);
}

static void an_answer_to_the_function_before_is_dropped(void **state)
{
	struct affair *a = begin(script_late_answer);

	(void)state;
	assert_int_equal(ask(a, TRANSPORT_LUN_RESET), 0);
	meet(a);
	assert_int_equal(ask(a, TRANSPORT_TARGET_WARM_RESET), 0);
	loop_turn(a->d.loop, 0);
	meet(a);
	assert_true(dialler_wait(&a->d, &a->d.tmfs, 1));
	assert_int_equal(a->d.tmf_response, 5);
	assert_int_equal(a->d.tmfs, 1);
	end(a);
}

static void script_never(int fd)
{
	struct pdu pdu;

	login_pass(fd);
	for (;;)
		pdu_read(fd, &pdu);
}

static void functions_that_are_never_answered_have_an_end(void **state)
{
	struct affair *a = begin(script_never);
	unsigned asked = 0;

	(void)state;
	while (ask(a, TRANSPORT_LUN_RESET) == 0) {
		assert_in_range(++asked, 1, 100);
		loop_turn(a->d.loop, 0);
	}
	assert_int_equal(ask(a, TRANSPORT_LUN_RESET), -EBUSY);
	assert_int_equal(a->d.lost, 0);
	end(a);
}

/* ---- What comes after the abort ---- */

static void script_late_data(int fd)
{
	struct pdu cmd;

	abort_command(fd, &cmd);
	pong(fd);
	send_data(fd, &cmd, 0);
	send_data(fd, &cmd, F | 0x01);
	pong(fd);
	hold(fd);
}

static void more_late_data_than_was_wanted_ends_the_connection(void **state)
{
	struct affair *a = begin(script_late_data);

	(void)state;
	abort_one(a, send_read);
	meet(a);
	/* More than the command wanted: as for any other. */
	assert_true(dialler_wait(&a->d, &a->d.lost, 1));
	expect_untouched(a);
	end(a);
}

static void script_late_read(int fd)
{
	struct pdu cmd;

	abort_command(fd, &cmd);
	pong(fd);
	send_data(fd, &cmd, F | 0x01);
	pong(fd);
	hold(fd);
}

static void a_late_answer_frees_the_slot_and_nothing_else(void **state)
{
	struct affair *a = begin_with(script_late_read, 1);

	(void)state;
	abort_one(a, send_read);
	assert_int_equal(transport_read(a->d.tp, &a->q.cmd, lun_addr_of(LUN), 0, 1, BLOCK, a->other),
			 -EAGAIN);
	meet(a);
	meet(a);
	expect_untouched(a);
	assert_int_equal(transport_read(a->d.tp, &a->q.cmd, lun_addr_of(LUN), 0, 1, BLOCK, a->other),
			 0);
	assert_int_equal(a->d.lost, 0);
	end(a);
}

/* The TMF's answer, and the first half of data that should not be there, in one segment. */
static void script_half_data(int fd)
{
	uint8_t out[2 * PDU_HEADER + BLOCK] = { PDU_TMF_RESPONSE, F };
	uint8_t c[PDU_HEADER];
	struct pdu cmd, tmf;

	login_pass(fd);
	pdu_await(fd, &cmd, PDU_COMMAND);
	memcpy(c, cmd.header, sizeof(c));
	pong(fd);
	pdu_await(fd, &tmf, PDU_TMF);
	pdu_answer(out, PDU_TMF_RESPONSE, &tmf);
	out[2] = 0;
	memcpy(cmd.header, c, sizeof(c));
	pdu_answer(out + PDU_HEADER, PDU_DATA_IN, &cmd);
	out[PDU_HEADER + 1] = F | 0x01;
	be24_store(out + PDU_HEADER + 5, BLOCK);
	memset(out + 2 * PDU_HEADER, 0x11, BLOCK);
	if (write(fd, out, 2 * PDU_HEADER + BLOCK / 2) < 0)
		_exit(0);
	pdu_await(fd, &tmf, PDU_NOP_OUT);
	if (write(fd, out + 2 * PDU_HEADER + BLOCK / 2, BLOCK / 2) < 0)
		_exit(0);
	answer_ping(fd, &tmf);
	hold(fd);
}

static void the_rest_of_data_that_is_half_read_goes_nowhere(void **state)
{
	struct affair *a = begin(script_half_data);

	(void)state;
	abort_one(a, send_read);
	meet(a);
	expect_untouched(a);
	assert_int_equal(a->d.lost, 0);
	end(a);
}

static void script_late_r2t(int fd)
{
	uint8_t header[PDU_HEADER];
	struct pdu cmd;

	abort_command(fd, &cmd);
	pong(fd);
	pdu_answer(header, PDU_R2T, &cmd);
	be32_store(header + 20, 7);
	be32_store(header + 44, BLOCK);
	pdu_send(fd, header, NULL, 0);
	hold(fd);
}

static void a_late_request_for_data_ends_the_connection(void **state)
{
	struct affair *a = begin(script_late_r2t);

	(void)state;
	abort_one(a, send_write);
	meet(a);
	assert_true(dialler_wait(&a->d, &a->d.lost, 1));
	assert_non_null(strstr(a->d.loss.text, "had aborted"));
	expect_untouched(a);
	end(a);
}

static void script_abort_all(int fd)
{
	struct pdu pdu;

	login_pass(fd);
	for (pdu_read(fd, &pdu);; pdu_read(fd, &pdu)) {
		if ((pdu.header[0] & 0x3f) == PDU_TMF)
			answer_tmf(fd, &pdu, 0);
	}
}

static void what_is_abandoned_is_bounded(void **state)
{
	struct affair *a = begin_with(script_abort_all, 200);
	unsigned n = 0;

	(void)state;
	for (;; n++) {
		assert_in_range(n, 0, 100);
		send_read(a);
		loop_turn(a->d.loop, 0);
		assert_int_equal(ask(a, TRANSPORT_ABORT_TASK), 0);
		assert_true(dialler_wait(&a->d, &a->d.tmfs, n + 1));
		if (transport_abandon(a->d.tp, &a->p.cmd) < 0)
			break;
	}
	assert_int_equal(n, 64);
	end(a);
}

/* ---- What moves ---- */

static void script_data_when_met(int fd)
{
	uint8_t header[PDU_HEADER];
	struct pdu cmd, ping;

	login_pass(fd);
	pdu_await(fd, &cmd, PDU_COMMAND);
	memcpy(header, cmd.header, sizeof(header));
	pong(fd);
	pong(fd);
	pdu_await(fd, &ping, PDU_NOP_OUT);
	memcpy(cmd.header, header, sizeof(header));
	pdu_answer(header, PDU_DATA_IN, &cmd);
	header[1] = 0;
	pdu_send(fd, header, "abcd", 4);
	answer_ping(fd, &ping);
	hold(fd);
}

static void data_of_a_command_is_a_sign_of_life_of_it(void **state)
{
	struct affair *a = begin(script_data_when_met);
	mono_ms until;

	(void)state;
	send_read(a);
	meet(a);
	transport_quiet(a->d.tp, &a->p.cmd);	/* all of it was taken: a look says when */
	until = clock_mono_ms() + 200;
	while (clock_mono_ms() < until)
		loop_turn(a->d.loop, until - clock_mono_ms());
	meet(a);	/* an answer to something else is none */
	assert_true(transport_quiet(a->d.tp, &a->p.cmd) >= 150);
	meet(a);
	assert_true(transport_quiet(a->d.tp, &a->p.cmd) < 150);
	end(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_abort_names_its_command),
		cmocka_unit_test(a_reset_names_its_lun_and_no_task),
		cmocka_unit_test(nothing_is_asked_for_while_something_waits_to_be_sent),
		cmocka_unit_test(a_reject_is_a_no),
		cmocka_unit_test(an_answer_to_the_function_before_is_dropped),
		cmocka_unit_test(functions_that_are_never_answered_have_an_end),
		cmocka_unit_test(more_late_data_than_was_wanted_ends_the_connection),
		cmocka_unit_test(a_late_answer_frees_the_slot_and_nothing_else),
		cmocka_unit_test(the_rest_of_data_that_is_half_read_goes_nowhere),
		cmocka_unit_test(a_late_request_for_data_ends_the_connection),
		cmocka_unit_test(what_is_abandoned_is_bounded),
		cmocka_unit_test(data_of_a_command_is_a_sign_of_life_of_it),
	};

	return cmocka_run_group_tests_name("transport_tmf", tests, NULL, NULL);
}
