/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A configuration as an iscsifs-target.conf. The one hard thing: what is read back must be the same,
 * so every text is quoted, and what a level inherits is not said again.
 */
#include "target/target_conf.h"

#include <stddef.h>
#include <string.h>

/* In single quotes nothing is replaced; a quote and a backslash want a backslash. */
static void print_quoted(const char *text, FILE *f)
{
	putc('\'', f);
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			putc('\\', f);
		putc(*text, f);
	}
	putc('\'', f);
}

static void print_pair(const char *indent, const char *key, const char *value, FILE *f)
{
	fprintf(f, "%s%s = ", indent, key);
	print_quoted(value, f);
	putc('\n', f);
}

/* The rows of @t in which @k differs from @from. */
static void print_keys(const struct settings *t, const struct target_keys *k,
		       const struct target_keys *from, const char *indent, FILE *f)
{
	char value[SETTING_STRING_BYTES];

	for (size_t i = 0; i < t->count; i++) {
		const struct setting *row = &t->rows[i];

		if (row->class == SETTING_HONOURED && !settings_equal(row, k, from))
			print_pair(indent, row->name, settings_print(row, k, value, sizeof(value)),
				   f);
	}
}

static void print_entries(const char *key, const struct list *of, FILE *f)
{
	const struct access_entry *en;

	if (list_empty(of))
		return;
	fprintf(f, "\t%s = {", key);
	list_each(en, of, link) {
		print_quoted(en->text, f);
		fputs(en->link.next == of ? "}\n" : ", ", f);
	}
}

static void print_accounts(const char *indent, const char *key, const struct list *of, bool secrets,
			   FILE *f)
{
	const struct account *ac;
	char both[ACCESS_TEXT_MAX + ACCESS_SECRET_MAX + 2];

	if (list_empty(of))
		return;
	fprintf(f, "%s%s = {", indent, key);
	list_each(ac, of, link) {
		snprintf(both, sizeof(both), "%s%s%s", ac->user, secrets ? " " : "",
			 secrets ? ac->secret : "");
		print_quoted(both, f);
		fputs(ac->link.next == of ? "}\n" : ", ", f);
	}
	explicit_bzero(both, sizeof(both));
}

static void print_lun(const struct target_conf_lun *l, const struct target_keys *from, FILE *f)
{
	fprintf(f, "\tlun '%u' {\n", l->number);
	print_pair("\t\t", "backing-store", l->backing, f);
	print_keys(&target_keys_of_lun, &l->keys, from, "\t\t", f);
	fputs("\t}\n", f);
}

void target_conf_print_target(const struct target_conf *c, const struct target_conf_target *t,
			      bool secrets, FILE *f)
{
	const struct target_conf_lun *l;

	fprintf(f, "target '%s' {\n", t->name);
	if (t->tid)
		fprintf(f, "\tcontroller_tid = %u\n", t->tid);
	print_keys(&target_keys_of_target, &t->keys, &c->keys, "\t", f);
	print_entries("initiator-name", &t->access.names, f);
	print_entries("initiator-address", &t->access.addresses, f);
	print_accounts("\t", "incominguser", &t->access.incoming, secrets, f);
	print_accounts("\t", "outgoinguser", &t->access.outgoing, secrets, f);
	list_each(l, &t->luns, link)
		print_lun(l, &t->keys, f);
	fputs("}\n", f);
}

void target_conf_print(const struct target_conf *c, bool secrets, FILE *f)
{
	const struct target_conf_listen *at;
	const struct target_conf_target *t;
	struct target_conf fresh;

	target_conf_init(&fresh);
	if (!list_empty(&c->listen)) {
		fputs("listen = {", f);
		list_each(at, &c->listen, link) {
			print_quoted(at->address, f);
			fputs(at->link.next == &c->listen ? "}\n" : ", ", f);
		}
	}
	print_keys(&target_keys_all, &c->keys, &fresh.keys, "", f);
	print_accounts("", "incomingdiscoveryuser", &c->discovery.incoming, secrets, f);
	print_accounts("", "outgoingdiscoveryuser", &c->discovery.outgoing, secrets, f);
	list_each(t, &c->targets, link) {
		putc('\n', f);
		target_conf_print_target(c, t, secrets, f);
	}
	target_conf_fini(&fresh);
}
