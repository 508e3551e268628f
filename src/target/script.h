/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The language of fault rules: one line of text to one struct. Pure; what rules do is fault.h's.
 *
 *	rule NAME on EVENT [where MATCH[, MATCH]...] [LIMIT]... do ACTION[, ACTION]...
 *
 * The words, their meaning and what goes with what: iscsifs-faults(5).
 */
#ifndef ISCSIFS_TARGET_SCRIPT_H
#define ISCSIFS_TARGET_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "iscsifs/clock.h"
#include "iscsifs/err.h"

enum {
	SCRIPT_NAME_MAX = 31,		/* characters of a rule's or a mark's name */
	SCRIPT_LINE_MAX = 1000,		/* characters of a rule */
	SCRIPT_ACTIONS_MAX = 8,		/* of one rule */
	SCRIPT_GLOB_MAX = 223,
	SCRIPT_GARBAGE_MAX = 65536,	/* bytes of one `garbage` */
};

/* Where a rule is asked. One bit each. */
enum script_event {
	SCRIPT_EV_NONE = 0,
	SCRIPT_EV_CONNECT = 1 << 0,	/* a connection was accepted */
	SCRIPT_EV_LOGIN = 1 << 1,	/* a login request came */
	SCRIPT_EV_NOP = 1 << 2,		/* a NOP-Out came */
	SCRIPT_EV_COMMAND = 1 << 3,	/* a SCSI command came */
	SCRIPT_EV_DATA_OUT = 1 << 4,	/* a Data-Out came */
	SCRIPT_EV_DATA_IN = 1 << 5,	/* a Data-In is about to go */
	SCRIPT_EV_TMF = 1 << 6,		/* a task management request came */
	SCRIPT_EV_LOGOUT = 1 << 7,
	SCRIPT_EV_TEXT = 1 << 8,
	SCRIPT_EV_MARK = 1 << 9,	/* a mark of this name was set */
	SCRIPT_EV_TIME = 1 << 10,	/* this long after the rule was added */
	SCRIPT_EV_R2T = 1 << 11,	/* an R2T is about to go */
	SCRIPT_EV_ANSWER = 1 << 12,	/* a PDU with the status of a command is about to go */
};

/* Stages of a login, one bit each. */
enum script_stage {
	SCRIPT_STAGE_SECURITY = 1 << 0,
	SCRIPT_STAGE_OPERATIONAL = 1 << 1,
	SCRIPT_STAGE_FULL = 1 << 2,	/* the request that asks for full feature phase */
};

enum script_per {
	SCRIPT_PER_NONE = 0,
	SCRIPT_PER_SESSION,		/* limits count anew for each connection */
	SCRIPT_PER_LBA,			/* and for each first block of a LUN */
};

enum script_act {
	SCRIPT_DO_NONE = 0,
	SCRIPT_DO_CLOSE,
	SCRIPT_DO_RESET,
	SCRIPT_DO_REFUSE_FOR,		/* span: nobody listens */
	SCRIPT_DO_REFUSE_WITH,		/* number: the login status */
	SCRIPT_DO_REFUSE_TMF,		/* number: the response */
	SCRIPT_DO_REDIRECT,		/* text: ADDRESS:PORT; number: the login status */
	SCRIPT_DO_BLACKHOLE,		/* span; 0: for good */
	SCRIPT_DO_DELAY,		/* span */
	SCRIPT_DO_STALL,		/* span; 0: for good */
	SCRIPT_DO_RATE,			/* number: bytes a second; span; 0: for good */
	SCRIPT_DO_SLICE,		/* number: bytes */
	SCRIPT_DO_WINDOW,		/* number: commands; span; 0: for good */
	SCRIPT_DO_PING,
	SCRIPT_DO_LATE,			/* span */
	SCRIPT_DO_DROP,
	SCRIPT_DO_WITHHOLD,
	SCRIPT_DO_EXECUTE,
	SCRIPT_DO_DUPLICATE,
	SCRIPT_DO_ZOMBIE,		/* span */
	SCRIPT_DO_PRETEND,
	SCRIPT_DO_STATUS,		/* number: SCSI status */
	SCRIPT_DO_SENSE,		/* number: key << 16 | ASC << 8 | ASCQ */
	SCRIPT_DO_REJECT,		/* number: reason */
	SCRIPT_DO_ASYNC,		/* number: event; span: to log out in; seed: sense, as below */
	SCRIPT_DO_TRUNCATE,		/* number: bytes that still go out */
	SCRIPT_DO_CORRUPT,		/* number: enum script_corrupt */
	SCRIPT_DO_SET,			/* field, number, relative, spoils_digest */
	SCRIPT_DO_FLIP,			/* field: enum script_flip; number: bit; seed; spoils_digest */
	SCRIPT_DO_RESIDUAL,		/* field: enum script_residual; number: its count */
	SCRIPT_DO_GARBAGE,		/* number: bytes */
	SCRIPT_DO_FORGET_CACHE,
	SCRIPT_DO_FORGET_RESERVATIONS,
	SCRIPT_DO_FORGET_SESSION,
	SCRIPT_DO_CRASH,		/* number: enum script_lose; span: until it listens; seed */
	SCRIPT_DO_RESIZE,		/* lun, number: bytes */
	SCRIPT_DO_REMOVE,		/* lun */
	SCRIPT_DO_ADD,			/* lun */
	SCRIPT_DO_IDENTITY,		/* lun */
	SCRIPT_DO_MARK,			/* text: its name */
};

