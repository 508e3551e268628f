/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asking a LUN who it is, how large it is and what it can do: TEST UNIT READY until its unit
 * attentions are gone, INQUIRY with its pages, READ CAPACITY, MODE SENSE. One command at a time.
 */
#ifndef ISCSIFS_PROBE_H
#define ISCSIFS_PROBE_H

#include "iscsifs/lun.h"
#include "iscsifs/scsi_vpd.h"
#include "transport.h"

enum probe_result {
	PROBE_READY = 1,	/* facts and limits are complete */
	PROBE_NOT_READY,	/* not now: ask again later; `sense` says why */
	PROBE_NOT_A_DISK,	/* a LUN of another kind: nothing to show */
	PROBE_FAILED,		/* answers that make no sense; `text` says which */
	PROBE_STOPPED,		/* by probe_stop() */
};

struct probe {
	struct transport_cmd cmd;
	struct loop *loop;
	struct transport *tp;
	struct lun_addr addr;
	mono_ms asked;			/* when the question that is on its way was sent */
	unsigned step;
	unsigned attentions;
	unsigned retries;
	bool unready;
	bool stopped;
	bool absent;			/* NOT_A_DISK: no LUN is there (peripheral qualifier) */
	void (*attention)(struct probe *p);
	void (*done)(struct probe *p, enum probe_result result);

	/* What it has learnt; valid in done. */
	struct lun_facts facts;
	struct scsi_limits limits;
	struct sense sense;
	bool nexus_loss;		/* a unit attention 29/07 was among them */
	char text[80];

	uint8_t pages[260];		/* VPD 00 as it came */
	uint32_t pages_bytes;
	uint8_t buf[512];
};

/*
 * Begin. @p->done runs once, from the loop, unless the transport is lost or cut first: then simply
 * begin again on the next one. @attention runs for each unit attention before that: it may be another
 * disk by now. Returns 0 or -errno (nothing was begun).
 */
int probe_start(struct probe *p, struct loop *loop, struct transport *tp, struct lun_addr addr,
		void (*attention)(struct probe *),
		void (*done)(struct probe *, enum probe_result));

/* What it finds is of no use any more: ask no further question. @p->done runs, with STOPPED. */
void probe_stop(struct probe *p);

/*
 * Is the LUN of @now the disk of @before? The best name both have decides: wwid, then serial. Where
 * neither has either of them vendor and product do; one that has lost its names is another disk.
 */
bool probe_same_disk(const struct lun_facts *before, const struct lun_facts *now);

#endif
