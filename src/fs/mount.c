/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The mount: FUSE messages in, answers out. The one hard thing: libfuse's loop, its reading and its
 * handling of interrupts are not used, only its parsing and its answers. We read the descriptor
 * ourselves, into memory that a WRITE can keep; we know the number of the request being parsed,
 * which libfuse keeps to itself; and answers pass our own writev, where what libfuse 3.14 has no
 * word for is put into the INIT answer.
 */
#include "config.h"

#include "iscsifs/mount.h"

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>
#include <linux/fs.h>
#include <linux/fuse.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fs/attrs.h"
#include "fs/disk.h"
#include "fs/io.h"
#include "fs/mountpoint.h"
#include "fs/said.h"
#include "fs/show.h"
#include "iscsifs/cleanup.h"
#include "iscsifs/log.h"

#ifndef FUSE_DIRECT_IO_ALLOW_MMAP
#define FUSE_DIRECT_IO_ALLOW_MMAP (1ULL << 36)	/* protocol 7.39, Linux 6.6 */
#endif

enum {
	MOUNT_BUDGET = 32,		/* messages read in one turn */
	MOUNT_BACKGROUND = 16384,	/* asynchronous requests under way, of all LUNs together */
	MOUNT_INIT_MS = 10000,		/* the kernel's first message comes with the mount */
	MOUNT_DIR_BYTES = 64 << 10,
};

/* Sizes change by an explicit word to the kernel; names are asked for anew. */
static const double mount_attr_timeout = 86400, mount_entry_timeout = 1;

struct mount {
	struct loop *loop;
	struct loop_fd watch;
	struct loop_call gone_call;
	struct fuse_session *se;
	struct show show;
	struct list files;			/* open ones */
	struct io *io;
	const struct fuse_in_header *in;	/* the message that is being parsed */
	uint64_t init_offered;			/* flags of the kernel's INIT */
	bool init_answered;
	bool busy;				/* more than one message in the last turn */
	int gone_err;
	enum mount_cache cache;
	struct mount_events ev;
	void *arg;
	char dir_buf[MOUNT_DIR_BYTES];
};

/* An open file: what fi->fh points to. */
struct mount_file {
	struct tree_node *node;
	bool writes;
	struct status_shot shot;
	struct list link;
};

/* ---- Answers ---- */

static struct mount *mount_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

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

static void mount_reply_done(void *ctx, int err, const void *data, uint32_t len)
{
	(void)data;
	(void)len;
	fuse_reply_err(ctx, -err);
}

static void mount_reply_read(void *ctx, int err, const void *data, uint32_t len)
{
	if (err)
		fuse_reply_err(ctx, -err);
	else
		fuse_reply_buf(ctx, data, len);
}

static void mount_reply_written(void *ctx, int err, const void *data, uint32_t len)
{
	(void)data;
	if (err)
		fuse_reply_err(ctx, -err);
	else
		fuse_reply_write(ctx, len);
}

static void mount_reply_ioctl(void *ctx, int err, const void *data, uint32_t len)
{
	(void)data;
	(void)len;
	if (err)
		fuse_reply_err(ctx, -err);
	else
		fuse_reply_ioctl(ctx, 0, NULL, 0);
}

static struct io_caller mount_caller(fuse_req_t req,
				     void (*reply)(void *, int, const void *, uint32_t))
{
	const struct fuse_in_header *in = mount_of(req)->in;

	return (struct io_caller){
		.ctx = req, .unique = in->unique, .pid = in->pid, .reply = reply,
	};
}

/* ---- Names and attributes ---- */

static double mount_timeout_of(const struct tree_node *n)
{
	return n->kind == TREE_DISK ? mount_attr_timeout : mount_entry_timeout;
}

static void mount_entry(const struct mount *m, const struct tree_node *n,
			struct fuse_entry_param *e)
{
	*e = (struct fuse_entry_param){
		.ino = n->ino,
		.attr_timeout = mount_timeout_of(n),
		.entry_timeout = mount_entry_timeout,
	};
	show_stat(&m->show, n, &e->attr);
}

/* The node @ino, or NULL when the caller of @req has been told that there is none. */
static struct tree_node *mount_node(fuse_req_t req, fuse_ino_t ino)
{
	struct tree_node *n = tree_find(mount_of(req)->show.tree, ino);

	if (!n)
		fuse_reply_err(req, ENOENT);
	return n;
}

