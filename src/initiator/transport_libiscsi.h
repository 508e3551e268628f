/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside the transport: the door to libiscsi, what its files share, and nobody else includes.
 *
 *   transport_dial.c      parameters, connection and login, up to on_ready
 *   transport_libiscsi.c  from then on: commands, answers, losses, the end
 *   transport_late.c      what moves, task management, and commands that were aborted
 *   transport_loss.c      what libiscsi says, and the words for a loss
 *   transport_login.c     judges login responses before libiscsi sees them
 *   transport_guard.c     stands between libiscsi and the socket afterwards
 */
#ifndef ISCSIFS_TRANSPORT_LIBISCSI_H
#define ISCSIFS_TRANSPORT_LIBISCSI_H

/* Two of its tags are ours too. */
#define scsi_status libiscsi_scsi_status
#define scsi_opcode libiscsi_scsi_opcode
#include <iscsi/iscsi.h>
#include <iscsi/scsi-lowlevel.h>
#undef scsi_status
#undef scsi_opcode

#include "initiator/transport.h"
#include "initiator/transport_guard.h"
#include "initiator/transport_login.h"

struct tcp_info;

enum {
	PDU_COMMAND = 0x01,
	PDU_DATA_OUT = 0x05,
	PDU_NOP_IN = 0x20,
	PDU_SCSI_RESPONSE = 0x21,
	PDU_DATA_IN = 0x25,
	PDU_R2T = 0x31,
	PDU_F = 0x80,			/* in the second byte */
	PDU_NO_TAG = 0xffffffff,
};

enum transport_phase {
	TRANSPORT_PHASE_NONE,
	TRANSPORT_PHASE_CONNECT,
	TRANSPORT_PHASE_HELD,		/* connected, and the login has to wait */
	TRANSPORT_PHASE_LOGIN,
	TRANSPORT_PHASE_FULL,
	TRANSPORT_PHASE_LOST,
};

/* One command. libiscsi 1.19 frees no task that it did not make, so the task lives in here. */
struct slot {
	struct scsi_task task;
	struct scsi_iovec iov;
	struct scsi_iovec nothing;	/* T16: data for a command without any is an error */
	struct transport *tp;
	struct transport_cmd *cmd;	/* NULL: idle, or abandoned */
	bool abandoned;			/* the target has aborted it; libiscsi still knows it */
	bool owes;			/* PDUs of it wait within libiscsi */
	uint64_t out_end;		/* where the last one that left ends, as the guard counts */
	mono_ms moved;			/* sent; data or a request for it came; ours was taken */
	uint32_t got;			/* bytes of data that came */
	uint32_t asked_end;		/* the target's last R2T ended here; 0: none came */
	uint64_t queued;		/* tp->drains when something of it was queued last */
	bool failed;			/* its response says that there was none */
	struct list link;		/* on tp->idle or tp->withheld; in flight: on none */
};

/* A task management function that was not answered yet. */
struct tmf {
	struct transport *tp;
	bool busy;
};

enum {
	TRANSPORT_TMFS = 8,		/* unanswered, at most */
	TRANSPORT_ABANDONED_MAX = 64,
};

struct transport {
	struct loop *loop;
	struct iscsi_context *ctx;
	struct loop_fd watch;
	struct loop_call flush;		/* something is queued: send it before the loop sleeps */
	struct loop_call reread;	/* something was read ahead and libiscsi stopped before it */
	struct loop_call notify;	/* an event is due */
	struct transport_events events;
	void *arg;
	enum transport_phase phase;
	mono_ms dialled;
	mono_ms login_at;
	span_ms auth_timeout;
	struct loop_timer login_timer;	/* the login may begin; then its authentication is overdue */
	char portal[TRANSPORT_PORTAL_MAX];
	char local[TRANSPORT_PORTAL_MAX];
	char target[TRANSPORT_NAME_MAX];

