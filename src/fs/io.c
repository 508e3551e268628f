/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests under way. The one hard thing: whose memory is what. A request and its data belong to
 * the LUN from submission until release, which may come long after the answer; so an answered
 * request leaves the list of those that wait, but is free only when it is released.
 */
#include "fs/io.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/interrupt.h"
#include "iscsifs/log.h"

enum {
	IO_SLAB = 64,
	IO_TAKE_BYTES = BUFS_SMALL,		/* writes from here up keep their receive buffer */
	IO_LOOK_MS = 500, 			/* how often callers that wait are looked at */
};

#define IO_HOLD_DEFAULT	(UINT64_C(256) << 20)

struct io_req {
	struct lun_io lun_io;
	struct io *io;
	struct lun *lun;
	struct io_caller who;
	uint32_t process;	/* of who.pid; 0: not looked up yet, or not known */
	mono_ms since;
	bool interrupted;	/* its caller got a signal */
	bool waits;		/* counted in waiting */
	bool held;		/* counted in held_bytes */
	struct buf buf;
	struct list link;	/* waiting, free, or none */
};

struct io_slab {
	struct io_slab *next;
	struct io_req reqs[IO_SLAB];
};

struct io {
	struct loop *loop;
	struct loop_timer look;
	struct bufs bufs;
	struct buf rx;
	struct list waiting;	/* oldest first */
	struct list free;
	struct io_slab *slabs;
	uint64_t unreleased;
	uint64_t hold_limit;
	bool full_logged;
	bool ended;
	uint32_t noted_pid, noted_process;	/* the last one looked up, and when */
	mono_ms noted_when;
	struct mount_stats stats;
};

static void io_look(struct loop_timer *t);

int io_new(struct io **out, struct loop *loop, uint64_t hold_limit_bytes)
{
	struct io *io = calloc(1, sizeof(*io));

	if (!io)
		return -ENOMEM;
	io->loop = loop;
	io->hold_limit = hold_limit_bytes ? hold_limit_bytes : IO_HOLD_DEFAULT;
	loop_timer_init(loop, &io->look, io_look);
	list_init(&io->waiting);
	list_init(&io->free);
	bufs_init(&io->bufs);
	if (bufs_get_full(&io->bufs, &io->rx)) {
		free(io);
		return -ENOMEM;
	}
	*out = io;
	return 0;
}

static void io_free(struct io *io)
{
	bufs_fini(&io->bufs);
	while (io->slabs) {
		struct io_slab *s = io->slabs;

		io->slabs = s->next;
		free(s);
	}
	free(io);
}

void io_end(struct io *io)
{
	struct io_req *r, *tmp;

	if (!io)
		return;
	io->ended = true;
	loop_timer_stop(&io->look);
	list_each_safe(r, tmp, &io->waiting, link) {
		if (r->who.reply)
			r->who.reply(r->who.ctx, -ECONNABORTED, NULL, 0);
		r->who.reply = NULL;
		lun_cancel(&r->lun_io);
	}
	if (!io->unreleased)
		io_free(io);
}

void *io_rx(const struct io *io)
{
	return io->rx.mem;
}

void io_get_stats(const struct io *io, struct mount_stats *out)
{
	*out = io->stats;
}

static int io_grow(struct io *io)
{
	struct io_slab *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->next = io->slabs;
	io->slabs = s;
	for (unsigned i = 0; i < IO_SLAB; i++)
		list_append(&io->free, &s->reqs[i].link);
	return 0;
}

static void io_done(struct lun_io *lun_io, int err, const void *data)
{
	struct io_req *r = container_of(lun_io, struct io_req, lun_io);

	list_del(&r->link);
	r->io->stats.waiting -= r->waits;
	if (r->who.reply)
		r->who.reply(r->who.ctx, err, data, lun_io->len);
}

static void io_release(struct lun_io *lun_io)
{
	struct io_req *r = container_of(lun_io, struct io_req, lun_io);
	struct io *io = r->io;

	bufs_put(&io->bufs, &r->buf);
	if (r->held) {
		io->stats.held_bytes -= lun_io->len;
		io->full_logged &= io->stats.held_bytes > 0;
	}
	list_prepend(&io->free, &r->link);
	if (!--io->unreleased && io->ended)
		io_free(io);
}

/* A request from the pool, or NULL when the caller has been told that there is no memory. */
static struct io_req *io_req_get(struct io *io, const struct io_caller *who, struct lun *lun)
{
	struct io_req *r;

	if (list_empty(&io->free) && io_grow(io)) {
		if (who->reply)
			who->reply(who->ctx, -ENOMEM, NULL, 0);
		return NULL;
	}
	r = list_first(&io->free, struct io_req, link);
	list_del(&r->link);
	*r = (struct io_req){ .io = io, .lun = lun, .who = *who, .since = loop_now(io->loop) };
	list_init(&r->link);
	r->lun_io.done = io_done;
	r->lun_io.release = io_release;
	return r;
}

/*
 * Note down whose the requests are while their threads live, for these may go before the process
 * does. Most requests that wait are of one thread.
 */
