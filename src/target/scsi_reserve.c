/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reservations of both kinds, and RESERVE(6) and RELEASE(6). The one hard thing is that the two
 * kinds know each other: where keys are registered, RESERVE means nothing more (compatible
 * reservation handling, spc4r17 5.7.3), and where RESERVE holds, nobody registers (SPC-2 5.5.1).
 */
#include "target/scsi_reserve.h"

#include "target/scsi_cmd.h"

enum { START_ALONE = 0x01, START_BITS = 0xf1, PREVENT_BITS = 0x03 };

static enum pr_need scsi_reserve_need_16(uint8_t service_action)
{
	switch (service_action) {
	case SCSI_SA_READ_CAPACITY_16:
		return PR_NEED_NOTHING;
	case SCSI_SA_GET_LBA_STATUS:
		return PR_NEED_READ;
	default:
		return PR_NEED_ALL;
	}
}

enum pr_need scsi_reserve_need(const uint8_t *cdb)
{
	switch (cdb[0]) {
	case SCSI_TEST_UNIT_READY:
	case SCSI_REQUEST_SENSE:
	case SCSI_INQUIRY:
	case SCSI_REPORT_LUNS:
	case SCSI_READ_CAPACITY_10:
	case SCSI_PERSISTENT_RESERVE_IN:
	case SCSI_PERSISTENT_RESERVE_OUT:	/* judges for itself, as these two do */
	case SCSI_RESERVE_6:
	case SCSI_RELEASE_6:
		return PR_NEED_NOTHING;
	case SCSI_READ_6:
	case SCSI_READ_10:
	case SCSI_READ_12:
	case SCSI_READ_16:
	case SCSI_VERIFY_10:
	case SCSI_VERIFY_12:
	case SCSI_VERIFY_16:
	case SCSI_PREFETCH_10:
	case SCSI_PREFETCH_16:
	case SCSI_MODE_SENSE_6:
	case SCSI_MODE_SENSE_10:
	case SCSI_MAINTENANCE_IN:
		return PR_NEED_READ;
	case SCSI_SERVICE_ACTION_IN_16:
		return scsi_reserve_need_16(cdb[1] & 0x1f);
	case SCSI_START_STOP_UNIT:
		return (cdb[4] & START_BITS) == START_ALONE ? PR_NEED_NOTHING : PR_NEED_ALL;
	case SCSI_PREVENT_ALLOW:
		return cdb[4] & PREVENT_BITS ? PR_NEED_ALL : PR_NEED_NOTHING;
	default:
		return PR_NEED_ALL;
	}
}

bool scsi_reserve_keeps_out(const struct lun *l, const struct nexus *n, enum pr_need need)
{
	struct pr_port who = nexus_port(n);

	if (l->reserved_by && l->reserved_by != n)
		return true;
	return !pr_allows(&l->pr, &who, need);
}

bool scsi_reserve_conflicts(const struct scsi_cmd *c)
{
	struct pr_port who = nexus_port(c->nexus);
	const struct lun *l = c->lun;
	enum pr_need need;

	if (!l->reserved_by && !l->pr.type)
		return false;
	if (l->reserved_by && (c->cdb[0] == SCSI_PERSISTENT_RESERVE_IN ||
			       c->cdb[0] == SCSI_PERSISTENT_RESERVE_OUT))
		return true;
	need = scsi_reserve_need(c->cdb);
	if (l->reserved_by && l->reserved_by != c->nexus && !(c->op->flags & SCSI_OP_ANY_NEXUS) &&
	    (need != PR_NEED_NOTHING || c->cdb[0] == SCSI_TEST_UNIT_READY ||
	     c->cdb[0] == SCSI_RESERVE_6))
		return true;
	return !pr_allows(&l->pr, &who, need);
}

/* Where keys are registered: GOOD to those whom a reservation lets in, and nothing happens. */
static bool scsi_reserve_is_moot(struct scsi_cmd *c)
{
	struct pr_port who = nexus_port(c->nexus);
	struct pr *pr = &c->lun->pr;

	if (!pr->count)
		return false;
	if (pr->type && pr_allows(pr, &who, PR_NEED_ALL)) {
		scsi_good(c);
	} else {
		c->status = SCSI_RESERVATION_CONFLICT;
		c->next = SCSI_NEXT_DONE;
	}
	return true;
}

void scsi_reserve(struct scsi_cmd *c)
{
	if (c->cdb[1] & 0x01) {		/* extents: obsolete */
		scsi_fail_field(c, 1);
		return;
	}
	if (scsi_reserve_is_moot(c))
		return;
	c->lun->reserved_by = c->nexus;
	scsi_good(c);
}

void scsi_release(struct scsi_cmd *c)
{
	if (scsi_reserve_is_moot(c))
		return;
	if (c->lun->reserved_by == c->nexus)
		c->lun->reserved_by = NULL;
	scsi_good(c);
}
