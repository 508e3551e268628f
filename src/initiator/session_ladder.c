/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A session climbs the ladder for a command that is late.
 *
 * The one hard thing: everything crosses everything. The late command may be answered while its abort
 * is on the way, an answer to one rung may come when the next is taken, the link may be lost under
 * each. So the late command's done is ours while the ladder is for it, the transport drops answers to
 * functions that are not the last one asked for, and a loss ends the ladder from every rung.
 */
#include "session_impl.h"

#include <stdio.h>

#include "iscsifs/check.h"
#include "iscsifs/log.h"

enum {
	SESSION_TMF_AGAIN_MS = 10,	/* something waits to be sent: try again */
	SESSION_TMF_STUCK_MS = 500,	/* it does not leave */
	SESSION_LATE_TOO = 8,		/* an eighth of the time that is left is no time */
};

/* A command that may be late. */
struct session_late {
	struct transport_cmd *cmd;	/* NULL: there is none */
	struct lun *lun;
	struct lun_addr addr;
	span_ms age;
};

static void session_ladder_step(struct session *s, enum ladder_event ev);

/* --- which command ------------------------------------------------------------------------ */

static void session_older(struct session_late *late, struct transport_cmd *cmd, struct lun *lun,
			  span_ms age)
{
	if (!cmd || age <= late->age)
		return;
	*late = (struct session_late){ .cmd = cmd, .lun = lun, .age = age };
	if (lun)
		late->addr = lun->addr;
}

/* A question waits behind the commands that were sent before it, as commands do. */
static span_ms session_question_age(const struct session *s, struct transport_cmd *cmd,
				    mono_ms asked)
{
	span_ms age;

	cmd->older_moved = MAX(cmd->older_moved, ioq_wire_moved(&s->wire, asked));
	age = MIN(loop_now(s->loop) - cmd->older_moved, transport_quiet(s->tp, cmd));
	return MAX(age, 1);
}

/* The oldest but @except (NULL: none), of a request or a question of ours; its age is at least 1. */
static struct session_late session_oldest(struct session *s, const struct transport_cmd *except)
{
	struct session_late late = { .addr = lun_addr_of(0) };
	span_ms limit = s->settings.scsi_cmd_timeout;
	struct transport_cmd *cmd;
	struct ioq *q = NULL;
	struct lun *lun;
	span_ms quiet = 0;

	cmd = ioq_wire_oldest(&s->wire, except, &q, &quiet);
	session_older(&late, cmd, q ? container_of(q, struct lun, q) : NULL, MAX(quiet, 1));
	if (s->luns_asking && except != &s->luns_cmd)
		session_older(&late, &s->luns_cmd, session_find_lun(s, 0),
			      session_question_age(s, &s->luns_cmd, s->luns_asked));
	list_each(lun, &s->luns, link) {
		if (lun->probing && except != &lun->probe.cmd)
			session_older(&late, &lun->probe.cmd, lun,
				      session_question_age(s, &lun->probe.cmd, lun->probe.asked));
	}
	/* While we were away ourselves nobody was late. */
	late.age = MIN(late.age, MAX(loop_now(s->loop) - loop_awake_since(s->loop, limit), 1));
	return late;
}

/* Its done is its own again. */
static void session_unwatch(struct session *s)
{
	if (s->late)
		s->late->done = s->late_done;
	s->late = NULL;
}

/* The late command was answered after all. What that leads to comes first: it may be an error. */
static void session_late_done(struct transport_cmd *cmd)
{
	struct session *s = cmd->watcher;

	session_unwatch(s);
	cmd->done(cmd);
	session_ladder_step(s, LADDER_EV_ANSWERED);
}

static void session_watch(struct session *s, const struct session_late *late)
{
	session_unwatch(s);
	s->late = late->cmd;
	s->late_lun = late->lun;
	s->late_addr = late->addr;
	s->late_done = late->cmd->done;
	late->cmd->watcher = s;
	late->cmd->done = session_late_done;
}

span_ms session_ladder_check(struct session *s)
{
	span_ms limit = s->settings.scsi_cmd_timeout;
	struct session_late late = session_oldest(s, NULL);

	if (limit <= 0 || late.age < limit || s->ladder.state != LADDER_IDLE || s->fenced ||
	    s->link.state != LINK_UP)
		return late.age;
	log_warn("a command is not answered within scsi_cmd_timeout | target=%s lun=%u", s->target,
		 lun_addr_number(late.addr));
	session_watch(s, &late);
	session_ladder_step(s, LADDER_EV_LATE);
	return late.age;
}

