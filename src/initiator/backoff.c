/* SPDX-License-Identifier: BSD-2-Clause */
/* How long to wait before trying again. The one hard thing: the shift must not overflow. */
#include "backoff.h"

#include "iscsifs/check.h"

static span_ms backoff(span_ms first, span_ms cap, unsigned doublings, uint32_t random)
{
	span_ms base = doublings > 16 ? cap : MIN(first << doublings, cap);
	span_ms spread = base / 2;

	return base - base / 4 + (spread ? (span_ms)(random % (uint64_t)spread) : 0);
}

span_ms backoff_dial(unsigned failures, uint32_t random)
{
	return failures ? backoff(200, 3000, failures - 1, random) : 0;
}

span_ms backoff_busy(unsigned times, uint32_t random)
{
	return backoff(10, 200, times ? times - 1 : 0, random);
}
