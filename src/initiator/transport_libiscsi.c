/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The transport over libiscsi 1.19: commands, answers, and the end.
 *
 * The one hard thing: libiscsi does not say that a connection is gone. It may call back with
 * CANCELLED, return -1 a turn later, or do neither; it may skip callbacks altogether. So our slots
 * are the truth about what is in flight, every service call is followed by a look at what it left,
 * and nothing that libiscsi holds is used again before its context is destroyed.
 *
 * What else it would do, and what we do instead:
 *   reconnect by itself, with another ISID, into dead ends     off, one context is one connection
 *   time commands out and leave holes in CmdSN                 no timeouts, nothing is ever cancelled:
 *                                                              a slot that is abandoned stays taken
 *   give an immediate PDU the CmdSN of a queued one            asked for when nothing is queued
 *   take LIBISCSI_* from the environment                       removed before the first context
 *   look names up in the loop, keep the first address          numeric portals only
 *   let write(2) raise SIGPIPE, leave its socket to children   ignored, close-on-exec
 *   cut long strings, drop an empty password and with it CHAP  such parameters are refused
 *   believe any login                                          transport_login.c reads it first
 *   believe any header: crash, hang                            transport_guard.c reads it first
 *   read and write each PDU with two system calls              transport_guard.c gathers them
 */
#include "initiator/transport_libiscsi.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "iscsifs/cursor.h"

enum { TRANSPORT_PINGS_MAX = 64 };	/* unanswered, from the target */

/* To libiscsi. */
static bool slot_is_known(const struct slot *s)
{
	return s->cmd || s->abandoned;
}

static struct slot *transport_find(const struct transport *tp, uint32_t itt)
{
	struct slot *s = tp->by_itt[itt & tp->itt_mask];

	if (s && slot_is_known(s) && s->task.itt == itt)
		return s;
	for (unsigned i = 0; i < tp->commands; i++) {
		s = &tp->slots[i];
		if (slot_is_known(s) && s->task.itt == itt)
			return s;
	}
	return NULL;
}

static bool transport_refuse(struct transport *tp, const char *why)
{
	tp->refused = why;
	return false;
}

/* Data where none was asked for: libiscsi takes the task of a ping for granted. */
static bool transport_pass_data(struct transport *tp, const uint8_t *header)
{
	struct slot *s = transport_find(tp, be32_load(header + 16));
	uint64_t off = be32_load(header + 40), len = be24_load(header + 5);

	if (!s)
		return transport_refuse(tp, "sent data for no command");
	if (s->task.xfer_dir != SCSI_XFER_READ || off + len > s->iov.iov_len ||
	    s->got + len > s->iov.iov_len)
		return transport_refuse(tp, "sent data that does not fit the command");
	/* DataPDUInOrder, DataSequenceInOrder: what is left out or comes twice is seen here only. */
	if (off != s->got)
		return transport_refuse(tp, "sent data out of order");
	s->got += (uint32_t)len;
	s->moved = loop_now(tp->loop);
	return true;
}

/* A request for data that is not there: libiscsi cuts it up before it looks for the data. */
static bool transport_pass_r2t(struct transport *tp, const uint8_t *header)
{
	struct slot *s = transport_find(tp, be32_load(header + 16));
	uint64_t off = be32_load(header + 40), len = be32_load(header + 44);

	if (!s)
		return transport_refuse(tp, "asked for data of no command");
	if (s->task.xfer_dir != SCSI_XFER_WRITE || !len || off + len > s->iov.iov_len)
		return transport_refuse(tp, "asked for data that does not fit the command");
	if (s->abandoned)
		return transport_refuse(tp, "asked for data of a command that it had aborted");
	if (s->asked_end && off != s->asked_end)
		return transport_refuse(tp, "asked for data out of order");
	s->asked_end = (uint32_t)(off + len);
	s->queued = tp->drains;
	s->moved = loop_now(tp->loop);
	s->owes = true;
	return true;
}

