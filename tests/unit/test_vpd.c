/* SPDX-License-Identifier: BSD-2-Clause */
/* What a disk says of itself, as it should be, cut off anywhere, and as noise. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "iscsifs/cursor.h"
#include "iscsifs/scsi_sense.h"
#include "iscsifs/scsi_vpd.h"

/* Every decoder over @len bytes that end where the memory ends; texts must stay terminated. */
static void decode_all(const uint8_t *data, size_t len)
{
	uint8_t *exact = malloc(len ? len : 1);
	struct scsi_inquiry inq;
	struct scsi_capacity cap;
	struct scsi_limits limits;
	struct scsi_mode mode;
	struct lun_addr luns[4];
	struct sense sense;
	char text[32];
	int skipped;

	assert_non_null(exact);
	memcpy(exact, data, len);
	scsi_inquiry_decode(exact, len, &inq);
	assert_true(strlen(inq.vendor) <= 8 && strlen(inq.product) <= 16);
	vpd_has_page(exact, len, VPD_DEVICE_ID);
	vpd_serial_decode(exact, len, text, sizeof(text));
	assert_true(memchr(text, 0, sizeof(text)) != NULL);
	vpd_device_id_decode(exact, len, text, sizeof(text));
	assert_true(memchr(text, 0, sizeof(text)) != NULL);
	vpd_limits_decode(exact, len, &limits);
	vpd_is_rotational(exact, len);
	if (scsi_capacity_10_decode(exact, len, &cap) || scsi_capacity_16_decode(exact, len, &cap))
		assert_true(cap.blocks && cap.block_bytes >= 512 && cap.block_bytes <= 65536);
	scsi_mode_6_decode(exact, len, &mode);
	assert_in_range(scsi_luns_decode(exact, len, luns, 4, &skipped) + 1, 0, 5);
	sense_decode(exact, len, &sense);
	free(exact);
}

static const uint8_t inquiry[36] = "\x00\x00\x06\x02\x1f\x00\x00\x02VENDOR  PRODUCT\x01 ONE    0042";

static const uint8_t device_id[] = {
	0x00, 0x83, 0x00, 60,
	0x02, 0x01, 0x00, 12, 'V', 'E', 'N', 'D', 'O', 'R', ' ', ' ', 's', 'n', '1', '2',
	0x01, 0x02, 0x00, 8, 1, 2, 3, 4, 5, 6, 7, 8,
	0x61, 0x93, 0x00, 8, 0x50, 1, 2, 3, 4, 5, 6, 7,		/* of the port: not ours */
	0x01, 0x03, 0x00, 16, 0x60, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
};

static const uint8_t mode_6[] = {
	35, 0x00, 0x90, 0x08,
	0, 0, 0, 0, 0, 0, 2, 0,					/* block descriptor */
	0x0a, 0x02, 0x00, 0x00,
	0x08, 0x12, 0x04, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
};

static const uint8_t luns[] = {
	0, 0, 0, 32, 0, 0, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 0,
	0, 5, 0, 0, 0, 0, 0, 0,
	0xc1, 0, 0, 0, 0, 0, 0, 0,				/* extended: not spoken */
	0x41, 0x2c, 0, 0, 0, 0, 0, 0,
};

static void an_inquiry_is_text_that_is_fit_to_print(void **state)
{
	struct scsi_inquiry inq;

	(void)state;
	assert_true(scsi_inquiry_decode(inquiry, sizeof(inquiry), &inq));
	assert_string_equal(inq.vendor, "VENDOR");
	assert_string_equal(inq.product, "PRODUCT? ONE");
	assert_string_equal(inq.revision, "0042");
	assert_int_equal(inq.type, SCSI_TYPE_DISK);
	assert_false(scsi_inquiry_decode(inquiry, 35, &inq));
}

