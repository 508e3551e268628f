/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests on a session that is up: cut, merged, kept apart, flushed, cancelled. */
#include "sim_unit.h"

static const char *const depth_32[] = { "cmds_max=64", "queue_depth=32", NULL };

static void slow(struct sim *s)
{
	s->net.delay_min = s->net.delay_max = 100;
}

static void a_write_is_read_back(void **state)
{
	struct sim *s = world(state, 1, NULL);
	struct sim_io *w = sim_write(s, 0, 1024, 2048);
	struct sim_io *r;

	released(s);
	assert_int_equal(w->err, 0);
	r = sim_read(s, 0, 1024, 2048);
	released(s);
	assert_int_equal(r->err, 0);
	assert_int_equal(sim_unit_id(s, r->got, 16), w->id);
}

static void unaligned_write_reads_merges_and_writes(void **state)
{
	struct sim *s = world(state, 1, NULL);
	struct sim_io *all = sim_write(s, 0, 0, 2048);
	struct sim_io *w, *r;

	released(s);
	s->reads = s->writes = 0;
	w = sim_write(s, 0, 448, 640);		/* the end of block 0, block 1, a bit of block 2 */
	released(s);
	assert_int_equal(s->reads, 2);
	assert_int_equal(s->writes, 1);
	r = sim_read(s, 0, 0, 2048);
	released(s);
	assert_int_equal(sim_unit_id(s, r->got + 384, 6), all->id);
	assert_int_equal(sim_unit_id(s, r->got + 448, 7), w->id);
	assert_int_equal(sim_unit_id(s, r->got + 1024, 16), w->id);
	assert_int_equal(sim_unit_id(s, r->got + 1088, 17), all->id);
}

static void a_write_within_one_block_reads_it_once(void **state)
{
	struct sim *s = world(state, 1, NULL);

	sim_write(s, 0, 64, 64);
	released(s);
	assert_int_equal(s->reads, 1);
	assert_int_equal(s->writes, 1);
}

/* sim_check_send() breaks when two overlapping writes are on the wire. */
static void overlapping_writes_take_turns(void **state)
{
	struct sim *s = world(state, 1, NULL);
	struct sim_io *a, *b, *c;

	slow(s);
	a = sim_write(s, 0, 0, 1024);
	b = sim_write(s, 0, 512, 1024);
	c = sim_write(s, 0, 4096, 512);
	sim_run(s, 1);
	assert_int_equal(s->writes, 2);
	released(s);
	assert_true(a->answered_at < b->answered_at);
	assert_int_equal(a->answered_at, c->answered_at);
}

static void neighbours_in_one_block_take_turns(void **state)
{
	struct sim *s = world(state, 1, NULL);
	struct sim_io *a = sim_write(s, 0, 0, 64);
	struct sim_io *b = sim_write(s, 0, 64, 64);
	struct sim_io *r;

	released(s);
	r = sim_read(s, 0, 0, 128);
	released(s);
	assert_int_equal(sim_unit_id(s, r->got, 0), a->id);
	assert_int_equal(sim_unit_id(s, r->got + 64, 1), b->id);
}

static void a_large_request_is_cut_to_what_the_lun_takes(void **state)
{
	struct sim *s = blank(state, 1, depth_32);
	struct sim_io *r;

	s->disks[0].max_transfer_blocks = 4;
	sim_begin(s);
	assert_true(sim_run_until(s, sim_is_decided, 10000));
	sim_write(s, 0, 0, 16384);
	released(s);
	assert_int_equal(s->writes, 8);
	r = sim_read(s, 0, 512, 15872);
	released(s);
	assert_int_equal(r->err, 0);
	assert_int_equal(s->reads, 8);
}

static void no_more_than_queue_depth_is_on_the_wire(void **state)
{
	struct sim *s = world(state, 1, (const char *[]){ "queue_depth=3", NULL });

	slow(s);
	for (unsigned i = 0; i < 10; i++)
		sim_read(s, 0, i * 512, 512);
	sim_run(s, 1);
	assert_int_equal(sim_tasks_on_wire(s), 3);
	set(s, "queue_depth", "9");
	sim_run(s, 250);
	assert_int_equal(s->reads, 10);
	released(s);
}

