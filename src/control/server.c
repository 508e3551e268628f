/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The answering end of the control socket. The one hard thing: whatever a client does - talks
 * nonsense, says half a sentence, never reads, goes away while its answer is being worked on - the
 * daemon neither waits nor grows, and a request that is kept stays valid until it is done.
 *
 * A client reads and answers one request at a time; its next request waits in the socket meanwhile.
 */
#include "config.h"

#include "iscsifs/control.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/wire.h"
#include "iscsifs/check.h"
#include "iscsifs/cleanup.h"
#include "iscsifs/list.h"
#include "iscsifs/log.h"
#include "iscsifs/num.h"

enum {
	SERVER_PATIENCE = 60 * 1000,	/* ms for half a request, unread answers, saying nothing */
	SERVER_ACCEPT_PAUSE = 1000,	/* ms without accepting after there were no descriptors */
	SERVER_FLUSH_AT = 64 * 1024,	/* bytes of answer that are tried to be sent at once */
	SERVER_BACKLOG = 16,
	SERVER_PROBES = 3,		/* stale sockets removed before somebody is too fast */
};

struct control_server {
	struct loop *loop;
	const struct control_command *commands;
	void *arg;
	char *path;			/* absolute */
	dev_t dev;			/* of the socket's file, so that only ours is removed */
	ino_t ino;
	int fd;
	struct loop_fd watch;
	struct loop_timer accept_again;
	span_ms patience;
	struct list clients;
	unsigned client_count;
};

enum client_state {
	CLIENT_NONE = 0,
	CLIENT_READING,		/* a request, or the silence before it */
	CLIENT_BUSY,		/* its request is being answered */
	CLIENT_CLOSING,		/* closed as soon as the answer is sent */
};

/* What a client is waited for. */
enum client_wait {
	CLIENT_WAIT_NOTHING = 0,
	CLIENT_WAIT_REQUEST,
	CLIENT_WAIT_REST,	/* of a request; its time runs from the first byte */
	CLIENT_WAIT_READ,	/* to read its answer */
};

struct client {
	struct control_server *server;
	enum client_state state;
	int fd;
	struct loop_fd watch;
	struct loop_call step;		/* the only place where a client is freed */
	struct loop_timer timer;
	enum client_wait waits;
	mono_ms since;
	bool progress;			/* bytes were sent since the timer was set */
	bool eof;			/* will say no more */
	bool deaf;			/* will hear no more */
	struct wire_in in;
	struct wire_out out;
	struct control_record request;	/* being read */
	size_t request_bytes;
	struct control_request *rq;	/* being answered */
	struct list link;
};

struct control_request {
	struct client *client;		/* NULL: gone */
	struct control_record keys;
	bool record_open;
	void (*gone)(struct control_request *rq, void *arg);
	void *gone_arg;
};

static const char *client_wait_name(enum client_wait w)
{
	switch (w) {
	case CLIENT_WAIT_REQUEST:
		return "no request";
	case CLIENT_WAIT_REST:
		return "half a request";
	case CLIENT_WAIT_READ:
		return "does not read its answer";
	case CLIENT_WAIT_NOTHING:
		break;
	}
	return "nothing";
}

/* --- requests --- */

static void request_free(struct control_request *rq)
{
	control_record_fini(&rq->keys);
	free(rq);
}

const char *control_get(const struct control_request *rq, const char *key)
{
	return control_record_get(&rq->keys, key);
}

const char *control_cmd(const struct control_request *rq)
{
	return control_get(rq, "cmd");
}

static void client_flush(struct client *c);

void control_put(struct control_request *rq, const char *key, const char *value)
{
	if (!rq->client)
		return;
	wire_put_pair(&rq->client->out, key, value);
	rq->record_open = true;
}

void control_putf(struct control_request *rq, const char *key, const char *fmt, ...)
{
	cleanup_free char *text = NULL;
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (len < 0)
		text = NULL;
	control_put(rq, key, text ? text : "");
}

void control_put_i64(struct control_request *rq, const char *key, int64_t value)
{
	control_putf(rq, key, "%" PRId64, value);
}

void control_put_u64(struct control_request *rq, const char *key, uint64_t value)
{
	control_putf(rq, key, "%" PRIu64, value);
}

