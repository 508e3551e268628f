/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The transport against targets that lie, break off, or speak another language. Each script is what
 * the other side does; each case says what becomes of it: one loss of the right kind, in words.
 */
#include "unit/unit.h"

#include <dirent.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dialler.h"
#include "hostile.h"
#include "iscsifs/cursor.h"
#include "peer.h"

enum { SECURITY = 0, OPERATIONAL = 1, FULL = 3, TRANSIT = 0x80, BLOCK = 512 };

#define TARGET		"iqn.2026-11.example:liar"
#define LOGIN_SEND(fd, to, flags, text)	login_send(fd, to, flags, 0, text, sizeof(text) - 1)
#define CHAP_ASKED	"CHAP_A=5\0CHAP_I=7\0CHAP_C=0x00112233445566778899aabbccddeeff\0"
#define ZERO_PROOF	"CHAP_N=target\0CHAP_R=0x00000000000000000000000000000000\0"

/* ---- Cases in which the login fails ---- */

enum credentials { NO_CHAP, ONE_WAY, MUTUAL };

static void refused(void (*script)(int fd), enum credentials credentials,
		    enum transport_loss_kind kind, const char *why)
{
	struct hostile h;
	struct dialler d;
	struct transport_param param;

	assert_true(hostile_start(&h, script));
	param = dialler_param(h.portal, TARGET);
	if (credentials != NO_CHAP) {
		param.user = "user";
		param.password = "password-of-user";
	}
	if (credentials == MUTUAL) {
		param.user_in = "target";
		param.password_in = "password-of-target";
	}
	if (dialler_dial(&d, &param))
		fail_msg("the login was accepted");
	assert_int_equal(d.lost, 1);
	if (!strstr(d.loss.text, why))
		fail_msg("\"%s\", want \"%s\"", d.loss.text, why);
	assert_int_equal(d.loss.kind, kind);
	loop_turn(d.loop, 0);
	assert_int_equal(d.lost, 1);
	dialler_end(&d);
	hostile_stop(&h);
}

static void script_close(int fd)
{
	(void)fd;
}

static void a_port_that_closes_is_no_connection(void **state)
{
	(void)state;
	refused(script_close, NO_CHAP, TRANSPORT_LOSS_CONNECT, "onnection");
}

static void script_read_and_close(int fd)
{
	struct pdu pdu;

	pdu_read(fd, &pdu);
}

static void a_login_without_answer_is_no_connection(void **state)
{
	(void)state;
	refused(script_read_and_close, NO_CHAP, TRANSPORT_LOSS_CONNECT,
		"closed the connection during login");
}

static void script_http(int fd)
{
	static const char text[] = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
	struct pdu pdu;

	pdu_read(fd, &pdu);
	if (write(fd, text, sizeof(text) - 1) > 0)
		hold(fd);
}

static void another_protocol_is_recognised(void **state)
{
	(void)state;
	refused(script_http, NO_CHAP, TRANSPORT_LOSS_LOGIN, "is this an iSCSI target?");
}

static void script_noise(int fd)
{
	uint8_t noise[4096];

	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)(i * 167 + 13);
	while (write(fd, noise, sizeof(noise)) > 0)
		continue;
}

static void endless_noise_ends_at_its_first_header(void **state)
{
	(void)state;
	refused(script_noise, NO_CHAP, TRANSPORT_LOSS_LOGIN, "is this an iSCSI target?");
}

static void script_half_header(int fd)
{
	static const uint8_t half[20] = { PDU_LOGIN_RESPONSE };
	struct pdu pdu;

	pdu_read(fd, &pdu);
	if (write(fd, half, sizeof(half)) < 0)
		_exit(0);
}

static void half_a_header_is_told(void **state)
{
	(void)state;
	refused(script_half_header, NO_CHAP, TRANSPORT_LOSS_CONNECT, "in the middle of");
}

static void script_half_data(int fd)
{
	uint8_t header[PDU_HEADER];
	struct pdu pdu;

	pdu_read(fd, &pdu);
	pdu_answer(header, PDU_LOGIN_RESPONSE, &pdu);
	be24_store(header + 5, 4096);
	if (write(fd, header, sizeof(header)) < 0 || write(fd, "A=b", 4) < 0)
		_exit(0);
}

static void half_an_answer_is_told(void **state)
{
	(void)state;
	refused(script_half_data, NO_CHAP, TRANSPORT_LOSS_CONNECT, "in the middle of");
}