static void a_busy_lun_starves_no_other(void **state)
{
	struct sim *s = world(state, 2, (const char *[]){ "cmds_max=4", "queue_depth=4", NULL });
	struct sim_io *other;

	slow(s);
	for (unsigned i = 0; i < 60; i++)
		sim_read(s, 0, i * 512, 512);
	other = sim_read(s, 1, 0, 512);
	sim_run(s, 1000);
	assert_true(other->answered);
	released(s);
}

static void flush_is_skipped_only_when_nothing_was_written(void **state)
{
	struct sim *s = world(state, 1, NULL);

	sim_flush(s, 0);
	released(s);
	assert_int_equal(s->syncs, 0);
	sim_write(s, 0, 0, 512);
	released(s);
	sim_flush(s, 0);
	released(s);
	assert_int_equal(s->syncs, 1);
	sim_flush(s, 0);
	released(s);
	assert_int_equal(s->syncs, 1);
}

static void a_write_behind_a_flush_is_not_covered_by_it(void **state)
{
	struct sim *s = world(state, 1, NULL);

	sim_write(s, 0, 0, 512);
	released(s);
	sim_flush(s, 0);
	sim_run(s, 1);
	sim_write(s, 0, 512, 512);
	released(s);
	sim_flush(s, 0);
	released(s);
	assert_int_equal(s->syncs, 2);
}

static void a_failed_write_makes_a_flush_necessary(void **state)
{
	struct sim *s = world(state, 1, NULL);
	struct sim_trap t = { .matches = is_write, .fate = SIM_FATE_STATUS_DONE, .count = 1,
			      .status = SCSI_CHECK_CONDITION,
			      .sense = { .key = SENSE_MEDIUM_ERROR, .code = SENSE_WRITE_ERROR } };
	struct sim_io *w;

	s->errors_are_fine = true;
	trap(s, &t);
	w = sim_write(s, 0, 0, 512);
	released(s);
	assert_int_equal(w->err, -EIO);
	sim_flush(s, 0);
	released(s);
	assert_int_equal(s->syncs, 1);
}

/* Both were sent as (16) when the first refusal came; (10) was refused by nobody. */
static void two_refused_flushes_do_not_make_a_lun_without_cache(void **state)
{
	struct sim *s = blank(state, 1, NULL);

	s->disks[0].no_sync_16 = true;
	sim_begin(s);
	assert_true(sim_run_until(s, sim_is_decided, 10000));
	slow(s);
	sim_write(s, 0, 0, 512);
	released(s);
	sim_flush(s, 0);
	sim_run(s, 1);
	sim_flush(s, 0);		/* the first is in flight: this one goes by itself */
	released(s);
	sim_write(s, 0, 512, 512);
	released(s);
	s->syncs = 0;
	sim_flush(s, 0);
	released(s);
	assert_int_equal(s->syncs, 1);
}

static void a_lun_without_either_flush_has_no_cache(void **state)
{
	struct sim *s = blank(state, 1, NULL);
	struct sim_io *f;

	s->disks[0].no_sync_16 = s->disks[0].no_sync_10 = true;
	s->disks[0].write_cache = false;
	sim_begin(s);
	assert_true(sim_run_until(s, sim_is_decided, 10000));
	sim_write(s, 0, 0, 512);
	released(s);
	f = sim_flush(s, 0);
	released(s);
	assert_int_equal(f->err, 0);
	assert_int_equal(s->syncs, 2);
}

static void fua_is_a_bit_where_the_lun_knows_it(void **state)
{
	struct sim *s = world(state, 1, NULL);

	sim_submit(s, 0, LUN_WRITE, 0, 512, true);
	released(s);
	assert_int_equal(s->fuas, 1);
	assert_int_equal(s->syncs, 0);
}

static void fua_without_dpofua_is_a_write_and_a_flush(void **state)
{
	struct sim *s = blank(state, 1, NULL);

	s->disks[0].dpofua = false;
	sim_begin(s);
	assert_true(sim_run_until(s, sim_is_decided, 10000));
	sim_submit(s, 0, LUN_WRITE, 0, 512, true);
	released(s);
	assert_int_equal(s->fuas, 0);
	assert_int_equal(s->syncs, 1);
}

