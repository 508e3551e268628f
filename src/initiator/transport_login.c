/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The judge of a login. The one hard thing: order is the proof. A CHAP response is worth something
 * only in a reply that came after the one whose processing made libiscsi send its challenge; so for
 * each key the number of its reply is kept, not just that it was there.
 */
#include "initiator/transport_login.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "iscsifs/cursor.h"
#include "iscsifs/num.h"

enum {
	LOGIN_OPCODE = 0x23,
	LOGIN_TRANSIT = 0x80,
	LOGIN_CONTINUE = 0x40,
	LOGIN_STAGE_FULL = 3,
	LOGIN_CHAP_MD5 = 5,
	LOGIN_CHALLENGE_MAX = 1024,	/* RFC 7143 12.1.3 */
	LOGIN_RESPONSE_BYTES = 16,
	LOGIN_SEGMENT_MIN = 512,
	LOGIN_SEGMENT_MAX = 0xffffff,
};

static const struct {
	uint16_t status;
	const char *text;
} login_statuses[] = {
	{ 0x0101, "target moved temporarily" },
	{ 0x0102, "target moved permanently" },
	{ 0x0200, "the target found an error in our login" },
	{ 0x0201, "authentication failed" },
	{ 0x0202, "this initiator is not allowed to use the target" },
	{ 0x0203, "target not found" },
	{ 0x0204, "target removed" },
	{ 0x0205, "unsupported protocol version" },
	{ 0x0206, "too many connections" },
	{ 0x0207, "missing parameter" },
	{ 0x0208, "cannot include the connection in the session" },
	{ 0x0209, "session type not supported" },
	{ 0x020a, "session does not exist" },
	{ 0x020b, "invalid request during login" },
	{ 0x0300, "the target has an error of its own" },
	{ 0x0301, "service unavailable" },
	{ 0x0302, "the target is out of resources" },
};

const char *login_status_text(uint16_t status)
{
	for (size_t i = 0; i < ARRAY_SIZE(login_statuses); i++) {
		if (login_statuses[i].status == status)
			return login_statuses[i].text;
	}
	switch (status >> 8) {
	case 1:
		return "target moved";
	case 2:
		return "the target refused the login";
	case 3:
		return "the target cannot serve us now";
	}
	return "unknown login status";
}

void login_init(struct login *lg, const struct transport_param *param)
{
	*lg = (struct login){
		.want_chap = param->user,
		.want_mutual = param->user_in,
		.offered_digest = param->header_digest,
		.limits = {
			.max_send_bytes = 8192,
			.max_burst_bytes = 262144,
			.first_burst_bytes = 65536,
			.initial_r2t = true,
			.immediate_data = param->immediate_data,
			.time2wait = 2000,
		},
	};
	if (param->user_in)
		snprintf(lg->name_in, sizeof(lg->name_in), "%s", param->user_in);
}

