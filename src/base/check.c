/* SPDX-License-Identifier: BSD-2-Clause */
/* What happens when a check of our own code fails. Hard part: none, and it must stay so. */
#include "iscsifs/check.h"

#include <stdio.h>
#include <stdlib.h>

void check_failed(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: bug: %s; please report this\n", file, line, what);
	abort();
}
