/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads. The one hard thing is to keep them out of everything else: a job crosses over twice,
 * each time under the one lock, and nothing but the job is shared.
 */
#include "target/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "iscsifs/check.h"

enum { WORKER_THREADS = 16 };	/* so many calls may sleep at once */

struct worker {
	struct loop *loop;
	struct loop_fd bell;		/* an eventfd: something is finished */
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct list waiting;
	struct list finished;
	bool stop;
	pthread_t thread[WORKER_THREADS];
	int threads;
};

static void *worker_thread(void *arg)
{
	struct worker *w = arg;
	struct worker_job *j;

	pthread_mutex_lock(&w->lock);
	for (;;) {
		while (!w->stop && list_empty(&w->waiting))
			pthread_cond_wait(&w->more, &w->lock);
		if (w->stop)
			break;
		j = list_first(&w->waiting, struct worker_job, link);
		list_del(&j->link);
		pthread_mutex_unlock(&w->lock);
		j->rc = j->run(j);
		pthread_mutex_lock(&w->lock);
		list_append(&w->finished, &j->link);
		(void)eventfd_write(w->bell.fd, 1);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

static void worker_ready(struct loop_fd *bell, unsigned events)
{
	struct worker *w = container_of(bell, struct worker, bell);
	struct list finished = LIST_INIT(finished);
	struct worker_job *j;
	eventfd_t count;

	(void)events;
	(void)eventfd_read(bell->fd, &count);
	pthread_mutex_lock(&w->lock);
	while ((j = list_first(&w->finished, struct worker_job, link)))
		list_move(&finished, &j->link);
	pthread_mutex_unlock(&w->lock);
	while ((j = list_first(&finished, struct worker_job, link))) {
		list_del(&j->link);
		j->done(j);
	}
}

int worker_new(struct worker **out, struct loop *l)
{
	struct worker *w;
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int rc;

	if (fd < 0)
		return -errno;
	w = calloc(1, sizeof(*w));
	if (!w) {
		close(fd);
		return -ENOMEM;
	}
	w->loop = l;
	list_init(&w->waiting);
	list_init(&w->finished);
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->more, NULL);
	loop_fd_init(&w->bell, worker_ready);
	rc = -loop_fd_add(l, &w->bell, fd, LOOP_IN);
	w->bell.fd = fd;
	while (!rc && w->threads < WORKER_THREADS) {
		rc = pthread_create(&w->thread[w->threads], NULL, worker_thread, w);
		w->threads += !rc;
	}
	if (rc) {
		worker_free(w);
		return -rc;
	}
	*out = w;
	return 0;
}

void worker_submit(struct worker *w, struct worker_job *j)
{
	pthread_mutex_lock(&w->lock);
	list_init(&j->link);
	list_append(&w->waiting, &j->link);
	pthread_cond_signal(&w->more);
	pthread_mutex_unlock(&w->lock);
}

void worker_free(struct worker *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_broadcast(&w->more);
	pthread_mutex_unlock(&w->lock);
	while (w->threads)
		pthread_join(w->thread[--w->threads], NULL);
	loop_fd_del(w->loop, &w->bell);
	close(w->bell.fd);
	pthread_cond_destroy(&w->more);
	pthread_mutex_destroy(&w->lock);
	free(w);
}
