/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The event loop over epoll. The one hard thing: a callback may remove the watch of another
 * descriptor whose event epoll has already handed out in this turn; so the batch is kept in the
 * loop, and a watch that goes is struck out of it.
 */
#include "iscsifs/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { LOOP_BATCH = 64 };

struct loop {
	int epfd;
	mono_ms now;
	bool stopped;
	struct list fds;
	struct list timers;		/* by when, soonest first */
	struct list calls;
	struct list hooks;
	struct epoll_event batch[LOOP_BATCH];
	int batch_len;
	struct loop_fd sig_watch;
	void (*sig_got)(void *arg, int signo);
	void *sig_arg;
};

int loop_new(struct loop **out)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epfd < 0) {
		free(l);
		return -errno;
	}
	list_init(&l->fds);
	list_init(&l->timers);
	list_init(&l->calls);
	list_init(&l->hooks);
	l->sig_watch.fd = -1;
	l->now = clock_mono_ms();
	*out = l;
	return 0;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	if (l->sig_watch.fd >= 0) {
		loop_fd_del(l, &l->sig_watch);
		close(l->sig_watch.fd);
	}
	close(l->epfd);
	free(l);
}

mono_ms loop_now(const struct loop *l)
{
	return l->now;
}

static uint32_t loop_to_epoll(unsigned events)
{
	return (events & LOOP_IN ? EPOLLIN : 0u) | (events & LOOP_OUT ? EPOLLOUT : 0u);
}

static unsigned loop_from_epoll(uint32_t events)
{
	return (events & EPOLLIN ? LOOP_IN : 0u) | (events & EPOLLOUT ? LOOP_OUT : 0u) |
	       (events & (EPOLLERR | EPOLLHUP) ? LOOP_HUP : 0u);
}

void loop_fd_init(struct loop_fd *w, void (*ready)(struct loop_fd *, unsigned))
{
	*w = (struct loop_fd){ .fd = -1, .ready = ready };
	list_init(&w->link);
}

int loop_fd_add(struct loop *l, struct loop_fd *w, int fd, unsigned events)
{
	struct epoll_event ev = { .events = loop_to_epoll(events), .data.ptr = w };

	BUG_ON(w->added);
	if (epoll_ctl(l->epfd, EPOLL_CTL_ADD, fd, &ev) < 0)
		return -errno;
	w->fd = fd;
	w->events = events;
	w->added = true;
	list_append(&l->fds, &w->link);
	return 0;
}

void loop_fd_mod(struct loop *l, struct loop_fd *w, unsigned events)
{
	struct epoll_event ev = { .events = loop_to_epoll(events), .data.ptr = w };

	if (!w->added || w->events == events)
		return;
	w->events = events;
	BUG_ON(epoll_ctl(l->epfd, EPOLL_CTL_MOD, w->fd, &ev) < 0);
}

void loop_fd_del(struct loop *l, struct loop_fd *w)
{
	if (!w->added)
		return;
	/* A descriptor that was closed before has left the set by itself. */
	(void)epoll_ctl(l->epfd, EPOLL_CTL_DEL, w->fd, NULL);
	w->added = false;
	list_del(&w->link);
	for (int i = 0; i < l->batch_len; i++) {
		if (l->batch[i].data.ptr == w)
			l->batch[i].data.ptr = NULL;
	}
}

void loop_timer_init(struct loop *l, struct loop_timer *t, void (*fire)(struct loop_timer *))
{
	*t = (struct loop_timer){ .loop = l, .when = MONO_NEVER, .fire = fire };
	list_init(&t->link);
}

void loop_timer_set(struct loop_timer *t, mono_ms when)
{
	struct loop_timer *other;

	list_del(&t->link);
	t->when = when;
	if (when == MONO_NEVER)
		return;
	list_each(other, &t->loop->timers, link) {
		if (other->when > when)
			break;
	}
	list_append(&other->link, &t->link);
}

