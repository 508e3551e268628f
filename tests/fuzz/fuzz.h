/* SPDX-License-Identifier: BSD-2-Clause */
/* What every harness has: the bytes of one input, taken from the front, and checks that stay. */
#ifndef ISCSIFS_FUZZ_H
#define ISCSIFS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "iscsifs/check.h"
#include "iscsifs/cursor.h"
#include "iscsifs/log.h"

/* libFuzzer's. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Something that must hold does not: the input that shows it is kept. */
#define FUZZ_CHECK(cond) BUG_ON(!(cond))

/* At most @len bytes from the front. */
static inline const uint8_t *fuzz_take(struct cursor *c, size_t len, size_t *got)
{
	*got = MIN(len, cursor_left(c));
	return cursor_take(c, *got);
}

#endif
