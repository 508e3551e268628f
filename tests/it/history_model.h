/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What each unit of a disk may hold, known from outside: from what was asked, when, and what was
 * answered. Pure; the caller has the lock.
 *
 * A unit has a set of values, each the number of a write (0: the zeros of a new disk). A value is
 * in the set from the moment that its write is asked for. It goes when a write that began after it
 * had ended is acknowledged, or when a quiet read finds another one; who began to look before that
 * may still find it. One that went and was not flushed over comes back into the set when the target
 * may have lost its cache. A write that failed may have happened, and may happen until a later one
 * is acknowledged.
 */
#ifndef ISCSIFS_HISTORY_MODEL_H
#define ISCSIFS_HISTORY_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "iscsifs/list.h"

struct history_value {
	uint64_t id;
	uint64_t ended;			/* when its write was answered; 0: not yet */
	uint64_t gone;			/* when it went; 0: it may be there */
	bool failed;			/* its write was: no read ends it */
	bool dead;			/* no loss of a cache brings it back */
};

struct history_unit {
	struct history_value *values;
	unsigned count, room;
	unsigned writers;		/* writes of it that are not answered */
	uint64_t changed;		/* when the last one was */
};

struct history_model {
	struct history_unit *units;
	uint64_t count;
	uint64_t event;			/* the time: counts what the model hears of */
	uint64_t flushed;		/* when the newest flush that counts began */
	bool losing;			/* a cache may be lost at any moment now */
	uint64_t lost;			/* when the last such time was over */
	struct list looks;		/* struct history_op that are not over, oldest first */
};

/* Something that was asked of the disk, from its beginning to its end. */
struct history_op {
	struct list link;
	uint64_t since;
	uint64_t id;			/* of a write, unique and not 0 */
	uint64_t first, count;		/* units; none for a flush */
	bool durable;			/* a write that is on stable storage when it is acknowledged */
};

/* Returns 0 or -ENOMEM. All units hold 0, on stable storage. */
int history_model_init(struct history_model *m, uint64_t units);
void history_model_fini(struct history_model *m);

/* A read, write or flush is about to be asked for. @op is the model's until history_end(). */
void history_begin(struct history_model *m, struct history_op *op);
void history_begin_write(struct history_model *m, struct history_op *op);

/* A write was answered: the first @good of its units are acknowledged, the others failed. */
void history_wrote(struct history_model *m, struct history_op *op, uint64_t good);

/*
 * A read (or any other look at the disk since @op began) found the value @id in @unit. Returns
 * whether it may.
 */
bool history_allows(const struct history_model *m, const struct history_op *op, uint64_t unit,
		    uint64_t id);

/*
 * And it was a read through the front door, answered just now: when nobody writes the unit it is
 * that value from now on. Returns false when somebody else has just read another one.
 */
bool history_saw(struct history_model *m, const struct history_op *op, uint64_t unit, uint64_t id);

/* A flush was answered, and it was good. Returns whether it counts: stable storage may be looked
 * at. */
bool history_flushed(struct history_model *m, const struct history_op *op);

void history_end(struct history_op *op);

/* From the one to the other the target may lose its cache, once or more often. */
void history_losing(struct history_model *m);
void history_lost(struct history_model *m);

#endif
