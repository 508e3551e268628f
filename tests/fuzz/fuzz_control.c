/* SPDX-License-Identifier: BSD-2-Clause */
/* The control socket's text, in pieces of any size; what was understood reads the same again. */
#include "fuzz.h"

#include <string.h>

#include "control/wire.h"

/* A pair that came is written down and read again. */
static void fuzz_control_pair(const char *key, const char *value)
{
	struct wire_out out;
	struct wire_in in;
	struct wire_line line;
	size_t room;
	char *at;

	FUZZ_CHECK(wire_key_ok(key));
	FUZZ_CHECK(!wire_in_init(&in));
	wire_out_init(&out, 3 * CONTROL_LINE_MAX);
	wire_put_pair(&out, key, value);
	at = wire_in_room(&in, &room);
	if (!out.over && out.len <= room) {
		memcpy(at, out.data, out.len);
		wire_in_came(&in, out.len);
		line = wire_next(&in);
		FUZZ_CHECK(line.kind == WIRE_PAIR);
		FUZZ_CHECK(!strcmp(line.key, key) && !strcmp(line.value, value));
	}
	wire_out_fini(&out);
	wire_in_fini(&in);
}

static enum wire_kind fuzz_control_lines(struct wire_in *in)
{
	struct wire_line line;

	do {
		line = wire_next(in);
		if (line.kind == WIRE_PAIR)
			fuzz_control_pair(line.key, line.value);
		else if (line.kind == WIRE_BAD)
			FUZZ_CHECK(line.why);
	} while (line.kind != WIRE_MORE && line.kind != WIRE_BAD);
	return line.kind;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct cursor c = cursor_of(data, len);
	size_t piece = 1 + cursor_u8(&c), room, n;
	struct wire_in in;

	FUZZ_CHECK(!wire_in_init(&in));
	while (cursor_left(&c)) {
		char *at = wire_in_room(&in, &room);
		const uint8_t *p;

		FUZZ_CHECK(room);
		p = fuzz_take(&c, MIN(piece, room), &n);
		memcpy(at, p, n);
		wire_in_came(&in, n);
		if (fuzz_control_lines(&in) == WIRE_BAD)
			break;
	}
	wire_in_fini(&in);
	return 0;
}