void control_put_bool(struct control_request *rq, const char *key, bool value)
{
	control_put(rq, key, value ? "yes" : "no");
}

void control_record_end(struct control_request *rq)
{
	struct client *c = rq->client;

	if (!c || !rq->record_open)
		return;
	wire_put_record_end(&c->out);
	rq->record_open = false;
	if (wire_out_left(&c->out) >= SERVER_FLUSH_AT)
		client_flush(c);
	loop_defer(c->server->loop, &c->step);
}

static void put_result(struct wire_out *out, const struct err *err)
{
	char code[16];

	snprintf(code, sizeof(code), "%d", err ? (int)err->code : ERR_OK);
	if (err && err_is_set(err))
		wire_put_pair(out, "error", err->text);
	wire_put_pair(out, "errno", code);
	wire_put_end(out);
}

void control_done(struct control_request *rq, const struct err *err)
{
	struct client *c = rq->client;

	control_record_end(rq);
	if (c) {
		put_result(&c->out, err);
		c->rq = NULL;
		c->state = CLIENT_READING;
		loop_defer(c->server->loop, &c->step);
	}
	request_free(rq);
}

void control_fail(struct control_request *rq, enum err_code code, const char *fmt, ...)
{
	struct err err = { .code = code };
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err.text, sizeof(err.text), fmt, ap);
	va_end(ap);
	control_done(rq, &err);
}

void control_on_gone(struct control_request *rq, void (*gone)(struct control_request *, void *),
		     void *arg)
{
	rq->gone = gone;
	rq->gone_arg = arg;
}

/* Nobody listens to the answer any more. */
static void request_detach(struct control_request *rq)
{
	rq->client->rq = NULL;
	rq->client = NULL;
	if (rq->gone)
		rq->gone(rq, rq->gone_arg);
}

/* --- clients --- */

static void client_free(struct client *c)
{
	struct control_server *s = c->server;

	if (c->rq)
		request_detach(c->rq);
	loop_timer_stop(&c->timer);
	loop_call_cancel(&c->step);
	loop_fd_del(s->loop, &c->watch);
	close(c->fd);
	wire_in_fini(&c->in);
	wire_out_fini(&c->out);
	control_record_fini(&c->request);
	list_del(&c->link);
	s->client_count--;
	free(c);
}

/* What it said makes no sense: say so, once here and once there, and listen no longer. */
static void client_bad(struct client *c, const char *why)
{
	struct err err = ERR_INIT;

	log_info("control client closed, it does not speak our language | why=%s", why);
	err_set(&err, ERR_INVALID, "not a request: %s; see iscsifs-control(7)", why);
	put_result(&c->out, &err);
	c->state = CLIENT_CLOSING;
}

static void client_read(struct client *c)
{
	size_t room;
	char *to = wire_in_room(&c->in, &room);
	ssize_t n;

	if (!room)
		return;
	n = recv(c->fd, to, room, MSG_DONTWAIT);
	if (n > 0)
		wire_in_came(&c->in, (size_t)n);
	else if (n == 0)
		c->eof = true;
	else if (errno != EAGAIN && errno != EINTR)
		c->eof = c->deaf = true;
	else if (c->deaf)
		c->eof = true;
}

static void client_flush(struct client *c)
{
	if (c->deaf)
		wire_out_sent(&c->out, wire_out_left(&c->out));
	while (wire_out_left(&c->out)) {
		ssize_t n = send(c->fd, c->out.data + c->out.at, wire_out_left(&c->out),
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			c->deaf = true;
			loop_fd_del(c->server->loop, &c->watch);
			return;
		}
		c->progress = true;
		wire_out_sent(&c->out, (size_t)n);
	}
}

/* The built-in cmd=help. */
static void server_help(struct control_request *rq, void *arg)
{
	const struct control_server *s = arg;

	for (const struct control_command *cmd = s->commands; cmd->name; cmd++) {
		control_put(rq, "cmd", cmd->name);
		control_put(rq, "help", cmd->help ? cmd->help : "");
		control_record_end(rq);
	}
	control_done(rq, NULL);
}

/* The first key that comes twice, or NULL. */
static const char *record_twice(const struct control_record *r)
{
	for (size_t i = 1; i < r->count; i++) {
		if (control_record_get(r, r->pairs[i].key) != r->pairs[i].value)
			return r->pairs[i].key;
	}
	return NULL;
}

