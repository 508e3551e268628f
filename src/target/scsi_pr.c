/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PERSISTENT RESERVE IN and OUT. The one hard thing: the parameter list names other initiator ports
 * by variable TransportIDs, and all of it is judged before anything is changed.
 * Source: SPC-4 (spc4r17) 6.13, 6.14.
 */
#include <string.h>

#include "iscsifs/check.h"
#include "iscsifs/cursor.h"
#include "target/scsi_cmd.h"
#include "target/scsi_reserve.h"
#include "target/transport_id.h"

enum pr_in { PR_IN_READ_KEYS, PR_IN_READ_RESERVATION, PR_IN_CAPABILITIES, PR_IN_FULL_STATUS };

enum pr_out {
	PR_OUT_REGISTER,
	PR_OUT_RESERVE,
	PR_OUT_RELEASE,
	PR_OUT_CLEAR,
	PR_OUT_PREEMPT,
	PR_OUT_PREEMPT_AND_ABORT,
	PR_OUT_REGISTER_AND_IGNORE,
	PR_OUT_REGISTER_AND_MOVE,
};

enum {
	PR_LIST_BYTES = 24,		/* of the parameter list, without TransportIDs */
	PR_LIST_FLAGS = 20,		/* byte with the next three */
	PR_LIST_APTPL = 0x01,
	PR_LIST_ALL_TG_PT = 0x04,
	PR_LIST_SPEC_I_PT = 0x08,
	PR_LIST_IDS = 28,		/* TransportIDs of REGISTER, behind their length */
	PR_MOVE_FLAGS = 17,		/* byte of REGISTER AND MOVE's list: APTPL, and */
	PR_MOVE_UNREG = 0x02,
	PR_RELATIVE_PORT = 1,		/* of the one target port, as VPD page 83h tells it */
	PR_LIST_MAX = PR_LIST_IDS + PR_REGISTRATIONS_MAX * TRANSPORT_ID_MAX,
	PR_STATUS_BYTES = 24,		/* a full status descriptor without its TransportID */
};

/* A full status of every registration there can be. */
_Static_assert(8 + PR_REGISTRATIONS_MAX * (PR_STATUS_BYTES + TRANSPORT_ID_MAX) <= SCSI_PARAM_MAX,
	       "scsi_param() is too small for READ FULL STATUS");

/* --- IN --- */

static void pr_in_answer(struct scsi_cmd *c, uint8_t *d, uint32_t len)
{
	be32_store(d, c->lun->pr.generation);
	be32_store(d + 4, len - 8);
	scsi_answer(c, len, be16_load(c->cdb + 7));
}

static void pr_in_read_keys(struct scsi_cmd *c)
{
	const struct pr *pr = &c->lun->pr;
	uint8_t *d = scsi_param(c);

	for (unsigned i = 0; i < pr->count; i++)
		be64_store(d + 8 + 8 * i, pr->reg[i].key);
	pr_in_answer(c, d, 8 + 8 * pr->count);
}

static void pr_in_read_reservation(struct scsi_cmd *c)
{
	const struct pr *pr = &c->lun->pr;
	const struct pr_registration *holder = pr_holder(pr);
	uint8_t *d = scsi_param(c);

	if (holder)			/* with all registrants the key is zero */
		be64_store(d + 8, holder->key);
	d[21] = (uint8_t)pr->type;
	pr_in_answer(c, d, pr->type ? 24 : 8);
}

static void pr_in_capabilities(struct scsi_cmd *c)
{
	uint8_t *d = scsi_param(c);

	be16_store(d, 8);
	d[2] = 0x1c;			/* CRH, SIP_C, ATP_C; nothing persists through power loss */
	d[3] = 0xb0;			/* TMV; ALLOW COMMANDS 3: as scsi_reserve_need() has it */
	d[4] = 0xea;			/* WE-AR, EA-RO, WE-RO, EA, WE */
	d[5] = 0x01;			/* EA-AR */
	scsi_answer(c, 8, be16_load(c->cdb + 7));
}

