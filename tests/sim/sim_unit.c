/* SPDX-License-Identifier: BSD-2-Clause */
/* A world for each scripted case. */
#include "sim_unit.h"

int sim_case_setup(void **state)
{
	*state = calloc(1, sizeof(struct sim));
	return *state ? 0 : -1;
}

int sim_case_teardown(void **state)
{
	struct sim *s = *state;

	sim_free(s);
	free(s);
	return 0;
}

struct sim *blank(void **state, unsigned luns, const char *const *settings)
{
	struct sim *s = *state;

	s->verbose = getenv("SIM_VERBOSE") != NULL;
	s->name = "scripted case";
	sim_new(s, 1, luns, settings);
	return s;
}

struct sim *world(void **state, unsigned luns, const char *const *settings)
{
	struct sim *s = blank(state, luns, settings);

	sim_begin(s);
	assert_true(sim_run_until(s, sim_is_decided, 10000));
	assert_int_equal(s->first_err.code, ERR_OK);
	assert_true(sim_run_until(s, sim_is_open, 10000));
	return s;
}

void answered(struct sim *s)
{
	assert_true(sim_run_until(s, sim_is_answered, 100000));
}

void released(struct sim *s)
{
	assert_true(sim_run_until(s, sim_is_idle, 100000));
	sim_check_rest(s);
}

static void refuse_dial(struct sim *s, const char *portal, struct sim_dial *dial)
{
	(void)s;
	(void)portal;
	dial->answer = SIM_DIAL_REFUSED;
}

void net_down(struct sim *s)
{
	s->errors_are_fine = true;
	s->net.on_dial = refuse_dial;
	sim_drop(s, TRANSPORT_LOSS_DROPPED, -1, "the network is down");
}

void net_up(struct sim *s)
{
	s->net.on_dial = NULL;
}

enum link_state link_of(const struct sim *s)
{
	return s->session->link.state;
}

enum gate_state gate_of(struct sim *s, unsigned lun)
{
	return sim_lun(s, lun)->gate.state;
}

void set(struct sim *s, const char *name, const char *value)
{
	struct err err = ERR_INIT;

	s->settings_changed = loop_now(s->loop);
	if (session_set(s->session, name, value, &err) < 0)
		fail_msg("%s", err.text);
}

static void trap_task(struct sim *s, struct sim_task *t)
{
	struct sim_trap *trap = s->user;

	if (!trap->count || !trap->matches(t))
		return;
	trap->count--;
	trap->met++;
	t->fate = trap->fate;
	t->status = trap->status;
	t->sense = trap->sense;
}

void trap(struct sim *s, struct sim_trap *trap)
{
	s->user = trap;
	s->net.on_task = trap_task;
}

bool is_read(const struct sim_task *t)
{
	return t->is_read;
}

bool is_write(const struct sim_task *t)
{
	return t->is_write;
}

bool is_sync(const struct sim_task *t)
{
	return t->is_sync;
}

bool is_io(const struct sim_task *t)
{
	return t->is_read || t->is_write || t->is_sync;
}

bool is_report_luns(const struct sim_task *t)
{
	return t->cdb[0] == SCSI_REPORT_LUNS;
}

bool is_probe(const struct sim_task *t)
{
	return !is_io(t) && !is_report_luns(t);
}
