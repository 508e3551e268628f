/* SPDX-License-Identifier: BSD-2-Clause */
/* Text requests in full feature phase: SendTargets. RFC 7143 appendix C, section 11.10. */
#ifndef ISCSIFS_TARGET_DISCOVERY_H
#define ISCSIFS_TARGET_DISCOVERY_H

#include "target/pdu.h"
#include "target/session.h"

/* Answer the Text Request @p, or the next part of an answer that was too long for one PDU. */
void discovery_text(struct session *s, const struct pdu *p);

#endif
