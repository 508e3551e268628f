/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The asking end of the control socket: one connection, one request, its answer. The one hard
 * thing: a daemon that hangs must not hang us, in connect() neither.
 */
#include "iscsifs/control.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/wire.h"
#include "iscsifs/check.h"
#include "iscsifs/cleanup.h"
#include "iscsifs/num.h"

struct call {
	const char *path;
	int fd;
	mono_ms until;
	struct wire_in in;
	struct wire_out out;
	struct control_record record;	/* the one being received */
	void (*got)(const struct control_record *r, void *arg);
	void *arg;
};

static int call_late(const struct call *c, struct err *err)
{
	return err_set(err, ERR_TIMEOUT, "the daemon at %s did not answer in time", c->path);
}

/* Wait until the socket is ready for @events, or it is too late. */
static int call_wait(const struct call *c, short events, struct err *err)
{
	struct pollfd p = { .fd = c->fd, .events = events };

	for (;;) {
		span_ms left = c->until == MONO_NEVER ? -1 : c->until - clock_mono_ms();
		int n;

		if (c->until != MONO_NEVER && left <= 0)
			return call_late(c, err);
		n = poll(&p, 1, (int)MIN(left, 3600 * 1000));
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return err_set(err, ERR_INTERNAL, "poll: %s", strerror(errno));
	}
}

/* connect() to a full queue blocks; SO_SNDTIMEO bounds that. */
static void call_bound_connect(const struct call *c)
{
	span_ms left = MAX(c->until - clock_mono_ms(), 1);
	struct timeval tv = { .tv_sec = left / 1000, .tv_usec = left % 1000 * 1000 };

	if (c->until != MONO_NEVER)
		(void)setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
}

static int call_connect(struct call *c, struct err *err)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	if (strlen(c->path) >= sizeof(sun.sun_path))
		return err_set(err, ERR_INVALID, "%s is too long for the path of a socket",
			       c->path);
	memcpy(sun.sun_path, c->path, strlen(c->path) + 1);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return err_set(err, ERR_INTERNAL, "socket: %s", strerror(errno));
	call_bound_connect(c);
	if (!connect(c->fd, (struct sockaddr *)&sun, sizeof(sun)))
		return 0;
	if (errno == EAGAIN || errno == EINPROGRESS)
		return call_late(c, err);
	if (errno == EACCES || errno == EPERM)
		return err_set(err, ERR_ACCESS, "%s belongs to another user", c->path);
	return err_set(err, ERR_NO_DAEMON, "nobody listens at %s: %s", c->path, strerror(errno));
}

static int call_send(struct call *c, struct err *err)
{
	while (wire_out_left(&c->out)) {
		ssize_t n = send(c->fd, c->out.data + c->out.at, wire_out_left(&c->out),
				 MSG_DONTWAIT | MSG_NOSIGNAL);
		int rc = 0;

		if (n >= 0)
			wire_out_sent(&c->out, (size_t)n);
		else if (errno == EAGAIN)
			rc = call_wait(c, POLLOUT, err);
		else if (errno == EPIPE || errno == ECONNRESET)
			return 0;	/* why it hung up is in what it said before */
		else if (errno != EINTR)
			rc = err_set(err, ERR_INTERNAL, "%s: %s", c->path, strerror(errno));
		if (rc)
			return rc;
	}
	return 0;
}

static int call_more(struct call *c, struct err *err)
{
	size_t room;
	char *to = wire_in_room(&c->in, &room);
	int rc = call_wait(c, POLLIN, err);
	ssize_t n;

	if (rc)
		return rc;
	n = recv(c->fd, to, room, MSG_DONTWAIT);
	if (n > 0)
		wire_in_came(&c->in, (size_t)n);
	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return 0;
	return err_set(err, ERR_INTERNAL, "the daemon at %s hung up before it had answered",
		       c->path);
}

/* The last group of keys: how it went. */
static int call_result(const struct call *c, struct err *err)
{
	const char *code = control_record_get(&c->record, "errno");
	const char *text = control_record_get(&c->record, "error");
	uint64_t v;

	if (!code || num_parse_u64(code, 0, 255, &v))
		return err_set(err, ERR_INTERNAL, "the daemon at %s answered without errno=",
			       c->path);
	if (!v)
		return 0;
	return err_set(err, (enum err_code)v, "%s", text ? text : "the daemon gave no reason");
}

/* One line of the answer. Returns 1: it was the last, *rc says how the call went. */
static int call_line(struct call *c, const struct wire_line *line, int *rc, struct err *err)
{
	switch (line->kind) {
	case WIRE_MORE:
		*rc = call_more(c, err);
		break;
	case WIRE_PAIR:
		if (c->record.count == CONTROL_KEYS_MAX)
			*rc = err_set(err, ERR_INTERNAL, "a record of too many keys from %s",
				      c->path);
		else if (control_record_add(&c->record, line->key, line->value))
			*rc = err_set(err, ERR_NOMEM, "no memory for the answer");
		break;
	case WIRE_RECORD:
		if (c->got)
			c->got(&c->record, c->arg);
		control_record_fini(&c->record);
		break;
	case WIRE_BAD:
		*rc = err_set(err, ERR_INTERNAL, "nonsense from the daemon at %s: %s", c->path,
			      line->why);
		break;
	case WIRE_END:
		*rc = call_result(c, err);
		return 1;
	}
	return *rc != 0;
}

static int call_receive(struct call *c, struct err *err)
{
	int rc = 0;

	for (;;) {
		struct wire_line line = wire_next(&c->in);

		if (call_line(c, &line, &rc, err))
			return rc;
	}
}

static int call_put_request(struct call *c, const struct control_record *request, struct err *err)
{
	wire_put_pair(&c->out, "version", "1");
	for (size_t i = 0; i < request->count; i++) {
		if (!wire_key_ok(request->pairs[i].key))
			return err_set(err, ERR_INVALID, "\"%.64s\" cannot be a key",
				       request->pairs[i].key);
		wire_put_pair(&c->out, request->pairs[i].key, request->pairs[i].value);
	}
	wire_put_end(&c->out);
	if (c->out.over)
		return err_set(err, ERR_INVALID, "the request is too long");
	return 0;
}

int control_call(const char *path, const struct control_record *request, span_ms timeout,
		 void (*got)(const struct control_record *r, void *arg), void *arg,
		 struct err *err)
{
	struct call c = {
		.path = path, .fd = -1, .got = got, .arg = arg,
		.until = timeout < 0 ? MONO_NEVER : clock_mono_ms() + timeout,
	};
	int rc = 0;

	wire_out_init(&c.out, CONTROL_REQUEST_MAX);
	if (wire_in_init(&c.in))
		rc = err_set(err, ERR_NOMEM, "no memory for the answer");
	if (!rc)
		rc = call_put_request(&c, request, err);
	if (!rc)
		rc = call_connect(&c, err);
	if (!rc)
		rc = call_send(&c, err);
	if (!rc)
		rc = call_receive(&c, err);
	if (c.fd >= 0)
		close(c.fd);
	wire_in_fini(&c.in);
	wire_out_fini(&c.out);
	control_record_fini(&c.record);
	return rc;
}
