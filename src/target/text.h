/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * key=value text of Login and Text PDUs, read and written.
 * Source: RFC 7143 section 6.1 (grammar), 6.2 (lists and answers).
 */
#ifndef ISCSIFS_TARGET_TEXT_H
#define ISCSIFS_TARGET_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	TEXT_PAIRS_MAX = 64,
	TEXT_KEY_MAX = 63,
	TEXT_VALUE_MAX = 255,		/* of a key that says nothing else */
	TEXT_BINARY_MAX = 2 + 2 * 1024,	/* CHAP_C and CHAP_R: 1024 bytes as hex */
};

/* Pairs of one request. The strings lie in the caller's buffer. */
struct text {
	struct {
		const char *key;
		const char *value;
	} pair[TEXT_PAIRS_MAX];
	unsigned pairs;
};

/*
 * Split the @len bytes at @data, in place (the first '=' of each pair becomes NUL).
 *
 * Returns 0, or -EPROTO: a pair without '=' or without a NUL behind it, a key or a value that is
 * too long, a key that comes twice, more than TEXT_PAIRS_MAX.
 */
int text_split(struct text *t, char *data, size_t len);

/* The value of @key, or NULL. */
const char *text_get(const struct text *t, const char *key);

/* Is @item one of the comma-separated items of @list? */
bool text_list_has(const char *list, const char *item);

/* An answer under construction, in the caller's memory. */
struct text_out {
	char *data;
	size_t len;
	size_t cap;
	bool full;		/* something did not fit and was left out whole */
};

void text_add(struct text_out *o, const char *key, const char *value);
void text_addf(struct text_out *o, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
