/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel asks of a mount, and the answers. The one hard thing: errors that the kernel
 * remembers. ENOSYS to FSYNC, FALLOCATE or LSEEK would hold for the whole mount, and fsync(2) would
 * lie from then on.
 */
#include "fs/mount_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "fs/attrs.h"
#include "fs/disk.h"
#include "iscsifs/cleanup.h"
#include "iscsifs/log.h"

/* Sizes change by an explicit word to the kernel; names are asked for anew. */
static const double mount_attr_timeout = 86400, mount_entry_timeout = 1;

/* ---- Answers ---- */

static struct mount *mount_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
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
	if (to_set & FUSE_SET_ATTR_SIZE && !st->st_size)
		disk_fill_begin(&n->fill, n->writers);
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
	disk_fill_writers(&n->fill, n->writers);
	tree_opened(n);
	return f;
}

void mount_file_free(struct mount_file *f)
{
	list_del(&f->link);
	status_drop(&f->shot);
	free(f);
}

static void mount_file_close(struct mount *m, struct mount_file *f)
{
	struct tree_node *n = f->node;

	n->writers -= f->writes;
	disk_fill_writers(&n->fill, n->writers);
	mount_file_free(f);
	tree_closed(m->show.tree, n);
}

/*
 * By hand: libfuse 3.14 has no field for parallel direct writes, and 3.15's is elsewhere. What
 * does not use the page cache keeps it, or the kernel would empty it and wait for readers.
 */
static int mount_reply_open(fuse_req_t req, struct mount_file *f, bool cached)
{
	struct fuse_open_out out = {
		.fh = (uint64_t)(uintptr_t)f,
		.open_flags = FOPEN_NOFLUSH,
	};

	if (!cached)
		out.open_flags |= FOPEN_DIRECT_IO | FOPEN_PARALLEL_DIRECT_WRITES |
				  FOPEN_KEEP_CACHE;
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
	cached = n->kind == TREE_DISK && disk_open_cached(m->cache, fi->flags, n->opens);
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
	struct mount_file *f = mount_file_of(fi);
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

/* How much of a write goes to @n's LUN. Returns 0 or -errno. */
static int mount_write_len(struct tree_node *n, uint64_t off, uint32_t size, int flags,
			   uint32_t *len)
{
	int rc = disk_write_len(show_size(n), off, size, flags, len);

	if (!rc)
		rc = disk_fill_write(&n->fill, off, *len);
	if (rc == -EOPNOTSUPP)
		log_warn("refused to write behind a hole in a file that was truncated, for old "
			 "bytes would stay in the hole: use cp --sparse=never | file=%s off=%llu",
			 n->name, (unsigned long long)off);
	return rc;
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
	rc = mount_write_len(n, (uint64_t)off, (uint32_t)size, fi->flags, &len);
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

const struct fuse_lowlevel_ops mount_ops = {
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
