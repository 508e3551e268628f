/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One SCSI command, as the SCSI side sees it: no wire, no tags.
 *
 *	scsi_begin()	judges the CDB and says in `next` how the command goes on
 *	scsi_data()	takes data from the initiator, piece by piece, in order
 *	scsi_finish()	runs when all of it is there
 *
 * Sources: SPC-4, SBC-3; SAM-5 for unit attentions and status.
 */
#ifndef ISCSIFS_TARGET_SCSI_CMD_H
#define ISCSIFS_TARGET_SCSI_CMD_H

#include <stdbool.h>
#include <stdint.h>

#include "iscsifs/scsi_cdb.h"
#include "iscsifs/scsi_sense.h"
#include "target/target.h"

enum scsi_next {
	SCSI_NEXT_NONE = 0,
	SCSI_NEXT_DONE,		/* status (and sense) are set */
	SCSI_NEXT_PARAM_IN,	/* GOOD with `want` bytes at `param`, valid until the next scsi call */
	SCSI_NEXT_READ,		/* send `want` bytes of the disk from `off` */
	SCSI_NEXT_DATA_OUT,	/* fetch `want` bytes, scsi_data() each, then scsi_finish() */
	SCSI_NEXT_FLUSH,	/* flush the disk, then scsi_flushed() */
	SCSI_NEXT_CHORE,	/* have `chore` carried out, then scsi_chore_done() */
};

struct chore;
struct copy;
struct scsi_cmd;

struct scsi_op {
	const char *name;
	uint8_t opcode;
	int16_t service_action;		/* -1: the opcode has none */
	uint16_t flags;			/* enum scsi_op_flag */
	uint8_t usage[CDB_MAX];		/* CDB usage data: the bits that we look at */
	void (*begin)(struct scsi_cmd *c);
	void (*data)(struct scsi_cmd *c, uint64_t at, const uint8_t *p, uint32_t len);
	void (*finish)(struct scsi_cmd *c);
	void (*chore_done)(struct scsi_cmd *c, int rc);
};

enum scsi_op_flag {
	SCSI_OP_ANY_NEXUS = 1,		/* in spite of another's RESERVE(6), and offline */
	SCSI_OP_KEEPS_UA = 2,		/* does not report pending unit attentions */
	SCSI_OP_ANY_LUN = 4,		/* answers for LUNs that are not there */
	SCSI_OP_WRITES = 8,
	SCSI_OP_THIN = 16,		/* only where the unit is thin */
};

struct scsi_cmd {
	/* set by the caller */
	uint8_t cdb[CDB_MAX];
	struct target *target;
	struct nexus *nexus;
	struct lun *lun;		/* NULL: not there */
	unsigned lun_number;
	uint64_t out_bytes;		/* what the initiator wants to send: EDTL with W, else 0 */
	struct chores *chores;		/* where chores run; NULL: there are no threads */
	/* set here */
	const struct scsi_op *op;
	enum scsi_next next;
	uint64_t want;			/* bytes that the CDB asks to move */
	uint64_t off;			/* of the disk */
	uint64_t blocks;
	uint8_t *param;
	uint32_t param_cap;		/* >0: `param` is this command's own memory */
	struct chore *chore;		/* its own, but while it is carried out */
	bool away;			/* its work is for threads: scsi_work.h */
	bool at_work;			/* scsi_work() runs */
	uint64_t done;			/* bytes that its chores are done with */
	unsigned descriptor;		/* UNMAP: of these, which is being carried out */
	unsigned descriptors;
	uint64_t got;			/* bytes that came, at scsi_finish() */
	struct rw_out {			/* scsi_rw.c's: what to do with data from the initiator */
		int (*run)(struct chore *c);
		bool gathers;		/* in the chore's buffer, */
		bool paced;		/* and no more than fits is asked for; */
		uint64_t from;		/* it holds the data from here on */
		uint64_t to;		/* of what the chore has now: up to here */
		bool complete;		/* and nothing follows */
	} out;
	struct copy *copy;		/* scsi_copy.c's */
	unsigned losses;		/* of its disk, when it began */
	bool fua;
	bool compare;			/* BYTCHK: data is compared */
	uint8_t status;			/* enum scsi_status */
	struct sense sense;		/* with CHECK CONDITION */
};

/* Judge the CDB. @c is zero but for what the caller sets. */
void scsi_begin(struct scsi_cmd *c);

