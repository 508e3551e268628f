/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iSCSI TransportID: an initiator, or one port of it, as SCSI parameter data has it.
 * Source: SPC-4 (spc4r17) 7.5.4.6; RFC 7143 4.4.1 (the port's name: NAME,i,0xISID).
 */
#ifndef ISCSIFS_TARGET_TRANSPORT_ID_H
#define ISCSIFS_TARGET_TRANSPORT_ID_H

#include <stdbool.h>
#include <stdint.h>

#include "iscsifs/cursor.h"

enum {
	TRANSPORT_ID_NAME_MAX = 223,
	TRANSPORT_ID_MAX = 4 + TRANSPORT_ID_NAME_MAX + 5 + 12 + 4,	/* bytes, padded */
};

struct transport_id {
	char name[TRANSPORT_ID_NAME_MAX + 1];
	bool is_port;			/* format 01b; else the device, every port of it */
	uint8_t isid[6];
};

/* The one of port @name, @isid at @d (TRANSPORT_ID_MAX bytes). Returns its bytes. */
uint32_t transport_id_encode(const char *name, const uint8_t isid[6], uint8_t *d);

/* Take one off @c. Returns false when there is none that is well formed, of iSCSI. */
bool transport_id_decode(struct cursor *c, struct transport_id *out);

#endif
