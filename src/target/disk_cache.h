/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A volatile write cache over any disk: writes land in memory and reads see them; a flush writes
 * them down; a power cut takes them.
 */
#ifndef ISCSIFS_TARGET_DISK_CACHE_H
#define ISCSIFS_TARGET_DISK_CACHE_H

#include "target/disk.h"

enum { DISK_CACHE_PAGES = 16384 };	/* of 4096 bytes; beyond them writes go through */

/*
 * Put a cache over *@d, which is the cache's from then on; *@d is the cache. Returns 0, or
 * -ERR_NOMEM and *@d is as it was.
 */
int disk_cache_wrap(struct disk **d, struct err *e);

/*
 * The power is gone: what is in the cache is lost; or, with @part, about half of its pages, those
 * that @seed chooses, and the others are written down. A disk without such a cache loses nothing.
 */
void disk_cache_lose(struct disk *d, bool part, uint64_t seed);

#endif
