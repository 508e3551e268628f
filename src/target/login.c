/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Login. The one hard thing: until the very end the peer is a stranger, so every step is checked
 * against the stage it belongs to, text is bounded, and nothing is made for it before it proved
 * who it is.
 */
#include "target/login.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "iscsifs/check.h"
#include "iscsifs/log.h"
#include "iscsifs/num.h"
#include "target/chap.h"
#include "target/session.h"

enum login_stage { LOGIN_SECURITY = 0, LOGIN_OPERATIONAL = 1, LOGIN_FULL_FEATURE = 3 };

enum login_auth {
	LOGIN_AUTH_NONE = 0,		/* nothing agreed yet */
	LOGIN_AUTH_CHAP_CHOSEN,		/* AuthMethod=CHAP said, CHAP_A comes next */
	LOGIN_AUTH_CHALLENGED,		/* our challenge is out */
	LOGIN_AUTH_DONE,		/* proved, or nothing to prove */
};

enum {
	LOGIN_TEXT_MAX = 16384,		/* of one request, over all its PDUs */
	LOGIN_ANSWER_MAX = 4096,
	LOGIN_PDUS_MAX = 64,
};

struct login {
	struct connection *c;
	unsigned pdus;
	bool started;			/* the first request was read whole */
	bool declared;			/* our MaxRecvDataSegmentLength is said */
	enum login_stage stage;
	enum login_auth auth;
	struct chap chap;
	struct session_start start;	/* what the session will be made of */
	uint32_t itt;
	uint32_t statsn;
	char text[LOGIN_TEXT_MAX];
	size_t text_len;
	char answer[LOGIN_ANSWER_MAX];
	struct text_out out;
};

int login_new(struct login **out, struct connection *c)
{
	struct login *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->c = c;
	params_default(&l->start.params);
	*out = l;
	return 0;
}

const struct target *login_target(const struct login *l)
{
	return l->start.target;
}

void login_free(struct login *l)
{
	free(l);
}

static void login_send(struct login *l, uint8_t flags, enum pdu_login_status status, uint16_t tsih)
{
	uint32_t len = status < PDU_LOGIN_INITIATOR_ERROR ? (uint32_t)l->out.len : 0;
	uint8_t *bhs = conn_pdu(l->c, len);

	pdu_init(bhs, PDU_LOGIN_RESPONSE, flags, l->itt);
	memcpy(bhs + 8, l->start.isid, 6);
	be16_store(bhs + 14, tsih);
	pdu_set_numbers(bhs, l->statsn++, l->start.cmdsn,
			l->start.cmdsn + server_window(l->c->server, l->start.target) - 1);
	be16_store(bhs + 36, (uint16_t)status);
	memcpy(conn_pdu_data(l->c, bhs), l->answer, len);
	conn_pdu_send(l->c, bhs, len);
}

static void login_refuse(struct login *l, enum pdu_login_status status, const char *why)
{
	log_info("login refused: %s | conn=%llu peer=%s initiator=%s status=%04x", why,
		 (unsigned long long)l->c->id, l->c->peer, l->start.initiator, status);
	l->c->server->stats.logins_refused++;
	login_send(l, 0, status, 0);
	conn_drain(l->c);
}

/* --- who, and to whom --- */

static bool login_take_name(struct login *l, const char *value)
{
	if (!target_name_ok(value)) {
		login_refuse(l, PDU_LOGIN_INITIATOR_ERROR, "InitiatorName is no iSCSI name");
		return false;
	}
	memcpy(l->start.initiator, value, strlen(value) + 1);
	return true;
}

/* What the initiator calls itself; one that is too long is left out. */
static void login_take_alias(struct login *l, const char *value)
{
	if (value && strlen(value) < sizeof(l->start.alias))
		memcpy(l->start.alias, value, strlen(value) + 1);
}

/* The rules for what the initiator wants. */
static const struct access *login_access(const struct login *l)
{
	return l->start.target ? &l->start.target->access : &l->c->server->discovery;
}

/* What we negotiate with. */
static const struct params *login_offer(const struct login *l)
{
	return l->start.target ? &l->start.target->offer : &l->c->server->offer;
}

static bool login_find_target(struct login *l, const char *name)
{
	if (!name) {
		login_refuse(l, PDU_LOGIN_MISSING_PARAMETER, "no TargetName");
		return false;
	}
	l->start.target = server_target(l->c->server, name);
	if (!l->start.target) {
		login_refuse(l, PDU_LOGIN_NOT_FOUND, "no such target");
		return false;
	}
	if (l->start.target->offline) {
		login_refuse(l, PDU_LOGIN_UNAVAILABLE, "the target is offline");
		return false;
	}
	text_addf(&l->out, "TargetPortalGroupTag", "%u", TARGET_PORTAL_GROUP);
	return true;
}

