/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parameter list of EXTENDED COPY(LID1): a header, copy sources and destinations (CSCD
 * descriptors), segments. Bytes only: no unit is looked up here. Source: SPC-4 6.4.3 to 6.4.6.
 */
#ifndef ISCSIFS_TARGET_COPY_LIST_H
#define ISCSIFS_TARGET_COPY_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "iscsifs/scsi_sense.h"

enum {
	COPY_LIST_HEADER = 16,
	COPY_CSCD_BYTES = 32,		/* an identification descriptor */
	COPY_SEGMENT_BYTES = 28,	/* block to block */
	COPY_CSCD_MAX = 16,		/* of one list */
	COPY_SEGMENTS_MAX = 32,
	COPY_LIST_MAX = COPY_CSCD_MAX * COPY_CSCD_BYTES + COPY_SEGMENTS_MAX * COPY_SEGMENT_BYTES,
	COPY_CSCD_IDENTIFICATION = 0xe4,
	COPY_SEGMENT_BLOCKS = 0x02,
	COPY_DESIGNATOR_MAX = 20,
};

enum copy_list_usage {
	COPY_USAGE_HOLD = 0,	/* the identifier counts, held data is kept */
	COPY_USAGE_RESERVED = 1,
	COPY_USAGE_DISCARD = 2,	/* it counts, held data may go */
	COPY_USAGE_NONE = 3,	/* there is none, and it is zero */
};

struct copy_list {
	const uint8_t *bytes;	/* the lender's */
	uint8_t id;
	enum copy_list_usage usage;
	unsigned cscds;
	unsigned segments;
};

/* Who takes part: a designator as VPD page 83h has it. */
struct copy_cscd {
	uint8_t peripheral;	/* device type; 0 is a disk */
	uint8_t code_set;
	uint8_t association;	/* 0: of the logical unit */
	uint8_t kind;
	uint8_t len;
	const uint8_t *designator;	/* @len bytes, in the list */
	uint32_t block_bytes;		/* that the sender believes in; 0: he does not say */
};

struct copy_segment {
	bool in_destination_blocks;	/* DC: what @blocks counts */
	uint16_t source;		/* CSCD descriptor IDs */
	uint16_t destination;
	uint16_t blocks;
	uint64_t source_lba;
	uint64_t destination_lba;
};

/*
 * Judge the form of the @len bytes at @bytes, which outlive *out. Returns true, or false with
 * @sense set to what the command is to end with.
 */
bool copy_list_parse(struct copy_list *out, const uint8_t *bytes, size_t len, struct sense *sense);

/* The parts of a list that was parsed; @i below their number. */
struct copy_cscd copy_list_cscd(const struct copy_list *l, unsigned i);
struct copy_segment copy_list_segment(const struct copy_list *l, unsigned i);

/* Where the first byte of each stands in the list, for field pointers. */
static inline unsigned copy_list_cscd_at(unsigned i)
{
	return COPY_LIST_HEADER + i * COPY_CSCD_BYTES;
}

#endif
