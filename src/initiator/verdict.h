/* SPDX-License-Identifier: BSD-2-Clause */
/* What a SCSI answer means for the request that asked. Pure. Sources: SAM-5 5.3, SPC-4 4.5. */
#ifndef ISCSIFS_VERDICT_H
#define ISCSIFS_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include "iscsifs/scsi_sense.h"

enum verdict_kind {
	VERDICT_GOOD,		/* it happened */
	VERDICT_FAIL,		/* it did not and will not: errno says why */
	VERDICT_RETRY,		/* send it again */
	VERDICT_BUSY,		/* send it again after a while */
	VERDICT_NOT_READY,	/* the LUN is not ready: hold it until it is */
	VERDICT_ATTENTION,	/* UNIT ATTENTION: look at sense.code, then send it again */
};

struct verdict {
	enum verdict_kind kind;
	int err;		/* FAIL: -errno */
};

/* @rejected: there was no SCSI status at all (iSCSI Reject, or a response code that is not 0). */
struct verdict verdict_of(bool rejected, uint8_t status, const struct sense *sense);

#endif
