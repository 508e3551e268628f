/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A disk in memory. The one hard thing: a page that was never written costs nothing, not even
 * when it is read (anonymous memory maps the one zero page then), and GET LBA STATUS must tell it
 * from a written one; so a bitmap, itself sparse, remembers which pages were written. Threads
 * write, too, each to bytes of its own, but words of the bitmap are shared: its bits are set and
 * cleared atomically.
 */
#include "target/disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "iscsifs/check.h"
#include "iscsifs/num.h"

enum { DISK_RAM_PAGE = 4096 };

struct disk_ram {
	struct disk d;
	uint8_t *mem;
	uint64_t *written;	/* one bit per page */
	uint64_t pages;
};

static struct disk_ram *disk_ram_of(struct disk *d)
{
	return container_of(d, struct disk_ram, d);
}

static bool disk_ram_is_written(const struct disk_ram *r, uint64_t page)
{
	return __atomic_load_n(&r->written[page / 64], __ATOMIC_RELAXED) >> page % 64 & 1;
}

static void disk_ram_mark(struct disk_ram *r, uint64_t off, uint64_t len)
{
	for (uint64_t p = off / DISK_RAM_PAGE; p <= (off + len - 1) / DISK_RAM_PAGE; p++) {
		if (!disk_ram_is_written(r, p))
			__atomic_fetch_or(&r->written[p / 64], 1ull << p % 64, __ATOMIC_RELAXED);
	}
}

static int disk_ram_read(struct disk *d, uint64_t off, void *buf, size_t len)
{
	memcpy(buf, disk_ram_of(d)->mem + off, len);
	return 0;
}

static int disk_ram_write(struct disk *d, uint64_t off, const void *buf, size_t len)
{
	disk_ram_mark(disk_ram_of(d), off, len);
	memcpy(disk_ram_of(d)->mem + off, buf, len);
	return 0;
}

static int disk_ram_flush(struct disk *d)
{
	(void)d;
	return 0;
}

/* Whole pages are given back; what lies beside them is overwritten, if it was ever written. */
static int disk_ram_zero(struct disk *d, uint64_t off, uint64_t len, bool deallocate)
{
	struct disk_ram *r = disk_ram_of(d);
	uint64_t end = off + len;
	uint64_t first = (off + DISK_RAM_PAGE - 1) / DISK_RAM_PAGE;
	uint64_t last = end / DISK_RAM_PAGE;

	(void)deallocate;
	if (first >= last) {
		for (; off < end; off++)
			r->mem[off] = 0;
		return 0;
	}
	memset(r->mem + off, 0, first * DISK_RAM_PAGE - off);
	memset(r->mem + last * DISK_RAM_PAGE, 0, end - last * DISK_RAM_PAGE);
	if (madvise(r->mem + first * DISK_RAM_PAGE, (last - first) * DISK_RAM_PAGE, MADV_DONTNEED))
		return -errno;
	for (uint64_t p = first; p < last; p++) {
		if (p % 64 == 0 && last - p >= 64) {
			__atomic_store_n(&r->written[p / 64], 0, __ATOMIC_RELAXED);
			p += 63;
			continue;
		}
		__atomic_fetch_and(&r->written[p / 64], ~(1ull << p % 64), __ATOMIC_RELAXED);
	}
	return 0;
}

static int disk_ram_extent(struct disk *d, uint64_t off, uint64_t *len, bool *mapped)
{
	struct disk_ram *r = disk_ram_of(d);
	uint64_t p = off / DISK_RAM_PAGE;

	*mapped = disk_ram_is_written(r, p);
	while (p < r->pages && disk_ram_is_written(r, p) == *mapped) {
		if (p % 64 == 0 && r->pages - p >= 64 && r->written[p / 64] == (*mapped ? ~0ull : 0))
			p += 64;
		else
			p++;
	}
	*len = MIN(p * DISK_RAM_PAGE, d->size) - off;
	return 0;
}

static void *disk_ram_map(struct disk *d, uint64_t off, size_t len, bool for_write)
{
	if (for_write)
		disk_ram_mark(disk_ram_of(d), off, len);
	return disk_ram_of(d)->mem + off;
}

static size_t disk_ram_bitmap_bytes(uint64_t pages)
{
	return pages / 8 + 8;
}

/* Room for @pages, which are more than there are. It may lie elsewhere then. */
static int disk_ram_extend(struct disk_ram *r, uint64_t pages)
{
	size_t before = disk_ram_bitmap_bytes(r->pages), after = disk_ram_bitmap_bytes(pages);
	void *written = mremap(r->written, before, after, MREMAP_MAYMOVE);
	void *mem;

	if (written == MAP_FAILED)
		return -ENOMEM;
	r->written = written;
	mem = mremap(r->mem, r->pages * DISK_RAM_PAGE, pages * DISK_RAM_PAGE, MREMAP_MAYMOVE);
	if (mem == MAP_FAILED) {
		(void)mremap(written, after, before, 0);
		return -ENOMEM;
	}
	r->mem = mem;
	r->pages = pages;
	r->d.mapped = pages * DISK_RAM_PAGE;
	return 0;
}

/* Memory is not given back when the disk shrinks: somebody may still be sending from it. */
static int disk_ram_resize(struct disk *d, uint64_t size, bool cut)
{
	struct disk_ram *r = disk_ram_of(d);
	uint64_t pages = (size + DISK_RAM_PAGE - 1) / DISK_RAM_PAGE;
	int rc = 0;

	if (!size)
		return 0;
	if (pages > r->pages)
		rc = disk_ram_extend(r, pages);
	else if (size < d->size && cut)
		rc = disk_ram_zero(d, size, d->size - size, true);
	if (!rc)
		d->size = size;
	return rc;
}

static void disk_ram_free(struct disk *d)
{
	struct disk_ram *r = disk_ram_of(d);

	if (r->mem)
		munmap(r->mem, r->pages * DISK_RAM_PAGE);
	if (r->written)
		munmap(r->written, disk_ram_bitmap_bytes(r->pages));
	free(r);
}

static const struct disk_ops disk_ram_ops = {
	.name = "ram",
	.read = disk_ram_read,
	.write = disk_ram_write,
	.flush = disk_ram_flush,
	.zero = disk_ram_zero,
	.extent = disk_ram_extent,
	.map = disk_ram_map,
	.resize = disk_ram_resize,
	.free = disk_ram_free,
};

static void *disk_ram_reserve(uint64_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

int disk_ram_open(struct disk **out, uint64_t size, struct err *e)
{
	struct disk_ram *r = calloc(1, sizeof(*r));
	char text[32];

	if (!r)
		return err_set(e, ERR_NOMEM, "LUN ram: out of memory");
	r->d.ops = &disk_ram_ops;
	r->d.size = size;
	r->d.forgets = true;
	r->pages = (size + DISK_RAM_PAGE - 1) / DISK_RAM_PAGE;
	r->mem = disk_ram_reserve(r->pages * DISK_RAM_PAGE);
	r->written = disk_ram_reserve(disk_ram_bitmap_bytes(r->pages));
	r->d.mapped = r->pages * DISK_RAM_PAGE;
	if (!r->mem || !r->written) {
		disk_ram_free(&r->d);
		return err_set(e, ERR_NOMEM, "LUN ram: cannot reserve %s of memory",
			       num_print_size(size, text, sizeof(text)));
	}
	(void)madvise(r->mem, r->pages * DISK_RAM_PAGE, MADV_HUGEPAGE);
	*out = &r->d;
	return 0;
}
