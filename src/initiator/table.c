/* SPDX-License-Identifier: BSD-2-Clause */
/* State tables as text. */
#include "table.h"

void table_print_row(const struct table_style *style, FILE *f, const char *state, const char *event,
		     const char *next, unsigned actions)
{
	fprintf(f, "%-*s %-*s -> %-*s", style->state_width, state, style->event_width, event,
		style->state_width, next);
	for (unsigned i = 0; style->actions[i]; i++) {
		if (actions & 1u << i)
			fprintf(f, " %s", style->actions[i]);
	}
	fputc('\n', f);
}
