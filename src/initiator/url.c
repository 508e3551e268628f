/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * URLs. The one hard thing: the same text is shown to people when it is wrong, and it may hold a
 * password; so only the part that is wrong is ever quoted, and the user part never.
 */
#include "iscsifs/url.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "iscsifs/check.h"
#include "iscsifs/num.h"

#define URL_FORM	"iscsi://[user[%%password]@]host[:port][/target[/lun]]"

/* Copy @len bytes of @from to the @room bytes at @out. Returns false when they do not fit. */
static bool url_copy(char *out, size_t room, const char *from, size_t len)
{
	if (len >= room)
		return false;
	memcpy(out, from, len);
	out[len] = '\0';
	return true;
}

static int url_parse_port(const char *text, uint16_t *port, struct err *err)
{
	uint64_t v;

	if (!isdigit((unsigned char)text[0]) || text[1] == 'x' ||
	    num_parse_u64(text, 1, 65535, &v))
		return err_set(err, ERR_INVALID, "port \"%.32s\": want a number from 1 to 65535",
			       text);
	*port = (uint16_t)v;
	return 0;
}

/* "[v6]" and what follows it. */
static int url_parse_bracketed(const char *text, char host[URL_HOST_MAX], uint16_t *port,
			       struct err *err)
{
	const char *end = strchr(text, ']');
	size_t len;

	if (!end)
		return err_set(err, ERR_INVALID, "host \"%.64s\": the ] after the address is missing",
			       text);
	len = (size_t)(end - text) - 1;
	if (!len || strspn(text + 1, "0123456789abcdefABCDEF:.") < MIN(len, strcspn(text + 1, "%")) ||
	    !memchr(text + 1, ':', len) || !url_copy(host, URL_HOST_MAX, text + 1, len))
		return err_set(err, ERR_INVALID,
			       "host \"%.64s\": want an IPv6 address between the brackets", text);
	if (end[1] == '\0')
		return 0;
	if (end[1] != ':')
		return err_set(err, ERR_INVALID, "\"%.32s\" after the ]: want nothing or :port",
			       end + 1);
	return url_parse_port(end + 2, port, err);
}

static int url_parse_named(const char *text, char host[URL_HOST_MAX], uint16_t *port,
			   struct err *err)
{
	const char *colon = strchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : strlen(text);

	if (colon && strchr(colon + 1, ':'))
		return err_set(err, ERR_INVALID,
			       "host \"%.64s\": an IPv6 address must stand in brackets, [::1]:3260",
			       text);
	if (!len)
		return err_set(err, ERR_INVALID, "the host is missing");
	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)text[i]) && !strchr("-._", text[i]))
			return err_set(err, ERR_INVALID,
				       "host \"%.64s\": want letters, digits, '-' and '.' only",
				       text);
	}
	if (!url_copy(host, URL_HOST_MAX, text, len))
		return err_set(err, ERR_INVALID, "the host name is longer than 255 bytes");
	return colon ? url_parse_port(colon + 1, port, err) : 0;
}

int url_parse_portal(const char *text, char host[URL_HOST_MAX], uint16_t *port, struct err *err)
{
	char portal[URL_PORTAL_MAX];

	*port = URL_PORT;
	if (!url_copy(portal, sizeof(portal), text, strcspn(text, ",")))
		return err_set(err, ERR_INVALID, "the host name is longer than 255 bytes");
	if (portal[0] == '[')
		return url_parse_bracketed(portal, host, port, err);
	return url_parse_named(portal, host, port, err);
}

static bool url_is_hex(const char *text, size_t digits)
{
	return strlen(text) == digits && strspn(text, "0123456789abcdefABCDEF") == digits;
}

static bool url_is_iqn(const char *text)
{
	static const char form[] = "dddd-dd.";

	for (size_t i = 0; form[i]; i++) {
		if (form[i] == 'd' ? !isdigit((unsigned char)text[i]) : text[i] != form[i])
			return false;
	}
	return memcmp(text + 5, "01", 2) >= 0 && memcmp(text + 5, "12", 2) <= 0 &&
	       isalnum((unsigned char)text[8]);
}

int url_check_name(const char *name, struct err *err)
{
	if (strlen(name) >= URL_NAME_MAX)
		return err_set(err, ERR_INVALID, "iSCSI name \"%.32s...\": longer than 223 bytes",
			       name);
	for (const char *c = name; *c; c++) {
		if ((unsigned char)*c <= ' ' || *c == 0x7f || *c == '/' || *c == ',')
			return err_set(err, ERR_INVALID,
				       "iSCSI name: blanks, control characters, '/' and ',' are not allowed");
	}
	if (!strncmp(name, "iqn.", 4)) {
		if (url_is_iqn(name + 4))
			return 0;
		return err_set(err, ERR_INVALID,
			       "iSCSI name \"%s\": want iqn.YYYY-MM.domain[:name]", name);
	}
	if (!strncmp(name, "eui.", 4)) {
		if (url_is_hex(name + 4, 16))
			return 0;
		return err_set(err, ERR_INVALID, "iSCSI name \"%s\": want eui. and 16 hex digits",
			       name);
	}
	if (!strncmp(name, "naa.", 4)) {
		if (url_is_hex(name + 4, 16) || url_is_hex(name + 4, 32))
			return 0;
		return err_set(err, ERR_INVALID,
			       "iSCSI name \"%s\": want naa. and 16 or 32 hex digits", name);
	}
	return err_set(err, ERR_INVALID, "iSCSI name \"%s\": want one that begins iqn., eui. or naa.",
		       name);
}

