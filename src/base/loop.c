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

#include "agenda.h"

enum { LOOP_BATCH = 64, LOOP_SLEEP_MAX_MS = 3600 * 1000 };

struct loop {
	int epfd;
	struct agenda agenda;
	bool turned;			/* the time since the last turn is ours to look at */
	bool stopped;
	struct list fds;
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
	agenda_init(&l->agenda, clock_mono_ms());
	l->sig_watch.fd = -1;
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
	return l->agenda.now;
}

struct agenda *loop_agenda(struct loop *l)
{
	return &l->agenda;
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

int loop_turn(struct loop *l, span_ms wait)
{
	mono_ms now;
	int n;

	now = clock_mono_ms();
	agenda_wake(&l->agenda, now, l->turned ? l->agenda.now : now);
	l->turned = true;
	wait = MIN(agenda_sleep(&l->agenda, wait), LOOP_SLEEP_MAX_MS);
	n = epoll_wait(l->epfd, l->batch, LOOP_BATCH, wait < 0 ? -1 : (int)wait);
	if (n < 0 && errno != EINTR)
		return -errno;
	now = clock_mono_ms();
	agenda_wake(&l->agenda, now, wait < 0 ? now : l->agenda.now + wait);
	l->batch_len = MAX(n, 0);
	for (int i = 0; i < l->batch_len; i++) {
		struct loop_fd *w = l->batch[i].data.ptr;

		if (w)
			w->ready(w, loop_from_epoll(l->batch[i].events));
	}
	l->batch_len = 0;
	agenda_run(&l->agenda);
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
