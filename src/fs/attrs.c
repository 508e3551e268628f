/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Extended attributes of a LUN's file. The one hard thing: none, but the names are a promise.
 */
#include "fs/attrs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "iscsifs/check.h"

#define ATTRS_PREFIX	"user.iscsi."

enum attr {
	ATTR_TARGET,
	ATTR_LUN,
	ATTR_VENDOR,
	ATTR_PRODUCT,
	ATTR_REVISION,
	ATTR_SERIAL,
	ATTR_WWID,
	ATTR_STATE,
	ATTR_BLOCK_SIZE,
	ATTR_PHYSICAL_BLOCK_SIZE,
};

/* In the order of enum attr. */
static const char attrs_all[] =
	ATTRS_PREFIX "target\0"
	ATTRS_PREFIX "lun\0"
	ATTRS_PREFIX "vendor\0"
	ATTRS_PREFIX "product\0"
	ATTRS_PREFIX "revision\0"
	ATTRS_PREFIX "serial\0"
	ATTRS_PREFIX "wwid\0"
	ATTRS_PREFIX "state\0"
	ATTRS_PREFIX "block_size\0"
	ATTRS_PREFIX "physical_block_size";

const char *attrs_names(size_t *len)
{
	*len = sizeof(attrs_all);
	return attrs_all;
}

static int attrs_find(const char *name)
{
	int i = 0;

	for (const char *p = attrs_all; p < attrs_all + sizeof(attrs_all); p += strlen(p) + 1, i++) {
		if (!strcmp(p, name))
			return i;
	}
	return -ENODATA;
}

static int attrs_print(const struct lun *lun, enum attr attr, char value[ATTRS_VALUE_MAX])
{
	const struct lun_facts *f = lun_facts(lun);

	switch (attr) {
	case ATTR_TARGET:
		return snprintf(value, ATTRS_VALUE_MAX, "%s", lun_target(lun));
	case ATTR_LUN:
		return snprintf(value, ATTRS_VALUE_MAX, "%u", f->number);
	case ATTR_VENDOR:
		return snprintf(value, ATTRS_VALUE_MAX, "%s", f->vendor);
	case ATTR_PRODUCT:
		return snprintf(value, ATTRS_VALUE_MAX, "%s", f->product);
	case ATTR_REVISION:
		return snprintf(value, ATTRS_VALUE_MAX, "%s", f->revision);
	case ATTR_SERIAL:
		return snprintf(value, ATTRS_VALUE_MAX, "%s", f->serial);
	case ATTR_WWID:
		return snprintf(value, ATTRS_VALUE_MAX, "%s", f->wwid);
	case ATTR_STATE:
		return snprintf(value, ATTRS_VALUE_MAX, "%s", lun_state_name(lun_state(lun)));
	case ATTR_BLOCK_SIZE:
		return snprintf(value, ATTRS_VALUE_MAX, "%u", f->block_bytes);
	case ATTR_PHYSICAL_BLOCK_SIZE:
		return snprintf(value, ATTRS_VALUE_MAX, "%u", f->physical_block_bytes);
	}
	return -ENODATA;
}

int attrs_get(const struct lun *lun, const char *name, char value[ATTRS_VALUE_MAX])
{
	int attr = attrs_find(name);
	int len = attr < 0 ? attr : attrs_print(lun, (enum attr)attr, value);

	return MIN(len, ATTRS_VALUE_MAX - 1);
}