static void pr_in_full_status(struct scsi_cmd *c)
{
	const struct pr *pr = &c->lun->pr;
	uint8_t *d = scsi_param(c);
	uint32_t len = 8, id;

	for (unsigned i = 0; i < pr->count; i++) {
		const struct pr_registration *r = &pr->reg[i];
		uint8_t *s = d + len;

		be64_store(s, r->key);
		s[12] = r->all_target_ports ? 0x02 : 0;
		if (pr_is_holder(pr, r)) {
			s[12] |= 0x01;
			s[13] = (uint8_t)pr->type;
		}
		be16_store(s + 18, PR_RELATIVE_PORT);
		id = transport_id_encode(r->name, r->isid, s + PR_STATUS_BYTES);
		be32_store(s + 20, id);
		len += PR_STATUS_BYTES + id;
	}
	pr_in_answer(c, d, len);
}

/* --- OUT --- */

/* Tells the ports of one command's nexuses, and ends their tasks for PREEMPT AND ABORT. */
struct pr_out_watch {
	struct pr_watch watch;
	struct scsi_cmd *c;
	bool aborts;
};

static enum nexus_ua pr_out_attention(enum pr_event what)
{
	switch (what) {
	case PR_RESERVATION_PREEMPTED:
		return NEXUS_UA_RESERVATION_PREEMPTED;
	case PR_RESERVATION_RELEASED:
		return NEXUS_UA_RESERVATION_RELEASED;
	case PR_REGISTRATION_PREEMPTED:
		return NEXUS_UA_REGISTRATION_PREEMPTED;
	}
	return 0;
}

static void pr_out_tell(struct pr_watch *w, const struct pr_port *port, enum pr_event what)
{
	struct pr_out_watch *o = container_of(w, struct pr_out_watch, watch);
	struct lun *l = o->c->lun;
	struct nexus *n;

	list_each(n, &l->target->nexuses, link) {
		if (memcmp(n->isid, port->isid, 6) || strcmp(n->initiator, port->name))
			continue;
		n->ua[l->index] |= pr_out_attention(what);
		if (o->aborts && n->abort_tasks && n->abort_tasks(n, l, o->c))
			n->ua[l->index] |= NEXUS_UA_CLEARED;
	}
}

static enum pr_result pr_out_preempt(struct scsi_cmd *c, const struct pr_port *who, uint64_t key,
				     uint64_t victims)
{
	struct pr_out_watch o = { { pr_out_tell }, c,
				  c->op->service_action == PR_OUT_PREEMPT_AND_ABORT };
	struct nexus *n = c->nexus;
	enum pr_result rc = pr_preempt(&c->lun->pr, who, key, victims, c->cdb[2], &o.watch);

	if (rc == PR_OK && o.aborts && key == victims && n->abort_tasks)
		n->abort_tasks(n, c->lun, c);
	return rc;
}

/* The answer to what the module said of the command. */
static void pr_out_answer(struct scsi_cmd *c, enum pr_result rc)
{
	switch (rc) {
	case PR_OK:
		scsi_good(c);
		return;
	case PR_CONFLICT:
		c->status = SCSI_RESERVATION_CONFLICT;
		return;
	case PR_NO_ROOM:
		scsi_fail(c, SENSE_ILLEGAL_REQUEST, SENSE_NO_REGISTRATION_RESOURCES);
		return;
	case PR_BAD_TYPE:
		scsi_fail_field(c, 2);
		return;
	case PR_BAD_KEY:
		scsi_fail_param(c, 8);
		return;
	case PR_BAD_RELEASE:
		scsi_fail(c, SENSE_ILLEGAL_REQUEST, SENSE_INVALID_RELEASE);
		return;
	case PR_BAD_PORT:
		scsi_fail_param(c, PR_LIST_BYTES);
		return;
	case PR_REGISTERED:
	case PR_NOT_RESERVED:
		scsi_fail_field(c, 1);
		return;
	}
}

/* Ports that REGISTER with SPEC_I_PT names. */
static struct pr_out_ports {
	struct transport_id id[PR_REGISTRATIONS_MAX];
	struct pr_port port[PR_REGISTRATIONS_MAX];
	unsigned count;
} pr_out_ports;

static bool pr_out_add_port(const struct transport_id *id, const uint8_t isid[6])
{
	struct pr_out_ports *p = &pr_out_ports;
	struct transport_id *mine;

	if (p->count == PR_REGISTRATIONS_MAX)
		return false;
	mine = &p->id[p->count];
	*mine = *id;
	memcpy(mine->isid, isid, 6);
	for (unsigned i = 0; i < p->count; i++) {
		if (!strcmp(p->id[i].name, mine->name) && !memcmp(p->id[i].isid, isid, 6))
			return true;
	}
	p->port[p->count++] = (struct pr_port){ mine->name, mine->isid };
	return true;
}