/* @len bytes at @at (of the command's data) have come. Legal between DATA_OUT and scsi_finish(). */
void scsi_data(struct scsi_cmd *c, uint64_t at, const uint8_t *p, uint32_t len);

/* Where those bytes may be received to, instead of being handed to scsi_data(); or NULL. */
void *scsi_data_map(struct scsi_cmd *c, uint64_t at, uint32_t len);

/*
 * Up to which byte of its data the command can take now; and: it has @got of them and must put them
 * away before it can take more. Then `next` is CHORE, and in the end DATA_OUT again.
 */
uint64_t scsi_room(const struct scsi_cmd *c);
bool scsi_drain(struct scsi_cmd *c, uint64_t got);

/* Everything has come; @got bytes of `want`. `next` is DONE or FLUSH. */
void scsi_finish(struct scsi_cmd *c, uint64_t got);

/* The flush ended with @rc. `next` is DONE. */
void scsi_flushed(struct scsi_cmd *c, int rc);

/* The chore ended with @rc. `next` is CHORE again (the next piece), DONE or FLUSH. */
void scsi_chore_done(struct scsi_cmd *c, int rc);

/* Give back what the command holds. */
void scsi_end(struct scsi_cmd *c);

/* A read of the disk failed with @rc at @off. */
void scsi_read_failed(struct scsi_cmd *c, int rc, uint64_t off);

/* --- for the files of src/target/scsi_*.c --- */

/* Memory for the parameter data of one answer; zeroed by scsi_param(). */
enum { SCSI_PARAM_MAX = 36864 };

/* Answer @len bytes (cut to @alloc, the CDB's allocation length) of scsi_param()'s memory. */
uint8_t *scsi_param(struct scsi_cmd *c);
void scsi_answer(struct scsi_cmd *c, uint32_t len, uint64_t alloc);

/*
 * Ask for @len bytes from the initiator into memory of the command's own. One that would send
 * another length has not understood its own CDB: the command fails, pointing at CDB byte @byte.
 * One that holds too much already is told TASK SET FULL.
 */
void scsi_collect(struct scsi_cmd *c, uint32_t len, unsigned byte);
/* The `data` row of a command that collects. */
void scsi_collect_data(struct scsi_cmd *c, uint64_t at, const uint8_t *p, uint32_t len);

void scsi_good(struct scsi_cmd *c);
void scsi_fail(struct scsi_cmd *c, enum sense_key key, uint16_t code);
/* ILLEGAL REQUEST, INVALID FIELD IN CDB, pointing at CDB byte @byte. */
void scsi_fail_field(struct scsi_cmd *c, unsigned byte);
/* ILLEGAL REQUEST, INVALID FIELD IN PARAMETER LIST, pointing at byte @byte of it. */
void scsi_fail_param(struct scsi_cmd *c, unsigned byte);
/* The backing store said @rc to a write at @off. */
void scsi_write_failed(struct scsi_cmd *c, int rc, uint64_t off);

/* GOOD, after a flush where the disk's cache or @durable asks for one. */
void scsi_good_written(struct scsi_cmd *c, bool durable);

/* The unit attention that is due on this unit, taken off (ASC << 8 | ASCQ); 0: none. */
uint16_t scsi_take_ua(struct scsi_cmd *c);

static inline bool scsi_failed(const struct scsi_cmd *c)
{
	return c->status != SCSI_GOOD;
}

/* The tables of commands, by file. */
extern const struct scsi_op scsi_primary_ops[];
extern const unsigned scsi_primary_op_count;
extern const struct scsi_op scsi_rw_ops[];
extern const unsigned scsi_rw_op_count;
extern const struct scsi_op scsi_space_ops[];
extern const unsigned scsi_space_op_count;
extern const struct scsi_op scsi_pr_ops[];
extern const unsigned scsi_pr_op_count;
extern const struct scsi_op scsi_copy_ops[];
extern const unsigned scsi_copy_op_count;

/* The row of @opcode (and @service_action, where it has one), or NULL. */
const struct scsi_op *scsi_op_find(uint8_t opcode, unsigned service_action);
/* Walk all rows: NULL when @i is past the last. */
const struct scsi_op *scsi_op_at(unsigned i);
/* Does @opcode take a service action? */
bool scsi_op_has_actions(uint8_t opcode);
unsigned scsi_cdb_len(uint8_t opcode);

#endif
