/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The volatile write cache. The one hard thing: a block is lost or kept as a whole and never mixed
 * with its neighbours, so each page knows which of its sectors are newer than the disk below; and a
 * flush runs on another thread, so everything is under one lock.
 */
#include "target/disk_cache.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "iscsifs/check.h"
#include "iscsifs/log.h"
#include "target/fault.h"

enum { CACHE_PAGE = 4096, CACHE_SECTOR = 512 };

struct cache_slot {
	uint64_t page;
	uint8_t dirty;			/* a bit per sector; 0: the slot is free */
};

struct disk_cache {
	struct disk d;
	struct disk *below;
	pthread_mutex_t lock;
	uint32_t *slot_of;		/* by page: its slot + 1, or 0; sparse memory */
	uint64_t pages;
	uint8_t *mem;
	struct cache_slot slot[DISK_CACHE_PAGES];
	uint32_t idle[DISK_CACHE_PAGES];
	uint32_t idle_count;
};

static struct disk_cache *cache_of(struct disk *d)
{
	return container_of(d, struct disk_cache, d);
}

static uint8_t *cache_mem(const struct disk_cache *c, uint32_t slot)
{
	return c->mem + (size_t)slot * CACHE_PAGE;
}

static bool cache_is_clean(const struct disk_cache *c)
{
	return c->idle_count == DISK_CACHE_PAGES;
}

/* The sectors of a page that @len bytes at @at of it touch, as bits. */
static uint8_t cache_bits(uint32_t at, uint32_t len)
{
	unsigned first = at / CACHE_SECTOR, behind = (at + len + CACHE_SECTOR - 1) / CACHE_SECTOR;

	return (uint8_t)((1u << behind) - (1u << first));
}

static void cache_drop(struct disk_cache *c, uint32_t slot, uint8_t bits)
{
	struct cache_slot *s = &c->slot[slot];

	s->dirty &= (uint8_t)~bits;
	if (s->dirty)
		return;
	c->slot_of[s->page] = 0;
	c->idle[c->idle_count++] = slot;
}

/* Returns 0, and the page is clean and its slot free, or -errno. */
static int cache_write_down(struct disk_cache *c, uint32_t slot)
{
	const struct cache_slot *s = &c->slot[slot];

	for (unsigned i = 0; i < 8;) {
		unsigned from = i;
		int rc;

		while (i < 8 && s->dirty >> i & 1)
			i++;
		if (i == from) {
			i++;
			continue;
		}
		rc = disk_write(c->below, s->page * CACHE_PAGE + from * CACHE_SECTOR,
				cache_mem(c, slot) + from * CACHE_SECTOR,
				(size_t)(i - from) * CACHE_SECTOR);
		if (rc)
			return rc;
	}
	cache_drop(c, slot, 0xff);
	return 0;
}

static int cache_write_all_down(struct disk_cache *c)
{
	int rc = 0, first = 0;

	for (uint32_t i = 0; i < DISK_CACHE_PAGES && !cache_is_clean(c); i++) {
		rc = c->slot[i].dirty ? cache_write_down(c, i) : 0;
		first = first ? first : rc;
	}
	return first;
}

static void cache_overlay(const struct disk_cache *c, uint64_t off, uint8_t *buf, size_t len)
{
	while (len) {
		uint32_t at = off % CACHE_PAGE;
		uint32_t n = (uint32_t)MIN(len, (size_t)(CACHE_SECTOR - at % CACHE_SECTOR));
		uint32_t slot = c->slot_of[off / CACHE_PAGE];

		if (slot && c->slot[slot - 1].dirty & cache_bits(at, n))
			memcpy(buf, cache_mem(c, slot - 1) + at, n);
		off += n;
		buf += n;
		len -= n;
	}
}

static int cache_read(struct disk *d, uint64_t off, void *buf, size_t len)
{
	struct disk_cache *c = cache_of(d);
	int rc;

	pthread_mutex_lock(&c->lock);
	rc = disk_read(c->below, off, buf, len);
	if (!rc && !cache_is_clean(c))
		cache_overlay(c, off, buf, len);
	pthread_mutex_unlock(&c->lock);
	return rc;
}

/* While a flush writes it down, that is as good as a disk that waits. */
static int cache_read_now(struct disk *d, uint64_t off, void *buf, size_t len)
{
	struct disk_cache *c = cache_of(d);
	int rc;

	if (pthread_mutex_trylock(&c->lock))
		return -EAGAIN;
	rc = disk_read_now(c->below, off, buf, len);
	if (!rc && !cache_is_clean(c))
		cache_overlay(c, off, buf, len);
	pthread_mutex_unlock(&c->lock);
	return rc;
}

