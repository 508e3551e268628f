/* SPDX-License-Identifier: BSD-2-Clause */
/* Errors for people. The one hard thing: an error once set is never lost or overwritten. */
#include "iscsifs/err.h"

#include <stdio.h>
#include <string.h>

int err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
	va_list ap;

	if (!e || err_is_set(e))
		return -(int)code;
	e->code = code;
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	return -(int)code;
}

int err_prefix(struct err *e, const char *fmt, ...)
{
	char before[sizeof(e->text)];
	char after[sizeof(e->text)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(before, sizeof(before), fmt, ap);
	va_end(ap);
	memcpy(after, e->text, sizeof(after));
	snprintf(e->text, sizeof(e->text), "%.*s: %.*s", (int)sizeof(before) / 2, before,
		 (int)sizeof(after) / 2 - 3, after);
	return -(int)e->code;
}