static void crash_before_sync(struct sim *s, struct sim_task *t)
{
	if (t->is_sync && s->syncs == 1) {
		sim_target_crash(s, true);
		t->fate = SIM_FATE_DROP_BEFORE;
	}
}

/* The model breaks when a good FUA write is not on stable storage. */
static void a_power_loss_between_write_and_flush_does_not_lose_a_fua_write(void **state)
{
	struct sim *s = blank(state, 1, NULL);
	struct sim_io *w;

	s->disks[0].dpofua = false;
	sim_begin(s);
	assert_true(sim_run_until(s, sim_is_decided, 10000));
	s->net.on_task = crash_before_sync;
	w = sim_submit(s, 0, LUN_WRITE, 0, 512, true);
	released(s);
	assert_int_equal(w->err, 0);
	assert_int_equal(s->writes, 2);
}

static void cancelled_on_the_wire_answers_now_and_releases_later(void **state)
{
	struct sim *s = world(state, 1, NULL);
	struct sim_io *w;

	slow(s);
	w = sim_write(s, 0, 0, 512);
	sim_run(s, 1);
	sim_cancel(w);
	sim_cancel(w);
	assert_false(w->answered);	/* not inside the call */
	sim_run(s, 0);
	assert_true(w->answered);
	assert_int_equal(w->err, -EINTR);
	assert_false(w->released);
	released(s);
	assert_true(w->released_at > w->answered_at);
}

static void a_cancelled_write_keeps_its_place_before_overlapping_ones(void **state)
{
	struct sim *s = world(state, 1, NULL);
	struct sim_io *w, *next;

	slow(s);
	w = sim_write(s, 0, 0, 512);
	sim_run(s, 1);
	sim_cancel(w);
	next = sim_write(s, 0, 0, 512);
	sim_run(s, 1);
	assert_int_equal(s->writes, 1);
	released(s);
	assert_int_equal(next->err, 0);
	assert_true(next->answered_at >= w->released_at);
}

static void cancelling_a_flush_does_not_cancel_those_that_joined_it(void **state)
{
	struct sim *s = world(state, 1, NULL);
	struct sim_io *f[3];

	sim_write(s, 0, 0, 512);
	released(s);
	set(s, "queue_depth", "1");
	slow(s);
	sim_read(s, 0, 0, 512);		/* fills the queue, so that the flushes meet */
	for (unsigned i = 0; i < 3; i++)
		f[i] = sim_flush(s, 0);
	sim_run(s, 250);
	assert_int_equal(s->syncs, 1);
	sim_cancel(f[0]);
	sim_cancel(f[2]);
	released(s);
	assert_int_equal(f[0]->err, -EINTR);
	assert_int_equal(f[1]->err, 0);
	assert_int_equal(f[2]->err, -EINTR);
	assert_int_equal(s->syncs, 1);
}

static void ask_again(struct sim_io *io)
{
	if (io->sim->next_id < 40)
		sim_read(io->sim, 0, 0, 512)->then = ask_again;
}

static void a_done_callback_may_submit_at_once(void **state)
{
	struct sim *s = world(state, 1, (const char *[]){ "queue_depth=1", NULL });

	sim_read(s, 0, 0, 512)->then = ask_again;
	sim_run(s, 2000);
	released(s);
	assert_int_equal(s->next_id, 40);
}

static void an_empty_request_is_done_at_once_whatever_the_link_does(void **state)
{
	struct sim *s = world(state, 1, NULL);
	struct sim_io *io;

	net_down(s);
	sim_run(s, 10);
	io = sim_read(s, 0, 512, 0);
	sim_run(s, 1);
	assert_true(io->released);
	assert_int_equal(io->err, 0);
}

static void busy_is_tried_again_later(void **state)
{
	struct sim *s = world(state, 1, NULL);
	struct sim_trap t = { .matches = is_io, .fate = SIM_FATE_STATUS, .count = 5,
			      .status = SCSI_TASK_SET_FULL };
	struct sim_io *r;
	mono_ms began = sim_now();

	trap(s, &t);
	r = sim_read(s, 0, 0, 512);
	released(s);
	assert_int_equal(r->err, 0);
	assert_int_equal(t.met, 5);
	assert_true(sim_now() - began > 100);
}

