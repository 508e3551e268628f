/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Discovery. The one hard thing: a portal has several addresses and may send us on; each is tried in
 * turn within one deadline, and the error told in the end is that of the attempt that came furthest.
 */
#include "iscsifs/discovery.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "iscsifs/log.h"
#include "iscsifs/url.h"
#include "resolve.h"
#include "transport.h"

enum { DISCOVERY_REDIRECTS_MAX = 4, DISCOVERY_GOODBYE_MS = 500 };

/* A target as it is gathered; the strings and arrays are ours. */
struct finding {
	char *name;
	char **portals;
	unsigned portal_count;
};

struct discovery {
	struct loop *loop;
	void (*done)(void *arg, const struct discovery_result *result);
	void *arg;
	char *portal, *initiator, *user, *password, *user_in, *password_in;
	span_ms timeout;
	uint64_t isid;
	struct loop_timer deadline;
	struct loop_call finish;
	struct resolve *resolving;
	struct resolve_result addresses;
	unsigned address_next, redirects;
	struct transport *tp;
	char asking[URL_PORTAL_MAX];	/* the address that is asked now */
	struct finding *findings;
	unsigned count;
	bool complete;			/* the whole list is here */
	bool answering;
	struct err err;			/* why it is over without a list */
};

static void discovery_free(struct discovery *d)
{
	loop_timer_stop(&d->deadline);
	loop_call_cancel(&d->finish);
	resolve_cancel(d->resolving);
	transport_cut(d->tp);
	for (unsigned i = 0; i < d->count; i++) {
		for (unsigned p = 0; p < d->findings[i].portal_count; p++)
			free(d->findings[i].portals[p]);
		free(d->findings[i].portals);
		free(d->findings[i].name);
	}
	free(d->findings);
	if (d->password)
		explicit_bzero(d->password, strlen(d->password));
	if (d->password_in)
		explicit_bzero(d->password_in, strlen(d->password_in));
	free(d->portal);
	free(d->initiator);
	free(d->user);
	free(d->password);
	free(d->user_in);
	free(d->password_in);
	free(d);
}

/* ---- The answer ---- */

/* The list as the caller gets it, in one allocation. */
static struct discovery_target *discovery_list(const struct discovery *d)
{
	struct discovery_target *list = calloc(d->count, sizeof(*list));

	for (unsigned i = 0; list && i < d->count; i++) {
		list[i].name = d->findings[i].name;
		list[i].portals = (const char *const *)d->findings[i].portals;
	}
	return list;
}

static void discovery_finish(struct loop_call *call)
{
	struct discovery *d = container_of(call, struct discovery, finish);
	struct discovery_result result = { .err = d->err };
	struct discovery_target *list = NULL;

	loop_timer_stop(&d->deadline);
	if (!err_is_set(&d->err) && !d->count)
		err_set(&result.err, ERR_NOT_FOUND, "%s has no targets for this initiator",
			d->portal);
	if (!err_is_set(&result.err)) {
		list = discovery_list(d);
		if (!list)
			err_set(&result.err, ERR_NOMEM, "no memory for the list of targets");
		result.count = list ? d->count : 0;
		result.targets = list;
	}
	d->answering = true;
	d->done(d->arg, &result);
	free(list);
	discovery_free(d);
}

/* It is over; nothing more is awaited but the goodbye. */
static void discovery_end(struct discovery *d)
{
	loop_defer(d->loop, &d->finish);
}

static void discovery_fail(struct discovery *d, enum err_code code, const char *text)
{
	d->err = (struct err)ERR_INIT;
	err_set(&d->err, code, "%s", text);
	discovery_end(d);
}

/* ---- The list ---- */

static struct finding *discovery_finding(struct discovery *d, const char *name)
{
	struct finding *grown;

	for (unsigned i = 0; i < d->count; i++) {
		if (!strcmp(d->findings[i].name, name))
			return &d->findings[i];
	}
	grown = realloc(d->findings, (d->count + 1) * sizeof(*grown));
	if (!grown)
		return NULL;
	d->findings = grown;
	grown[d->count] = (struct finding){ .name = strdup(name) };
	if (!grown[d->count].name)
		return NULL;
	return &grown[d->count++];
}

