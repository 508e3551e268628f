/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A target that is changed while it is in use, and backing stores that fail. The functions of the C
 * library that can fail are ours here, so that they do when they are told to.
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "iscsifs/cursor.h"
#include "target/admin.h"
#include "target/disk_cache.h"
#include "target/scsi_cmd.h"
#include "target/target.h"

enum { BLOCK = 512, SIZE = 1 << 20, PAGE = 4096 };

static int live_sync_errno;		/* of the next fdatasync(); 0: it works */

int fdatasync(int fd);
int fdatasync(int fd)
{
	if (live_sync_errno) {		/* Linux says it once */
		errno = live_sync_errno;
		live_sync_errno = 0;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

static int live_write_errno;		/* of every pwrite(); 0: it works */

ssize_t pwrite(int fd, const void *buf, size_t len, off_t off);
ssize_t pwrite(int fd, const void *buf, size_t len, off_t off)
{
	if (live_write_errno) {
		errno = live_write_errno;
		return -1;
	}
	return syscall(SYS_pwrite64, fd, buf, len, off);
}

struct live {
	char path[64];
	struct target *t;
	struct nexus a, b;
	struct scsi_cmd c;
};

static const uint8_t live_isid_a[6] = { 1 }, live_isid_b[6] = { 2 };

static void live_forget(struct live *v)
{
	memset(v->a.ua, 0, sizeof(v->a.ua));
	memset(v->b.ua, 0, sizeof(v->b.ua));
}

static struct lun *live_add(struct live *v, unsigned number, const char *backing)
{
	struct lun_options o = { .backing = backing, .number = number, .block_bytes = BLOCK,
				 .physical_bytes = 4096, .write_cache = true, .thin = true };
	struct err e = ERR_INIT;

	assert_int_equal(target_add_lun(v->t, &o, &e), 0);
	return target_lun(v->t, number);
}

/* Targets with LUN 2 in a file and LUN 5 in memory, and two initiators. */
static int live_set_up(void **state)
{
	struct live *v = calloc(1, sizeof(*v));
	struct err e = ERR_INIT;
	int fd;

	snprintf(v->path, sizeof(v->path), "%s/live.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	fd = mkstemp(v->path);
	assert_true(fd >= 0 && !ftruncate(fd, SIZE));
	close(fd);
	live_sync_errno = live_write_errno = 0;
	assert_int_equal(target_new(&v->t, "iqn.2026-11.example:t", &e), 0);
	(void)live_add(v, 5, "ram:1M");
	(void)live_add(v, 2, v->path);
	nexus_begin(&v->a, v->t, "iqn.2026-11.example:a", live_isid_a);
	nexus_begin(&v->b, v->t, "iqn.2026-11.example:b", live_isid_b);
	live_forget(v);
	*state = v;
	return 0;
}

static int live_tear_down(void **state)
{
	struct live *v = *state;

	scsi_end(&v->c);
	nexus_end(&v->a);
	nexus_end(&v->b);
	target_free(v->t);
	unlink(v->path);
	free(v);
	return 0;
}

static void live_run(struct live *v, struct nexus *n, unsigned lun, const uint8_t *cdb,
		     const void *out, uint32_t len)
{
	struct scsi_cmd *c = &v->c;

	scsi_end(c);
	memset(c, 0, sizeof(*c));
	memcpy(c->cdb, cdb, CDB_MAX);
	c->target = v->t;
	c->nexus = n;
	c->lun_number = lun;
	c->lun = target_lun(v->t, lun);
	c->out_bytes = len;
	scsi_begin(c);
	if (c->next == SCSI_NEXT_DATA_OUT) {
		scsi_data(c, 0, out, len);
		scsi_finish(c, len);
	}
	if (c->next == SCSI_NEXT_FLUSH)
		scsi_flushed(c, disk_flush(c->lun->disk));
}

static void expect_sense(const struct live *v, uint8_t key, uint16_t code)
{
	assert_int_equal(v->c.status, SCSI_CHECK_CONDITION);
	assert_int_equal(v->c.sense.key, key);
	assert_int_equal(v->c.sense.code, code);
}

static void live_ready(struct live *v, struct nexus *n, unsigned lun)
{
	uint8_t cdb[CDB_MAX];

	cdb_test_unit_ready(cdb);
	live_run(v, n, lun, cdb, NULL, 0);
}

static void live_write(struct live *v, unsigned lun, uint64_t lba, bool fua)
{
	static const uint8_t data[BLOCK] = { 1, 2, 3 };
	uint8_t cdb[CDB_MAX];

	cdb_write_16(cdb, lba, 1, fua);
	live_run(v, &v->a, lun, cdb, data, BLOCK);
}

static void live_flush(struct live *v, unsigned lun)
{
	static const uint8_t cdb[CDB_MAX] = { SCSI_SYNCHRONIZE_CACHE_10 };

	live_run(v, &v->a, lun, cdb, NULL, 0);
}

/* --- units that come and go --- */

static void a_new_unit_is_told_on_all_units_to_all(void **state)
{
	struct live *v = *state;
	struct lun *l = live_add(v, 3, "null:1M");

	for (int i = 0; i < 2; i++) {
		struct nexus *n = i ? &v->b : &v->a;

		live_ready(v, n, 2);
		expect_sense(v, SENSE_UNIT_ATTENTION, SENSE_REPORTED_LUNS_CHANGED);
		live_ready(v, n, 5);
		expect_sense(v, SENSE_UNIT_ATTENTION, SENSE_REPORTED_LUNS_CHANGED);
		live_ready(v, n, 3);
		expect_sense(v, SENSE_UNIT_ATTENTION, SENSE_POWER_ON);
		assert_int_equal(n->ua[l->index], NEXUS_UA_LUNS_CHANGED);
	}
}

static void attentions_stay_with_their_units(void **state)
{
	struct live *v = *state;

	lun_attention(target_lun(v->t, 5), NEXUS_UA_CAPACITY_CHANGED, NULL);
	(void)live_add(v, 3, "null:1M");	/* between the two */
	live_ready(v, &v->a, 5);
	expect_sense(v, SENSE_UNIT_ATTENTION, SENSE_CAPACITY_CHANGED);
	live_forget(v);
	lun_attention(target_lun(v->t, 5), NEXUS_UA_CAPACITY_CHANGED, NULL);
	for (unsigned number = 2; number <= 3; number++) {
		struct lun *l = target_lun(v->t, number);

		target_remove_lun(l);
		lun_free(l);
	}
	live_ready(v, &v->a, 5);
	expect_sense(v, SENSE_UNIT_ATTENTION, SENSE_CAPACITY_CHANGED);
	live_ready(v, &v->a, 5);
	expect_sense(v, SENSE_UNIT_ATTENTION, SENSE_REPORTED_LUNS_CHANGED);
	live_ready(v, &v->a, 5);
	assert_int_equal(v->c.status, SCSI_GOOD);
}

static void a_removed_unit_is_not_supported(void **state)
{
	static const uint8_t reserve[CDB_MAX] = { SCSI_RESERVE_6 };
	struct live *v = *state;
	struct lun *l = target_lun(v->t, 5);

	live_run(v, &v->a, 5, reserve, NULL, 0);
	assert_ptr_equal(l->reserved_by, &v->a);
	lun_attention(l, NEXUS_UA_CAPACITY_CHANGED, NULL);
	target_remove_lun(l);
	assert_null(l->reserved_by);
	lun_free(l);
	live_ready(v, &v->a, 5);
	expect_sense(v, SENSE_ILLEGAL_REQUEST, SENSE_LUN_NOT_SUPPORTED);
	live_ready(v, &v->b, 2);
	expect_sense(v, SENSE_UNIT_ATTENTION, SENSE_REPORTED_LUNS_CHANGED);
	/* Its successor has nothing of its attentions but its own. */
	l = live_add(v, 5, "ram:2M");
	assert_int_equal(v->b.ua[l->index], NEXUS_UA_POWER_ON | NEXUS_UA_LUNS_CHANGED);
}

static void units_may_come_and_go_for_ever(void **state)
{
	struct live *v = *state;

	for (unsigned i = 0; i < 3 * TARGET_LUNS_MAX; i++) {
		struct lun *l = live_add(v, 100 + i % 7, "null:1M");

		assert_true(l->index < 3);
		target_remove_lun(l);
		lun_free(l);
	}
}

static void offline_is_not_ready_until_online(void **state)
{
	struct live *v = *state;
	uint8_t cdb[CDB_MAX];

	lun_set_offline(target_lun(v->t, 5), true);
	live_ready(v, &v->a, 5);
	expect_sense(v, SENSE_NOT_READY, SENSE_LUN_BECOMING_READY);
	live_write(v, 5, 0, false);
	expect_sense(v, SENSE_NOT_READY, SENSE_LUN_BECOMING_READY);
	live_write(v, 2, 0, false);
	assert_int_equal(v->c.status, SCSI_GOOD);
	cdb_inquiry(cdb, -1, 96);
	live_run(v, &v->a, 5, cdb, NULL, 0);
	assert_int_equal(v->c.status, SCSI_GOOD);
	lun_set_offline(target_lun(v->t, 5), false);
	live_ready(v, &v->b, 5);
	expect_sense(v, SENSE_UNIT_ATTENTION, SENSE_BECAME_READY);
	live_ready(v, &v->b, 5);
	assert_int_equal(v->c.status, SCSI_GOOD);
}

static void write_protection_comes_and_goes(void **state)
{
	struct live *v = *state;
	struct lun *l = target_lun(v->t, 2);

	assert_int_equal(lun_set_protected(l, true, NULL), 0);
	live_write(v, 2, 0, false);
	expect_sense(v, SENSE_UNIT_ATTENTION, SENSE_MODE_PARAMETERS_CHANGED);
	live_write(v, 2, 0, false);
	expect_sense(v, SENSE_DATA_PROTECT, SENSE_WRITE_PROTECTED);
	lun_reset(l);			/* it is the operator's, not a mode page's */
	live_forget(v);
	live_write(v, 2, 0, false);
	expect_sense(v, SENSE_DATA_PROTECT, SENSE_WRITE_PROTECTED);
	assert_int_equal(lun_set_protected(l, false, NULL), 0);
	live_forget(v);
	live_write(v, 2, 0, false);
	assert_int_equal(v->c.status, SCSI_GOOD);
}

static void what_was_opened_for_reading_is_opened_again(void **state)
{
	struct live *v = *state;
	struct lun_options o = { .backing = v->path, .number = 7, .block_bytes = BLOCK,
				 .physical_bytes = 4096, .write_protected = true };
	struct err e = ERR_INIT;

	assert_int_equal(target_add_lun(v->t, &o, &e), 0);
	live_forget(v);
	live_write(v, 7, 0, false);
	expect_sense(v, SENSE_DATA_PROTECT, SENSE_WRITE_PROTECTED);
	assert_int_equal(lun_set_protected(target_lun(v->t, 7), false, &e), 0);
	live_forget(v);
	live_write(v, 7, 0, true);
	assert_int_equal(v->c.status, SCSI_GOOD);
}

/* --- sizes --- */

static uint64_t live_file_size(const struct live *v)
{
	struct stat st;

	assert_int_equal(stat(v->path, &st), 0);
	return (uint64_t)st.st_size;
}

static void a_resized_file_is_longer_or_shorter(void **state)
{
	struct live *v = *state;
	struct lun *l = target_lun(v->t, 2);
	struct err e = ERR_INIT;

	assert_int_equal(lun_resize(l, 4 * SIZE, true, &e), 0);
	assert_int_equal(live_file_size(v), 4 * SIZE);
	assert_int_equal(l->blocks, 4 * SIZE / BLOCK);
	live_write(v, 2, l->blocks - 1, false);
	expect_sense(v, SENSE_UNIT_ATTENTION, SENSE_CAPACITY_CHANGED);
	live_write(v, 2, l->blocks - 1, false);
	assert_int_equal(v->c.status, SCSI_GOOD);
	assert_int_equal(lun_resize(l, SIZE, false, &e), 0);
	assert_int_equal(live_file_size(v), 4 * SIZE);
	assert_int_equal(lun_resize(l, SIZE, true, &e), 0);
	assert_int_equal(live_file_size(v), SIZE);
	live_forget(v);
	live_write(v, 2, SIZE / BLOCK, false);
	expect_sense(v, SENSE_ILLEGAL_REQUEST, SENSE_LBA_OUT_OF_RANGE);
	assert_int_equal(lun_resize(l, SIZE, true, &e), 0);
	assert_int_equal(v->a.ua[l->index], 0);		/* nothing changed */
}

/* Who reads much that is not in the page cache keeps threads at work all the time. */
static void a_file_at_work_grows_and_is_not_cut(void **state)
{
	struct live *v = *state;
	struct lun *ram = target_lun(v->t, 5), *file = target_lun(v->t, 2);
	struct err e = ERR_INIT;
	struct server s;

	server_init(&s);
	ram->busy = file->busy = 1;
	assert_int_equal(admin_resize_lun(&s, file, 4 * SIZE, true, &e), 0);
	assert_int_equal(file->blocks, 4 * SIZE / BLOCK);
	assert_int_equal(truncate(v->path, 5 * SIZE), 0);
	assert_int_equal(admin_resize_lun(&s, file, 0, true, &e), 0);
	assert_int_equal(admin_resize_lun(&s, file, SIZE, true, &e), -ERR_AGAIN);
	assert_int_equal(live_file_size(v), 5 * SIZE);
	assert_int_equal(admin_resize_lun(&s, ram, 64 * SIZE, true, &e), -ERR_AGAIN);
	ram->busy = file->busy = 0;
	assert_int_equal(admin_resize_lun(&s, file, SIZE, true, &e), 0);
	assert_int_equal(admin_resize_lun(&s, ram, 64 * SIZE, true, &e), 0);
	server_fini(&s);
}

static void a_file_that_grew_outside_is_measured(void **state)
{
	struct live *v = *state;
	struct lun *l = target_lun(v->t, 2);
	struct err e = ERR_INIT;

	assert_int_equal(truncate(v->path, 3 * SIZE), 0);
	assert_int_equal(lun_resize(l, 0, true, &e), 0);
	assert_int_equal(l->blocks, 3 * SIZE / BLOCK);
	assert_int_equal(truncate(v->path, 100), 0);
	assert_int_equal(lun_resize(l, 0, true, &e), -ERR_INVALID);
	assert_int_equal(l->blocks, 3 * SIZE / BLOCK);
}

static void memory_keeps_its_bytes_and_forgets_what_is_cut(void **state)
{
	uint8_t page[PAGE], got[PAGE];
	struct err e = ERR_INIT;
	struct disk *d;

	(void)state;
	memset(page, 7, PAGE);
	assert_int_equal(disk_ram_open(&d, SIZE, &e), 0);
	assert_int_equal(disk_write(d, 0, page, PAGE), 0);
	assert_int_equal(disk_write(d, SIZE - PAGE, page, PAGE), 0);
	assert_int_equal(disk_resize(d, 64ull * SIZE, true), 0);
	assert_int_equal(disk_write(d, 64ull * SIZE - PAGE, page, PAGE), 0);
	assert_int_equal(disk_read(d, SIZE - PAGE, got, PAGE), 0);
	assert_memory_equal(got, page, PAGE);
	assert_int_equal(disk_resize(d, SIZE - 100, true), 0);
	assert_int_equal(disk_resize(d, 2 * SIZE, true), 0);
	assert_int_equal(disk_read(d, SIZE - PAGE, got, PAGE), 0);
	memset(page + PAGE - 100, 0, 100);
	assert_memory_equal(got, page, PAGE);
	assert_int_equal(disk_resize(d, 1ull << 62, true), -ENOMEM);
	assert_int_equal(d->size, 2 * SIZE);
	disk_free(d);
}

static void a_cache_over_a_disk_is_resized_with_it(void **state)
{
	uint8_t page[PAGE], got[PAGE];
	struct err e = ERR_INIT;
	struct disk *d;

	(void)state;
	memset(page, 7, PAGE);
	assert_int_equal(disk_ram_open(&d, SIZE, &e), 0);
	assert_int_equal(disk_cache_wrap(&d, &e), 0);
	assert_int_equal(disk_write(d, 0, page, PAGE), 0);
	assert_int_equal(disk_write(d, SIZE - PAGE, page, PAGE), 0);
	assert_int_equal(disk_resize(d, SIZE - 512, true), 0);	/* in the middle of a page */
	assert_int_equal(disk_flush(d), 0);
	assert_int_equal(disk_resize(d, 64 * SIZE, true), 0);
	assert_int_equal(disk_write(d, 64 * SIZE - PAGE, page, PAGE), 0);
	assert_int_equal(disk_read(d, 64 * SIZE - PAGE, got, PAGE), 0);
	assert_memory_equal(got, page, PAGE);
	memset(page + PAGE - 512, 0, 512);
	assert_int_equal(disk_read(d, SIZE - PAGE, got, PAGE), 0);
	assert_memory_equal(got, page, PAGE);
	disk_free(d);
}

/* --- backing stores that fail --- */

static void a_failed_flush_is_not_forgotten(void **state)
{
	struct live *v = *state;
	struct lun *l = target_lun(v->t, 2);

	live_write(v, 2, 0, false);
	live_sync_errno = EIO;
	live_flush(v, 2);
	expect_sense(v, SENSE_MEDIUM_ERROR, SENSE_WRITE_ERROR);
	for (int i = 0; i < 3; i++) {	/* the kernel would say that all is well */
		live_flush(v, 2);
		expect_sense(v, SENSE_MEDIUM_ERROR, SENSE_WRITE_ERROR);
		live_write(v, 2, 0, i == 1);
		expect_sense(v, SENSE_MEDIUM_ERROR, SENSE_WRITE_ERROR);
	}
	assert_int_equal(l->error, -EIO);
	lun_set_offline(l, false);
	live_write(v, 2, 0, true);
	assert_int_equal(v->c.status, SCSI_GOOD);
	assert_int_equal(l->error, 0);
}

static void no_space_at_a_flush_is_said_as_such(void **state)
{
	struct live *v = *state;

	live_write(v, 2, 0, false);
	live_sync_errno = ENOSPC;
	live_flush(v, 2);
	expect_sense(v, SENSE_DATA_PROTECT, SENSE_SPACE_ALLOCATION_FAILED);
	live_flush(v, 2);
	expect_sense(v, SENSE_DATA_PROTECT, SENSE_SPACE_ALLOCATION_FAILED);
}

static void without_a_cache_each_write_is_flushed(void **state)
{
	struct live *v = *state;

	target_lun(v->t, 2)->write_cache = false;
	live_sync_errno = EIO;
	live_write(v, 2, 0, false);
	expect_sense(v, SENSE_MEDIUM_ERROR, SENSE_WRITE_ERROR);
}

static void each_error_of_a_write_has_its_sense(void **state)
{
	static const struct {
		int error;
		uint8_t key;
		uint16_t code;
	} rows[] = {
		{ EIO, SENSE_MEDIUM_ERROR, SENSE_WRITE_ERROR },
		{ ENOSPC, SENSE_DATA_PROTECT, SENSE_SPACE_ALLOCATION_FAILED },
		{ EDQUOT, SENSE_DATA_PROTECT, SENSE_SPACE_ALLOCATION_FAILED },
		{ EFBIG, SENSE_DATA_PROTECT, SENSE_SPACE_ALLOCATION_FAILED },
		{ EROFS, SENSE_DATA_PROTECT, SENSE_WRITE_PROTECTED },
	};
	struct live *v = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		live_write_errno = rows[i].error;
		live_write(v, 2, 7, false);
		expect_sense(v, rows[i].key, rows[i].code);
	}
	assert_int_equal(v->c.sense.has_info, false);
	live_write_errno = EIO;
	live_write(v, 2, 7, false);
	assert_true(v->c.sense.has_info && v->c.sense.info == 7);
	live_write_errno = 0;		/* nothing was lost that was acknowledged */
	live_write(v, 2, 7, true);
	assert_int_equal(v->c.status, SCSI_GOOD);
}

static void what_a_cache_cannot_write_down_stays_in_it(void **state)
{
	struct live *v = *state;
	struct lun_options o = { .backing = v->path, .number = 8, .block_bytes = BLOCK,
				 .physical_bytes = 4096, .write_cache = true,
				 .volatile_cache = true };
	static const uint8_t data[BLOCK] = { 1, 2, 3 };
	uint8_t got[BLOCK] = { 0 };
	struct err e = ERR_INIT;
	int fd;

	assert_int_equal(target_add_lun(v->t, &o, &e), 0);
	live_forget(v);
	live_write(v, 8, 9, false);
	live_write_errno = ENOSPC;
	live_flush(v, 8);
	expect_sense(v, SENSE_DATA_PROTECT, SENSE_SPACE_ALLOCATION_FAILED);
	live_flush(v, 8);
	expect_sense(v, SENSE_DATA_PROTECT, SENSE_SPACE_ALLOCATION_FAILED);
	live_write_errno = 0;
	live_flush(v, 8);
	assert_int_equal(v->c.status, SCSI_GOOD);
	fd = open(v->path, O_RDONLY);
	assert_int_equal(pread(fd, got, BLOCK, 9 * BLOCK), BLOCK);
	close(fd);
	assert_memory_equal(got, data, BLOCK);
}

static void a_file_that_was_cut_is_a_medium_error(void **state)
{
	struct live *v = *state;
	uint8_t buf[BLOCK];
	uint64_t len;
	bool mapped;

	assert_int_equal(truncate(v->path, SIZE / 2), 0);
	assert_int_equal(disk_read(target_lun(v->t, 2)->disk, SIZE - BLOCK, buf, BLOCK), -ENODATA);
	live_flush(v, 2);
	expect_sense(v, SENSE_MEDIUM_ERROR, SENSE_WRITE_ERROR);
	/* What is lost does not pass for zeros. */
	assert_int_equal(disk_extent(target_lun(v->t, 2)->disk, SIZE - BLOCK, &len, &mapped), 0);
	assert_true(mapped);
	assert_int_equal(truncate(v->path, SIZE), 0);
	live_flush(v, 2);
	assert_int_equal(v->c.status, SCSI_GOOD);
}

static void a_file_may_not_grow_over_its_limit(void **state)
{
	struct rlimit before, now;
	struct live *v = *state;
	struct err e = ERR_INIT;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(truncate(v->path, SIZE), 0);
	getrlimit(RLIMIT_FSIZE, &before);
	now = before;
	now.rlim_cur = SIZE / 2;
	setrlimit(RLIMIT_FSIZE, &now);
	live_write(v, 2, SIZE / BLOCK - 1, false);
	expect_sense(v, SENSE_DATA_PROTECT, SENSE_SPACE_ALLOCATION_FAILED);
	assert_int_equal(lun_resize(target_lun(v->t, 2), 2 * SIZE, true, &e), -ERR_INVALID);
	setrlimit(RLIMIT_FSIZE, &before);
	live_write(v, 2, SIZE / BLOCK - 1, false);
	assert_int_equal(v->c.status, SCSI_GOOD);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, live_set_up, live_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_new_unit_is_told_on_all_units_to_all),
		CASE(attentions_stay_with_their_units),
		CASE(a_removed_unit_is_not_supported),
		CASE(units_may_come_and_go_for_ever),
		CASE(offline_is_not_ready_until_online),
		CASE(write_protection_comes_and_goes),
		CASE(what_was_opened_for_reading_is_opened_again),
		CASE(a_resized_file_is_longer_or_shorter),
		CASE(a_file_at_work_grows_and_is_not_cut),
		CASE(a_file_that_grew_outside_is_measured),
		CASE(memory_keeps_its_bytes_and_forgets_what_is_cut),
		CASE(a_cache_over_a_disk_is_resized_with_it),
		CASE(a_failed_flush_is_not_forgotten),
		CASE(no_space_at_a_flush_is_said_as_such),
		CASE(without_a_cache_each_write_is_flushed),
		CASE(each_error_of_a_write_has_its_sense),
		CASE(what_a_cache_cannot_write_down_stays_in_it),
		CASE(a_file_that_was_cut_is_a_medium_error),
		CASE(a_file_may_not_grow_over_its_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
