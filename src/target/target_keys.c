/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of the target's settings, with tgt's names where tgt has one. The one hard thing: rows
 * stand in the order program, target, unit, because each level takes the table from its first row on.
 */
#include "target/target_keys.h"

#include <stddef.h>

#include "iscsifs/check.h"
#include "target/connection.h"

#define FIELD(f)	.off = offsetof(struct target_keys, f)
#define SPAN(lo, hi)	.type = SETTING_SPAN, .min = (lo), .max = (hi)
#define INT(lo, hi)	.type = SETTING_INT, .min = (lo), .max = (hi)
#define ENUM(words)	.type = SETTING_ENUM, .choices = (words)
#define STRING		.type = SETTING_STRING
#define HONOURED	.class = SETTING_HONOURED
#define FIXED(why)	.class = SETTING_FIXED, .note = (why)
#define STRICT(why)	.class = SETTING_FIXED_STRICT, .note = (why)
#define IGNORED(n, why)	{ .name = (n), .class = SETTING_IGNORED, .note = (why) }

enum {
	HOUR = 3600 * 1000,
	SEGMENT_MIN = 512,		/* RFC 7143 13.12, 13.13, 13.14 */
	SEGMENT_MAX = (1 << 24) - 1,
	ALIGNED_MAX = (1 << 14) - 1,	/* SBC-3 5.16.2, LOWEST ALIGNED LOGICAL BLOCK ADDRESS */
	ROTATION_MAX = 0xfffe,		/* SBC-3 6.5.2 */
};

static const char *const no_yes[] = { "No", "Yes", NULL };
static const char *const zero_one[] = { "0", "1", NULL };
static const char *const digests[] = { "None", "CRC32C,None", "CRC32C", NULL };
static const char *const redirects[] = { "Temporary", "Permanent", NULL };
static const char *const blocks[] = { "512", "4096", NULL };
static const char *const caches[] = { "off", "on", "volatile", NULL };

#define WHY_ONE		"a session has one connection"
#define WHY_ERL		"a lost connection ends its session"
#define WHY_ORDER	"data is sent and wanted in order"
#define WHY_MARKER	"RFC 7143 made markers obsolete"
#define WHY_ISER	"it is a key of iSER, which is not spoken here"
#define WHY_DISK	"there are only disks here, and they stay in"

/* The first row of a target, and that of a unit. */
enum { ROW_TARGET = 8, ROW_LUN = ROW_TARGET + 26 };

