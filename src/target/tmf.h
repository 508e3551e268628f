/* SPDX-License-Identifier: BSD-2-Clause */
/* Task management: RFC 7143 sections 11.5, 11.6; SAM-5 section 7. */
#ifndef ISCSIFS_TARGET_TMF_H
#define ISCSIFS_TARGET_TMF_H

#include "target/pdu.h"
#include "target/session.h"

/* Carry out the request @p and answer it. */
void tmf_request(struct session *s, const struct pdu *p);

/* End the tasks of session nexus @n on @l but the one of @except. Returns how many there were. */
unsigned tmf_abort_nexus(struct nexus *n, const struct lun *l, const struct scsi_cmd *except);

/* Answer the request @bhs, which is not carried out. */
void tmf_answer(struct session *s, const uint8_t *bhs, enum pdu_tmf_response response);

#endif