static void a_full_window_of_busy_is_one_busy_time(void **state)
{
	struct sim *s = world(state, 1, depth_32);
	struct sim_trap t = { .matches = is_io, .fate = SIM_FATE_STATUS, .count = 32,
			      .status = SCSI_BUSY };
	mono_ms began = sim_now();

	trap(s, &t);
	for (unsigned i = 0; i < 32; i++)
		sim_read(s, 0, i * 512, 512);
	released(s);
	assert_true(sim_now() - began < 200);
}

static void a_busy_pause_ends_with_the_link(void **state)
{
	struct sim *s = world(state, 1, (const char *[]){ "time2wait=eager", NULL });
	struct sim_trap t = { .matches = is_io, .fate = SIM_FATE_STATUS, .count = 8,
			      .status = SCSI_BUSY };
	struct sim_io *r;

	trap(s, &t);
	r = sim_read(s, 0, 0, 512);
	while (t.count)
		sim_run(s, 10);
	sim_run(s, 10);
	assert_true(loop_timer_is_set(&sim_lun(s, 0)->q.pause));
	sim_drop(s, TRANSPORT_LOSS_DROPPED, -1, "dropped");
	sim_run(s, 10);
	assert_false(loop_timer_is_set(&sim_lun(s, 0)->q.pause));
	released(s);
	assert_int_equal(r->err, 0);
}

static void an_aborted_command_is_retried_five_times(void **state)
{
	struct sim *s = world(state, 1, NULL);
	struct sim_trap t = { .matches = is_read, .fate = SIM_FATE_STATUS, .count = 5,
			      .status = SCSI_CHECK_CONDITION,
			      .sense = { .key = SENSE_ABORTED_COMMAND, .code = 0x4704 } };
	struct sim_io *r;

	trap(s, &t);
	r = sim_read(s, 0, 0, 512);
	released(s);
	assert_int_equal(r->err, 0);
	t.count = 6;
	s->errors_are_fine = true;
	r = sim_read(s, 0, 0, 512);
	released(s);
	assert_int_equal(r->err, -EIO);
}

static void a_short_answer_that_says_good_is_not_believed(void **state)
{
	struct sim *s = world(state, 1, NULL);
	struct sim_trap t = { .matches = is_read, .fate = SIM_FATE_SHORT, .count = 2 };
	struct sim_io *r;

	trap(s, &t);
	r = sim_read(s, 0, 0, 1024);
	released(s);
	assert_int_equal(r->err, 0);
	assert_int_equal(s->reads, 3);
}

static void what_a_disk_refuses_has_the_errno_of_a_disk(void **state)
{
	static const struct {
		enum sense_key key;
		uint16_t code;
		int err;
	} rows[] = {
		{ SENSE_DATA_PROTECT, SENSE_WRITE_PROTECTED, -EROFS },
		{ SENSE_DATA_PROTECT, SENSE_SPACE_ALLOCATION_FAILED, -ENOSPC },
		{ SENSE_ILLEGAL_REQUEST, SENSE_LBA_OUT_OF_RANGE, -ENOSPC },
		{ SENSE_MEDIUM_ERROR, SENSE_WRITE_ERROR, -EIO },
	};
	struct sim *s = world(state, 1, NULL);

	s->errors_are_fine = true;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		struct sim_trap t = { .matches = is_write, .fate = SIM_FATE_STATUS, .count = 1,
				      .status = SCSI_CHECK_CONDITION,
				      .sense = { .key = (uint8_t)rows[i].key,
						 .code = rows[i].code } };
		struct sim_io *w;

		trap(s, &t);
		w = sim_write(s, 0, 0, 512);
		released(s);
		assert_int_equal(w->err, rows[i].err);
	}
}

static void a_request_that_is_too_large_is_refused(void **state)
{
	struct sim *s = world(state, 1, NULL);
	struct sim_io *r;

	s->errors_are_fine = true;
	r = sim_read(s, 0, 0, (2 << 20) + 64);
	released(s);
	assert_int_equal(r->err, -EINVAL);
}

