/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd=dump, update, param, and what lun and target add: a configuration out of what runs, and the
 * other way round. What is added is judged beside everything that is there already.
 */
#include "target/control_conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "iscsifs/cleanup.h"
#include "iscsifs/num.h"
#include "target/control_impl.h"
#include "target/former.h"
#include "target/target_apply.h"
#include "target/target_conf_file.h"
#include "target/target_update.h"
#include "target/tgt_conf.h"

static void conf_note(const char *text, void *arg)
{
	control_put(arg, "note", text);
	control_record_end(arg);
}

/* --- dump --- */

static bool conf_has_accounts(const struct access *a)
{
	return !list_empty(&a->incoming) || !list_empty(&a->outgoing);
}

/* Without passwords it does not load again before they are put in: it says so itself. */
static void conf_print(const struct target_conf *c, bool secrets, FILE *f)
{
	const struct target_conf_target *t;
	bool any = conf_has_accounts(&c->discovery);

	list_each(t, &c->targets, link)
		any |= conf_has_accounts(&t->access);
	if (any && !secrets)
		fputs("# Without passwords: write them behind the users, or dump --secrets.\n", f);
	target_conf_print(c, secrets, f);
}

void control_dump(struct control_request *rq, void *arg)
{
	cleanup_free char *text = NULL;
	struct target_conf c;
	struct err e = ERR_INIT;
	size_t len = 0;
	bool secrets;
	char *line, *rest;
	FILE *f;
	int rc;

	if (control_flag(rq, "secrets", false, &secrets))
		return;
	target_conf_init(&c);
	rc = target_apply_capture(&c, arg, &e);
	f = rc ? NULL : open_memstream(&text, &len);
	if (f) {
		conf_print(&c, secrets, f);
		rc = fclose(f) ? err_set(&e, ERR_NOMEM, "dump: out of memory") : 0;
	} else if (!rc) {
		rc = err_set(&e, ERR_NOMEM, "dump: out of memory");
	}
	target_conf_fini(&c);
	for (rest = rc ? NULL : text; rest && (line = strsep(&rest, "\n")) && (*line || rest);) {
		control_put(rq, "line", line);
		control_record_end(rq);
	}
	if (text)
		explicit_bzero(text, len);
	control_end(rq, rc, &e);
}

/* --- update --- */

/* A terminal, or a pipe that we have open ourselves, may keep us waiting for ever. */
static int conf_want_file(const char *path, struct err *e)
{
	struct stat st;

	if (stat(path, &st) || S_ISREG(st.st_mode))
		return 0;		/* what is not there is told by who opens it */
	return err_set(e, ERR_INVALID, "%s: want a regular file", path);
}

void control_update(struct control_request *rq, void *arg)
{
	const char *path = control_need(rq, "file");
	struct server *sv = arg;
	struct target_conf c;
	struct err e = ERR_INIT;
	bool force, tgt;
	int rc;

	if (!path || control_flag(rq, "force", false, &force) ||
	    control_flag(rq, "tgt", false, &tgt))
		return;
	target_conf_init(&c);
	rc = conf_want_file(path, &e);
	if (!rc)
		rc = tgt ? tgt_conf_read(&c, path, conf_note, rq, &e) :
			   target_conf_read(&c, path, conf_note, rq, &e);
	rc = rc ? rc : target_conf_check(&c, conf_note, rq, &e);
	rc = rc ? rc : target_update(sv, &c, force, conf_note, rq, &e);
	target_conf_fini(&c);
	control_end(rq, rc, &e);
}

/* --- one setting --- */

void control_param(struct control_request *rq, void *arg)
{
	struct target *t = control_target(rq, arg);
	const char *name = t ? control_need(rq, "name") : NULL;
	const char *value = name ? control_need(rq, "value") : NULL;
	struct setting_note note = { "" };
	struct err e = ERR_INIT;
	int rc;

	if (!value)
		return;
	rc = target_apply_key(t, name, value, &note, &e);
	if (*note.text)
		conf_note(note.text, rq);
	control_end(rq, rc, &e);
}

/* --- what is added --- */

/* "KEY=VALUE" lines of options=, each to @take. Returns 0 or -code. */
static int conf_options(const struct control_request *rq,
			int (*take)(void *to, const char *key, const char *value, struct err *e),
			void *to, struct err *e)
{
	const char *text = control_get(rq, "options");
	cleanup_free char *copy = strdup(text ? text : "");
	char *rest = copy, *line;
	int rc = copy ? 0 : err_set(e, ERR_NOMEM, "out of memory");

	while (!rc && (line = strsep(&rest, "\n"))) {
		char *value = strchr(line, '=');

		if (!*line)
			continue;
		if (!value)
			return err_set(e, ERR_INVALID, "\"%s\": want KEY=VALUE", line);
		*value++ = 0;
		rc = take(to, line, value, e);
	}
	return rc;
}

