/* SPDX-License-Identifier: BSD-2-Clause */
/* The journal: what happened on the wire, numbered, the newest JOURNAL_RECORDS of it. */
#ifndef ISCSIFS_TARGET_JOURNAL_H
#define ISCSIFS_TARGET_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "iscsifs/clock.h"
#include "target/script.h"

enum { JOURNAL_RECORDS = 8192 };

enum journal_kind {
	JOURNAL_NONE = 0,
	JOURNAL_ACCEPTED,		/* a connection */
	JOURNAL_CLOSED,
	JOURNAL_RECEIVED,		/* a PDU */
	JOURNAL_SENT,			/* a PDU, handed to the socket or waiting for it */
	JOURNAL_MARK,			/* rule: its name */
	JOURNAL_CRASH,
	JOURNAL_LATE_WRITE,		/* of a zombie */
};

struct journal_record {
	uint64_t seq;			/* from 1 on, without gaps */
	mono_ms at;
	uint64_t conn;			/* 0: none */
	enum journal_kind kind;
	uint8_t pdu;			/* opcode, of a PDU */
	bool has_op;			/* a SCSI command: op, lun are there */
	uint8_t op;
	bool has_lba;
	bool has_status;
	uint8_t status;			/* SCSI status; of a login response the class */
	uint32_t itt;
	uint32_t blocks;
	unsigned lun;
	uint64_t lba;
	char rule[SCRIPT_NAME_MAX + 1];	/* the rule that struck here */
};

struct journal {
	struct journal_record record[JOURNAL_RECORDS];
	uint64_t last;			/* seq of the newest; 0: none */
};

/* A new record, zero but for its number. */
struct journal_record *journal_add(struct journal *j);

/* The newest, or NULL. */
struct journal_record *journal_newest(struct journal *j);

/* The record @seq, or NULL: not written yet, or forgotten. */
const struct journal_record *journal_get(const struct journal *j, uint64_t seq);

/* The oldest number that is still there; journal.last + 1 when there is none. */
uint64_t journal_oldest(const struct journal *j);

/* "accepted", "received", … */
const char *journal_kind_name(enum journal_kind kind);

#endif