/* RFC 7143 11.4.3: with another response than 0 there is no status; libiscsi takes it all the same. */
static void transport_see_response(struct transport *tp, const uint8_t *header)
{
	struct slot *s = transport_find(tp, be32_load(header + 16));

	if (s)
		s->failed = header[2];
}

static bool transport_pass(struct guard *g, const uint8_t *header)
{
	struct transport *tp = container_of(g, struct transport, guard);

	switch (header[0] & 0x3f) {
	case PDU_DATA_IN:
		return transport_pass_data(tp, header);
	case PDU_R2T:
		return transport_pass_r2t(tp, header);
	case PDU_SCSI_RESPONSE:
		transport_see_response(tp, header);
		return true;
	case PDU_NOP_IN:
		/* Each wants an answer, which takes memory until it can leave. */
		if (be32_load(header + 20) != PDU_NO_TAG && ++tp->pings > TRANSPORT_PINGS_MAX)
			return transport_refuse(tp, "sends pings and does not take the answers");
	}
	return true;
}

/* F says whether more of the sequence follows (RFC 7143 11.3.1, 11.7.1). */
static void transport_leaves(struct guard *g, const uint8_t *header)
{
	struct transport *tp = container_of(g, struct transport, guard);
	uint8_t opcode = header[0] & 0x3f;
	struct slot *s;

	if (opcode != PDU_COMMAND && opcode != PDU_DATA_OUT)
		return;
	s = transport_find(tp, be32_load(header + 16));
	if (!s)
		return;
	s->owes = !(header[1] & PDU_F);
	s->out_end = g->out_end;
}

void transport_guard(struct transport *tp)
{
	guard_init(&tp->guard, tp->watch.fd, tp->login.limits.header_digest, transport_pass);
	tp->guard.leaves = transport_leaves;
}

/* ---- Answers ---- */

bool transport_unsent(const struct transport *tp)
{
	return guard_has_unsent(&tp->guard) || iscsi_out_queue_length(tp->ctx) > 0 ||
	       (iscsi_which_events(tp->ctx) & POLLOUT);
}

static void slot_read_sense(struct slot *s, struct sense *out)
{
	const uint8_t *data = s->task.datain.data;
	int size = s->task.datain.size;

	/* RFC 7143 11.4.7: SenseLength, then sense data. */
	if (data && size >= 2)
		size = MIN(size - 2, (data[0] << 8) | data[1]);
	sense_decode(data && size > 0 ? data + 2 : NULL, data && size > 0 ? (size_t)size : 0, out);
}

/* A target that says GOOD, and that it did not take all of a write. */
static bool slot_is_short_write(const struct slot *s, int status)
{
	return status == SCSI_STATUS_GOOD && s->task.xfer_dir == SCSI_XFER_WRITE &&
	       s->task.residual_status == SCSI_RESIDUAL_UNDERFLOW && s->task.residual;
}

static void slot_take_answer(struct slot *s, int status)
{
	struct transport_cmd *cmd = s->cmd;
	const struct scsi_task *task = &s->task;
	uint32_t bytes = task->xfer_dir == SCSI_XFER_READ ? (uint32_t)task->expxferlen : 0;

	BUG_ON(!s->tp->guard.pdus);	/* linked so that libiscsi's recv() is not ours */
	cmd->rejected = status == SCSI_STATUS_ERROR || s->failed || slot_is_short_write(s, status);
	cmd->status = cmd->rejected ? 0 : (uint8_t)status;
	cmd->in_bytes = cmd->rejected ? 0 : bytes;
	if (!cmd->rejected && task->residual_status == SCSI_RESIDUAL_UNDERFLOW)
		cmd->in_bytes = bytes - MIN(bytes, (uint32_t)MIN(task->residual, UINT32_MAX));
	cmd->in_bytes = MIN(cmd->in_bytes, s->got);
	if (status == SCSI_STATUS_CHECK_CONDITION)
		slot_read_sense(s, &cmd->sense);
	else
		cmd->sense = (struct sense){ 0 };
}

