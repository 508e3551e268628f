/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Preloaded into libiscsi's tools, which have no options for it: every context asks for
 * ImmediateData=No (ASK_IMMEDIATE_DATA=No), InitialR2T=Yes (ASK_INITIAL_R2T=Yes) and
 * HeaderDigest=CRC32C (ASK_HEADER_DIGEST=CRC32C).
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include <iscsi/iscsi.h>

static int ask_is(const char *name, const char *value)
{
	const char *got = getenv(name);

	return got && !strcmp(got, value);
}

struct iscsi_context *iscsi_create_context(const char *initiator_name)
{
	struct iscsi_context *(*next)(const char *) = dlsym(RTLD_NEXT, "iscsi_create_context");
	struct iscsi_context *c = next ? next(initiator_name) : NULL;

	if (c && ask_is("ASK_IMMEDIATE_DATA", "No"))
		iscsi_set_immediate_data(c, ISCSI_IMMEDIATE_DATA_NO);
	if (c && ask_is("ASK_INITIAL_R2T", "Yes"))
		iscsi_set_initial_r2t(c, ISCSI_INITIAL_R2T_YES);
	return c;
}

int iscsi_set_header_digest(struct iscsi_context *c, enum iscsi_header_digest digest)
{
	int (*next)(struct iscsi_context *, enum iscsi_header_digest) =
		dlsym(RTLD_NEXT, "iscsi_set_header_digest");

	if (ask_is("ASK_HEADER_DIGEST", "CRC32C"))
		digest = ISCSI_HEADER_DIGEST_CRC32C;
	return next ? next(c, digest) : -1;
}