/* RFC 7143 11.13.5: the answer to the first request already, before anything is proved. */
static void login_send_elsewhere(struct login *l, const struct target *t)
{
	l->out.len = 0;
	text_addf(&l->out, "TargetAddress", "%s:%u,%u", t->redirect.address, t->redirect.port,
		  TARGET_PORTAL_GROUP);
	login_refuse(l, t->redirect.permanent ? PDU_LOGIN_MOVED_PERMANENTLY : PDU_LOGIN_MOVED,
		     "the target is elsewhere");
}

/* The keys of the first request that say what is wanted. Returns false when refused. */
static bool login_identify(struct login *l, const struct text *t)
{
	const char *name = text_get(t, "InitiatorName");
	const char *type = text_get(t, "SessionType");

	if (!name) {
		login_refuse(l, PDU_LOGIN_MISSING_PARAMETER, "no InitiatorName");
		return false;
	}
	if (!login_take_name(l, name))
		return false;
	login_take_alias(l, text_get(t, "InitiatorAlias"));
	l->start.discovery = type && !strcmp(type, "Discovery");
	if (type && !l->start.discovery && strcmp(type, "Normal")) {
		login_refuse(l, PDU_LOGIN_BAD_SESSION_TYPE, "unknown SessionType");
		return false;
	}
	if (!l->start.discovery && !login_find_target(l, text_get(t, "TargetName")))
		return false;
	if (!access_allows(login_access(l), l->start.initiator, &l->c->from)) {
		login_refuse(l, PDU_LOGIN_FORBIDDEN, "this initiator or address is not allowed");
		return false;
	}
	if (l->start.target && *l->start.target->redirect.address) {
		login_send_elsewhere(l, l->start.target);
		return false;
	}
	return true;
}

/* --- proof --- */

static bool login_must_prove(const struct login *l)
{
	return !list_empty(&login_access(l)->incoming);
}

static bool login_auth_method(struct login *l, const char *methods)
{
	const char *want = login_must_prove(l) ? "CHAP" : "None";

	if (l->auth != LOGIN_AUTH_NONE || !text_list_has(methods, want)) {
		login_refuse(l, PDU_LOGIN_AUTH_FAILED, login_must_prove(l) ?
			     "the initiator does not offer CHAP" : "no AuthMethod in common");
		return false;
	}
	text_add(&l->out, "AuthMethod", want);
	l->auth = login_must_prove(l) ? LOGIN_AUTH_CHAP_CHOSEN : LOGIN_AUTH_DONE;
	return true;
}

static bool login_send_challenge(struct login *l, const char *algorithms)
{
	enum chap_algorithm a = algorithms ? chap_choose(algorithms) : CHAP_NONE;
	char hex[2 * CHAP_CHALLENGE_BYTES + 3];

	if (a == CHAP_NONE) {
		login_refuse(l, PDU_LOGIN_AUTH_FAILED, "no CHAP algorithm in common");
		return false;
	}
	if (chap_challenge(&l->chap, a)) {
		login_refuse(l, PDU_LOGIN_TARGET_ERROR, "no randomness for a challenge");
		return false;
	}
	chap_encode(l->chap.challenge, sizeof(l->chap.challenge), hex);
	text_addf(&l->out, "CHAP_A", "%d", a);
	text_addf(&l->out, "CHAP_I", "%u", l->chap.id);
	text_add(&l->out, "CHAP_C", hex);
	l->auth = LOGIN_AUTH_CHALLENGED;
	return true;
}

/* The initiator asks for our proof. Returns a reason to refuse, or NULL. */
static const char *login_prove(struct login *l, const char *id, const char *challenge)
{
	const struct account *ours = list_first(&login_access(l)->outgoing, struct account, link);
	uint8_t bytes[CHAP_CHALLENGE_MAX], answer[CHAP_DIGEST_MAX];
	char hex[2 * CHAP_DIGEST_MAX + 3];
	size_t answer_len;
	uint64_t n;
	int len;

	if (!id || !challenge || num_parse_u64(id, 0, 255, &n))
		return "CHAP_I or CHAP_C malformed";
	len = chap_decode(challenge, bytes, sizeof(bytes));
	if (len < 0)
		return "CHAP_C malformed";
	if (chap_is_reflected(&l->chap, bytes, (size_t)len))
		return "the initiator sent our own challenge back";
	if (!ours)
		return "mutual CHAP asked for, none configured";
	answer_len = chap_answer(l->chap.algorithm, (uint8_t)n, ours->secret, bytes, (size_t)len,
				 answer);
	chap_encode(answer, answer_len, hex);
	text_add(&l->out, "CHAP_N", ours->user);
	text_add(&l->out, "CHAP_R", hex);
	return NULL;
}

