/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The settings of the target program, its targets and their units: one table for every source. A
 * target begins with the values of the program, a unit with those of its target, so one struct has
 * them all and each level has rows of its own.
 */
#ifndef ISCSIFS_TARGET_TARGET_KEYS_H
#define ISCSIFS_TARGET_TARGET_KEYS_H

#include <stdbool.h>

#include "iscsifs/clock.h"
#include "iscsifs/settings.h"
#include "target/params.h"

enum target_write_cache {
	TARGET_CACHE_OFF = 0,		/* a write is on the disk before it is answered */
	TARGET_CACHE_ON,
	TARGET_CACHE_VOLATILE,		/* in a memory of ours that a crash loses */
};

struct target_keys {
	/* of the program */
	span_ms login_timeout;
	span_ms nop_interval;
	span_ms nop_timeout;
	int nop_count;			/* 0: nop_timeout says it */
	int max_connections;
	int max_connections_per_address;
	bool open;
	char user[SETTING_STRING_BYTES];

	/* of a target */
	struct params offer;
	int max_commands;
	char redirect_address[SETTING_STRING_BYTES];	/* empty: logins are taken here */
	int redirect_port;
	int redirect_reason;		/* 0: temporary, 1: permanent */

	/* of a unit */
	int block_size;			/* 0: 512, 1: 4096 */
	int lbppbe;			/* -1: as many as make 4096 bytes */
	int la_lba;
	int optimal_xfer_gran;		/* blocks; 0: what makes 4096 bytes */
	int optimal_xfer_len;		/* blocks; 0: what makes 1 MiB */
	int rotation_rate;
	int readonly;
	int online;
	int removable;
	int thin;
	int write_cache;		/* enum target_write_cache */
	char vendor_id[SETTING_STRING_BYTES];
	char product_id[SETTING_STRING_BYTES];
	char product_rev[SETTING_STRING_BYTES];
	char scsi_id[SETTING_STRING_BYTES];
	char scsi_sn[SETTING_STRING_BYTES];
};

extern const struct settings target_keys_all;		/* everything */
extern const struct settings target_keys_of_target;	/* what may stand in a target */
extern const struct settings target_keys_of_lun;	/* what may stand in a unit */

static inline unsigned target_keys_block_bytes(const struct target_keys *k)
{
	return k->block_size ? 4096 : 512;
}

/* How long a silent initiator has to answer a ping. */
static inline span_ms target_keys_nop_timeout(const struct target_keys *k)
{
	return k->nop_count ? k->nop_interval * k->nop_count : k->nop_timeout;
}

#endif