static void mount_op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct mount *m = mount_of(req);
	struct tree_node *dir = mount_node(req, parent), *n;
	struct fuse_entry_param e;

	if (!dir)
		return;
	n = dir->kind == TREE_DIR ? tree_child(dir, name) : NULL;
	if (!n) {
		fuse_reply_err(req, dir->kind == TREE_DIR ? ENOENT : ENOTDIR);
		return;
	}
	mount_entry(m, n, &e);
	tree_looked_up(n);
	if (fuse_reply_entry(req, &e))
		tree_forget(m->show.tree, n, 1);
}

static void mount_op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t times)
{
	struct mount *m = mount_of(req);
	struct tree_node *n = tree_find(m->show.tree, ino);

	if (n)
		tree_forget(m->show.tree, n, times);
	fuse_reply_none(req);
}

static void mount_op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	struct mount *m = mount_of(req);

	for (size_t i = 0; i < count; i++) {
		struct tree_node *n = tree_find(m->show.tree, forgets[i].ino);

		if (n)
			tree_forget(m->show.tree, n, forgets[i].nlookup);
	}
	fuse_reply_none(req);
}

static void mount_reply_attr(fuse_req_t req, const struct tree_node *n)
{
	struct stat st;

	show_stat(&mount_of(req)->show, n, &st);
	fuse_reply_attr(req, &st, mount_timeout_of(n));
}

static void mount_op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	const struct tree_node *n = mount_node(req, ino);

	(void)fi;
	if (n && n->gone && n->kind == TREE_DISK)
		fuse_reply_err(req, EIO);	/* with a size of 0 a reader would see its end */
	else if (n)
		mount_reply_attr(req, n);
}

static void mount_op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *st, int to_set,
			     struct fuse_file_info *fi)
{
	struct tree_node *n = mount_node(req, ino);
	int rc = 0;

	if (!n)
		return;
	if (n->kind != TREE_DISK)
		rc = -EPERM;
	else if (to_set & FUSE_SET_ATTR_SIZE)
		rc = disk_truncate(show_size(n), (uint64_t)st->st_size, fi != NULL);
	if (rc) {
		fuse_reply_err(req, -rc);
		return;
	}
	if (to_set & (FUSE_SET_ATTR_MODE | FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID))
		show_chown(&mount_of(req)->show, n,
			   to_set & FUSE_SET_ATTR_MODE ? &st->st_mode : NULL,
			   to_set & FUSE_SET_ATTR_UID ? &st->st_uid : NULL,
			   to_set & FUSE_SET_ATTR_GID ? &st->st_gid : NULL);
	mount_reply_attr(req, n);
}

static void mount_op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	const struct tree_node *n = mount_node(req, ino);

	if (!n)
		return;
	if (n->kind == TREE_LINK)
		fuse_reply_readlink(req, n->target);
	else
		fuse_reply_err(req, EINVAL);
}

static void mount_op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs s = {
		.f_bsize = SHOW_BLOCK, .f_frsize = SHOW_BLOCK, .f_namemax = TREE_NAME_MAX,
	};
	uint64_t bytes;
	unsigned luns;

	(void)ino;
	show_sum(&mount_of(req)->show, &bytes, &luns);
	s.f_blocks = bytes / SHOW_BLOCK;
	s.f_files = luns;
	fuse_reply_statfs(req, &s);
}

/* Nothing is made, removed or renamed here. */
static void mount_op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
			   dev_t rdev)
{
	(void)parent;
	(void)name;
	(void)mode;
	(void)rdev;
	fuse_reply_err(req, EPERM);
}

static void mount_op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	(void)parent;
	(void)name;
	(void)mode;
	fuse_reply_err(req, EPERM);
}

static void mount_op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	(void)parent;
	(void)name;
	fuse_reply_err(req, EPERM);
}

static void mount_op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
			     const char *name)
{
	(void)target;
	mount_op_unlink(req, parent, name);
}

static void mount_op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	(void)ino;
	mount_op_unlink(req, parent, name);
}

static void mount_op_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
			    fuse_ino_t to_parent, const char *to_name, unsigned int flags)
{
	(void)to_parent;
	(void)to_name;
	(void)flags;
	mount_op_unlink(req, parent, name);
}

/* ---- Directories ---- */

/* Add one entry at @used. Returns the bytes it takes, more than are left: it did not fit. */
static size_t mount_dir_add(fuse_req_t req, size_t used, size_t len, const char *name,
			    struct tree_node *n, uint64_t pos, bool plus)
{
	struct mount *m = mount_of(req);
	struct fuse_entry_param e;