static void one_failed_piece_fails_the_request_once(void **state)
{
	struct sim *s = blank(state, 1, NULL);
	struct sim_trap t = { .matches = is_read, .fate = SIM_FATE_STATUS, .count = 1,
			      .status = SCSI_CHECK_CONDITION,
			      .sense = { .key = SENSE_MEDIUM_ERROR, .code = SENSE_UNRECOVERED_READ_ERROR } };
	struct sim_io *r;

	s->disks[0].max_transfer_blocks = 1;
	sim_begin(s);
	assert_true(sim_run_until(s, sim_is_decided, 10000));
	s->errors_are_fine = true;
	trap(s, &t);
	r = sim_read(s, 0, 0, 8192);
	released(s);
	assert_int_equal(r->err, -EIO);
	assert_true(s->reads < 16);
}

static void without_memory_it_goes_slower_and_on(void **state)
{
	struct sim *s = world(state, 1, NULL);
	struct sim_io *r;

	s->net.oom_percent = 100;
	r = sim_read(s, 0, 0, 512);
	sim_run(s, 200);
	assert_false(r->answered);
	s->net.oom_percent = 0;
	released(s);
	assert_int_equal(r->err, 0);
}

static void blocks_of_4096_bytes_are_merged_as_well(void **state)
{
	struct sim *s = blank(state, 1, NULL);
	struct sim_io *w, *r;

	s->disks[0].block_bytes = 4096;
	s->disks[0].blocks = 8;
	sim_begin(s);
	assert_true(sim_run_until(s, sim_is_decided, 10000));
	w = sim_write(s, 0, 4032, 128);
	released(s);
	assert_int_equal(s->reads, 2);
	r = sim_read(s, 0, 4032, 128);
	released(s);
	assert_int_equal(sim_unit_id(s, r->got + 64, 64), w->id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_CASE(a_write_is_read_back),
		SIM_CASE(unaligned_write_reads_merges_and_writes),
		SIM_CASE(a_write_within_one_block_reads_it_once),
		SIM_CASE(overlapping_writes_take_turns),
		SIM_CASE(neighbours_in_one_block_take_turns),
		SIM_CASE(a_large_request_is_cut_to_what_the_lun_takes),
		SIM_CASE(no_more_than_queue_depth_is_on_the_wire),
		SIM_CASE(a_busy_lun_starves_no_other),
		SIM_CASE(flush_is_skipped_only_when_nothing_was_written),
		SIM_CASE(a_write_behind_a_flush_is_not_covered_by_it),
		SIM_CASE(a_failed_write_makes_a_flush_necessary),
		SIM_CASE(two_refused_flushes_do_not_make_a_lun_without_cache),
		SIM_CASE(a_lun_without_either_flush_has_no_cache),
		SIM_CASE(fua_is_a_bit_where_the_lun_knows_it),
		SIM_CASE(fua_without_dpofua_is_a_write_and_a_flush),
		SIM_CASE(a_power_loss_between_write_and_flush_does_not_lose_a_fua_write),
		SIM_CASE(cancelled_on_the_wire_answers_now_and_releases_later),
		SIM_CASE(a_cancelled_write_keeps_its_place_before_overlapping_ones),
		SIM_CASE(cancelling_a_flush_does_not_cancel_those_that_joined_it),
		SIM_CASE(a_done_callback_may_submit_at_once),
		SIM_CASE(an_empty_request_is_done_at_once_whatever_the_link_does),
		SIM_CASE(busy_is_tried_again_later),
		SIM_CASE(a_full_window_of_busy_is_one_busy_time),
		SIM_CASE(a_busy_pause_ends_with_the_link),
		SIM_CASE(an_aborted_command_is_retried_five_times),
		SIM_CASE(a_short_answer_that_says_good_is_not_believed),
		SIM_CASE(what_a_disk_refuses_has_the_errno_of_a_disk),
		SIM_CASE(a_request_that_is_too_large_is_refused),
		SIM_CASE(one_failed_piece_fails_the_request_once),
		SIM_CASE(without_memory_it_goes_slower_and_on),
		SIM_CASE(blocks_of_4096_bytes_are_merged_as_well),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
