/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What becomes of each key of targets.conf. The one hard thing: a typo in a rule of access must not
 * open a target, so what has no row here is no key.
 */
#include "target/tgt_rules.h"

#include <stdbool.h>
#include <string.h>

#include "iscsifs/check.h"
#include "iscsifs/settings.h"

#define G	TGT_GLOBAL
#define T	TGT_TARGET
#define L	TGT_LUN
#define GT	(TGT_GLOBAL | TGT_TARGET)
#define TL	(TGT_TARGET | TGT_LUN)

#define HONOUR(key, scope, action, note) \
	{ (key), NULL, (scope), TGT_HONOURED, (action), NULL, (note) }
#define HONOUR_VALUE(key, value, scope, action, note) \
	{ (key), (value), (scope), TGT_HONOURED, (action), NULL, (note) }
#define SETTING(key, scope)	HONOUR(key, scope, TGT_DO_SETTING, NULL)
#define RENAMED(key, scope, name) \
	{ (key), NULL, (scope), TGT_HONOURED, TGT_DO_SETTING, (name), "is " name " here" }
#define WARN(key, value, scope, note) \
	{ (key), (value), (scope), TGT_WARNED, TGT_DO_NOTHING, NULL, (note) }
#define REFUSE(key, value, scope, note) \
	{ (key), (value), (scope), TGT_REFUSED, TGT_DO_NOTHING, NULL, (note) }

#define WHY_ISNS	"there is no iSNS here"
#define WHY_MARKER	"RFC 7143 made markers obsolete"
#define WHY_ISER	"it is a key of iSER, which is not spoken here"
#define WHY_ONLY_ISCSI	"only iscsi is spoken here"
#define WHY_DISK	"there are only disks here"
#define WHY_STORE	"only files and block devices are served"