	mount_entry(m, n, &e);
	if (plus)
		return fuse_add_direntry_plus(req, m->dir_buf + used, len - used, name, &e,
					      (off_t)pos);
	return fuse_add_direntry(req, m->dir_buf + used, len - used, name, &e.attr, (off_t)pos);
}

/* "." and "..", whose numbers the kernel asks for but does not count as looked up. */
static size_t mount_dir_dots(fuse_req_t req, size_t len, struct tree_node *dir, uint64_t *pos,
			     bool plus)
{
	size_t used = 0, add;

	for (; *pos < 2; ++*pos) {
		struct tree_node *n = *pos && dir->parent ? dir->parent : dir;

		add = mount_dir_add(req, used, len, *pos ? ".." : ".", n, *pos + 1, plus);
		if (add > len - used)
			break;
		used += add;
	}
	return used;
}

static void mount_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, bool plus)
{
	struct tree_node *dir = mount_node(req, ino), *n;
	size_t len = MIN(size, (size_t)MOUNT_DIR_BYTES), used, add;
	uint64_t pos = (uint64_t)off;

	if (!dir)
		return;
	if (dir->kind != TREE_DIR) {
		fuse_reply_err(req, ENOTDIR);
		return;
	}
	used = mount_dir_dots(req, len, dir, &pos, plus);
	while (pos >= 2 && (n = tree_next(dir, pos))) {
		add = mount_dir_add(req, used, len, n->name, n, n->pos, plus);
		if (add > len - used)
			break;
		used += add;
		pos = n->pos;
		if (plus)
			tree_looked_up(n);
	}
	fuse_reply_buf(req, mount_of(req)->dir_buf, used);
}

static void mount_op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
			     struct fuse_file_info *fi)
{
	(void)fi;
	mount_readdir(req, ino, size, off, false);
}

static void mount_op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
				 struct fuse_file_info *fi)
{
	(void)fi;
	mount_readdir(req, ino, size, off, true);
}

/* ---- Open files ---- */

static struct mount_file *mount_file_of(const struct fuse_file_info *fi)
{
	return (struct mount_file *)(uintptr_t)fi->fh;
}

/* Returns the file, or NULL and *rc. */
static struct mount_file *mount_file_open(struct mount *m, struct tree_node *n, int flags, int *rc)
{
	struct mount_file *f;

	*rc = n->kind == TREE_DIR ? -EISDIR : 0;
	if (disk_flags_write(flags) && (n->kind == TREE_TEXT || show_is_protected(n)))
		*rc = n->kind == TREE_TEXT ? -EACCES : -EROFS;
	if (*rc)
		return NULL;
	*rc = -ENOMEM;
	f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	f->node = n;
	f->writes = disk_flags_write(flags);
	if (n->kind == TREE_TEXT && (*rc = status_take(show_text(n), &f->shot))) {
		free(f);
		return NULL;
	}
	list_append(&m->files, &f->link);
	n->writers += f->writes;
	tree_opened(n);
	return f;
}

static void mount_file_free(struct mount_file *f)
{
	list_del(&f->link);
	status_drop(&f->shot);
	free(f);
}

static void mount_file_close(struct mount *m, struct mount_file *f)
{
	struct tree_node *n = f->node;

	n->writers -= f->writes;
	mount_file_free(f);
	tree_closed(m->show.tree, n);
}

/* By hand: libfuse 3.14 has no field for parallel direct writes, and 3.15's is elsewhere. */
static int mount_reply_open(fuse_req_t req, struct mount_file *f, bool cached)
{
	struct fuse_open_out out = {
		.fh = (uint64_t)(uintptr_t)f,
		.open_flags = FOPEN_NOFLUSH,
	};

	if (!cached)
		out.open_flags |= FOPEN_DIRECT_IO | FOPEN_PARALLEL_DIRECT_WRITES;
	return fuse_reply_buf(req, (const char *)&out, sizeof(out));
}

static void mount_op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct tree_node *n = mount_node(req, ino);
	struct mount_file *f;
	bool cached;
	int rc;

	if (!n)
		return;
	cached = n->kind == TREE_DISK && disk_open_cached(m->cache, fi->flags, n->writers);
	f = mount_file_open(m, n, fi->flags, &rc);
	if (!f)
		fuse_reply_err(req, -rc);
	else if (mount_reply_open(req, f, cached))
		mount_file_close(m, f);		/* nobody waits: no RELEASE will come */
}

static void mount_op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	(void)fi;
	fuse_reply_err(req, 0);
}