static void script_reset(int fd)
{
	const struct linger now = { .l_onoff = 1 };
	struct pdu pdu;

	pdu_read(fd, &pdu);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

static void a_reset_is_told(void **state)
{
	(void)state;
	refused(script_reset, NO_CHAP, TRANSPORT_LOSS_CONNECT, "Connection reset by peer");
}

static void script_data_in(int fd)
{
	uint8_t header[PDU_HEADER];
	struct pdu pdu;

	pdu_read(fd, &pdu);
	pdu_answer(header, PDU_DATA_IN, &pdu);
	pdu_send(fd, header, "boo", 4);
	hold(fd);
}

static void a_login_answered_with_data_is_refused(void **state)
{
	(void)state;
	refused(script_data_in, NO_CHAP, TRANSPORT_LOSS_LOGIN, "PDU of type 0x25");
}

static void script_big(int fd)
{
	uint8_t header[PDU_HEADER];
	struct pdu pdu;

	pdu_read(fd, &pdu);
	pdu_answer(header, PDU_LOGIN_RESPONSE, &pdu);
	be24_store(header + 5, 0xffffff);
	if (write(fd, header, sizeof(header)) > 0)
		hold(fd);
}

static void a_huge_answer_is_refused(void **state)
{
	(void)state;
	refused(script_big, NO_CHAP, TRANSPORT_LOSS_LOGIN, "16777215 bytes of data");
}

static void script_wrong_tag(int fd)
{
	struct pdu pdu;

	pdu_read(fd, &pdu);
	pdu.header[16] ^= 0x55;
	LOGIN_SEND(fd, &pdu, TRANSIT | OPERATIONAL << 2 | FULL, "");
	hold(fd);
}

static void an_answer_to_another_request_is_refused(void **state)
{
	(void)state;
	refused(script_wrong_tag, NO_CHAP, TRANSPORT_LOSS_LOGIN, "that was not asked");
}

/* What the judge sees and libiscsi ignores must not count as proof. */
static void script_wrong_tag_chap(int fd)
{
	struct pdu pdu, other;

	pdu_read(fd, &pdu);
	other = pdu;
	other.header[16] ^= 0x55;
	LOGIN_SEND(fd, &other, 0, "AuthMethod=CHAP\0" CHAP_ASKED);
	LOGIN_SEND(fd, &other, 0, ZERO_PROOF);
	LOGIN_SEND(fd, &pdu, TRANSIT | FULL, "");
	hold(fd);
}

static void chap_in_answers_to_another_request_is_refused(void **state)
{
	(void)state;
	refused(script_wrong_tag_chap, MUTUAL, TRANSPORT_LOSS_LOGIN, "that was not asked");
}

static void script_method_none(int fd)
{
	struct pdu pdu;

	pdu_read(fd, &pdu);
	LOGIN_SEND(fd, &pdu, TRANSIT | OPERATIONAL, "AuthMethod=None\0");
	hold(fd);
}

static void a_downgrade_to_none_is_refused(void **state)
{
	(void)state;
	refused(script_method_none, ONE_WAY, TRANSPORT_LOSS_AUTH, "answered AuthMethod=None");
}

/* Asks for CHAP, and then thinks about it. */
static void script_slow_chap(int fd)
{
	struct pdu pdu;

	pdu_read(fd, &pdu);
	LOGIN_SEND(fd, &pdu, 0, "AuthMethod=CHAP\0");
	hold(fd);
}

static void an_authentication_that_takes_too_long_is_left(void **state)
{
	struct transport_param param;
	struct hostile h;
	struct dialler d;

	(void)state;
	assert_true(hostile_start(&h, script_slow_chap));
	param = dialler_param(h.portal, TARGET);
	param.user = "joe";
	param.password = "a secret of joe";
	param.auth_timeout = 200;
	(void)dialler_dial(&d, &param);
	assert_true(dialler_wait(&d, &d.lost, 1));
	assert_int_equal(d.loss.kind, TRANSPORT_LOSS_LOGIN);
	assert_non_null(strstr(d.loss.text, "auth_timeout"));
	dialler_end(&d);
	hostile_stop(&h);
}

static void script_straight_in(int fd)
{
	struct pdu pdu;

	pdu_read(fd, &pdu);
	LOGIN_SEND(fd, &pdu, TRANSIT | FULL, "AuthMethod=CHAP\0");
	hold(fd);
}

static void chap_without_a_challenge_is_refused(void **state)
{
	(void)state;
	refused(script_straight_in, ONE_WAY, TRANSPORT_LOSS_AUTH, "let us in without it");
}

static void script_none_and_zero_proof(int fd)
{
	struct pdu pdu;

	pdu_read(fd, &pdu);
	LOGIN_SEND(fd, &pdu, TRANSIT | FULL, "AuthMethod=None\0" ZERO_PROOF);
	hold(fd);
}

static void script_zero_proof_at_once(int fd)
{
	struct pdu pdu;

	pdu_read(fd, &pdu);
	LOGIN_SEND(fd, &pdu, TRANSIT | FULL, "AuthMethod=CHAP\0" CHAP_ASKED ZERO_PROOF);
	hold(fd);
}

static void script_zero_proof_later(int fd)
{
	struct pdu pdu;

	pdu_read(fd, &pdu);
	LOGIN_SEND(fd, &pdu, 0, "AuthMethod=CHAP\0" CHAP_ASKED);
	pdu_read(fd, &pdu);
	LOGIN_SEND(fd, &pdu, TRANSIT | FULL, ZERO_PROOF);
	hold(fd);
}

static void a_zero_proof_is_refused_wherever_it_comes(void **state)
{
	(void)state;
	refused(script_none_and_zero_proof, MUTUAL, TRANSPORT_LOSS_AUTH, "AuthMethod=None");
	refused(script_zero_proof_at_once, MUTUAL, TRANSPORT_LOSS_AUTH, "before it was sent one");
	refused(script_zero_proof_later, MUTUAL, TRANSPORT_LOSS_AUTH, "does not know password_in");
}

/* Answer our challenge with what we answered to theirs. */
static void script_reflect_response(int fd)
{
	char text[256] = "CHAP_N=target";
	const char *response;
	struct pdu pdu;
	int len;

	pdu_read(fd, &pdu);
	LOGIN_SEND(fd, &pdu, 0, "AuthMethod=CHAP\0" CHAP_ASKED);
	pdu_read(fd, &pdu);
	response = pdu_value(&pdu, "CHAP_R");
	len = 14 + snprintf(text + 14, sizeof(text) - 14, "CHAP_R=%s", response ? response : "");
	login_send(fd, &pdu, TRANSIT | FULL, 0, text, (size_t)len + 1);
	hold(fd);
}

/* Have us answer our own challenge, then give that as theirs. */
static void script_reflect_challenge(int fd)
{
	char text[256];
	const char *challenge;
	struct pdu pdu;
	int len;

	pdu_read(fd, &pdu);
	LOGIN_SEND(fd, &pdu, 0, "AuthMethod=CHAP\0" CHAP_ASKED);
	pdu_read(fd, &pdu);
	challenge = pdu_value(&pdu, "CHAP_C");
	if (!challenge)
		_exit(1);
	len = snprintf(text, sizeof(text), "CHAP_C=%s", challenge);
	login_send(fd, &pdu, 0, 0, text, (size_t)len + 1);
	hold(fd);
}

static void reflections_are_refused(void **state)
{
	(void)state;
	refused(script_reflect_response, MUTUAL, TRANSPORT_LOSS_AUTH, "does not know password_in");
	refused(script_reflect_challenge, MUTUAL, TRANSPORT_LOSS_AUTH, "second CHAP challenge");
}

static void one_secret_for_both_directions_is_refused(void **state)
{
	struct transport_param param = dialler_param("127.0.0.1:1", TARGET);
	struct dialler d;

	(void)state;
	param.user = "user";
	param.user_in = "target";
	param.password = param.password_in = "same";
	assert_false(dialler_dial(&d, &param));
	assert_int_equal(d.loss.kind, TRANSPORT_LOSS_AUTH);
	dialler_end(&d);
}

/* All answers at once, before the questions. */
static void script_pipeline(int fd)
{
	struct pdu pdu;

	pdu_read(fd, &pdu);
	LOGIN_SEND(fd, &pdu, 0, "AuthMethod=CHAP\0" CHAP_ASKED);
	LOGIN_SEND(fd, &pdu, TRANSIT | FULL, ZERO_PROOF);
	hold(fd);
}

static void answers_before_the_question_prove_nothing(void **state)
{
	(void)state;
	refused(script_pipeline, MUTUAL, TRANSPORT_LOSS_AUTH, "does not know password_in");
}

static void script_endless_login(int fd)
{
	struct pdu pdu;

	for (;;) {
		pdu_read(fd, &pdu);
		LOGIN_SEND(fd, &pdu, OPERATIONAL << 2, "");
	}
}

static void a_login_without_end_is_ended(void **state)
{
	(void)state;
	refused(script_endless_login, NO_CHAP, TRANSPORT_LOSS_LOGIN, "login failed");
}

static void script_segment_zero(int fd)
{
	struct pdu pdu;

	pdu_read(fd, &pdu);
	LOGIN_SEND(fd, &pdu, TRANSIT | OPERATIONAL << 2 | FULL, "MaxRecvDataSegmentLength=0\0");
	hold(fd);
}

static void pieces_of_no_bytes_are_refused(void **state)
{
	(void)state;
	refused(script_segment_zero, NO_CHAP, TRANSPORT_LOSS_LOGIN, "MaxRecvDataSegmentLength");
}

static void script_redirect(int fd)
{
	static const char text[] = "TargetAddress=[2001:db8::9]:3261,1";
	struct pdu pdu;

	pdu_read(fd, &pdu);
	login_send(fd, &pdu, 0, 0x0102, text, sizeof(text));
	hold(fd);
}

static void a_redirect_names_the_portal(void **state)
{
	struct transport_param param;
	struct hostile h;
	struct dialler d;

	(void)state;
	assert_true(hostile_start(&h, script_redirect));
	param = dialler_param(h.portal, TARGET);
	assert_false(dialler_dial(&d, &param));
	assert_int_equal(d.loss.kind, TRANSPORT_LOSS_LOGIN);
	assert_int_equal(d.loss.login_status, 0x0102);
	assert_string_equal(d.loss.redirect, "[2001:db8::9]:3261");
	dialler_end(&d);
	hostile_stop(&h);
}

static void script_unavailable(int fd)
{
	struct pdu pdu;

	pdu_read(fd, &pdu);
	login_send(fd, &pdu, 0, 0x0301, "", 0);
}

static void a_status_is_told(void **state)
{
	(void)state;
	refused(script_unavailable, NO_CHAP, TRANSPORT_LOSS_LOGIN, "service unavailable");
}

static void script_trickle(int fd)
{
	static const char text[] = "MaxRecvDataSegmentLength=8192";
	uint8_t header[PDU_HEADER];
	struct pdu pdu;
	int on = 1;

	pdu_read(fd, &pdu);
	pdu_answer(header, PDU_LOGIN_RESPONSE, &pdu);
	header[1] = TRANSIT | OPERATIONAL << 2 | FULL;
	be32_store(header + 20, 0);
	be24_store(header + 5, sizeof(text));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	for (int i = 0; i < PDU_HEADER; i++) {
		if (write(fd, header + i, 1) != 1)
			_exit(0);
		sched_yield();
	}
	for (size_t i = 0; i < sizeof(text) + (-sizeof(text) & 3); i++) {
		if (write(fd, i < sizeof(text) ? text + i : "", 1) != 1)
			_exit(0);
		sched_yield();
	}
	hold(fd);
}

static void an_answer_in_drops_is_put_together(void **state)
{
	struct transport_param param;
	struct hostile h;
	struct dialler d;

	(void)state;
	assert_true(hostile_start(&h, script_trickle));
	param = dialler_param(h.portal, TARGET);
	assert_true(dialler_dial(&d, &param));
	assert_int_equal(d.limits.max_send_bytes, 8192);
	dialler_end(&d);
	hostile_stop(&h);
}

static void script_half_and_hold(int fd)
{
	static const uint8_t half[20] = { PDU_LOGIN_RESPONSE };
	struct pdu pdu;

	pdu_read(fd, &pdu);
	if (write(fd, half, sizeof(half)) > 0)
		hold(fd);
}

static const struct transport_events no_events;

static void waiting_for_the_rest_costs_nothing(void **state)
{
	struct transport_param param;
	struct transport *tp;
	struct hostile h;
	struct loop *loop;
	mono_ms end = clock_mono_ms() + 300;
	unsigned turns = 0;

	(void)state;
	assert_true(hostile_start(&h, script_half_and_hold));
	param = dialler_param(h.portal, TARGET);
	assert_int_equal(loop_new(&loop), 0);
	assert_int_equal(transport_dial(&tp, loop, &param, &no_events, NULL), 0);
	for (; clock_mono_ms() < end; turns++)
		loop_turn(loop, end - clock_mono_ms());
	assert_in_range(turns, 1, 10);
	transport_cut(tp);
	loop_free(loop);
	hostile_stop(&h);
}

/* ---- Cases after the login ---- */

struct probe {
	struct transport_cmd cmd;
	unsigned done;
};

static void probe_done(struct transport_cmd *cmd)
{
	container_of(cmd, struct probe, cmd)->done++;
}

/* One case: log in, send one command, see what becomes of it. */
struct affair {
	struct hostile h;
	struct dialler d;
	struct probe p;
	uint8_t data[2 * BLOCK];	/* the second half must stay as it is */
};

static struct affair *begin(void (*script)(int fd))
{
	struct affair *a = calloc(1, sizeof(*a));
	struct transport_param param;

	a->p.cmd.done = probe_done;
	memset(a->data, 0xee, sizeof(a->data));
	assert_true(hostile_start(&a->h, script));
	param = dialler_param(a->h.portal, TARGET);
	assert_true(dialler_dial(&a->d, &param));
	return a;
}

static void end(struct affair *a)
{
	unsigned done = a->p.done, lost = a->d.lost;

	for (int i = 0; i < 3; i++)
		loop_turn(a->d.loop, 0);
	assert_int_equal(a->d.lost, lost);
	for (size_t i = BLOCK; i < sizeof(a->data); i++)
		assert_int_equal(a->data[i], 0xee);
	transport_cut(a->d.tp);
	a->d.tp = NULL;
	loop_turn(a->d.loop, 0);
	assert_int_equal(a->p.done, done);
	assert_int_equal(a->d.lost, lost);
	dialler_end(&a->d);
	hostile_stop(&a->h);
	free(a);
}

static void send_read(struct affair *a)
{
	assert_int_equal(transport_read(a->d.tp, &a->p.cmd, lun_addr_of(0), 0, 1, BLOCK, a->data),
			 0);
}

static void send_write(struct affair *a)
{
	assert_int_equal(transport_write(a->d.tp, &a->p.cmd, lun_addr_of(0), 0, 1, BLOCK, a->data,
					 false), 0);
}

static void expect_loss(struct affair *a, enum transport_loss_kind kind, const char *why)
{
	assert_true(dialler_wait(&a->d, &a->d.lost, 1));
	assert_int_equal(a->p.done, 0);
	if (!strstr(a->d.loss.text, why))
		fail_msg("\"%s\", want \"%s\"", a->d.loss.text, why);
	assert_int_equal(a->d.loss.kind, kind);
	end(a);
}

static void dropped(void (*script)(int fd), void (*send)(struct affair *a), const char *why)
{
	struct affair *a = begin(script);

	send(a);
	expect_loss(a, TRANSPORT_LOSS_DROPPED, why);
}

static void answered(void (*script)(int fd), void (*send)(struct affair *a), struct affair **out)
{
	struct affair *a = begin(script);

	send(a);
	assert_true(dialler_wait(&a->d, &a->p.done, 1));
	assert_int_equal(a->d.lost, 0);
	*out = a;
}

static void pass_and_await(int fd, struct pdu *pdu)
{
	login_pass(fd);
	pdu_await(fd, pdu, PDU_COMMAND);
}

static void script_hang_up(int fd)
{
	struct pdu pdu;

	pass_and_await(fd, &pdu);
}

static void script_reset_later(int fd)
{
	const struct linger now = { .l_onoff = 1 };
	struct pdu pdu;

	pass_and_await(fd, &pdu);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

static void a_lost_connection_is_told_once(void **state)
{
	(void)state;
	dropped(script_hang_up, send_read, "closed the connection");
	dropped(script_reset_later, send_read, "Connection reset by peer");
	dropped(script_hang_up, send_write, "closed the connection");
}

static void script_idle_hang_up(int fd)
{
	login_pass(fd);
}

static void send_nothing(struct affair *a)
{
	(void)a;
}

static void an_idle_connection_is_lost_too(void **state)
{
	(void)state;
	dropped(script_idle_hang_up, send_nothing, "closed the connection");
}

static void script_reject(int fd)
{
	uint8_t header[PDU_HEADER];
	struct pdu pdu;

	for (pass_and_await(fd, &pdu);; pdu_await(fd, &pdu, PDU_COMMAND)) {
		pdu_answer(header, PDU_REJECT, &pdu);
		header[2] = 0x09;
		be32_store(header + 16, 0xffffffff);
		pdu_send(fd, header, pdu.header, PDU_HEADER);
	}
}

static void a_rejected_command_says_so(void **state)
{
	struct affair *a;

	(void)state;
	answered(script_reject, send_read, &a);
	assert_true(a->p.cmd.rejected);
	assert_int_equal(a->p.cmd.in_bytes, 0);
	end(a);
	answered(script_reject, send_write, &a);
	assert_true(a->p.cmd.rejected);
	end(a);
}

static void script_short_sense(int fd)
{
	uint8_t header[PDU_HEADER];
	struct pdu pdu;

	pass_and_await(fd, &pdu);
	pdu_answer(header, PDU_RESPONSE, &pdu);
	header[3] = SCSI_CHECK_CONDITION;
	pdu_send(fd, header, "\0\100", 2);	/* 64 bytes announced, none there */
	hold(fd);
}

static void script_no_sense(int fd)
{
	uint8_t header[PDU_HEADER];
	struct pdu pdu;

	pass_and_await(fd, &pdu);
	pdu_answer(header, PDU_RESPONSE, &pdu);
	header[3] = SCSI_CHECK_CONDITION;
	pdu_send(fd, header, NULL, 0);
	hold(fd);
}

static void an_error_without_sense_is_a_hardware_error(void **state)
{
	struct affair *a;

	(void)state;
	answered(script_short_sense, send_read, &a);
	assert_int_equal(a->p.cmd.status, SCSI_CHECK_CONDITION);
	assert_int_equal(a->p.cmd.sense.key, SENSE_HARDWARE_ERROR);
	end(a);
	answered(script_no_sense, send_read, &a);
	assert_int_equal(a->p.cmd.status, SCSI_CHECK_CONDITION);
	assert_int_equal(a->p.cmd.sense.key, SENSE_HARDWARE_ERROR);
	end(a);
}

static void script_underflow(int fd)
{
	uint8_t header[PDU_HEADER];
	struct pdu pdu;

	pass_and_await(fd, &pdu);
	pdu_answer(header, PDU_DATA_IN, &pdu);
	header[1] = 0x83;	/* F, U, S */
	be32_store(header + 44, BLOCK - 100);
	pdu_send(fd, header, pdu.header, 48);
	hold(fd);
}

static void script_good_without_data(int fd)
{
	uint8_t header[PDU_HEADER];
	struct pdu pdu;

	pass_and_await(fd, &pdu);
	pdu_answer(header, PDU_RESPONSE, &pdu);
	pdu_send(fd, header, NULL, 0);
	hold(fd);
}

static void script_residual_nonsense(int fd)
{
	uint8_t header[PDU_HEADER];
	struct pdu pdu;

	pass_and_await(fd, &pdu);
	pdu_answer(header, PDU_RESPONSE, &pdu);
	header[1] = 0x82;
	be32_store(header + 44, 0xffffffff);
	pdu_send(fd, header, NULL, 0);
	hold(fd);
}

static void what_did_not_come_is_not_counted(void **state)
{
	struct affair *a;

	(void)state;
	answered(script_underflow, send_read, &a);
	assert_int_equal(a->p.cmd.status, SCSI_GOOD);
	assert_int_equal(a->p.cmd.in_bytes, 48);	/* less than the residual leaves, even */
	end(a);
	answered(script_good_without_data, send_read, &a);
	assert_int_equal(a->p.cmd.status, SCSI_GOOD);
	assert_int_equal(a->p.cmd.in_bytes, 0);
	end(a);
	answered(script_residual_nonsense, send_read, &a);
	assert_int_equal(a->p.cmd.in_bytes, 0);
	end(a);
}

static void script_response(int fd)
{
	uint8_t header[PDU_HEADER];
	struct pdu pdu;

	pass_and_await(fd, &pdu);
	pdu_answer(header, PDU_RESPONSE, &pdu);
	header[2] = 1;		/* target failure */
	pdu_send(fd, header, NULL, 0);
	hold(fd);
}

static void script_underflow_of_a_write(int fd)
{
	uint8_t header[PDU_HEADER];
	struct pdu pdu;

	pass_and_await(fd, &pdu);
	pdu_answer(header, PDU_RESPONSE, &pdu);
	header[1] = 0x82;
	be32_store(header + 44, 1);
	pdu_send(fd, header, NULL, 0);
	hold(fd);
}

static void good_that_takes_itself_back_is_not_good(void **state)
{
	struct affair *a;

	(void)state;
	answered(script_response, send_write, &a);
	assert_true(a->p.cmd.rejected);
	end(a);
	answered(script_response, send_read, &a);
	assert_true(a->p.cmd.rejected);
	end(a);
	answered(script_underflow_of_a_write, send_write, &a);
	assert_true(a->p.cmd.rejected);
	end(a);
}

/* An error that says how much was not written is that error. */
static void script_error_with_underflow(int fd)
{
	uint8_t header[PDU_HEADER];
	struct pdu pdu;

	pass_and_await(fd, &pdu);
	pdu_answer(header, PDU_RESPONSE, &pdu);
	header[1] = 0x82;
	header[3] = SCSI_BUSY;
	be32_store(header + 44, BLOCK);
	pdu_send(fd, header, NULL, 0);
	hold(fd);
}

static void an_error_with_a_residual_is_that_error(void **state)
{
	struct affair *a;

	(void)state;
	answered(script_error_with_underflow, send_write, &a);
	assert_false(a->p.cmd.rejected);
	assert_int_equal(a->p.cmd.status, SCSI_BUSY);
	end(a);
}

static void data_in(int fd, uint32_t off, uint32_t len)
{
	static const uint8_t data[4096];
	uint8_t header[PDU_HEADER];
	struct pdu pdu;

	pass_and_await(fd, &pdu);
	pdu_answer(header, PDU_DATA_IN, &pdu);
	header[1] = 0x81;
	be32_store(header + 40, off);
	pdu_send(fd, header, data, len);
	hold(fd);
}

static void script_too_much(int fd)
{
	data_in(fd, 0, BLOCK + 4);
}

static void script_beyond(int fd)
{
	data_in(fd, BLOCK, BLOCK);
}

static void script_far_beyond(int fd)
{
	data_in(fd, 0xfffffff0, BLOCK);
}

/* Pieces of a read, each where @off says: whoever leaves one out must not be believed. */
static void data_pieces(int fd, const uint32_t *off, unsigned count, uint32_t len)
{
	static const uint8_t data[BLOCK];
	uint8_t header[PDU_HEADER];
	struct pdu pdu;

	pass_and_await(fd, &pdu);
	for (unsigned i = 0; i < count; i++) {
		pdu_answer(header, PDU_DATA_IN, &pdu);
		header[1] = i + 1 == count ? 0x81 : 0;
		be32_store(header + 36, i);
		be32_store(header + 40, off[i]);
		pdu_send(fd, header, data, len);
	}
	hold(fd);
}

static void script_gap(int fd)
{
	data_pieces(fd, (const uint32_t[]){ 0, 256 }, 2, 128);
}

static void script_again(int fd)
{
	data_pieces(fd, (const uint32_t[]){ 0, 0 }, 2, 128);
}

static void script_backwards(int fd)
{
	data_pieces(fd, (const uint32_t[]){ 256, 0 }, 2, 256);
}

static void data_out_of_its_order_is_a_loss(void **state)
{
	(void)state;
	dropped(script_gap, send_read, "out of order");
	dropped(script_again, send_read, "out of order");
	dropped(script_backwards, send_read, "out of order");
}

static void data_that_does_not_fit_is_a_loss(void **state)
{
	(void)state;
	dropped(script_too_much, send_read, "does not fit");
	dropped(script_beyond, send_read, "does not fit");
	dropped(script_far_beyond, send_read, "does not fit");
	dropped(script_too_much, send_write, "does not fit");
}

static void script_wrong_opcode(int fd)
{
	uint8_t header[PDU_HEADER];
	struct pdu pdu;

	pass_and_await(fd, &pdu);
	pdu_answer(header, PDU_LOGOUT_RESPONSE, &pdu);
	pdu_send(fd, header, NULL, 0);
	hold(fd);
}

static void script_status(int fd)
{
	uint8_t header[PDU_HEADER];
	struct pdu pdu;

	pass_and_await(fd, &pdu);
	pdu_answer(header, PDU_RESPONSE, &pdu);
	header[3] = 0x77;
	pdu_send(fd, header, NULL, 0);
	hold(fd);
}

static void script_extra_header(int fd)
{
	uint8_t header[PDU_HEADER];
	struct pdu pdu;

	pass_and_await(fd, &pdu);
	pdu_answer(header, PDU_RESPONSE, &pdu);
	header[4] = 2;
	pdu_send(fd, header, NULL, 0);
	hold(fd);
}

static void script_huge(int fd)
{
	uint8_t header[PDU_HEADER];
	struct pdu pdu;

	pass_and_await(fd, &pdu);
	pdu_answer(header, PDU_RESPONSE, &pdu);
	be24_store(header + 5, 0xffffff);
	if (write(fd, header, sizeof(header)) > 0)
		hold(fd);
}

static void script_unknown_event(int fd)
{
	uint8_t header[PDU_HEADER];
	struct pdu pdu;

	pass_and_await(fd, &pdu);
	pdu_answer(header, PDU_ASYNC, &pdu);
	be32_store(header + 16, 0xffffffff);
	header[36] = 99;
	pdu_send(fd, header, NULL, 0);
	hold(fd);
}

static void script_r2t_beyond(int fd)
{
	uint8_t header[PDU_HEADER];
	struct pdu pdu;

	pass_and_await(fd, &pdu);
	pdu_answer(header, PDU_R2T, &pdu);
	be32_store(header + 20, 1);
	be32_store(header + 40, BLOCK);
	be32_store(header + 44, BLOCK);
	pdu_send(fd, header, NULL, 0);
	hold(fd);
}

static void nonsense_is_a_loss(void **state)
{
	(void)state;
	dropped(script_wrong_opcode, send_read, "wrong opcode");
	dropped(script_status, send_read, "status");
	dropped(script_extra_header, send_read, "expanded headers");
	dropped(script_huge, send_read, "Invalid data size");
	dropped(script_unknown_event, send_read, "libiscsi");
	dropped(script_r2t_beyond, send_write, "does not fit");
	dropped(script_r2t_beyond, send_read, "does not fit");
}

static void async(int fd, uint8_t event, uint16_t param2, uint16_t param3)
{
	uint8_t header[PDU_HEADER];
	struct pdu pdu;

	pass_and_await(fd, &pdu);
	pdu_answer(header, PDU_ASYNC, &pdu);
	be32_store(header + 16, 0xffffffff);
	header[36] = event;
	be16_store(header + 40, param2);
	be16_store(header + 42, param3);
	pdu_send(fd, header, NULL, 0);
}

static void script_asks_for_logout(int fd)
{
	uint8_t header[PDU_HEADER];
	struct pdu pdu;

	async(fd, 1, 0, 3);
	pdu_await(fd, &pdu, PDU_LOGOUT);
	pdu_answer(header, PDU_LOGOUT_RESPONSE, &pdu);
	pdu_send(fd, header, NULL, 0);
	hold(fd);
}

static void script_announces_a_drop(int fd)
{
	async(fd, 2, 7, 20);
}

static void a_target_that_asks_is_obeyed(void **state)
{
	struct affair *a = begin(script_asks_for_logout);

	(void)state;
	send_read(a);
	assert_true(dialler_wait(&a->d, &a->d.lost, 1));
	assert_int_equal(a->d.loss.time2wait, -1);
	expect_loss(a, TRANSPORT_LOSS_ASKED, "requests logout within 3 seconds");

	a = begin(script_announces_a_drop);
	send_read(a);
	assert_true(dialler_wait(&a->d, &a->d.lost, 1));
	assert_int_equal(a->d.loss.time2wait, 7000);
	expect_loss(a, TRANSPORT_LOSS_ASKED, "will drop this connection");
}

/* Ask for a sign of life in the middle of a command, and answer only when it came. */
static void script_pings(int fd)
{
	uint8_t header[PDU_HEADER];
	struct pdu command, pdu;

	pass_and_await(fd, &command);
	pdu_answer(header, PDU_NOP_IN, &command);
	be32_store(header + 16, 0xffffffff);
	be32_store(header + 20, 5);
	pdu_send(fd, header, NULL, 0);
	pdu_await(fd, &pdu, PDU_NOP_OUT);
	if (be32_load(pdu.header + 20) != 5)
		_exit(1);
	pdu_answer(header, PDU_RESPONSE, &command);
	header[3] = SCSI_BUSY;
	pdu_send(fd, header, NULL, 0);
	hold(fd);
}

static void a_ping_from_the_target_is_answered(void **state)
{
	struct affair *a;

	(void)state;
	answered(script_pings, send_read, &a);
	assert_int_equal(a->p.cmd.status, SCSI_BUSY);
	end(a);
}

static void send_ping(struct affair *a)
{
	assert_int_equal(transport_ping(a->d.tp), 0);
}

/* To libiscsi every request that data answers has a buffer: a ping has none. */
static void data_for_ping(int fd, enum pdu_opcode opcode)
{
	uint8_t header[PDU_HEADER];
	struct pdu pdu;

	login_pass(fd);
	pdu_await(fd, &pdu, PDU_NOP_OUT);
	pdu_answer(header, opcode, &pdu);
	be32_store(header + 44, 4);
	pdu_send(fd, header, "boo", opcode == PDU_DATA_IN ? 4 : 0);
	hold(fd);
}

static void script_data_for_ping(int fd)
{
	data_for_ping(fd, PDU_DATA_IN);
}

static void script_r2t_for_ping(int fd)
{
	data_for_ping(fd, PDU_R2T);
}

static void data_where_no_command_is_is_a_loss(void **state)
{
	(void)state;
	dropped(script_data_for_ping, send_ping, "no command");
	dropped(script_r2t_for_ping, send_ping, "no command");
}

/* In pieces of 8 KiB that is half a million Data-Out PDUs, each put in its place in a list. */
static void script_r2t_for_everything(int fd)
{
	uint8_t header[PDU_HEADER];
	struct pdu pdu;

	pass_and_await(fd, &pdu);
	pdu_answer(header, PDU_R2T, &pdu);
	be32_store(header + 20, 1);
	be32_store(header + 44, 0xffffffff);
	pdu_send(fd, header, NULL, 0);
	hold(fd);
}

static void a_request_for_more_than_there_is_is_a_loss(void **state)
{
	(void)state;
	dropped(script_r2t_for_everything, send_write, "does not fit");
}

/* Asks again and again, and never takes an answer. */
enum { LARGE = 262144 };

/* The buffer of a write is its owner's again, and may be freed, when it is done. */
static void script_good_too_early(int fd)
{
	const int cork = 1, uncork = 0;
	uint8_t header[PDU_HEADER];
	struct pdu pdu;

	pass_and_await(fd, &pdu);
	setsockopt(fd, IPPROTO_TCP, TCP_CORK, &cork, sizeof(cork));
	pdu_answer(header, PDU_R2T, &pdu);
	be32_store(header + 20, 1);
	be32_store(header + 40, (uint32_t)pdu.len);
	be32_store(header + 44, LARGE - (uint32_t)pdu.len);
	pdu_send(fd, header, NULL, 0);
	pdu_answer(header, PDU_RESPONSE, &pdu);
	pdu_send(fd, header, NULL, 0);
	setsockopt(fd, IPPROTO_TCP, TCP_CORK, &uncork, sizeof(uncork));
	hold(fd);
}

static void done_with_nothing_queued(struct transport_cmd *cmd)
{
	const struct affair *a = container_of(cmd, struct affair, p.cmd);

	assert_int_equal(transport_queued(a->d.tp), 0);
	probe_done(cmd);
}

static void the_buffer_of_a_write_is_kept_until_it_left(void **state)
{
	struct affair *a = begin(script_good_too_early);
	void *data = calloc(1, LARGE);

	(void)state;
	a->p.cmd.done = done_with_nothing_queued;
	assert_int_equal(transport_write(a->d.tp, &a->p.cmd, lun_addr_of(0), 0, LARGE / BLOCK, BLOCK,
					 data, false), 0);
	assert_true(dialler_wait(&a->d, &a->p.done, 1));
	assert_int_equal(a->d.lost, 0);
	end(a);
	free(data);
}

/* R2Ts for the halves of a block, as @off says. */
static void r2ts(int fd, uint32_t first, uint32_t second)
{
	uint8_t header[PDU_HEADER];
	struct pdu pdu;

	pass_and_await(fd, &pdu);
	for (unsigned i = 0; i < 2; i++) {
		pdu_answer(header, PDU_R2T, &pdu);
		be32_store(header + 20, 1 + i);
		be32_store(header + 36, i);
		be32_store(header + 40, i ? second : first);
		be32_store(header + 44, BLOCK / 2);
		pdu_send(fd, header, NULL, 0);
	}
	hold(fd);
}

static void script_r2t_twice(int fd)
{
	r2ts(fd, 0, 0);
}

static void script_r2t_backwards(int fd)
{
	r2ts(fd, BLOCK / 2, 0);
}

static void requests_for_data_out_of_their_order_are_a_loss(void **state)
{
	(void)state;
	dropped(script_r2t_twice, send_write, "out of order");
	dropped(script_r2t_backwards, send_write, "out of order");
}

static void script_pings_without_end(int fd)
{
	uint8_t header[PDU_HEADER];
	struct pdu pdu;

	pass_and_await(fd, &pdu);
	for (;;) {
		pdu_answer(header, PDU_NOP_IN, &pdu);
		be32_store(header + 16, 0xffffffff);
		be32_store(header + 20, 5);
		pdu_send(fd, header, NULL, 0);
	}
}

static void pings_without_end_are_a_loss(void **state)
{
	(void)state;
	dropped(script_pings_without_end, send_read, "sends pings");
}

static void script_text_in_parts(int fd)
{
	uint8_t header[PDU_HEADER];
	struct pdu pdu;

	login_pass(fd);
	pdu_await(fd, &pdu, PDU_TEXT);
	pdu_answer(header, PDU_TEXT_RESPONSE, &pdu);
	header[1] = 0x40;
	pdu_send(fd, header, "TargetName=iqn.2026-11.a", 25);
	hold(fd);
}

static void script_text_unknown(int fd)
{
	static const char text[] = "TargetName=iqn.2026-11.a\0TargetAlias=b";
	uint8_t header[PDU_HEADER];
	struct pdu pdu;

	login_pass(fd);
	pdu_await(fd, &pdu, PDU_TEXT);
	pdu_answer(header, PDU_TEXT_RESPONSE, &pdu);
	pdu_send(fd, header, text, sizeof(text));
	hold(fd);
}

static void a_list_that_cannot_be_read_is_told(void **state)
{
	static const struct {
		void (*script)(int fd);
		const char *why;
	} lists[] = {
		{ script_text_in_parts, "list of targets in parts" },
		{ script_text_unknown, "list of targets that libiscsi cannot read" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		struct transport_param param;
		struct hostile h;
		struct dialler d;

		assert_true(hostile_start(&h, lists[i].script));
		param = dialler_param(h.portal, NULL);
		assert_true(dialler_dial(&d, &param));
		assert_int_equal(transport_send_targets(d.tp), 0);
		assert_true(dialler_wait(&d, &d.lost, 1));
		if (!strstr(d.loss.text, lists[i].why))
			fail_msg("\"%s\", want \"%s\"", d.loss.text, lists[i].why);
		assert_int_equal(d.found, 0);
		dialler_end(&d);
		hostile_stop(&h);
	}
}

/* ---- Again and again ---- */

static unsigned open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* @silent: cut after a few turns; else wait for the loss. */
static void dial_often(const char *portal, unsigned times, bool silent)
{
	struct transport_param param = dialler_param(portal, TARGET);
	struct transport *tp;
	struct loop *loop;

	if (silent) {
		assert_int_equal(loop_new(&loop), 0);
		for (unsigned i = 0; i < times; i++) {
			assert_int_equal(transport_dial(&tp, loop, &param, &no_events, NULL), 0);
			for (unsigned turns = 0; turns < i % 4; turns++)
				loop_turn(loop, 1);
			transport_cut(tp);
		}
		loop_free(loop);
		return;
	}
	for (unsigned i = 0; i < times; i++) {
		struct dialler d;

		assert_false(dialler_dial(&d, &param));
		assert_int_equal(d.lost, 1);
		dialler_end(&d);
	}
}

static void script_silent(int fd)
{
	hold(fd);
}

static void a_thousand_dials_leave_nothing_behind(void **state)
{
	static void (*const scripts[])(int fd) = { script_close, script_http, script_half_data };
	unsigned before = open_descriptors();
	char portal[32];
	struct hostile h;

	(void)state;
	snprintf(portal, sizeof(portal), "127.0.0.1:%d", free_port());
	dial_often(portal, 1000, false);
	for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
		assert_true(hostile_start(&h, scripts[i]));
		dial_often(h.portal, 200, false);
		hostile_stop(&h);
	}
	assert_true(hostile_start(&h, script_silent));
	dial_often(h.portal, 200, true);
	hostile_stop(&h);
	assert_int_equal(open_descriptors(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_port_that_closes_is_no_connection),
		cmocka_unit_test(a_login_without_answer_is_no_connection),
		cmocka_unit_test(another_protocol_is_recognised),
		cmocka_unit_test(endless_noise_ends_at_its_first_header),
		cmocka_unit_test(half_a_header_is_told),
		cmocka_unit_test(half_an_answer_is_told),
		cmocka_unit_test(a_reset_is_told),
		cmocka_unit_test(a_login_answered_with_data_is_refused),
		cmocka_unit_test(a_huge_answer_is_refused),
		cmocka_unit_test(an_answer_to_another_request_is_refused),
		cmocka_unit_test(chap_in_answers_to_another_request_is_refused),
		cmocka_unit_test(an_authentication_that_takes_too_long_is_left),
		cmocka_unit_test(a_downgrade_to_none_is_refused),
		cmocka_unit_test(chap_without_a_challenge_is_refused),
		cmocka_unit_test(a_zero_proof_is_refused_wherever_it_comes),
		cmocka_unit_test(reflections_are_refused),
		cmocka_unit_test(one_secret_for_both_directions_is_refused),
		cmocka_unit_test(answers_before_the_question_prove_nothing),
		cmocka_unit_test(a_login_without_end_is_ended),
		cmocka_unit_test(pieces_of_no_bytes_are_refused),
		cmocka_unit_test(a_redirect_names_the_portal),
		cmocka_unit_test(a_status_is_told),
		cmocka_unit_test(an_answer_in_drops_is_put_together),
		cmocka_unit_test(waiting_for_the_rest_costs_nothing),
		cmocka_unit_test(a_lost_connection_is_told_once),
		cmocka_unit_test(an_idle_connection_is_lost_too),
		cmocka_unit_test(a_rejected_command_says_so),
		cmocka_unit_test(an_error_without_sense_is_a_hardware_error),
		cmocka_unit_test(what_did_not_come_is_not_counted),
		cmocka_unit_test(good_that_takes_itself_back_is_not_good),
		cmocka_unit_test(an_error_with_a_residual_is_that_error),
		cmocka_unit_test(data_out_of_its_order_is_a_loss),
		cmocka_unit_test(the_buffer_of_a_write_is_kept_until_it_left),
		cmocka_unit_test(requests_for_data_out_of_their_order_are_a_loss),
		cmocka_unit_test(data_that_does_not_fit_is_a_loss),
		cmocka_unit_test(nonsense_is_a_loss),
		cmocka_unit_test(a_target_that_asks_is_obeyed),
		cmocka_unit_test(a_ping_from_the_target_is_answered),
		cmocka_unit_test(pings_without_end_are_a_loss),
		cmocka_unit_test(data_where_no_command_is_is_a_loss),
		cmocka_unit_test(a_request_for_more_than_there_is_is_a_loss),
		cmocka_unit_test(a_list_that_cannot_be_read_is_told),
		cmocka_unit_test(a_thousand_dials_leave_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
