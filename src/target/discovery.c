/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text requests. The one hard thing: an answer longer than the initiator takes at once is kept and
 * given out part by part, each asked for with the tag of the one before.
 */
#include "target/discovery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iscsifs/check.h"
#include "target/text.h"

enum { DISCOVERY_REQUEST_MAX = 8192, DISCOVERY_ANSWER_MAX = 1 << 18 };

/* One TargetAddress per portal; a portal on every address is known by the one the peer came to. */
static void discovery_add_target(struct session *s, const struct target *t, struct text_out *out)
{
	struct portal *p;

	text_add(out, "TargetName", t->name);
	list_each(p, &s->c->server->portals, link) {
		const char *port = strrchr(p->address, ':');
		const char *colon = strrchr(s->c->local, ':');

		if (p->wildcard && colon)
			text_addf(out, "TargetAddress", "%.*s%s,%d", (int)(colon - s->c->local),
				  s->c->local, port, TARGET_PORTAL_GROUP);
		else
			text_addf(out, "TargetAddress", "%s,%d", p->address, TARGET_PORTAL_GROUP);
	}
}

static void discovery_send_targets(struct session *s, const char *value, struct text_out *out)
{
	struct target *t;
	bool all = !strcmp(value, "All");

	if (!s->start.discovery && (all || (*value && strcmp(value, s->start.target->name)))) {
		text_add(out, "SendTargets", "Reject");
		return;
	}
	if (s->start.discovery && !*value) {
		text_add(out, "SendTargets", "Reject");
		return;
	}
	list_each(t, &s->c->server->targets, link) {
		if (!access_allows(&t->access, s->start.initiator, &s->c->from))
			continue;
		if (all || (*value ? !strcmp(value, t->name) : t == s->start.target))
			discovery_add_target(s, t, out);
	}
}

/* The one key that may be declared anew in full feature phase: RFC 7143 13.12. */
static void discovery_declare(struct session *s, const char *value, struct text_out *out)
{
	const struct params *offer = s->start.target ? &s->start.target->offer : &s->c->server->offer;
	struct params *p = &s->start.params;

	if (params_negotiate(p, offer, "MaxRecvDataSegmentLength", value, s->start.discovery, out))
		text_add(out, "MaxRecvDataSegmentLength", "Reject");
	else
		s->c->max_send = MIN(MIN(p->max_send_bytes, offer->max_send_bytes),
				     (uint32_t)CONN_PDU_DATA);
}

static void discovery_answer_keys(struct session *s, const struct text *t, struct text_out *out)
{
	for (unsigned i = 0; i < t->pairs; i++) {
		const char *key = t->pair[i].key, *value = t->pair[i].value;

		if (!strcmp(key, "SendTargets"))
			discovery_send_targets(s, value, out);
		else if (!strcmp(key, "MaxRecvDataSegmentLength"))
			discovery_declare(s, value, out);
		else
			text_add(out, key, params_is_key(key) ? "Reject" : "NotUnderstood");
	}
}

/* Send the next part of s->answer. */
static void discovery_send(struct session *s, uint32_t itt, const uint8_t *lun)
{
	uint32_t left = s->answer_len - s->answer_at;
	uint32_t part = MIN(left, s->c->max_send);
	bool last = part == left;
	uint8_t *bhs = conn_pdu(s->c, part);

	pdu_init(bhs, PDU_TEXT_RESPONSE, last ? PDU_F : PDU_C, itt);
	memcpy(bhs + 8, lun, 8);
	s->answer_ttt = last ? PDU_TAG_NONE : (s->answer_ttt + 1) & 0x00ffffff;
	be32_store(bhs + 20, s->answer_ttt);
	session_number(s, bhs);
	if (part)
		memcpy(conn_pdu_data(s->c, bhs), s->answer + s->answer_at, part);
	conn_pdu_send(s->c, bhs, part);
	s->answer_at += part;
	if (last) {
		free(s->answer);
		s->answer = NULL;
		s->answer_len = s->answer_at = 0;
	}
}

void discovery_text(struct session *s, const struct pdu *p)
{
	uint32_t ttt = pdu_ttt(p->bhs);
	char request[DISCOVERY_REQUEST_MAX];
	struct text_out out = { .cap = DISCOVERY_ANSWER_MAX };
	struct text t;

	if (ttt != PDU_TAG_NONE && s->answer && ttt == s->answer_ttt) {
		discovery_send(s, pdu_itt(p->bhs), pdu_lun(p->bhs));
		return;
	}
	if (ttt != PDU_TAG_NONE || pdu_flags(p->bhs) & PDU_C || p->data_bytes > sizeof(request)) {
		session_reject(s, p->bhs, PDU_REJECT_PROTOCOL);
		return;
	}
	memcpy(request, p->data, p->data_bytes);
	free(s->answer);
	s->answer = out.data = malloc(out.cap);
	if (!out.data || text_split(&t, request, p->data_bytes)) {
		session_reject(s, p->bhs, out.data ? PDU_REJECT_PROTOCOL : PDU_REJECT_RESOURCES);
		return;
	}
	discovery_answer_keys(s, &t, &out);
	s->answer_len = (uint32_t)out.len;
	s->answer_at = 0;
	discovery_send(s, pdu_itt(p->bhs), pdu_lun(p->bhs));
}
