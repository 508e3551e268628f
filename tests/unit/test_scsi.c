/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <string.h>

#include "iscsifs/scsi_cdb.h"
#include "iscsifs/scsi_sense.h"

static void read_16_has_its_fields_where_sbc_puts_them(void **state)
{
	static const uint8_t want[16] = { 0x88, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 2, 0, 0, 0 };
	uint8_t cdb[CDB_MAX];

	(void)state;
	assert_int_equal(cdb_read_16(cdb, 0x0102030405060708, 512), 16);
	assert_memory_equal(cdb, want, sizeof(want));
}

static void fua_is_bit_three_of_byte_one(void **state)
{
	uint8_t cdb[CDB_MAX];

	(void)state;
	cdb_write_16(cdb, 0, 1, true);
	assert_int_equal(cdb[1], 0x08);
	cdb_write_16(cdb, 0, 1, false);
	assert_int_equal(cdb[1], 0);
}

static void luns_above_255_use_flat_space(void **state)
{
	static const uint8_t flat[8] = { 0x41, 0x2c };
	static const uint8_t two_levels[8] = { 0, 1, 0, 5 };
	static const uint8_t extended[8] = { 0xd2, 0, 1, 0 };
	struct lun_addr a;

	(void)state;
	assert_int_equal(lun_addr_of(255).raw, 0x00ff);
	assert_int_equal(lun_addr_of(300).raw, 0x412c);
	assert_true(lun_addr_parse(flat, &a));
	assert_int_equal(lun_addr_number(a), 300);
	assert_false(lun_addr_parse(two_levels, &a));
	assert_false(lun_addr_parse(extended, &a));
}

static void sense_survives_both_formats(void **state)
{
	const struct sense in = {
		.key = SENSE_MISCOMPARE, .code = SENSE_MISCOMPARE_DURING_VERIFY,
		.has_info = true, .info = 513, .sks = { 0x80, 1, 2 },
	};

	(void)state;
	for (int descriptor = 0; descriptor < 2; descriptor++) {
		uint8_t data[SENSE_DESCRIPTOR_MAX];
		size_t len = sense_encode(&in, descriptor, data);
		struct sense out;

		assert_true(sense_decode(data, len, &out));
		assert_int_equal(out.key, in.key);
		assert_int_equal(out.code, in.code);
		assert_true(out.has_info);
		assert_int_equal(out.info, in.info);
		assert_memory_equal(out.sks, in.sks, 3);
	}
}

static void sense_cut_anywhere_is_read_no_further(void **state)
{
	const struct sense in = { .key = SENSE_UNIT_ATTENTION, .code = SENSE_POWER_ON, .has_info = true };
	uint8_t data[SENSE_DESCRIPTOR_MAX];

	(void)state;
	for (int descriptor = 0; descriptor < 2; descriptor++) {
		size_t whole = sense_encode(&in, descriptor, data);

		for (size_t len = 0; len < whole; len++) {
			uint8_t *exact = test_malloc(len ? len : 1);
			struct sense out;

			memcpy(exact, data, len);
			assert_int_equal(sense_decode(exact, len, &out), len >= 4);
			test_free(exact);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read_16_has_its_fields_where_sbc_puts_them),
		cmocka_unit_test(fua_is_bit_three_of_byte_one),
		cmocka_unit_test(luns_above_255_use_flat_space),
		cmocka_unit_test(sense_survives_both_formats),
		cmocka_unit_test(sense_cut_anywhere_is_read_no_further),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