/* The last writer goes: have what it wrote on its way to stable storage. Nobody waits for it. */
static void mount_op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	static const struct io_caller nobody = { .reply = NULL };
	struct mount *m = mount_of(req);
	struct mount_file *f = mount_file_of(fi);
	struct lun *lun = show_lun(f->node);

	(void)ino;
	if (f->writes && f->node->writers == 1 && lun)
		io_flush(m->io, &nobody, lun);
	mount_file_close(m, f);
	fuse_reply_err(req, 0);
}

/* ---- Data ---- */

static void mount_op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
			  struct fuse_file_info *fi)
{
	const struct mount_file *f = mount_file_of(fi);
	struct io_caller who = mount_caller(req, mount_reply_read);
	struct lun *lun = show_lun(f->node);
	const char *text;
	uint32_t len;

	(void)ino;
	if (f->node->kind == TREE_TEXT) {
		text = status_read(&f->shot, (uint64_t)off, size, &size);
		fuse_reply_buf(req, text, size);
		return;
	}
	if (!lun) {
		fuse_reply_err(req, EIO);
		return;
	}
	len = disk_read_len(lun_size(lun), (uint64_t)off, (uint32_t)size);
	if (len)
		io_read(mount_of(req)->io, &who, lun, (uint64_t)off, len);
	else
		fuse_reply_buf(req, NULL, 0);
}

static void mount_op_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t off,
			   struct fuse_file_info *fi)
{
	struct io_caller who = mount_caller(req, mount_reply_written);
	struct tree_node *n = tree_find(mount_of(req)->show.tree, ino);
	struct lun *lun = n ? show_lun(n) : NULL;
	uint32_t len;
	int rc;

	if (!lun) {
		fuse_reply_err(req, EIO);
		return;
	}
	rc = disk_write_len(lun_size(lun), (uint64_t)off, (uint32_t)size, fi->flags, &len);
	if (rc)
		fuse_reply_err(req, -rc);
	else
		io_write(mount_of(req)->io, &who, lun, (uint64_t)off, len, data,
			 fi->flags & O_DSYNC);
}

static void mount_op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	struct io_caller who = mount_caller(req, mount_reply_done);
	const struct mount_file *f = mount_file_of(fi);
	struct lun *lun = show_lun(f->node);

	(void)ino;
	(void)datasync;
	if (lun)
		io_flush(mount_of(req)->io, &who, lun);
	else
		fuse_reply_err(req, f->node->kind == TREE_DISK ? EIO : 0);
}

static void mount_op_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync,
			      struct fuse_file_info *fi)
{
	(void)ino;
	(void)datasync;
	(void)fi;
	fuse_reply_err(req, 0);
}

static void mount_op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t len,
			       struct fuse_file_info *fi)
{
	const struct mount_file *f = mount_file_of(fi);

	(void)ino;
	fuse_reply_err(req, -disk_fallocate(show_size(f->node), mode, (uint64_t)off,
					    (uint64_t)len));
}

static void mount_op_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence,
			   struct fuse_file_info *fi)
{
	const struct mount_file *f = mount_file_of(fi);
	uint64_t at;
	int rc = disk_seek(show_size(f->node), (uint64_t)off, whence, &at);

	(void)ino;
	if (rc)
		fuse_reply_err(req, -rc);
	else
		fuse_reply_lseek(req, (off_t)at);
}

/* ---- What else a disk is asked ---- */

static void mount_reply_value(fuse_req_t req, const char *value, size_t len, size_t size)
{
	if (!size)
		fuse_reply_xattr(req, len);
	else if (size < len)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, value, len);
}

static void mount_op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	const struct tree_node *n = mount_node(req, ino);
	const struct lun *lun;
	char value[ATTRS_VALUE_MAX];
	int len;

	if (!n)
		return;
	lun = show_lun(n);
	len = lun ? attrs_get(lun, name, value) : -ENODATA;
	if (len < 0)
		fuse_reply_err(req, -len);
	else
		mount_reply_value(req, value, (size_t)len, size);
}

static void mount_op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	const struct tree_node *n = mount_node(req, ino);
	const char *names = "";
	size_t len = 0;

	if (!n)
		return;
	if (show_lun(n))
		names = attrs_names(&len);
	mount_reply_value(req, names, len, size);
}

