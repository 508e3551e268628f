/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/bufs.h"
#include "fs/disk.h"
#include "fs/interrupt.h"
#include "fs/mountpoint.h"
#include "fs/said.h"
#include "fs/status.h"
#include "fs/tree.h"

#define MIB	(UINT64_C(1) << 20)

/* ---- disk ---- */

static void a_read_is_clipped_to_the_size(void **state)
{
	(void)state;
	assert_int_equal(disk_read_len(MIB, 0, 4096), 4096);
	assert_int_equal(disk_read_len(MIB, MIB - 1, 4096), 1);
	assert_int_equal(disk_read_len(MIB, MIB, 1), 0);
	assert_int_equal(disk_read_len(MIB, UINT64_MAX, 4096), 0);
	assert_int_equal(disk_read_len(UINT64_MAX, UINT64_MAX - 10, 4096), 10);
}

static void a_write_at_the_end_has_no_space(void **state)
{
	uint32_t len = 0;

	(void)state;
	assert_int_equal(disk_write_len(MIB, MIB, 1, O_WRONLY, &len), -ENOSPC);
	assert_int_equal(disk_write_len(MIB, 0, 1, O_WRONLY | O_APPEND, &len), -ENOSPC);
	assert_int_equal(disk_write_len(MIB, MIB - 3, 10, O_WRONLY, &len), 0);
	assert_int_equal(len, 3);
}

static void a_disk_neither_grows_nor_shrinks(void **state)
{
	(void)state;
	assert_int_equal(disk_truncate(MIB, MIB, true), 0);
	assert_int_equal(disk_truncate(MIB, MIB + 1, true), -EPERM);
	assert_int_equal(disk_truncate(MIB, MIB - 1, true), -EINVAL);
	assert_int_equal(disk_truncate(MIB, 0, true), -EINVAL);
}

static void an_open_that_truncates_is_harmless(void **state)
{
	(void)state;
	assert_int_equal(disk_truncate(MIB, 0, false), 0);
	assert_int_equal(disk_truncate(MIB, 1, false), -EINVAL);
}

static void space_is_allocated_already(void **state)
{
	(void)state;
	assert_int_equal(disk_fallocate(MIB, 0, 0, MIB), 0);
	assert_int_equal(disk_fallocate(MIB, FALLOC_FL_KEEP_SIZE, 10, 10), 0);
	assert_int_equal(disk_fallocate(MIB, 0, 1, MIB), -ENOSPC);
	assert_int_equal(disk_fallocate(MIB, 0, UINT64_MAX, 2), -ENOSPC);
}

