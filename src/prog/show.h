/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one writer of what people and scripts read: records of a control socket as text, as key=value
 * lines, as JSON.
 */
#ifndef ISCSIFS_PROG_SHOW_H
#define ISCSIFS_PROG_SHOW_H

#include <stddef.h>
#include <stdio.h>

#include "iscsifs/control.h"

enum show_format {
	SHOW_TEXT = 0,
	SHOW_PAIRS,	/* key=value lines as on the socket, an empty line after each record */
	SHOW_JSON,	/* an array of objects */
};

/* Records, in the order they came. Zeroed: empty. */
struct show_list {
	struct control_record *records;
	size_t count;
};

/* A copy of @r. Returns 0 or -ENOMEM. */
int show_list_add(struct show_list *l, const struct control_record *r);
void show_list_fini(struct show_list *l);

/* For a terminal: control characters are shown as question marks. */
void show_put_text(FILE *f, const char *text);

/* What belongs to sessions: lists that may be empty. */
struct show_sessions {
	struct show_list sessions;	/* answers to cmd=session */
	struct show_list settings;	/* to cmd=settings, from level 2 on */
	struct show_list luns;		/* to cmd=lun, from level 3 on */
};

/* As iscsiadm prints sessions at its print level @level, 0 to 3, with what only we know beside. */
void show_sessions(FILE *f, const struct show_sessions *s, int level);

/* The same for machines: objects of sessions, with arrays "settings" and "luns" where there are. */
void show_sessions_json(FILE *f, const struct show_sessions *s);

/* Counters of sessions. */
void show_stats(FILE *f, const struct show_list *sessions);

/* A line for each LUN. */
void show_luns(FILE *f, const struct show_list *luns);

/* `name = value` lines under a comment for each session, as a configuration file has them. */
void show_settings(FILE *f, const struct show_list *settings);

/* An event as a line: as in .iscsifs/events, or an object; or as show_pairs(). */
void show_event(FILE *f, const struct control_record *r, enum show_format format);

void show_pairs(FILE *f, const struct show_list *l);
void show_json(FILE *f, const struct show_list *l);

#endif
