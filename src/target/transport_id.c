/* SPDX-License-Identifier: BSD-2-Clause */
/* TransportIDs. The one hard thing: text from a stranger inside a length from a stranger. */
#include "target/transport_id.h"

#include <stdio.h>
#include <string.h>

#include "iscsifs/check.h"
#include "target/target.h"

enum {
	TRANSPORT_ID_DEVICE = 0x05,		/* format 00b, protocol iSCSI */
	TRANSPORT_ID_PORT = 0x45,		/* format 01b */
	TRANSPORT_ID_LEAST = 20,		/* ADDITIONAL LENGTH, SPC-4 */
	TRANSPORT_ID_ISID_DIGITS = 12,
};

static const char transport_id_separator[] = ",i,0x";

uint32_t transport_id_encode(const char *name, const uint8_t isid[6], uint8_t *d)
{
	uint32_t len;
	int n;

	memset(d, 0, TRANSPORT_ID_MAX);
	d[0] = TRANSPORT_ID_PORT;
	n = snprintf((char *)d + 4, TRANSPORT_ID_MAX - 4, "%s%s%02x%02x%02x%02x%02x%02x", name,
		     transport_id_separator, isid[0], isid[1], isid[2], isid[3], isid[4], isid[5]);
	len = MAX(((uint32_t)n + 1 + 3) & ~3u, (uint32_t)TRANSPORT_ID_LEAST);
	be16_store(d + 2, (uint16_t)len);
	return 4 + len;
}

static bool transport_id_isid(const char *text, uint8_t isid[6])
{
	if (strlen(text) != TRANSPORT_ID_ISID_DIGITS ||
	    strspn(text, "0123456789abcdefABCDEF") != TRANSPORT_ID_ISID_DIGITS)
		return false;
	for (unsigned i = 0; i < 6; i++)
		sscanf(text + 2 * i, "%2hhx", &isid[i]);
	return true;
}

bool transport_id_decode(struct cursor *c, struct transport_id *out)
{
	const uint8_t *head = cursor_take(c, 4);
	uint16_t len = head ? be16_load(head + 2) : 0;
	const uint8_t *text = cursor_take(c, len);
	const char *end = NULL;
	size_t name;

	memset(out, 0, sizeof(*out));
	if (!head || !text || len < TRANSPORT_ID_LEAST || len % 4 || !memchr(text, 0, len))
		return false;
	if (head[0] != TRANSPORT_ID_DEVICE && head[0] != TRANSPORT_ID_PORT)
		return false;
	out->is_port = head[0] == TRANSPORT_ID_PORT;
	if (out->is_port && !(end = strstr((const char *)text, transport_id_separator)))
		return false;
	name = end ? (size_t)(end - (const char *)text) : strlen((const char *)text);
	if (name > TRANSPORT_ID_NAME_MAX)
		return false;
	memcpy(out->name, text, name);
	if (!target_name_ok(out->name))
		return false;
	return !out->is_port || transport_id_isid(end + sizeof(transport_id_separator) - 1, out->isid);
}
