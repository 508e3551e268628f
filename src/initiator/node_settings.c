/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of a target's settings. The one hard thing: it has to know every name that a stock
 * iscsid.conf contains, so that pasting one works and says what it does not do.
 *
 * Names, types and defaults: open-iscsi's iscsid.conf as shipped. Ranges: RFC 7143 section 13.
 */
#include "iscsifs/node_settings.h"

#include <stddef.h>
#include <string.h>

#include "iscsifs/check.h"

#define FIELD(f)	.off = offsetof(struct node_settings, f)
#define SPAN(lo, hi)	.type = SETTING_SPAN, .min = (lo), .max = (hi)
#define INT(lo, hi)	.type = SETTING_INT, .min = (lo), .max = (hi)
#define HONOURED	.class = SETTING_HONOURED
#define LIVE		.class = SETTING_HONOURED, .live = true
#define FIXED(why)	.class = SETTING_FIXED, .note = (why)
#define STRICT(why)	.class = SETTING_FIXED_STRICT, .note = (why)
#define IGNORED(n, why)	{ .name = (n), .class = SETTING_IGNORED, .note = (why) }

enum {
	HOUR = 3600 * 1000,
	DAY = 24 * HOUR,
	BURST_MIN = 512,		/* RFC 7143 13.12, 13.13, 13.14 */
	BURST_MAX = (1 << 24) - 1,
};

static const char *const digests[] = { "None", "CRC32C", "CRC32C,None", "None,CRC32C", NULL };
static const char *const digest_words[] = { "None", "CRC32C", NULL };
static const char *const auth_methods[] = { "None", "CHAP", NULL };
static const char *const chap_words[] = { "MD5", "SHA1", "SHA256", "SHA3-256", NULL };
static const char *const time2wait_modes[] = { "wait", "eager", NULL };
static const char *const scan_modes[] = { "auto", "manual", NULL };

/* Why a value is what it is. */
#define WHY_LIBISCSI	"libiscsi 1.19 has no setter for it"
#define WHY_ISCSID	"there is no iscsid here"
#define WHY_STARTUP	"what is configured is logged into when iscsifs starts"
#define WHY_RECORD	"the target's section says it"
#define WHY_IFACE	"there are no interface records here"
#define WHY_MARKER	"RFC 7143 made markers obsolete"

