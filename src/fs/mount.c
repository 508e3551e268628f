/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The mount: FUSE messages in, answers out. The one hard thing: libfuse's loop, its reading and its
 * handling of interrupts are not used, only its parsing and its answers. We read the descriptor
 * ourselves, into memory that a WRITE can keep; we know the number of the request being parsed,
 * which libfuse keeps to itself; and answers pass our own writev, where what libfuse 3.14 has no
 * word for is put into the INIT answer.
 */
#include "fs/mount_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fs/said.h"
#include "iscsifs/cleanup.h"
#include "iscsifs/log.h"

#ifndef FUSE_DIRECT_IO_ALLOW_MMAP
#define FUSE_DIRECT_IO_ALLOW_MMAP (1ULL << 36)	/* protocol 7.39, Linux 6.6 */
#endif

enum {
	MOUNT_BUDGET = 32,		/* messages read in one turn */
	MOUNT_INIT_MS = 10000,		/* the kernel's first message comes with the mount */
};

/* ---- Answers ---- */

/* libfuse reports an answer that nobody waits for as an error: ENOENT is what keeps it silent. */
static ssize_t mount_writev(int fd, struct iovec *iov, int count, void *userdata)
{
	struct mount *m = userdata;
	ssize_t n;

	if (!m->init_answered && count == 2 && iov[1].iov_len == sizeof(struct fuse_init_out)) {
		struct fuse_init_out *out = iov[1].iov_base;
		uint64_t more = (FUSE_HANDLE_KILLPRIV_V2 | FUSE_DIRECT_IO_ALLOW_MMAP) &
				m->init_offered;

		out->flags |= (uint32_t)more;
		if (out->flags & FUSE_INIT_EXT)
			out->flags2 |= (uint32_t)(more >> 32);
		m->init_answered = true;
	}
	n = writev(fd, iov, count);
	if (n < 0 && (errno == ENODEV || errno == EBADF || errno == ECONNABORTED))
		errno = ENOENT;
	return n;
}

static ssize_t mount_read(int fd, void *buf, size_t len, void *userdata)
{
	(void)userdata;
	return read(fd, buf, len);
}

/* ---- Messages ---- */

static void mount_dispatch(struct mount *m, void *mem, size_t len)
{
	const struct fuse_in_header *in = mem;
	struct fuse_buf buf = { .mem = mem, .size = len };
	const void *arg = in + 1;

	if (in->opcode == FUSE_INTERRUPT) {
		io_interrupt(m->io, ((const struct fuse_interrupt_in *)arg)->unique);
		return;
	}
	if (in->opcode == FUSE_INIT && len >= sizeof(*in) + sizeof(struct fuse_init_in)) {
		const struct fuse_init_in *init = arg;

		m->init_offered = init->flags;
		if (init->flags & FUSE_INIT_EXT)
			m->init_offered |= (uint64_t)init->flags2 << 32;
	}
	m->in = in;
	fuse_session_process_buf(m->se, &buf);
	m->in = NULL;
}

/* 1: a message was dealt with, or is to be asked for again; 0: there is none; -errno: the end. */
static int mount_receive(struct mount *m)
{
	void *mem = io_rx(m->io);
	ssize_t n = read(fuse_session_fd(m->se), mem, BUFS_HEAD + BUFS_WRITE_MAX);

	if (n < 0) {
		if (errno == EAGAIN)
			return 0;
		return errno == EINTR || errno == ENOENT ? 1 : -errno;
	}
	if ((size_t)n < sizeof(struct fuse_in_header))
		return -EPROTO;
	mount_dispatch(m, mem, (size_t)n);
	return 1;
}

static void mount_gone(struct loop_call *c)
{
	struct mount *m = container_of(c, struct mount, gone_call);
	bool outside = m->gone_err == -ENODEV || m->gone_err == -ECONNABORTED;

	if (outside && m->ev.on_gone)
		m->ev.on_gone(m->arg, m);
	else if (!outside && m->ev.on_error)
		m->ev.on_error(m->arg, m, m->gone_err);
}

static void mount_ready(struct loop_fd *w, unsigned events)
{
	struct mount *m = container_of(w, struct mount, watch);
	int rc = 1;

	(void)events;
	for (unsigned got = 0; got < MOUNT_BUDGET && rc > 0; got++)
		rc = mount_receive(m);
	if (rc < 0) {
		m->gone_err = rc;
		loop_fd_del(m->loop, w);
		loop_defer(m->loop, &m->gone_call);
	}
}

/* ---- Begin and end ---- */

/* Where libfuse's words go while a mount is tried: its log function has no argument. */
static struct said *mount_listens;

static void mount_log(enum fuse_log_level level, const char *fmt, va_list ap)
{
	char text[SAID_MAX];

	if (mount_listens) {
		said_add(mount_listens, fmt, ap);
		return;
	}
	vsnprintf(text, sizeof(text), fmt, ap);
	text[strcspn(text, "\n")] = '\0';
	log_line(level <= FUSE_LOG_ERR ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG, "%s", text);
}

