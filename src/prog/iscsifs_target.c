/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iscsifs-target: the process around the server. The one hard thing: the shell gets its prompt back
 * only when everything that can fail has not, so the parent waits for the child's word.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "iscsifs/log.h"
#include "iscsifs/loop.h"
#include "target/fault_control.h"
#include "target/server_control.h"
#include "target/target_apply.h"
#include "pid_file.h"
#include "target_options.h"
#include "target_user.h"

static void main_note(const char *text, void *arg)
{
	(void)arg;
	fprintf(stderr, "iscsifs-target: warning: %s\n", text);
}

/* Open everything that only the one who started us may be able to open. */
static int main_open(struct target_settings *st, struct target_user *user, struct err *e)
{
	const struct target_conf_listen *l;
	int rc = target_user_find(user, st->conf.keys.user, e);

	rc = rc ? rc : target_apply(&st->conf, &st->server, main_note, NULL, e);
	list_each(l, &st->conf.listen, link)
		rc = rc ? rc : server_listen(&st->server, l->address, e);
	return rc ? rc : target_apply_check_open(&st->server, st->server.open, main_note, NULL, e);
}

/* --user, after everything else was opened or made. */
static int main_become(const struct target_settings *st, const struct target_user *user,
		       struct err *e)
{
	int rc = target_user_give(user, st->control, e);

	rc = rc ? rc : target_user_give(user, st->pid_file, e);
	rc = rc ? rc : target_user_become(user, e);
	if (!rc && user->wanted)
		log_info("root is dropped | uid=%u gid=%u", (unsigned)user->uid,
			 (unsigned)user->gid);
	return rc;
}

static void main_announce(const struct target_settings *st)
{
	const struct portal *p;

	list_each(p, &st->server.portals, link)
		printf("listening %s\n", p->address);
	fflush(stdout);
}

static int main_open_log(const struct target_settings *st, struct err *e)
{
	enum log_sink sink = st->log_file ? LOG_SINK_FILE :
			     st->foreground ? LOG_SINK_STDERR : LOG_SINK_SYSLOG;
	int rc = log_open(sink, "iscsifs-target", st->log_file);

	if (st->debug)
		log_set_level(LOG_LEVEL_DEBUG);
	if (rc)
		return err_set(e, ERR_ACCESS, "--log-file %s: %s", st->log_file, strerror(-rc));
	return 0;
}

/* Standard streams lead nowhere from now on, so that whoever waits for their end gets it. */
static void main_let_go(void)
{
	int null = open("/dev/null", O_RDWR);

	for (int fd = 0; fd < 3 && null >= 0; fd++)
		dup2(null, fd);
	if (null > 2)
		close(null);
	(void)!chdir("/");
}

/*
 * Into the background. Returns 0 in the child, whose readiness goes to *@tell; the parent waits
 * for it, announces, and ends here.
 */
static int main_daemonise(const struct target_settings *st, int *tell, struct err *e)
{
	struct err child = ERR_INIT;
	int p[2];
	pid_t pid;

	if (pipe2(p, O_CLOEXEC) || (pid = fork()) < 0)
		return err_set(e, ERR_INTERNAL, "cannot go into the background: %s", strerror(errno));
	if (!pid) {
		close(p[0]);
		setsid();
		*tell = p[1];
		return 0;
	}
	close(p[1]);
	if (read(p[0], &child, sizeof(child)) != (ssize_t)sizeof(child))
		err_set(&child, ERR_INTERNAL, "the background process ended");
	if (!err_is_set(&child))
		main_announce(st);
	else
		fprintf(stderr, "iscsifs-target: %s\n", child.text);
	_exit(child.code);
}

/* What there is while it serves. */
struct main_process {
	const struct target_settings *st;
	struct server *server;
	struct target_user user;
	struct loop *loop;
	struct control_server *control;
	int pid_file;
};

/* What rotates logs has moved ours away: begin a new one. */
static void main_new_log(const struct target_settings *st)
{
	struct err e = ERR_INIT;

	if (main_open_log(st, &e))
		log_warn("the log goes on where it was: %s", e.text);
	else
		log_info("the log begins");
}

/* A terminal that hangs up ends what runs on it; in the background there is none. */
static void main_got_signal(void *arg, int signo)
{
	const struct main_process *m = arg;

	if (signo == SIGHUP && !m->st->foreground) {
		main_new_log(m->st);
		return;
	}
	log_info("ending | signal=%s", strsignal(signo));
	loop_stop(m->loop);
}

static int main_start(struct main_process *m, struct err *e)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, 0 };
	const struct target_settings *st = m->st;
	int rc = main_open_log(st, e);

	if (rc)
		return rc;
	m->pid_file = st->pid_file ? pid_file_take(st->pid_file, e) : -1;
	if (err_is_set(e))
		return -(int)e->code;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);	/* a file that may not grow is an error of a write */
	rc = loop_new(&m->loop);
	rc = rc ? rc : loop_signals(m->loop, signals, main_got_signal, m);
	rc = rc ? rc : server_start(m->server, m->loop);
	if (rc)
		return err_set(e, ERR_INTERNAL, "cannot start: %s", strerror(-rc));
	rc = m->server->faults ? faults_start(m->server->faults, e) : 0;
	if (!rc && st->control)
		rc = control_server_new(&m->control, m->loop, st->control, server_commands,
					m->server, e);
	return rc ? rc : main_become(st, &m->user, e);
}

static int main_serve(struct target_settings *st, struct err *e)
{
	struct main_process m = { .st = st, .server = &st->server, .pid_file = -1 };
	int tell = -1;
	int rc = main_open(st, &m.user, e);

	if (!rc && !st->foreground)
		rc = main_daemonise(st, &tell, e);
	rc = rc ? rc : main_start(&m, e);
	if (tell >= 0) {
		(void)!write(tell, e, sizeof(*e));
		close(tell);
		main_let_go();
	} else if (!rc) {
		main_announce(st);
	}
	if (!rc && loop_run(m.loop))
		rc = err_set(e, ERR_INTERNAL, "the event loop failed");
	if (m.server->faults)
		fault_control_end(m.server->faults);
	control_server_free(m.control);
	server_fini(m.server);
	pid_file_remove(m.pid_file, st->pid_file);
	loop_free(m.loop);
	return rc;
}

int main(int argc, char **argv)
{
	static struct target_settings st;
	struct err e = ERR_INIT;
	int rc;

	server_init(&st.server);
	rc = target_options_parse(&st, argc, argv, &e);
	if (rc == 0)
		rc = main_serve(&st, &e);
	else
		server_fini(&st.server);
	target_options_free(&st);
	if (rc < 0)
		fprintf(stderr, "iscsifs-target: %s\n", e.text);
	return rc < 0 ? -rc : 0;
}