static void what_cannot_be_done_to_a_range_is_not_forgotten_for_the_mount(void **state)
{
	static const int modes[] = {
		FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, FALLOC_FL_ZERO_RANGE,
		FALLOC_FL_COLLAPSE_RANGE, 1 << 20,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		assert_int_equal(disk_fallocate(MIB, modes[i], 0, 512), -EOPNOTSUPP);
}

static void all_of_a_disk_is_data(void **state)
{
	uint64_t at = 0;

	(void)state;
	assert_int_equal(disk_seek(MIB, 7, SEEK_DATA, &at), 0);
	assert_int_equal(at, 7);
	assert_int_equal(disk_seek(MIB, 7, SEEK_HOLE, &at), 0);
	assert_int_equal(at, MIB);
	assert_int_equal(disk_seek(MIB, MIB, SEEK_DATA, &at), -ENXIO);
	assert_int_equal(disk_seek(MIB, 0, SEEK_SET, &at), -EINVAL);
}

static void only_a_lone_reader_reads_through_the_cache(void **state)
{
	(void)state;
	assert_true(disk_open_cached(MOUNT_CACHE_AUTO, O_RDONLY, 0));
	assert_false(disk_open_cached(MOUNT_CACHE_AUTO, O_RDONLY, 1));
	assert_false(disk_open_cached(MOUNT_CACHE_AUTO, O_RDONLY | O_DIRECT, 0));
	assert_false(disk_open_cached(MOUNT_CACHE_AUTO, O_RDWR, 0));
	assert_false(disk_open_cached(MOUNT_CACHE_AUTO, O_WRONLY, 0));
	assert_false(disk_open_cached(MOUNT_CACHE_NONE, O_RDONLY, 0));
}

static void a_gap_in_a_file_that_was_truncated_is_refused(void **state)
{
	struct disk_fill f;

	(void)state;
	disk_fill_begin(&f, 1);
	assert_int_equal(disk_fill_write(&f, 0, 4096), 0);
	assert_int_equal(disk_fill_write(&f, 0, 512), 0);
	assert_int_equal(disk_fill_write(&f, 4096, 4096), 0);
	assert_int_equal(disk_fill_write(&f, 8193, 1), -EOPNOTSUPP);
	disk_fill_writers(&f, 0);
	assert_int_equal(disk_fill_write(&f, MIB, 1), 0);
}

static void a_truncation_does_not_hamper_those_who_write_already(void **state)
{
	struct disk_fill f;

	(void)state;
	disk_fill_begin(&f, 2);
	assert_int_equal(disk_fill_write(&f, MIB, 1), 0);
	disk_fill_begin(&f, 1);
	disk_fill_writers(&f, 2);
	assert_int_equal(disk_fill_write(&f, MIB, 1), 0);
	disk_fill_begin(&f, 0);
	assert_int_equal(disk_fill_write(&f, MIB, 1), 0);
}

/* ---- tree ---- */

static void names_are_made_safe(void **state)
{
	char safe[TREE_NAME_MAX + 1];
	char name[2 * TREE_NAME_MAX];

	(void)state;
	tree_safe_name("iqn.2026-11.example:disk", safe);
	assert_string_equal(safe, "iqn.2026-11.example:disk");
	tree_safe_name("../a/b\n\x7f\xc3", safe);
	assert_string_equal(safe, "_._a_b___");
	tree_safe_name("", safe);
	assert_string_equal(safe, "_");
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	tree_safe_name(name, safe);
	assert_in_range(strlen(safe), 200, TREE_NAME_MAX);
}

static void a_second_equal_name_gets_a_number(void **state)
{
	struct tree_node *a, *b, *c;
	struct tree *t;

	(void)state;
	assert_int_equal(tree_new(&t, TREE_DIR), 0);
	assert_int_equal(tree_add(t, tree_root(t), TREE_DISK, "disk", &a), 0);
	assert_int_equal(tree_add(t, tree_root(t), TREE_DISK, "disk", &b), 0);
	assert_int_equal(tree_add(t, tree_root(t), TREE_DISK, "disk", &c), 0);
	assert_string_equal(b->name, "disk-2");
	assert_string_equal(c->name, "disk-3");
	assert_ptr_equal(tree_child(tree_root(t), "disk-2"), b);
	tree_free(t);
}

static void inode_numbers_depend_on_the_path_only(void **state)
{
	struct tree_node *a, *b, *dir;
	struct tree *t, *u;

	(void)state;
	assert_int_equal(tree_new(&t, TREE_DIR), 0);
	assert_int_equal(tree_new(&u, TREE_DIR), 0);
	assert_int_equal(tree_add(t, tree_root(t), TREE_DISK, "first", &a), 0);
	assert_int_equal(tree_dir(t, tree_root(t), "iqn.a", &dir), 0);
	assert_int_equal(tree_add(t, dir, TREE_DISK, "lun0", &a), 0);
	assert_int_equal(tree_dir(u, tree_root(u), "iqn.a", &dir), 0);
	assert_int_equal(tree_add(u, dir, TREE_DISK, "lun0", &b), 0);
	assert_int_equal(a->ino, b->ino);
	assert_int_not_equal(a->ino, TREE_ROOT_INO);
	tree_free(t);
	tree_free(u);
}

static void a_link_leads_from_its_directory(void **state)
{
	struct tree_node *dir, *by_id, *disk, *top, *link;
	struct tree *t;

	(void)state;
	assert_int_equal(tree_new(&t, TREE_DIR), 0);
	assert_int_equal(tree_dir(t, tree_root(t), "iqn.a", &dir), 0);
	assert_int_equal(tree_dir(t, tree_root(t), "by-id", &by_id), 0);
	assert_int_equal(tree_add(t, dir, TREE_DISK, "lun0", &disk), 0);
	assert_int_equal(tree_add(t, tree_root(t), TREE_DISK, "lun1", &top), 0);
	assert_int_equal(tree_add_link(t, by_id, "naa.1", disk, &link), 0);
	assert_string_equal(link->target, "../iqn.a/lun0");
	assert_int_equal(tree_add_link(t, by_id, "naa.2", top, &link), 0);
	assert_string_equal(link->target, "../lun1");
	tree_free(t);
}

static void a_node_that_goes_while_open_stays_until_it_is_closed(void **state)
{
	struct tree_node *n, *again;
	struct tree *t;
	uint64_t ino;

	(void)state;
	assert_int_equal(tree_new(&t, TREE_DIR), 0);
	assert_int_equal(tree_add(t, tree_root(t), TREE_DISK, "lun0", &n), 0);
	ino = n->ino;
	tree_looked_up(n);
	tree_looked_up(n);
	tree_opened(n);
	tree_remove(t, n);
	assert_null(tree_child(tree_root(t), "lun0"));
	assert_ptr_equal(tree_find(t, ino), n);
	assert_int_equal(tree_add(t, tree_root(t), TREE_DISK, "lun0", &again), 0);
	assert_int_not_equal(again->ino, ino);
	tree_forget(t, n, 2);
	assert_ptr_equal(tree_find(t, ino), n);
	tree_closed(t, n);
	assert_null(tree_find(t, ino));
	tree_free(t);
}

static void directories_go_with_their_last_entry(void **state)
{
	struct tree_node *dir, *a, *b;
	struct tree *t;

	(void)state;
	assert_int_equal(tree_new(&t, TREE_DIR), 0);
	assert_int_equal(tree_dir(t, tree_root(t), "iqn.a", &dir), 0);
	assert_int_equal(tree_add(t, dir, TREE_DISK, "lun0", &a), 0);
	assert_int_equal(tree_add(t, dir, TREE_DISK, "lun1", &b), 0);
	assert_int_equal(tree_count_dirs(tree_root(t)), 1);
	tree_remove(t, a);
	assert_ptr_equal(tree_child(tree_root(t), "iqn.a"), dir);
	tree_remove(t, b);
	assert_null(tree_child(tree_root(t), "iqn.a"));
	assert_int_equal(tree_count_dirs(tree_root(t)), 0);
	tree_free(t);
}

static void a_listing_goes_on_where_it_was_when_entries_go(void **state)
{
	struct tree_node *a, *b, *c;
	struct tree *t;
	uint64_t pos;

	(void)state;
	assert_int_equal(tree_new(&t, TREE_DIR), 0);
	assert_int_equal(tree_add(t, tree_root(t), TREE_DISK, "a", &a), 0);
	assert_int_equal(tree_add(t, tree_root(t), TREE_DISK, "b", &b), 0);
	assert_int_equal(tree_add(t, tree_root(t), TREE_DISK, "c", &c), 0);
	assert_ptr_equal(tree_next(tree_root(t), 2), a);
	pos = b->pos;
	tree_remove(t, a);
	tree_remove(t, b);
	assert_ptr_equal(tree_next(tree_root(t), pos), c);
	assert_null(tree_next(tree_root(t), c->pos));
	tree_free(t);
}

static void a_disk_cannot_be_a_directory(void **state)
{
	struct tree_node *n;
	struct tree *t;

	(void)state;
	assert_int_equal(tree_new(&t, TREE_DIR), 0);
	assert_int_equal(tree_add(t, tree_root(t), TREE_DISK, "lun0", &n), 0);
	assert_int_equal(tree_dir(t, tree_root(t), "lun0", &n), -ENOTDIR);
	tree_free(t);
}

/* ---- interrupt ---- */

static void only_signals_that_end_a_process_count(void **state)
{
	(void)state;
	/* KILL is bit 8, ALRM 13, CHLD 16, TERM 14. */
	assert_true(interrupt_is_pending("Name:\tdd\nSigPnd:\t0000000000000100\n"
					 "ShdPnd:\t0000000000000000\n"));
	assert_true(interrupt_is_pending("SigPnd:\t0000000000000000\nShdPnd:\t0000000000004000\n"
					 "SigBlk:\t0000000000000000\n"));
	assert_false(interrupt_is_pending("SigPnd:\t0000000000002000\n"
					  "ShdPnd:\t0000000000010000\n"));
}

static void a_signal_that_is_blocked_does_not_count(void **state)
{
	(void)state;
	assert_false(interrupt_is_pending("SigPnd:\t0000000000000000\nShdPnd:\t0000000000004002\n"
					  "SigBlk:\t0000000000004002\n"));
}

static void a_status_without_signals_means_nothing(void **state)
{
	(void)state;
	assert_false(interrupt_is_pending(""));
	assert_false(interrupt_is_pending("Name:\tSigPnd:\t100\nShdPndX:\tffff\nSigPnd"));
}

static void we_ourselves_are_not_exiting(void **state)
{
	(void)state;
	assert_int_equal(interrupt_process_of((uint32_t)getpid()), getpid());
	assert_false(interrupt_is_exiting((uint32_t)getpid()));
	assert_false(interrupt_ends_waiter((uint32_t)getpid()));
	assert_false(interrupt_is_exiting(0));
	assert_int_equal(interrupt_process_of(0), 0);
}

/* ---- the rest ---- */

static void a_mount_of_ours_is_recognised(void **state)
{
	char dev[MOUNTPOINT_DEV_MAX];

	(void)state;
	assert_true(mountpoint_parse_line("42 27 0:39 / /mnt/a\\040b rw,nosuid - fuse.iscsifs x,y rw\n",
					  "/mnt/a b", dev));
	assert_string_equal(dev, "0:39");
	assert_true(mountpoint_parse_line("42 27 0:9 / /m rw shared:1 master:2 - fuse.iscsifs x rw",
					  "/m", dev));
	assert_false(mountpoint_parse_line("42 27 0:39 / /mnt rw - fuse.sshfs x rw", "/mnt", dev));
	assert_false(mountpoint_parse_line("42 27 0:39 / /mn rw - fuse.iscsifs x rw", "/mnt", dev));
	assert_false(mountpoint_parse_line("42 27 0:39 / /mnt", "/mnt", dev));
	assert_false(mountpoint_parse_line("", "/mnt", dev));
}

static void a_failed_mount_is_explained_in_a_sentence(void **state)
{
	struct err err = ERR_INIT, other = ERR_INIT;

	(void)state;
	assert_int_equal(mountpoint_explain("/m", "fusermount3: mount failed: Operation not "
					    "permitted", &err), -ERR_ACCESS);
	assert_string_equal(err.text, "cannot mount on /m: fusermount3: mount failed: Operation "
			    "not permitted");
	assert_int_equal(mountpoint_explain("/m", "failed to exec fusermount3: No such file",
					    &other), -ERR_UNSUPPORTED);
}

static void words_on_stderr_are_caught(void **state)
{
	struct said said;

	(void)state;
	said_begin(&said);
	assert_int_equal(write(STDERR_FILENO, "fuse: no\nnever\n", 15), 15);
	said_end(&said);
	assert_string_equal(said.text, "no; never");
}

static void text_of(void *arg, FILE *f)
{
	fprintf(f, "count=%d\n", ++*(int *)arg);
}

static void a_text_is_read_as_it_was_when_opened(void **state)
{
	int count = 0;
	struct status s = { .text = text_of, .arg = &count };
	struct status_shot one, two;
	size_t len;

	(void)state;
	assert_int_equal(status_take(&s, &one), 0);
	assert_int_equal(status_take(&s, &two), 0);
	assert_memory_equal(status_read(&one, 6, 100, &len), "1\n", 2);
	assert_int_equal(len, 2);
	assert_memory_equal(status_read(&two, 0, 7, &len), "count=2", 7);
	(void)status_read(&two, 8, 100, &len);
	assert_int_equal(len, 0);
	status_drop(&one);
	status_drop(&two);
}

/* All that a reader who begins at 0 reads; the caller's. Its bytes in *total. */
static char *read_all(struct status_shot *shot, size_t piece, uint64_t *total)
{
	char *all = calloc(1, 1 << 20);
	size_t len;

	assert_non_null(all);
	for (*total = 0;; *total += len) {
		const char *text = status_read(shot, *total, piece, &len);

		if (!len)
			return all;
		memcpy(all + *total, text, len);
	}
}

static void the_text_of_events_grows_and_its_beginning_is_forgotten(void **state)
{
	struct events *events;
	struct loop *loop;
	struct status s = { .text = NULL };
	struct status_shot cat, tail;
	uint64_t total, end;
	char *all;
	size_t len;

	(void)state;
	assert_int_equal(loop_new(&loop), 0);
	assert_int_equal(events_new(&events, loop), 0);
	s.events = events;
	for (unsigned i = 0; i < EVENTS_KEPT + 100; i++)
		events_post(events, "one", "n", "x", NULL);
	assert_int_equal(status_take(&s, &cat), 0);
	assert_int_equal(status_take(&s, &tail), 0);
	all = read_all(&cat, 100, &total);
	assert_memory_equal(all, "seq=101 ", 8);
	free(all);
	end = events_text_end(events);
	(void)status_read(&tail, end, 1000, &len);	/* where stat says that the end is */
	assert_int_equal(len, 0);
	events_post(events, "two", NULL);
	assert_memory_equal(status_read(&cat, total, 8, &len), "seq=613 ", 8);
	assert_memory_equal(status_read(&tail, end, 8, &len), "seq=613 ", 8);
	assert_memory_equal(status_read(&tail, 0, 8, &len), "seq=102 ", 8);
	status_drop(&cat);
	status_drop(&tail);
	events_free(events);
	loop_free(loop);
}

static void data_of_a_full_buffer_lies_on_a_page(void **state)
{
	struct buf full, small;
	struct bufs b;

	(void)state;
	bufs_init(&b);
	assert_int_equal(bufs_get_full(&b, &full), 0);
	assert_int_equal(bufs_get_small(&b, &small), 0);
	assert_int_equal(((uintptr_t)full.mem + BUFS_HEAD) % 4096, 0);
	assert_int_equal((uintptr_t)small.mem % 4096, 0);
	memset(full.mem, 1, BUFS_HEAD + BUFS_WRITE_MAX);
	memset(small.mem, 1, BUFS_SMALL);
	bufs_put(&b, &full);
	bufs_put(&b, &small);
	assert_int_equal(full.kind, BUF_NONE);
	bufs_fini(&b);
}

static void full_buffers_come_to_an_end(void **state)
{
	struct buf held[BUFS_FULL_MAX], more;
	struct bufs b;

	(void)state;
	bufs_init(&b);
	for (unsigned i = 0; i < BUFS_FULL_MAX; i++)
		assert_int_equal(bufs_get_full(&b, &held[i]), 0);
	assert_int_equal(bufs_get_full(&b, &more), -ENOMEM);
	bufs_put(&b, &held[3]);
	assert_int_equal(bufs_get_full(&b, &more), 0);
	bufs_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_read_is_clipped_to_the_size),
		cmocka_unit_test(a_write_at_the_end_has_no_space),
		cmocka_unit_test(a_disk_neither_grows_nor_shrinks),
		cmocka_unit_test(an_open_that_truncates_is_harmless),
		cmocka_unit_test(space_is_allocated_already),
		cmocka_unit_test(what_cannot_be_done_to_a_range_is_not_forgotten_for_the_mount),
		cmocka_unit_test(all_of_a_disk_is_data),
		cmocka_unit_test(only_a_lone_reader_reads_through_the_cache),
		cmocka_unit_test(a_gap_in_a_file_that_was_truncated_is_refused),
		cmocka_unit_test(a_truncation_does_not_hamper_those_who_write_already),
		cmocka_unit_test(names_are_made_safe),
		cmocka_unit_test(a_second_equal_name_gets_a_number),
		cmocka_unit_test(inode_numbers_depend_on_the_path_only),
		cmocka_unit_test(a_link_leads_from_its_directory),
		cmocka_unit_test(a_node_that_goes_while_open_stays_until_it_is_closed),
		cmocka_unit_test(directories_go_with_their_last_entry),
		cmocka_unit_test(a_listing_goes_on_where_it_was_when_entries_go),
		cmocka_unit_test(a_disk_cannot_be_a_directory),
		cmocka_unit_test(only_signals_that_end_a_process_count),
		cmocka_unit_test(a_signal_that_is_blocked_does_not_count),
		cmocka_unit_test(a_status_without_signals_means_nothing),
		cmocka_unit_test(we_ourselves_are_not_exiting),
		cmocka_unit_test(a_mount_of_ours_is_recognised),
		cmocka_unit_test(a_failed_mount_is_explained_in_a_sentence),
		cmocka_unit_test(words_on_stderr_are_caught),
		cmocka_unit_test(a_text_is_read_as_it_was_when_opened),
		cmocka_unit_test(the_text_of_events_grows_and_its_beginning_is_forgotten),
		cmocka_unit_test(data_of_a_full_buffer_lies_on_a_page),
		cmocka_unit_test(full_buffers_come_to_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