void loop_timer_stop(struct loop_timer *t)
{
	loop_timer_set(t, MONO_NEVER);
}

void loop_call_init(struct loop_call *c, void (*run)(struct loop_call *))
{
	c->run = run;
	list_init(&c->link);
}

void loop_defer(struct loop *l, struct loop_call *c)
{
	if (list_empty(&c->link))
		list_append(&l->calls, &c->link);
}

void loop_call_cancel(struct loop_call *c)
{
	list_del(&c->link);
}

void loop_hook_add(struct loop *l, struct loop_hook *h, void (*run)(struct loop_hook *))
{
	h->run = run;
	list_init(&h->link);
	list_append(&l->hooks, &h->link);
}

void loop_hook_del(struct loop_hook *h)
{
	list_del(&h->link);
}

static void loop_signal_ready(struct loop_fd *w, unsigned events)
{
	struct loop *l = container_of(w, struct loop, sig_watch);
	struct signalfd_siginfo si;

	(void)events;
	while (read(w->fd, &si, sizeof(si)) == (ssize_t)sizeof(si))
		l->sig_got(l->sig_arg, (int)si.ssi_signo);
}

int loop_signals(struct loop *l, const int *signals, void (*got)(void *arg, int signo), void *arg)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	for (; *signals; signals++)
		sigaddset(&set, *signals);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	l->sig_got = got;
	l->sig_arg = arg;
	loop_fd_init(&l->sig_watch, loop_signal_ready);
	return loop_fd_add(l, &l->sig_watch, fd, LOOP_IN);
}

static void loop_run_timers(struct loop *l)
{
	struct loop_timer *t;

	while ((t = list_first(&l->timers, struct loop_timer, link)) && t->when <= l->now) {
		loop_timer_stop(t);
		t->fire(t);
	}
}

/* Calls that a call defers wait for the next round, so that none can starve the descriptors. */
static void loop_run_calls(struct loop *l)
{
	struct list batch = LIST_INIT(batch);
	struct loop_call *c;

	while ((c = list_first(&l->calls, struct loop_call, link)))
		list_move(&batch, &c->link);
	while ((c = list_first(&batch, struct loop_call, link))) {
		list_del(&c->link);
		c->run(c);
	}
}

static void loop_run_hooks(struct loop *l)
{
	struct loop_hook *h, *tmp;

	list_each_safe(h, tmp, &l->hooks, link)
		h->run(h);
}

static int loop_sleep_ms(const struct loop *l, span_ms wait)
{
	const struct loop_timer *t = list_first(&l->timers, struct loop_timer, link);

	if (!list_empty(&l->calls))
		return 0;
	if (t && (wait < 0 || t->when - l->now < wait))
		wait = MAX(t->when - l->now, 0);
	return wait < 0 ? -1 : (int)MIN(wait, 3600 * 1000);
}

int loop_turn(struct loop *l, span_ms wait)
{
	int n;

	l->now = clock_mono_ms();
	n = epoll_wait(l->epfd, l->batch, LOOP_BATCH, loop_sleep_ms(l, wait));
	if (n < 0 && errno != EINTR)
		return -errno;
	l->now = clock_mono_ms();
	l->batch_len = MAX(n, 0);
	for (int i = 0; i < l->batch_len; i++) {
		struct loop_fd *w = l->batch[i].data.ptr;

		if (w)
			w->ready(w, loop_from_epoll(l->batch[i].events));
	}
	l->batch_len = 0;
	loop_run_timers(l);
	loop_run_calls(l);
	loop_run_hooks(l);
	loop_run_calls(l);
	return 0;
}

int loop_run(struct loop *l)
{
	int rc = 0;

	l->stopped = false;
	while (!l->stopped && !rc)
		rc = loop_turn(l, -1);
	return rc;
}

void loop_stop(struct loop *l)
{
	l->stopped = true;
}
