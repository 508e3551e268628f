/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A session of the initiator, whole, in virtual time: the loop, the clock, the resolver and the
 * transport are ours, with a target in memory behind them. The world drives it a turn at a time and
 * checks after each turn, and at each command, what must always hold; the first thing that does not
 * ends the program with the seed.
 */
#ifndef ISCSIFS_SIM_H
#define ISCSIFS_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "initiator/session_impl.h"

enum {
	SIM_LUNS = 4,
	SIM_UNIT_BYTES = 64,		/* the model's grain: requests begin and end at units */
	SIM_DISK_BYTES = 32768,		/* of memory for each disk: what it can grow to */
	SIM_UNITS = SIM_DISK_BYTES / SIM_UNIT_BYTES,
	SIM_UAS = 8,
	SIM_LOST_MAX = 2048,
	SIM_GROUPS = 4,
};

/* --- chance ------------------------------------------------------------------------------- */

/* Splitmix: small, the same everywhere. */
static inline uint64_t sim_chance_next(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* 0 .. @n - 1 */
static inline unsigned sim_below(uint64_t *state, unsigned n)
{
	return n ? (unsigned)(sim_chance_next(state) % n) : 0;
}

static inline bool sim_percent(uint64_t *state, unsigned percent)
{
	return sim_below(state, 100) < percent;
}

/* --- time --------------------------------------------------------------------------------- */

/* The virtual clock behind loop.h and clock.h. */
mono_ms sim_now(void);
void sim_clock_set(mono_ms now);
/* What getrandom() gives from now on. */
void sim_entropy_set(uint64_t seed);

/* --- the target --------------------------------------------------------------------------- */

struct sim;
extern struct sim *sim_world;		/* the one that runs */

struct sim_disk {
	unsigned number;
	bool present;			/* in REPORT LUNS */
	bool ready;			/* else 02/04/01 */
	bool absent;			/* answers 05/25/00: listed, and not there yet */
	unsigned identity;		/* serial number and designator */
	uint32_t block_bytes;
	uint64_t blocks;
	uint32_t max_transfer_blocks;
	bool write_protected, write_cache, dpofua;
	bool no_sync_16, no_sync_10;
	bool no_vpd_83;
	uint8_t now[SIM_DISK_BYTES];	/* what a read finds */
	uint8_t stable[SIM_DISK_BYTES];	/* what a power loss leaves */
	uint16_t uas[SIM_UAS];
	unsigned ua_count;
	bool lost_in_secret;		/* the cache is lost, and no answer has said so yet */
	uint64_t swap_fence;		/* I/O sent before this meets 3F/03 again */
	unsigned first_identity;	/* the one that the initiator knows */
};

/* What a task does on the wire. */
enum sim_fate {
	SIM_FATE_NORMAL = 0,
	SIM_FATE_DROP_BEFORE,		/* the link drops, the task never arrives */
	SIM_FATE_DROP_AFTER,		/* executed, then the link drops instead of an answer */
	SIM_FATE_DROP_LATE,		/* the link drops, the task arrives much later */
	SIM_FATE_SILENT,		/* executed, never answered; the link lives */
	SIM_FATE_STATUS,		/* not executed, answered with .status and .sense */
	SIM_FATE_STATUS_DONE,		/* executed, and answered with .status and .sense */
	SIM_FATE_REJECT,
	SIM_FATE_SHORT,			/* GOOD, with fewer bytes than it read */
	SIM_FATE_HUNG,			/* never executed, never answered; the link lives */
	SIM_FATE_SLOW,			/* as NORMAL, and bytes of it move for .slow ms before that */
};

/* What a task management function meets. */
enum sim_tmf_fate {
	SIM_TMF_DONE = 0,
	SIM_TMF_REFUSED,		/* not carried out, answered with .response */
	SIM_TMF_LOST,			/* neither carried out nor answered */
	SIM_TMF_SILENT,			/* carried out, not answered */
	SIM_TMF_DROP,			/* carried out, then the link drops */
};

struct sim_tmf {
	struct list link;		/* sim->tmfs */
	struct sim *sim;
	struct transport *tp;
	unsigned function;
	unsigned lun;
	uint64_t seq;			/* of the task to be aborted; or of the first after it */
	enum sim_tmf_fate fate;
	uint8_t response;
	span_ms delay;			/* more, until the answer */
	bool executed;
	struct loop_timer timer;
};

struct sim_task {
	struct list link;		/* sim->tasks */
	struct sim *sim;
	struct transport *tp;		/* NULL: cut, or lost; nothing is delivered */
	struct transport_cmd *tc;
	uint64_t seq;
	uint64_t order;			/* seq of the first time it was sent */
	unsigned login;			/* of which session of the target it is */
	unsigned group;			/* and of which portal group */
	unsigned lun;
	uint8_t cdb[CDB_MAX];
	uint64_t lba;
	uint32_t blocks;
	bool is_read, is_write, is_sync, fua;
	uint8_t *in;
	uint32_t in_room;
	const uint8_t *src;		/* the owner's, until cut */
	uint8_t *data;			/* what was sent, or what is to arrive */
	uint32_t data_bytes;
	enum sim_fate fate;
	uint8_t status;
	struct sense sense;
	uint32_t in_bytes;
	bool executed;
	bool aborted;			/* by the target: it runs no more */
	span_ms slow;
	mono_ms moved;			/* as transport_quiet() sees it */
	struct loop_timer timer;
};

void sim_target_init(struct sim *s);
/* Run @t on its disk: status, sense, data to arrive. */
void sim_target_execute(struct sim *s, struct sim_task *t);
void sim_target_ua(struct sim_disk *d, uint16_t code);
/* Power gone and back: what was not flushed is as on stable storage again. */
void sim_target_crash(struct sim *s, bool lose_cache);
/* Another disk under the same number. */
void sim_target_swap(struct sim *s, unsigned lun);
/* The initiator was told of it: this disk is the one that it means from now on. */
void sim_target_is_known(struct sim *s, unsigned lun);

/* --- the network -------------------------------------------------------------------------- */

/* What a dial meets. */
enum sim_answer {
	SIM_DIAL_OK = 0,
	SIM_DIAL_REFUSED,		/* no TCP connection */
	SIM_DIAL_MUTE,			/* never an answer */
	SIM_DIAL_LOGIN,			/* login status .status, perhaps with .redirect */
	SIM_DIAL_AUTH,			/* refused by us */
	SIM_DIAL_DROP,			/* connection closed within the login */
	SIM_DIAL_NOMEM,			/* transport_dial() fails */
	SIM_DIAL_BRIEF,			/* logged in, and dropped .delay after that */
};

struct sim_dial {
	enum sim_answer answer;
	uint16_t status;
	const char *redirect;
	span_ms delay;			/* until the answer */
	bool asked;			/* BRIEF: and it said so before */
};

struct sim_net {
	/* Scripts and chance decide here; NULL: all is well. */
	void (*on_dial)(struct sim *s, const char *portal, struct sim_dial *dial);
	void (*on_task)(struct sim *s, struct sim_task *t);
	void (*on_tmf)(struct sim *s, struct sim_tmf *t);
	span_ms delay_min, delay_max;	/* of a task, and again of its answer */
	span_ms late_max;		/* of a task of a dropped link */
	span_ms time2wait;
	/* Portal group of a portal; NULL: all are in one. */
	unsigned (*group_of)(const char *portal);
	bool black;			/* nothing arrives in either direction */
	bool deaf_logout;		/* a logout is not answered */
	bool no_names;			/* the resolver fails */
	bool ping_fails;
	unsigned queued;		/* transport_queued() */
	unsigned oom_percent;		/* transport_*() without memory */
	bool immediate;			/* every task executes as soon as the turn is over */
};

/* The link drops now, as seen by both ends. */
void sim_drop(struct sim *s, enum transport_loss_kind kind, span_ms time2wait, const char *text);
/* Logged in and not lost. */
bool sim_is_up(const struct sim *s);
unsigned sim_tasks_on_wire(const struct sim *s);

/* --- the model: what each unit of a disk may hold ----------------------------------------- */

/* One value that a unit may hold, or might have held while a read was under way. */
struct sim_value {
	uint64_t id;			/* of the write; 0: never written */
	uint64_t gone;			/* the event after which it is no more; 0: it is */
};

struct sim_unit {
	struct sim_value *values;
	unsigned count, room;
	uint64_t changed;		/* the last event that touched it */
};

struct sim_model {
	struct sim_unit units[SIM_UNITS];
};

void sim_model_init(struct sim_model *m);
void sim_model_fini(struct sim_model *m);
void sim_model_may_hold(struct sim *s, struct sim_model *m, unsigned unit, uint64_t id);
void sim_model_set(struct sim *s, struct sim_model *m, unsigned unit, uint64_t id,
		   const uint64_t *also, unsigned also_count);
/* May a look that began at event @since find @id? */
bool sim_model_allows(const struct sim_model *m, unsigned unit, uint64_t id, uint64_t since);
void sim_unit_fill(uint8_t *unit, unsigned index, uint64_t id);
/* The write whose unit this is; breaks when it is torn or in the wrong place. */
uint64_t sim_unit_id(struct sim *s, const uint8_t *unit, unsigned index);

/* --- users -------------------------------------------------------------------------------- */

struct sim_io {
	struct lun_io io;
	struct list link;		/* sim->ios, by submission */
	struct sim *sim;
	unsigned lun;
	uint64_t id;
	uint64_t since;			/* event of the submission */
	uint64_t order;			/* seq of its first write, where that was the whole of it */
	mono_ms when, answered_at, released_at;
	uint8_t *buf;
	uint64_t sum;
	bool answered, released, cancelled;
	int err;
	uint8_t *got;			/* a read's data */
	void (*then)(struct sim_io *io);	/* called at the end of done */
	void (*after)(struct sim_io *io);	/* called at the end of release */
};

/* A command that was on a lost wire. */
struct sim_lost {
	struct transport_cmd *tc;
	unsigned lun;
	uint64_t order;
	uint64_t lba;
	uint32_t blocks;
	bool is_write, is_sync;
	bool retried;			/* not lost: answered with "again" */
};

struct sim {
	uint64_t seed, chance;
	const char *name;		/* of the case, for the report */
	bool verbose;
	struct loop *loop;
	struct session *session;
	struct events *events;		/* what the session posts */
	struct node_settings settings;	/* as it was begun with */
	struct sim_disk disks[SIM_LUNS];
	struct sim_model models[SIM_LUNS];
	unsigned luns;
	struct sim_net net;

	struct list tasks;		/* on their way or executed, oldest first */
	struct list tmfs;
	unsigned aborts, lun_resets, target_resets;	/* asked for */
	struct transport *tp;		/* not cut yet */
	uint64_t isid;
	unsigned logins;		/* of the target's side: a new one ends the old one's tasks */
	unsigned group_login[SIM_GROUPS];	/* the last one in each portal group */
	unsigned dials, losses;
	mono_ms last_dial, last_login, last_loss;
	mono_ms last_login_sent;
	span_ms named_wait;		/* Time2Wait after the last loss */
	char last_portal[TRANSPORT_PORTAL_MAX];
	uint64_t next_seq;
	uint64_t event;			/* counts everything that the model hears of */
	struct sim_lost lost[SIM_LOST_MAX];
	unsigned lost_count;
	bool any_order;			/* power losses make writes begin anew: no order to check */
	uint64_t resent[SIM_LUNS];	/* `order` of what was sent again last, in this login */
	unsigned reads, writes, syncs, fuas, others, pings, logouts;	/* sent */

	struct list ios;
	uint64_t next_id;
	unsigned unreleased;
	bool in_call;			/* inside lun_submit(), lun_cancel() */
	mono_ms progress[SIM_LUNS];	/* the last answer that said yes or no */
	mono_ms settings_changed;
	bool errors_are_fine;		/* something happened that may fail requests */
	bool held_for_good;		/* the budget is not looked at */
	unsigned turns_at_once;

	/* What the session told its owner. */
	bool decided;
	struct err first_err;
	unsigned added[SIM_LUNS], changed[SIM_LUNS], gone[SIM_LUNS];
	unsigned closed;
	mono_ms closed_at;
	void *user;
};

/* "replacement_timeout=5s", …, NULL-terminated, over defaults that suit a simulation. */
void sim_new(struct sim *s, uint64_t seed, unsigned luns, const char *const *settings);
/* Before sim_begin() disks and network may be changed. */
void sim_begin(struct sim *s);
void sim_begin_with(struct sim *s, const char *const *portals, bool background);
void sim_free(struct sim *s);

/* Time goes by in which the daemon is stopped and the world is not. */
void sim_pause(struct sim *s, span_ms span);

/* One turn, to the next thing that happens but not past @until; checks. False: @until is reached. */
bool sim_turn(struct sim *s, mono_ms until);
void sim_run(struct sim *s, span_ms span);
/* Run until @cond holds; false: it did not within @span. */
bool sim_run_until(struct sim *s, bool (*cond)(struct sim *s), span_ms span);

/* How many events of @type were posted, as far as they are kept. */
unsigned sim_told(const struct sim *s, const char *type);
struct lun *sim_lun(struct sim *s, unsigned number);
struct sim_io *sim_submit(struct sim *s, unsigned lun, enum lun_op op, uint64_t off, uint32_t len,
			  bool fua);
struct sim_io *sim_read(struct sim *s, unsigned lun, uint64_t off, uint32_t len);
struct sim_io *sim_write(struct sim *s, unsigned lun, uint64_t off, uint32_t len);
struct sim_io *sim_flush(struct sim *s, unsigned lun);
void sim_cancel(struct sim_io *io);
bool sim_is_decided(struct sim *s);
bool sim_is_closed(struct sim *s);
bool sim_is_open(struct sim *s);	/* every gate is OPEN */
bool sim_is_answered(struct sim *s);	/* every request is */
bool sim_is_idle(struct sim *s);	/* and its memory is back */

/* For the transport: a command is about to be sent; the session got its transport cut. */
void sim_check_send(struct sim *s, struct sim_task *t);
void sim_note_lost(struct sim *s, const struct sim_task *t, bool retried);
/* A request was answered; a turn is over; everything was answered and released. */
void sim_check_answer(struct sim *s, struct sim_io *io, const void *data);
void sim_check_release(struct sim *s, const struct sim_io *io);
void sim_check_turn(struct sim *s);
void sim_check_rest(struct sim *s);
/* For the target: the cache is lost. */
void sim_model_crash(struct sim *s);

/* What must hold does not: say what, with the seed and the time, and end. */
_Noreturn void sim_broken(struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sim_trace(struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
