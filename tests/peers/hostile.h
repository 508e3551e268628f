/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A target that does what a script in C tells it: a child process that listens, and runs the script
 * for each connection, one after the other.
 */
#ifndef ISCSIFS_TEST_HOSTILE_H
#define ISCSIFS_TEST_HOSTILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { PDU_HEADER = 48, PDU_DATA_MAX = 1 << 20 };

enum pdu_opcode {
	PDU_NOP_OUT = 0x00,
	PDU_COMMAND = 0x01,
	PDU_TMF = 0x02,
	PDU_LOGIN = 0x03,
	PDU_TEXT = 0x04,
	PDU_DATA_OUT = 0x05,
	PDU_LOGOUT = 0x06,
	PDU_NOP_IN = 0x20,
	PDU_RESPONSE = 0x21,
	PDU_TMF_RESPONSE = 0x22,
	PDU_LOGIN_RESPONSE = 0x23,
	PDU_TEXT_RESPONSE = 0x24,
	PDU_DATA_IN = 0x25,
	PDU_LOGOUT_RESPONSE = 0x26,
	PDU_R2T = 0x31,
	PDU_ASYNC = 0x32,
	PDU_REJECT = 0x3f,
};

struct hostile {
	char portal[32];
	pid_t pid;
};

bool hostile_start(struct hostile *h, void (*script)(int fd));
void hostile_stop(struct hostile *h);

/* ---- For scripts ---- */

struct pdu {
	uint8_t header[PDU_HEADER];
	uint8_t *data;			/* NUL-terminated beyond its end; the reader's, reused */
	size_t len;
};

/* The next PDU from the initiator; the child ends when there is none. */
void pdu_read(int fd, struct pdu *pdu);
/* As pdu_read(), until one with @opcode comes. */
void pdu_await(int fd, struct pdu *pdu, enum pdu_opcode opcode);
/* The value of @key in @pdu, or NULL. */
const char *pdu_value(const struct pdu *pdu, const char *key);

/* An answer to @to: its ITT, sequence numbers that fit and a wide window; flags F. */
void pdu_answer(uint8_t header[PDU_HEADER], enum pdu_opcode opcode, const struct pdu *to);
void pdu_send(int fd, uint8_t header[PDU_HEADER], const void *data, size_t len);

/* A login response: @stage << 2 | @next, 0x80 for transit; @text with its NULs. */
void login_send(int fd, const struct pdu *to, unsigned flags, unsigned status, const char *text,
		size_t len);
/* Let the initiator in without questions. */
void login_pass(int fd);
/* Wait for the initiator to hang up. */
void hold(int fd);

#endif
