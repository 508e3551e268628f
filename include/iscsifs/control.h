/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control socket: one program asks a running one, in text, over a local stream socket. The
 * protocol is written down in iscsifs-control(7).
 *
 * In short: a request is `key=value` lines and an empty line, `version=1` and `cmd=NAME` among them.
 * A reply is records of `key=value` lines, each ended by a line `-`, then `error=one sentence` when
 * it failed, `errno=N` always, and an empty line. N is an enum err_code.
 */
#ifndef ISCSIFS_CONTROL_H
#define ISCSIFS_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "iscsifs/clock.h"
#include "iscsifs/err.h"
#include "iscsifs/loop.h"

enum {
	CONTROL_VERSION = 1,
	CONTROL_LINE_MAX = 64 * 1024,		/* bytes of one line, with its newline */
	CONTROL_REQUEST_MAX = 256 * 1024,	/* bytes of one request */
	CONTROL_KEYS_MAX = 256,			/* keys of one request or record */
	CONTROL_BACKLOG_MAX = 4 * 1024 * 1024,	/* bytes of reply that a client has not read */
	CONTROL_CLIENTS_MAX = 32,
	CONTROL_PATH_BYTES = 108,		/* of a socket's path, with its NUL: unix(7) */
};

/* --- server --- */

struct control_server;
struct control_request;

struct control_command {
	const char *name;	/* what stands after cmd= */
	const char *help;	/* one sentence, shown by the built-in cmd=help */
	/*
	 * Answer @rq: any number of control_put() and control_record_end(), and control_done() or
	 * control_fail() once, before this returns or any time later.
	 */
	void (*run)(struct control_request *rq, void *arg);
};

/*
 * Listen at @path, mode 0600, for callers with our uid or root's.
 *
 * @commands  ended by a row with a NULL name; the caller's, kept until control_server_free().
 * @arg       given to each command.
 *
 * A socket that nobody listens on any more is replaced. Returns 0 or -code with a sentence in @err:
 * ERR_EXISTS when somebody listens there or @path is no socket, ERR_ACCESS, ERR_INVALID (too long).
 */
int control_server_new(struct control_server **out, struct loop *loop, const char *path,
		       const struct control_command *commands, void *arg, struct err *err);

/*
 * Close everything and remove the socket. Requests that were kept get their gone() call from here;
 * they stay the keeper's, who still owes each a control_done(). Not from within a command: defer it.
 * NULL is legal.
 */
void control_server_free(struct control_server *s);

/* The path it listens at; valid as long as @s. */
const char *control_server_path(const struct control_server *s);

/*
 * How long a client may say nothing, take for the rest of a request, or not read its answer, before
 * it is closed. 60 s unless set; a client whose request is being worked on is never closed.
 */
void control_server_set_patience(struct control_server *s, span_ms patience);

/*
 * The value of @key in the request, unescaped, or NULL. Valid until control_done().
 * A key that came twice was refused before the command was called.
 */
const char *control_get(const struct control_request *rq, const char *key);

/* The command's name. */
const char *control_cmd(const struct control_request *rq);

/*
 * Add `key=value` to the record being written. @key: letters, digits and `_.-[]`. @value: any text;
 * escaped here. After a client has gone these do nothing.
 */
void control_put(struct control_request *rq, const char *key, const char *value);
void control_putf(struct control_request *rq, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void control_put_i64(struct control_request *rq, const char *key, int64_t value);
void control_put_u64(struct control_request *rq, const char *key, uint64_t value);
void control_put_bool(struct control_request *rq, const char *key, bool value);	/* yes, no */

/* The record ends; it is on its way to the client from here on. Without a key before it: nothing. */
void control_record_end(struct control_request *rq);

/*
 * The answer is complete: an open record is ended, then errno=0, or @err's sentence and code.
 * @rq is freed here.
 */
void control_done(struct control_request *rq, const struct err *err);

/* control_done() with a code and a sentence made here. */
void control_fail(struct control_request *rq, enum err_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * For a command that keeps @rq: call gone(rq, arg), once, when the client hangs up, does not read,
 * or the server is freed. @rq stays valid, nobody listens any more; control_done() is still owed and
 * may be called from within. Not called after control_done().
 */
void control_on_gone(struct control_request *rq, void (*gone)(struct control_request *, void *arg),
		     void *arg);

/* --- client --- */

struct control_pair {
	char *key;
	char *value;
};

/* Keys and values in the order they came. Zeroed: empty. */
struct control_record {
	struct control_pair *pairs;
	size_t count;
};

/* Append. Returns 0 or -ENOMEM. */
int control_record_add(struct control_record *r, const char *key, const char *value);
/* The value of the first @key, or NULL. */
const char *control_record_get(const struct control_record *r, const char *key);
void control_record_fini(struct control_record *r);

/*
 * Ask the program that listens at @path, and wait for the answer.
 *
 * @request  `cmd` and its keys; `version` is added here.
 * @timeout  for the whole call; < 0: as long as it takes.
 * @got      called for each record as it comes; the record is on loan during the call. May be NULL.
 *
 * Returns 0, or -code with a sentence in @err: what the daemon said, ERR_NO_DAEMON when nobody
 * listens, ERR_TIMEOUT, ERR_ACCESS, ERR_INTERNAL when the answer makes no sense.
 */
int control_call(const char *path, const struct control_record *request, span_ms timeout,
		 void (*got)(const struct control_record *r, void *arg), void *arg,
		 struct err *err);

/* --- where sockets are --- */

/*
 * The directory of control sockets: $ISCSIFS_RUNTIME_DIR, else /run/iscsifs for root, else
 * $XDG_RUNTIME_DIR/iscsifs, else /tmp/iscsifs-UID.
 *
 * @create  make it, mode 0700, when it is not there.
 *
 * A directory that belongs to somebody else or that others may write to is refused (ERR_ACCESS): a
 * stranger could put his socket there. Returns 0, -ERR_NOT_FOUND (not there, !@create) or -code.
 */
int control_runtime_dir(bool create, char *buf, size_t len, struct err *err);

/*
 * Where this process should listen: `<runtime dir>/<pid>.sock`; makes the directory, and removes the
 * sockets there that daemons which were killed left behind.
 */
int control_default_path(char *buf, size_t len, struct err *err);

/*
 * Call found(path, arg) for each `*.sock` in the runtime directory, sorted by name. One that a daemon
 * which was killed left behind (its process is gone and nobody listens) is removed. A directory that
 * is not there has none. Returns 0 or -code.
 */
int control_each_socket(void (*found)(const char *path, void *arg), void *arg, struct err *err);

#endif