static int conf_take_lun(void *to, const char *key, const char *value, struct err *e)
{
	struct target_conf_lun *cl = to;

	return settings_set_by_name(&target_keys_of_lun, &cl->keys, key, value, NULL, e);
}

/* Which number: lun=, or the first that is free. Returns 0 or -code. */
static int conf_number(const struct control_request *rq, const struct target *t, unsigned *out,
		       struct err *e)
{
	const char *text = control_get(rq, "lun");
	uint64_t n = 0;

	if (text && num_parse_u64(text, 0, TARGET_LUN_NUMBER_MAX, &n))
		return err_set(e, ERR_INVALID, "lun=%s: want a number from 0 to %d", text,
			       TARGET_LUN_NUMBER_MAX);
	while (!text && target_find_lun(t, (unsigned)n))
		n++;
	*out = (unsigned)n;
	return 0;
}

static const char *conf_serial(const struct target_conf_lun *cl)
{
	return *cl->keys.scsi_sn ? cl->keys.scsi_sn : NULL;
}

static int conf_add_lun(struct control_request *rq, struct server *sv, struct target *t,
			const char *backing, bool force, struct err *e)
{
	struct target_conf_lun *cl = NULL;
	struct target_conf c;
	unsigned number = 0;
	int rc;

	target_conf_init(&c);
	rc = target_apply_capture(&c, sv, e);
	rc = rc ? rc : conf_number(rq, t, &number, e);
	rc = rc ? rc : target_conf_add_lun(&cl, target_conf_target(&c, t->name), (int)number, 0,
					   backing, NULL, e);
	rc = rc ? rc : conf_options(rq, conf_take_lun, cl, e);
	rc = rc ? rc : target_conf_check(&c, conf_note, rq, e);
	if (!rc && !force)
		rc = former_check(t, number, backing, conf_serial(cl), e);
	rc = rc ? rc : target_apply_lun(t, cl, e);
	target_conf_fini(&c);
	if (!rc)
		control_put_u64(rq, "lun", number);
	return rc;
}

void control_lun_add(struct control_request *rq, struct server *sv)
{
	struct target *t = control_target(rq, sv);
	const char *backing = t ? control_need(rq, "disk") : NULL;
	struct err e = ERR_INIT;
	bool force;

	if (!backing || control_flag(rq, "force", false, &force))
		return;
	if (*backing != '/' && strncmp(backing, "ram:", 4) && strncmp(backing, "null:", 5)) {
		control_fail(rq, ERR_INVALID, "disk=%s: want a path from the root on, ram:SIZE or null:SIZE",
			     backing);
		return;
	}
	control_end(rq, conf_add_lun(rq, sv, t, backing, force, &e), &e);
}

static int conf_take_target(void *to, const char *key, const char *value, struct err *e)
{
	struct target_conf_target *ct = to;

	if (!strcmp(key, "initiator-address"))
		return access_add(&ct->access, ACCESS_ADDRESS, value, e);
	if (!strcmp(key, "initiator-name"))
		return access_add(&ct->access, ACCESS_NAME, value, e);
	return settings_set_by_name(&target_keys_of_target, &ct->keys, key, value, NULL, e);
}

static unsigned conf_next_tid(const struct server *sv)
{
	const struct target *t;
	unsigned tid = 1;

	list_each(t, &sv->targets, link)
		tid = MAX(tid, t->tid + 1);
	return tid;
}

/* It is on the server's list for as long as it takes to ask whether everybody may use it. */
static int conf_join_target(struct control_request *rq, struct server *sv, struct target *t,
			    struct err *e)
{
	int rc;

	t->tid = conf_next_tid(sv);
	list_append(&sv->targets, &t->link);
	rc = target_apply_check_open(sv, sv->open, conf_note, rq, e);
	if (rc)
		target_free(t);
	return rc;
}

void control_target_add(struct control_request *rq, struct server *sv)
{
	const char *name = control_need(rq, "target");
	struct target_conf_target *ct = NULL;
	struct target_conf c;
	struct target *t = NULL;
	struct err e = ERR_INIT;
	int rc;

	if (!name)
		return;
	if (server_target(sv, name)) {
		control_fail(rq, ERR_EXISTS, "target %s: it is there already", name);
		return;
	}
	target_conf_init(&c);
	rc = target_apply_capture(&c, sv, &e);
	rc = rc ? rc : target_conf_add_target(&ct, &c, name, NULL, &e);
	rc = rc ? rc : conf_options(rq, conf_take_target, ct, &e);
	rc = rc ? rc : target_apply_target(&t, ct, false, NULL, NULL, &e);
	rc = rc ? rc : conf_join_target(rq, sv, t, &e);
	target_conf_fini(&c);
	control_end(rq, rc, &e);
}