static const struct setting node_rows[] = {
	/* An outage. */
	{ "node.session.timeo.replacement_timeout", SPAN(-1000, INT64_MAX), LIVE,
	  .deflt = "120", FIELD(replacement_timeout),
	  .help = "how long requests wait for a lost link to come back before they fail with EIO; "
		  "0 fails them at once, -1 holds them for ever" },
	{ "node.session.timeo.scsi_cmd_timeout", SPAN(0, DAY), LIVE,
	  .deflt = "30", FIELD(scsi_cmd_timeout),
	  .help = "for how long nothing may move for a command before it is aborted; 0 is no "
		  "limit (our own)" },
	{ "node.session.timeo.time2wait", .type = SETTING_ENUM, .choices = time2wait_modes, LIVE,
	  .deflt = "wait", FIELD(time2wait),
	  .help = "wait: log in again not before DefaultTime2Wait is over, as RFC 7143 wants; "
		  "eager: at once (our own)" },
	{ "node.session.initial_login_retry_max", INT(0, INT32_MAX), LIVE,
	  .deflt = "8", FIELD(initial_login_retry_max),
	  .help = "how often the first login is tried again before the mount fails" },
	{ "node.session.reopen_max", INT(0, INT32_MAX), LIVE,
	  .deflt = "0", FIELD(reopen_max),
	  .help = "how often a lost link is dialled again before the session is given up; 0 is "
		  "no limit" },

	/* The error ladder. */
	{ "node.session.err_timeo.abort_timeout", SPAN(1, HOUR), LIVE,
	  .deflt = "15", FIELD(abort_timeout),
	  .help = "how long ABORT TASK may take before the LUN is reset" },
	{ "node.session.err_timeo.lu_reset_timeout", SPAN(1, HOUR), LIVE,
	  .deflt = "30", FIELD(lu_reset_timeout),
	  .help = "how long LOGICAL UNIT RESET may take before the target is reset" },
	{ "node.session.err_timeo.tgt_reset_timeout", SPAN(1, HOUR), LIVE,
	  .deflt = "30", FIELD(tgt_reset_timeout),
	  .help = "how long TARGET WARM RESET may take before the link is cut" },
	IGNORED("node.session.err_timeo.host_reset_timeout", "a new login is bounded by "
		"login_timeout, and what waits for it by replacement_timeout"),

	/* The connection. */
	{ "node.conn[0].timeo.login_timeout", SPAN(1, HOUR), LIVE,
	  .deflt = "15", FIELD(login_timeout),
	  .help = "how long one attempt may take, from TCP connect until the LUNs have answered" },
	{ "node.conn[0].timeo.logout_timeout", SPAN(1, HOUR), LIVE,
	  .deflt = "15", FIELD(logout_timeout),
	  .help = "how long a logout may take before the connection is closed without an answer" },
	{ "node.conn[0].timeo.auth_timeout", SPAN(1, HOUR), LIVE,
	  .deflt = "45", FIELD(auth_timeout),
	  .help = "how long the authentication may take, within login_timeout" },
	{ "node.conn[0].timeo.noop_out_interval", SPAN(0, HOUR), LIVE,
	  .deflt = "5", FIELD(noop_out_interval),
	  .help = "after how long without a received byte a ping is sent; 0 is no pings" },
	{ "node.conn[0].timeo.noop_out_timeout", SPAN(0, HOUR), LIVE,
	  .deflt = "5", FIELD(noop_out_timeout),
	  .help = "after how much more silence the link counts as lost; 0 is no pings" },

	/* Queues. */
	{ "node.session.cmds_max", INT(2, 2048), LIVE, .deflt = "128", FIELD(cmds_max),
	  .help = "how many commands of a session are on the wire at once; more than a link was "
		  "made with, from the next login on" },
	{ "node.session.queue_depth", INT(1, 1024), LIVE, .deflt = "32", FIELD(queue_depth),
	  .help = "how many commands of a LUN are on the wire at once" },
	{ "node.session.nr_sessions", INT(1, 32), .deflt = "1", FIELD(nr_sessions),
	  FIXED("one session for each target and portal"),
	  .help = "how many sessions to open to a portal" },

	/* Who we are, and how we prove it. */
	{ "iface.initiatorname", .type = SETTING_STRING, HONOURED,
	  .deflt = "", FIELD(initiator_name),
	  .help = "our iSCSI name; empty: that of /etc/iscsi/initiatorname.iscsi, or else one "
		  "made from the host's name" },
	{ "iface.initiatoralias", .type = SETTING_STRING, HONOURED,
	  .deflt = "", FIELD(initiator_alias),
	  .help = "a name for people that the target may show (our own)" },
	{ "node.session.auth.authmethod", .type = SETTING_ENUM, .choices = auth_methods, HONOURED,
	  .deflt = "None", FIELD(authmethod),
	  .help = "CHAP: refuse to log in without credentials; None: credentials, where given, "
		  "turn CHAP on all the same" },
	{ "node.session.auth.chap_algs", .type = SETTING_LIST, .choices = chap_words,
	  .deflt = "MD5", FIELD(chap_algs), STRICT("libiscsi 1.19 knows no other CHAP algorithm"),
	  .help = "the CHAP algorithms to offer" },
	{ "node.session.auth.username", .type = SETTING_STRING, HONOURED,
	  .deflt = "", FIELD(username),
	  .help = "the name that the target knows us by; turns CHAP on" },
	{ "node.session.auth.password", .type = SETTING_SECRET, HONOURED,
	  .deflt = "", FIELD(password),
	  .help = "the secret that proves us to the target" },
	{ "node.session.auth.username_in", .type = SETTING_STRING, HONOURED,
	  .deflt = "", FIELD(username_in),
	  .help = "the name that the target must give; turns mutual CHAP on" },
	{ "node.session.auth.password_in", .type = SETTING_SECRET, HONOURED,
	  .deflt = "", FIELD(password_in),
	  .help = "the secret that proves the target to us" },

	/* Discovery. */
	{ "discovery.sendtargets.timeo.login_timeout", SPAN(1, HOUR), HONOURED,
	  .deflt = "15", FIELD(discovery_login_timeout),
	  .help = "how long one attempt of a discovery login may take" },
	{ "discovery.sendtargets.auth.authmethod", .type = SETTING_ENUM, .choices = auth_methods,
	  HONOURED, .deflt = "None", FIELD(discovery_authmethod),
	  .help = "as node.session.auth.authmethod, for discovery" },
	{ "discovery.sendtargets.auth.username", .type = SETTING_STRING, HONOURED,
	  .deflt = "", FIELD(discovery_username),
	  .help = "as node.session.auth.username, for discovery; empty: that of the node" },
	{ "discovery.sendtargets.auth.password", .type = SETTING_SECRET, HONOURED,
	  .deflt = "", FIELD(discovery_password),
	  .help = "as node.session.auth.password, for discovery" },
	{ "discovery.sendtargets.auth.username_in", .type = SETTING_STRING, HONOURED,
	  .deflt = "", FIELD(discovery_username_in),
	  .help = "as node.session.auth.username_in, for discovery" },
	{ "discovery.sendtargets.auth.password_in", .type = SETTING_SECRET, HONOURED,
	  .deflt = "", FIELD(discovery_password_in),
	  .help = "as node.session.auth.password_in, for discovery" },

	/* What is negotiated. */
	{ "node.conn[0].iscsi.HeaderDigest", .type = SETTING_ENUM, .choices = digests, HONOURED,
	  .deflt = "None", FIELD(header_digest),
	  .help = "a checksum over each PDU's header; with two words the first is preferred" },
	{ "node.session.iscsi.InitialR2T", .type = SETTING_BOOL, HONOURED,
	  .deflt = "No", FIELD(initial_r2t),
	  .help = "Yes: ask that no data of a write is sent before the target wants it" },
	{ "node.session.iscsi.ImmediateData", .type = SETTING_BOOL, HONOURED,
	  .deflt = "Yes", FIELD(immediate_data),
	  .help = "Yes: ask that the first data of a write may go with its command" },

	/* What is sent whatever the user says. */
	{ "node.conn[0].iscsi.DataDigest", .type = SETTING_LIST, .choices = digest_words,
	  .deflt = "None", FIELD(data_digest), STRICT("libiscsi 1.19 has no data digest"),
	  .help = "a checksum over each PDU's data" },
	{ "node.session.iscsi.FirstBurstLength", INT(BURST_MIN, BURST_MAX),
	  .deflt = "262144", FIELD(first_burst_bytes), FIXED(WHY_LIBISCSI),
	  .help = "bytes of a write that may be sent unasked" },
	{ "node.session.iscsi.MaxBurstLength", INT(BURST_MIN, BURST_MAX),
	  .deflt = "262144", FIELD(max_burst_bytes), FIXED(WHY_LIBISCSI),
	  .help = "bytes of one sequence of data" },
	{ "node.conn[0].iscsi.MaxRecvDataSegmentLength", INT(BURST_MIN, BURST_MAX),
	  .deflt = "262144", FIELD(max_recv_bytes), FIXED(WHY_LIBISCSI),
	  .help = "bytes of data in one PDU to us" },
	{ "node.conn[0].iscsi.MaxXmitDataSegmentLength", INT(0, BURST_MAX),
	  .deflt = "0", FIELD(max_xmit_bytes), FIXED("the target's limit is obeyed"),
	  .help = "bytes of data in one PDU from us; 0 is what the target takes" },
	{ "node.session.iscsi.DefaultTime2Wait", INT(0, 3600),
	  .deflt = "2", FIELD(default_time2wait), FIXED(WHY_LIBISCSI),
	  .help = "seconds to wait before logging in again, where the target names none" },
	{ "node.session.iscsi.DefaultTime2Retain", INT(0, 3600),
	  .deflt = "0", FIELD(default_time2retain), FIXED(WHY_LIBISCSI),
	  .help = "seconds for which the target keeps the tasks of a lost connection" },
	{ "node.session.iscsi.MaxConnections", INT(1, 65535),
	  .deflt = "1", FIELD(max_connections), FIXED(WHY_LIBISCSI),
	  .help = "connections of one session" },
	{ "node.session.iscsi.MaxOutstandingR2T", INT(1, 65535),
	  .deflt = "1", FIELD(max_outstanding_r2t), FIXED(WHY_LIBISCSI),
	  .help = "R2Ts of one command that the target may send ahead" },
	{ "node.session.iscsi.ERL", INT(0, 2), .deflt = "0", FIELD(erl), FIXED(WHY_LIBISCSI),
	  .help = "the error recovery level" },
	{ "node.session.iscsi.FastAbort", .type = SETTING_BOOL,
	  .deflt = "No", FIELD(fast_abort),
	  FIXED("libiscsi 1.19 answers a target's request for data until the abort is answered"),
	  .help = "Yes: stop sending data of a task that is being aborted" },
	{ "node.conn[0].iscsi.IFMarker", .type = SETTING_BOOL,
	  .deflt = "No", FIELD(if_marker), FIXED(WHY_MARKER), .help = "markers to us" },
	{ "node.conn[0].iscsi.OFMarker", .type = SETTING_BOOL,
	  .deflt = "No", FIELD(of_marker), FIXED(WHY_MARKER), .help = "markers from us" },
	{ "node.conn[0].tcp.window_size", INT(0, INT32_MAX),
	  .deflt = "0", FIELD(tcp_window_bytes), FIXED("the kernel sizes its buffers itself"),
	  .help = "bytes of the socket's buffers; 0 is the kernel's choice" },
	{ "node.session.scan", .type = SETTING_ENUM, .choices = scan_modes,
	  .deflt = "auto", FIELD(scan), FIXED("every LUN that the target reports is shown"),
	  .help = "whether LUNs are looked for after a login" },
	{ "iface.net_ifacename", .type = SETTING_STRING, .deflt = "", FIELD(net_ifacename),
	  STRICT("iscsifs does not bind to an interface"),
	  .help = "the network interface to use; empty is what the routes say" },
	{ "iface.transport_name", .type = SETTING_STRING, .deflt = "tcp", FIELD(transport_name),
	  FIXED("iscsifs speaks TCP"), .help = "the transport" },

	/* What a stock iscsid.conf or a node record contains and makes no sense here. */
	IGNORED("iscsid.startup", WHY_ISCSID),
	IGNORED("iscsid.safe_logout", WHY_ISCSID),
	IGNORED("iscsid.ipc_auth_uid", WHY_ISCSID),
	IGNORED("node.name", WHY_RECORD),
	IGNORED("node.tpgt", WHY_RECORD),
	IGNORED("node.startup", WHY_STARTUP),
	IGNORED("node.leading_login", WHY_IFACE),
	IGNORED("node.discovery_address", WHY_RECORD),
	IGNORED("node.discovery_port", WHY_RECORD),
	IGNORED("node.discovery_type", WHY_RECORD),
	IGNORED("node.conn[0].address", WHY_RECORD),
	IGNORED("node.conn[0].port", WHY_RECORD),
	IGNORED("node.conn[0].startup", WHY_STARTUP),
	IGNORED("node.conn[0].tcp.type_of_service", "the kernel's default is used"),
	IGNORED("node.conn[0].tcp.congestion_control", "the kernel's default is used"),
	IGNORED("node.session.initial_cmdsn", "libiscsi begins with 1"),
	IGNORED("node.session.xmit_thread_priority", "there is no such thread"),
	IGNORED("node.session.sess_reopen_log_freq", "repeated log lines are counted"),
	IGNORED("node.session.auth.username_length", "the name itself says it"),
	IGNORED("node.session.auth.password_length", "the secret itself says it"),
	IGNORED("node.session.auth.username_in_length", "the name itself says it"),
	IGNORED("node.session.auth.password_in_length", "the secret itself says it"),
	IGNORED("iface.iscsi_ifacename", WHY_IFACE),
	IGNORED("iface.hwaddress", WHY_IFACE),
	IGNORED("iface.ipaddress", WHY_IFACE),
	IGNORED("iface.isid", "each session makes its own and keeps it"),
	IGNORED("discovery.startup", WHY_STARTUP),
	IGNORED("discovery.type", "discovery is always SendTargets"),
	IGNORED("discovery.sendtargets.address", "`portal` says it"),
	IGNORED("discovery.sendtargets.port", "`portal` says it"),
	IGNORED("discovery.sendtargets.timeo.auth_timeout", "login_timeout covers it"),
	IGNORED("discovery.sendtargets.timeo.active_timeout", "login_timeout covers it"),
	IGNORED("discovery.sendtargets.reopen_max", "initial_login_retry_max covers it"),
	IGNORED("discovery.sendtargets.iscsi.MaxRecvDataSegmentLength", WHY_LIBISCSI),
	IGNORED("discovery.sendtargets.use_discoveryd", WHY_ISCSID),
	IGNORED("discovery.sendtargets.discoveryd_poll_inval", WHY_ISCSID),
	IGNORED("discovery.isns.use_discoveryd", WHY_ISCSID),
	IGNORED("discovery.isns.discoveryd_poll_inval", WHY_ISCSID),
};

