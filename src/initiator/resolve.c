/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names to addresses. The one hard thing: getaddrinfo() cannot be called back, so a resolve that is
 * forgotten leaves its thread behind. What both share is counted, and the thread wakes the loop only
 * under the lock that tells it whether somebody still wants to know.
 */
#include "resolve.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "iscsifs/url.h"

/* What the loop and the thread share. */
struct resolve_job {
	pthread_mutex_t lock;
	unsigned users;
	int wake_fd;			/* -1: nobody waits */
	char host[URL_HOST_MAX];
	uint16_t port;
	struct resolve_result result;
};

struct resolve {
	struct loop *loop;
	struct resolve_job *job;
	struct loop_fd watch;
	struct loop_call call;		/* when no thread is needed */
	void (*done)(void *arg, const struct resolve_result *result);
	void *arg;
	bool answering;
};

static void job_put(struct resolve_job *job)
{
	bool last;

	pthread_mutex_lock(&job->lock);
	last = !--job->users;
	pthread_mutex_unlock(&job->lock);
	if (!last)
		return;
	pthread_mutex_destroy(&job->lock);
	free(job);
}

static void job_add(struct resolve_result *result, const struct addrinfo *ai, uint16_t port)
{
	char host[INET6_ADDRSTRLEN + 32];
	char *portal = result->portals[result->count];

	if (getnameinfo(ai->ai_addr, ai->ai_addrlen, host, sizeof(host), NULL, 0, NI_NUMERICHOST))
		return;
	snprintf(portal, TRANSPORT_PORTAL_MAX, ai->ai_family == AF_INET6 ? "[%s]:%u" : "%s:%u",
		 host, port);
	for (unsigned i = 0; i < result->count; i++) {
		if (!strcmp(result->portals[i], portal))
			return;
	}
	result->count++;
}

/* Fill the result. Returns getaddrinfo()'s code. */
static int job_look_up(struct resolve_job *job, int flags)
{
	struct addrinfo hints = { .ai_flags = flags, .ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;
	int rc = getaddrinfo(job->host, NULL, &hints, &list);

	if (rc)
		return rc;
	for (struct addrinfo *ai = list; ai && job->result.count < RESOLVE_MAX; ai = ai->ai_next)
		job_add(&job->result, ai, job->port);
	freeaddrinfo(list);
	return job->result.count ? 0 : EAI_NONAME;
}

static void job_explain(struct resolve_job *job, int rc)
{
	if (rc == EAI_AGAIN)
		err_set(&job->result.err, ERR_AGAIN,
			"host name \"%s\" cannot be looked up now: the name server does not answer",
			job->host);
	else
		err_set(&job->result.err, ERR_HOST, "host name \"%s\" not found: %s", job->host,
			gai_strerror(rc));
}

static void *job_thread(void *arg)
{
	struct resolve_job *job = arg;
	uint64_t one = 1;
	int rc = job_look_up(job, 0);

	if (rc)
		job_explain(job, rc);
	pthread_mutex_lock(&job->lock);
	if (job->wake_fd >= 0 && write(job->wake_fd, &one, sizeof(one)) < 0)
		abort();	/* an eventfd takes a 1 */
	pthread_mutex_unlock(&job->lock);
	job_put(job);
	return NULL;
}

/* A detached thread that gets no signals. */
static int job_start(struct resolve_job *job)
{
	sigset_t all, before;
	pthread_attr_t attr;
	pthread_t thread;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	job->users++;
	rc = pthread_create(&thread, &attr, job_thread, job);
	if (rc)
		job->users--;
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -rc;
}

static void resolve_free(struct resolve *r)
{
	int fd;

	loop_fd_del(r->loop, &r->watch);
	loop_call_cancel(&r->call);
	pthread_mutex_lock(&r->job->lock);
	fd = r->job->wake_fd;
	r->job->wake_fd = -1;
	pthread_mutex_unlock(&r->job->lock);
	if (fd >= 0)
		close(fd);
	job_put(r->job);
	free(r);
}

static void resolve_answer(struct resolve *r)
{
	r->answering = true;
	loop_fd_del(r->loop, &r->watch);
	r->done(r->arg, &r->job->result);
	resolve_free(r);
}

static void resolve_ready(struct loop_fd *w, unsigned events)
{
	(void)events;
	resolve_answer(container_of(w, struct resolve, watch));
}

static void resolve_called(struct loop_call *c)
{
	resolve_answer(container_of(c, struct resolve, call));
}

static struct resolve *resolve_new(struct loop *loop)
{
	struct resolve *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->job = calloc(1, sizeof(*r->job));
	if (!r->job) {
		free(r);
		return NULL;
	}
	pthread_mutex_init(&r->job->lock, NULL);
	r->job->users = 1;
	r->job->wake_fd = -1;
	r->loop = loop;
	loop_fd_init(&r->watch, resolve_ready);
	loop_call_init(&r->call, resolve_called);
	return r;
}

/* Not numeric: ask in a thread, be woken through an eventfd. */
static int resolve_ask(struct resolve *r)
{
	int rc;

	r->job->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (r->job->wake_fd < 0)
		return -errno;
	rc = loop_fd_add(r->loop, &r->watch, r->job->wake_fd, LOOP_IN);
	return rc ? rc : job_start(r->job);
}

int resolve_start(struct resolve **out, struct loop *loop, const char *portal,
		  void (*done)(void *arg, const struct resolve_result *result), void *arg)
{
	struct resolve *r = resolve_new(loop);
	int rc = 0;

	*out = NULL;
	if (!r)
		return -ENOMEM;
	r->done = done;
	r->arg = arg;
	if (url_parse_portal(portal, r->job->host, &r->job->port, &r->job->result.err) ||
	    !job_look_up(r->job, AI_NUMERICHOST))
		loop_defer(loop, &r->call);
	else
		rc = resolve_ask(r);
	if (rc) {
		resolve_free(r);
		return rc;
	}
	*out = r;
	return 0;
}

void resolve_cancel(struct resolve *r)
{
	if (r && !r->answering)
		resolve_free(r);
}
