/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What moves, and what is done about a command for which nothing does. The one hard thing: libiscsi
 * cannot be told to forget a task. So a command that the target has aborted gives its buffer back and
 * leaves its slot behind, until the target answers it after all or the connection ends.
 */
#include "initiator/transport_libiscsi.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>

#include "iscsifs/cursor.h"

/* Where data of abandoned commands goes, and nobody looks. */
static uint8_t transport_sink[TRANSPORT_BURST_BYTES];

/*
 * How far has the peer's TCP taken what we sent? Probes of a closed TCP window are acknowledged and
 * take nothing: what counts is progress, and the last acknowledgement says when that was.
 * Returns how many bytes wait in the socket.
 */
static int transport_look_at_acks(struct transport *tp)
{
	mono_ms now = clock_mono_ms();
	struct tcp_info info;
	uint64_t acked;
	int waiting = 0;

	if (!tp->watch.added || ioctl(tp->watch.fd, SIOCOUTQ, &waiting) < 0 ||
	    transport_tcp_info(tp, &info))
		return 0;
	acked = tp->guard.sent - MIN(tp->guard.sent, (uint64_t)waiting);
	if (acked != tp->acked) {
		tp->acked_before = tp->acked;
		tp->acked = acked;
		tp->acked_at = MAX(tp->acked_at, now - (span_ms)info.tcpi_last_ack_recv);
	}
	if (!waiting)
		tp->none_waited = now;
	return waiting;
}

span_ms transport_silence(struct transport *tp)
{
	mono_ms now = clock_mono_ms();
	span_ms silence = now - tp->dialled;
	struct tcp_info info;

	if (!tp->watch.added || transport_tcp_info(tp, &info))
		return silence;
	silence = MIN(silence, (span_ms)info.tcpi_last_data_recv);
	return transport_look_at_acks(tp) > 0 ? MIN(silence, now - tp->acked_at) : silence;
}

span_ms transport_unheard(struct transport *tp)
{
	if (!transport_look_at_acks(tp))
		return 0;
	return clock_mono_ms() - MAX(tp->acked_at, tp->none_waited);
}

/* PDUs of it are within libiscsi, in the guard or in the socket; or were, up to the last look. */
static bool slot_is_underway(const struct slot *s)
{
	return s->owes || s->out_end > s->tp->acked_before;
}

/* A PDU with data of it is half read: each of its bytes counts. */
static bool slot_is_amid_data(const struct slot *s)
{
	const struct guard *g = &s->tp->guard;

	return guard_is_amid_data(g) && (g->header[0] & 0x3f) == PDU_DATA_IN &&
	       be32_load(g->header + 16) == s->task.itt;
}

span_ms transport_quiet(struct transport *tp, const struct transport_cmd *cmd)
{
	struct slot *s = cmd->slot;
	mono_ms now = clock_mono_ms();
	struct tcp_info info;
	span_ms quiet;

	if (!s)		/* the transport is lost, and the owner about to hear of it */
		return 0;
	(void)transport_look_at_acks(tp);
	if (slot_is_underway(s))
		s->moved = MAX(s->moved, tp->acked_at);
	quiet = MAX(now - s->moved, 0);
	if (slot_is_amid_data(s) && !transport_tcp_info(tp, &info))
		quiet = MIN(quiet, (span_ms)info.tcpi_last_data_recv);
	return quiet;
}

static void transport_tmf_answered(struct iscsi_context *ctx, int status, void *data, void *arg)
{
	struct tmf *t = arg;
	struct transport *tp = t->tp;

	(void)ctx;
	if (tp->cutting || tp->phase == TRANSPORT_PHASE_LOST)
		return;
	if (status == SCSI_STATUS_CANCELLED) {
		tp->cancelled = true;
		return;
	}
	t->busy = false;
	if (tp->tmf != t)	/* another rung was taken meanwhile */
		return;
	tp->tmf = NULL;
	tp->tmf_due = true;
	tp->tmf_response = TRANSPORT_TMF_REJECTED;
	if (status == SCSI_STATUS_GOOD && data)
		tp->tmf_response = (uint8_t)*(const uint32_t *)data;
	loop_defer(tp->loop, &tp->notify);
}

static struct tmf *transport_free_tmf(struct transport *tp)
{
	for (unsigned i = 0; i < TRANSPORT_TMFS; i++) {
		if (!tp->tmfs[i].busy)
			return &tp->tmfs[i];
	}
	return NULL;
}

int transport_task_management(struct transport *tp, enum transport_tmf function,
			      struct lun_addr lun, struct transport_cmd *cmd)
{
	const struct slot *s = cmd ? cmd->slot : NULL;
	struct tmf *t = transport_free_tmf(tp);
	struct transport *before;
	int rc;

	if (tp->phase == TRANSPORT_PHASE_LOST)
		return 0;
	BUG_ON(tp->phase != TRANSPORT_PHASE_FULL || (function == TRANSPORT_ABORT_TASK && !s));
	if (!t || transport_unsent(tp) || (s && !list_empty(&s->link)))
		return -EBUSY;
	*t = (struct tmf){ .tp = tp, .busy = true };
	before = transport_enter(tp);
	rc = iscsi_task_mgmt_async(tp->ctx, lun.raw, (enum iscsi_task_mgmt_funcs)function,
				   s ? s->task.itt : PDU_NO_TAG, s ? s->task.cmdsn : 0,
				   transport_tmf_answered, t);
	transport_leave(before);
	t->busy = !rc;
	if (rc)
		return -ENOMEM;
	tp->tmf = t;
	tp->tmf_due = false;
	transport_flush_later(tp);
	return 0;
}

/* libiscsi would still read from the buffer of @s, or it is answered and withheld for that. */
static bool slot_is_read_from(const struct slot *s)
{
	const struct guard *g = &s->tp->guard;

	return !list_empty(&s->link) ||
	       (s->task.xfer_dir == SCSI_XFER_WRITE &&
		(s->owes || (guard_is_amid_pdu(g) && s->out_end == g->out_end)));
}

int transport_abandon(struct transport *tp, struct transport_cmd *cmd)
{
	struct slot *s = cmd->slot;

	if (tp->phase == TRANSPORT_PHASE_LOST || !s)
		return 0;
	if (slot_is_read_from(s) || tp->abandoned == TRANSPORT_ABANDONED_MAX)
		return -EBUSY;
	s->cmd = NULL;
	s->abandoned = true;
	s->iov.iov_base = transport_sink;	/* also for the rest of a PDU that is half read */
	tp->abandoned++;
	cmd->slot = NULL;
	return 0;
}
