/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iscsifs.conf as targets. The one hard thing: nothing in the file may be without effect, so a
 * section that can never be used is an error and not a surprise later.
 */
#include "iscsifs/node_conf.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iscsifs/conf_file.h"
#include "iscsifs/num.h"

static const struct conf_key top_keys[] = {
	{ .name = "portal", .list = true },
	{ .name = NULL },
};

static const struct conf_key target_keys[] = {
	{ .name = "portal", .list = true },
	{ .name = "alias", .list = true },
	{ .name = NULL },
};

static const struct conf_grammar grammar = {
	.settings = &node_settings_table,
	.top = top_keys,
	.section = "target",
	.in_section = target_keys,
};

bool node_name_ok(const char *name)
{
	size_t len = strlen(name);

	if (len <= 4 || len > NODE_NAME_MAX ||
	    (strncmp(name, "iqn.", 4) && strncmp(name, "eui.", 4) && strncmp(name, "naa.", 4)))
		return false;
	for (; *name; name++) {
		unsigned char c = (unsigned char)*name;

		if (c < 0x80 && !islower(c) && !isdigit(c) && !strchr(".:-", c) && c != '_')
			return false;
	}
	return true;
}

/* A name for a file beside those that we make ourselves. */
static bool alias_ok(const char *name)
{
	return name[0] && name[0] != '.' && !strchr(name, '/') && strcmp(name, "by-id") &&
	       strlen(name) < SETTING_STRING_BYTES;
}

/* "3=data", or "data" for LUN 0. */
static int alias_read(const char *text, struct node_conf_alias *a, struct err *err)
{
	const char *equals = strchr(text, '='), *name = equals ? equals + 1 : text;
	char lun[24] = "0";

	if (equals)
		snprintf(lun, sizeof(lun), "%.*s", (int)(equals - text), text);
	if (num_parse_u64(lun, 0, UINT64_MAX, &a->lun))
		return err_set(err, ERR_INVALID, "alias \"%.80s\": want LUN=NAME, LUN a number",
			       text);
	if (!alias_ok(name))
		return err_set(err, ERR_INVALID, "alias \"%.80s\": want a name without / that does "
			       "not begin with a dot", text);
	snprintf(a->name, sizeof(a->name), "%s", name);
	return 0;
}

static int aliases_read(const struct conf_entry *e, struct node_conf_target *t, struct err *err)
{
	t->aliases = calloc(e->count, sizeof(*t->aliases));
	if (!t->aliases)
		return err_set(err, ERR_NOMEM, "no memory");
	for (size_t i = 0; i < e->count; i++) {
		struct node_conf_alias *a = &t->aliases[i];

		if (alias_read(e->values[i], a, err))
			return -ERR_INVALID;
		for (size_t j = 0; j < i; j++) {
			if (t->aliases[j].lun == a->lun || !strcmp(t->aliases[j].name, a->name))
				return err_set(err, ERR_INVALID, "alias \"%.80s\": the LUN or the "
					       "name has one already", e->values[i]);
		}
		t->alias_count++;
	}
	return 0;
}

/* The portals of @e, which may be NULL. */
static int portals_read(const struct conf_entry *e, char ***portals, size_t *count,
			struct err *err)
{
	if (!e)
		return 0;
	*portals = calloc(e->count, sizeof(**portals));
	if (!*portals)
		return err_set(err, ERR_NOMEM, "no memory");
	for (size_t i = 0; i < e->count; i++) {
		if (!e->values[i][0])
			return err_set(err, ERR_INVALID, "portal \"\": want HOST or HOST:PORT");
		(*portals)[i] = strdup(e->values[i]);
		if (!(*portals)[i])
			return err_set(err, ERR_NOMEM, "no memory");
		(*count)++;
	}
	return 0;
}

/* One file on its way to a node_conf. */
struct conf_job {
	const struct conf_file *file;
	struct node_conf *conf;
	void (*note)(const char *text, void *arg);
	void *arg;
};

static int settings_read(const struct conf_job *job, const struct conf_section *s,
			 struct node_settings *settings, struct err *err)
{
	return conf_apply(job->file, s, &node_settings_table, settings, job->note, job->arg, err);
}

