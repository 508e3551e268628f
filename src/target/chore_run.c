/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What chores do. The one hard thing: it is done on any thread, so there is nothing here but the
 * chore's own memory and the disks.
 */
#include <string.h>

#include "iscsifs/check.h"
#include "target/chore.h"

enum { CHORE_HERE = 65536 };	/* bytes of a thread's own, for what is on the disk */

static struct disk *chore_from(const struct chore *c)
{
	return c->from.lun->disk;
}

static struct disk *chore_to(const struct chore *c)
{
	return c->to.lun->disk;
}

int chore_read(struct chore *c)
{
	int rc = disk_read(chore_from(c), c->from.off, c->buf, c->from.len);

	c->moved = rc ? 0 : c->from.len;
	c->failed_reading = rc != 0;
	return rc;
}

int chore_write(struct chore *c)
{
	int rc = disk_write(chore_to(c), c->to.off, c->buf, c->to.len);

	c->moved = rc ? 0 : c->to.len;
	return rc;
}

/* Are the @len bytes of @d at @off those at @p? c->moved is where they are not. */
static int chore_look(struct chore *c, struct disk *d, uint64_t off, const uint8_t *p, uint64_t len)
{
	uint8_t here[CHORE_HERE];
	uint64_t at = c->moved;

	while (len) {
		size_t n = (size_t)MIN(len, (uint64_t)sizeof(here)), i = 0;
		int rc = disk_read(d, off, here, n);

		c->failed_reading = rc != 0;
		if (rc)
			return rc;
		if (memcmp(here, p, n)) {
			while (here[i] == p[i])
				i++;
			c->moved = at + i;
			return CHORE_DIFFERS;
		}
		off += n;
		at += n;
		p += n;
		len -= n;
	}
	c->moved = at;
	return 0;
}

int chore_compare(struct chore *c)
{
	return chore_look(c, chore_from(c), c->from.off, c->buf, c->from.len);
}

int chore_write_verify(struct chore *c)
{
	int rc = chore_write(c);

	c->moved = 0;
	return rc ? rc : chore_look(c, chore_to(c), c->to.off, c->buf, c->to.len);
}

int chore_compare_write(struct chore *c)
{
	int rc = chore_look(c, chore_to(c), c->to.off, c->buf, c->to.len);

	return rc ? rc : disk_write(chore_to(c), c->to.off, c->buf + c->to.len, c->to.len);
}

/* The buffer, over and over. */
static void chore_repeat(const struct chore *c, uint8_t here[CHORE_HERE])
{
	for (uint32_t at = 0; at < CHORE_HERE; at += c->buf_bytes)
		memcpy(here + at, c->buf, c->buf_bytes);
}

int chore_compare_same(struct chore *c)
{
	uint64_t n = MIN(c->from.len, (uint64_t)CHORE_BUFFER);
	uint8_t same[CHORE_HERE];

	chore_repeat(c, same);
	for (uint64_t at = 0; at < n; at += CHORE_HERE) {
		int rc;

		c->moved = 0;
		rc = chore_look(c, chore_from(c), c->from.off + at, same,
				MIN(n - at, (uint64_t)CHORE_HERE));
		if (rc == CHORE_DIFFERS)	/* told within the block */
			c->moved %= c->buf_bytes;
		if (rc)
			return rc;
	}
	c->moved = n;
	return 0;
}

int chore_write_same(struct chore *c)
{
	uint64_t n = MIN(c->to.len, (uint64_t)CHORE_BUFFER);
	uint8_t here[CHORE_HERE];

	chore_repeat(c, here);
	for (uint64_t at = 0; at < n; at += CHORE_HERE) {
		size_t len = (size_t)MIN(n - at, (uint64_t)CHORE_HERE);
		int rc = disk_write(chore_to(c), c->to.off + at, here, len);

		if (rc)
			return rc;
		c->moved = at + len;
	}
	return 0;
}

int chore_or(struct chore *c)
{
	uint8_t here[CHORE_HERE];

	for (uint64_t at = 0; at < c->to.len; at += CHORE_HERE) {
		size_t len = (size_t)MIN(c->to.len - at, (uint64_t)CHORE_HERE);
		int rc = disk_read(chore_to(c), c->to.off + at, here, len);

		c->failed_reading = rc != 0;
		for (size_t i = 0; i < len && !rc; i++)
			here[i] |= c->buf[at + i];
		if (!rc)
			rc = disk_write(chore_to(c), c->to.off + at, here, len);
		if (rc)
			return rc;
		c->moved = at + len;
	}
	return 0;
}

int chore_zero(struct chore *c)
{
	uint64_t n = MIN(c->to.len, (uint64_t)CHORE_ZERO_MAX);
	int rc = disk_zero(c->to.lun->disk, c->to.off, n, c->deallocate);

	c->moved = rc ? 0 : n;
	return rc;
}

int chore_flush(struct chore *c)
{
	return disk_flush(c->to.lun->disk);
}

/* Is there nothing at the beginning of @r? Then how far, in whole blocks; else 0. */
static uint64_t chore_hole(const struct chore_range *r)
{
	uint64_t len;
	bool mapped;

	if (disk_extent(r->lun->disk, r->off, &len, &mapped) || mapped)
		return 0;
	return MIN(len, r->len);
}

int chore_copy(struct chore *c)
{
	uint64_t n = MIN(c->from.len, (uint64_t)c->buf_bytes), hole = chore_hole(&c->from);
	int rc;

	if (hole >= n) {
		n = MIN(hole, (uint64_t)CHORE_ZERO_MAX);
		n = n == c->from.len ? n : n - n % c->buf_bytes;
		rc = disk_zero(c->to.lun->disk, c->to.off, n, c->deallocate);
	} else {
		rc = disk_read(c->from.lun->disk, c->from.off, c->buf, n);
		c->failed_reading = rc != 0;
		if (!rc)
			rc = disk_write(c->to.lun->disk, c->to.off, c->buf, n);
	}
	c->moved = rc ? 0 : n;
	return rc;
}