	struct slot *slots;
	unsigned commands;
	struct list idle;
	struct list withheld;		/* answered, but libiscsi may still read from the buffer */
	struct slot **by_itt;		/* ITT & itt_mask: usually that command */
	uint32_t itt_mask;
	struct guard guard;
	unsigned pings;			/* of the target's, since nothing was queued */
	unsigned abandoned;		/* slots that are */
	struct tmf tmfs[TRANSPORT_TMFS];
	struct tmf *tmf;		/* whose answer the owner waits for, or NULL */
	uint64_t acked;			/* bytes of ours, as the guard counts, when we last looked */
	uint64_t acked_before;		/* that, before it last became more */
	mono_ms acked_at;		/* when it did */
	mono_ms none_waited;		/* when we saw last that all was acknowledged */
	uint64_t drains;		/* times that nothing was queued any more */

	struct login login;
	uint8_t *login_pdu;		/* LOGIN_PDU_MAX bytes while logging in */
	size_t login_awaits;		/* bytes the socket shall have before we are woken */
	bool login_ended;		/* libiscsi called back: logged in or not */

	bool serving;			/* inside iscsi_service() */
	bool submitting;		/* inside a call that queues */
	bool submit_failed;
	bool cutting;
	bool cancelled;			/* libiscsi gave up on the connection */
	bool logout_due;		/* wanted, waits for the queue to empty (T29) */
	bool asked;			/* the target asked for logout or announced a drop */
	span_ms asked_wait;
	char error[200];		/* what libiscsi said first in this call */
	int said_errno;			/* and the error of a system call that it named */
	const char *refused;		/* what the guard found */

	bool ready_due;
	bool lost_due;
	unsigned pongs_due;
	bool tmf_due;
	uint8_t tmf_response;
	struct transport_loss loss;
};

/*
 * Around every call of libiscsi: its log function has no argument, so who is speaking is kept here.
 * A call may nest: done() of one command may submit to another transport.
 */
struct transport *transport_enter(struct transport *tp);
void transport_leave(struct transport *before);

/* libiscsi's log goes here: its errors, and what the target announced (T22). */
enum { LIBISCSI_LOG_ERROR = 1, LIBISCSI_LOG_EVENT = 2 };
void transport_heard(int level, const char *message);
/* What it said was about something else. */
void transport_forget_error(struct transport *tp);

/* It is over; the first reason counts. The owner hears of it from the loop. */
void transport_lose(struct transport *tp, enum transport_loss_kind kind, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The login was refused, by them or by us. */
void transport_lose_login(struct transport *tp, const struct transport_loss *loss);
/* libiscsi, or a call of our own that left its errno in said_errno, gave the connection up. */
void transport_lose_connection(struct transport *tp);

/* One iscsi_service(), and a look at what it left. tp->phase may be LOST afterwards. */
void transport_service(struct transport *tp, int events);
/* PDUs are queued, or one is half written. */
bool transport_unsent(const struct transport *tp);
/* The login is done: from now on the guard reads along. */
void transport_guard(struct transport *tp);
/* Write what is queued, as far as the socket and the command window take it. */
void transport_write_out(struct transport *tp);
/* Something was queued. It leaves with everything else of this turn. */
void transport_flush_later(struct transport *tp);
/* Watch for what libiscsi waits for. */
void transport_want_events(struct transport *tp);
/* The descriptor is ready and the login is done. */
void transport_full_ready(struct transport *tp, unsigned events);

/* 0 or an errno: the socket's pending error, which is taken. */
int transport_socket_error(const struct transport *tp);
/* 0 or -errno. */
int transport_tcp_info(const struct transport *tp, struct tcp_info *info);

/* The descriptor is ready, in any phase. */
void transport_ready(struct loop_fd *w, unsigned events);
/* Start the connection: a failure on the spot is an event like a later one. */
void transport_connect(struct transport *tp);
/* login_at has come, or was changed. */
void transport_login_due(struct loop_timer *t);
/* Returns whether libiscsi would take every parameter as it is. */
bool transport_param_fits(const struct transport_param *p);
/* Returns 0 or -EINVAL. */
int transport_configure(struct iscsi_context *ctx, const struct transport_param *p);
/* What must be so in the process before its first context. */
void transport_prepare_process(void);

#endif