/* An unknown user costs what a wrong secret does: his answer is compared with a secret, too. */
static bool login_is_proved(const struct login *l, const char *user, const uint8_t *answer,
			    size_t len)
{
	const struct account *known = access_account(login_access(l), ACCESS_INCOMING, user);
	bool right = chap_is_right(&l->chap, known ? known->secret : "nobody knows me", answer,
				   len);

	return right && known;
}

static bool login_check_answer(struct login *l, const struct text *t)
{
	const char *name = text_get(t, "CHAP_N"), *answer = text_get(t, "CHAP_R");
	const char *id = text_get(t, "CHAP_I"), *challenge = text_get(t, "CHAP_C");
	const char *why = NULL;
	uint8_t bytes[CHAP_DIGEST_MAX];
	int len;

	len = answer ? chap_decode(answer, bytes, sizeof(bytes)) : -EINVAL;
	if (!name || len < 0)
		why = "CHAP_N or CHAP_R missing or malformed";
	else if (!login_is_proved(l, name, bytes, (size_t)len))
		why = "wrong user or secret";
	else if (id || challenge)
		why = login_prove(l, id, challenge);
	if (why) {
		login_refuse(l, PDU_LOGIN_AUTH_FAILED, why);
		return false;
	}
	l->auth = LOGIN_AUTH_DONE;
	return true;
}

static bool login_security(struct login *l, const struct text *t)
{
	const char *methods = text_get(t, "AuthMethod");

	if (methods)
		return login_auth_method(l, methods);
	if (l->auth == LOGIN_AUTH_CHAP_CHOSEN)
		return login_send_challenge(l, text_get(t, "CHAP_A"));
	if (l->auth == LOGIN_AUTH_CHALLENGED)
		return login_check_answer(l, t);
	return true;
}

/* --- the other keys --- */

/* Keys that are read elsewhere, or that say nothing to us. */
static bool login_is_known_key(const char *key)
{
	static const char *const known[] = {
		"InitiatorName", "InitiatorAlias", "TargetName", "SessionType", "AuthMethod",
		"CHAP_A", "CHAP_N", "CHAP_R", "CHAP_I", "CHAP_C",
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (!strcmp(known[i], key))
			return true;
	}
	return false;
}

static bool login_negotiate(struct login *l, const struct text *t)
{
	for (unsigned i = 0; i < t->pairs; i++) {
		const char *key = t->pair[i].key;
		int rc;

		if (login_is_known_key(key))
			continue;
		rc = params_negotiate(&l->start.params, login_offer(l), key,
				      t->pair[i].value, l->start.discovery, &l->out);
		if (rc < 0) {
			login_refuse(l, PDU_LOGIN_INITIATOR_ERROR, "a declared value is out of range");
			return false;
		}
		if (rc > 0)
			text_add(&l->out, key, "NotUnderstood");
	}
	if (l->stage == LOGIN_OPERATIONAL && !l->declared) {
		l->declared = true;
		l->start.params.max_recv_bytes = login_offer(l)->max_recv_bytes;
		text_addf(&l->out, "MaxRecvDataSegmentLength", "%u",
			  l->start.params.max_recv_bytes);
	}
	if (l->out.full) {
		login_refuse(l, PDU_LOGIN_INITIATOR_ERROR, "too many keys");
		return false;
	}
	return true;
}

/* --- stages --- */

/* The whole of a request's text is here. Returns false when refused. */
static bool login_request(struct login *l)
{
	struct text t;

	l->out = (struct text_out){ .data = l->answer, .cap = sizeof(l->answer) };
	if (text_split(&t, l->text, l->text_len)) {
		login_refuse(l, PDU_LOGIN_INITIATOR_ERROR, "malformed text");
		return false;
	}
	if (!l->started && !login_identify(l, &t))
		return false;
	l->started = true;
	if (l->stage == LOGIN_SECURITY && !login_security(l, &t))
		return false;
	if (l->stage == LOGIN_OPERATIONAL && login_must_prove(l) && l->auth != LOGIN_AUTH_DONE) {
		login_refuse(l, PDU_LOGIN_AUTH_FAILED, "CHAP is required and was skipped");
		return false;
	}
	return login_negotiate(l, &t);
}

/* The rules may have changed since the first request. Returns false when refused. */
static bool login_is_still_welcome(struct login *l)
{
	if (!access_allows(login_access(l), l->start.initiator, &l->c->from)) {
		login_refuse(l, PDU_LOGIN_FORBIDDEN, "this initiator or address is not allowed");
		return false;
	}
	if (login_must_prove(l) && l->chap.algorithm == CHAP_NONE) {
		login_refuse(l, PDU_LOGIN_AUTH_FAILED, "CHAP is required since a moment ago");
		return false;
	}
	return true;
}