static int mount_session(struct mount *m, const struct mount_param *p, const char *path)
{
	static const struct fuse_custom_io io = { .writev = mount_writev, .read = mount_read };
	cleanup_free char *options = mountpoint_options(p);
	char name[] = "iscsifs", dash_o[] = "-o";
	char *argv[] = { name, dash_o, options, NULL };
	struct fuse_args args = FUSE_ARGS_INIT(3, argv);

	if (!options)
		return -ENOMEM;
	m->se = fuse_session_new(&args, &mount_ops, sizeof(mount_ops), m);
	fuse_opt_free_args(&args);
	if (!m->se || fuse_session_mount(m->se, path))
		return -EIO;
	return fuse_session_custom_io(m->se, &io, fuse_session_fd(m->se));
}

static int mount_try(struct mount *m, const struct mount_param *p, const char *path,
		     struct err *err)
{
	struct said said;
	int rc;

	fuse_set_log_func(mount_log);
	mount_listens = &said;
	said_begin(&said);
	rc = mount_session(m, p, path);
	said_end(&said);
	mount_listens = NULL;
	if (rc == -ENOMEM)
		return err_set(err, ERR_NOMEM, "no memory for the mount");
	return rc ? mountpoint_explain(p->mountpoint, said.text, err) : 0;
}

/* Answer INIT, which is there as soon as the mount is. */
static int mount_handshake(struct mount *m, struct err *err)
{
	struct pollfd pfd = { .fd = fuse_session_fd(m->se), .events = POLLIN };
	int rc = 1;

	if (fcntl(pfd.fd, F_SETFL, fcntl(pfd.fd, F_GETFL) | O_NONBLOCK) < 0)
		return err_set(err, ERR_INTERNAL, "/dev/fuse: %s", strerror(errno));
	while (rc > 0 && !m->init_answered && poll(&pfd, 1, MOUNT_INIT_MS) == 1)
		rc = mount_receive(m);
	if (!m->init_answered)
		return err_set(err, ERR_UNSUPPORTED, "this kernel's FUSE and ours do not "
			       "understand each other: %s", rc < 0 ? strerror(-rc) : "no INIT");
	rc = loop_fd_add(m->loop, &m->watch, pfd.fd, LOOP_IN);
	return rc ? err_set(err, ERR_INTERNAL, "/dev/fuse: %s", strerror(-rc)) : 0;
}

static int mount_alloc(struct mount **out, struct loop *loop, const struct mount_param *p)
{
	struct mount *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	*out = m;
	m->loop = loop;
	loop_fd_init(&m->watch, mount_ready);
	loop_call_init(&m->gone_call, mount_gone);
	list_init(&m->files);
	m->cache = p->cache;
	if (show_init(&m->show, p))
		return -ENOMEM;
	return io_new(&m->io, loop, p->hold_limit_bytes);
}

int mount_new(struct mount **out, struct loop *loop, const struct mount_param *param,
	      const struct mount_events *events, void *arg, struct err *err)
{
	struct mount *m = NULL;
	char path[PATH_MAX];

	*out = NULL;
	if (mountpoint_check(param, path, err))
		return -err->code;
	if (mount_alloc(&m, loop, param)) {
		err_set(err, ERR_NOMEM, "no memory for the mount");
		goto fail;
	}
	m->ev = *events;
	m->arg = arg;
	if (mount_try(m, param, path, err) || mount_handshake(m, err))
		goto fail;
	memcpy(m->path, path, sizeof(path));
	mountpoint_find(path, m->dev);
	mountpoint_set_read_ahead(m->dev);
	*out = m;
	return 0;
fail:
	mount_free(m);
	return -err->code;
}

void mount_free(struct mount *m)
{
	if (!m)
		return;
	loop_fd_del(m->loop, &m->watch);
	loop_call_cancel(&m->gone_call);
	io_end(m->io);
	if (m->se) {
		fuse_session_unmount(m->se);
		fuse_session_destroy(m->se);
		mountpoint_clear(m->path, m->dev);
	}
	while (!list_empty(&m->files))
		mount_file_free(list_first(&m->files, struct mount_file, link));
	show_fini(&m->show);
	free(m);
}

/* ---- What is in it ---- */

int mount_add_lun(struct mount *m, const char *dir, const char *name, struct lun *lun)
{
	int rc = show_add_lun(&m->show, dir, name, lun);

	if (!rc)
		mount_lun_changed(m, lun);
	return rc;
}

/* Attributes only: dropping pages could wait for a READ that we are to answer. */
void mount_lun_changed(struct mount *m, struct lun *lun)
{
	struct tree_node *n;

	if (show_changed(&m->show, lun, &n))
		log_warn("no memory for the by-id link | target=%s", lun_target(lun));
	if (n)
		(void)fuse_lowlevel_notify_inval_inode(m->se, n->ino, -1, 0);
}

void mount_remove_lun(struct mount *m, struct lun *lun)
{
	if (!lun_user(lun))
		return;
	mount_lun_changed(m, lun);
	show_remove_lun(&m->show, lun);
}

int mount_add_status(struct mount *m, const char *name, mount_text *text, void *arg)
{
	const struct status status = { .text = text, .arg = arg };

	return show_add_text(&m->show, name, &status);
}

int mount_add_events(struct mount *m, const char *name, const struct events *events)
{
	const struct status status = { .events = events };

	return show_add_text(&m->show, name, &status);
}

void mount_get_stats(const struct mount *m, struct mount_stats *out)
{
	io_get_stats(m->io, out);
}