/* The slot of @page, a free one if it has none yet; 0: none is free; else slot + 1. */
static uint32_t cache_slot_for(struct disk_cache *c, uint64_t page)
{
	uint32_t slot = c->slot_of[page];

	if (slot || !c->idle_count)
		return slot;
	slot = c->idle[--c->idle_count];
	c->slot[slot] = (struct cache_slot){ .page = page };
	c->slot_of[page] = slot + 1;
	return slot + 1;
}

/* Bytes of one page. */
static int cache_write_page(struct disk_cache *c, uint64_t off, const uint8_t *p, uint32_t len)
{
	uint64_t page = off / CACHE_PAGE;
	uint32_t at = off % CACHE_PAGE, slot = c->slot_of[page];
	int rc = 0;

	if ((at | len) % CACHE_SECTOR) {	/* no initiator writes less than a sector */
		rc = slot ? cache_write_down(c, slot - 1) : 0;
		return rc ? rc : disk_write(c->below, off, p, len);
	}
	slot = cache_slot_for(c, page);
	if (!slot)
		return disk_write(c->below, off, p, len);
	memcpy(cache_mem(c, slot - 1) + at, p, len);
	c->slot[slot - 1].dirty |= cache_bits(at, len);
	return 0;
}

static int cache_write(struct disk *d, uint64_t off, const void *buf, size_t len)
{
	struct disk_cache *c = cache_of(d);
	const uint8_t *p = buf;
	int rc = 0;

	pthread_mutex_lock(&c->lock);
	while (len && !rc) {
		uint32_t n = (uint32_t)MIN(len, (size_t)(CACHE_PAGE - off % CACHE_PAGE));

		rc = cache_write_page(c, off, p, n);
		off += n;
		p += n;
		len -= n;
	}
	pthread_mutex_unlock(&c->lock);
	return rc;
}

static int cache_flush(struct disk *d)
{
	struct disk_cache *c = cache_of(d);
	int rc, down;

	pthread_mutex_lock(&c->lock);
	down = cache_write_all_down(c);
	pthread_mutex_unlock(&c->lock);
	rc = disk_flush(c->below);
	return down ? down : rc;
}

/* What the cache has of the range is void; the disk below does it at once. */
static int cache_zero(struct disk *d, uint64_t off, uint64_t len, bool deallocate)
{
	struct disk_cache *c = cache_of(d);
	int rc;

	pthread_mutex_lock(&c->lock);
	for (uint64_t at = off; at < off + len && !cache_is_clean(c);) {
		uint32_t in = at % CACHE_PAGE;
		uint32_t n = (uint32_t)MIN(off + len - at, (uint64_t)(CACHE_PAGE - in));
		uint32_t slot = c->slot_of[at / CACHE_PAGE];

		if (slot)
			cache_drop(c, slot - 1, cache_bits(in, n));
		at += n;
	}
	rc = disk_zero(c->below, off, len, deallocate);
	pthread_mutex_unlock(&c->lock);
	return rc;
}

/* A page of the cache is mapped, whatever is below it. */
static int cache_extent(struct disk *d, uint64_t off, uint64_t *len, bool *mapped)
{
	struct disk_cache *c = cache_of(d);
	uint64_t page = off / CACHE_PAGE, last;
	bool cached;
	int rc;

	pthread_mutex_lock(&c->lock);
	rc = disk_extent(c->below, off, len, mapped);
	cached = c->slot_of[page] != 0;
	last = (off + *len - 1) / CACHE_PAGE;
	if (!rc && !cache_is_clean(c) && (cached || !*mapped)) {
		while (page <= last && (c->slot_of[page] != 0) == cached)
			page++;
		*len = MIN(page * CACHE_PAGE - off, *len);
		*mapped |= cached;
	}
	pthread_mutex_unlock(&c->lock);
	return rc;
}

/* The page map for @pages. Returns 0 or -ENOMEM. */
static int cache_map_resize(struct disk_cache *c, uint64_t pages)
{
	void *p = mremap(c->slot_of, c->pages * sizeof(*c->slot_of), pages * sizeof(*c->slot_of),
			 MREMAP_MAYMOVE);

	if (p == MAP_FAILED)
		return -ENOMEM;
	c->slot_of = p;
	c->pages = pages;
	return 0;
}