static void login_complete(struct login *l, uint8_t flags)
{
	const char *why = params_settle(&l->start.params, login_offer(l));
	struct connection *c = l->c;
	enum pdu_login_status status;
	struct session *s;

	if (why) {
		login_refuse(l, PDU_LOGIN_INITIATOR_ERROR, why);
		return;
	}
	if (!login_is_still_welcome(l))
		return;
	l->start.statsn = l->statsn + 1;
	status = session_new(&s, c, &l->start);
	if (status != PDU_LOGIN_OK) {
		login_refuse(l, status, "no session can be made");
		return;
	}
	login_send(l, flags, PDU_LOGIN_OK, session_tsih(s));
	if (c->dead) {
		session_free(s);
		return;
	}
	c->server->stats.logins++;
	c->session = s;
	c->login = NULL;
	conn_full_feature(c, &l->start.params);
	login_free(l);
}

static void login_advance(struct login *l, const struct pdu *p)
{
	uint8_t flags = (uint8_t)(l->stage << 2);
	unsigned nsg = pdu_nsg(p->bhs);
	bool proved = !login_must_prove(l) || l->auth == LOGIN_AUTH_DONE;
	bool transit = pdu_flags(p->bhs) & PDU_F;

	/* An answer of ours that still expects one keeps the stage. */
	if (!transit || (l->stage == LOGIN_SECURITY && !proved)) {
		login_send(l, flags, PDU_LOGIN_OK, 0);
		return;
	}
	flags |= (uint8_t)(PDU_F | nsg);
	if (nsg == LOGIN_FULL_FEATURE) {
		login_complete(l, flags);
		return;
	}
	login_send(l, flags, PDU_LOGIN_OK, 0);
	l->stage = nsg;
}

/* Returns a reason to refuse, or NULL. */
static const char *login_check_header(struct login *l, const uint8_t *bhs)
{
	unsigned csg = pdu_csg(bhs), nsg = pdu_nsg(bhs);
	bool transit = pdu_flags(bhs) & PDU_F, more = pdu_flags(bhs) & PDU_C;

	if (l->pdus == 1 && csg <= LOGIN_OPERATIONAL)
		l->stage = csg;
	if (csg != l->stage)
		return "wrong stage";
	if (transit && (more || nsg <= csg || nsg == 2))
		return "wrong transition";
	if (l->pdus > 1 && (memcmp(l->start.isid, pdu_isid(bhs), 6) || pdu_itt(bhs) != l->itt))
		return "ISID or task tag changed within a login";
	if (l->pdus > LOGIN_PDUS_MAX)
		return "too many login requests";
	return NULL;
}

static void login_first(struct login *l, const uint8_t *bhs)
{
	memcpy(l->start.isid, pdu_isid(bhs), 6);
	l->start.tsih = pdu_tsih(bhs);
	l->start.cid = pdu_cid(bhs);
	l->start.cmdsn = pdu_cmdsn(bhs);
	l->itt = pdu_itt(bhs);
	l->statsn = pdu_expstatsn(bhs);
}

void login_pdu(struct login *l, const struct pdu *p)
{
	const char *why;

	if (pdu_opcode(p->bhs) != PDU_LOGIN_REQUEST) {
		conn_close(l->c, "%s before login", pdu_opcode_name(pdu_opcode(p->bhs)));
		return;
	}
	if (l->pdus++ == 0)
		login_first(l, p->bhs);
	l->out.len = 0;
	if (p->bhs[3] > 0) {
		login_refuse(l, PDU_LOGIN_BAD_VERSION, "version not supported");
		return;
	}
	why = login_check_header(l, p->bhs);
	if (why) {
		login_refuse(l, PDU_LOGIN_INVALID_REQUEST, why);
		return;
	}
	if (p->data_bytes > sizeof(l->text) - l->text_len) {
		login_refuse(l, PDU_LOGIN_INITIATOR_ERROR, "too much text");
		return;
	}
	memcpy(l->text + l->text_len, p->data, p->data_bytes);
	l->text_len += p->data_bytes;
	if (pdu_flags(p->bhs) & PDU_C) {
		login_send(l, (uint8_t)(l->stage << 2), PDU_LOGIN_OK, 0);
		return;
	}
	if (!login_request(l))
		return;
	l->text_len = 0;
	login_advance(l, p);
}

void login_turn_away(struct login *l, const uint8_t *bhs, enum pdu_login_status status,
		     const char *address)
{
	if (l->pdus++ == 0)
		login_first(l, bhs);
	l->out = (struct text_out){ .data = l->answer, .cap = sizeof(l->answer) };
	if (*address)
		text_addf(&l->out, "TargetAddress", "%s,%u", address, TARGET_PORTAL_GROUP);
	login_refuse(l, status, "a fault rule says so");
}