static int login_refuse(struct transport_loss *loss, enum transport_loss_kind kind,
			const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static int login_refuse(struct transport_loss *loss, enum transport_loss_kind kind,
			const char *fmt, ...)
{
	va_list ap;

	*loss = (struct transport_loss){ .kind = kind, .time2wait = -1 };
	va_start(ap, fmt);
	vsnprintf(loss->text, sizeof(loss->text), fmt, ap);
	va_end(ap);
	return -1;
}

size_t login_pdu_bytes(const uint8_t *pdu, size_t have, struct transport_loss *loss)
{
	uint8_t opcode = pdu[0] & 0x3f;
	size_t data = have < LOGIN_HEADER_BYTES ? 0 : be24_load(pdu + 5);
	uint8_t extra = have < LOGIN_HEADER_BYTES ? 0 : pdu[4];

	if (opcode != LOGIN_OPCODE)
		login_refuse(loss, TRANSPORT_LOSS_LOGIN,
			     "the login was answered with a PDU of type 0x%02x: is this an iSCSI target?",
			     opcode);
	else if (extra || data > LOGIN_DATA_MAX)
		login_refuse(loss, TRANSPORT_LOSS_LOGIN,
			     "the login was answered with %zu bytes of data and %u of extra header",
			     data, extra * 4u);
	else
		return LOGIN_HEADER_BYTES + ((data + 3) & ~(size_t)3);
	return 0;
}

/* As libiscsi reads them: decimal, and everything else is 0. */
static uint32_t login_number(const char *value)
{
	uint64_t v;

	if (!isdigit((unsigned char)value[0]) || value[1] == 'x' || value[1] == 'X' ||
	    num_parse_u64(value, 0, UINT32_MAX, &v))
		return 0;
	return (uint32_t)v;
}

/* The bytes that "0x" and hex digits stand for, or 0 when @value is anything else. */
static size_t login_hex_bytes(const char *value)
{
	size_t digits;

	if (strncmp(value, "0x", 2))
		return 0;
	digits = strspn(value + 2, "0123456789abcdefABCDEF");
	return value[2 + digits] || digits % 2 ? 0 : digits / 2;
}

static void login_print(char *out, size_t room, const char *text)
{
	snprintf(out, room, "%s", text);
	for (; *out; out++) {
		if (!isprint((unsigned char)*out))
			*out = '?';
	}
}

static int key_auth_method(struct login *lg, const char *value, struct transport_loss *loss)
{
	char shown[32];

	if (!lg->want_chap)
		return 0;
	login_print(shown, sizeof(shown), value);
	if (strcmp(value, "CHAP"))
		return login_refuse(loss, TRANSPORT_LOSS_AUTH,
				    "CHAP is configured, and the target answered AuthMethod=%s",
				    shown);
	lg->method_at = lg->replies;
	return 0;
}

static int key_chap_a(struct login *lg, const char *value, struct transport_loss *loss)
{
	if (login_number(value) != LOGIN_CHAP_MD5)
		return login_refuse(loss, TRANSPORT_LOSS_AUTH,
				    "the target wants a CHAP algorithm that we did not offer");
	lg->algorithm_at = lg->replies;
	return 0;
}

static int key_chap_c(struct login *lg, const char *value, struct transport_loss *loss)
{
	size_t bytes = login_hex_bytes(value);

	if (!lg->want_chap)
		return login_refuse(loss, TRANSPORT_LOSS_LOGIN,
				    "the target sent a CHAP challenge, and no credentials are configured");
	/* A second challenge would have us answer the one that we sent: a reflection. */
	if (lg->challenge_at)
		return login_refuse(loss, TRANSPORT_LOSS_AUTH,
				    "the target sent a second CHAP challenge in one login");
	if (!bytes || bytes > LOGIN_CHALLENGE_MAX)
		return login_refuse(loss, TRANSPORT_LOSS_LOGIN,
				    "the target's CHAP challenge is not 0x and 1 to 1024 bytes in hex");
	lg->challenge_at = lg->replies;
	return 0;
}

static int key_chap_n(struct login *lg, const char *value, struct transport_loss *loss)
{
	if (lg->want_mutual && strcmp(value, lg->name_in))
		return login_refuse(loss, TRANSPORT_LOSS_AUTH,
				    "the target proved itself under another name than username_in");
	lg->name_at = lg->replies;
	return 0;
}

static int key_chap_r(struct login *lg, const char *value, struct transport_loss *loss)
{
	if (!lg->want_mutual || lg->response_at)
		return login_refuse(loss, TRANSPORT_LOSS_AUTH,
				    "the target sent a CHAP response that we did not ask for");
	/* Our challenge leaves with the answer to theirs: not before, and never in the same reply. */
	if (!lg->challenge_at || lg->challenge_at == lg->replies)
		return login_refuse(loss, TRANSPORT_LOSS_AUTH,
				    "the target answered a CHAP challenge before it was sent one");
	if (login_hex_bytes(value) != LOGIN_RESPONSE_BYTES)
		return login_refuse(loss, TRANSPORT_LOSS_AUTH,
				    "the target's CHAP response is not 0x and 16 bytes in hex");
	lg->response_at = lg->replies;
	return 0;
}

static int key_header_digest(struct login *lg, const char *value, struct transport_loss *loss)
{
	lg->limits.header_digest = !strcmp(value, "CRC32C");
	lg->digest_named = true;
	if (lg->offered_digest == TRANSPORT_DIGEST_CRC32C && !lg->limits.header_digest)
		return login_refuse(loss, TRANSPORT_LOSS_LOGIN,
				    "HeaderDigest=CRC32C is configured, and the target does not do it");
	if (lg->offered_digest == TRANSPORT_DIGEST_NONE && lg->limits.header_digest)
		return login_refuse(loss, TRANSPORT_LOSS_LOGIN,
				    "the target wants HeaderDigest=CRC32C, and None is configured");
	return 0;
}

static int key_segment(struct login *lg, const char *value, struct transport_loss *loss)
{
	lg->limits.max_send_bytes = login_number(value);
	/* T14: with 0 libiscsi would make pieces of no bytes until memory ends. */
	if (lg->limits.max_send_bytes < LOGIN_SEGMENT_MIN ||
	    lg->limits.max_send_bytes > LOGIN_SEGMENT_MAX)
		return login_refuse(loss, TRANSPORT_LOSS_LOGIN,
				    "the target's MaxRecvDataSegmentLength is not 512 to 16777215");
	return 0;
}

static int login_burst(const char *key, const char *value, uint32_t *out,
		       struct transport_loss *loss)
{
	if (!strcmp(value, "Irrelevant"))
		return 0;
	*out = login_number(value);
	if (*out < LOGIN_SEGMENT_MIN || *out > LOGIN_SEGMENT_MAX)
		return login_refuse(loss, TRANSPORT_LOSS_LOGIN,
				    "the target's %s is not 512 to 16777215", key);
	return 0;
}

static int key_max_burst(struct login *lg, const char *value, struct transport_loss *loss)
{
	return login_burst("MaxBurstLength", value, &lg->limits.max_burst_bytes, loss);
}

static int key_first_burst(struct login *lg, const char *value, struct transport_loss *loss)
{
	return login_burst("FirstBurstLength", value, &lg->limits.first_burst_bytes, loss);
}

static int key_initial_r2t(struct login *lg, const char *value, struct transport_loss *loss)
{
	(void)loss;
	lg->limits.initial_r2t = strcmp(value, "No");
	return 0;
}

static int key_immediate_data(struct login *lg, const char *value, struct transport_loss *loss)
{
	(void)loss;
	if (!strcmp(value, "No"))
		lg->limits.immediate_data = false;
	return 0;
}

static int key_time2wait(struct login *lg, const char *value, struct transport_loss *loss)
{
	(void)loss;
	lg->limits.time2wait = (span_ms)MIN(login_number(value), 3600u) * 1000;
	return 0;
}

static int key_tpgt(struct login *lg, const char *value, struct transport_loss *loss)
{
	(void)loss;
	lg->limits.tpgt = (uint16_t)login_number(value);
	return 0;
}

static int key_alias(struct login *lg, const char *value, struct transport_loss *loss)
{
	(void)loss;
	login_print(lg->limits.target_alias, sizeof(lg->limits.target_alias), value);
	return 0;
}

static int key_address(struct login *lg, const char *value, struct transport_loss *loss)
{
	size_t len = strcspn(value, ",");

	(void)loss;
	if (len >= sizeof(lg->address))
		return 0;
	memcpy(lg->address, value, len);
	lg->address[len] = '\0';
	return 0;
}

static const struct {
	const char *name;
	int (*take)(struct login *lg, const char *value, struct transport_loss *loss);
} login_keys[] = {
	{ "AuthMethod", key_auth_method },
	{ "CHAP_A", key_chap_a },
	{ "CHAP_C", key_chap_c },
	{ "CHAP_N", key_chap_n },
	{ "CHAP_R", key_chap_r },
	{ "DefaultTime2Wait", key_time2wait },
	{ "FirstBurstLength", key_first_burst },
	{ "HeaderDigest", key_header_digest },
	{ "ImmediateData", key_immediate_data },
	{ "InitialR2T", key_initial_r2t },
	{ "MaxBurstLength", key_max_burst },
	{ "MaxRecvDataSegmentLength", key_segment },
	{ "TargetAddress", key_address },
	{ "TargetAlias", key_alias },
	{ "TargetPortalGroupTag", key_tpgt },
};

static int login_key(struct login *lg, const char *text, struct transport_loss *loss)
{
	const char *equals = strchr(text, '=');

	if (!equals)
		return login_refuse(loss, TRANSPORT_LOSS_LOGIN,
				    "the target's login answer has text that is not key=value");
	for (size_t i = 0; i < ARRAY_SIZE(login_keys); i++) {
		size_t len = strlen(login_keys[i].name);

		if (len == (size_t)(equals - text) && !memcmp(text, login_keys[i].name, len))
			return login_keys[i].take(lg, equals + 1, loss);
	}
	return 0;
}

/* The texts of the data segment: each ends in NUL; an empty one ends them all, as in libiscsi. */
static int login_texts(struct login *lg, struct cursor c, struct transport_loss *loss)
{
	while (cursor_left(&c) && *c.p) {
		const uint8_t *end = memchr(c.p, 0, cursor_left(&c));

		if (!end)
			return login_refuse(loss, TRANSPORT_LOSS_LOGIN,
					    "the target's login answer ends in the middle of a text");
		if (login_key(lg, (const char *)c.p, loss))
			return -1;
		c.p = end + 1;
	}
	return 0;
}

static int login_status(const struct login *lg, uint16_t status, struct transport_loss *loss)
{
	if (!(status >> 8))
		return 0;
	login_refuse(loss, TRANSPORT_LOSS_LOGIN, "%s", login_status_text(status));
	loss->login_status = status;
	if (status >> 8 != 1)
		return -1;
	snprintf(loss->redirect, sizeof(loss->redirect), "%s", lg->address);
	snprintf(loss->text, sizeof(loss->text), "%s: %s", login_status_text(status),
		 lg->address[0] ? lg->address : "it did not say where");
	return -1;
}

/* Out of the security stage: everything that was to be proved has been proved. */
static int login_leave_security(const struct login *lg, struct transport_loss *loss)
{
	if (lg->want_chap && (!lg->method_at || !lg->algorithm_at || !lg->challenge_at ||
			      lg->challenge_at == lg->replies))
		return login_refuse(loss, TRANSPORT_LOSS_AUTH,
				    "CHAP is configured, and the target would let us in without it");
	if (lg->want_mutual && (!lg->name_at || !lg->response_at))
		return login_refuse(loss, TRANSPORT_LOSS_AUTH,
				    "mutual CHAP is configured, and the target did not prove itself");
	return 0;
}

static int login_sane(const struct login *lg, struct transport_loss *loss)
{
	const struct transport_limits *l = &lg->limits;
	bool unsolicited = l->immediate_data || !l->initial_r2t;

	if (unsolicited && l->first_burst_bytes > l->max_burst_bytes)
		return login_refuse(loss, TRANSPORT_LOSS_LOGIN,
				    "the target's FirstBurstLength %u is above its MaxBurstLength %u",
				    l->first_burst_bytes, l->max_burst_bytes);
	/* libiscsi would take its own offer for the answer and add digests to every header. */
	if (lg->offered_digest != TRANSPORT_DIGEST_NONE && !lg->digest_named)
		return login_refuse(loss, TRANSPORT_LOSS_LOGIN,
				    "the target did not answer our offer of header digests");
	return 0;
}

int login_judge(struct login *lg, const uint8_t *pdu, size_t bytes, struct transport_loss *loss)
{
	uint8_t flags = pdu[1];
	unsigned stage = flags >> 2 & 3, next = flags & 3;
	bool transit = flags & LOGIN_TRANSIT;
	uint16_t status = be16_load(pdu + 36);
	size_t data = be24_load(pdu + 5);

	BUG_ON(bytes < LOGIN_HEADER_BYTES + data);
	lg->replies++;
	/* A refusal is believed whatever is written below it. */
	if (status >> 8 < 2 && login_texts(lg, cursor_of(pdu + LOGIN_HEADER_BYTES, data), loss))
		return -1;
	if (login_status(lg, status, loss))
		return -1;
	if (flags & LOGIN_CONTINUE)
		return login_refuse(loss, TRANSPORT_LOSS_LOGIN,
				    "the target's login answer comes in parts, which libiscsi cannot read");
	if ((stage || transit) && login_leave_security(lg, loss))
		return -1;
	lg->proved |= stage || transit;
	lg->done = transit && next == LOGIN_STAGE_FULL;
	if (!lg->done)
		return 0;
	lg->limits.chap = lg->want_chap;
	lg->limits.chap_mutual = lg->want_mutual;
	return login_sane(lg, loss);
}
