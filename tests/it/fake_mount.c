/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A mount over LUNs in memory: iscsifs without iSCSI, to test and measure src/fs/ alone. The one
 * hard thing: it must be as asynchronous as a real LUN, so nothing is answered before the loop's
 * next turn, and a cancelled request can keep its memory until `go`.
 *
 *	fake_mount [-1] [-d] [-n] [-r] [-a] [-e] [-b block] [-h hold_limit] [-z size]... MOUNTPOINT
 *
 * -1 a single file, -d debug, -n cache=none, -r read-only mount, -a allow_other, -e nonempty. Each
 * -z makes a LUN; the second and later ones are in a directory. Prints `serving`; reads from stdin
 * hold, wire (held as if sent), go, resize BYTES, protect, remove, add, stats, quit; answers each
 * with `ok`. The end of stdin is quit.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "iscsifs/check.h"
#include "iscsifs/log.h"
#include "iscsifs/loop.h"
#include "iscsifs/lun.h"
#include "iscsifs/mount.h"
#include "iscsifs/num.h"

enum { FAKE_LUNS = 4 };

struct lun {
	struct loop *loop;
	struct loop_call work;
	struct lun_facts facts;
	char *mem;
	uint64_t mem_bytes;
	bool down;
	bool on_wire;			/* what is cancelled is released at `go` only */
	struct list submitted;
	struct list held;
	struct list cancelled;
	struct list zombies;		/* answered, not released */
	uint64_t flushes, fua_writes;
	void *user;
};

static struct {
	struct loop *loop;
	struct mount *mount;
	struct loop_fd input;
	struct lun luns[FAKE_LUNS];
	unsigned count;
	char line[256];
	size_t used;
} fake;

static const char fake_iqn[] = "iqn.2026-11.example:fake";

/* ---- lun.h ---- */

const struct lun_facts *lun_facts(const struct lun *lun)
{
	return &lun->facts;
}

uint64_t lun_size(const struct lun *lun)
{
	return lun->facts.blocks * lun->facts.block_bytes;
}

enum lun_state lun_state(const struct lun *lun)
{
	(void)lun;
	return LUN_READY;
}

const char *lun_state_name(enum lun_state state)
{
	return state == LUN_READY ? "ready" : "other";
}

const char *lun_target(const struct lun *lun)
{
	(void)lun;
	return fake_iqn;
}

const char *lun_alias(const struct lun *lun)
{
	(void)lun;
	return "";
}

bool lun_is_down(const struct lun *lun)
{
	return lun->down;
}

void lun_set_user(struct lun *lun, void *user)
{
	lun->user = user;
}

void *lun_user(const struct lun *lun)
{
	return lun->user;
}

void lun_submit(struct lun *lun, struct lun_io *io)
{
	BUG_ON(io->off + io->len > lun_size(lun));
	io->lun = lun;
	list_init(&io->link);
	list_append(&lun->submitted, &io->link);
	loop_defer(lun->loop, &lun->work);
}

void lun_cancel(struct lun_io *io)
{
	if (!io->lun)
		return;
	list_move(&io->lun->cancelled, &io->link);
	loop_defer(io->lun->loop, &io->lun->work);
}

static void fake_answer(struct lun_io *io, int err, const void *data)
{
	io->lun = NULL;
	list_del(&io->link);
	io->done(io, err, data);
}

static void fake_serve(struct lun *lun, struct lun_io *io)
{
	char *at = lun->mem + io->off;

	switch (io->op) {
	case LUN_READ:
		fake_answer(io, 0, at);
		break;
	case LUN_WRITE:
		memcpy(at, io->src, io->len);
		lun->fua_writes += io->fua;
		fake_answer(io, 0, NULL);
		break;
	case LUN_FLUSH:
		lun->flushes++;
		fake_answer(io, 0, NULL);
		break;
	}
	io->release(io);
}

