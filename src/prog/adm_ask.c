/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Questions to daemons. The one hard thing: there is a daemon for each mount, so every question goes
 * to all of them, and one that died or hangs must not spoil the others' answers.
 */
#include "prog/adm.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool adm_fits(const struct control_record *r, const char *key, const char *wanted)
{
	const char *value = control_record_get(r, key);

	return !wanted || !value || !strcmp(value, wanted);
}

static void ask_got(const struct control_record *r, void *arg)
{
	struct ask *a = arg;

	if (!adm_fits(r, "sid", a->adm->sid) || !adm_fits(r, "target", a->adm->target))
		return;
	if (show_list_add(&a->answer, r) ||
	    control_record_add(&a->answer.records[a->answer.count - 1], "socket", a->socket))
		err_set(&a->err, ERR_NOMEM, "no memory for the answer");
}

/*
 * One daemon. A socket that nobody listens at any more is none, unless it was asked for by name; and
 * that one daemon has no such session is no error when another has.
 */
static void ask_one(const char *path, void *arg)
{
	struct ask *a = arg;
	struct err err = ERR_INIT;
	int rc;

	a->socket = path;
	rc = control_call(path, &a->request, a->timeout, ask_got, a, &err);
	if (rc == -ERR_NO_DAEMON && !a->adm->socket)
		return;
	a->answered++;
	a->done |= !rc;
	if (rc && rc != -ERR_NOT_FOUND)
		err_set(&a->err, err.code, "%s", err.text);
}

void ask_put(struct ask *a, const char *key, const char *value)
{
	if (value && control_record_add(&a->request, key, value))
		err_set(&a->err, ERR_NOMEM, "no memory");
}

void ask_fini(struct ask *a)
{
	control_record_fini(&a->request);
	show_list_fini(&a->answer);
}

struct ask ask_new(const struct adm *adm, const char *cmd)
{
	struct ask a = { .adm = adm, .timeout = ADM_PATIENCE };

	ask_put(&a, "cmd", cmd);
	ask_put(&a, "sid", adm->sid);
	ask_put(&a, "target", adm->target);
	return a;
}

/* Where a session with the number that was asked for is: each daemon begins with 1. */
struct ask_whose {
	const struct adm *adm;
	struct ask *a;
	unsigned count;
	char path[CONTROL_PATH_BYTES];	/* of the last one */
	char mounts[200];
};

static void whose_got(const struct control_record *r, void *arg)
{
	struct ask_whose *w = arg;
	const char *mountpoint = control_record_get(r, "mountpoint");
	size_t len = strlen(w->mounts);

	if (!adm_fits(r, "sid", w->adm->sid) || !adm_fits(r, "target", w->adm->target))
		return;
	w->count++;
	snprintf(w->path, sizeof(w->path), "%s", w->a->socket);
	snprintf(w->mounts + len, sizeof(w->mounts) - len, "%s%s", len ? ", " : "",
		 mountpoint ? mountpoint : "?");
}

static void whose_ask(const char *path, void *arg)
{
	struct ask_whose *w = arg;
	struct ask who = ask_new(w->adm, "session");
	struct err err = ERR_INIT;

	w->a->socket = path;
	if (!err_is_set(&who.err))
		(void)control_call(path, &who.request, ADM_PATIENCE, whose_got, w, &err);
	ask_fini(&who);
}

/* Returns false when several daemons have a session with this number: one was meant. */
static bool ask_is_plain(struct ask *a)
{
	struct ask_whose w = { .adm = a->adm, .a = a };

	if (!a->adm->sid || a->adm->socket)
		return true;
	(void)control_each_socket(whose_ask, &w, &a->err);
	if (w.count > 1)
		err_set(&a->err, ERR_INVALID, "%u mounts have a session %s: %s; say which by -T or by "
			"--socket", w.count, a->adm->sid, w.mounts);
	return w.count <= 1;
}

void ask_run(struct ask *a)
{
	if (!ask_is_plain(a))
		return;
	if (a->adm->socket)
		ask_one(a->adm->socket, a);
	else
		(void)control_each_socket(ask_one, a, &a->err);
}

int adm_complain(enum err_code code, const char *fmt, ...)
{
	va_list ap;

	fputs("iscsifsadm: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return (int)code;
}

int adm_complain_no_daemon(void)
{
	return adm_complain(ERR_NO_DAEMON, "no iscsifs daemon of this user is running: mount first "
			    "(iscsifs iscsi://HOST/TARGET MOUNTPOINT), or name its socket by "
			    "--socket");
}

/* Nothing to show: iscsiadm's code for it. */
static int no_sessions(const struct ask *a)
{
	if (a->adm->sid || a->adm->target)
		return adm_complain(ERR_NOT_FOUND, "no such session");
	if (a->answered)
		return adm_complain(ERR_NOT_FOUND, "no active sessions");
	return adm_complain(ERR_NOT_FOUND, "no active sessions: nothing is mounted by this user");
}

int ask_show(const struct ask *a)
{
	if (err_is_set(&a->err))
		return adm_complain(a->err.code, "%s", a->err.text);
	return a->answer.count ? 0 : no_sessions(a);
}

int ask_outcome(const struct ask *a)
{
	if (err_is_set(&a->err))
		return adm_complain(a->err.code, "%s", a->err.text);
	if (!a->answered)
		return adm_complain_no_daemon();
	return a->done ? 0 : no_sessions(a);
}
