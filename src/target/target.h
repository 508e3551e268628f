/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A target: a name, its logical units, who may log in. And the nexus: what a target remembers
 * about one initiator port, unit attentions first.
 */
#ifndef ISCSIFS_TARGET_TARGET_H
#define ISCSIFS_TARGET_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "iscsifs/err.h"
#include "iscsifs/list.h"
#include "target/access.h"
#include "iscsifs/scsi_sense.h"
#include "target/disk.h"
#include "target/flusher.h"
#include "target/params.h"
#include "target/pr.h"

enum {
	TARGET_NAME_MAX = 223,		/* bytes of an iSCSI name, RFC 7143 4.2.7.1 */
	TARGET_LUNS_MAX = 1024,		/* logical units of one target */
	TARGET_LUN_NUMBER_MAX = 16383,	/* flat space addressing, SAM-5 4.6.7 */
	TARGET_REDIRECT_MAX = 255,	/* bytes of a host's name or address */
	TARGET_PORTAL_GROUP = 1,	/* every portal belongs to the one group */
	LUN_VENDOR_MAX = 8,		/* characters, SPC-4 6.6.2 */
	LUN_PRODUCT_MAX = 16,
	LUN_REVISION_MAX = 4,
	LUN_ID_MAX = 36,		/* of a serial number and what names are made from */
	LUN_PHYSICAL_EXPONENT_MAX = 15,	/* SBC-3 5.16.2 */
};

#define LUN_VENDOR	"ISCSIFS"
#define LUN_PRODUCT	"VIRTUAL-DISK"
#define LUN_REVISION	"0001"

struct nexus;
struct scsi_cmd;
struct target;

struct lun_stats {
	uint64_t reads;
	uint64_t writes;
	uint64_t flushes;
	uint64_t read_bytes;
	uint64_t written_bytes;
	uint64_t errors;		/* commands that ended in CHECK CONDITION, attentions apart */
};

struct lun {
	struct target *target;
	unsigned number;
	unsigned index;			/* of its unit attentions; the same as long as it lives */
	char *backing;			/* what disk_open() was given */
	struct disk *disk;
	struct flusher flusher;
	uint32_t block_bytes;		/* 512 or 4096 */
	uint64_t blocks;
	bool write_cache;		/* off: a write is on the backing store before its GOOD */
	bool write_cache_default;	/* what a reset goes back to */
	bool software_protected;	/* SWP, set by MODE SELECT */
	bool descriptor_sense;		/* D_SENSE, likewise */
	uint32_t physical_bytes;	/* block size of the medium, as READ CAPACITY(16) tells it */
	bool thin;			/* unmap and friends are there */
	bool volatile_cache;		/* there is one of our own over the disk */
	char serial[LUN_ID_MAX + 1];
	bool serial_given;		/* not derived */
	bool shared_id;			/* struct lun_options has these */
	char scsi_id[LUN_ID_MAX + 1];
	char vendor[LUN_VENDOR_MAX + 1];
	char product[LUN_PRODUCT_MAX + 1];
	char revision[LUN_REVISION_MAX + 1];
	uint32_t lowest_aligned;
	uint32_t optimal_gran;
	uint32_t optimal_len;
	uint32_t rotation_rate;
	uint64_t identity;		/* 60 bits, of NAA "locally assigned" */
	const struct nexus *reserved_by;/* RESERVE(6); NULL: nobody */
	bool write_protected;		/* by the operator; the disk may be so by itself */
	bool offline;			/* by the operator: NOT READY */
	bool absent;			/* taken out of the target, and may come back */
	int error;			/* -errno that the backing store said last; 0: none */
	struct list link;		/* of one that was removed, in server.retired */
	struct pr pr;			/* persistent reservations */
	unsigned busy;			/* chores that are at it: chore.h; while there are any, the
					 * unit and its disk must stay */
	struct lun_stats stats;
};