static void the_best_designator_of_the_unit_is_its_name(void **state)
{
	char text[64];
	uint8_t data[sizeof(device_id)];

	(void)state;
	assert_true(vpd_device_id_decode(device_id, sizeof(device_id), text, sizeof(text)));
	assert_string_equal(text, "naa.600102030405060708090a0b0c0d0e0f");
	memcpy(data, device_id, sizeof(data));
	be16_store(data + 2, 40);		/* without the last one */
	assert_true(vpd_device_id_decode(data, sizeof(data), text, sizeof(text)));
	assert_string_equal(text, "eui.0102030405060708");
	be16_store(data + 2, 16);
	assert_true(vpd_device_id_decode(data, sizeof(data), text, sizeof(text)));
	assert_string_equal(text, "t10.VENDOR  sn12");
	assert_false(vpd_device_id_decode(data, 4, text, sizeof(text)));
	assert_string_equal(text, "");
}

static void a_serial_number_is_trimmed(void **state)
{
	static const uint8_t page[] = { 0, 0x80, 0, 8, ' ', ' ', 'A', 'B', '1', 0x7f, ' ', 0 };
	char text[8];

	(void)state;
	assert_true(vpd_serial_decode(page, sizeof(page), text, sizeof(text)));
	assert_string_equal(text, "AB1?");
	assert_false(vpd_serial_decode(page, 4, text, sizeof(text)));
	assert_false(vpd_serial_decode(device_id, sizeof(device_id), text, sizeof(text)));
}

static void a_page_is_supported_when_it_is_in_the_list(void **state)
{
	static const uint8_t page[] = { 0, 0, 0, 3, 0x00, 0x80, 0x83, 0xb0 };

	(void)state;
	assert_true(vpd_has_page(page, sizeof(page), 0x83));
	assert_false(vpd_has_page(page, sizeof(page), 0xb0));	/* behind the end */
	assert_false(vpd_has_page(page, 6, 0x83));		/* not arrived */
}

static void capacity_is_one_more_than_the_last_block(void **state)
{
	uint8_t data[32] = { 0, 0, 0, 1, 0, 0, 0, 0xff, 0, 0, 2, 0, 0, 3, 0xc0, 0 };
	struct scsi_capacity c;

	(void)state;
	assert_true(scsi_capacity_16_decode(data, sizeof(data), &c));
	assert_true(c.blocks == 0x100000100);
	assert_int_equal(c.block_bytes, 512);
	assert_int_equal(c.physical_block_bytes, 4096);
	assert_true(c.thin && c.zeroes_unmapped);
	assert_true(scsi_capacity_16_decode(data, 12, &c));
	assert_false(c.thin);
	assert_false(scsi_capacity_16_decode(data, 11, &c));
}

static void a_capacity_that_makes_no_sense_is_refused(void **state)
{
	static const uint32_t sizes[] = { 0, 1, 511, 513, 256, 131072, 0x80000000 };
	uint8_t data[32] = { 0 };
	struct scsi_capacity c;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		be32_store(data + 8, sizes[i]);
		assert_false(scsi_capacity_16_decode(data, sizeof(data), &c));
	}
	be32_store(data + 8, 512);
	memset(data, 0xff, 8);
	assert_false(scsi_capacity_16_decode(data, sizeof(data), &c));
	be64_store(data, INT64_MAX / 512);
	assert_false(scsi_capacity_16_decode(data, sizeof(data), &c));
}

/* SBC-3 5.15: FFFFFFFFh says that READ CAPACITY(16) has to be asked. */
static void a_capacity_that_ten_bytes_cannot_say_is_not_believed(void **state)
{
	uint8_t data[8] = { 0xff, 0xff, 0xff, 0xff, 0, 0, 2, 0 };
	struct scsi_capacity c;

	(void)state;
	assert_false(scsi_capacity_10_decode(data, sizeof(data), &c));
	data[3] = 0xfe;
	assert_true(scsi_capacity_10_decode(data, sizeof(data), &c));
	assert_true(c.blocks == UINT32_MAX);
}

