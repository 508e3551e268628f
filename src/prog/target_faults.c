/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules on the command line: taken as they come, and refused at its end if nobody allowed them. */
#include "prog/target_faults.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "iscsifs/check.h"
#include "target/fault_hooks.h"

static int target_faults_need(struct server *s, struct err *e)
{
	if (s->faults || !faults_new(&s->faults, s))
		return 0;
	return err_set(e, ERR_NOMEM, "faults: out of memory");
}

int target_faults_rule(struct target_faults *tf, struct server *s, const char *text, struct err *e)
{
	struct script_rule r;
	int rc = target_faults_need(s, e);

	tf->first = tf->first ? tf->first : "--fault";
	rc = rc ? rc : script_parse(&r, text, "--fault", e);
	return rc ? MIN(rc, 0) : faults_add(s->faults, &r, e);
}

static int target_faults_got(void *arg, const struct script_rule *r, struct err *e)
{
	return faults_add(arg, r, e);
}

int target_faults_file(struct target_faults *tf, struct server *s, const char *path, struct err *e)
{
	FILE *f = strcmp(path, "-") ? fopen(path, "re") : stdin;
	int rc;

	tf->first = tf->first ? tf->first : "--fault-file";
	if (!f)
		return err_set(e, ERR_ACCESS, "--fault-file %s: %s", path, strerror(errno));
	rc = target_faults_need(s, e);
	rc = rc ? rc : script_read(f, path, target_faults_got, s->faults, e);
	if (f != stdin)
		fclose(f);
	return rc;
}

int target_faults_check(const struct target_faults *tf, struct server *s, struct err *e)
{
	if (tf->first && !tf->enabled)
		return err_set(e, ERR_INVALID, "%s: a target misbehaves only with --enable-faults",
			       tf->first);
	return tf->enabled ? target_faults_need(s, e) : 0;
}
