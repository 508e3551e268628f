/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/wire.h"
#include "iscsifs/control.h"
#include "iscsifs/log.h"

/* --- wire --- */

static void wire_in_text(struct wire_in *in, const char *text, size_t len)
{
	size_t room;
	char *to = wire_in_room(in, &room);

	assert_true(len <= room);
	memcpy(to, text, len);
	wire_in_came(in, len);
}

static void what_is_put_comes_out_again(void **state)
{
	static const char *const values[] = { "", "plain", "a=b", "two\nlines", "back\\slash\\n",
					      " spaces ", "\\", "\n", "\xff\x01" };
	struct wire_out out;
	struct wire_in in;
	struct wire_line line;

	(void)state;
	assert_int_equal(wire_in_init(&in), 0);
	wire_out_init(&out, CONTROL_REQUEST_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		wire_put_pair(&out, "node.conn[0].key", values[i]);
	wire_put_record_end(&out);
	wire_put_end(&out);
	wire_in_text(&in, out.data, out.len);
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		line = wire_next(&in);
		assert_int_equal(line.kind, WIRE_PAIR);
		assert_string_equal(line.key, "node.conn[0].key");
		assert_string_equal(line.value, values[i]);
	}
	assert_int_equal(wire_next(&in).kind, WIRE_RECORD);
	assert_int_equal(wire_next(&in).kind, WIRE_END);
	assert_int_equal(wire_next(&in).kind, WIRE_MORE);
	wire_in_fini(&in);
	wire_out_fini(&out);
}

static void lines_cut_anywhere_are_the_same_lines(void **state)
{
	static const char text[] = "sid=1\ntarget=iqn.x:\\\\y\n-\nerrno=0\n\n";
	static const enum wire_kind kinds[] = { WIRE_PAIR, WIRE_PAIR, WIRE_RECORD, WIRE_PAIR,
						WIRE_END };

	(void)state;
	for (size_t cut = 0; cut < sizeof(text) - 1; cut++) {
		struct wire_in in;
		size_t got = 0;

		assert_int_equal(wire_in_init(&in), 0);
		wire_in_text(&in, text, cut);
		for (struct wire_line l; (l = wire_next(&in)).kind != WIRE_MORE; got++)
			assert_int_equal(l.kind, kinds[got]);
		assert_true(got < ARRAY_SIZE(kinds));
		wire_in_text(&in, text + cut, sizeof(text) - 1 - cut);
		for (struct wire_line l; (l = wire_next(&in)).kind != WIRE_MORE; got++)
			assert_int_equal(l.kind, kinds[got]);
		assert_int_equal(got, ARRAY_SIZE(kinds));
		wire_in_fini(&in);
	}
}

static void nonsense_is_bad_and_says_why(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *why;
	} cases[] = {
		{ "hello\n", 6, "without =" }, { "a b=c\n", 6, "key" }, { "=x\n", 3, "key" },
		{ "-=x\n", 4, "key" }, { "a=\\x\n", 5, "backslash" }, { "a=\\\n", 4, "backslash" },
		{ "a=\0b\n", 5, "NUL" }, { "\0\n", 2, "NUL" }, { "a\xff=1\n", 5, "key" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct wire_in in;
		struct wire_line line;

		assert_int_equal(wire_in_init(&in), 0);
		wire_in_text(&in, cases[i].text, cases[i].len);
		line = wire_next(&in);
		assert_int_equal(line.kind, WIRE_BAD);
		assert_non_null(strstr(line.why, cases[i].why));
		wire_in_fini(&in);
	}
}

static void a_line_may_be_as_long_as_the_limit_and_no_longer(void **state)
{
	char *text = malloc(CONTROL_LINE_MAX + 1);
	struct wire_in in;
	struct wire_line line;

	(void)state;
	memset(text, 'x', CONTROL_LINE_MAX + 1);
	text[1] = '=';
	assert_int_equal(wire_in_init(&in), 0);
	wire_in_text(&in, text, CONTROL_LINE_MAX - 1);
	assert_int_equal(wire_next(&in).kind, WIRE_MORE);
	wire_in_text(&in, "\n", 1);
	line = wire_next(&in);
	assert_int_equal(line.kind, WIRE_PAIR);
	assert_int_equal(strlen(line.value), CONTROL_LINE_MAX - 3);
	wire_in_text(&in, text, CONTROL_LINE_MAX);
	assert_int_equal(wire_next(&in).kind, WIRE_BAD);
	wire_in_fini(&in);
	free(text);
}

