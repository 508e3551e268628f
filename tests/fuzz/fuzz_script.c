/* SPDX-License-Identifier: BSD-2-Clause */
/* Fault scripts: any file is refused or understood, and what is understood means the same again. */
#include "fuzz.h"

#include <stdio.h>
#include <string.h>

#include "target/script.h"

static int fuzz_script_rule(void *arg, const struct script_rule *r, struct err *e)
{
	struct script_rule again;

	(void)arg;
	FUZZ_CHECK(r->actions >= 1 && r->actions <= SCRIPT_ACTIONS_MAX);
	FUZZ_CHECK(script_name_ok(r->name));
	FUZZ_CHECK(!script_parse(&again, r->text, "again", e));
	FUZZ_CHECK(!strcmp(again.text, r->text) && again.event == r->event);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	FILE *f = len ? fmemopen((void *)(uintptr_t)data, len, "r") : NULL;
	struct err e = ERR_INIT;

	if (!f)
		return 0;
	if (script_read(f, "input", fuzz_script_rule, NULL, &e))
		FUZZ_CHECK(err_is_set(&e));
	fclose(f);
	return 0;
}
