/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A transport: one TCP connection with one iSCSI login, and SCSI commands over it.
 *
 * It never reconnects. Whoever owns it decides when a new one is dialled; each dial is a new
 * transport with the same ISID, so that the target ends the old session's tasks first (session
 * reinstatement, RFC 7143 6.3.5).
 *
 * Its life: transport_dial() → on_ready → commands → on_lost → transport_cut(). on_lost runs at most
 * once, from any phase; after it nothing is sent and nothing completes, and transport_cut() is the
 * only legal call. transport_cut() is legal at any time but inside a callback of this transport.
 *
 * The implementation over libiscsi is behind transport_libiscsi.h, the only file that includes it;
 * simulations link another one, in memory.
 */
#ifndef ISCSIFS_TRANSPORT_H
#define ISCSIFS_TRANSPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "iscsifs/clock.h"
#include "iscsifs/err.h"
#include "iscsifs/loop.h"
#include "iscsifs/scsi_cdb.h"
#include "iscsifs/scsi_sense.h"

struct transport;

enum { TRANSPORT_NAME_MAX = 224, TRANSPORT_PORTAL_MAX = 80 };

/* The largest read or write that travels as one sequence (libiscsi's burst lengths). */
enum { TRANSPORT_BURST_BYTES = 262144 };

enum transport_digest {
	TRANSPORT_DIGEST_NONE,		/* None */
	TRANSPORT_DIGEST_CRC32C,	/* CRC32C */
	TRANSPORT_DIGEST_CRC32C_NONE,	/* CRC32C,None */
	TRANSPORT_DIGEST_NONE_CRC32C,	/* None,CRC32C */
};

/* Everything is copied by transport_dial(); NULL where a string is not wanted. */
struct transport_param {
	const char *portal;		/* numeric "192.0.2.1:3260" or "[2001:db8::1]:3260" */
	const char *target;		/* NULL: a discovery session */
	const char *initiator;
	const char *alias;
	uint64_t isid;			/* 48 bits as on the wire; 40 random bits, type 10b (random) */
	const char *user, *password;	/* one-way CHAP; NULL: none */
	const char *user_in, *password_in;	/* mutual: what the target must prove; needs user */
	enum transport_digest header_digest;
	bool initial_r2t;
	bool immediate_data;
	unsigned commands;		/* at most so many in flight, 1..4096; abandoned ones count */
	int tcp_user_timeout_ms;	/* 0: the system's */
	/*
	 * The connection is made at once; the login is not begun before this instant (Time2Wait,
	 * RFC 7143 13.15: after an unexpected loss no implicit logout before it is over, and a login
	 * with our ISID is one). In the past: at once.
	 */
	mono_ms login_at;
	span_ms auth_timeout;		/* from the first login request until CHAP is over; 0: none */
};

/* What was negotiated. Values that the target did not name are RFC 7143 section 13 defaults. */
struct transport_limits {
	uint32_t max_send_bytes;	/* the target's MaxRecvDataSegmentLength */
	uint32_t max_burst_bytes;
	uint32_t first_burst_bytes;
	bool initial_r2t;
	bool immediate_data;
	bool header_digest;
	bool chap;			/* we proved ourselves */
	bool chap_mutual;		/* and the target did */
	uint16_t tpgt;
	span_ms time2wait;		/* DefaultTime2Wait, as negotiated */
	char target_alias[128];
};

enum transport_loss_kind {
	TRANSPORT_LOSS_CONNECT,		/* no TCP connection */
	TRANSPORT_LOSS_LOGIN,		/* login answered with a status of class 1..3, or nonsense */
	TRANSPORT_LOSS_AUTH,		/* refused by us: downgrade, wrong response, reflection */
	TRANSPORT_LOSS_DROPPED,		/* a connection that had logged in is gone */
	TRANSPORT_LOSS_LOGGED_OUT,	/* our logout was answered */
	TRANSPORT_LOSS_ASKED,		/* the target asked us to log out or announced a drop */
};

struct transport_loss {
	enum transport_loss_kind kind;
	bool closed;			/* a login was there, and the peer ended the connection */
	uint16_t login_status;		/* LOSS_LOGIN: Status-Class << 8 | Status-Detail, else 0 */
	span_ms time2wait;		/* what the target named, else -1 */
	char redirect[TRANSPORT_PORTAL_MAX];	/* login status 01xx: TargetAddress, else "" */
	char text[256];			/* one sentence for people */
};

/* Called from the loop, never inside a call of the owner's. */
struct transport_events {
	/* Logged in, and the login is one that we accept (CHAP not downgraded, sane sizes). */
	void (*on_ready)(void *arg, const struct transport_limits *limits);
	/* It is over. Owner: requeue what was in flight, transport_cut(). */
	void (*on_lost)(void *arg, const struct transport_loss *loss);
	/* The answer to transport_ping(). */
	void (*on_pong)(void *arg);
	/* The answer to the last transport_task_management(). NULL: it is never called. */
	void (*on_tmf)(void *arg, uint8_t response);
	/* Discovery: one record of a SendTargets answer, then one call with both NULL at the end. */
	void (*on_target)(void *arg, const char *target, const char *portal);
};

/* What a target may be asked to do about commands (RFC 7143 11.5.1, by the numbers there). */
enum transport_tmf {
	TRANSPORT_ABORT_TASK = 1,
	TRANSPORT_LUN_RESET = 5,
	TRANSPORT_TARGET_WARM_RESET = 6,
};

/* What it says to that (RFC 7143 11.6.1). Every other response is a no. */
enum {
	TRANSPORT_TMF_COMPLETE = 0,
	TRANSPORT_TMF_NO_TASK = 1,	/* does not exist: it ran, or runs no more */
	TRANSPORT_TMF_REJECTED = 255,
};