static void server_run(struct control_server *s, struct control_request *rq)
{
	const char *version = control_get(rq, "version");
	const char *name = control_cmd(rq), *twice = record_twice(&rq->keys);

	if (!version || strcmp(version, "1")) {
		control_fail(rq, ERR_UNSUPPORTED, "the request must say version=1");
		return;
	}
	if (twice) {
		control_fail(rq, ERR_INVALID, "%.64s= comes twice", twice);
		return;
	}
	if (!name) {
		control_fail(rq, ERR_INVALID, "the request must say cmd=");
		return;
	}
	for (const struct control_command *cmd = s->commands; cmd->name; cmd++) {
		if (!strcmp(cmd->name, name)) {
			cmd->run(rq, s->arg);
			return;
		}
	}
	if (!strcmp(name, "help"))
		server_help(rq, s);
	else
		control_fail(rq, ERR_UNSUPPORTED, "unknown command \"%.64s\": cmd=help lists them",
			     name);
}

/* The request in c->request is complete. */
static void client_dispatch(struct client *c)
{
	struct control_request *rq = calloc(1, sizeof(*rq));

	if (!rq) {
		client_bad(c, "no memory for it");
		return;
	}
	rq->client = c;
	rq->keys = c->request;
	c->request = (struct control_record){ 0 };
	c->request_bytes = 0;
	c->rq = rq;
	c->state = CLIENT_BUSY;
	c->progress = true;
	server_run(c->server, rq);
}

static void client_pair(struct client *c, const struct wire_line *line)
{
	c->request_bytes += strlen(line->key) + strlen(line->value) + 2;
	if (c->request_bytes > CONTROL_REQUEST_MAX || c->request.count == CONTROL_KEYS_MAX)
		client_bad(c, "more than 256 keys or 262144 bytes");
	else if (control_record_add(&c->request, line->key, line->value))
		client_bad(c, "no memory for it");
}

/* Take lines out of what came, up to the end of one request. */
static void client_work(struct client *c)
{
	while (c->state == CLIENT_READING && wire_out_left(&c->out) < SERVER_FLUSH_AT) {
		struct wire_line line = wire_next(&c->in);

		switch (line.kind) {
		case WIRE_MORE:
			return;
		case WIRE_PAIR:
			client_pair(c, &line);
			break;
		case WIRE_RECORD:
			client_bad(c, "the end of a record");
			break;
		case WIRE_BAD:
			client_bad(c, line.why);
			break;
		case WIRE_END:
			if (!c->request.count)
				break;
			client_dispatch(c);
			return;
		}
	}
}

/* A line that is whole waits in the buffer. */
static bool client_has_line(const struct client *c)
{
	return memchr(c->in.data + c->in.at, '\n', wire_in_left(&c->in));
}

static bool client_is_over(const struct client *c)
{
	if (c->out.over) {
		log_info("control client closed, it does not read its answer | bytes=%zu",
			 wire_out_left(&c->out));
		return true;
	}
	if (c->deaf)
		return c->state != CLIENT_READING || (c->eof && !client_has_line(c));
	if (wire_out_left(&c->out))
		return false;
	if (c->state == CLIENT_CLOSING)
		return true;
	if (c->state != CLIENT_READING || !c->eof || client_has_line(c))
		return false;
	if (wire_in_left(&c->in) || c->request.count)
		log_info("control client closed, it hung up within a request");
	return true;
}

static enum client_wait client_waits(const struct client *c)
{
	if (wire_out_left(&c->out))
		return CLIENT_WAIT_READ;
	if (c->state == CLIENT_BUSY)
		return CLIENT_WAIT_NOTHING;
	return wire_in_left(&c->in) || c->request.count ? CLIENT_WAIT_REST : CLIENT_WAIT_REQUEST;
}

/* Listen for what matters in this state, and for so long as it may take. */
static void client_watch(struct client *c)
{
	enum client_wait waits = client_waits(c);
	struct loop *l = c->server->loop;
	unsigned events = 0;

	if (c->state == CLIENT_READING && !c->eof && wire_out_left(&c->out) < SERVER_FLUSH_AT)
		events |= LOOP_IN;
	if (wire_out_left(&c->out))
		events |= LOOP_OUT;
	loop_fd_mod(l, &c->watch, events);
	if (waits != c->waits || c->progress)
		c->since = loop_now(l);
	c->waits = waits;
	c->progress = false;
	loop_timer_set(&c->timer, waits == CLIENT_WAIT_NOTHING ? MONO_NEVER :
			c->since + c->server->patience);
}