/* The whole LUN may be late: then the next one is aborted before anything is sent to it again. */
static bool session_has_next(struct session *s)
{
	span_ms limit = s->settings.scsi_cmd_timeout;
	struct session_late late = session_oldest(s, s->late);

	return late.cmd && late.lun == s->late_lun && limit > 0 &&
	       late.age >= limit - limit / SESSION_LATE_TOO;
}

static void session_watch_next(struct session *s)
{
	struct session_late late = session_oldest(s, NULL);

	if (late.cmd && late.lun == s->late_lun)
		session_watch(s, &late);
}

/* --- the rungs ---------------------------------------------------------------------------- */

static span_ms session_rung_timeout(const struct session *s)
{
	switch (s->ladder.state) {
	case LADDER_ABORT:
		return s->settings.abort_timeout;
	case LADDER_LUN_RESET:
		return s->settings.lu_reset_timeout;
	case LADDER_TARGET_RESET:
		return s->settings.tgt_reset_timeout;
	case LADDER_NONE:
	case LADDER_IDLE:
	case LADDER_STATES:
		break;
	}
	return 0;
}

static int session_send_rung(struct session *s)
{
	switch (s->ladder.state) {
	case LADDER_ABORT:
		return transport_task_management(s->tp, TRANSPORT_ABORT_TASK, s->late_addr, s->late);
	case LADDER_LUN_RESET:
		return transport_task_management(s->tp, TRANSPORT_LUN_RESET, s->late_addr, NULL);
	case LADDER_TARGET_RESET:
		return transport_task_management(s->tp, TRANSPORT_TARGET_WARM_RESET, lun_addr_of(0),
						 NULL);
	case LADDER_NONE:
	case LADDER_IDLE:
	case LADDER_STATES:
		break;
	}
	return 0;
}

/* Send what this rung is about. What waits to be sent before it gets a moment to leave. */
static void session_try_rung(struct session *s)
{
	mono_ms now = loop_now(s->loop);

	if (s->ladder.state == LADDER_ABORT && !s->late) {
		session_ladder_step(s, LADDER_EV_ANSWERED);
	} else if (session_send_rung(s) == 0) {
		s->ladder_stuck = MONO_NEVER;
		loop_timer_set(&s->ladder_timer, now + session_rung_timeout(s));
	} else if (now >= s->ladder_stuck) {
		session_ladder_step(s, LADDER_EV_STUCK);
	} else {
		loop_timer_set(&s->ladder_timer, now + SESSION_TMF_AGAIN_MS);
	}
}

static void session_take_rung(struct session *s)
{
	span_ms patience = MIN(SESSION_TMF_STUCK_MS, session_rung_timeout(s));

	s->ladder_stuck = loop_now(s->loop) + patience;
	session_try_rung(s);
}

static void session_rung_due(struct loop_timer *t)
{
	struct session *s = container_of(t, struct session, ladder_timer);
	span_ms limit = session_rung_timeout(s);

	if (s->ladder_stuck == MONO_NEVER && loop_awake_since(s->loop, limit) == loop_now(s->loop))
		loop_timer_set(t, loop_now(s->loop) + limit);	/* we were away */
	else if (s->ladder_stuck == MONO_NEVER)
		session_ladder_step(s, LADDER_EV_EXPIRED);
	else
		session_try_rung(s);
}

void session_on_tmf(void *arg, uint8_t response)
{
	struct session *s = arg;
	enum ladder_event ev = LADDER_EV_REFUSED;
	bool aborts = s->ladder.state == LADDER_ABORT;

	if (session_fence_on_tmf(s, response))
		return;
	log_debug("task management answered | target=%s rung=%s response=%u", s->target,
		  ladder_state_name(s->ladder.state), response);
	if (s->ladder_stuck != MONO_NEVER)
		return;		/* to a rung that was left; this one's function is not sent yet */
	/* A task that does not exist runs no more, and its status would have come before this. */
	if (response == TRANSPORT_TMF_COMPLETE || (aborts && response == TRANSPORT_TMF_NO_TASK))
		ev = aborts && session_has_next(s) ? LADDER_EV_NEXT : LADDER_EV_DONE;
	session_ladder_step(s, ev);
}

/* --- taking back -------------------------------------------------------------------------- */

static void session_cut_instead(struct session *s, const char *why)
{
	s->ladder_cuts++;
	session_lose(s, ERR_PDU_TIMEOUT, why);
}

static int session_take_luns_cmd(struct session *s)
{
	int rc = transport_abandon(s->tp, &s->luns_cmd);

	if (!rc)
		session_luns_aborted(s);
	return rc;
}

/* Returns 0, or -errno: not all of it could be taken back. */
static int session_take_task(struct session *s)
{
	struct transport_cmd *cmd = s->late;

	if (!cmd)
		return 0;
	session_unwatch(s);
	if (cmd == &s->luns_cmd)
		return session_take_luns_cmd(s);
	return lun_take_back(s->late_lun, cmd);
}

