/* SPDX-License-Identifier: BSD-2-Clause */
/* The journal: a ring, where a record's number says where it lies. */
#include "target/journal.h"

#include <stddef.h>

struct journal_record *journal_add(struct journal *j)
{
	uint64_t seq = ++j->last;
	struct journal_record *r = &j->record[seq % JOURNAL_RECORDS];

	*r = (struct journal_record){ .seq = seq };
	return r;
}

struct journal_record *journal_newest(struct journal *j)
{
	return j->last ? &j->record[j->last % JOURNAL_RECORDS] : NULL;
}

const struct journal_record *journal_get(const struct journal *j, uint64_t seq)
{
	const struct journal_record *r = &j->record[seq % JOURNAL_RECORDS];

	return seq && r->seq == seq ? r : NULL;
}

uint64_t journal_oldest(const struct journal *j)
{
	return j->last < JOURNAL_RECORDS ? 1 : j->last - JOURNAL_RECORDS + 1;
}

const char *journal_kind_name(enum journal_kind kind)
{
	switch (kind) {
	case JOURNAL_NONE:
		break;
	case JOURNAL_ACCEPTED:
		return "accepted";
	case JOURNAL_CLOSED:
		return "closed";
	case JOURNAL_RECEIVED:
		return "received";
	case JOURNAL_SENT:
		return "sent";
	case JOURNAL_MARK:
		return "mark";
	case JOURNAL_CRASH:
		return "crash";
	case JOURNAL_LATE_WRITE:
		return "late-write";
	}
	return "none";
}