static void client_step(struct loop_call *call)
{
	struct client *c = container_of(call, struct client, step);

	if (c->deaf && !c->eof && c->state == CLIENT_READING)
		client_read(c);
	client_work(c);
	client_flush(c);
	if (client_is_over(c))
		client_free(c);
	else if (c->deaf)
		loop_defer(c->server->loop, call);
	else
		client_watch(c);
}

static void client_ready(struct loop_fd *w, unsigned events)
{
	struct client *c = container_of(w, struct client, watch);

	if (events & LOOP_IN)
		client_read(c);
	if (events & LOOP_HUP) {
		c->deaf = true;
		loop_fd_del(c->server->loop, w);
	}
	loop_defer(c->server->loop, &c->step);
}

static void client_late(struct loop_timer *t)
{
	struct client *c = container_of(t, struct client, timer);

	log_line(c->waits == CLIENT_WAIT_REQUEST ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO,
		 "control client closed, it took too long | why=%s", client_wait_name(c->waits));
	client_free(c);
}

/* @fd becomes the client's. Returns 0 or -errno, @fd still the caller's. */
static int client_new(struct control_server *s, int fd)
{
	struct client *c = calloc(1, sizeof(*c));
	int rc;

	if (!c)
		return -ENOMEM;
	c->server = s;
	c->fd = fd;
	c->state = CLIENT_READING;
	loop_fd_init(&c->watch, client_ready);
	loop_call_init(&c->step, client_step);
	loop_timer_init(s->loop, &c->timer, client_late);
	wire_out_init(&c->out, CONTROL_BACKLOG_MAX);
	rc = wire_in_init(&c->in);
	if (!rc)
		rc = loop_fd_add(s->loop, &c->watch, fd, LOOP_IN);
	if (rc) {
		wire_in_fini(&c->in);
		free(c);
		return rc;
	}
	list_append(&s->clients, &c->link);
	s->client_count++;
	loop_defer(s->loop, &c->step);
	return 0;
}

/* --- the server --- */

/* Tell the one at @fd why not, and close. */
static void server_turn_away(int fd, enum err_code code, const char *why)
{
	struct err err = ERR_INIT;
	struct wire_out out;

	log_info("control client turned away | why=%s", why);
	err_set(&err, code, "%s", why);
	wire_out_init(&out, CONTROL_LINE_MAX);
	put_result(&out, &err);
	(void)!send(fd, out.data, wire_out_left(&out), MSG_DONTWAIT | MSG_NOSIGNAL);
	wire_out_fini(&out);
	close(fd);
}

static bool peer_allowed(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) &&
	       (peer.uid == geteuid() || peer.uid == 0);
}

static void server_admit(struct control_server *s, int fd)
{
	if (!peer_allowed(fd))
		server_turn_away(fd, ERR_ACCESS, "this daemon belongs to another user");
	else if (s->client_count >= CONTROL_CLIENTS_MAX)
		server_turn_away(fd, ERR_BUSY, "32 clients are connected already");
	else if (client_new(s, fd))
		server_turn_away(fd, ERR_NOMEM, "no memory for another client");
}

static void server_ready(struct loop_fd *w, unsigned events)
{
	struct control_server *s = container_of(w, struct control_server, watch);

	(void)events;
	for (int i = 0; i < SERVER_BACKLOG; i++) {
		int fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			server_admit(s, fd);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			log_warn("control client not accepted | why=%s", strerror(errno));
			loop_fd_mod(s->loop, &s->watch, 0);
			loop_timer_set(&s->accept_again,
				       loop_now(s->loop) + SERVER_ACCEPT_PAUSE);
		}
		return;
	}
}

static void server_accept_again(struct loop_timer *t)
{
	struct control_server *s = container_of(t, struct control_server, accept_again);

	loop_fd_mod(s->loop, &s->watch, LOOP_IN);
}

/* Nobody listens at @sun any more. */
static bool socket_is_stale(const struct sockaddr_un *sun)
{
	cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd >= 0 && connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) < 0 &&
	       errno == ECONNREFUSED;
}

