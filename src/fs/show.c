/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a mount shows. The one hard thing: a LUN may go while its file is open, so the file's node
 * loses its LUN at once and itself only when the last who knows it forgets it.
 */
#include "fs/show.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iscsifs/clock.h"
#include "iscsifs/events.h"

/* A LUN in the tree: lun_user() of the LUN, obj of the node. */
struct show_lun {
	struct lun *lun;
	struct tree_node *node;
	struct tree_node *by_id;	/* NULL: it has no name of its own */
	struct list link;
};

struct show_text {
	struct status status;
	struct list link;
};

int show_init(struct show *s, const struct mount_param *p)
{
	*s = (struct show){
		.single = p->single,
		.uid = p->uid,
		.gid = p->gid,
		.mode = (p->mode ? p->mode : 0600) & 0777,
		.since = (time_t)(clock_wall_ms() / 1000),
	};
	list_init(&s->luns);
	list_init(&s->texts);
	return tree_new(&s->tree, p->single ? TREE_DISK : TREE_DIR);
}

static void show_lun_free(struct show_lun *sl)
{
	list_del(&sl->link);
	lun_set_user(sl->lun, NULL);
	free(sl);
}

void show_fini(struct show *s)
{
	struct show_text *t;

	if (!s->tree)
		return;
	while (!list_empty(&s->luns))
		show_lun_free(list_first(&s->luns, struct show_lun, link));
	while ((t = list_first(&s->texts, struct show_text, link))) {
		list_del(&t->link);
		free(t);
	}
	tree_free(s->tree);
	s->tree = NULL;
}

struct lun *show_lun(const struct tree_node *n)
{
	const struct show_lun *sl = n->kind == TREE_DISK ? n->obj : NULL;

	return sl ? sl->lun : NULL;
}

uint64_t show_size(const struct tree_node *n)
{
	const struct lun *lun = show_lun(n);

	return lun ? lun_size(lun) : 0;
}

bool show_is_protected(const struct tree_node *n)
{
	const struct lun *lun = show_lun(n);

	return lun && lun_facts(lun)->write_protected;
}

const struct status *show_text(const struct tree_node *n)
{
	const struct show_text *t = n->obj;

	return &t->status;
}

static mode_t show_mode(const struct show *s, const struct tree_node *n)
{
	mode_t mode = n->changed_owner ? n->mode : s->mode;

	switch (n->kind) {
	case TREE_DIR:
		return S_IFDIR | (s->mode & 0444) | (s->mode & 0444) >> 2;
	case TREE_DISK:
		return S_IFREG | (show_is_protected(n) ? mode & ~0222u : mode);
	case TREE_LINK:
		return S_IFLNK | 0777;
	case TREE_TEXT:
		return S_IFREG | (s->mode & 0444);
	case TREE_NONE:
		break;
	}
	return 0;
}

/* tail -f looks whether a file has grown. */
static void show_stat_text(const struct tree_node *n, struct stat *st)
{
	const struct events *events = show_text(n)->events;
	wall_ms at = events ? events_changed(events) : 0;

	if (!at)
		return;
	st->st_size = (off_t)events_text_end(events);
	st->st_mtim = (struct timespec){ .tv_sec = (time_t)(at / 1000),
					 .tv_nsec = (long)(at % 1000) * 1000000 };
}

void show_stat(const struct show *s, const struct tree_node *n, struct stat *st)
{
	*st = (struct stat){
		.st_ino = n->ino,
		.st_mode = show_mode(s, n),
		.st_nlink = n->kind == TREE_DIR ? 2 + tree_count_dirs(n) : 1,
		.st_uid = n->changed_owner ? n->uid : s->uid,
		.st_gid = n->changed_owner ? n->gid : s->gid,
		.st_blksize = SHOW_BLOCK,
		.st_atim.tv_sec = s->since,
		.st_mtim.tv_sec = s->since,
		.st_ctim.tv_sec = s->since,
	};
	if (n->kind == TREE_TEXT)
		show_stat_text(n, st);
	if (n->kind == TREE_DISK)
		st->st_size = (off_t)show_size(n);
	else if (n->kind == TREE_LINK)
		st->st_size = (off_t)strlen(n->target);
	st->st_blocks = st->st_size / 512;
}

