/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line of iscsifs-target. */
#ifndef ISCSIFS_PROG_TARGET_OPTIONS_H
#define ISCSIFS_PROG_TARGET_OPTIONS_H

#include <stdbool.h>

#include "iscsifs/err.h"
#include "prog/target_faults.h"
#include "target/server.h"
#include "target/target_conf.h"

/* What was said of one account so far; an empty text was not. */
struct target_secret {
	char user[ACCESS_TEXT_MAX + 1];
	char text[ACCESS_SECRET_MAX + 1];
};

struct target_settings {
	struct server server;
	struct target_conf conf;
	const char *conf_file;
	struct target_conf_target *target;	/* the last --target */
	unsigned listens;
	char *pid_file;			/* absolute, as is control: a daemon leaves its directory */
	char *control;			/* path of the control socket */
	char *log_file;
	struct target_secret incoming;	/* of the last --target */
	struct target_secret outgoing;
	struct target_faults faults;
	bool foreground;
	bool debug;
	bool print_conf;
};

/*
 * Read the command line, and the files that it names, into @st, whose server is initialised; it
 * gets rules for its faults and nothing else. st->conf is checked and has an address to listen on.
 *
 * Returns 0; 1 when all there was to do is done (--help, --version, --print-conf); or -code with a
 * sentence in @e. target_options_free() is owed in every case.
 */
int target_options_parse(struct target_settings *st, int argc, char **argv, struct err *e);

void target_options_free(struct target_settings *st);

#endif
