/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The settings of one target as a plain struct, and the table that reads and prints them. Names and
 * defaults are open-iscsi's, as in its shipped iscsid.conf; the few of our own say so.
 *
 * A session keeps a copy and reads the fields; only those whose row says `live` change under it.
 */
#ifndef ISCSIFS_NODE_SETTINGS_H
#define ISCSIFS_NODE_SETTINGS_H

#include <stdbool.h>

#include "iscsifs/clock.h"
#include "iscsifs/settings.h"

enum node_digest {
	NODE_DIGEST_NONE = 0,		/* None */
	NODE_DIGEST_CRC32C,		/* CRC32C: the target must agree */
	NODE_DIGEST_CRC32C_NONE,	/* CRC32C,None: rather with */
	NODE_DIGEST_NONE_CRC32C,	/* None,CRC32C: rather without */
};

enum node_auth {
	NODE_AUTH_NONE = 0,	/* credentials, where given, turn CHAP on all the same */
	NODE_AUTH_CHAP,		/* credentials must be given */
};

enum node_time2wait {
	NODE_TIME2WAIT_WAIT = 0,	/* RFC 7143 13.15: no Login before Time2Wait is over */
	NODE_TIME2WAIT_EAGER,		/* log in at once */
};

struct node_settings {
	/* An outage. */
	span_ms replacement_timeout;	/* 0: fail at once; < 0: hold for ever */
	span_ms scsi_cmd_timeout;	/* 0: a command may take as long as it likes */
	int time2wait;			/* enum node_time2wait */
	int initial_login_retry_max;
	int reopen_max;			/* 0: no limit */

	/* The error ladder. */
	span_ms abort_timeout;
	span_ms lu_reset_timeout;
	span_ms tgt_reset_timeout;

	/* The connection. */
	span_ms login_timeout;
	span_ms logout_timeout;
	span_ms auth_timeout;
	span_ms noop_out_interval;	/* 0: no pings */
	span_ms noop_out_timeout;	/* 0: no pings */

	/* Queues. */
	int cmds_max;			/* per session */
	int queue_depth;		/* per LUN */
	int nr_sessions;		/* fixed: 1 */

	/* Who we are, and how we prove it. Empty: not set. */
	char initiator_name[SETTING_STRING_BYTES];
	char initiator_alias[SETTING_STRING_BYTES];
	int authmethod;			/* enum node_auth */
	char chap_algs[SETTING_STRING_BYTES];		/* fixed: MD5 */
	char username[SETTING_STRING_BYTES];
	char password[SETTING_STRING_BYTES];
	char username_in[SETTING_STRING_BYTES];
	char password_in[SETTING_STRING_BYTES];

	/* Discovery sessions; those of the node where not given. */
	span_ms discovery_login_timeout;
	int discovery_authmethod;	/* enum node_auth */
	char discovery_username[SETTING_STRING_BYTES];
	char discovery_password[SETTING_STRING_BYTES];
	char discovery_username_in[SETTING_STRING_BYTES];
	char discovery_password_in[SETTING_STRING_BYTES];

	/* What is negotiated. */
	int header_digest;		/* enum node_digest */
	bool initial_r2t;
	bool immediate_data;

	/* What is sent whatever the user says: libiscsi has no setter for it. */
	char data_digest[SETTING_STRING_BYTES];
	int first_burst_bytes;
	int max_burst_bytes;
	int max_recv_bytes;
	int max_xmit_bytes;		/* 0: the target's */
	int default_time2wait;		/* s */
	int default_time2retain;	/* s */
	int max_connections;
	int max_outstanding_r2t;
	int erl;
	bool fast_abort;
	bool if_marker;
	bool of_marker;

	int tcp_window_bytes;		/* fixed 0: the kernel's */
	char net_ifacename[SETTING_STRING_BYTES];	/* fixed: "" */
	char transport_name[SETTING_STRING_BYTES];	/* fixed: "tcp" */
	int scan;			/* fixed 0: auto */
};

extern const struct settings node_settings_table;

/* Everything as shipped. */
void node_settings_init(struct node_settings *s);

/* settings_set_by_name() with the table of this file. */
int node_settings_set(struct node_settings *s, const char *name, const char *text,
		      struct setting_note *note, struct err *err);

/*
 * What one setting cannot say alone: a username without its password, mutual CHAP without one-way,
 * the same secret both ways, authmethod CHAP without credentials, a ping with only one of its two
 * times. Called when all settings of a target have been read.
 *
 * Returns 0, or -ERR_INVALID with a sentence that names the settings.
 */
int node_settings_check(const struct node_settings *s, struct err *err);

/*
 * One setting of a running session: as node_settings_set(), but one that is not `live` is refused
 * (ERR_UNSUPPORTED), and so is a change after which node_settings_check() would complain. On an
 * error @s is as it was.
 */
int node_settings_change(struct node_settings *s, const char *name, const char *text,
			 struct setting_note *note, struct err *err);

/*
 * The settings of the running session @now become those of @wanted as far as their rows say `live`.
 * Returns how many others differ: they need a new login.
 */
unsigned node_settings_apply_live(struct node_settings *now, const struct node_settings *wanted);

#endif
