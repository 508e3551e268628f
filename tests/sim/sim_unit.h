/* SPDX-License-Identifier: BSD-2-Clause */
/* What every file of scripted cases wants: a world for each case, begun and ended. */
#ifndef ISCSIFS_SIM_UNIT_H
#define ISCSIFS_SIM_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "iscsifs/check.h"
#include "sim.h"

int sim_case_setup(void **state);
int sim_case_teardown(void **state);

#define SIM_CASE(f) cmocka_unit_test_setup_teardown(f, sim_case_setup, sim_case_teardown)

/* A world whose session is not begun: disks and network may be changed. */
struct sim *blank(void **state, unsigned luns, const char *const *settings);
/* A world whose session is up, its gates open. */
struct sim *world(void **state, unsigned luns, const char *const *settings);
/* Run until every request is answered, and its memory back. */
void answered(struct sim *s);
void released(struct sim *s);
/* A network that is gone from now on: the link drops, and dials are refused. */
void net_down(struct sim *s);
void net_up(struct sim *s);
enum link_state link_of(const struct sim *s);
enum gate_state gate_of(struct sim *s, unsigned lun);
void set(struct sim *s, const char *name, const char *value);

/* The next tasks of this kind meet this fate, @count of them. */
struct sim_trap {
	bool (*matches)(const struct sim_task *t);
	enum sim_fate fate;
	uint8_t status;
	struct sense sense;
	unsigned count;
	unsigned met;
};

void trap(struct sim *s, struct sim_trap *trap);
bool is_read(const struct sim_task *t);
bool is_write(const struct sim_task *t);
bool is_sync(const struct sim_task *t);
bool is_io(const struct sim_task *t);
bool is_probe(const struct sim_task *t);
bool is_report_luns(const struct sim_task *t);

#endif