/* What the person who starts us says about a logical unit. */
struct lun_options {
	const char *backing;		/* disk_open()'s words */
	unsigned number;
	uint32_t block_bytes;
	uint32_t physical_bytes;	/* block_bytes, times a power of two up to 2^15 */
	bool write_protected;
	bool write_cache;
	bool volatile_cache;		/* one of our own over the disk, that can be lost */
	bool thin;
	const char *serial;		/* NULL: derived from target and number */
	const char *scsi_id;		/* names are made from it; NULL: from the serial number */
	bool shared_id;			/* another unit has the same: from target and number */
	const char *vendor;		/* NULL: LUN_VENDOR, and so on */
	const char *product;
	const char *revision;
	uint32_t lowest_aligned;	/* block */
	uint32_t optimal_gran;		/* blocks; 0: 4096 bytes */
	uint32_t optimal_len;		/* blocks; 0: 1 MiB */
	uint32_t rotation_rate;		/* SBC-3 6.5.2: 0 is not told, 1 does not turn */
};

struct target {
	char name[TARGET_NAME_MAX + 1];
	struct lun *lun[TARGET_LUNS_MAX];	/* by number, ascending */
	unsigned luns;
	struct lun **by_number;			/* [lun_numbers]; without those that are absent */
	bool index_taken[TARGET_LUNS_MAX];
	unsigned lun_numbers;
	bool offline;				/* by the operator: nobody logs in */
	struct access access;			/* who may log in */
	struct params offer;			/* what we are willing to negotiate */
	unsigned tid;				/* tgt's number of it; 0: none */
	unsigned window;			/* commands per session in flight; 0: the server's */
	struct {
		char address[TARGET_REDIRECT_MAX + 1];	/* empty: logins are taken here */
		unsigned port;
		bool permanent;
	} redirect;
	struct list former;			/* units that were removed: former.h */
	struct list nexuses;
	struct list known;			/* initiator ports seen since we started */
	unsigned known_count;
	struct list link;
};

/* Unit attentions that wait for an initiator port, one bit each, first reported first. */
enum nexus_ua {
	NEXUS_UA_POWER_ON = 1 << 0,
	NEXUS_UA_LUN_RESET = 1 << 1,
	NEXUS_UA_LOSS = 1 << 2,
	NEXUS_UA_MODE_CHANGED = 1 << 3,
	NEXUS_UA_CAPACITY_CHANGED = 1 << 4,
	NEXUS_UA_CLEARED = 1 << 5,	/* commands cleared by another initiator */
	NEXUS_UA_LUNS_CHANGED = 1 << 6,
	NEXUS_UA_IDENTITY_CHANGED = 1 << 7,
	NEXUS_UA_RESERVATION_PREEMPTED = 1 << 8,
	NEXUS_UA_RESERVATION_RELEASED = 1 << 9,
	NEXUS_UA_REGISTRATION_PREEMPTED = 1 << 10,
	NEXUS_UA_BECAME_READY = 1 << 11,
};

/* What became of an EXTENDED COPY, for RECEIVE COPY RESULTS. */
struct copy_result {
	bool kept;
	bool running;
	uint8_t list_id;
	unsigned lun;			/* number of the unit that was asked to copy */
	uint8_t status;			/* enum scsi_status */
	uint16_t segments;		/* finished */
	uint64_t bytes;			/* copied */
	struct sense sense;		/* with CHECK CONDITION */
};

enum { NEXUS_COPIES_MAX = 8 };		/* results kept, and copies with an identifier at once */

struct nexus {
	struct target *target;
	char initiator[TARGET_NAME_MAX + 1];
	uint8_t isid[6];
	struct copy_result copies[NEXUS_COPIES_MAX];
	unsigned last_copy;		/* the place that was taken last */
	uint32_t collected_bytes;	/* parameter lists and the like that its commands hold */
	uint32_t ua[TARGET_LUNS_MAX];	/* by lun->index */
	/* End its tasks on @l but @except. Returns how many there were. NULL: it never has any. */
	unsigned (*abort_tasks)(struct nexus *n, const struct lun *l, const struct scsi_cmd *except);
	struct list link;
};

