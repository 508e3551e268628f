/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tgt's targets.conf: any file is refused with a sentence, or read; what was read can be judged
 * and printed. Files that include others are left out: what those say is not in the input.
 */
#include "fuzz.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "target/tgt_conf.h"

static void fuzz_note(const char *text, void *arg)
{
	(void)arg;
	FUZZ_CHECK(*text);
}

static void fuzz_conf_use(struct target_conf *c)
{
	static FILE *sink;
	struct err e = ERR_INIT;

	if (!sink)
		sink = fopen("/dev/null", "w");
	if (target_conf_check(c, fuzz_note, NULL, &e))
		FUZZ_CHECK(err_is_set(&e));
	else
		target_conf_print(c, true, sink);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static int fd = -1;
	static char path[64];
	struct target_conf c;
	struct err e = ERR_INIT;

	if (memmem(data, len, "nclude", 6))
		return 0;
	if (fd < 0) {
		fd = memfd_create("targets.conf", MFD_CLOEXEC);
		FUZZ_CHECK(fd >= 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	FUZZ_CHECK(!ftruncate(fd, 0) && pwrite(fd, data, len, 0) == (ssize_t)len);
	target_conf_init(&c);
	if (tgt_conf_read(&c, path, fuzz_note, NULL, &e))
		FUZZ_CHECK(err_is_set(&e));
	else
		fuzz_conf_use(&c);
	target_conf_fini(&c);
	return 0;
}
