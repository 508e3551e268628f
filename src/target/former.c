/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Units that were. The one hard thing: a serial number is made from the place of a unit, so that its
 * file may move; who waits for the disk of that place must not be given another one.
 */
#include "target/former.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "iscsifs/check.h"

/* What initiators knew under a number. */
struct former {
	unsigned number;
	bool serial_given;
	char serial[LUN_ID_MAX + 1];
	char *backing;
	uint64_t file[2];		/* as struct disk */
	struct list link;
};

static void former_free(struct former *f)
{
	list_del(&f->link);
	free(f->backing);
	free(f);
}

static struct former former_of(const struct lun *l)
{
	struct former f = { .number = l->number, .serial_given = l->serial_given,
				.backing = l->backing,
				.file = { l->disk->file[0], l->disk->file[1] } };

	memcpy(f.serial, l->serial, sizeof(f.serial));
	return f;
}

static struct former *former_find(const struct target *t, unsigned number)
{
	struct former *f;

	list_each(f, &t->former, link) {
		if (f->number == number)
			return f;
	}
	return NULL;
}

/* Without memory for it the next one is not compared. */
void former_remember(struct target *t, const struct lun *l)
{
	struct former *f = former_find(t, l->number);

	if (f)
		former_free(f);
	f = l->disk->file[0] ? malloc(sizeof(*f)) : NULL;
	if (!f)
		return;
	*f = former_of(l);
	f->backing = strdup(l->backing);
	list_init(&f->link);
	list_append(&t->former, &f->link);
}

int former_check(const struct target *t, unsigned number, const char *backing,
		 const char *serial, struct err *e)
{
	const struct lun *l = target_find_lun(t, number);
	const struct former *was = former_find(t, number);
	struct former now;
	struct stat st;
	bool same;

	if (l) {
		now = former_of(l);
		was = &now;
	}
	if (!was || !was->file[0] || stat(backing, &st))
		return 0;
	if (serial ? strcmp(serial, was->serial) : was->serial_given)
		return 0;
	same = S_ISBLK(st.st_mode) ? st.st_rdev == was->file[0] && !was->file[1] :
	       st.st_dev == was->file[0] && st.st_ino == was->file[1];
	if (same)
		return 0;
	return err_set(e, ERR_EXISTS, "LUN %u of %s was %s, and initiators would take %s for that disk: "
		       "give it another scsi_sn, or force it if it is a copy", number, t->name,
		       was->backing ? was->backing : "another file", backing);
}

void former_forget_all(struct target *t)
{
	struct former *f, *tmp;

	list_each_safe(f, tmp, &t->former, link)
		former_free(f);
}
