/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside iscsifsadm: the command line, a question to every daemon, and the commands. */
#ifndef ISCSIFS_PROG_ADM_H
#define ISCSIFS_PROG_ADM_H

#include <stdbool.h>

#include "iscsifs/clock.h"
#include "iscsifs/control.h"
#include "iscsifs/err.h"
#include "prog/show.h"

enum { ADM_PATIENCE = 5 * 1000 };	/* ms for a daemon to answer */

/* The command line. */
struct adm {
	const char *command;
	const char *socket;
	const char *sid;
	const char *target;
	const char *op;
	const char *name;
	const char *value;
	const char *state;
	const char *gate;
	const char *since;
	span_ms timeout;
	int level;
	bool stats;
	bool force;
	bool secrets;
	bool follow;
	enum show_format format;
	char **args;		/* behind the command */
	int arg_count;
};

/* One question to every daemon. */
struct ask {
	const struct adm *adm;
	struct control_record request;
	span_ms timeout;
	struct show_list answer;
	const char *socket;	/* of the daemon that is answering */
	unsigned answered;	/* daemons that gave an answer, an error too */
	bool done;		/* one of them did what it was asked */
	struct err err;		/* the first error */
};

/* One sentence on stderr. Returns the exit code that @code is. */
int adm_complain(enum err_code code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int adm_complain_no_daemon(void);

/* Has the record this value, or no such key? NULL is every value. */
bool adm_fits(const struct control_record *r, const char *key, const char *wanted);

/* @cmd with what the command line says about whom. ask_fini() is owed. */
struct ask ask_new(const struct adm *adm, const char *cmd);
/* One more word for it; NULL is none. */
void ask_put(struct ask *a, const char *key, const char *value);
/* To every daemon, or to the one that was named; the answer, or the first error, is in @a. */
void ask_run(struct ask *a);
void ask_fini(struct ask *a);
/* The exit code of a question that wants records, after they have been shown. */
int ask_show(const struct ask *a);
/* The exit code of a question that wants something done. */
int ask_outcome(const struct ask *a);

/* The commands. Each prints its answer, or a sentence on stderr, and returns an exit code. */
int cmd_session(const struct adm *adm);
int cmd_lun(const struct adm *adm);
int cmd_stats(const struct adm *adm);
int cmd_settings(const struct adm *adm);
int cmd_set(const struct adm *adm);
int cmd_wait(const struct adm *adm);
int cmd_events(const struct adm *adm);
int cmd_rescan(const struct adm *adm);
int cmd_call(const struct adm *adm);
int cmd_target(const struct adm *adm);

#endif