/* Those that carry their data in the command word; the kernel lets no others through to us. */
static void mount_op_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned int cmd, void *arg,
			   struct fuse_file_info *fi, unsigned flags, const void *in_buf,
			   size_t in_len, size_t out_len)
{
	const struct mount_file *f = mount_file_of(fi);
	struct io_caller who = mount_caller(req, mount_reply_ioctl);
	struct lun *lun = flags & FUSE_IOCTL_DIR ? NULL : show_lun(f->node);
	uint64_t size = lun ? lun_size(lun) : 0;
	uint32_t block = lun ? lun_facts(lun)->block_bytes : 0;

	(void)ino;
	(void)arg;
	(void)in_buf;
	(void)in_len;
	if (!lun)
		fuse_reply_err(req, ENOTTY);
	else if (cmd == BLKGETSIZE64 && out_len >= sizeof(size))
		fuse_reply_ioctl(req, 0, &size, sizeof(size));
	else if (cmd == BLKBSZGET && out_len >= sizeof(block))	/* an int, whatever its word says */
		fuse_reply_ioctl(req, 0, &block, sizeof(block));
	else if (cmd == BLKFLSBUF)
		io_flush(mount_of(req)->io, &who, lun);
	else if (cmd == BLKRRPART)
		fuse_reply_ioctl(req, 0, NULL, 0);
	else
		fuse_reply_err(req, ENOTTY);
}

static void mount_op_init(void *userdata, struct fuse_conn_info *conn)
{
	const unsigned want = FUSE_CAP_ASYNC_READ | FUSE_CAP_ASYNC_DIO | FUSE_CAP_PARALLEL_DIROPS |
			      FUSE_CAP_EXPLICIT_INVAL_DATA | FUSE_CAP_READDIRPLUS |
			      FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_IOCTL_DIR;

	(void)userdata;
	conn->want = conn->capable & want;
	conn->max_write = BUFS_WRITE_MAX;
	conn->max_background = MOUNT_BACKGROUND;
}

static const struct fuse_lowlevel_ops mount_ops = {
	.init = mount_op_init,
	.lookup = mount_op_lookup,
	.forget = mount_op_forget,
	.forget_multi = mount_op_forget_multi,
	.getattr = mount_op_getattr,
	.setattr = mount_op_setattr,
	.readlink = mount_op_readlink,
	.mknod = mount_op_mknod,
	.mkdir = mount_op_mkdir,
	.unlink = mount_op_unlink,
	.rmdir = mount_op_unlink,
	.symlink = mount_op_symlink,
	.rename = mount_op_rename,
	.link = mount_op_link,
	.open = mount_op_open,
	.read = mount_op_read,
	.write = mount_op_write,
	.flush = mount_op_flush,
	.release = mount_op_release,
	.fsync = mount_op_fsync,
	.readdir = mount_op_readdir,
	.readdirplus = mount_op_readdirplus,
	.fsyncdir = mount_op_fsyncdir,
	.statfs = mount_op_statfs,
	.getxattr = mount_op_getxattr,
	.listxattr = mount_op_listxattr,
	.ioctl = mount_op_ioctl,
	.fallocate = mount_op_fallocate,
	.lseek = mount_op_lseek,
};

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

/* A lone message is followed by another turn, not by a read in vain; the turn costs the same. */
static void mount_ready(struct loop_fd *w, unsigned events)
{
	struct mount *m = container_of(w, struct mount, watch);
	unsigned budget = m->busy ? MOUNT_BUDGET : 2;
	unsigned got = 0;
	int rc = 1;

	(void)events;
	while (got < budget && (rc = mount_receive(m)) > 0)
		got++;
	m->busy = got > 1;
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

/* "fsname=…" with what has a meaning in option lists escaped. */
static void mount_print_source(FILE *f, const char *source)
{
	fputs("fsname=", f);
	for (; *source; source++) {
		if (*source == ',' || *source == '\\')
			fputc('\\', f);
		fputc(*source, f);
	}
}

/* The option list for libfuse, or NULL: no memory. */
static char *mount_print_options(const struct mount_param *p)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	mount_print_source(f, p->source ? p->source : "iscsifs");
	fputs(",subtype=" MOUNTPOINT_SUBTYPE ",default_permissions", f);
	if (p->allow_other)
		fputs(",allow_other", f);
	if (p->read_only)
		fputs(",ro", f);
	if (p->options && *p->options)
		fprintf(f, ",%s", p->options);
	if (fclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}

static int mount_session(struct mount *m, const struct mount_param *p, const char *path)
{
	static const struct fuse_custom_io io = { .writev = mount_writev, .read = mount_read };
	cleanup_free char *options = mount_print_options(p);
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
	mountpoint_set_read_ahead(path);
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
	return show_add_text(&m->show, name, text, arg);
}

void mount_get_stats(const struct mount *m, struct mount_stats *out)
{
	io_get_stats(m->io, out);
}