static int url_hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, tolower((unsigned char)c)) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* The target name in @len bytes of @text, %41 decoded. */
static int url_parse_target(struct url *url, const char *text, size_t len, struct err *err)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (c == '%') {
			int high = len - i > 2 ? url_hex_digit(text[i + 1]) : -1;
			int low = len - i > 2 ? url_hex_digit(text[i + 2]) : -1;

			if (high < 0 || low < 0 || !(high | low))
				return err_set(err, ERR_INVALID,
					       "target \"%.*s\": want two hex digits, not 00, after %%",
					       (int)MIN(len, (size_t)URL_NAME_MAX), text);
			c = (char)(high << 4 | low);
			i += 2;
		}
		if (n + 1 >= sizeof(url->target))
			return err_set(err, ERR_INVALID,
				       "target \"%.32s...\": longer than 223 bytes", text);
		url->target[n++] = c;
	}
	url->target[n] = '\0';
	return url_check_name(url->target, err);
}

static int url_parse_lun(struct url *url, const char *text, struct err *err)
{
	uint64_t lun;

	if (strchr(text, '/'))
		return err_set(err, ERR_INVALID, "\"/%.32s\" after the target: want one LUN number",
			       text);
	if (!isdigit((unsigned char)text[0]) || text[1] == 'x' ||
	    num_parse_u64(text, 0, URL_LUN_MAX, &lun))
		return err_set(err, ERR_INVALID, "LUN \"%.32s\": want a number from 0 to %d", text,
			       URL_LUN_MAX);
	url->lun = (int)lun;
	return 0;
}

/* What follows the host: "", "/", "/target", "/target/", "/target/lun". */
static int url_parse_path(struct url *url, const char *path, struct err *err)
{
	const char *slash;
	size_t len;

	if (!path[0] || !path[1])
		return 0;
	path++;
	slash = strchr(path, '/');
	len = slash ? (size_t)(slash - path) : strlen(path);
	if (!len)
		return err_set(err, ERR_INVALID, "the target name between the slashes is missing");
	if (url_parse_target(url, path, len, err))
		return -ERR_INVALID;
	return slash && slash[1] ? url_parse_lun(url, slash + 1, err) : 0;
}

/* "user" or "user%password", @len bytes; nothing of it may get into a message. */
static int url_parse_user(struct url *url, const char *text, size_t len, struct err *err)
{
	const char *percent = memchr(text, '%', len);
	size_t user = percent ? (size_t)(percent - text) : len;

	if (!user)
		return err_set(err, ERR_INVALID, "the user name before the %s is missing",
			       percent ? "%" : "@");
	if (percent && user + 1 == len)
		return err_set(err, ERR_INVALID, "the password between %% and @ is missing");
	if (!url_copy(url->user, sizeof(url->user), text, user))
		return err_set(err, ERR_INVALID, "the user name is longer than 255 bytes");
	if (percent && !url_copy(url->password, sizeof(url->password), percent + 1, len - user - 1))
		return err_set(err, ERR_INVALID, "the password is longer than 255 bytes");
	return 0;
}

static int url_parse_authority(struct url *url, const char *text, size_t len, struct err *err)
{
	const char *at = NULL;		/* the last: a password may hold one */
	char portal[URL_PORTAL_MAX];

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '@')
			at = text + i;
	}
	if (at && url_parse_user(url, text, (size_t)(at - text), err))
		return -ERR_INVALID;
	if (!at && text[0] != '[' && memchr(text, '%', len))
		return err_set(err, ERR_INVALID,
			       "the @host after user%%password is missing (a password here cannot have a /)");
	if (at) {
		len -= (size_t)(at + 1 - text);
		text = at + 1;
	}
	if (!url_copy(portal, sizeof(portal), text, len))
		return err_set(err, ERR_INVALID, "the host name is longer than 255 bytes");
	if (strchr(portal, ','))
		return err_set(err, ERR_INVALID, "host \"%.64s\": want one portal, without ','",
			       portal);
	if (url_parse_portal(portal, url->host, &url->port, err))
		return -ERR_INVALID;
	snprintf(url->portal, sizeof(url->portal), strchr(url->host, ':') ? "[%s]:%u" : "%s:%u",
		 url->host, url->port);
	return 0;
}

static int url_parse_parts(struct url *url, const char *text, struct err *err)
{
	static const char scheme[] = "iscsi://";
	size_t len;

	if (!strncmp(text, "iser://", 7))
		return err_set(err, ERR_INVALID, "iser:// is not supported: want " URL_FORM);
	if (strncmp(text, scheme, sizeof(scheme) - 1))
		return err_set(err, ERR_INVALID, "not an iSCSI URL: want " URL_FORM);
	text += sizeof(scheme) - 1;
	for (const char *c = text; *c; c++) {
		if ((unsigned char)*c <= ' ' || *c == 0x7f)
			return err_set(err, ERR_INVALID,
				       "the URL has a blank or a control character in it");
	}
	len = strcspn(text, "/");
	if (strchr(text + len, '?'))
		return err_set(err, ERR_INVALID,
			       "\"?\" and what follows is not supported: use -P name=value");
	if (url_parse_authority(url, text, len, err))
		return -ERR_INVALID;
	return url_parse_path(url, text + len, err);
}

int url_parse(struct url *out, const char *text, struct err *err)
{
	int rc;

	*out = (struct url){ .lun = -1 };
	rc = url_parse_parts(out, text, err);
	if (rc)
		url_wipe(out);
	return rc;
}

void url_wipe(struct url *url)
{
	explicit_bzero(url->user, sizeof(url->user));
	explicit_bzero(url->password, sizeof(url->password));
}
