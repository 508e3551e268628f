/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Persistent reservations of one logical unit: who is registered with which key, and what is
 * reserved. Pure state: no CDBs, no nexuses, no I/O.
 *
 * A registration belongs to an I_T nexus, known by its initiator port. It outlives the session, and
 * every reset; it does not outlive the power.
 *
 * Source: SPC-4 (spc4r17) 5.7 and tables 44-46, 50, 52.
 */
#ifndef ISCSIFS_TARGET_PR_H
#define ISCSIFS_TARGET_PR_H

#include <stdbool.h>
#include <stdint.h>

enum {
	PR_REGISTRATIONS_MAX = 128,	/* of one logical unit */
	PR_NAME_MAX = 223,		/* bytes of an iSCSI name */
};

/* An initiator port. A loan for the time of the call. */
struct pr_port {
	const char *name;		/* PR_NAME_MAX bytes at most, and NUL */
	const uint8_t *isid;		/* 6 bytes */
};

/* The TYPE field, SPC-4 table for PERSISTENT RESERVE IN/OUT. */
enum pr_type {
	PR_NONE = 0,
	PR_WRITE_EXCLUSIVE = 1,
	PR_EXCLUSIVE_ACCESS = 3,
	PR_WRITE_EXCLUSIVE_RO = 5,	/* registrants only */
	PR_EXCLUSIVE_ACCESS_RO = 6,
	PR_WRITE_EXCLUSIVE_AR = 7,	/* all registrants: every one of them is a holder */
	PR_EXCLUSIVE_ACCESS_AR = 8,
};

/* What a command needs to be let in. */
enum pr_need {
	PR_NEED_NOTHING,		/* it touches nothing that a reservation guards */
	PR_NEED_READ,
	PR_NEED_ALL,
};

enum pr_result {
	PR_OK = 0,
	PR_CONFLICT,			/* status RESERVATION CONFLICT */
	PR_NO_ROOM,			/* insufficient registration resources; nothing was registered */
	PR_BAD_TYPE,			/* no such type */
	PR_BAD_KEY,			/* a service action reservation key of zero */
	PR_BAD_RELEASE,			/* another type than is reserved */
	PR_BAD_PORT,			/* a move to oneself */
	PR_REGISTERED,			/* other ports named by one that is registered already */
	PR_NOT_RESERVED,		/* nothing to move */
};

/* What a port must be told by unit attention. */
enum pr_event {
	PR_RESERVATION_PREEMPTED,
	PR_RESERVATION_RELEASED,
	PR_REGISTRATION_PREEMPTED,
};

/* Called for each port that must be told, from within the functions below. May not change @pr. */
struct pr_watch {
	void (*tell)(struct pr_watch *w, const struct pr_port *port, enum pr_event what);
};

struct pr_registration {
	char name[PR_NAME_MAX + 1];
	uint8_t isid[6];
	bool holder;			/* of a reservation that is not of all registrants */
	bool all_target_ports;		/* ALL_TG_PT, as it was given */
	uint64_t key;
};

struct pr {
	struct pr_registration *reg;	/* [PR_REGISTRATIONS_MAX]; NULL until the first */
	unsigned count;
	uint32_t generation;		/* PRGENERATION */
	enum pr_type type;		/* PR_NONE: no reservation */
};

/* A zeroed struct pr is one without registrations. pr_fini() forgets, and frees. */
void pr_fini(struct pr *pr);
/* The power was gone. */
void pr_forget(struct pr *pr);

/* The registration of @who, or NULL. */
const struct pr_registration *pr_find(const struct pr *pr, const struct pr_port *who);
bool pr_is_holder(const struct pr *pr, const struct pr_registration *r);
/* The one who holds the reservation; NULL: nobody, or all registrants. */
const struct pr_registration *pr_holder(const struct pr *pr);

/* May a command of @who that has @need begin? */
bool pr_allows(const struct pr *pr, const struct pr_port *who, enum pr_need need);

struct pr_register {
	uint64_t key;			/* under which it is registered; 0: it is not */
	uint64_t new_key;		/* 0: unregister */
	bool ignore_key;		/* REGISTER AND IGNORE EXISTING KEY */
	bool all_target_ports;
	const struct pr_port *more;	/* SPEC_I_PT: register these as well, all or none; */
	unsigned more_count;		/* one that is registered already keeps its key */
};

/* PERSISTENT RESERVE OUT, one function for each service action. @key: that of @who. */
enum pr_result pr_register(struct pr *pr, const struct pr_port *who, const struct pr_register *how,
			   struct pr_watch *w);
/* @scope_type: byte 2 of the CDB. */
enum pr_result pr_reserve(struct pr *pr, const struct pr_port *who, uint64_t key,
			  uint8_t scope_type);
enum pr_result pr_release(struct pr *pr, const struct pr_port *who, uint64_t key,
			  uint8_t scope_type, struct pr_watch *w);
enum pr_result pr_clear(struct pr *pr, const struct pr_port *who, uint64_t key, struct pr_watch *w);
/* @victims: the key of those that lose their registration, and the reservation if they hold it. */
enum pr_result pr_preempt(struct pr *pr, const struct pr_port *who, uint64_t key, uint64_t victims,
			  uint8_t scope_type, struct pr_watch *w);
/* The reservation goes to @to, registered with @new_key. */
enum pr_result pr_move(struct pr *pr, const struct pr_port *who, uint64_t key, uint64_t new_key,
		       const struct pr_port *to, bool unregister);

/* "write-exclusive-registrants-only" and so on; "" for PR_NONE. */
const char *pr_type_name(enum pr_type type);

#endif