static void more_than_fits_marks_the_text_as_over(void **state)
{
	struct wire_out out;

	(void)state;
	wire_out_init(&out, 10);
	wire_put_pair(&out, "a", "12345");
	assert_false(out.over);
	wire_out_sent(&out, 6);
	wire_put_pair(&out, "b", "12345");
	assert_false(out.over);
	wire_put_pair(&out, "c", "");
	assert_true(out.over);
	wire_out_fini(&out);
}

/* --- server, over a real socket --- */

struct world {
	char dir[64];
	char path[CONTROL_PATH_BYTES];
	char log[128];
	struct loop *loop;
	struct control_server *server;
	struct control_request *kept;
	unsigned runs;
	unsigned gone;
};

static void cmd_echo(struct control_request *rq, void *arg)
{
	struct world *w = arg;

	w->runs++;
	control_put(rq, "text", control_get(rq, "text") ? control_get(rq, "text") : "(none)");
	control_record_end(rq);
	control_record_end(rq);
	control_putf(rq, "n", "%d", 7);
	control_done(rq, NULL);
}

static void cmd_fail(struct control_request *rq, void *arg)
{
	(void)arg;
	control_fail(rq, ERR_NO_SESSION, "no session %d", 4);
}

static void cmd_keep_gone(struct control_request *rq, void *arg)
{
	struct world *w = arg;

	w->gone++;
	w->kept = NULL;
	control_done(rq, NULL);
}

static void cmd_keep(struct control_request *rq, void *arg)
{
	struct world *w = arg;

	w->kept = rq;
	control_on_gone(rq, cmd_keep_gone, w);
}

/* As many kilobytes as `text` says. */
static void cmd_flood(struct control_request *rq, void *arg)
{
	int kilobytes = atoi(control_get(rq, "text"));
	char text[1001];

	(void)arg;
	memset(text, 'x', 1000);
	text[1000] = '\0';
	for (int i = 0; i < kilobytes; i++) {
		control_put(rq, "text", text);
		control_record_end(rq);
	}
	control_done(rq, NULL);
}

static const struct control_command world_commands[] = {
	{ "echo", "says it again", cmd_echo },
	{ "fail", "fails", cmd_fail },
	{ "keep", "answers later", cmd_keep },
	{ "flood", "answers a lot", cmd_flood },
	{ 0 },
};

static int world_setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct err err = ERR_INIT;

	snprintf(w->dir, sizeof(w->dir), "%s/iscsifs.XXXXXX", getenv("TMPDIR") ?: "/tmp");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->path, sizeof(w->path), "%s/a.sock", w->dir);
	snprintf(w->log, sizeof(w->log), "%s/log", w->dir);
	assert_int_equal(log_open(LOG_SINK_FILE, "test", w->log), 0);
	assert_int_equal(loop_new(&w->loop), 0);
	assert_int_equal(control_server_new(&w->server, w->loop, w->path, world_commands, w, &err),
			 0);
	*state = w;
	return 0;
}

static int world_teardown(void **state)
{
	struct world *w = *state;
	char command[128];

	control_server_free(w->server);
	loop_free(w->loop);
	log_open(LOG_SINK_STDERR, "test", NULL);
	snprintf(command, sizeof(command), "rm -r %s", w->dir);
	assert_int_equal(system(command), 0);
	free(w);
	return 0;
}

/* How many lines of the log contain @text. */
static unsigned world_logged(const struct world *w, const char *text)
{
	FILE *f = fopen(w->log, "r");
	char line[1024];
	unsigned n = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		n += strstr(line, text) != NULL;
	fclose(f);
	return n;
}

static void world_turn(struct world *w)
{
	assert_int_equal(loop_turn(w->loop, 1), 0);
}