enum script_corrupt {
	SCRIPT_CORRUPT_NONE = 0,
	SCRIPT_CORRUPT_HEADER_DIGEST,
	SCRIPT_CORRUPT_DATA_DIGEST,
	SCRIPT_CORRUPT_OPCODE,
};

/* Which bit of a PDU. */
enum script_flip { SCRIPT_FLIP_HEADER = 0, SCRIPT_FLIP_DATA, SCRIPT_FLIP_BIT };

enum script_residual { SCRIPT_RESIDUAL_NONE = 0, SCRIPT_RESIDUAL_OVER, SCRIPT_RESIDUAL_UNDER };

enum script_lose { SCRIPT_KEEP_CACHE = 0, SCRIPT_LOSE_CACHE, SCRIPT_LOSE_PART };

struct script_action {
	enum script_act act;
	uint64_t number;
	uint64_t seed;
	span_ms span;
	unsigned lun;
	uint32_t field;			/* of a PDU: a row of script_fields; or what the act says */
	bool relative;			/* number is added, modulo 2^64, to what is there */
	bool spoils_digest;		/* digests stay those of the right PDU */
	char text[80];
};

struct script_match {
	bool any_op;
	uint8_t ops[32];		/* a bit for each opcode, unless any_op */
	bool has_lun;
	unsigned lun;
	bool has_lba;
	uint64_t lba_first;
	uint64_t lba_last;
	unsigned stages;		/* enum script_stage; 0: any */
	uint8_t function;		/* of task management; 0: any */
	char initiator[SCRIPT_GLOB_MAX + 1];	/* a glob; empty: any */
	char target[SCRIPT_GLOB_MAX + 1];
};

struct script_limits {
	uint64_t nth;			/* 0: not said; 1: the first */
	uint64_t every;
	uint64_t count;
	enum script_per per;
	span_ms for_ms;			/* from its first hit on */
	bool has_chance;
	uint32_t chance_ppm;
	uint64_t seed;
};

struct script_rule {
	char name[SCRIPT_NAME_MAX + 1];
	enum script_event event;
	char mark[SCRIPT_NAME_MAX + 1];	/* of a mark event */
	span_ms after;			/* of a time event */
	struct script_match match;
	struct script_limits limits;
	struct script_action action[SCRIPT_ACTIONS_MAX];
	unsigned actions;
	bool at_answer;			/* the command runs first, then the actions */
	char text[SCRIPT_LINE_MAX + 1];	/* the rule, one blank between words */
};

/* Letters, digits, `-`, `_`, `.`; 1 to SCRIPT_NAME_MAX of them? */
bool script_name_ok(const char *name);

/*
 * One rule. @place stands before the sentence of an error: "file:3", "--fault".
 * Returns 0, 1 (nothing but blanks and a comment), or -ERR_INVALID with a sentence in @e.
 */
int script_parse(struct script_rule *out, const char *line, const char *place, struct err *e);

/*
 * All rules of @f: each is handed to @got, on loan, after the whole file was found right.
 * @name is the file's, for errors. Returns 0 or -code, from @got too.
 */
int script_read(FILE *f, const char *name,
		int (*got)(void *arg, const struct script_rule *r, struct err *e), void *arg,
		struct err *e);

/* "command", "connect", …; NULL for none. */
const char *script_event_name(enum script_event ev);

#endif
