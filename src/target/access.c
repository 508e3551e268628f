/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Access control. The one hard thing: each class decides for itself and all must agree; an "ALL" or
 * a "/0" among the addresses is an open class, however many narrow ones stand beside it.
 */
#include "target/access.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iscsifs/num.h"
#include "target/target.h"

static const unsigned char access_mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

void access_init(struct access *a)
{
	list_init(&a->names);
	list_init(&a->addresses);
	list_init(&a->incoming);
	list_init(&a->outgoing);
}

static void access_free_entries(struct list *of)
{
	struct access_entry *en, *tmp;

	list_each_safe(en, tmp, of, link) {
		list_del(&en->link);
		free(en);
	}
}

static void access_free_account(struct account *ac)
{
	list_del(&ac->link);
	explicit_bzero(ac, sizeof(*ac));
	free(ac);
}

static void access_free_accounts(struct list *of)
{
	struct account *ac, *tmp;

	list_each_safe(ac, tmp, of, link)
		access_free_account(ac);
}

void access_fini(struct access *a)
{
	access_free_entries(&a->names);
	access_free_entries(&a->addresses);
	access_free_accounts(&a->incoming);
	access_free_accounts(&a->outgoing);
}

static bool access_is_full(const struct list *of)
{
	unsigned n = 0;

	for (const struct list *l = of->next; l != of; l = l->next)
		n++;
	return n >= ACCESS_ENTRIES_MAX;
}

/* --- names and addresses --- */

/* The bits behind @bits are no part of the address. */
static void access_mask(unsigned char address[16], unsigned bits)
{
	for (unsigned i = 0; i < 16; i++) {
		unsigned left = bits > 8 * i ? bits - 8 * i : 0;

		if (left < 8)
			address[i] &= (unsigned char)(0xff00u >> left);
	}
}

/* "[::1]" is "::1", as tgt writes it. Returns false when the brackets do not pair. */
static bool access_strip_brackets(char *text)
{
	size_t len = strlen(text);

	if (*text != '[')
		return true;
	if (len < 2 || text[len - 1] != ']')
		return false;
	memmove(text, text + 1, len - 2);
	text[len - 2] = 0;
	return true;
}

/* "ADDRESS" or "ADDRESS/BITS" or "ALL" into @en. Returns 0 or -1. */
static int access_parse_address(struct access_entry *en, const char *text)
{
	char host[INET6_ADDRSTRLEN + 2];
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	unsigned width;
	uint64_t bits;

	en->family = AF_UNSPEC;
	if (!strcmp(text, "ALL"))
		return 0;
	if (len >= sizeof(host))
		return -1;
	memcpy(host, text, len);
	host[len] = 0;
	if (!access_strip_brackets(host))
		return -1;
	if (inet_pton(AF_INET, host, en->address) == 1)
		en->family = AF_INET;
	else if (inet_pton(AF_INET6, host, en->address) == 1)
		en->family = AF_INET6;
	else
		return -1;
	width = en->family == AF_INET ? 32 : 128;
	bits = width;
	if (slash && num_parse_u64(slash + 1, 0, width, &bits))
		return -1;
	en->bits = (unsigned)bits;
	access_mask(en->address, en->bits);
	return 0;
}

static int access_parse(struct access_entry *en, enum access_class class, const char *text,
			struct err *e)
{
	memset(en, 0, sizeof(*en));
	list_init(&en->link);
	if (strlen(text) > ACCESS_TEXT_MAX)
		return err_set(e, ERR_INVALID, "longer than %d characters", ACCESS_TEXT_MAX);
	memcpy(en->text, text, strlen(text) + 1);
	if (class == ACCESS_NAME && !target_name_ok(text))
		return err_set(e, ERR_INVALID,
			       "initiator name \"%s\": want a name such as iqn.2026-11.com.example:host",
			       text);
	if (class == ACCESS_ADDRESS && access_parse_address(en, text))
		return err_set(e, ERR_INVALID,
			       "initiator address \"%s\": want 192.0.2.7, 10.0.0.0/8, fd00::/8 or ALL",
			       text);
	return 0;
}

static bool access_is_same(enum access_class class, const struct access_entry *x,
			   const struct access_entry *y)
{
	if (class == ACCESS_NAME)
		return !strcmp(x->text, y->text);
	return x->family == y->family && x->bits == y->bits &&
	       !memcmp(x->address, y->address, sizeof(x->address));
}

static struct access_entry *access_find(struct list *of, enum access_class class,
					const struct access_entry *like)
{
	struct access_entry *en;

	list_each(en, of, link) {
		if (access_is_same(class, en, like))
			return en;
	}
	return NULL;
}

static struct list *access_class_list(struct access *a, enum access_class class)
{
	return class == ACCESS_NAME ? &a->names : &a->addresses;
}

int access_add(struct access *a, enum access_class class, const char *text, struct err *e)
{
	struct list *of = access_class_list(a, class);
	struct access_entry like, *en;
	int rc = access_parse(&like, class, text, e);

	if (rc)
		return rc;
	if (access_find(of, class, &like))
		return err_set(e, ERR_EXISTS, "%s is allowed already", text);
	if (access_is_full(of))
		return err_set(e, ERR_INVALID, "%s: there are %d already, the most that are kept",
			       text, ACCESS_ENTRIES_MAX);
	en = malloc(sizeof(*en));
	if (!en)
		return err_set(e, ERR_NOMEM, "%s: out of memory", text);
	*en = like;
	list_init(&en->link);
	list_append(of, &en->link);
	return 0;
}