static int world_connect(const struct world *w)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	memcpy(sun.sun_path, w->path, strlen(w->path) + 1);
	assert_int_equal(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Turn until @want is what came, or the server closes: then "|" ends what came. */
static void hear(struct world *w, int fd, const char *want)
{
	char got[4096] = "";
	size_t len = 0;

	for (int i = 0; i < 4000 && strcmp(got, want); i++) {
		ssize_t n;

		world_turn(w);
		n = recv(fd, got + len, sizeof(got) - 2 - len, 0);
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			got[len++] = '|';
		else if (n > 0)
			len += (size_t)n;
		got[len] = '\0';
		if (n == 0 || (n < 0 && errno != EAGAIN))
			break;
	}
	assert_string_equal(got, want);
}

/* Nothing comes, and the server does not close. */
static void hear_nothing(struct world *w, int fd)
{
	char byte;

	for (int i = 0; i < 5; i++)
		world_turn(w);
	errno = 0;
	assert_int_equal(recv(fd, &byte, 1, 0), -1);
	assert_int_equal(errno, EAGAIN);
}

static void a_request_is_answered_with_records_and_a_result(void **state)
{
	struct world *w = *state;
	int fd = world_connect(w);

	say(fd, "version=1\ncmd=echo\ntext=a\\nb\\\\\n\n");
	hear(w, fd, "text=a\\nb\\\\\n-\nn=7\n-\nerrno=0\n\n");
	say(fd, "version=1\ncmd=fail\n\n");
	hear(w, fd, "error=no session 4\nerrno=2\n\n");
	close(fd);
}

static void requests_in_one_write_are_answered_in_order(void **state)
{
	struct world *w = *state;
	int fd = world_connect(w);

	say(fd, "\nversion=1\ncmd=fail\n\nversion=1\ncmd=echo\ntext=x\n\n");
	hear(w, fd, "error=no session 4\nerrno=2\n\ntext=x\n-\nn=7\n-\nerrno=0\n\n");
	close(fd);
}

static void a_request_in_single_bytes_is_a_request(void **state)
{
	static const char text[] = "version=1\ncmd=fail\n\n";
	struct world *w = *state;
	int fd = world_connect(w);

	for (const char *p = text; *p; p++) {
		char one[2] = { *p, '\0' };

		say(fd, one);
		world_turn(w);
	}
	hear(w, fd, "error=no session 4\nerrno=2\n\n");
	close(fd);
}

static void a_hang_up_at_any_byte_runs_nothing_and_leaves_nothing(void **state)
{
	static const char text[] = "version=1\ncmd=echo\n";
	struct world *w = *state;

	for (size_t len = 0; len < sizeof(text); len++) {
		int fd = world_connect(w);

		assert_int_equal(send(fd, text, len, MSG_NOSIGNAL), len);
		world_turn(w);
		close(fd);
		world_turn(w);
		world_turn(w);
	}
	assert_int_equal(w->runs, 0);
}

static void a_request_whose_asker_left_is_run_all_the_same(void **state)
{
	struct world *w = *state;
	int fd = world_connect(w);

	say(fd, "version=1\ncmd=echo\n\nversion=1\ncmd=echo\n\n");
	close(fd);
	for (int i = 0; i < 10; i++)
		world_turn(w);
	assert_int_equal(w->runs, 2);
}

static void one_that_says_no_more_still_gets_its_answer(void **state)
{
	struct world *w = *state;
	int fd = world_connect(w);

	say(fd, "version=1\ncmd=fail\n\n");
	shutdown(fd, SHUT_WR);
	hear(w, fd, "error=no session 4\nerrno=2\n\n");
	hear(w, fd, "|");
	close(fd);
}

static void bad_requests_are_answered_and_good_ones_may_follow(void **state)
{
	struct world *w = *state;
	int fd = world_connect(w);

	say(fd, "cmd=echo\n\n");
	hear(w, fd, "error=the request must say version=1\nerrno=27\n\n");
	say(fd, "version=2\ncmd=echo\n\n");
	hear(w, fd, "error=the request must say version=1\nerrno=27\n\n");
	say(fd, "version=1\n\n");
	hear(w, fd, "error=the request must say cmd=\nerrno=7\n\n");
	say(fd, "version=1\ncmd=nope\n\n");
	hear(w, fd, "error=unknown command \"nope\": cmd=help lists them\nerrno=27\n\n");
	say(fd, "version=1\ncmd=echo\ntext=a\ntext=b\n\n");
	hear(w, fd, "error=text= comes twice\nerrno=7\n\n");
	say(fd, "version=1\ncmd=fail\n\n");
	hear(w, fd, "error=no session 4\nerrno=2\n\n");
	assert_int_equal(w->runs, 0);
	close(fd);
}

static void help_lists_the_commands(void **state)
{
	struct world *w = *state;
	int fd = world_connect(w);

	say(fd, "version=1\ncmd=help\n\n");
	hear(w, fd, "cmd=echo\nhelp=says it again\n-\ncmd=fail\nhelp=fails\n-\ncmd=keep\n"
	     "help=answers later\n-\ncmd=flood\nhelp=answers a lot\n-\nerrno=0\n\n");
	close(fd);
}

static void garbage_closes_with_one_log_line(void **state)
{
	static const char *const garbage[] = { "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "-\n",
					       "version=1\n\\=\n\n", "\x7f" "ELF\n" };
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(garbage); i++) {
		int fd = world_connect(w);
		char got[256] = "";

		say(fd, garbage[i]);
		for (int turn = 0; turn < 5; turn++)
			world_turn(w);
		assert_true(recv(fd, got, sizeof(got) - 1, 0) > 0);
		assert_non_null(strstr(got, "error=not a request: "));
		assert_non_null(strstr(got, "errno=7\n\n"));
		errno = 0;
		assert_true(recv(fd, got, sizeof(got), 0) <= 0 && errno != EAGAIN);
		close(fd);
	}
	assert_int_equal(world_logged(w, "does not speak our language"), ARRAY_SIZE(garbage));
}

