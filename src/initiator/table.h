/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows of the state tables (link, gate, ladder) as text, for the diagrams of iscsifs-recovery(7). */
#ifndef ISCSIFS_TABLE_H
#define ISCSIFS_TABLE_H

#include <stdio.h>

/* How a table is printed: the room of its columns, and the names of its action bits from 0 on. */
struct table_style {
	int state_width, event_width;
	const char *const *actions;	/* NULL-terminated */
};

/* "STATE event -> NEXT action…", a line. */
void table_print_row(const struct table_style *style, FILE *f, const char *state, const char *event,
		     const char *next, unsigned actions);

#endif