/* A port, or every port of the device that we know: those that are logged in. */
static bool pr_out_add_ports(const struct scsi_cmd *c, const struct transport_id *id)
{
	const struct nexus *n;

	if (id->is_port)
		return pr_out_add_port(id, id->isid);
	list_each(n, &c->target->nexuses, link) {
		if (!strcmp(n->initiator, id->name) && !pr_out_add_port(id, n->isid))
			return false;
	}
	return true;
}

/* Returns false, the command failed, when the list is not well formed or too long. */
static bool pr_out_take_ports(struct scsi_cmd *c)
{
	uint32_t bytes = c->param_cap >= PR_LIST_IDS ? be32_load(c->param + PR_LIST_BYTES) : 0;
	struct cursor list = cursor_of(c->param + PR_LIST_IDS, bytes);
	struct transport_id id;

	pr_out_ports.count = 0;
	if (!bytes || bytes != c->param_cap - PR_LIST_IDS) {
		scsi_fail(c, SENSE_ILLEGAL_REQUEST, SENSE_PARAMETER_LIST_LENGTH_ERROR);
		return false;
	}
	while (cursor_left(&list)) {
		unsigned at = (unsigned)(list.p - c->param);

		if (!transport_id_decode(&list, &id)) {
			scsi_fail_param(c, at);
			return false;
		}
		if (!pr_out_add_ports(c, &id)) {
			pr_out_answer(c, PR_NO_ROOM);
			return false;
		}
	}
	return true;
}

static void pr_out_register(struct scsi_cmd *c, const struct pr_port *who)
{
	struct pr_out_watch o = { { pr_out_tell }, c, false };
	uint8_t flags = c->param[PR_LIST_FLAGS];
	struct pr_register how = {
		.key = be64_load(c->param),
		.new_key = be64_load(c->param + 8),
		.ignore_key = c->op->service_action == PR_OUT_REGISTER_AND_IGNORE,
		.all_target_ports = flags & PR_LIST_ALL_TG_PT,
	};

	if (flags & PR_LIST_APTPL) {	/* we keep nothing through a power loss */
		scsi_fail_param(c, PR_LIST_FLAGS);
		return;
	}
	if (flags & PR_LIST_SPEC_I_PT) {
		if (!pr_out_take_ports(c))
			return;
		how.more = pr_out_ports.port;
		how.more_count = pr_out_ports.count;
	}
	pr_out_answer(c, pr_register(&c->lun->pr, who, &how, &o.watch));
}

/* spc4r17 6.14.4. */
static void pr_out_move(struct scsi_cmd *c, const struct pr_port *who)
{
	struct cursor list = cursor_of(c->param + PR_LIST_BYTES, c->param_cap - PR_LIST_BYTES);
	uint8_t flags = c->param[PR_MOVE_FLAGS];
	struct transport_id id;
	struct pr_port to = { id.name, id.isid };

	if (be32_load(c->param + 20) != cursor_left(&list)) {
		scsi_fail(c, SENSE_ILLEGAL_REQUEST, SENSE_PARAMETER_LIST_LENGTH_ERROR);
		return;
	}
	if (flags & PR_LIST_APTPL) {
		scsi_fail_param(c, PR_MOVE_FLAGS);
		return;
	}
	if (be16_load(c->param + 18) != PR_RELATIVE_PORT) {
		scsi_fail_param(c, 18);
		return;
	}
	if (!transport_id_decode(&list, &id) || !id.is_port || cursor_left(&list)) {
		scsi_fail_param(c, PR_LIST_BYTES);
		return;
	}
	pr_out_answer(c, pr_move(&c->lun->pr, who, be64_load(c->param), be64_load(c->param + 8), &to,
				 flags & PR_MOVE_UNREG));
}

static void scsi_pr_out(struct scsi_cmd *c)
{
	uint32_t len = be32_load(c->cdb + 5);

	if (len < PR_LIST_BYTES || len > PR_LIST_MAX)
		scsi_fail(c, SENSE_ILLEGAL_REQUEST, SENSE_PARAMETER_LIST_LENGTH_ERROR);
	else
		scsi_collect(c, len, 5);
}