static void slot_free_answer(struct slot *s)
{
	free(s->task.datain.data);	/* T17: made by libiscsi, ours to free */
	s->task.datain.data = NULL;
}

static void slot_finish(struct slot *s)
{
	struct transport_cmd *cmd = s->cmd;

	slot_free_answer(s);
	s->cmd = NULL;
	cmd->slot = NULL;
	list_del(&s->link);
	list_prepend(&s->tp->idle, &s->link);
	cmd->done(cmd);
}

/* An answer that nobody waits for: libiscsi has forgotten the task now, so the slot is free. */
static void slot_bury(struct slot *s)
{
	slot_free_answer(s);
	s->abandoned = false;
	s->tp->abandoned--;
	list_prepend(&s->tp->idle, &s->link);
}

/* May PDUs of the command still be queued? */
static bool slot_is_unsent(const struct slot *s)
{
	return s->task.xfer_dir == SCSI_XFER_WRITE && s->queued == s->tp->drains &&
	       transport_unsent(s->tp);
}

/*
 * A command has its answer. The answer to a write may come before its data left: an error at the
 * first byte, or a lie. Its Data-Out PDUs then still point at the buffer (T4), so it is withheld
 * until nothing is queued.
 */
static void transport_answered(struct iscsi_context *ctx, int status, void *data, void *arg)
{
	struct slot *s = arg;
	struct transport *tp = s->tp;

	(void)ctx;
	(void)data;
	if (tp->cutting || tp->phase == TRANSPORT_PHASE_LOST)
		return;
	if (tp->submitting) {
		tp->submit_failed = true;
		return;
	}
	if (status == SCSI_STATUS_CANCELLED) {	/* T6: only mark, libiscsi is emptying its lists */
		tp->cancelled = true;
		return;
	}
	if (s->abandoned) {
		slot_bury(s);
		return;
	}
	slot_take_answer(s, status);
	if (status != SCSI_STATUS_ERROR && !tp->asked)
		transport_forget_error(tp);	/* it was about this command */
	/* An ERROR is a Reject, or the beginning of a loss: that is known when service returns. */
	if (status == SCSI_STATUS_ERROR || slot_is_unsent(s)) {
		list_append(&tp->withheld, &s->link);
		return;
	}
	slot_finish(s);
}

static void transport_release(struct transport *tp)
{
	struct slot *s;

	if (list_empty(&tp->withheld) || transport_unsent(tp))
		return;
	while (tp->phase == TRANSPORT_PHASE_FULL &&
	       (s = list_first(&tp->withheld, struct slot, link)))
		slot_finish(s);
}

/* ---- Serving libiscsi ---- */

static void transport_notice(struct transport *tp, int rc)
{
	if (rc < 0 || tp->cancelled)
		transport_lose_connection(tp);
	else if (tp->phase == TRANSPORT_PHASE_FULL && !iscsi_is_logged_in(tp->ctx))
		transport_lose_connection(tp);	/* T5: libiscsi logged out and tells nobody */
}

void transport_service(struct transport *tp, int events)
{
	struct transport *before = transport_enter(tp);
	struct guard *guard = guard_post(tp->phase == TRANSPORT_PHASE_FULL ? &tp->guard : NULL);
	int rc;

	if (!tp->asked)
		transport_forget_error(tp);
	tp->serving = true;
	rc = iscsi_service(tp->ctx, events);
	tp->serving = false;
	(void)guard_post(guard);
	transport_leave(before);
	if (tp->phase != TRANSPORT_PHASE_LOST)
		transport_notice(tp, rc);
}

void transport_want_events(struct transport *tp)
{
	bool out = guard_has_unsent(&tp->guard) || (iscsi_which_events(tp->ctx) & POLLOUT);

	loop_fd_mod(tp->loop, &tp->watch, LOOP_IN | (out ? LOOP_OUT : 0u));
}