/* Lines of ours with one byte changed, added or dropped, in pieces of any size. */
static void changed_requests_never_harm_the_server(void **state)
{
	static const char good[] = "version=1\ncmd=echo\ntext=a\\nb\n\nversion=1\ncmd=fail\n\n";
	struct world *w = *state;
	uint32_t x = 7;

	for (int i = 0; i < 300; i++) {
		char text[sizeof(good)];
		size_t len = sizeof(good) - 1, at, cut;
		int fd = world_connect(w);

		memcpy(text, good, sizeof(good));
		x = x * 1664525 + 1013904223;
		at = (x >> 8) % len;
		text[at] = (char)(x >> 24);
		if (x & 128)
			memmove(text + at, text + at + 1, len-- - at);
		cut = (x >> 16) % len;
		assert_int_equal(send(fd, text, cut, MSG_NOSIGNAL), cut);
		world_turn(w);
		(void)!send(fd, text + cut, len - cut, MSG_NOSIGNAL);
		close(fd);
	}
	a_request_is_answered_with_records_and_a_result(state);
}

static void a_request_of_too_many_keys_is_refused(void **state)
{
	struct world *w = *state;
	int fd = world_connect(w);

	for (int i = 0; i < CONTROL_KEYS_MAX + 1; i++) {
		char line[32];

		snprintf(line, sizeof(line), "key%d=1\n", i);
		say(fd, line);
	}
	hear(w, fd, "error=not a request: more than 256 keys or 262144 bytes; see "
	     "iscsifs-control(7)\nerrno=7\n\n");
	close(fd);
}

static void a_kept_request_is_answered_later(void **state)
{
	struct world *w = *state;
	int fd = world_connect(w);

	say(fd, "version=1\ncmd=keep\n\nversion=1\ncmd=fail\n\n");
	for (int i = 0; i < 5; i++)
		world_turn(w);
	assert_non_null(w->kept);
	hear_nothing(w, fd);
	control_put(w->kept, "state", "UP");
	control_done(w->kept, NULL);
	hear(w, fd, "state=UP\n-\nerrno=0\n\nerror=no session 4\nerrno=2\n\n");
	assert_int_equal(w->gone, 0);
	close(fd);
}

