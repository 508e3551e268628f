/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of passwords. The one hard thing: no copy of a secret stays behind. */
#include "target/passwords.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "iscsifs/conf_file.h"
#include "iscsifs/conf_text.h"
#include "target/access.h"

struct passwords {
	struct access all;		/* its incoming accounts */
};

static int passwords_line(struct passwords *p, char *line, struct err *e)
{
	char *blank;

	line[strcspn(line, "\r")] = 0;
	if (!*line || *line == '#')
		return 0;
	blank = strpbrk(line, " \t");
	if (!blank)
		return err_set(e, ERR_INVALID, "want USER PASSWORD");
	*blank = 0;
	return access_add_account(&p->all, ACCESS_INCOMING, line, blank + 1, e);
}

static int passwords_lines(struct passwords *p, char *text, const char *path, struct err *e)
{
	char *line;
	int number = 0, rc = 0;

	while (!rc && (line = strsep(&text, "\n"))) {
		number++;
		rc = passwords_line(p, line, e);
	}
	return rc ? err_prefix(e, "%s:%d", path, number) : 0;
}

static int passwords_judge(const struct stat *st, const char *path, struct err *e)
{
	if (!conf_text_is_shared(st))
		return 0;
	return err_set(e, ERR_ACCESS, "password file %s: others may read it; chmod 600 it", path);
}

int passwords_read(struct passwords **out, const char *path, struct err *e)
{
	struct passwords *p = calloc(1, sizeof(*p));
	char *text = NULL;
	struct stat st;
	int rc;

	if (!p)
		return err_set(e, ERR_NOMEM, "out of memory");
	access_init(&p->all);
	rc = conf_text_read(path, &text, &st, e);
	if (rc)
		err_prefix(e, "password file");
	rc = rc ? rc : passwords_judge(&st, path, e);
	rc = rc ? rc : passwords_lines(p, text, path, e);
	if (text)
		explicit_bzero(text, CONF_FILE_MAX);
	free(text);
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