int access_remove(struct access *a, enum access_class class, const char *text, struct err *e)
{
	struct access_entry like, *en = NULL;

	if (!access_parse(&like, class, text, NULL))
		en = access_find(access_class_list(a, class), class, &like);
	if (!en)
		return err_set(e, ERR_NOT_FOUND, "%s is not on the list", text);
	list_del(&en->link);
	free(en);
	return 0;
}

/* --- accounts --- */

static struct list *access_way_list(struct access *a, enum access_direction way)
{
	return way == ACCESS_INCOMING ? &a->incoming : &a->outgoing;
}

/* Of 1 to @max bytes, none of which is a control character? */
static bool access_is_text(const char *s, size_t max)
{
	size_t len = strlen(s);

	for (const char *p = s; *p; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return false;
	}
	return len && len <= max;
}

/* Looks at every one, so that the time says nothing about who is there. */
static struct account *access_find_account(const struct list *of, const char *user)
{
	struct account *ac, *found = NULL;

	list_each(ac, of, link) {
		if (!strcmp(ac->user, user))
			found = ac;
	}
	return found;
}

static bool access_has_secret(const struct list *of, const char *secret)
{
	const struct account *ac;

	list_each(ac, of, link) {
		if (!strcmp(ac->secret, secret))
			return true;
	}
	return false;
}

static int access_check_account(struct access *a, enum access_direction way, const char *user,
				const char *secret, struct err *e)
{
	struct list *other = way == ACCESS_INCOMING ? &a->outgoing : &a->incoming;

	if (!access_is_text(user, ACCESS_TEXT_MAX))
		return err_set(e, ERR_INVALID,
			       "user \"%.32s\": want 1 to %d characters, none of them a control character",
			       user, ACCESS_TEXT_MAX);
	if (!access_is_text(secret, ACCESS_SECRET_MAX))
		return err_set(e, ERR_INVALID,
			       "user %s: want a password of 1 to %d characters, none of them a control character",
			       user, ACCESS_SECRET_MAX);
	if (access_find_account(access_way_list(a, way), user))
		return err_set(e, ERR_EXISTS, "user %s: there is one already", user);
	if (way == ACCESS_OUTGOING && !list_empty(&a->outgoing))
		return err_set(e, ERR_EXISTS,
			       "user %s: there is an outgoing user already, and one at most", user);
	if (access_has_secret(other, secret))
		return err_set(e, ERR_INVALID,
			       "user %s: the passwords of the two directions must differ", user);
	if (access_is_full(access_way_list(a, way)))
		return err_set(e, ERR_INVALID, "user %s: there are %d already, the most that are kept",
			       user, ACCESS_ENTRIES_MAX);
	return 0;
}

int access_add_account(struct access *a, enum access_direction way, const char *user,
		       const char *secret, struct err *e)
{
	int rc = access_check_account(a, way, user, secret, e);
	struct account *ac;

	if (rc)
		return rc;
	ac = calloc(1, sizeof(*ac));
	if (!ac)
		return err_set(e, ERR_NOMEM, "user %s: out of memory", user);
	memcpy(ac->user, user, strlen(user) + 1);
	memcpy(ac->secret, secret, strlen(secret) + 1);
	list_init(&ac->link);
	list_append(access_way_list(a, way), &ac->link);
	return 0;
}

int access_remove_account(struct access *a, enum access_direction way, const char *user,
			  struct err *e)
{
	struct account *ac = access_find_account(access_way_list(a, way), user);

	if (!ac)
		return err_set(e, ERR_NOT_FOUND, "user %s: there is none of that name", user);
	access_free_account(ac);
	return 0;
}

const struct account *access_account(const struct access *a, enum access_direction way,
				     const char *user)
{
	return access_find_account(way == ACCESS_INCOMING ? &a->incoming : &a->outgoing, user);
}

/* --- the question --- */

static bool access_names_match(const struct list *of, const char *initiator)
{
	const struct access_entry *en;

	if (list_empty(of))
		return true;
	list_each(en, of, link) {
		if (!strcmp(en->text, initiator))
			return true;
	}
	return false;
}

/* The address of @peer; of one that is IPv4 in IPv6 clothes, the IPv4 one. Returns its family. */
static int access_peer(const struct sockaddr_storage *peer, unsigned char address[16])
{
	memset(address, 0, 16);
	if (peer->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)peer;

		memcpy(address, &in->sin_addr, 4);
		return AF_INET;
	}
	if (peer->ss_family != AF_INET6)
		return AF_UNSPEC;
	memcpy(address, &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr, 16);
	if (memcmp(address, access_mapped, sizeof(access_mapped)))
		return AF_INET6;
	memmove(address, address + 12, 4);
	memset(address + 4, 0, 12);
	return AF_INET;
}

static bool access_addresses_match(const struct list *of, const struct sockaddr_storage *peer)
{
	unsigned char address[16], masked[16];
	int family = access_peer(peer, address);
	const struct access_entry *en;

	if (list_empty(of))
		return true;
	list_each(en, of, link) {
		if (en->family == AF_UNSPEC)
			return true;
		if (en->family != family)
			continue;
		memcpy(masked, address, sizeof(masked));
		access_mask(masked, en->bits);
		if (!memcmp(masked, en->address, sizeof(masked)))
			return true;
	}
	return false;
}

bool access_allows(const struct access *a, const char *initiator,
		   const struct sockaddr_storage *peer)
{
	return access_names_match(&a->names, initiator) &&
	       access_addresses_match(&a->addresses, peer);
}

bool access_is_open(const struct access *a)
{
	const struct access_entry *en;

	if (!list_empty(&a->names) || !list_empty(&a->incoming))
		return false;
	list_each(en, &a->addresses, link) {
		if (en->family == AF_UNSPEC || !en->bits)
			return true;
	}
	return list_empty(&a->addresses);
}