/*
 * Bind @fd, instead of a socket that a dead daemon left. The mode is set on the descriptor before:
 * there is no moment in which others could connect.
 */
static int server_bind(int fd, const struct sockaddr_un *sun, struct err *err)
{
	struct stat st;

	if (fchmod(fd, 0600) < 0)
		return err_set(err, ERR_INTERNAL, "%s: %s", sun->sun_path, strerror(errno));
	for (int i = 0; i < SERVER_PROBES; i++) {
		if (!bind(fd, (const struct sockaddr *)sun, sizeof(*sun)))
			return 0;
		if (errno != EADDRINUSE)
			break;
		if (lstat(sun->sun_path, &st) < 0)
			continue;
		if (!S_ISSOCK(st.st_mode))
			return err_set(err, ERR_EXISTS, "%s is there and is no socket",
				       sun->sun_path);
		if (!socket_is_stale(sun))
			return err_set(err, ERR_EXISTS, "another daemon listens at %s",
				       sun->sun_path);
		if (unlink(sun->sun_path) < 0)
			break;
	}
	return err_set(err, errno == EACCES || errno == EPERM || errno == EROFS ? ERR_ACCESS :
		       errno == ENOENT ? ERR_NOT_FOUND : ERR_GENERIC,
		       "cannot listen at %s: %s", sun->sun_path, strerror(errno));
}

/* @path from the root, for a daemon that changes its directory. Returns NULL: no memory. */
static char *path_absolute(const char *path)
{
	char cwd[PATH_MAX];
	char *out;

	if (path[0] == '/' || !getcwd(cwd, sizeof(cwd)))
		return strdup(path);
	return asprintf(&out, "%s/%s", cwd, path) < 0 ? NULL : out;
}

static int server_listen(struct control_server *s, const char *path, struct err *err)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct stat st;
	int rc;

	if (!path[0] || strlen(path) >= sizeof(sun.sun_path))
		return err_set(err, ERR_INVALID, "control socket \"%s\": want 1 to %zu characters",
			       path, sizeof(sun.sun_path) - 1);
	memcpy(sun.sun_path, path, strlen(path) + 1);
	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0)
		return err_set(err, ERR_INTERNAL, "control socket: %s", strerror(errno));
	rc = server_bind(s->fd, &sun, err);
	if (rc)
		return rc;
	s->path = path_absolute(path);
	if (!s->path || stat(path, &st) < 0 || listen(s->fd, SERVER_BACKLOG) < 0) {
		unlink(path);
		return err_set(err, ERR_GENERIC, "cannot listen at %s: %s", path, strerror(errno));
	}
	s->dev = st.st_dev;
	s->ino = st.st_ino;
	return 0;
}

int control_server_new(struct control_server **out, struct loop *loop, const char *path,
		       const struct control_command *commands, void *arg, struct err *err)
{
	struct control_server *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return err_set(err, ERR_NOMEM, "no memory for the control socket");
	*s = (struct control_server){
		.loop = loop, .commands = commands, .arg = arg,
		.fd = -1, .patience = SERVER_PATIENCE,
	};
	list_init(&s->clients);
	loop_fd_init(&s->watch, server_ready);
	loop_timer_init(loop, &s->accept_again, server_accept_again);
	rc = server_listen(s, path, err);
	if (!rc && loop_fd_add(loop, &s->watch, s->fd, LOOP_IN))
		rc = err_set(err, ERR_INTERNAL, "cannot watch %s", path);
	if (rc) {
		control_server_free(s);
		return rc;
	}
	*out = s;
	return 0;
}

void control_server_free(struct control_server *s)
{
	struct client *c, *tmp;
	struct stat st;

	if (!s)
		return;
	list_each_safe(c, tmp, &s->clients, link)
		client_free(c);
	loop_timer_stop(&s->accept_again);
	loop_fd_del(s->loop, &s->watch);
	if (s->fd >= 0)
		close(s->fd);
	if (s->path && !lstat(s->path, &st) && st.st_dev == s->dev && st.st_ino == s->ino)
		unlink(s->path);
	free(s->path);
	free(s);
}

const char *control_server_path(const struct control_server *s)
{
	return s->path;
}

void control_server_set_patience(struct control_server *s, span_ms patience)
{
	s->patience = patience;
}
