/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The text on a control socket: lines in, lines out, both bounded. No socket here.
 *
 * A line is `key=value`, `-` (a record ends) or empty (the message ends). In a value `\\` is a
 * backslash and `\n` a newline; every other byte but NUL stands for itself.
 */
#ifndef ISCSIFS_CONTROL_WIRE_H
#define ISCSIFS_CONTROL_WIRE_H

#include <stdbool.h>
#include <stddef.h>

#include "iscsifs/control.h"

enum wire_kind {
	WIRE_MORE = 0,	/* no whole line yet */
	WIRE_PAIR,
	WIRE_RECORD,
	WIRE_END,
	WIRE_BAD,	/* not our language, see `why`; nothing after it can be trusted */
};

struct wire_line {
	enum wire_kind kind;
	char *key;		/* PAIR: on loan until the next wire_in_room() */
	char *value;		/* unescaped */
	const char *why;	/* BAD: "a line without =", for a log line or an error */
};

/* Bytes that came and lines that are taken out of them. */
struct wire_in {
	char *data;		/* CONTROL_LINE_MAX bytes */
	size_t len;
	size_t at;		/* bytes already taken */
};

/* Returns 0 or -ENOMEM. */
int wire_in_init(struct wire_in *in);
void wire_in_fini(struct wire_in *in);

/*
 * Where the next bytes go, and how many fit: *room is 0 only when wire_next() must be called first.
 * Then tell how many came.
 */
char *wire_in_room(struct wire_in *in, size_t *room);
void wire_in_came(struct wire_in *in, size_t len);

/* Bytes that are no whole line yet. */
static inline size_t wire_in_left(const struct wire_in *in)
{
	return in->len - in->at;
}

/* The next line. */
struct wire_line wire_next(struct wire_in *in);

/* Text to be sent; grows up to @max bytes. */
struct wire_out {
	char *data;
	size_t len;
	size_t at;		/* bytes already sent */
	size_t size;
	size_t max;
	bool over;		/* more was added than fits: the text is no longer whole */
};

void wire_out_init(struct wire_out *out, size_t max);
void wire_out_fini(struct wire_out *out);

/* @key must be one (see wire_key_ok()); @value may hold anything. */
void wire_put_pair(struct wire_out *out, const char *key, const char *value);
void wire_put_record_end(struct wire_out *out);
void wire_put_end(struct wire_out *out);

static inline size_t wire_out_left(const struct wire_out *out)
{
	return out->len - out->at;
}

/* @len bytes from data + at are sent. */
void wire_out_sent(struct wire_out *out, size_t len);

/* Letters, digits and `_.-[]`; not empty, not `-` alone. */
bool wire_key_ok(const char *key);

#endif