static void the_keeper_hears_once_that_its_client_left(void **state)
{
	struct world *w = *state;
	int fd = world_connect(w);

	say(fd, "version=1\ncmd=keep\n\n");
	for (int i = 0; i < 5; i++)
		world_turn(w);
	assert_non_null(w->kept);
	close(fd);
	for (int i = 0; i < 5; i++)
		world_turn(w);
	assert_int_equal(w->gone, 1);
}

static void the_keeper_hears_that_the_server_ends(void **state)
{
	struct world *w = *state;
	int fd = world_connect(w);

	say(fd, "version=1\ncmd=keep\n\n");
	for (int i = 0; i < 5; i++)
		world_turn(w);
	control_server_free(w->server);
	w->server = NULL;
	assert_int_equal(w->gone, 1);
	assert_int_equal(access(w->path, F_OK), -1);
	close(fd);
}

static void one_that_does_not_read_is_closed_and_costs_no_memory(void **state)
{
	struct world *w = *state;
	int fd = world_connect(w);

	say(fd, "version=1\ncmd=flood\ntext=20000\n\n");
	for (int i = 0; i < 10; i++)
		world_turn(w);
	assert_int_equal(world_logged(w, "does not read its answer"), 1);
	close(fd);
}

static void half_a_request_unread_answers_and_silence_have_an_end(void **state)
{
	struct world *w = *state;
	int half = world_connect(w), silent = world_connect(w), busy = world_connect(w);

	control_server_set_patience(w->server, 20);
	say(half, "version=1\n");
	say(busy, "version=1\ncmd=keep\n\n");
	hear(w, half, "|");
	hear(w, silent, "|");
	hear_nothing(w, busy);
	assert_int_equal(world_logged(w, "half a request"), 1);
	control_done(w->kept, NULL);
	close(half);
	close(silent);
	close(busy);
}

static void a_request_in_drops_has_an_end_too(void **state)
{
	struct world *w = *state;
	int fd = world_connect(w);
	mono_ms until = clock_mono_ms() + 2000;
	bool closed = false;

	control_server_set_patience(w->server, 50);
	while (!closed && clock_mono_ms() < until) {
		closed = send(fd, "x", 1, MSG_NOSIGNAL) < 0;
		world_turn(w);
		world_turn(w);
	}
	assert_true(closed);
	close(fd);
}

static void all_that_was_said_before_a_hang_up_counts(void **state)
{
	struct world *w = *state;
	char text[40000];
	int fd = world_connect(w);

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	for (int i = 0; i < 4; i++) {
		say(fd, "version=1\ncmd=echo\ntext=");
		say(fd, text);
		say(fd, "\n\n");
	}
	close(fd);
	for (int i = 0; i < 20; i++)
		world_turn(w);
	assert_int_equal(w->runs, 4);
}

static void a_long_request_before_a_hang_up_counts(void **state)
{
	struct world *w = *state;
	char text[40000];
	int fd = world_connect(w);

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	say(fd, "version=1\ncmd=echo\n");
	for (int i = 0; i < 4; i++) {
		char key[16];

		snprintf(key, sizeof(key), "key%d=", i);
		say(fd, key);
		say(fd, text);
		say(fd, "\n");
	}
	say(fd, "\n");
	close(fd);
	for (int i = 0; i < 20; i++)
		world_turn(w);
	assert_int_equal(w->runs, 1);
}

static void one_client_too_many_is_turned_away(void **state)
{
	struct world *w = *state;
	int fds[CONTROL_CLIENTS_MAX], extra;

	for (int i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		fds[i] = world_connect(w);
		world_turn(w);
	}
	extra = world_connect(w);
	hear(w, extra, "error=32 clients are connected already\nerrno=28\n\n");
	close(fds[0]);
	close(extra);
	for (int i = 0; i < 5; i++)
		world_turn(w);
	extra = world_connect(w);
	say(extra, "version=1\ncmd=fail\n\n");
	hear(w, extra, "error=no session 4\nerrno=2\n\n");
	close(extra);
	for (int i = 1; i < CONTROL_CLIENTS_MAX; i++)
		close(fds[i]);
}