static void the_caching_page_is_found_behind_block_descriptors_and_other_pages(void **state)
{
	struct scsi_mode m;

	(void)state;
	assert_true(scsi_mode_6_decode(mode_6, sizeof(mode_6), &m));
	assert_true(m.write_protected && m.fua && m.write_cache);
	assert_true(scsi_mode_6_decode(mode_6, 4, &m));
	assert_true(m.write_protected && !m.write_cache);
	assert_false(scsi_mode_6_decode(mode_6, 3, &m));
}

static void luns_of_other_kinds_are_left_out_and_counted(void **state)
{
	struct lun_addr got[8];
	int skipped;

	(void)state;
	assert_int_equal(scsi_luns_decode(luns, sizeof(luns), got, 8, &skipped), 3);
	assert_int_equal(skipped, 1);
	assert_int_equal(lun_addr_number(got[1]), 5);
	assert_int_equal(lun_addr_number(got[2]), 300);
	assert_int_equal(scsi_luns_decode(luns, sizeof(luns), got, 2, &skipped), 2);
	assert_int_equal(scsi_luns_decode(luns, 20, got, 8, &skipped), 1);
	assert_int_equal(scsi_luns_decode(luns, 7, got, 8, &skipped), -1);
}

static void limits_that_are_not_told_are_zero(void **state)
{
	uint8_t page[64] = { 0, 0xb0, 0, 0x3c };
	struct scsi_limits l;

	(void)state;
	be32_store(page + 8, 128);
	be64_store(page + 36, 4096);
	assert_true(vpd_limits_decode(page, sizeof(page), &l));
	assert_int_equal(l.max_transfer_blocks, 128);
	assert_true(l.max_write_same_blocks == 4096);
	assert_true(vpd_limits_decode(page, 16, &l));	/* SBC-2's page ends here */
	assert_true(l.max_write_same_blocks == 0);
	assert_false(vpd_limits_decode(page, 12, &l));
}

static void data_cut_off_anywhere_is_read_no_further(void **state)
{
	(void)state;
	for (size_t len = 0; len <= sizeof(inquiry); len++)
		decode_all(inquiry, len);
	for (size_t len = 0; len <= sizeof(device_id); len++)
		decode_all(device_id, len);
	for (size_t len = 0; len <= sizeof(mode_6); len++)
		decode_all(mode_6, len);
	for (size_t len = 0; len <= sizeof(luns); len++)
		decode_all(luns, len);
}

/* Noise, half of it with the head of a page before it, so that it gets past the first look. */
static void noise_is_survived(void **state)
{
	static const uint8_t pages[] = { 0x00, 0x80, 0x83, 0xb0, 0xb1 };
	uint32_t random = 42;

	(void)state;
	for (unsigned i = 0; i < 40000; i++) {
		uint8_t data[80];

		for (unsigned n = 0; n < sizeof(data); n++) {
			random = random * 1664525u + 1013904223u;
			data[n] = (uint8_t)(random >> 24);
		}
		if (i % 2) {
			data[1] = pages[i / 2 % ARRAY_SIZE(pages)];
			data[2] = 0;
		}
		decode_all(data, data[0] % (sizeof(data) + 1));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_inquiry_is_text_that_is_fit_to_print),
		cmocka_unit_test(the_best_designator_of_the_unit_is_its_name),
		cmocka_unit_test(a_serial_number_is_trimmed),
		cmocka_unit_test(a_page_is_supported_when_it_is_in_the_list),
		cmocka_unit_test(capacity_is_one_more_than_the_last_block),
		cmocka_unit_test(a_capacity_that_makes_no_sense_is_refused),
		cmocka_unit_test(a_capacity_that_ten_bytes_cannot_say_is_not_believed),
		cmocka_unit_test(the_caching_page_is_found_behind_block_descriptors_and_other_pages),
		cmocka_unit_test(luns_of_other_kinds_are_left_out_and_counted),
		cmocka_unit_test(limits_that_are_not_told_are_zero),
		cmocka_unit_test(data_cut_off_anywhere_is_read_no_further),
		cmocka_unit_test(noise_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