const struct settings node_settings_table = {
	.rows = node_rows,
	.count = ARRAY_SIZE(node_rows),
	.prefer = "node.",
};

void node_settings_init(struct node_settings *s)
{
	memset(s, 0, sizeof(*s));
	settings_defaults(&node_settings_table, s);
}

int node_settings_set(struct node_settings *s, const char *name, const char *text,
		      struct setting_note *note, struct err *err)
{
	return settings_set_by_name(&node_settings_table, s, name, text, note, err);
}

/* One set of credentials: names and secrets, one way and mutual. @auth is their names' prefix. */
struct node_chap {
	const char *auth;
	int method;
	const char *username, *password, *username_in, *password_in;
};

static int node_chap_check(const struct node_chap *c, struct err *err)
{
	if (!c->username[0] != !c->password[0])
		return err_set(err, ERR_INVALID, "%s.username and %s.password go together",
			       c->auth, c->auth);
	if (!c->username_in[0] != !c->password_in[0])
		return err_set(err, ERR_INVALID, "%s.username_in and %s.password_in go together",
			       c->auth, c->auth);
	if (c->username_in[0] && !c->username[0])
		return err_set(err, ERR_INVALID, "%s.username_in wants %s.username: the target "
			       "proves itself only to one that proves itself", c->auth, c->auth);
	if (c->password[0] && !strcmp(c->password, c->password_in))
		return err_set(err, ERR_INVALID, "%s.password and %s.password_in must differ "
			       "(RFC 7143 9.2.1)", c->auth, c->auth);
	if (c->method == NODE_AUTH_CHAP && !c->username[0])
		return err_set(err, ERR_INVALID, "%s.authmethod CHAP wants %s.username and "
			       "%s.password", c->auth, c->auth, c->auth);
	return 0;
}

