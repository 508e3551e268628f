/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random writes, reads and flushes of a disk by many threads, while somebody else makes things go
 * wrong, and a check of everything that is read: no acknowledged write may be missing, nothing that
 * is over may come back, no unit may be torn or foreign.
 *
 *	history FILE [seed=N] [units=N] [unit=BYTES] [at=BYTES] [threads=N] [ops=N] [max=UNITS]
 *		[read=PERCENT] [flush=PERCENT] [pause=MS] [stable=FILE] [errors=yes] [losing=yes]
 *		[hold=yes] [dsync=no]
 *
 * Works on `units` units of FILE from `at` on, all zeros at first. Half of the threads use O_DIRECT,
 * and a quarter of both kinds O_DSYNC, or none with dsync=no. Each does `ops` operations of up to
 * `max` units, `pause` apart; 0, the default: until SIGTERM. With `hold` it waits for SIGTERM when
 * these are done, and says "resting". Then all is read, flushed and read. With `stable`, the file
 * below the disk, what a flush covers is looked for there, too. EIO fails the test unless errors=yes.
 *
 * SIGUSR1 says that the target may lose its cache from now on, SIGUSR2 that this is over; "losing N"
 * and "lost N" on standard output say that it was heard. losing=yes begins with it.
 *
 * Ends with 0 and a line of figures, or with 1, what is wrong, and how to do it again.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "history_run.h"
#include "history_unit.h"
#include "iscsifs/check.h"
#include "iscsifs/num.h"

enum { THREADS_MAX = 256, UNITS_MAX = 1 << 24, UNIT_BYTES_MAX = 65536 };

static _Noreturn void die(const char *what, const char *why)
{
	fprintf(stderr, "history: %s: %s\n", what, why);
	exit(2);
}

static bool number(const char *arg, const char *key, int64_t min, int64_t max, int64_t *out)
{
	size_t n = strlen(key);

	if (strncmp(arg, key, n) != 0)
		return false;
	if (num_parse_i64(arg + n, min, max, out) != 0)
		die(arg, "not a number that makes sense");
	return true;
}

static bool flag(const char *arg, const char *key, bool *out)
{
	if (strcmp(arg, key) != 0)
		return false;
	*out = true;
	return true;
}

static bool text(const char *arg, const char *key, const char **out)
{
	size_t n = strlen(key);

	if (strncmp(arg, key, n) != 0)
		return false;
	*out = arg + n;
	return true;
}

static void parse(struct history *h, int argc, char **argv)
{
	if (argc < 2)
		die("usage", "history FILE [key=value]...");
	h->path = argv[1];
	for (int i = 2; i < argc; i++) {
		const char *a = argv[i];

		if (!(number(a, "seed=", 0, INT64_MAX, &h->seed) ||
		      number(a, "units=", 1, UNITS_MAX, &h->units) ||
		      number(a, "unit=", HISTORY_UNIT_MIN, UNIT_BYTES_MAX, &h->unit_bytes) ||
		      number(a, "at=", 0, INT64_MAX >> 1, &h->at_bytes) ||
		      number(a, "threads=", 1, THREADS_MAX, &h->threads) ||
		      number(a, "ops=", 0, INT64_MAX, &h->ops) ||
		      number(a, "max=", 1, UNITS_MAX, &h->max_units) ||
		      number(a, "pause=", 0, 60000, &h->pause_ms) ||
		      number(a, "read=", 0, 100, &h->read_percent) ||
		      number(a, "flush=", 0, 100, &h->flush_percent) ||
		      text(a, "stable=", &h->stable) || flag(a, "errors=yes", &h->errors_allowed) ||
		      flag(a, "losing=yes", &h->losing) || flag(a, "hold=yes", &h->hold) ||
		      flag(a, "dsync=no", &h->no_dsync)))
			die(a, "unknown");
	}
	if (h->unit_bytes % HISTORY_UNIT_MIN)
		die("unit", "want a multiple of 32");
	h->max_units = MIN(h->max_units, h->units);
}

static void remember_command(struct history *h, int argc, char **argv)
{
	size_t at = 0;

	for (int i = 0; i < argc && at < sizeof(h->again); i++)
		at += snprintf(h->again + at, sizeof(h->again) - at, "%s%s", i ? " " : "", argv[i]);
}

static void set_up(struct history *h)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&h->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&h->stopped, &attr);
	pthread_condattr_destroy(&attr);
	if (history_model_init(&h->model, h->units) != 0)
		die("units", strerror(ENOMEM));
	if (h->losing)
		history_losing(&h->model);
	h->stable_fd = h->stable ? open(h->stable, O_RDONLY | O_CLOEXEC) : -1;
	if (h->stable && h->stable_fd < 0)
		die(h->stable, strerror(errno));
	h->main = pthread_self();
}

static void tell_loss(struct history *h, bool losing)
{
	pthread_mutex_lock(&h->lock);
	if (losing)
		history_losing(&h->model);
	else
		history_lost(&h->model);
	h->losses += !losing;
	printf("%s %" PRIu64 "\n", losing ? "losing" : "lost", h->losses);
	fflush(stdout);
	pthread_mutex_unlock(&h->lock);
}

static void say(const char *word)
{
	printf("%s\n", word);
	fflush(stdout);
}

/* Until there is an end to it. */
static void listen_to(struct history *h, const sigset_t *signals)
{
	int sig;

	while (sigwait(signals, &sig) == 0 && sig != SIGTERM && sig != SIGINT) {
		if (sig == SIGUSR1 || sig == SIGUSR2)
			tell_loss(h, sig == SIGUSR1);
		else if (h->hold)
			say("resting");
		else
			return;
	}
}

static void run(struct history *h)
{
	pthread_t workers[THREADS_MAX];
	/* Kept open: the last close would flush, and what is not flushed is to be lost by a crash.
	 */
	int fd = open(h->path, O_RDWR | O_CLOEXEC);
	sigset_t signals;

	if (fd < 0)
		die(h->path, strerror(errno));

	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR1);
	sigaddset(&signals, SIGUSR2);
	sigaddset(&signals, HISTORY_DONE);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	history_start(h, workers);
	say("running");
	listen_to(h, &signals);
	history_stop(h);
	for (int64_t i = 0; i < h->threads; i++)
		pthread_join(workers[i], NULL);
	history_check_all(h);
	close(fd);
}

int main(int argc, char **argv)
{
	static struct history h = {
		.seed = 1,
		.units = 2048,
		.unit_bytes = 512,
		.threads = 8,
		.max_units = 128,
		.read_percent = 35,
		.flush_percent = 5,
	};

	parse(&h, argc, argv);
	remember_command(&h, argc, argv);
	set_up(&h);
	run(&h);
	printf("history: good seed=%" PRId64 " reads=%" PRIu64 " writes=%" PRIu64
	       " flushes=%" PRIu64 " bytes=%" PRIu64 " errors=%" PRIu64 " looks=%" PRIu64
	       " losses=%" PRIu64 " slowest_ms=%lld\n",
	       h.seed, h.reads, h.writes, h.flushes, h.bytes, h.errors, h.looks, h.losses,
	       (long long)h.slowest);
	history_model_fini(&h.model);
	return 0;
}
