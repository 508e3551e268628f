/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Portals and what hangs on them. The one hard thing: one turn of the loop answers many
 * connections, each with one write; so they queue here and are flushed when the turn ends.
 */
#include "target/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "iscsifs/check.h"
#include "iscsifs/log.h"
#include "iscsifs/num.h"
#include "target/admin.h"
#include "target/connection.h"
#include "target/fault_hooks.h"
#include "target/session.h"
#include "target/worker.h"

enum { SERVER_BACKLOG = 128, SERVER_ACCEPTS = 16 };

void server_init(struct server *s)
{
	memset(s, 0, sizeof(*s));
	s->spare_fd = -1;
	list_init(&s->targets);
	list_init(&s->retired);
	chores_init(&s->chores);
	list_init(&s->portals);
	list_init(&s->connections);
	list_init(&s->dirty);
	list_init(&s->sessions);
	params_offer(&s->offer);
	access_init(&s->discovery);
	s->limits = (struct server_limits){
		.connections = 256,
		.tasks = 128,
		.login_timeout = 15000,
		.ping_interval = 20000,
		.ping_timeout = 20000,
	};
}

void server_print_address(const struct sockaddr_storage *sa, char *buf, size_t len)
{
	char host[INET6_ADDRSTRLEN] = "?";

	if (sa->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)sa;

		inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
		snprintf(buf, len, "[%s]:%u", host, ntohs(in6->sin6_port));
	} else {
		const struct sockaddr_in *in = (const void *)sa;

		inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
		snprintf(buf, len, "%s:%u", host, ntohs(in->sin_port));
	}
}

/* --- listening --- */

/* "[::1]:3260" or "host:3260" into its halves; @host is empty for every address. */
static int server_split_address(const char *address, char *host, size_t len, const char **port)
{
	const char *colon = strrchr(address, ':');
	const char *from = address, *to = colon;
	uint64_t number;

	if (!colon || num_parse_u64(colon + 1, 0, UINT16_MAX, &number))
		return -EINVAL;		/* getaddrinfo() would take it modulo 65536 */
	if (*from == '[') {
		if (to == from || to[-1] != ']')
			return -EINVAL;
		from++;
		to--;
	} else if (memchr(from, ':', (size_t)(to - from))) {
		return -EINVAL;		/* a bare IPv6 address is ambiguous */
	}
	if ((size_t)(to - from) >= len)
		return -EINVAL;
	memcpy(host, from, (size_t)(to - from));
	host[to - from] = 0;
	*port = colon + 1;
	return 0;
}

static int server_bind(const struct sockaddr *sa, socklen_t len)
{
	int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int one = 1, err;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (sa->sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (!bind(fd, sa, len) && !listen(fd, SERVER_BACKLOG))
		return fd;
	err = errno;
	close(fd);
	return -err;
}

static bool server_is_wildcard(const struct sockaddr_storage *sa)
{
	if (sa->ss_family == AF_INET6)
		return IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr);
	return ((const struct sockaddr_in *)(const void *)sa)->sin_addr.s_addr == htonl(INADDR_ANY);
}

static int server_add_portal(struct server *s, int fd)
{
	struct portal *p = calloc(1, sizeof(*p));
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);

	if (!p || getsockname(fd, (struct sockaddr *)&sa, &len)) {
		free(p);
		return -ENOMEM;
	}
	p->server = s;
	p->fd = fd;
	p->bound = sa;
	p->bound_len = len;
	p->wildcard = server_is_wildcard(&sa);
	server_print_address(&sa, p->address, sizeof(p->address));
	list_init(&p->link);
	list_append(&s->portals, &p->link);
	return 0;
}

int server_listen(struct server *s, const char *address, struct err *e)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
	struct addrinfo *ai;
	const char *port;
	char host[256];
	int rc;

	if (server_split_address(address, host, sizeof(host), &port))
		return err_set(e, ERR_INVALID,
			       "--listen %s: want ADDRESS:PORT, such as 127.0.0.1:3260 or [::1]:0",
			       address);
	rc = getaddrinfo(*host ? host : NULL, port, &hints, &ai);
	if (rc)
		return err_set(e, ERR_HOST, "--listen %s: %s", address, gai_strerror(rc));
	rc = server_bind(ai->ai_addr, ai->ai_addrlen);
	freeaddrinfo(ai);
	if (rc < 0)
		return err_set(e, rc == -EADDRINUSE ? ERR_EXISTS :
			       rc == -EACCES ? ERR_ACCESS : ERR_INVALID,
			       "--listen %s: %s", address, strerror(-rc));
	if (server_add_portal(s, rc)) {
		close(rc);
		return err_set(e, ERR_NOMEM, "--listen %s: out of memory", address);
	}
	return 0;
}

