/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iscsifs.conf: which targets to log in to and with which settings. iscsifs.conf(5) is its manual.
 */
#ifndef ISCSIFS_NODE_CONF_H
#define ISCSIFS_NODE_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "iscsifs/err.h"
#include "iscsifs/node_settings.h"

enum { NODE_NAME_MAX = 223 };	/* bytes of an iSCSI name: RFC 7143 4.2.7.1 */

struct node_conf_alias {
	uint64_t lun;
	char name[SETTING_STRING_BYTES];	/* fit for a file's name */
};

struct node_conf_target {
	char *name;
	char **portals;		/* as written: "host", "host:port"; none: where discovery finds it */
	size_t portal_count;
	struct node_conf_alias *aliases;
	size_t alias_count;
	struct node_settings settings;	/* defaults of the file and then the section's own */
};

struct node_conf {
	struct node_settings settings;	/* for targets that have no section */
	char **portals;		/* to be asked for their targets */
	size_t portal_count;
	struct node_conf_target *targets;	/* in the order of the file */
	size_t target_count;
};

/*
 * Read @path.
 *
 * @note  called with a line for the user for each setting that is accepted and not applied.
 *
 * Returns 0 or -code with `iscsifs.conf:14: …` in @err; *out is the caller's to node_conf_free().
 */
int node_conf_read(struct node_conf **out, const char *path,
		   void (*note)(const char *text, void *arg), void *arg, struct err *err);
void node_conf_free(struct node_conf *c);

/*
 * node_settings_check() for all of them; not a part of reading, because the command line may still
 * give what the file lacks, a password for one. @err must be given.
 */
int node_conf_check(const struct node_conf *c, struct err *err);

/* The section of this target, or NULL. */
const struct node_conf_target *node_conf_find(const struct node_conf *c, const char *name);

/* iqn., eui. or naa., lower case, no blanks, at most NODE_NAME_MAX: RFC 7143 4.2.7, RFC 3722. */
bool node_name_ok(const char *name);

#endif