/* What is cached behind @size goes: down, or with @cut nowhere. */
static int cache_cut(struct disk_cache *c, uint64_t size, bool cut)
{
	int rc = 0;

	for (uint32_t i = 0; i < DISK_CACHE_PAGES && !rc && !cache_is_clean(c); i++) {
		uint64_t at = c->slot[i].page * CACHE_PAGE;
		uint32_t keep = at < size ? (uint32_t)MIN(size - at, (uint64_t)CACHE_PAGE) : 0;

		if (!c->slot[i].dirty || keep == CACHE_PAGE)
			continue;
		if (cut)
			cache_drop(c, i, (uint8_t)~cache_bits(0, keep));
		else
			rc = cache_write_down(c, i);
	}
	return rc;
}

static int cache_resize(struct disk *d, uint64_t size, bool cut)
{
	struct disk_cache *c = cache_of(d);
	uint64_t pages = (size + CACHE_PAGE - 1) / CACHE_PAGE;
	int rc = 0;

	pthread_mutex_lock(&c->lock);
	if (size && size < d->size && !cut)
		rc = cache_cut(c, size, false);
	if (pages > c->pages)
		rc = cache_map_resize(c, pages);
	rc = rc ? rc : disk_resize(c->below, size, cut);
	pages = (c->below->size + CACHE_PAGE - 1) / CACHE_PAGE;
	if (!rc && pages > c->pages)
		rc = cache_map_resize(c, pages);
	if (!rc) {
		(void)cache_cut(c, c->below->size, true);
		d->size = c->below->size;
	}
	pthread_mutex_unlock(&c->lock);
	return rc;
}

static int cache_protect(struct disk *d, bool on)
{
	return disk_protect(cache_of(d)->below, on);
}

static void cache_recover(struct disk *d)
{
	disk_recover(cache_of(d)->below);
}

static void cache_free(struct disk *d)
{
	struct disk_cache *c = cache_of(d);

	(void)cache_write_all_down(c);
	disk_free(c->below);
	if (c->slot_of)
		munmap(c->slot_of, c->pages * sizeof(*c->slot_of));
	if (c->mem)
		munmap(c->mem, (size_t)DISK_CACHE_PAGES * CACHE_PAGE);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static const struct disk_ops cache_ops = {
	.name = "volatile",
	.read = cache_read,
	.read_now = cache_read_now,
	.write = cache_write,
	.flush = cache_flush,
	.zero = cache_zero,
	.extent = cache_extent,
	.resize = cache_resize,
	.protect = cache_protect,
	.recover = cache_recover,
	.free = cache_free,
};

static void *cache_reserve(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

int disk_cache_wrap(struct disk **d, struct err *e)
{
	struct disk_cache *c = calloc(1, sizeof(*c));

	if (!c)
		return err_set(e, ERR_NOMEM, "write cache: out of memory");
	c->pages = ((*d)->size + CACHE_PAGE - 1) / CACHE_PAGE;
	c->slot_of = cache_reserve(c->pages * sizeof(*c->slot_of));
	c->mem = cache_reserve((size_t)DISK_CACHE_PAGES * CACHE_PAGE);
	pthread_mutex_init(&c->lock, NULL);
	while (c->idle_count < DISK_CACHE_PAGES) {
		c->idle[c->idle_count] = DISK_CACHE_PAGES - 1 - c->idle_count;
		c->idle_count++;
	}
	if (!c->slot_of || !c->mem) {
		cache_free(&c->d);
		return err_set(e, ERR_NOMEM, "write cache: cannot reserve memory");
	}
	c->d = (struct disk){ .ops = &cache_ops, .size = (*d)->size, .volatile_cache = true,
			      .write_protected = (*d)->write_protected, .sleeps = (*d)->sleeps,
			      .forgets = (*d)->forgets,
			      .file = { (*d)->file[0], (*d)->file[1] } };
	c->below = *d;
	*d = &c->d;
	return 0;
}

void disk_cache_lose(struct disk *d, bool part, uint64_t seed)
{
	struct disk_cache *c = cache_of(d);
	unsigned lost = 0, kept = 0;

	if (d->ops != &cache_ops)
		return;
	pthread_mutex_lock(&c->lock);
	for (uint32_t i = 0; i < DISK_CACHE_PAGES; i++) {
		if (!c->slot[i].dirty)
			continue;
		if (part && fault_random(seed, c->slot[i].page) & 1) {
			kept += !cache_write_down(c, i);
		} else {
			cache_drop(c, i, 0xff);
			lost++;
		}
	}
	pthread_mutex_unlock(&c->lock);
	d->losses++;
	log_info("write cache lost | lost_pages=%u kept_pages=%u", lost, kept);
}