void show_sum(const struct show *s, uint64_t *bytes, unsigned *luns)
{
	const struct show_lun *sl;

	*bytes = 0;
	*luns = 0;
	list_each(sl, (struct list *)&s->luns, link) {
		*bytes += lun_size(sl->lun);
		++*luns;
	}
}

void show_chown(const struct show *s, struct tree_node *n, const mode_t *mode, const uid_t *uid,
		const gid_t *gid)
{
	if (!n->changed_owner) {
		n->mode = s->mode;
		n->uid = s->uid;
		n->gid = s->gid;
		n->changed_owner = true;
	}
	n->mode = mode ? *mode & 0777 : n->mode;
	n->uid = uid ? *uid : n->uid;
	n->gid = gid ? *gid : n->gid;
}

/* Its name is @id, made safe, perhaps with a number behind. */
static bool show_is_named(const struct tree_node *n, const char *id)
{
	char safe[TREE_NAME_MAX + 1];
	size_t len;

	tree_safe_name(id, safe);
	len = strlen(safe);
	return !strncmp(n->name, safe, len) && (!n->name[len] || n->name[len] == '-');
}

static int show_add_by_id(struct show *s, struct show_lun *sl)
{
	const struct lun_facts *f = lun_facts(sl->lun);
	const char *id = f->wwid[0] ? f->wwid : f->serial;
	struct tree_node *dir, *before = sl->by_id;
	int rc = 0;

	if (s->single || (before && show_is_named(before, id)))
		return 0;
	sl->by_id = NULL;
	if (id[0]) {
		rc = tree_dir(s->tree, tree_root(s->tree), "by-id", &dir);
		rc = rc ? rc : tree_add_link(s->tree, dir, id, sl->node, &sl->by_id);
	}
	/* Only now: the directory must not become empty, the kernel would know a dead one. */
	if (before)
		tree_remove(s->tree, before);
	return rc;
}

static int show_add_node(struct show *s, const char *dir, const char *name, const struct lun *lun,
			 struct tree_node **out)
{
	struct tree_node *at = tree_root(s->tree);
	char number[16];
	int rc;

	if (s->single) {
		*out = at;
		return at->obj ? -EEXIST : 0;
	}
	if (!name)
		name = lun_alias(lun);
	if (!*name) {
		snprintf(number, sizeof(number), "lun%u", lun_facts(lun)->number);
		name = number;
	}
	rc = dir ? tree_dir(s->tree, at, dir, &at) : 0;
	return rc ? rc : tree_add(s->tree, at, TREE_DISK, name, out);
}

int show_add_lun(struct show *s, const char *dir, const char *name, struct lun *lun)
{
	struct show_lun *sl = calloc(1, sizeof(*sl));
	int rc;

	if (!sl)
		return -ENOMEM;
	list_init(&sl->link);
	sl->lun = lun;
	rc = show_add_node(s, dir, name, lun, &sl->node);
	if (rc) {
		free(sl);
		return rc;
	}
	sl->node->obj = sl;
	list_append(&s->luns, &sl->link);
	lun_set_user(lun, sl);
	return 0;
}

int show_changed(struct show *s, struct lun *lun, struct tree_node **out)
{
	struct show_lun *sl = lun_user(lun);

	*out = sl ? sl->node : NULL;
	return sl ? show_add_by_id(s, sl) : 0;
}

void show_remove_lun(struct show *s, struct lun *lun)
{
	struct show_lun *sl = lun_user(lun);

	sl->node->obj = NULL;
	if (sl->by_id)
		tree_remove(s->tree, sl->by_id);
	if (sl->node != tree_root(s->tree))
		tree_remove(s->tree, sl->node);
	show_lun_free(sl);
}

int show_add_text(struct show *s, const char *name, const struct status *status)
{
	struct show_text *t;
	struct tree_node *dir, *n;
	int rc;

	if (s->single)
		return -EINVAL;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	list_init(&t->link);
	t->status = *status;
	rc = tree_dir(s->tree, tree_root(s->tree), ".iscsifs", &dir);
	if (!rc)
		rc = tree_add(s->tree, dir, TREE_TEXT, name, &n);
	if (rc) {
		free(t);
		return rc;
	}
	n->obj = t;
	list_append(&s->texts, &t->link);
	return 0;
}
