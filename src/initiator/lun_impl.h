/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A LUN as its session sees it: a gate, a queue, a probe, and the facts.
 */
#ifndef ISCSIFS_LUN_IMPL_H
#define ISCSIFS_LUN_IMPL_H

#include "gate.h"
#include "ioq.h"
#include "iscsifs/lun.h"
#include "iscsifs/node_settings.h"
#include "probe.h"

struct lun_events {
	/* The first probe has decided: READY, NOT_READY, or GONE when it is no disk. */
	void (*on_settled)(void *arg, struct lun *lun);
	/* Became READY for the first time; then size, protection or state changed; then gone. */
	void (*on_added)(void *arg, struct lun *lun);
	void (*on_changed)(void *arg, struct lun *lun);
	void (*on_gone)(void *arg, struct lun *lun);
	/* The target says that its LUNs changed. */
	void (*on_luns_changed)(void *arg);
	/* lun_drain() is done: answered, flushed, or as good as it gets. */
	void (*on_drained)(void *arg, struct lun *lun);
};

struct lun {
	struct list link;		/* session's, by number */
	struct loop *loop;
	const struct node_settings *settings;
	const struct lun_events *events;
	void *arg;
	const char *target;		/* the session's */
	struct events *history;		/* the session's; may be NULL */
	char alias[64];
	void *user;

	enum lun_state state;
	struct lun_addr addr;
	struct lun_facts facts;
	struct scsi_limits limits;
	struct gate gate;
	struct ioq q;
	struct probe probe;
	bool power_on;			/* heard by this probe: 29/00 to 29/03, and not for our reset */
	bool power_lost;		/* heard since it was READY: a power on, and no nexus loss */
	bool probing;
	bool reprobe;			/* when the probe that was stopped is back */
	bool closed;			/* no more questions, until the link is up again */
	bool settled;
	bool added;			/* on_added ran */
	int fence_group;		/* portal group over which commands may still run; -1: none */
	bool fencing;			/* it waits for its reset, over this link */
	bool accepting;			/* the operator takes the disk that is there now */
	bool reported;			/* by the last REPORT LUNS */
	bool draining;			/* new requests are refused */
	bool drained;
	struct lun_io last_flush;

	mono_ms outage_began;		/* MONO_NEVER: no outage */
	span_ms outage_pauses;		/* the loop's, when it began: time that does not count */
	bool outage_told;		/* as an event: a look that ends well is none */
	bool given_up;			/* its budget is spent */
	bool looking;			/* held for a look at it, by a unit attention; the link is up */
	bool held;			/* by the ladder */
	bool reset;			/* by us, and not READY since: it will say so */
	bool reset_lost;		/* and the link was lost since */
	struct loop_timer outage_timer;
	struct loop_timer probe_timer;	/* not ready: ask again */
	char why[96];			/* why it is not READY */
	uint64_t outages;
	uint64_t power_losses;		/* possible: power on seen where unflushed writes were acknowledged */
};

int lun_new(struct lun **out, struct ioq_wire *wire, struct lun_addr addr,
	    const struct node_settings *settings, const struct lun_events *events, void *arg);
/* Its requests have been answered: lun_close() came before. */
void lun_free(struct lun *lun);

/* The session has a transport (wire->tp): probe. */
void lun_link_up(struct lun *lun);
/* A LUN that is READY is asked for its size once more; its requests go on meanwhile. */
void lun_ask_again(struct lun *lun);
/* It was lost; wire->tp is NULL. Requests are held, the outage begins. */
void lun_link_down(struct lun *lun);
/* After a new login it cannot be had yet: @why. Its outage goes on. One that is had stays as it is. */
void lun_miss(struct lun *lun, const char *why);
/* Answered with -EIO: everything waiting, now and from now on. */
void lun_close(struct lun *lun);
/* As lun_close(), for good: the target no longer has it. */
void lun_vanish(struct lun *lun);
/*
 * The operator's word: it is BARRED, and the disk that answers now is to be taken as it is. Asked
 * anew, then READY with what it says of itself. Returns 0 (begun), or -code and why not.
 */
int lun_accept(struct lun *lun, struct err *err);
/* The settings changed: a running outage is measured anew, the queue's depth follows. */
void lun_settings_changed(struct lun *lun);
/*
 * The end is near: refuse new requests (-EIO), answer those that are there, then flush what was
 * written. on_drained says when, from the loop or inside this call.
 */
void lun_drain(struct lun *lun);

/* The ladder works for it: its requests wait, the outage begins; lun_release() ends that. */
void lun_hold(struct lun *lun);
/* As ioq_take_back(), of the question that is on its way as well. */
int lun_take_back(struct lun *lun, const struct transport_cmd *late);
/* The target has reset it for us, or was asked to: its next word about that is no power loss. */
void lun_note_reset(struct lun *lun);
/* It is asked anew who it is; nothing is sent to it before that is known. */
void lun_look(struct lun *lun);
/* Requests pass again, if it is ready. */
void lun_release(struct lun *lun);

/* A unit attention that came with the answer to a command of the session's own. */
void lun_note_attention(struct lun *lun, const struct sense *sense);

/* What is left of replacement_timeout; -1: no outage, or no limit. */
span_ms lun_outage_left(const struct lun *lun);

#endif
