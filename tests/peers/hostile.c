/* SPDX-License-Identifier: BSD-2-Clause */
/* A scripted target. The hard thing: the initiator must believe it up to the point where it lies. */
#include "hostile.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "iscsifs/cursor.h"

static uint32_t stat_sn = 1;

static void hostile_serve(int listener, void (*script)(int fd))
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		pid_t pid;

		if (fd < 0)
			_exit(0);
		pid = fork();	/* pdu_read() ends its process */
		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			script(fd);
			close(fd);
			_exit(0);
		}
		close(fd);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			continue;
	}
}

bool hostile_start(struct hostile *h, void (*script)(int fd))
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) || listen(fd, 64) ||
	    getsockname(fd, (struct sockaddr *)&sa, &len))
		return false;
	snprintf(h->portal, sizeof(h->portal), "127.0.0.1:%d", ntohs(sa.sin_port));
	fflush(NULL);
	h->pid = fork();
	if (!h->pid)
		hostile_serve(fd, script);
	close(fd);
	return h->pid > 0;
}

void hostile_stop(struct hostile *h)
{
	if (h->pid > 0) {
		kill(h->pid, SIGKILL);
		waitpid(h->pid, NULL, 0);
	}
	h->pid = 0;
}

static void read_all(int fd, uint8_t *buf, size_t len)
{
	while (len) {
		ssize_t n = read(fd, buf, len);

		if (n <= 0)
			_exit(0);
		buf += n;
		len -= (size_t)n;
	}
}

void pdu_read(int fd, struct pdu *pdu)
{
	static uint8_t data[PDU_DATA_MAX + 4];

	read_all(fd, pdu->header, PDU_HEADER);
	pdu->len = be24_load(pdu->header + 5);
	if (pdu->len > PDU_DATA_MAX)
		_exit(1);
	read_all(fd, data, (pdu->len + 3) & ~(size_t)3);
	data[pdu->len] = '\0';
	pdu->data = data;
}

void pdu_await(int fd, struct pdu *pdu, enum pdu_opcode opcode)
{
	do {
		pdu_read(fd, pdu);
	} while ((pdu->header[0] & 0x3f) != opcode);
}

const char *pdu_value(const struct pdu *pdu, const char *key)
{
	const char *at = (const char *)pdu->data, *end = at + pdu->len;
	size_t len = strlen(key);

	for (; at < end; at += strlen(at) + 1) {
		if (!strncmp(at, key, len) && at[len] == '=')
			return at + len + 1;
	}
	return NULL;
}

void pdu_answer(uint8_t header[PDU_HEADER], enum pdu_opcode opcode, const struct pdu *to)
{
	uint32_t cmd_sn = be32_load(to->header + 24);
	bool immediate = to->header[0] & 0x40;

	memset(header, 0, PDU_HEADER);
	header[0] = (uint8_t)opcode;
	header[1] = 0x80;
	memcpy(header + 16, to->header + 16, 4);
	be32_store(header + 20, 0xffffffff);
	be32_store(header + 24, stat_sn++);
	be32_store(header + 28, immediate ? cmd_sn : cmd_sn + 1);
	be32_store(header + 32, cmd_sn + 64);
}

void pdu_send(int fd, uint8_t header[PDU_HEADER], const void *data, size_t len)
{
	static const uint8_t zero[4];
	size_t pad = -len & 3;

	be24_store(header + 5, (uint32_t)len);
	if (write(fd, header, PDU_HEADER) < 0 || (len && write(fd, data, len) < 0) ||
	    (pad && write(fd, zero, pad) < 0))
		_exit(0);
}

void login_send(int fd, const struct pdu *to, unsigned flags, unsigned status, const char *text,
		size_t len)
{
	uint8_t header[PDU_HEADER];

	pdu_answer(header, PDU_LOGIN_RESPONSE, to);
	header[1] = (uint8_t)flags;
	memcpy(header + 8, to->header + 8, 6);	/* ISID */
	be16_store(header + 14, 1);		/* TSIH */
	be32_store(header + 20, 0);
	be16_store(header + 36, (uint16_t)status);
	pdu_send(fd, header, text, len);
}

void login_pass(int fd)
{
	static const char text[] = "TargetPortalGroupTag=1\0MaxRecvDataSegmentLength=8192\0"
				   "MaxBurstLength=262144\0FirstBurstLength=65536\0"
				   "InitialR2T=No\0ImmediateData=Yes\0HeaderDigest=None\0"
				   "DataDigest=None";
	struct pdu pdu;

	pdu_read(fd, &pdu);
	login_send(fd, &pdu, 0x80 | 1 << 2 | 3, 0, text, sizeof(text));
}

void hold(int fd)
{
	struct pdu pdu;

	for (;;)
		pdu_read(fd, &pdu);
}