/*
 * The portal a target named, made fit to dial. One that says "anywhere", or none at all, means the
 * place where we asked.
 */
static void discovery_portal(const struct discovery *d, const char *named, char *out, size_t room)
{
	char host[URL_HOST_MAX];
	uint16_t port;

	if (!named || url_parse_portal(named, host, &port, NULL) || !strcmp(host, "0.0.0.0") ||
	    !strcmp(host, "::"))
		snprintf(out, room, "%s", d->asking);
	else
		snprintf(out, room, strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, port);
}

static int finding_add(struct finding *f, const char *portal)
{
	char **grown;

	for (unsigned i = 0; i < f->portal_count; i++) {
		if (!strcmp(f->portals[i], portal))
			return 0;
	}
	grown = realloc(f->portals, (f->portal_count + 2) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	f->portals = grown;
	grown[f->portal_count] = strdup(portal);
	if (!grown[f->portal_count])
		return -ENOMEM;
	grown[++f->portal_count] = NULL;
	return 0;
}

/* libiscsi hands its lists over last first: turn them round. */
static void discovery_turn_round(struct discovery *d)
{
	for (unsigned i = 0; i < d->count / 2; i++) {
		struct finding f = d->findings[i];

		d->findings[i] = d->findings[d->count - 1 - i];
		d->findings[d->count - 1 - i] = f;
	}
	for (unsigned i = 0; i < d->count; i++) {
		struct finding *f = &d->findings[i];

		for (unsigned p = 0; p < f->portal_count / 2; p++) {
			char *portal = f->portals[p];

			f->portals[p] = f->portals[f->portal_count - 1 - p];
			f->portals[f->portal_count - 1 - p] = portal;
		}
	}
}

static void discovery_on_target(void *arg, const char *target, const char *portal)
{
	struct discovery *d = arg;
	char text[URL_PORTAL_MAX];
	struct finding *f;

	if (!target) {
		discovery_turn_round(d);
		d->complete = true;
		(void)transport_logout(d->tp);
		loop_timer_set(&d->deadline, loop_now(d->loop) + DISCOVERY_GOODBYE_MS);
		return;
	}
	if (url_check_name(target, NULL)) {
		log_warn("a target with a malformed name is left out | portal=%s", d->asking);
		return;
	}
	discovery_portal(d, portal, text, sizeof(text));
	f = discovery_finding(d, target);
	if (!f || finding_add(f, text))
		err_set(&d->err, ERR_NOMEM, "no memory for the list of targets");
}

/* ---- Getting there ---- */

static void discovery_resolve(struct discovery *d, const char *portal);
static void discovery_dial_next(struct discovery *d);

static void discovery_on_ready(void *arg, const struct transport_limits *limits)
{
	struct discovery *d = arg;

	(void)limits;
	if (transport_send_targets(d->tp))
		discovery_fail(d, ERR_NOMEM, "no memory to ask for targets");
}

static enum err_code discovery_code(const struct transport_loss *loss)
{
	switch (loss->kind) {
	case TRANSPORT_LOSS_AUTH:
		return ERR_AUTH;
	case TRANSPORT_LOSS_LOGIN:
		if (loss->login_status == 0x0201 || loss->login_status == 0x0202)
			return ERR_AUTH;
		return loss->login_status >> 8 == 2 ? ERR_FATAL_LOGIN : ERR_LOGIN;
	case TRANSPORT_LOSS_DROPPED:
		return strstr(loss->text, "list of targets") ? ERR_UNSUPPORTED : ERR_CONNECT;
	case TRANSPORT_LOSS_CONNECT:
	case TRANSPORT_LOSS_LOGGED_OUT:
	case TRANSPORT_LOSS_ASKED:
		break;
	}
	return ERR_CONNECT;
}

static void discovery_on_lost(void *arg, const struct transport_loss *loss)
{
	struct discovery *d = arg;

	transport_cut(d->tp);
	d->tp = NULL;
	if (d->complete) {
		discovery_end(d);
		return;
	}
	if (loss->redirect[0] && d->redirects++ < DISCOVERY_REDIRECTS_MAX) {
		discovery_resolve(d, loss->redirect);
		return;
	}
	d->err = (struct err)ERR_INIT;
	err_set(&d->err, discovery_code(loss), "%s", loss->text);
	if (loss->kind == TRANSPORT_LOSS_CONNECT)
		discovery_dial_next(d);
	else
		discovery_end(d);
}

static const struct transport_events discovery_events = {
	.on_ready = discovery_on_ready,
	.on_lost = discovery_on_lost,
	.on_target = discovery_on_target,
};

/* Dial the next address; when there is none the error of the last one stands. */
static void discovery_dial_next(struct discovery *d)
{
	struct transport_param param = {
		.portal = d->asking,
		.initiator = d->initiator,
		.isid = d->isid,
		.user = d->user,
		.password = d->password,
		.user_in = d->user_in,
		.password_in = d->password_in,
		.immediate_data = true,
		.commands = 1,
	};
	int rc;

	if (d->address_next >= d->addresses.count) {
		discovery_end(d);
		return;
	}
	snprintf(d->asking, sizeof(d->asking), "%s", d->addresses.portals[d->address_next++]);
	rc = transport_dial(&d->tp, d->loop, &param, &discovery_events, d);
	if (rc == -EINVAL)
		discovery_fail(d, ERR_INVALID,
			       "initiator name, user name or password: empty or too long for iSCSI");
	else if (rc)
		discovery_fail(d, ERR_NOMEM, strerror(-rc));
}

static void discovery_on_resolved(void *arg, const struct resolve_result *result)
{
	struct discovery *d = arg;

	d->resolving = NULL;
	d->addresses = *result;
	d->address_next = 0;
	d->err = result->err;
	discovery_dial_next(d);
}

static void discovery_resolve(struct discovery *d, const char *portal)
{
	int rc = resolve_start(&d->resolving, d->loop, portal, discovery_on_resolved, d);

	if (rc)
		discovery_fail(d, ERR_NOMEM, strerror(-rc));
}

static void discovery_expired(struct loop_timer *t)
{
	struct discovery *d = container_of(t, struct discovery, deadline);

	if (!d->complete) {
		d->err = (struct err)ERR_INIT;
		err_set(&d->err, ERR_CONNECT_TIMEOUT, "%s did not answer within %g s", d->portal,
			(double)d->timeout / 1000);
	}
	discovery_end(d);
}

static bool discovery_copy(char **out, const char *text)
{
	*out = text ? strdup(text) : NULL;
	return !text || *out;
}

int discovery_start(struct discovery **out, struct loop *loop, const struct discovery_param *param,
		    void (*done)(void *arg, const struct discovery_result *result), void *arg)
{
	struct discovery *d = calloc(1, sizeof(*d));
	uint64_t isid = 0;

	*out = NULL;
	if (!d)
		return -ENOMEM;
	d->loop = loop;
	d->done = done;
	d->arg = arg;
	d->timeout = param->timeout;
	(void)getrandom(&isid, sizeof(isid), GRND_NONBLOCK);
	d->isid = 2ull << 46 | (isid & 0xffffffffff);
	loop_timer_init(loop, &d->deadline, discovery_expired);
	loop_call_init(&d->finish, discovery_finish);
	if (!discovery_copy(&d->portal, param->portal) ||
	    !discovery_copy(&d->initiator, param->initiator) ||
	    !discovery_copy(&d->user, param->user) || !discovery_copy(&d->password, param->password) ||
	    !discovery_copy(&d->user_in, param->user_in) ||
	    !discovery_copy(&d->password_in, param->password_in)) {
		discovery_free(d);
		return -ENOMEM;
	}
	loop_timer_set(&d->deadline, loop_now(loop) + d->timeout);
	discovery_resolve(d, d->portal);
	*out = d;
	return 0;
}

void discovery_cancel(struct discovery *d)
{
	if (d && !d->answering)
		discovery_free(d);
}