static void fake_work(struct loop_call *c)
{
	struct lun *lun = container_of(c, struct lun, work);
	struct lun_io *io;

	while ((io = list_first(&lun->cancelled, struct lun_io, link))) {
		fake_answer(io, -EINTR, NULL);
		if (lun->on_wire)
			list_append(&lun->zombies, &io->link);
		else
			io->release(io);
	}
	while ((io = list_first(&lun->submitted, struct lun_io, link))) {
		if (lun->down)
			list_move(&lun->held, &io->link);
		else
			fake_serve(lun, io);
	}
}

static void fake_go(struct lun *lun)
{
	struct lun_io *io;

	lun->down = false;
	lun->on_wire = false;
	while ((io = list_first(&lun->zombies, struct lun_io, link))) {
		list_del(&io->link);
		io->release(io);
	}
	while ((io = list_first(&lun->held, struct lun_io, link)))
		fake_serve(lun, io);
}

static int fake_lun_new(uint64_t bytes, uint32_t block)
{
	struct lun *lun = &fake.luns[fake.count];

	*lun = (struct lun){
		.loop = fake.loop,
		.mem_bytes = 2 * bytes,
		.facts = {
			.number = fake.count, .blocks = bytes / block, .block_bytes = block,
			.physical_block_bytes = 4096, .vendor = "FAKE", .product = "Memory disk",
			.revision = "1", .serial = "S/N 1", .fua = true, .write_cache = true,
		},
	};
	snprintf(lun->facts.wwid, sizeof(lun->facts.wwid), "naa.600000000000000%u", fake.count);
	list_init(&lun->submitted);
	list_init(&lun->held);
	list_init(&lun->cancelled);
	list_init(&lun->zombies);
	loop_call_init(&lun->work, fake_work);
	lun->mem = mmap(NULL, lun->mem_bytes, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (lun->mem == MAP_FAILED)
		return -errno;
	fake.count++;
	return 0;
}

/* ---- The program ---- */

static void fake_stats(void *arg, FILE *f)
{
	struct mount_stats s;
	uint64_t flushes = 0, fua = 0;

	(void)arg;
	mount_get_stats(fake.mount, &s);
	for (unsigned i = 0; i < fake.count; i++) {
		flushes += fake.luns[i].flushes;
		fua += fake.luns[i].fua_writes;
	}
	fprintf(f, "reads=%llu\nwrites=%llu\nflushes=%llu\nfua=%llu\ninterrupted=%llu\n"
		"refused=%llu\nwaiting=%llu\nheld_bytes=%llu\n",
		(unsigned long long)s.reads, (unsigned long long)s.writes,
		(unsigned long long)flushes, (unsigned long long)fua,
		(unsigned long long)s.interrupted, (unsigned long long)s.refused,
		(unsigned long long)s.waiting, (unsigned long long)s.held_bytes);
}

static void fake_resize(const char *text)
{
	uint64_t bytes;

	if (num_parse_size(text, &bytes) || bytes > fake.luns[0].mem_bytes)
		return;
	fake.luns[0].facts.blocks = bytes / fake.luns[0].facts.block_bytes;
	mount_lun_changed(fake.mount, &fake.luns[0]);
}

static void fake_command(const char *line)
{
	struct lun *lun = &fake.luns[0];

	if (!strcmp(line, "hold") || !strcmp(line, "wire")) {
		lun->down = true;
		lun->on_wire = *line == 'w';
	} else if (!strcmp(line, "go")) {
		fake_go(lun);
	} else if (!strncmp(line, "resize ", 7)) {
		fake_resize(line + 7);
	} else if (!strcmp(line, "protect")) {
		lun->facts.write_protected = true;
		mount_lun_changed(fake.mount, lun);
	} else if (!strcmp(line, "remove")) {
		mount_remove_lun(fake.mount, lun);
	} else if (!strcmp(line, "add")) {
		mount_add_lun(fake.mount, NULL, NULL, lun);
	} else if (!strcmp(line, "stats")) {
		fake_stats(NULL, stdout);
	} else if (!strcmp(line, "quit")) {
		loop_stop(fake.loop);
	}
	puts("ok");
	fflush(stdout);
}

static void fake_input(struct loop_fd *w, unsigned events)
{
	ssize_t n = read(w->fd, fake.line + fake.used, sizeof(fake.line) - 1 - fake.used);
	char *nl;

	(void)events;
	if (n <= 0) {
		loop_fd_del(fake.loop, w);
		loop_stop(fake.loop);
		return;
	}
	fake.used += (size_t)n;
	fake.line[fake.used] = '\0';
	while ((nl = strchr(fake.line, '\n'))) {
		*nl = '\0';
		fake_command(fake.line);
		fake.used -= (size_t)(nl + 1 - fake.line);
		memmove(fake.line, nl + 1, fake.used + 1);
	}
}

static void fake_gone(void *arg, struct mount *m)
{
	(void)arg;
	(void)m;
	puts("gone");
	loop_stop(fake.loop);
}

static void fake_error(void *arg, struct mount *m, int err)
{
	(void)arg;
	(void)m;
	printf("error %s\n", strerror(-err));
	loop_stop(fake.loop);
}

static int fake_run(const struct mount_param *p)
{
	static const struct mount_events ev = { .on_gone = fake_gone, .on_error = fake_error };
	struct err err = ERR_INIT;

	if (mount_new(&fake.mount, fake.loop, p, &ev, NULL, &err)) {
		fprintf(stderr, "%s\n", err.text);
		return err.code;
	}
	for (unsigned i = 0; i < fake.count; i++)
		BUG_ON(mount_add_lun(fake.mount, i ? fake_iqn : NULL, NULL, &fake.luns[i]));
	if (!p->single)
		BUG_ON(mount_add_status(fake.mount, "stats", fake_stats, NULL));
	loop_fd_init(&fake.input, fake_input);
	if (loop_fd_add(fake.loop, &fake.input, 0, LOOP_IN))
		fprintf(stderr, "stdin cannot be watched: no commands\n");
	puts("serving");
	fflush(stdout);
	loop_run(fake.loop);
	mount_free(fake.mount);
	for (unsigned i = 0; i < fake.count; i++) {
		fake_go(&fake.luns[i]);
		fake_work(&fake.luns[i].work);
		loop_call_cancel(&fake.luns[i].work);
		munmap(fake.luns[i].mem, fake.luns[i].mem_bytes);
	}
	loop_fd_del(fake.loop, &fake.input);
	loop_free(fake.loop);
	puts("ended");
	return 0;
}

int main(int argc, char **argv)
{
	struct mount_param p = { .source = "fake,with\\odd name", .uid = getuid(), .gid = getgid() };
	uint64_t bytes, block = 512;
	int c;

	BUG_ON(loop_new(&fake.loop));
	while ((c = getopt(argc, argv, "1dnraeb:h:z:o:")) != -1) {
		if (c == '1')
			p.single = true;
		else if (c == 'd')
			log_set_level(LOG_LEVEL_DEBUG);
		else if (c == 'n')
			p.cache = MOUNT_CACHE_NONE;
		else if (c == 'r')
			p.read_only = true;
		else if (c == 'a')
			p.allow_other = true;
		else if (c == 'e')
			p.nonempty = true;
		else if (c == 'o')
			p.options = optarg;
		else if (c == 'b' && !num_parse_size(optarg, &block))
			continue;
		else if (c == 'h' && !num_parse_size(optarg, &p.hold_limit_bytes))
			continue;
		else if (c != 'z' || fake.count == FAKE_LUNS || num_parse_size(optarg, &bytes) ||
			 fake_lun_new(bytes, (uint32_t)block))
			return 2;
	}
	if (optind != argc - 1 || (!fake.count && fake_lun_new(64 << 20, (uint32_t)block)))
		return 2;
	p.mountpoint = argv[optind];
	return fake_run(&p);
}