/* One that was not held when the reset was sent is not known to be without commands after it. */
static int session_take_reset_lun(struct lun *lun)
{
	int rc = lun->held ? lun_take_back(lun, NULL) : 0;

	lun_note_reset(lun);
	if (!rc)
		lun_look(lun);
	return rc;
}

static int session_take_reset(struct session *s, bool all)
{
	struct lun *lun;
	int rc = 0;

	session_unwatch(s);
	if (s->luns_asking && (all || lun_addr_number(s->late_addr) == 0))
		rc = session_take_luns_cmd(s);
	list_each(lun, &s->luns, link) {
		if (!rc && (all || lun == s->late_lun))
			rc = session_take_reset_lun(lun);
	}
	return rc;
}

static void session_ladder_take(struct session *s, unsigned actions)
{
	int rc = 0;

	if (actions & LADDER_DO_TAKE_TASK)
		rc = session_take_task(s);
	if (actions & LADDER_DO_TAKE_LUN)
		rc = session_take_reset(s, false);
	if (actions & LADDER_DO_TAKE_ALL)
		rc = session_take_reset(s, true);
	if (rc < 0)
		session_cut_instead(s, "an aborted command cannot be taken back on this connection");
}

/* --- carrying out what the ladder decides ------------------------------------------------- */

static void session_ladder_hold(struct session *s, unsigned actions)
{
	struct lun *lun;

	list_each(lun, &s->luns, link) {
		if (lun == s->late_lun || actions & LADDER_DO_HOLD_ALL)
			lun_hold(lun);
	}
}

static void session_ladder_release(struct session *s)
{
	struct lun *lun;

	list_each(lun, &s->luns, link)
		lun_release(lun);
	s->late_lun = NULL;
	if (s->tp && s->link.state == LINK_UP)	/* the next one may be late already */
		loop_timer_set(&s->alive_timer, loop_now(s->loop));
}

static void session_ladder_note_reset(struct session *s, unsigned actions)
{
	struct lun *lun;

	s->lun_resets += !!(actions & LADDER_DO_LUN_RESET);
	s->target_resets += !!(actions & LADDER_DO_TARGET_RESET);
	list_each(lun, &s->luns, link) {
		if (lun == s->late_lun || actions & LADDER_DO_TARGET_RESET)
			lun_note_reset(lun);
	}
}

static void session_ladder_say(const struct session *s, enum ladder_event ev)
{
	const char *rung = s->ladder.state == LADDER_ABORT	 ? "ABORT TASK"
			   : s->ladder.state == LADDER_LUN_RESET ? "LOGICAL UNIT RESET"
								 : "TARGET WARM RESET";
	char lun[16];

	snprintf(lun, sizeof(lun), "%u", lun_addr_number(s->late_addr));
	if (s->ladder.state == LADDER_IDLE) {
		log_info("the ladder ends | target=%s lun=%s event=%s", s->target, lun,
			 ladder_event_name(ev));
		return;
	}
	log_warn("%s is asked for | target=%s lun=%s event=%s", rung, s->target, lun,
		 ladder_event_name(ev));
	session_post(s, "command-late", "lun", lun, "asked", rung);
}

static void session_ladder_step(struct session *s, enum ladder_event ev)
{
	enum ladder_state before = s->ladder.state;
	unsigned actions = ladder_step(&s->ladder, ev);

	if (s->ladder.state != before)
		session_ladder_say(s, ev);
	if (actions & LADDER_DO_STOP)
		loop_timer_stop(&s->ladder_timer);
	session_ladder_take(s, actions);
	if (ev == LADDER_EV_NEXT && s->ladder.state == LADDER_ABORT)
		session_watch_next(s);
	if (actions & (LADDER_DO_HOLD_LUN | LADDER_DO_HOLD_ALL))
		session_ladder_hold(s, actions);
	if (actions & LADDER_DO_ABORT) {
		s->aborts++;
		session_take_rung(s);
	}
	if (actions & (LADDER_DO_LUN_RESET | LADDER_DO_TARGET_RESET)) {
		session_ladder_note_reset(s, actions);
		session_take_rung(s);
	}
	if (actions & LADDER_DO_RELEASE)
		session_ladder_release(s);
	if (actions & LADDER_DO_CUT)
		session_cut_instead(s, "a command was not answered within scsi_cmd_timeout and could "
				       "not be aborted");
}

void session_ladder_lost(struct session *s)
{
	session_unwatch(s);
	session_ladder_step(s, LADDER_EV_LOST);
}

void session_ladder_init(struct session *s)
{
	ladder_init(&s->ladder);
	loop_timer_init(s->loop, &s->ladder_timer, session_rung_due);
}
