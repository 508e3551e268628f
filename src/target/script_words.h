/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables of the fault language. Each ends with a row whose name is NULL. */
#ifndef ISCSIFS_TARGET_SCRIPT_WORDS_H
#define ISCSIFS_TARGET_SCRIPT_WORDS_H

#include "target/script.h"

/* A word of the language and what it stands for. */
struct script_word {
	const char *name;
	uint32_t value;
};

/* A field of a header that goes: where it is, in bytes, and with which events. */
struct script_field {
	const char *name;
	uint8_t at;
	uint8_t bytes;
	unsigned events;
};

/* Sets of events. */
enum {
	SCRIPT_OUTGOING = SCRIPT_EV_DATA_IN | SCRIPT_EV_R2T | SCRIPT_EV_ANSWER,
	SCRIPT_IN_SESSION = SCRIPT_EV_NOP | SCRIPT_EV_COMMAND | SCRIPT_EV_DATA_OUT |
			    SCRIPT_EV_TMF | SCRIPT_EV_LOGOUT | SCRIPT_EV_TEXT | SCRIPT_OUTGOING,
	SCRIPT_WITH_DATA = SCRIPT_EV_COMMAND | SCRIPT_EV_DATA_OUT | SCRIPT_OUTGOING,
	SCRIPT_NOBODY = SCRIPT_EV_MARK | SCRIPT_EV_TIME,	/* no connection: all of them */
	SCRIPT_ANYWHERE = SCRIPT_IN_SESSION | SCRIPT_NOBODY | SCRIPT_EV_CONNECT | SCRIPT_EV_LOGIN,
};

enum script_key {
	SCRIPT_KEY_OP, SCRIPT_KEY_LUN, SCRIPT_KEY_LBA, SCRIPT_KEY_STAGE, SCRIPT_KEY_FUNCTION,
	SCRIPT_KEY_INITIATOR, SCRIPT_KEY_TARGET,
};

enum script_limit {
	SCRIPT_LIMIT_NTH, SCRIPT_LIMIT_EVERY, SCRIPT_LIMIT_COUNT, SCRIPT_LIMIT_PER,
	SCRIPT_LIMIT_FOR, SCRIPT_LIMIT_CHANCE, SCRIPT_LIMIT_END,
};

extern const struct script_word script_events[];	/* enum script_event */
extern const struct script_word script_ops[];		/* opcodes; a kind with several has several rows */
extern const struct script_word script_keys[];		/* enum script_key */
extern const struct script_word script_stages[];	/* enum script_stage */
extern const struct script_word script_functions[];	/* RFC 7143 11.5.1 */
extern const struct script_word script_limit_words[];	/* enum script_limit */
extern const struct script_word script_pers[];		/* enum script_per */
extern const struct script_word script_acts[];		/* enum script_act */
extern const struct script_word script_statuses[];	/* enum scsi_status */
extern const struct script_word script_rejects[];	/* RFC 7143 11.17.1 */
extern const struct script_word script_login_statuses[];/* RFC 7143 11.13.5 */
extern const struct script_word script_asyncs[];	/* RFC 7143 11.9.1 */
extern const struct script_word script_corrupts[];	/* enum script_corrupt */
extern const struct script_word script_forgets[];	/* enum script_act */
extern const struct script_word script_loses[];		/* enum script_lose */
extern const struct script_word script_flips[];		/* enum script_flip */
extern const struct script_word script_residuals[];	/* enum script_residual */
extern const struct script_word script_tmf_responses[];	/* RFC 7143 11.6.1 */
extern const struct script_field script_fields[];	/* RFC 7143 11.4, 11.6 to 11.8 and on */

/* With which events a key makes sense, by enum script_key. */
extern const unsigned script_key_events[];

/* At which events an action can be done. */
unsigned script_act_events(enum script_act act);

#endif