/*
 * A command in flight. The caller's memory, untouched by him from submission until done runs or
 * transport_cut() returns.
 */
struct transport_cmd {
	void (*done)(struct transport_cmd *cmd);

	/* The answer, valid in done. */
	bool rejected;			/* no SCSI status: the target or the library refused it */
	uint8_t status;			/* enum scsi_status */
	struct sense sense;		/* with CHECK CONDITION */
	uint32_t in_bytes;		/* bytes that arrived in the read buffer, residual taken off */

	void *slot;			/* the transport's */
	/* session_ladder.c's: who else wants to know, and when one sent before it moved last. */
	void *watcher;
	mono_ms older_moved;
};

/*
 * Begin to connect and log in. Never blocks. Returns 0, or -errno with *out NULL (no memory, or
 * parameters that libiscsi would cut short); everything later arrives as an event.
 */
int transport_dial(struct transport **out, struct loop *loop, const struct transport_param *param,
		   const struct transport_events *events, void *arg);

/* The login may begin at @when now, earlier or later than said before. Without effect once begun. */
void transport_login_at(struct transport *tp, mono_ms when);

/*
 * Send READ(16).
 *
 * @lba, @blocks  in blocks of the LUN; blocks * @block_bytes <= TRANSPORT_BURST_BYTES.
 * @dst           blocks * block_bytes bytes; the caller's, left alone by him until done runs.
 *
 * Returns 0: queued, cmd->done runs exactly once unless the transport is lost or cut first.
 * Returns -EAGAIN: all `commands` slots taken; try again after the next done.
 * Returns -ENOMEM: the library could not allocate; nothing was queued.
 *
 * Legal between on_ready and on_lost. Nothing is sent before this turn of the loop ends: what one
 * turn gathers leaves together.
 * Source: SBC-3 READ(16); RFC 7143 sections 11.3, 11.7.
 */
int transport_read(struct transport *tp, struct transport_cmd *cmd, struct lun_addr lun,
		   uint64_t lba, uint32_t blocks, uint32_t block_bytes, void *dst);

/* Send WRITE(16), as transport_read(); @src stays the caller's, unchanged until done or cut. */
int transport_write(struct transport *tp, struct transport_cmd *cmd, struct lun_addr lun,
		    uint64_t lba, uint32_t blocks, uint32_t block_bytes, const void *src, bool fua);

/*
 * Send any other command. At most one of @in (room for what comes) and @out (what goes) has a
 * length. Returns as transport_read().
 */
int transport_command(struct transport *tp, struct transport_cmd *cmd, struct lun_addr lun,
		      const uint8_t *cdb, unsigned cdb_len, void *in, uint32_t in_bytes,
		      const void *out, uint32_t out_bytes);

/*
 * For how long nothing has moved for @cmd, which is in flight: neither was it sent, nor did data of
 * it or a request for its data arrive; nor, while bytes of it wait to be sent or to be acknowledged,
 * did the peer acknowledge any byte of ours. How exact the last is depends on how often one asks.
 */
span_ms transport_quiet(struct transport *tp, const struct transport_cmd *cmd);

/*
 * Ask for a task management function (RFC 7143 11.5), as immediate.
 *
 * @cmd  TRANSPORT_ABORT_TASK: the command, in flight; else NULL.
 *
 * Returns 0: sent, on_tmf answers, unless the transport is lost or cut first, or another function is
 *	asked for: the answers to those before it are dropped.
 * Returns -EBUSY: something waits to be sent, in front of which libiscsi 1.19 would put it with a
 *	CmdSN that is not its own; or @cmd is being answered; or too many were never answered.
 * Returns -ENOMEM. Legal as transport_read().
 */
int transport_task_management(struct transport *tp, enum transport_tmf function,
			      struct lun_addr lun, struct transport_cmd *cmd);

/*
 * The target has said that @cmd, in flight, does not run any more. It will not be answered: done does
 * not run, and @cmd and its buffer are their owner's again. Data and an answer that come all the
 * same go nowhere; a request for its data ends the connection.
 *
 * Returns 0, or -EBUSY: its data may be on the way to the socket still, or too many were abandoned:
 * cut the connection instead. Legal as transport_read().
 */
int transport_abandon(struct transport *tp, struct transport_cmd *cmd);

/* Send a NOP-Out ping (on_pong answers). Returns 0 or -errno. Legal as transport_read(). */
int transport_ping(struct transport *tp);

/* Send SendTargets=All (on_target answers). Only on a discovery session. Returns 0 or -errno. */
int transport_send_targets(struct transport *tp);

/* Ask for logout, reason "close the session"; on_lost with LOGGED_OUT answers. 0 or -errno. */
int transport_logout(struct transport *tp);

/*
 * How long ago the last byte arrived (TCP_INFO), or since the dial when none did; or, while bytes of
 * ours wait to be acknowledged, one of them was: a peer that takes what we send is alive, and a ping
 * would have to wait behind it.
 */
span_ms transport_silence(struct transport *tp);

/*
 * For how long none of the bytes that wait in the socket has been acknowledged, as far as those who
 * asked before could see; 0 when none wait. May be longer than they have waited.
 */
span_ms transport_unheard(struct transport *tp);

/* PDUs that wait for the command window or for the socket. */
unsigned transport_queued(const struct transport *tp);

/* "192.0.2.7:41234", our end of the connection, or "". */
const char *transport_local(const struct transport *tp);

/*
 * End it now: close the connection, forget every command. No done and no event runs after this
 * returns, and all buffers are their owners' again. transport_cut(NULL) is legal.
 */
void transport_cut(struct transport *tp);

#endif
