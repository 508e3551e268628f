/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The text on a control socket. The one hard thing: a line may come in pieces of any size, and what
 * is no line of ours must be found out before it is stored or believed.
 */
#include "control/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "iscsifs/check.h"

enum { WIRE_OUT_FIRST = 1024 };

/* --- in --- */

int wire_in_init(struct wire_in *in)
{
	*in = (struct wire_in){ .data = malloc(CONTROL_LINE_MAX) };
	return in->data ? 0 : -ENOMEM;
}

void wire_in_fini(struct wire_in *in)
{
	free(in->data);
	*in = (struct wire_in){ 0 };
}

char *wire_in_room(struct wire_in *in, size_t *room)
{
	memmove(in->data, in->data + in->at, in->len - in->at);
	in->len -= in->at;
	in->at = 0;
	*room = CONTROL_LINE_MAX - in->len;
	return in->data + in->len;
}

void wire_in_came(struct wire_in *in, size_t len)
{
	BUG_ON(len > CONTROL_LINE_MAX - in->len);
	in->len += len;
}

static bool wire_key_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("_.-[]", c));
}

bool wire_key_ok(const char *key)
{
	if (!key[0] || !strcmp(key, "-"))
		return false;
	while (wire_key_char(*key))
		key++;
	return !*key;
}

/* In place. Returns false: a backslash before something else than `\` or `n`. */
static bool wire_unescape(char *value)
{
	char *to = value;

	for (const char *from = value; *from; from++) {
		char c = *from;

		if (c == '\\') {
			c = *++from;
			if (c == 'n')
				c = '\n';
			else if (c != '\\')
				return false;
		}
		*to++ = c;
	}
	*to = '\0';
	return true;
}

static struct wire_line wire_bad(const char *why)
{
	return (struct wire_line){ .kind = WIRE_BAD, .why = why };
}

/* @line: ended by a NUL where its newline was; @len bytes before it. */
static struct wire_line wire_parse(char *line, size_t len)
{
	char *equals;

	if (memchr(line, '\0', len))
		return wire_bad("a NUL byte");
	if (!len)
		return (struct wire_line){ .kind = WIRE_END };
	if (!strcmp(line, "-"))
		return (struct wire_line){ .kind = WIRE_RECORD };
	equals = strchr(line, '=');
	if (!equals)
		return wire_bad("a line without =");
	*equals = '\0';
	if (!wire_key_ok(line))
		return wire_bad("a key with other characters than letters, digits and _.-[]");
	if (!wire_unescape(equals + 1))
		return wire_bad("a backslash before something else than n or a backslash");
	return (struct wire_line){ .kind = WIRE_PAIR, .key = line, .value = equals + 1 };
}

struct wire_line wire_next(struct wire_in *in)
{
	char *line = in->data + in->at;
	char *newline = memchr(line, '\n', in->len - in->at);

	if (!newline && in->at == 0 && in->len == CONTROL_LINE_MAX)
		return wire_bad("a line of more than 65536 bytes");
	if (!newline)
		return (struct wire_line){ .kind = WIRE_MORE };
	*newline = '\0';
	in->at = (size_t)(newline + 1 - in->data);
	return wire_parse(line, (size_t)(newline - line));
}

/* --- out --- */

void wire_out_init(struct wire_out *out, size_t max)
{
	*out = (struct wire_out){ .max = max };
}

void wire_out_fini(struct wire_out *out)
{
	free(out->data);
	*out = (struct wire_out){ 0 };
}

/* Room for @len more bytes at the end. Returns false, and the text is over, when there is none. */
static bool wire_out_room(struct wire_out *out, size_t len)
{
	size_t size = MAX(out->size, (size_t)WIRE_OUT_FIRST);
	char *data;

	if (out->over || len > out->max || out->len - out->at > out->max - len) {
		out->over = true;
		return false;
	}
	if (out->at && out->len + len > out->size) {
		memmove(out->data, out->data + out->at, out->len - out->at);
		out->len -= out->at;
		out->at = 0;
	}
	while (size < out->len + len)
		size *= 2;
	if (size == out->size)
		return true;
	data = realloc(out->data, size);
	if (!data) {
		out->over = true;
		return false;
	}
	out->data = data;
	out->size = size;
	return true;
}

static char *wire_escape(char *to, const char *value)
{
	for (; *value; value++) {
		if (*value == '\n' || *value == '\\')
			*to++ = '\\';
		*to++ = *value == '\n' ? 'n' : *value;
	}
	return to;
}

static size_t wire_escaped_bytes(const char *value)
{
	size_t len = 0;

	for (; *value; value++)
		len += 1 + (*value == '\n' || *value == '\\');
	return len;
}

void wire_put_pair(struct wire_out *out, const char *key, const char *value)
{
	size_t key_len = strlen(key);
	size_t len = key_len + 1 + wire_escaped_bytes(value) + 1;
	char *to;

	BUG_ON(!wire_key_ok(key));
	if (len > CONTROL_LINE_MAX)
		out->over = true;
	if (!wire_out_room(out, len))
		return;
	to = out->data + out->len;
	memcpy(to, key, key_len);
	to[key_len] = '=';
	to = wire_escape(to + key_len + 1, value);
	*to = '\n';
	out->len += len;
}

static void wire_put_text(struct wire_out *out, const char *text)
{
	size_t len = strlen(text);

	if (!wire_out_room(out, len))
		return;
	memcpy(out->data + out->len, text, len);
	out->len += len;
}

void wire_put_record_end(struct wire_out *out)
{
	wire_put_text(out, "-\n");
}

void wire_put_end(struct wire_out *out)
{
	wire_put_text(out, "\n");
}

void wire_out_sent(struct wire_out *out, size_t len)
{
	BUG_ON(len > wire_out_left(out));
	out->at += len;
	if (out->at == out->len) {
		out->at = 0;
		out->len = 0;
	}
}

/* --- records --- */

int control_record_add(struct control_record *r, const char *key, const char *value)
{
	struct control_pair *pairs = realloc(r->pairs, (r->count + 1) * sizeof(*pairs));
	struct control_pair p;

	if (!pairs)
		return -ENOMEM;
	r->pairs = pairs;
	p.key = strdup(key);
	p.value = strdup(value);
	if (!p.key || !p.value) {
		free(p.key);
		free(p.value);
		return -ENOMEM;
	}
	r->pairs[r->count++] = p;
	return 0;
}

const char *control_record_get(const struct control_record *r, const char *key)
{
	for (size_t i = 0; i < r->count; i++) {
		if (!strcmp(r->pairs[i].key, key))
			return r->pairs[i].value;
	}
	return NULL;
}

void control_record_fini(struct control_record *r)
{
	for (size_t i = 0; i < r->count; i++) {
		free(r->pairs[i].key);
		free(r->pairs[i].value);
	}
	free(r->pairs);
	*r = (struct control_record){ 0 };
}