/* Send what the guard gathered. Returns whether the connection is still there. */
static bool transport_push(struct transport *tp)
{
	int rc = guard_push(&tp->guard);

	if (!rc)
		return true;
	tp->said_errno = -rc;
	transport_lose_connection(tp);
	return false;
}

void transport_write_out(struct transport *tp)
{
	if (!transport_push(tp))
		return;
	if (!guard_has_unsent(&tp->guard) && (iscsi_which_events(tp->ctx) & POLLOUT)) {
		transport_service(tp, POLLOUT);
		if (tp->phase == TRANSPORT_PHASE_LOST || !transport_push(tp))
			return;
	}
	transport_want_events(tp);
	if (transport_unsent(tp))
		return;
	tp->drains++;
	tp->pings = 0;
	transport_release(tp);
	if (tp->logout_due)
		loop_defer(tp->loop, &tp->flush);
}

static void transport_logged_out(struct iscsi_context *ctx, int status, void *data, void *arg)
{
	struct transport *tp = arg;

	(void)ctx;
	(void)data;
	if (!tp->cutting && status == SCSI_STATUS_GOOD)
		transport_lose(tp, TRANSPORT_LOSS_LOGGED_OUT, "logged out");
}

static int transport_queue_logout(struct transport *tp)
{
	struct transport *before = transport_enter(tp);
	int rc;

	tp->logout_due = false;
	rc = iscsi_logout_async(tp->ctx, transport_logged_out, tp);
	transport_leave(before);
	return rc ? -ENOMEM : 0;
}

static void transport_flush(struct loop_call *call)
{
	struct transport *tp = container_of(call, struct transport, flush);

	if (tp->logout_due && !transport_unsent(tp) && transport_queue_logout(tp))
		transport_lose(tp, TRANSPORT_LOSS_DROPPED, "no memory for the logout");
	if (tp->phase == TRANSPORT_PHASE_LOST || (tp->watch.events & LOOP_OUT))
		return;		/* the socket is full: it says when it is not */
	if (iscsi_which_events(tp->ctx) & POLLOUT)
		transport_write_out(tp);
}

void transport_flush_later(struct transport *tp)
{
	loop_defer(tp->loop, &tp->flush);
}

void transport_full_ready(struct transport *tp, unsigned events)
{
	/* What came before the end still counts: read first, and before the end all of it. */
	do {
		if (events & LOOP_IN)
			transport_service(tp, POLLIN);
		if (tp->phase == TRANSPORT_PHASE_LOST)
			return;
	} while ((events & LOOP_HUP) && guard_has_more(&tp->guard));
	if (guard_has_more(&tp->guard))
		loop_defer(tp->loop, &tp->reread);
	if (events & LOOP_HUP) {
		tp->said_errno = transport_socket_error(tp);
		transport_lose_connection(tp);
		return;
	}
	if (events & LOOP_OUT)
		transport_write_out(tp);
	else if (iscsi_which_events(tp->ctx) & POLLOUT)
		transport_flush_later(tp);
	if (tp->phase != TRANSPORT_PHASE_LOST)
		transport_release(tp);
}

static void transport_reread(struct loop_call *call)
{
	transport_full_ready(container_of(call, struct transport, reread), LOOP_IN);
}

int transport_socket_error(const struct transport *tp)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(tp->watch.fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	return error;
}

int transport_tcp_info(const struct transport *tp, struct tcp_info *info)
{
	socklen_t len = sizeof(*info);

	memset(info, 0, sizeof(*info));
	return getsockopt(tp->watch.fd, IPPROTO_TCP, TCP_INFO, info, &len) < 0 ? -errno : 0;
}

/* ---- Life ---- */

static void transport_notify_more(struct transport *tp)
{
	if (tp->pongs_due || tp->tmf_due || tp->lost_due)
		loop_defer(tp->loop, &tp->notify);
}

/*
 * Deliver one event. The owner may cut us from it: it comes last, and what it is given is not ours.
 */