const struct tgt_rule tgt_rules[] = {
	HONOUR("include", G | T | L, TGT_DO_NOTHING, "up to 8 files deep"),
	HONOUR("ignore-errors", G, TGT_DO_NOTHING,
	       "unknown keys and stores that cannot be served are warned about and left out"),
	HONOUR("incomingdiscoveryuser", G, TGT_DO_INCOMING, NULL),
	HONOUR("outgoingdiscoveryuser", G, TGT_DO_OUTGOING, NULL),
	WARN("default-driver", "iscsi", G, "it is the only one"),
	REFUSE("default-driver", NULL, G, WHY_ONLY_ISCSI),
	WARN("control-port", NULL, G, "see --control of iscsifs-target(8)"),
	WARN("iSNS", NULL, G, WHY_ISNS),
	WARN("iSNSServerIP", NULL, G, WHY_ISNS),
	WARN("iSNSServerPort", NULL, G, WHY_ISNS),
	WARN("iSNSAccessControl", NULL, G, WHY_ISNS),

	WARN("driver", "iscsi", T, "it is the only one"),
	REFUSE("driver", NULL, T, WHY_ONLY_ISCSI),
	HONOUR("controller_tid", T, TGT_DO_TID, "the number that the target is shown under"),
	HONOUR("initiator-address", T, TGT_DO_ADDRESS, "must match where any is given"),
	HONOUR("initiator-name", T, TGT_DO_NAME,
	       "must match where any is given; tgt lets pass who matches either"),
	HONOUR("incominguser", T, TGT_DO_INCOMING, NULL),
	HONOUR("outgoinguser", T, TGT_DO_OUTGOING, "the first one only"),

	SETTING("MaxRecvDataSegmentLength", GT),
	SETTING("MaxXmitDataSegmentLength", GT),
	SETTING("HeaderDigest", GT),
	SETTING("DataDigest", GT),
	SETTING("InitialR2T", GT),
	SETTING("MaxOutstandingR2T", GT),
	SETTING("ImmediateData", GT),
	SETTING("FirstBurstLength", GT),
	SETTING("MaxBurstLength", GT),
	SETTING("DataPDUInOrder", GT),
	SETTING("DataSequenceInOrder", GT),
	SETTING("ErrorRecoveryLevel", GT),
	SETTING("DefaultTime2Wait", GT),
	SETTING("DefaultTime2Retain", GT),
	SETTING("MaxConnections", GT),
	SETTING("MaxCommands", GT),
	RENAMED("MaxQueueCmd", GT, "MaxCommands"),
	SETTING("nop_interval", G),
	SETTING("nop_count", G),
	WARN("IFMarker", NULL, GT, WHY_MARKER),
	WARN("OFMarker", NULL, GT, WHY_MARKER),
	WARN("IFMarkInt", NULL, GT, WHY_MARKER),
	WARN("OFMarkInt", NULL, GT, WHY_MARKER),
	WARN("TargetRecvDataSegmentLength", NULL, GT, WHY_ISER),
	WARN("InitiatorRecvDataSegmentLength", NULL, GT, WHY_ISER),
	WARN("MaxOutstandingUnexpectedPDUs", NULL, GT, WHY_ISER),

	HONOUR("backing-store", T, TGT_DO_NOTHING,
	       "the first is LUN 1; numbered in the order of their paths, as tgt-admin does"),
	HONOUR("direct-store", T, TGT_DO_NOTHING,
	       "as a backing-store, numbered after them; vendor, product and serial number of the "
	       "device are not copied"),
	HONOUR("lun", TL, TGT_DO_LUN, NULL),
	SETTING("write-cache", TL),
	SETTING("readonly", TL),
	SETTING("online", TL),
	SETTING("block-size", TL),
	SETTING("lbppbe", TL),
	SETTING("la_lba", TL),
	SETTING("optimal_xfer_gran", TL),
	SETTING("optimal_xfer_len", TL),
	SETTING("scsi_id", TL),
	SETTING("scsi_sn", TL),
	{ "vendor_id", NULL, TL, TGT_HONOURED, TGT_DO_SETTING, NULL, "cut to 8 characters" },
	{ "product_id", NULL, TL, TGT_HONOURED, TGT_DO_SETTING, NULL, "cut to 16" },
	{ "product_rev", NULL, TL, TGT_HONOURED, TGT_DO_SETTING, NULL, "cut to 4" },
	HONOUR("params", TL, TGT_DO_PARAMS, "thin_provisioning, rotation_rate, and any key of a LUN"),
	HONOUR_VALUE("bs-type", "rdwr", TL, TGT_DO_NOTHING, NULL),
	HONOUR_VALUE("bs-type", "aio", TL, TGT_DO_NOTHING, "as rdwr"),
	HONOUR_VALUE("bs-type", "null", TL, TGT_DO_NULL, "one terabyte of zeros, whatever the path"),
	REFUSE("bs-type", NULL, TL, WHY_STORE),
	HONOUR_VALUE("bsoflags", "sync", TL, TGT_DO_SYNC, "as write-cache off"),
	WARN("bsoflags", "direct", TL,
	     "the page cache is used; what was flushed is on the disk all the same"),
	REFUSE("bsoflags", NULL, TL, "want sync or direct"),
	HONOUR_VALUE("device-type", "disk", TL, TGT_DO_NOTHING, NULL),
	REFUSE("device-type", NULL, TL, WHY_DISK),
	HONOUR_VALUE("removable", "0", TL, TGT_DO_NOTHING, NULL),
	REFUSE("removable", NULL, TL, "the disks stay in"),
	WARN("sense_format", "0", TL, "initiators choose the format of sense data, by mode page 0Ah"),
	REFUSE("sense_format", NULL, TL, "initiators choose the format of sense data, by mode page 0Ah"),
	WARN("mode_page", NULL, TL, "the mode pages are those of a disk"),
	WARN("bsopts", NULL, TL, "files and block devices have none"),
	WARN("allow-in-use", NULL, TL, "nobody is asked whether a device is in use"),
	REFUSE("path", NULL, TL, "the store has its path already"),
	{ .key = NULL },
};

const struct tgt_rule *tgt_rule_find(const char *key, const char *value, enum tgt_scope scope)
{
	for (const struct tgt_rule *r = tgt_rules; r->key; r++) {
		if (r->scope & scope && !strcmp(r->key, key) &&
		    (!r->value || !strcmp(r->value, value)))
			return r;
	}
	return NULL;
}

const char *tgt_rule_nearest(const char *key)
{
	static const char *names[ARRAY_SIZE(tgt_rules)];

	for (size_t i = 0; i < ARRAY_SIZE(tgt_rules); i++)
		names[i] = tgt_rules[i].key;
	return settings_nearest(key, names);
}

const char *tgt_class_name(enum tgt_class class)
{
	switch (class) {
	case TGT_HONOURED:
		return "honoured";
	case TGT_WARNED:
		return "warned about";
	case TGT_REFUSED:
		break;
	}
	return "refused";
}