/* SPEC_I_PT is REGISTER's, and only with it may the list be longer. */
static bool pr_out_list_ok(struct scsi_cmd *c)
{
	bool more = c->param[PR_LIST_FLAGS] & PR_LIST_SPEC_I_PT;

	if (more && c->op->service_action != PR_OUT_REGISTER) {
		scsi_fail_param(c, PR_LIST_FLAGS);
		return false;
	}
	if (!more && c->param_cap != PR_LIST_BYTES) {
		scsi_fail(c, SENSE_ILLEGAL_REQUEST, SENSE_PARAMETER_LIST_LENGTH_ERROR);
		return false;
	}
	return true;
}

static void scsi_pr_out_finish(struct scsi_cmd *c)
{
	struct pr_out_watch o = { { pr_out_tell }, c, false };
	enum pr_out action = (enum pr_out)c->op->service_action;
	struct pr_port who = nexus_port(c->nexus);
	uint64_t key = be64_load(c->param);
	struct pr *pr = &c->lun->pr;
	enum pr_result rc = PR_OK;

	if (action != PR_OUT_REGISTER_AND_MOVE && !pr_out_list_ok(c))
		return;
	switch (action) {
	case PR_OUT_REGISTER:
	case PR_OUT_REGISTER_AND_IGNORE:
		pr_out_register(c, &who);
		return;
	case PR_OUT_REGISTER_AND_MOVE:
		pr_out_move(c, &who);
		return;
	case PR_OUT_RESERVE:
		rc = pr_reserve(pr, &who, key, c->cdb[2]);
		break;
	case PR_OUT_RELEASE:
		rc = pr_release(pr, &who, key, c->cdb[2], &o.watch);
		break;
	case PR_OUT_CLEAR:
		rc = pr_clear(pr, &who, key, &o.watch);
		break;
	case PR_OUT_PREEMPT:
	case PR_OUT_PREEMPT_AND_ABORT:
		rc = pr_out_preempt(c, &who, key, be64_load(c->param + 8));
		break;
	}
	pr_out_answer(c, rc);
}

#define IN(name, action, begin) \
	{ "PERSISTENT RESERVE IN, " name, SCSI_PERSISTENT_RESERVE_IN, action, 0, \
	  .usage = { 0, 0x1f, 0, 0, 0, 0, 0, 0xff, 0xff, 0 }, begin, 0, 0 }
#define OUT(name, action, scope_type) \
	{ "PERSISTENT RESERVE OUT, " name, SCSI_PERSISTENT_RESERVE_OUT, action, 0, \
	  .usage = { 0, 0x1f, scope_type, 0, 0, 0xff, 0xff, 0xff, 0xff, 0 }, scsi_pr_out, \
	  scsi_collect_data, scsi_pr_out_finish }

const struct scsi_op scsi_pr_ops[] = {
	IN("READ KEYS", PR_IN_READ_KEYS, pr_in_read_keys),
	IN("READ RESERVATION", PR_IN_READ_RESERVATION, pr_in_read_reservation),
	IN("REPORT CAPABILITIES", PR_IN_CAPABILITIES, pr_in_capabilities),
	IN("READ FULL STATUS", PR_IN_FULL_STATUS, pr_in_full_status),
	OUT("REGISTER", PR_OUT_REGISTER, 0),
	OUT("RESERVE", PR_OUT_RESERVE, 0xff),
	OUT("RELEASE", PR_OUT_RELEASE, 0xff),
	OUT("CLEAR", PR_OUT_CLEAR, 0),
	OUT("PREEMPT", PR_OUT_PREEMPT, 0xff),
	OUT("PREEMPT AND ABORT", PR_OUT_PREEMPT_AND_ABORT, 0xff),
	OUT("REGISTER AND IGNORE EXISTING KEY", PR_OUT_REGISTER_AND_IGNORE, 0),
	OUT("REGISTER AND MOVE", PR_OUT_REGISTER_AND_MOVE, 0),
	{ .name = NULL },
};
const unsigned scsi_pr_op_count = ARRAY_SIZE(scsi_pr_ops) - 1;