/*
 * There are no descriptors left, and the one who waits would wake us for ever: let him in through
 * the spare one, and out again.
 */
static void server_turn_away(struct server *s, int listener)
{
	int fd;

	if (s->spare_fd < 0)
		return;
	close(s->spare_fd);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		close(fd);
	s->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	s->stats.turned_away++;
	log_warn("connection refused: out of file descriptors");
}

static void server_accept(struct loop_fd *w, unsigned events)
{
	struct portal *p = container_of(w, struct portal, watch);
	struct server *s = p->server;
	int one = 1;

	(void)events;
	for (int i = 0; i < SERVER_ACCEPTS; i++) {
		int fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE)
				server_turn_away(s, w->fd);
			return;
		}
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		if (s->connection_count >= s->limits.connections) {
			s->stats.turned_away++;
			log_warn("connection refused: there are enough | connections=%u",
				 s->connection_count);
			close(fd);
		} else if (conn_new(s, fd)) {
			log_warn("connection refused: out of memory");
			close(fd);
		} else {
			s->stats.accepted++;
		}
	}
}

void server_deafen(struct server *s)
{
	struct portal *p;

	list_each(p, &s->portals, link) {
		if (p->fd < 0)
			continue;
		loop_fd_del(s->loop, &p->watch);
		close(p->fd);
		p->fd = -1;
	}
}

int server_hear(struct server *s)
{
	struct portal *p;
	int rc = 0;

	list_each(p, &s->portals, link) {
		if (p->fd >= 0)
			continue;
		p->fd = server_bind((const struct sockaddr *)&p->bound, p->bound_len);
		if (p->fd < 0)
			rc = p->fd;
		else
			rc = loop_fd_add(s->loop, &p->watch, p->fd, LOOP_IN);
	}
	return rc;
}

/* --- life --- */

static void server_flush(struct loop_hook *h)
{
	struct server *s = container_of(h, struct server, flush);
	struct list now = LIST_INIT(now);
	struct connection *c;

	while ((c = list_first(&s->dirty, struct connection, dirty)))
		list_move(&now, &c->dirty);
	while ((c = list_first(&now, struct connection, dirty)))
		conn_flush(c);
	if (!list_empty(&s->retired))
		admin_free_retired(s);
}

int server_start(struct server *s, struct loop *loop)
{
	struct portal *p;
	int rc;

	rc = worker_new(&s->worker, loop);
	if (rc)
		return rc;
	s->chores.worker = s->worker;
	s->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	s->loop = loop;
	loop_hook_add(loop, &s->flush, server_flush);
	list_each(p, &s->portals, link) {
		loop_fd_init(&p->watch, server_accept);
		rc = loop_fd_add(loop, &p->watch, p->fd, LOOP_IN);
		if (rc)
			return rc;
	}
	return 0;
}

unsigned server_window(const struct server *s, const struct target *t)
{
	return t && t->window ? t->window : s->limits.tasks;
}

struct target *server_target(const struct server *s, const char *name)
{
	struct target *t;

	list_each(t, &s->targets, link) {
		if (!strcmp(t->name, name))
			return t;
	}
	return NULL;
}

void server_fini(struct server *s)
{
	struct connection *c, *ctmp;
	struct portal *p, *ptmp;
	struct target *t, *ttmp;
	struct lun *l, *ltmp;

	list_each_safe(c, ctmp, &s->connections, link)
		conn_close(c, "the target ends");
	if (s->loop) {
		(void)loop_turn(s->loop, 0);	/* the closed connections go */
		loop_hook_del(&s->flush);
	}
	worker_free(s->worker);
	chores_fini(&s->chores);
	if (s->spare_fd >= 0)
		close(s->spare_fd);
	list_each_safe(p, ptmp, &s->portals, link) {
		if (s->loop && p->fd >= 0)
			loop_fd_del(s->loop, &p->watch);
		if (p->fd >= 0)
			close(p->fd);
		list_del(&p->link);
		free(p);
	}
	faults_free(s->faults);
	list_each_safe(l, ltmp, &s->retired, link)
		lun_free(l);
	list_each_safe(t, ttmp, &s->targets, link)
		target_free(t);
	access_fini(&s->discovery);
}
