/* SPDX-License-Identifier: BSD-2-Clause */
/* key=value text. The one hard thing: every byte is a stranger's, none may be trusted to end. */
#include "target/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static size_t text_value_max(const char *key)
{
	return !strcmp(key, "CHAP_C") || !strcmp(key, "CHAP_R") ? TEXT_BINARY_MAX : TEXT_VALUE_MAX;
}

static int text_take_pair(struct text *t, char *pair)
{
	char *eq = strchr(pair, '=');

	if (!eq || eq == pair || eq - pair > TEXT_KEY_MAX || t->pairs == TEXT_PAIRS_MAX)
		return -EPROTO;
	*eq = 0;
	if (strlen(eq + 1) > text_value_max(pair) || text_get(t, pair))
		return -EPROTO;
	t->pair[t->pairs].key = pair;
	t->pair[t->pairs].value = eq + 1;
	t->pairs++;
	return 0;
}

int text_split(struct text *t, char *data, size_t len)
{
	char *end = data + len;

	t->pairs = 0;
	while (data < end) {
		char *nul = memchr(data, 0, (size_t)(end - data));

		if (!nul)
			return -EPROTO;
		if (nul > data && text_take_pair(t, data))
			return -EPROTO;
		data = nul + 1;
	}
	return 0;
}

const char *text_get(const struct text *t, const char *key)
{
	for (unsigned i = 0; i < t->pairs; i++) {
		if (!strcmp(t->pair[i].key, key))
			return t->pair[i].value;
	}
	return NULL;
}

bool text_list_has(const char *list, const char *item)
{
	size_t want = strlen(item);

	for (;;) {
		size_t len = strcspn(list, ",");

		if (len == want && !memcmp(list, item, len))
			return true;
		if (!list[len])
			return false;
		list += len + 1;
	}
}

void text_addf(struct text_out *o, const char *key, const char *fmt, ...)
{
	size_t left = o->cap - o->len;
	int head, tail;
	va_list ap;

	head = snprintf(o->data + o->len, left, "%s=", key);
	if (head < 0 || (size_t)head >= left)
		goto full;
	va_start(ap, fmt);
	tail = vsnprintf(o->data + o->len + head, left - (size_t)head, fmt, ap);
	va_end(ap);
	if (tail < 0 || (size_t)head + (size_t)tail >= left)
		goto full;
	o->len += (size_t)head + (size_t)tail + 1;
	return;
full:
	o->full = true;
}

void text_add(struct text_out *o, const char *key, const char *value)
{
	text_addf(o, key, "%s", value);
}
