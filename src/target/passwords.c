/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of passwords. The one hard thing: no copy of a secret stays behind. */
#include "target/passwords.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "iscsifs/cleanup.h"
#include "target/access.h"

enum { PASSWORDS_LINE_MAX = ACCESS_TEXT_MAX + 1 + ACCESS_SECRET_MAX + 2 };

struct passwords {
	struct access all;		/* its incoming accounts */
};

static int passwords_line(struct passwords *p, char *line, struct err *e)
{
	size_t len = strcspn(line, "\r\n");
	char *blank;

	if (len == PASSWORDS_LINE_MAX)
		return err_set(e, ERR_INVALID, "the line is too long");
	line[len] = 0;
	if (!*line || *line == '#')
		return 0;
	blank = strpbrk(line, " \t");
	if (!blank)
		return err_set(e, ERR_INVALID, "want USER PASSWORD");
	*blank = 0;
	return access_add_account(&p->all, ACCESS_INCOMING, line, blank + 1, e);
}

static int passwords_lines(struct passwords *p, FILE *f, const char *path, struct err *e)
{
	char line[PASSWORDS_LINE_MAX + 1];
	int number = 0, rc = 0;

	while (!rc && fgets(line, sizeof(line), f)) {
		number++;
		rc = passwords_line(p, line, e);
	}
	explicit_bzero(line, sizeof(line));
	return rc ? err_prefix(e, "%s:%d", path, number) : 0;
}

int passwords_read(struct passwords **out, const char *path, struct err *e)
{
	cleanup_fclose FILE *f = fopen(path, "re");
	struct passwords *p;
	struct stat st;
	int rc;

	if (!f || fstat(fileno(f), &st))
		return err_set(e, ERR_ACCESS, "password file %s: %s", path, strerror(errno));
	if (S_ISREG(st.st_mode) && st.st_mode & (S_IRWXG | S_IRWXO))
		return err_set(e, ERR_ACCESS, "password file %s: others may read it; chmod 600 it",
			       path);
	p = calloc(1, sizeof(*p));
	if (!p)
		return err_set(e, ERR_NOMEM, "out of memory");
	setvbuf(f, NULL, _IONBF, 0);
	access_init(&p->all);
	rc = passwords_lines(p, f, path, e);
	if (rc)
		passwords_free(p);
	else
		*out = p;
	return rc;
}

void passwords_free(struct passwords *p)
{
	if (!p)
		return;
	access_fini(&p->all);
	free(p);
}

const char *passwords_find(const struct passwords *p, const char *user)
{
	const struct account *ac = access_account(&p->all, ACCESS_INCOMING, user);

	return ac ? ac->secret : NULL;
}
