/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A target as tgt-admin --show prints it: scripts search those lines, so words, order and indents
 * are tgt's; what tgt has and we do not is said as tgt would.
 */
#include "prog/show_target.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "iscsifs/num.h"

#define TAB1 "    "
#define TAB2 TAB1 TAB1
#define TAB3 TAB2 TAB1
#define TAB4 TAB3 TAB1

static const char *field(const struct control_record *r, const char *key)
{
	const char *v = control_record_get(r, key);

	return v ? v : "";
}

static void line(FILE *f, const char *label, const char *value)
{
	fputs(label, f);
	show_put_text(f, value);
	fputc('\n', f);
}

static const char *yes_no(const struct control_record *r, const char *key)
{
	return !strcmp(field(r, key), "yes") ? "Yes" : "No";
}

static void show_target_head(FILE *f, const struct control_record *r)
{
	fputs("Target ", f);
	show_put_text(f, field(r, "tid"));
	line(f, ": ", field(r, "target"));
	fputs(TAB1 "System information:\n", f);
	line(f, TAB2 "Driver: ", field(r, "driver"));
	line(f, TAB2 "State: ", field(r, "state"));
}

static void show_target_nexus(FILE *f, const struct control_record *r)
{
	char address[96];
	char *colon;

	line(f, TAB2 "I_T nexus: ", field(r, "tsih"));
	fputs(TAB3 "Initiator: ", f);
	show_put_text(f, field(r, "initiator"));
	line(f, " alias: ", *field(r, "alias") ? field(r, "alias") : "none");
	line(f, TAB3 "Connection: ", field(r, "cid"));
	snprintf(address, sizeof(address), "%s", field(r, "peer"));
	colon = strrchr(address, ':');
	if (colon)
		*colon = 0;
	line(f, TAB4 "IP Address: ", address);
}

static void show_target_size(FILE *f, const struct control_record *r)
{
	uint64_t bytes = 0;

	(void)num_parse_u64(field(r, "size_bytes"), 0, UINT64_MAX, &bytes);
	fprintf(f, TAB3 "Size: %" PRIu64 " MB, Block size: ", (bytes + 500000) / 1000000);
	line(f, "", field(r, "block_bytes"));
}

static void show_target_lun(FILE *f, const struct control_record *r)
{
	const char *store = field(r, "store");

	line(f, TAB2 "LUN: ", field(r, "lun"));
	line(f, TAB3 "Type: ", field(r, "type"));
	line(f, TAB3 "SCSI ID: ", field(r, "scsi_id"));
	line(f, TAB3 "SCSI SN: ", field(r, "scsi_sn"));
	show_target_size(f, r);
	line(f, TAB3 "Online: ", yes_no(r, "online"));
	line(f, TAB3 "Removable media: ", "No");
	line(f, TAB3 "Prevent removal: ", "No");
	line(f, TAB3 "Readonly: ", yes_no(r, "readonly"));
	line(f, TAB3 "SWP: ", yes_no(r, "swp"));
	line(f, TAB3 "Thin-provisioning: ", yes_no(r, "thin"));
	line(f, TAB3 "Backing store type: ", strcmp(store, "file") ? store : "rdwr");
	line(f, TAB3 "Backing store path: ", field(r, "backing"));
	line(f, TAB3 "Backing store flags: ", strcmp(yes_no(r, "write_cache"), "Yes") ? "sync" : "");
}

static void show_target_account(FILE *f, const struct control_record *r)
{
	fputs(TAB2, f);
	show_put_text(f, field(r, "user"));
	fputs(strcmp(field(r, "direction"), "outgoing") ? "\n" : " (outgoing)\n", f);
}

static void show_target_acl(FILE *f, const struct control_record *r)
{
	line(f, TAB2, field(r, "value"));
}

static const struct {
	const char *record;
	const char *title;		/* NULL: none */
	void (*show)(FILE *f, const struct control_record *r);
	const char *none;		/* what stands there when there are none */
} parts[] = {
	{ "target", NULL, show_target_head, "" },
	{ "nexus", TAB1 "I_T nexus information:\n", show_target_nexus, "" },
	{ "lun", TAB1 "LUN information:\n", show_target_lun, "" },
	{ "account", TAB1 "Account information:\n", show_target_account, "" },
	{ "acl", TAB1 "ACL information:\n", show_target_acl, TAB2 "ALL\n" },
};

/* The records of one target, from @i on; returns where the next one begins. */
static size_t show_one_target(FILE *f, const struct show_list *l, size_t i)
{
	size_t end = i + 1;

	while (end < l->count && strcmp(field(&l->records[end], "record"), "target"))
		end++;
	for (size_t p = 0; p < sizeof(parts) / sizeof(*parts); p++) {
		bool any = false;

		fputs(parts[p].title ? parts[p].title : "", f);
		for (size_t k = i; k < end; k++) {
			if (strcmp(field(&l->records[k], "record"), parts[p].record))
				continue;
			parts[p].show(f, &l->records[k]);
			any = true;
		}
		if (!any)
			fputs(parts[p].none, f);
	}
	return end;
}

void show_targets(FILE *f, const struct show_list *l)
{
	for (size_t i = 0; i < l->count;)
		i = show_one_target(f, l, i);
}