int node_settings_check(const struct node_settings *s, struct err *err)
{
	const struct node_chap node = {
		"node.session.auth", s->authmethod,
		s->username, s->password, s->username_in, s->password_in,
	};
	const struct node_chap discovery = {
		"discovery.sendtargets.auth", s->discovery_authmethod,
		s->discovery_username, s->discovery_password,
		s->discovery_username_in, s->discovery_password_in,
	};
	int rc = node_chap_check(&node, err);

	if (!rc)
		rc = node_chap_check(&discovery, err);
	if (rc)
		return rc;
	if (!s->noop_out_interval != !s->noop_out_timeout)
		return err_set(err, ERR_INVALID, "noop_out_interval and noop_out_timeout: "
			       "want both or neither to be 0");
	return 0;
}

int node_settings_change(struct node_settings *s, const char *name, const char *text,
			 struct setting_note *note, struct err *err)
{
	const struct setting *row = settings_lookup(&node_settings_table, name, err);
	struct node_settings wanted = *s;
	int rc;

	if (!row)
		return -ERR_INVALID;
	rc = settings_set(row, &wanted, text, note, err);
	if (rc)
		return rc;
	if (row->class == SETTING_HONOURED && !row->live)
		return err_set(err, ERR_UNSUPPORTED, "%s is settled at login: mount anew to change "
			       "it", setting_short(row));
	rc = node_settings_check(&wanted, err);
	if (!rc)
		*s = wanted;
	return rc;
}

unsigned node_settings_apply_live(struct node_settings *now, const struct node_settings *wanted)
{
	unsigned others = 0;

	for (size_t i = 0; i < node_settings_table.count; i++) {
		const struct setting *row = &node_rows[i];

		if (row->class != SETTING_HONOURED || settings_equal(row, now, wanted))
			continue;
		if (row->live)
			settings_copy(row, now, wanted);
		else
			others++;
	}
	return others;
}