static void transport_notify(struct loop_call *call)
{
	struct transport *tp = container_of(call, struct transport, notify);
	void *arg = tp->arg;

	if (tp->ready_due) {
		struct transport_limits limits = tp->login.limits;

		tp->ready_due = false;
		transport_notify_more(tp);
		tp->events.on_ready(arg, &limits);
	} else if (tp->pongs_due) {
		tp->pongs_due--;
		transport_notify_more(tp);
		if (tp->events.on_pong)
			tp->events.on_pong(arg);
	} else if (tp->tmf_due) {
		tp->tmf_due = false;
		transport_notify_more(tp);
		if (tp->events.on_tmf)
			tp->events.on_tmf(arg, tp->tmf_response);
	} else if (tp->lost_due) {
		struct transport_loss loss = tp->loss;

		tp->lost_due = false;
		tp->events.on_lost(arg, &loss);
	}
}

static int transport_make_slots(struct transport *tp, unsigned commands)
{
	uint32_t tags = 2;

	while (tags < 2 * commands)
		tags *= 2;
	tp->itt_mask = tags - 1;
	tp->by_itt = calloc(tags, sizeof(*tp->by_itt));
	tp->slots = calloc(commands, sizeof(*tp->slots));
	tp->login_pdu = malloc(LOGIN_PDU_MAX);
	if (!tp->by_itt || !tp->slots || !tp->login_pdu)
		return -ENOMEM;
	tp->commands = commands;
	for (unsigned i = 0; i < commands; i++) {
		tp->slots[i].tp = tp;
		list_append(&tp->idle, &tp->slots[i].link);
	}
	return 0;
}

static void transport_init(struct transport *tp, struct loop *loop,
			   const struct transport_param *param,
			   const struct transport_events *events, void *arg)
{
	tp->loop = loop;
	tp->events = *events;
	tp->arg = arg;
	tp->dialled = clock_mono_ms();
	tp->acked_at = tp->dialled;
	tp->asked_wait = -1;
	loop_fd_init(&tp->watch, transport_ready);
	loop_call_init(&tp->flush, transport_flush);
	loop_call_init(&tp->reread, transport_reread);
	loop_call_init(&tp->notify, transport_notify);
	loop_timer_init(loop, &tp->login_timer, transport_login_due);
	tp->login_at = param->login_at;
	tp->auth_timeout = param->auth_timeout;
	list_init(&tp->idle);
	list_init(&tp->withheld);
	login_init(&tp->login, param);
	snprintf(tp->portal, sizeof(tp->portal), "%s", param->portal);
	if (param->target)
		snprintf(tp->target, sizeof(tp->target), "%s", param->target);
}

int transport_dial(struct transport **out, struct loop *loop, const struct transport_param *param,
		   const struct transport_events *events, void *arg)
{
	struct transport *tp;
	int rc = -ENOMEM;

	*out = NULL;
	transport_prepare_process();
	if (!transport_param_fits(param))
		return -EINVAL;
	tp = calloc(1, sizeof(*tp));
	if (!tp)
		return -ENOMEM;
	transport_init(tp, loop, param, events, arg);
	if (transport_make_slots(tp, param->commands))
		goto fail;
	tp->ctx = iscsi_create_context(param->initiator);
	if (!tp->ctx)
		goto fail;
	rc = transport_configure(tp->ctx, param);
	if (rc)
		goto fail;
	/* RFC 7143 12.1.3: with one secret for both directions a response can be reflected. */
	if (param->user_in && !strcmp(param->password, param->password_in))
		transport_lose(tp, TRANSPORT_LOSS_AUTH,
			       "password and password_in are the same: each direction needs its own");
	else
		transport_connect(tp);
	*out = tp;
	return 0;
fail:
	transport_cut(tp);
	return rc;
}

/* ---- Commands ---- */

