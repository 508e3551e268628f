/* SPDX-License-Identifier: BSD-2-Clause */
/* Text to numbers. The one hard thing: strtoull() takes far more than a number; we do not. */
#include "iscsifs/num.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Digits at @text up to @end. Returns 0, -EINVAL when there are none, -ERANGE. */
static int num_digits(const char *text, const char **end, uint64_t *out)
{
	int base = text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? 16 : 10;
	char *stop;

	if (base == 16)
		text += 2;
	if (base == 16 ? !isxdigit((unsigned char)*text) : !isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	*out = strtoull(text, &stop, base);
	*end = stop;
	return -errno;
}

int num_parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	const char *end;
	uint64_t v;
	int rc = num_digits(text, &end, &v);

	if (rc == -EINVAL || (!rc && *end))
		return -EINVAL;
	if (rc || v < min || v > max)
		return -ERANGE;
	*out = v;
	return 0;
}

int num_parse_i64(const char *text, int64_t min, int64_t max, int64_t *out)
{
	bool negative = text[0] == '-';
	uint64_t v;
	int64_t s;
	int rc = num_parse_u64(text + negative, 0, INT64_MAX, &v);

	if (rc)
		return rc;
	s = negative ? -(int64_t)v : (int64_t)v;
	if (s < min || s > max)
		return -ERANGE;
	*out = s;
	return 0;
}

int num_parse_size(const char *text, uint64_t *bytes)
{
	static const char units[] = "KMGT";
	const char *end, *unit;
	unsigned shift = 0;
	uint64_t v;
	int rc = num_digits(text, &end, &v);

	if (rc)
		return rc;
	if (*end && (unit = strchr(units, toupper((unsigned char)*end)))) {
		shift = 10 * (unsigned)(unit - units + 1);
		end++;
		if (*end == 'i')
			end++;
	}
	if (*end == 'B')
		end++;
	if (*end)
		return -EINVAL;
	if (shift && v > UINT64_MAX >> shift)
		return -ERANGE;
	*bytes = v << shift;
	return 0;
}

int num_parse_span(const char *text, span_ms *out)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = { { "ms", 1 }, { "s", 1000 }, { "", 1000 }, { "m", 60000 }, { "h", 3600000 } };
	bool negative = text[0] == '-';
	const char *end;
	uint64_t v;
	int rc = num_digits(text + negative, &end, &v);

	if (rc)
		return rc;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].name))
			continue;
		if (v > (uint64_t)(INT64_MAX / 4 / units[i].ms))
			return -ERANGE;
		*out = (negative ? -1 : 1) * (int64_t)v * units[i].ms;
		return 0;
	}
	return -EINVAL;
}

const char *num_print_span(span_ms ms, char *buf, size_t len)
{
	if (ms % 1000)
		snprintf(buf, len, "%" PRId64 "ms", ms);
	else
		snprintf(buf, len, "%" PRId64, ms / 1000);
	return buf;
}

const char *num_print_size(uint64_t bytes, char *buf, size_t len)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double v = (double)bytes;
	unsigned u = 0;

	while (v >= 1024 && u + 1 < sizeof(units) / sizeof(units[0])) {
		v /= 1024;
		u++;
	}
	if (v == (double)(uint64_t)v)
		snprintf(buf, len, "%" PRIu64 " %s", (uint64_t)v, units[u]);
	else
		snprintf(buf, len, "%.1f %s", v, units[u]);
	return buf;
}