static int target_read(const struct conf_job *job, const struct conf_section *s,
		       struct node_conf_target *t, struct err *err)
{
	const struct conf_entry *portal = conf_find(s, "portal"), *alias = conf_find(s, "alias");

	t->settings = job->conf->settings;
	t->name = strdup(s->title);
	if (!t->name)
		return err_set(err, ERR_NOMEM, "no memory");
	if (!node_name_ok(s->title))
		err_set(err, ERR_INVALID, "target \"%.80s\": want an iSCSI name, lower case, as "
			"iqn.2026-11.example:disk", s->title);
	else if (!portal && !job->conf->portal_count)
		err_set(err, ERR_INVALID, "target \"%.80s\": want a portal, here or outside of "
			"the section", s->title);
	if (err_is_set(err))
		return conf_section_err(job->file, s, err);
	if (portals_read(portal, &t->portals, &t->portal_count, err))
		return conf_entry_err(job->file, portal, err);
	if (alias && aliases_read(alias, t, err))
		return conf_entry_err(job->file, alias, err);
	return settings_read(job, s, &t->settings, err);
}

static int conf_build(const struct conf_job *job, struct err *err)
{
	const struct conf_section *top = &job->file->sections[0];
	const struct conf_entry *portal = conf_find(top, "portal");
	struct node_conf *c = job->conf;
	int rc;

	node_settings_init(&c->settings);
	rc = settings_read(job, top, &c->settings, err);
	if (!rc && portals_read(portal, &c->portals, &c->portal_count, err))
		rc = conf_entry_err(job->file, portal, err);
	c->targets = calloc(job->file->count, sizeof(*c->targets));
	if (!rc && !c->targets)
		rc = err_set(err, ERR_NOMEM, "no memory");
	for (size_t i = 1; !rc && i < job->file->count; i++) {
		c->target_count++;
		rc = target_read(job, &job->file->sections[i], &c->targets[i - 1], err);
	}
	if (!rc && !c->target_count && !c->portal_count)
		rc = err_set(err, ERR_INVALID, "%s names neither a target nor a portal to ask",
			     job->file->path);
	return rc;
}

int node_conf_read(struct node_conf **out, const char *path,
		   void (*note)(const char *text, void *arg), void *arg, struct err *err)
{
	struct conf_file *file;
	struct conf_job job = { .note = note, .arg = arg };
	struct err why = ERR_INIT;
	int rc = conf_file_read(&file, path, &grammar, &why);

	if (rc)
		return err_set(err, why.code, "%s", why.text);
	job.file = file;
	job.conf = calloc(1, sizeof(*job.conf));
	rc = job.conf ? conf_build(&job, &why) : err_set(&why, ERR_NOMEM, "no memory");
	conf_file_free(file);
	if (rc) {
		node_conf_free(job.conf);
		return err_set(err, why.code, "%s", why.text);
	}
	*out = job.conf;
	return 0;
}

static void portals_free(char **portals, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(portals[i]);
	free(portals);
}

void node_conf_free(struct node_conf *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->target_count; i++) {
		struct node_conf_target *t = &c->targets[i];

		portals_free(t->portals, t->portal_count);
		free(t->aliases);
		free(t->name);
		explicit_bzero(&t->settings, sizeof(t->settings));
	}
	free(c->targets);
	portals_free(c->portals, c->portal_count);
	explicit_bzero(&c->settings, sizeof(c->settings));
	free(c);
}

int node_conf_check(const struct node_conf *c, struct err *err)
{
	if (node_settings_check(&c->settings, err))
		return -(int)err->code;
	for (size_t i = 0; i < c->target_count; i++) {
		if (node_settings_check(&c->targets[i].settings, err))
			return err_prefix(err, "target %s", c->targets[i].name);
	}
	return 0;
}

const struct node_conf_target *node_conf_find(const struct node_conf *c, const char *name)
{
	for (size_t i = 0; i < c->target_count; i++) {
		if (!strcmp(c->targets[i].name, name))
			return &c->targets[i];
	}
	return NULL;
}