static void slot_prepare(struct slot *s, struct transport_cmd *cmd, const uint8_t *cdb,
			 unsigned cdb_len, int dir, void *buf, uint32_t bytes)
{
	struct scsi_task *task = &s->task;

	memset(task, 0, sizeof(*task));
	memcpy(task->cdb, cdb, cdb_len);
	task->cdb_size = (int)cdb_len;
	task->xfer_dir = dir;
	task->expxferlen = (int)bytes;
	s->got = 0;
	s->owes = true;
	s->out_end = 0;
	s->moved = loop_now(s->tp->loop);
	s->asked_end = 0;
	s->failed = false;
	s->queued = s->tp->drains;
	s->iov = (struct scsi_iovec){ .iov_base = buf, .iov_len = bytes };
	scsi_task_set_iov_in(task, dir == SCSI_XFER_READ ? &s->iov : &s->nothing, 1);
	if (dir == SCSI_XFER_WRITE)
		scsi_task_set_iov_out(task, &s->iov, 1);
	s->cmd = cmd;
	cmd->slot = s;
}

static int slot_submit(struct slot *s, struct lun_addr lun)
{
	struct transport *tp = s->tp;
	struct transport *before = transport_enter(tp);
	int rc;

	tp->submitting = true;
	tp->submit_failed = false;
	/* T19: the LUN goes out as these 16 bits. */
	rc = iscsi_scsi_command_async(tp->ctx, lun.raw, &s->task, transport_answered, NULL, s);
	tp->submitting = false;
	transport_leave(before);
	tp->by_itt[s->task.itt & tp->itt_mask] = s;
	return rc || tp->submit_failed ? -ENOMEM : 0;
}

static int transport_submit(struct transport *tp, struct transport_cmd *cmd, struct lun_addr lun,
			    const uint8_t *cdb, unsigned cdb_len, int dir, void *buf,
			    uint32_t bytes)
{
	struct slot *s = list_first(&tp->idle, struct slot, link);
	int rc;

	cmd->slot = NULL;
	if (tp->phase == TRANSPORT_PHASE_LOST)
		return 0;	/* the owner is about to hear of it */
	BUG_ON(tp->phase != TRANSPORT_PHASE_FULL || !cmd->done);
	BUG_ON(cdb_len > CDB_MAX || bytes > TRANSPORT_BURST_BYTES);
	if (!s)
		return -EAGAIN;
	list_del(&s->link);
	slot_prepare(s, cmd, cdb, cdb_len, dir, buf, bytes);
	rc = slot_submit(s, lun);
	if (rc) {
		s->cmd = NULL;
		cmd->slot = NULL;
		list_append(&tp->idle, &s->link);
		if (tp->submit_failed)	/* half of it is queued: nothing good comes of that */
			transport_lose(tp, TRANSPORT_LOSS_DROPPED, "no memory for a command");
		return rc;
	}
	transport_flush_later(tp);
	return 0;
}

int transport_read(struct transport *tp, struct transport_cmd *cmd, struct lun_addr lun,
		   uint64_t lba, uint32_t blocks, uint32_t block_bytes, void *dst)
{
	uint8_t cdb[CDB_MAX];
	unsigned len = cdb_read_16(cdb, lba, blocks);

	return transport_submit(tp, cmd, lun, cdb, len, SCSI_XFER_READ, dst, blocks * block_bytes);
}

int transport_write(struct transport *tp, struct transport_cmd *cmd, struct lun_addr lun,
		    uint64_t lba, uint32_t blocks, uint32_t block_bytes, const void *src, bool fua)
{
	uint8_t cdb[CDB_MAX];
	unsigned len = cdb_write_16(cdb, lba, blocks, fua);

	return transport_submit(tp, cmd, lun, cdb, len, SCSI_XFER_WRITE, (void *)(uintptr_t)src,
				blocks * block_bytes);
}

int transport_command(struct transport *tp, struct transport_cmd *cmd, struct lun_addr lun,
		      const uint8_t *cdb, unsigned cdb_len, void *in, uint32_t in_bytes,
		      const void *out, uint32_t out_bytes)
{
	BUG_ON(in_bytes && out_bytes);
	if (out_bytes)
		return transport_submit(tp, cmd, lun, cdb, cdb_len, SCSI_XFER_WRITE,
					(void *)(uintptr_t)out, out_bytes);
	return transport_submit(tp, cmd, lun, cdb, cdb_len,
				in_bytes ? SCSI_XFER_READ : SCSI_XFER_NONE, in, in_bytes);
}

