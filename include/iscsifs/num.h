/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text to numbers and back, strictly: the whole text must be the number, out of range is refused,
 * a leading zero is decimal.
 */
#ifndef ISCSIFS_NUM_H
#define ISCSIFS_NUM_H

#include <stddef.h>
#include <stdint.h>

#include "iscsifs/clock.h"

/* Decimal (or 0x hex), optional '-'. Returns 0, -EINVAL (not a number), -ERANGE (not in @min..@max). */
int num_parse_i64(const char *text, int64_t min, int64_t max, int64_t *out);

/* As above, unsigned. */
int num_parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *out);

/* Bytes: "4096", "64K", "10M", "3G", "2T" (powers of 1024; a trailing "iB" or "B" is allowed). */
int num_parse_size(const char *text, uint64_t *bytes);

/*
 * A span: "250ms", "5s", "2m", "1h"; a bare number is seconds. Negative spans are legal here; "-1"
 * is -1000. Returns 0, -EINVAL or -ERANGE.
 */
int num_parse_span(const char *text, span_ms *out);

/* Write @ms the way num_parse_span() reads it, shortest form: "250ms", "5", "-1". Returns @buf. */
const char *num_print_span(span_ms ms, char *buf, size_t len);

/* "64 MiB", "1.5 TiB", "512 B": for people. Returns @buf. */
const char *num_print_size(uint64_t bytes, char *buf, size_t len);

#endif
