/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line and the configuration file of `iscsifs`, read into a daemon_config. */
#ifndef ISCSIFS_OPTIONS_H
#define ISCSIFS_OPTIONS_H

#include "daemon.h"

struct options {
	struct daemon_config daemon;
	bool foreground;
	bool debug;
	bool help, version;
	char log_file[256];
	char fuse_options[1024];
	char mountpoint[4096];		/* absolute */
	char source[512];
};

/*
 * Read argv (a password in the URL is wiped from it) and what it names. @note is called with each
 * sentence that is worth a warning. Returns 0 or -code with @err set.
 */
int options_parse(struct options *o, int argc, char **argv, void (*note)(const char *text, void *arg),
		  void *arg, struct err *err);
void options_fini(struct options *o);

extern const char options_help[];

#endif