static const struct setting key_rows[] = {
	/* The program. */
	{ "login_timeout", SPAN(1, HOUR), HONOURED, .deflt = "15", FIELD(login_timeout),
	  .help = "how long a login may take, from the connection on" },
	{ "nop_interval", SPAN(0, HOUR), HONOURED, .deflt = "20", FIELD(nop_interval),
	  .help = "after how long a silence an initiator is asked whether it is there; 0 is never" },
	{ "nop_timeout", SPAN(1, HOUR), HONOURED, .deflt = "20", FIELD(nop_timeout),
	  .help = "after how much more silence it is dropped" },
	{ "nop_count", INT(0, 100), HONOURED, .deflt = "0", FIELD(nop_count),
	  .help = "the same, in intervals; 0 leaves it to nop_timeout" },
	{ "max_connections", INT(1, 65535), HONOURED, .deflt = "256", FIELD(max_connections),
	  .help = "how many connections there are at once; a session is one" },
	{ "max_connections_per_address", INT(0, 65535), HONOURED, .deflt = "0",
	  FIELD(max_connections_per_address),
	  .help = "how many of them come from one address; 0 is no limit of its own" },
	{ "open", .type = SETTING_BOOL, HONOURED, .deflt = "No", FIELD(open),
	  .help = "allow what nobody should do by mistake: a target for everybody on an address "
		  "that other machines reach" },
	{ "user", STRING, HONOURED, .deflt = "", FIELD(user),
	  .help = "USER or USER:GROUP to be, once the sockets and disks are open" },

	/* A target: what it negotiates. */
	{ "HeaderDigest", ENUM(digests), HONOURED, .deflt = "CRC32C,None",
	  FIELD(offer.header_digest),
	  .help = "checksums of headers; with both words as the initiator prefers, CRC32C alone "
		  "refuses who does without" },
	{ "DataDigest", ENUM(digests), HONOURED, .deflt = "CRC32C,None", FIELD(offer.data_digest),
	  .help = "checksums of data, likewise" },
	{ "InitialR2T", ENUM(no_yes), HONOURED, .deflt = "No", FIELD(offer.initial_r2t),
	  .help = "Yes: an initiator sends no data before it is asked to" },
	{ "ImmediateData", ENUM(no_yes), HONOURED, .deflt = "Yes", FIELD(offer.immediate_data),
	  .help = "data may come with its command" },
	{ "MaxRecvDataSegmentLength", INT(SEGMENT_MIN, CONN_PDU_DATA), HONOURED, .deflt = "262144",
	  FIELD(offer.max_recv_bytes), .help = "bytes of data in a PDU that we take" },
	{ "MaxXmitDataSegmentLength", INT(SEGMENT_MIN, CONN_PDU_DATA), HONOURED, .deflt = "262144",
	  FIELD(offer.max_send_bytes), .help = "bytes of data in a PDU that we send" },
	{ "FirstBurstLength", INT(SEGMENT_MIN, SEGMENT_MAX), HONOURED, .deflt = "262144",
	  FIELD(offer.first_burst_bytes),
	  .help = "bytes of data that come without being asked for; at most MaxBurstLength" },
	{ "MaxBurstLength", INT(SEGMENT_MIN, SEGMENT_MAX), HONOURED, .deflt = "1048576",
	  FIELD(offer.max_burst_bytes), .help = "bytes of data that are asked for at once" },
	{ "MaxOutstandingR2T", INT(1, 65535), HONOURED, .deflt = "8",
	  FIELD(offer.max_outstanding_r2t), .help = "how often data is asked for ahead, for a command" },
	{ "DefaultTime2Wait", INT(0, 3600), HONOURED, .deflt = "2", FIELD(offer.time2wait_s),
	  .help = "seconds that an initiator waits before it comes back" },
	{ "DefaultTime2Retain", INT(0, 3600), .deflt = "0", FIELD(offer.time2retain_s),
	  FIXED(WHY_ERL), .help = "seconds that tasks outlive their connection" },
	{ "MaxConnections", INT(1, 65535), .deflt = "1", FIELD(offer.max_connections),
	  FIXED(WHY_ONE), .help = "connections of a session" },
	{ "ErrorRecoveryLevel", INT(0, 2), .deflt = "0", FIELD(offer.error_recovery_level),
	  FIXED(WHY_ERL), .help = "what is recovered without a new login" },
	{ "DataPDUInOrder", ENUM(no_yes), .deflt = "Yes", FIELD(offer.pdu_in_order),
	  FIXED(WHY_ORDER), .help = "PDUs of a sequence come in order" },
	{ "DataSequenceInOrder", ENUM(no_yes), .deflt = "Yes", FIELD(offer.sequence_in_order),
	  FIXED(WHY_ORDER), .help = "sequences of a command come in order" },
	IGNORED("IFMarker", WHY_MARKER),
	IGNORED("OFMarker", WHY_MARKER),
	IGNORED("IFMarkInt", WHY_MARKER),
	IGNORED("OFMarkInt", WHY_MARKER),
	IGNORED("TargetRecvDataSegmentLength", WHY_ISER),
	IGNORED("InitiatorRecvDataSegmentLength", WHY_ISER),
	IGNORED("MaxOutstandingUnexpectedPDUs", WHY_ISER),
	{ "MaxCommands", INT(1, 1024), HONOURED, .deflt = "128", FIELD(max_commands),
	  .help = "how many commands of a session are in flight at once" },
	{ "RedirectAddress", STRING, HONOURED, .deflt = "", FIELD(redirect_address),
	  .help = "where initiators are sent that want to log in: a name, an IPv4 address, or an "
		  "IPv6 address in brackets; empty: they may stay" },
	{ "RedirectPort", INT(1, 65535), HONOURED, .deflt = "3260", FIELD(redirect_port),
	  .help = "the port there" },
	{ "RedirectReason", ENUM(redirects), HONOURED, .deflt = "Temporary", FIELD(redirect_reason),
	  .help = "Permanent: they need not ask here again" },

	/* A unit. */
	{ "block-size", ENUM(blocks), HONOURED, .deflt = "512", FIELD(block_size),
	  .help = "bytes of a block" },
	{ "lbppbe", INT(-1, 15), HONOURED, .deflt = "-1", FIELD(lbppbe),
	  .help = "blocks of a block of the medium, as the power of two; -1: what makes 4096 bytes" },
	{ "la_lba", INT(0, ALIGNED_MAX), HONOURED, .deflt = "0", FIELD(la_lba),
	  .help = "the first block that begins with a block of the medium" },
	{ "optimal_xfer_gran", INT(0, 65535), HONOURED, .deflt = "0", FIELD(optimal_xfer_gran),
	  .help = "blocks that transfers should be a multiple of; 0: what makes 4096 bytes" },
	{ "optimal_xfer_len", INT(0, INT32_MAX), HONOURED, .deflt = "0", FIELD(optimal_xfer_len),
	  .help = "blocks that a transfer should have at most; 0: what makes 1 MiB" },
	{ "rotation_rate", INT(0, ROTATION_MAX), HONOURED, .deflt = "1", FIELD(rotation_rate),
	  .help = "rounds per minute that the disk tells; 1: it does not turn, 0: it does not say" },
	{ "readonly", ENUM(zero_one), HONOURED, .deflt = "0", FIELD(readonly),
	  .help = "1: write protected, and opened for reading only" },
	{ "online", ENUM(zero_one), HONOURED, .deflt = "1", FIELD(online),
	  .help = "0: the disk is there and not ready" },
	{ "removable", ENUM(zero_one), .deflt = "0", FIELD(removable), STRICT(WHY_DISK),
	  .help = "the medium can be taken out" },
	{ "thin_provisioning", ENUM(zero_one), HONOURED, .deflt = "1", FIELD(thin),
	  .help = "1: UNMAP punches holes into the file" },
	{ "write-cache", ENUM(caches), HONOURED, .deflt = "on", FIELD(write_cache),
	  .help = "off: a write is on the disk before it is answered; volatile: it is in a memory "
		  "that a crash loses" },
	{ "vendor_id", STRING, HONOURED, .deflt = "ISCSIFS", FIELD(vendor_id),
	  .help = "vendor that the disk tells, up to 8 characters" },
	{ "product_id", STRING, HONOURED, .deflt = "VIRTUAL-DISK", FIELD(product_id),
	  .help = "product, up to 16" },
	{ "product_rev", STRING, HONOURED, .deflt = "0001", FIELD(product_rev),
	  .help = "revision, up to 4" },
	{ "scsi_id", STRING, HONOURED, .deflt = "", FIELD(scsi_id),
	  .help = "what the disk's names are made from, up to 36; empty: scsi_sn, or else the "
		  "target's name and the unit's number" },
	{ "scsi_sn", STRING, HONOURED, .deflt = "", FIELD(scsi_sn),
	  .help = "serial number, up to 36; empty: made from the target's name and the unit's "
		  "number" },
};

_Static_assert(sizeof(int) == sizeof(uint32_t), "struct params has fields of this size");

const struct settings target_keys_all = { key_rows, ARRAY_SIZE(key_rows), NULL };
const struct settings target_keys_of_target = { key_rows + ROW_TARGET,
						ARRAY_SIZE(key_rows) - ROW_TARGET, NULL };
const struct settings target_keys_of_lun = { key_rows + ROW_LUN, ARRAY_SIZE(key_rows) - ROW_LUN,
					     NULL };