static void the_socket_is_for_its_owner_only(void **state)
{
	struct world *w = *state;
	struct stat st;

	assert_int_equal(stat(w->path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void a_live_socket_is_refused_and_a_stale_one_replaced(void **state)
{
	struct world *w = *state;
	struct control_server *second = NULL;
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct err err = ERR_INIT;
	int fd;

	assert_int_equal(control_server_new(&second, w->loop, w->path, world_commands, w, &err),
			 -ERR_EXISTS);
	assert_non_null(strstr(err.text, "another daemon listens at "));
	assert_int_equal(access(w->path, F_OK), 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/stale.sock", w->dir);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	close(fd);
	err = (struct err)ERR_INIT;
	assert_int_equal(control_server_new(&second, w->loop, sun.sun_path, world_commands, w,
					    &err), 0);
	assert_string_equal(control_server_path(second), sun.sun_path);
	control_server_free(second);
	assert_int_equal(access(sun.sun_path, F_OK), -1);
}

static void a_file_in_the_way_is_left_alone(void **state)
{
	struct world *w = *state;
	struct control_server *second = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(control_server_new(&second, w->loop, w->log, world_commands, w, &err),
			 -ERR_EXISTS);
	assert_non_null(strstr(err.text, "is no socket"));
	assert_int_equal(access(w->log, F_OK), 0);
}

static void a_path_that_cannot_be_is_refused(void **state)
{
	struct world *w = *state;
	struct control_server *second = NULL;
	struct err err = ERR_INIT;
	char path[200];

	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(control_server_new(&second, w->loop, path, world_commands, w, &err),
			 -ERR_INVALID);
	err = (struct err)ERR_INIT;
	snprintf(path, sizeof(path), "%s/missing/a.sock", w->dir);
	assert_int_equal(control_server_new(&second, w->loop, path, world_commands, w, &err),
			 -ERR_NOT_FOUND);
}

/* --- client --- */

struct caller {
	struct world *w;
	const char *cmd;
	const char *text;
	span_ms timeout;
	int rc;
	struct err err;
	unsigned records;
	char last[64];
	volatile int done;
};

static void caller_got(const struct control_record *r, void *arg)
{
	struct caller *c = arg;
	const char *text = control_record_get(r, "text");

	c->records++;
	if (text)
		snprintf(c->last, sizeof(c->last), "%s", text);
}

static void *caller_main(void *arg)
{
	struct caller *c = arg;
	struct control_record rq = { 0 };

	control_record_add(&rq, "cmd", c->cmd);
	if (c->text)
		control_record_add(&rq, "text", c->text);
	c->rc = control_call(c->w->path, &rq, c->timeout, caller_got, c, &c->err);
	control_record_fini(&rq);
	c->done = 1;
	return NULL;
}

static struct caller call(struct world *w, const char *cmd, const char *text, span_ms timeout)
{
	struct caller c = { .w = w, .cmd = cmd, .text = text, .timeout = timeout };
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, caller_main, &c), 0);
	while (!c.done)
		world_turn(w);
	pthread_join(thread, NULL);
	return c;
}

static void a_call_gets_its_records(void **state)
{
	struct caller c = call(*state, "echo", "a\nb\\", 5000);

	assert_int_equal(c.rc, 0);
	assert_int_equal(c.records, 2);
	assert_string_equal(c.last, "a\nb\\");
}

static void a_call_that_fails_says_what_the_daemon_said(void **state)
{
	struct caller c = call(*state, "fail", NULL, 5000);

	assert_int_equal(c.rc, -ERR_NO_SESSION);
	assert_string_equal(c.err.text, "no session 4");
}

static void a_long_answer_that_is_read_arrives_whole(void **state)
{
	struct caller c = call(*state, "flood", "3000", 20000);

	assert_int_equal(c.rc, 0);
	assert_int_equal(c.records, 3000);
}

static void a_daemon_that_does_not_answer_is_left_in_time(void **state)
{
	struct world *w = *state;
	struct caller c = call(w, "keep", NULL, 50);

	assert_int_equal(c.rc, -ERR_TIMEOUT);
	assert_non_null(strstr(c.err.text, "did not answer in time"));
	for (int i = 0; i < 5; i++)
		world_turn(w);
	assert_int_equal(w->gone, 1);
}

static void nobody_listening_is_exit_code_20(void **state)
{
	struct world *w = *state;
	struct control_record rq = { 0 };
	struct err err = ERR_INIT;

	control_server_free(w->server);
	w->server = NULL;
	control_record_add(&rq, "cmd", "echo");
	assert_int_equal(control_call(w->path, &rq, 1000, NULL, NULL, &err), -ERR_NO_DAEMON);
	assert_non_null(strstr(err.text, "nobody listens at "));
	control_record_fini(&rq);
}

/* A daemon that says what it likes, and hangs up. */
struct liar {
	int fd;
	const char *text;
};

static void *liar_main(void *arg)
{
	struct liar *l = arg;
	char buf[256];
	int fd = accept(l->fd, NULL, NULL);

	(void)!recv(fd, buf, sizeof(buf), 0);
	(void)!send(fd, l->text, strlen(l->text), MSG_NOSIGNAL);
	close(fd);
	return NULL;
}

static void liar_call(const struct world *w, const char *text, struct err *err)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct liar liar = { .fd = socket(AF_UNIX, SOCK_STREAM, 0), .text = text };
	struct control_record rq = { 0 };
	pthread_t thread;
	int rc;

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/liar.sock", w->dir);
	assert_int_equal(bind(liar.fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(listen(liar.fd, 1), 0);
	pthread_create(&thread, NULL, liar_main, &liar);
	control_record_add(&rq, "cmd", "echo");
	rc = control_call(sun.sun_path, &rq, 5000, NULL, NULL, err);
	assert_int_equal(rc, -(int)err->code);
	pthread_join(thread, NULL);
	control_record_fini(&rq);
	close(liar.fd);
	unlink(sun.sun_path);
}

static void an_answer_that_makes_no_sense_is_an_error(void **state)
{
	static const struct {
		const char *text;
		const char *why;
	} cases[] = {
		{ "", "hung up before it had answered" },
		{ "text=a\n-\nerrno=0\n", "hung up before it had answered" },
		{ "\n", "answered without errno=" },
		{ "errno=many\n\n", "answered without errno=" },
		{ "HTTP/1.1 200 OK\n", "nonsense from the daemon" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err err = ERR_INIT;

		liar_call(*state, cases[i].text, &err);
		assert_int_equal(err.code, ERR_INTERNAL);
		assert_non_null(strstr(err.text, cases[i].why));
	}
}

/* --- where --- */

static void count_found(const char *path, void *arg)
{
	char *list = arg;

	strcat(list, strrchr(path, '/'));
}

static void sockets_are_found_where_daemons_put_them(void **state)
{
	struct world *w = *state;
	struct err err = ERR_INIT;
	char path[CONTROL_PATH_BYTES], want[CONTROL_PATH_BYTES], list[256] = "";

	setenv("ISCSIFS_RUNTIME_DIR", w->dir, 1);
	assert_int_equal(control_default_path(path, sizeof(path), &err), 0);
	snprintf(want, sizeof(want), "%s/%ld.sock", w->dir, (long)getpid());
	assert_string_equal(path, want);
	assert_int_equal(control_each_socket(count_found, list, &err), 0);
	assert_string_equal(list, "/a.sock");
	unsetenv("ISCSIFS_RUNTIME_DIR");
}

static void a_directory_that_others_may_write_to_is_refused(void **state)
{
	struct world *w = *state;
	struct err err = ERR_INIT;
	char dir[CONTROL_PATH_BYTES];
	char list[256] = "";

	setenv("ISCSIFS_RUNTIME_DIR", w->dir, 1);
	chmod(w->dir, 0770);
	assert_int_equal(control_runtime_dir(true, dir, sizeof(dir), &err), -ERR_ACCESS);
	assert_non_null(strstr(err.text, "chmod 700 "));
	err = (struct err)ERR_INIT;
	assert_int_equal(control_each_socket(count_found, list, &err), -ERR_ACCESS);
	chmod(w->dir, 0700);

	setenv("ISCSIFS_RUNTIME_DIR", w->log, 1);
	err = (struct err)ERR_INIT;
	assert_int_equal(control_runtime_dir(true, dir, sizeof(dir), &err), -ERR_ACCESS);
	assert_non_null(strstr(err.text, "is no directory"));
	unsetenv("ISCSIFS_RUNTIME_DIR");
}

static void a_directory_of_somebody_else_is_refused(void **state)
{
	struct world *w = *state;
	struct err err = ERR_INIT;
	char dir[CONTROL_PATH_BYTES];

	if (geteuid() != 0) {
		print_message("# needs root\n");
		skip();
	}
	setenv("ISCSIFS_RUNTIME_DIR", w->dir, 1);
	assert_int_equal(chown(w->dir, 1, (gid_t)-1), 0);
	assert_int_equal(control_runtime_dir(true, dir, sizeof(dir), &err), -ERR_ACCESS);
	assert_non_null(strstr(err.text, "belongs to uid 1"));
	unsetenv("ISCSIFS_RUNTIME_DIR");
}

static void a_missing_directory_is_made_or_has_no_sockets(void **state)
{
	struct world *w = *state;
	struct err err = ERR_INIT;
	char dir[CONTROL_PATH_BYTES], sub[CONTROL_PATH_BYTES], list[256] = "";
	struct stat st;

	snprintf(sub, sizeof(sub), "%s/run", w->dir);
	setenv("ISCSIFS_RUNTIME_DIR", sub, 1);
	assert_int_equal(control_each_socket(count_found, list, &err), 0);
	assert_string_equal(list, "");
	assert_int_equal(control_runtime_dir(true, dir, sizeof(dir), &err), 0);
	assert_int_equal(stat(sub, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	unsetenv("ISCSIFS_RUNTIME_DIR");
}

#define with_world(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_put_comes_out_again),
		cmocka_unit_test(lines_cut_anywhere_are_the_same_lines),
		cmocka_unit_test(nonsense_is_bad_and_says_why),
		cmocka_unit_test(a_line_may_be_as_long_as_the_limit_and_no_longer),
		cmocka_unit_test(more_than_fits_marks_the_text_as_over),
		with_world(a_request_is_answered_with_records_and_a_result),
		with_world(requests_in_one_write_are_answered_in_order),
		with_world(a_request_in_single_bytes_is_a_request),
		with_world(a_hang_up_at_any_byte_runs_nothing_and_leaves_nothing),
		with_world(a_request_whose_asker_left_is_run_all_the_same),
		with_world(one_that_says_no_more_still_gets_its_answer),
		with_world(bad_requests_are_answered_and_good_ones_may_follow),
		with_world(help_lists_the_commands),
		with_world(garbage_closes_with_one_log_line),
		with_world(changed_requests_never_harm_the_server),
		with_world(a_request_of_too_many_keys_is_refused),
		with_world(a_kept_request_is_answered_later),
		with_world(the_keeper_hears_once_that_its_client_left),
		with_world(the_keeper_hears_that_the_server_ends),
		with_world(one_that_does_not_read_is_closed_and_costs_no_memory),
		with_world(half_a_request_unread_answers_and_silence_have_an_end),
		with_world(a_request_in_drops_has_an_end_too),
		with_world(all_that_was_said_before_a_hang_up_counts),
		with_world(a_long_request_before_a_hang_up_counts),
		with_world(one_client_too_many_is_turned_away),
		with_world(the_socket_is_for_its_owner_only),
		with_world(a_live_socket_is_refused_and_a_stale_one_replaced),
		with_world(a_file_in_the_way_is_left_alone),
		with_world(a_path_that_cannot_be_is_refused),
		with_world(a_call_gets_its_records),
		with_world(a_call_that_fails_says_what_the_daemon_said),
		with_world(a_long_answer_that_is_read_arrives_whole),
		with_world(a_daemon_that_does_not_answer_is_left_in_time),
		with_world(nobody_listening_is_exit_code_20),
		with_world(an_answer_that_makes_no_sense_is_an_error),
		with_world(sockets_are_found_where_daemons_put_them),
		with_world(a_directory_that_others_may_write_to_is_refused),
		with_world(a_directory_of_somebody_else_is_refused),
		with_world(a_missing_directory_is_made_or_has_no_sockets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