/* "iqn.", "eui." or "naa." name of legal length, in UTF-8 without blanks and controls? */
bool target_name_ok(const char *name);

/* @name is copied. Returns 0 or -code. */
int target_new(struct target **out, const char *name, struct err *e);
void target_free(struct target *t);

/*
 * Add a logical unit: who is logged in learns of it, by unit attention, on every unit. Returns 0 or
 * -code with a sentence in @e.
 */
int target_add_lun(struct target *t, const struct lun_options *o, struct err *e);

/*
 * Take @l out of its target, or put it back: reservations go, who is logged in learns of it. Its
 * tasks are the caller's to end (admin_settle_lun()).
 */
void target_set_present(struct lun *l, bool present);

/*
 * @l leaves its target for good and is the caller's, who ends its tasks and, when nothing refers to
 * it any more, frees it.
 */
void target_remove_lun(struct lun *l);

/* The unit @number, also one that is absent; or NULL. */
struct lun *target_find_lun(const struct target *t, unsigned number);

/* Of one that was removed. lun_free(NULL) is legal. */
void lun_free(struct lun *l);

/*
 * Another size; see disk_resize(). Who is logged in learns of it; tasks that reach over the new end
 * are the caller's to end. Returns 0 or -code with a sentence in @e.
 */
int lun_resize(struct lun *l, uint64_t bytes, bool cut, struct err *e);

/* Write protection by the operator. Returns 0 or -code with a sentence in @e. */
int lun_set_protected(struct lun *l, bool on, struct err *e);

/*
 * Offline: commands that ask for the medium are NOT READY, until it is online again; then whatever
 * the backing store has lost is forgiven (disk_recover()).
 */
void lun_set_offline(struct lun *l, bool offline);

/* The backing store said @rc: told to the operator, once for each kind of failure. */
void lun_note_error(struct lun *l, const char *what, int rc);

/* NULL when there is none of that number. */
static inline struct lun *target_lun(const struct target *t, unsigned number)
{
	return number < t->lun_numbers ? t->by_number[number] : NULL;
}

/*
 * An initiator port logs in: @n (the caller's memory) gets the unit attention that tells it what it
 * may have missed, on every unit: power on for one that this process never saw, nexus loss for one
 * that comes back.
 */
void nexus_begin(struct nexus *n, struct target *t, const char *initiator, const uint8_t isid[6]);
/* It is gone: what it reserved by RESERVE(6) is released. What is persistent stays. */
void nexus_end(struct nexus *n);

/* Unit attention @ua for every initiator port of @l's target but @except (may be NULL). */
void lun_attention(struct lun *l, enum nexus_ua ua, const struct nexus *except);

static inline bool lun_is_protected(const struct lun *l)
{
	return l->software_protected || l->write_protected || l->disk->write_protected;
}

/* Does an acknowledged write wait in a cache that may be lost? */
static inline bool lun_caches_writes(const struct lun *l)
{
	return l->write_cache && l->disk->volatile_cache;
}

/* Another disk is in its place from now on: serial number and name, and everybody is told. */
void lun_change_identity(struct lun *l);

/* The power was gone: every unit is reset, and no initiator port was ever seen or registered. */
void target_power_cycle(struct target *t);

/*
 * Logical unit reset: mode pages as they were, RESERVE(6) gone, unit attention for everybody.
 * Persistent reservations stay.
 */
void lun_reset(struct lun *l);

/* Reservations of both kinds, and registrations, are gone, and nobody is told. */
static inline void lun_forget_reservations(struct lun *l)
{
	l->reserved_by = NULL;
	pr_forget(&l->pr);
}

#endif