static void transport_ponged(struct iscsi_context *ctx, int status, void *data, void *arg)
{
	struct transport *tp = arg;

	(void)ctx;
	(void)data;
	if (tp->cutting)
		return;
	if (status == SCSI_STATUS_CANCELLED) {
		tp->cancelled = true;
		return;
	}
	tp->pongs_due++;	/* a rejected ping was answered too */
	loop_defer(tp->loop, &tp->notify);
}

int transport_ping(struct transport *tp)
{
	struct transport *before;
	int rc;

	if (tp->phase == TRANSPORT_PHASE_LOST)
		return 0;
	BUG_ON(tp->phase != TRANSPORT_PHASE_FULL);
	before = transport_enter(tp);
	rc = iscsi_nop_out_async(tp->ctx, transport_ponged, NULL, 0, tp);
	transport_leave(before);
	if (rc)
		return -ENOMEM;
	transport_flush_later(tp);
	return 0;
}

static void transport_found(struct iscsi_context *ctx, int status, void *data, void *arg)
{
	struct transport *tp = arg;
	const struct iscsi_discovery_address *da;

	(void)ctx;
	if (tp->cutting)
		return;
	if (status != SCSI_STATUS_GOOD) {
		/* T20: libiscsi reads answers of one PDU, with the two keys it knows. */
		transport_lose(tp, TRANSPORT_LOSS_DROPPED,
			       strstr(tp->error, "unsupported flags") ?
			       "%s sent a list of targets in parts, which libiscsi cannot read (%s)" :
			       "%s sent a list of targets that libiscsi cannot read: %s",
			       tp->portal, tp->error);
		return;
	}
	for (da = data; da; da = da->next) {
		const struct iscsi_target_portal *p = da->portals;

		if (!p)
			tp->events.on_target(tp->arg, da->target_name, NULL);
		for (; p; p = p->next)
			tp->events.on_target(tp->arg, da->target_name, p->portal);
	}
	tp->events.on_target(tp->arg, NULL, NULL);
}

int transport_send_targets(struct transport *tp)
{
	struct transport *before;
	int rc;

	if (tp->phase == TRANSPORT_PHASE_LOST)
		return 0;
	BUG_ON(tp->phase != TRANSPORT_PHASE_FULL || tp->target[0] || !tp->events.on_target);
	before = transport_enter(tp);
	rc = iscsi_discovery_async(tp->ctx, transport_found, tp);
	transport_leave(before);
	if (rc)
		return -ENOMEM;
	transport_flush_later(tp);
	return 0;
}

int transport_logout(struct transport *tp)
{
	if (tp->phase == TRANSPORT_PHASE_LOST)
		return 0;
	BUG_ON(tp->phase != TRANSPORT_PHASE_FULL);
	tp->logout_due = true;
	transport_flush_later(tp);
	return 0;
}

unsigned transport_queued(const struct transport *tp)
{
	return (unsigned)iscsi_out_queue_length(tp->ctx) + guard_has_unsent(&tp->guard);
}

const char *transport_local(const struct transport *tp)
{
	return tp->local;
}

void transport_cut(struct transport *tp)
{
	if (!tp)
		return;
	BUG_ON(tp->serving);	/* T7 */
	tp->cutting = true;
	loop_fd_del(tp->loop, &tp->watch);
	loop_call_cancel(&tp->flush);
	loop_call_cancel(&tp->reread);
	loop_call_cancel(&tp->notify);
	loop_timer_stop(&tp->login_timer);
	if (tp->ctx)
		iscsi_destroy_context(tp->ctx);
	for (unsigned i = 0; i < tp->commands; i++)
		slot_free_answer(&tp->slots[i]);
	free(tp->slots);
	free(tp->by_itt);
	free(tp->login_pdu);
	free(tp);
}
