/* SPDX-License-Identifier: BSD-2-Clause */
/* Changes of PDUs. */
#include "target/fault_edit.h"

#include "target/pdu.h"
#include "target/script_words.h"

static void fault_edit_set(const struct fault_edit *e, uint8_t *bhs)
{
	const struct script_field *f = &script_fields[e->field];
	uint64_t value = 0;

	for (unsigned i = 0; i < f->bytes; i++)
		value = value << 8 | bhs[f->at + i];
	value = e->relative ? value + e->number : e->number;
	for (unsigned i = f->bytes; i--; value >>= 8)
		bhs[f->at + i] = (uint8_t)value;
}

static void fault_edit_flip(const struct fault_edit *e, uint8_t *bhs, uint8_t *data,
			    uint32_t data_bytes)
{
	uint64_t bits = e->field == SCRIPT_FLIP_DATA ? data_bytes * 8ull : PDU_BHS * 8;
	uint64_t bit = bits ? e->number % bits : 0;
	uint8_t *at = e->field == SCRIPT_FLIP_DATA ? data : bhs;

	if (bits)
		at[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
}

/* RFC 7143 11.4.5.1 */
static void fault_edit_residual(const struct fault_edit *e, uint8_t *bhs)
{
	bhs[1] &= (uint8_t)~(PDU_RESIDUAL_O | PDU_RESIDUAL_U);
	if (e->field != SCRIPT_RESIDUAL_NONE)
		bhs[1] |= e->field == SCRIPT_RESIDUAL_OVER ? PDU_RESIDUAL_O : PDU_RESIDUAL_U;
	be32_store(bhs + 44, (uint32_t)e->number);
}

void fault_edit(const struct fault_edit *edit, unsigned count, uint8_t *bhs, uint8_t *data,
		uint32_t data_bytes)
{
	for (unsigned i = 0; i < count; i++) {
		if (edit[i].act == SCRIPT_DO_SET)
			fault_edit_set(&edit[i], bhs);
		else if (edit[i].act == SCRIPT_DO_FLIP)
			fault_edit_flip(&edit[i], bhs, data, data_bytes);
		else
			fault_edit_residual(&edit[i], bhs);
	}
}
