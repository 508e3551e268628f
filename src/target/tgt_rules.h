/* SPDX-License-Identifier: BSD-2-Clause */
/* Every key of tgt's targets.conf, and what becomes of it here. */
#ifndef ISCSIFS_TARGET_TGT_RULES_H
#define ISCSIFS_TARGET_TGT_RULES_H

#include <stddef.h>

enum tgt_scope {
	TGT_GLOBAL = 1 << 0,
	TGT_TARGET = 1 << 1,
	TGT_LUN = 1 << 2,
};

enum tgt_class {
	TGT_HONOURED,
	TGT_WARNED,			/* said, and not applied */
	TGT_REFUSED,
};

/* What is done with an honoured key. */
enum tgt_action {
	TGT_DO_NOTHING = 0,		/* the class says it all, or the reader has done it */
	TGT_DO_SETTING,			/* it is one of target_keys.h: `setting`, or of its own name */
	TGT_DO_INCOMING,
	TGT_DO_OUTGOING,
	TGT_DO_NAME,
	TGT_DO_ADDRESS,
	TGT_DO_TID,
	TGT_DO_LUN,
	TGT_DO_NULL,			/* the store holds nothing */
	TGT_DO_SYNC,			/* each write is on the disk before it is answered */
	TGT_DO_PARAMS,
};

struct tgt_rule {
	const char *key;
	const char *value;		/* this value only; NULL: any other */
	unsigned scope;			/* enum tgt_scope, or'd */
	enum tgt_class class;
	enum tgt_action action;
	const char *setting;		/* TGT_DO_SETTING under another name, or NULL */
	const char *note;		/* what to know; for all that is not honoured: why */
};

/* A key's rows with a value stand before the one without; the end has no key. */
extern const struct tgt_rule tgt_rules[];

/* The rule for @key with @value in @scope. NULL: there is no such key there. */
const struct tgt_rule *tgt_rule_find(const char *key, const char *value, enum tgt_scope scope);

/* The name of a key that looks like @key, or NULL. */
const char *tgt_rule_nearest(const char *key);

/* "honoured", "warned about", "refused". */
const char *tgt_class_name(enum tgt_class class);

#endif