static void io_note_process(struct io *io, struct io_req *r)
{
	mono_ms now = loop_now(io->loop);

	if (io->noted_pid != r->who.pid || io->noted_when != now) {
		io->noted_pid = r->who.pid;
		io->noted_when = now;
		io->noted_process = interrupt_process_of(r->who.pid);
	}
	r->process = io->noted_process;
}

static void io_submit(struct io *io, struct io_req *r)
{
	list_append(&io->waiting, &r->link);
	r->waits = r->who.reply != NULL;
	io->stats.waiting += r->waits;
	io->unreleased++;
	if (!loop_timer_is_set(&io->look))
		loop_timer_set(&io->look, loop_now(io->loop) + IO_LOOK_MS);
	if (lun_is_down(r->lun))
		io_note_process(io, r);
	lun_submit(r->lun, &r->lun_io);
}

void io_read(struct io *io, const struct io_caller *who, struct lun *lun, uint64_t off,
	     uint32_t len)
{
	struct io_req *r = io_req_get(io, who, lun);

	if (!r)
		return;
	r->lun_io.op = LUN_READ;
	r->lun_io.off = off;
	r->lun_io.len = len;
	io->stats.reads++;
	io->stats.read_bytes += len;
	io_submit(io, r);
}

void io_flush(struct io *io, const struct io_caller *who, struct lun *lun)
{
	struct io_req *r = io_req_get(io, who, lun);

	if (!r)
		return;
	r->lun_io.op = LUN_FLUSH;
	io->stats.flushes++;
	io_submit(io, r);
}

/* Memory for a write that will be held: as much as it needs, as long as the limit allows. */
static int io_keep_held(struct io *io, struct io_req *r, uint32_t len)
{
	if (io->stats.held_bytes + len > io->hold_limit) {
		io->stats.refused++;
		if (!io->full_logged)
			log_error("writes fail until the target is back: as much is held as "
				  "hold_limit allows | target=%s held_bytes=%llu",
				  lun_target(r->lun), (unsigned long long)io->stats.held_bytes);
		io->full_logged = true;
		return -ENOMEM;
	}
	if (bufs_get_own(len, &r->buf))
		return -ENOMEM;
	r->held = true;
	io->stats.held_bytes += len;
	return 0;
}

/* Have the data of a write outlive the message that it came in. */
static int io_keep(struct io *io, struct io_req *r, const void *data, uint32_t len)
{
	struct buf next;
	int rc;

	if (lun_is_down(r->lun)) {
		rc = io_keep_held(io, r, len);
	} else if (len < IO_TAKE_BYTES) {
		rc = bufs_get_small(&io->bufs, &r->buf);
	} else if (!bufs_get_full(&io->bufs, &next)) {
		r->buf = io->rx;
		io->rx = next;
		r->lun_io.src = data;
		return 0;
	} else {
		rc = bufs_get_own(len, &r->buf);
	}
	if (rc)
		return rc;
	r->lun_io.src = memcpy(r->buf.mem, data, len);
	return 0;
}

void io_write(struct io *io, const struct io_caller *who, struct lun *lun, uint64_t off,
	      uint32_t len, const void *data, bool fua)
{
	struct io_req *r = io_req_get(io, who, lun);

	if (!r)
		return;
	r->lun_io.op = LUN_WRITE;
	r->lun_io.off = off;
	r->lun_io.len = len;
	r->lun_io.fua = fua;
	if (io_keep(io, r, data, len)) {
		list_prepend(&io->free, &r->link);
		who->reply(who->ctx, -ENOMEM, NULL, 0);
		return;
	}
	io->stats.writes++;
	io->stats.write_bytes += len;
	io_submit(io, r);
}

/* A caller that we cannot see is believed to be dying only while it would have to wait long. */
static bool io_caller_dies(const struct io_req *r)
{
	if (!r->interrupted)
		return interrupt_is_exiting(r->process);
	if (!r->who.pid)
		return lun_is_down(r->lun);
	return interrupt_ends_waiter(r->who.pid);
}

static void io_give_up(struct io_req *r)
{
	r->io->stats.interrupted++;
	lun_cancel(&r->lun_io);
}

void io_interrupt(struct io *io, uint64_t unique)
{
	struct io_req *r;

	list_each(r, &io->waiting, link) {
		if (r->who.unique != unique || !r->who.reply)
			continue;
		r->interrupted = true;
		if (io_caller_dies(r))
			io_give_up(r);
		return;
	}
}

/*
 * Look at the callers of all that have waited for long: the kernel tells of a signal once, not of
 * a SIGKILL after it, and never for asynchronous requests.
 */
static void io_look(struct loop_timer *t)
{
	struct io *io = container_of(t, struct io, look);
	mono_ms now = loop_now(io->loop);
	struct io_req *r, *tmp;
	uint32_t alive = 0;

	list_each_safe(r, tmp, &io->waiting, link) {
		if (now - r->since < IO_LOOK_MS && !r->interrupted)
			break;
		if (!r->process)
			io_note_process(io, r);
		if (!r->who.reply || (!r->interrupted && r->process == alive))
			continue;
		if (io_caller_dies(r))
			io_give_up(r);
		else if (!r->interrupted)
			alive = r->process;
	}
	if (!list_empty(&io->waiting))
		loop_timer_set(&io->look, now + IO_LOOK_MS);
}
