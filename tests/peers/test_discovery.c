/* SPDX-License-Identifier: BSD-2-Clause */
/* Discovery against real targets, and against nobody. */
#include "unit/unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "iscsifs/discovery.h"
#include "peer.h"

static struct peer peer;

struct finder {
	struct loop *loop;
	struct discovery *d;
	struct err err;
	unsigned done, count;
	char first[256], portal[256];
};

static void finder_done(void *arg, const struct discovery_result *result)
{
	struct finder *f = arg;

	f->done++;
	f->err = result->err;
	f->count = result->count;
	if (result->count) {
		snprintf(f->first, sizeof(f->first), "%s", result->targets[0].name);
		snprintf(f->portal, sizeof(f->portal), "%s", result->targets[0].portals[0]);
		assert_null(result->targets[0].portals[1]);
	}
	discovery_cancel(f->d);		/* legal, and nothing to cancel any more */
}

static void find(struct finder *f, const struct discovery_param *param)
{
	mono_ms deadline = clock_mono_ms() + 10000;

	memset(f, 0, sizeof(*f));
	assert_int_equal(loop_new(&f->loop), 0);
	assert_int_equal(discovery_start(&f->d, f->loop, param, finder_done, f), 0);
	assert_int_equal(f->done, 0);
	while (!f->done && clock_mono_ms() < deadline)
		loop_turn(f->loop, 100);
	assert_int_equal(f->done, 1);
	loop_free(f->loop);
}

static struct discovery_param asking(const char *portal)
{
	return (struct discovery_param){
		.portal = portal,
		.initiator = "iqn.2026-11.example:test",
		.timeout = 5000,
	};
}

static void every_target_is_found_with_its_portal(void **state)
{
	struct discovery_param param = asking(peer.portal);
	struct finder f;

	(void)state;
	find(&f, &param);
	assert_int_equal(f.err.code, ERR_OK);
	assert_int_equal(f.count, PEER_TARGETS);
	assert_string_equal(f.portal, peer.portal);
	assert_memory_equal(f.first, "iqn.2026-11.example:", 20);
}

static void a_host_name_will_do(void **state)
{
	char portal[32];
	struct discovery_param param = asking(portal);
	struct finder f;

	(void)state;
	snprintf(portal, sizeof(portal), "localhost%s", strchr(peer.portal, ':'));
	find(&f, &param);
	assert_int_equal(f.err.code, ERR_OK);
	assert_int_equal(f.count, PEER_TARGETS);
}

static void credentials_that_are_not_asked_for_are_an_alarm(void **state)
{
	struct discovery_param param = asking(peer.portal);
	struct finder f;

	(void)state;
	param.user = "user";
	param.password = "password-of-user";
	find(&f, &param);
	assert_int_equal(f.err.code, ERR_AUTH);
	assert_int_equal(f.count, 0);
}

static void an_empty_password_is_refused(void **state)
{
	struct discovery_param param = asking(peer.portal);
	struct finder f;

	(void)state;
	param.user = "user";
	param.password = "";
	find(&f, &param);
	assert_int_equal(f.err.code, ERR_INVALID);
}

static void a_closed_port_is_told(void **state)
{
	char portal[32];
	struct discovery_param param = asking(portal);
	struct finder f;

	(void)state;
	snprintf(portal, sizeof(portal), "127.0.0.1:%d", free_port());
	find(&f, &param);
	assert_int_equal(f.err.code, ERR_CONNECT);
	assert_non_null(strstr(f.err.text, portal));
	assert_non_null(strstr(f.err.text, "Connection refused"));
}

static void a_malformed_portal_is_told(void **state)
{
	struct discovery_param param = asking("127.0.0.1:0");
	struct finder f;

	(void)state;
	find(&f, &param);
	assert_int_equal(f.err.code, ERR_INVALID);
}

static void a_silent_port_ends_at_the_deadline(void **state)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char portal[32];
	struct discovery_param param = asking(portal);
	struct finder f;

	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	snprintf(portal, sizeof(portal), "127.0.0.1:%d", ntohs(sa.sin_port));
	param.timeout = 250;
	find(&f, &param);
	assert_int_equal(f.err.code, ERR_CONNECT_TIMEOUT);
	assert_non_null(strstr(f.err.text, "did not answer within 0.25 s"));
	close(fd);
}

static void a_cancelled_one_says_nothing(void **state)
{
	struct discovery_param param = asking(peer.portal);
	struct finder f;

	(void)state;
	for (int turns = 0; turns < 8; turns++) {
		memset(&f, 0, sizeof(f));
		assert_int_equal(loop_new(&f.loop), 0);
		assert_int_equal(discovery_start(&f.d, f.loop, &param, finder_done, &f), 0);
		for (int i = 0; i < turns && !f.done; i++)
			loop_turn(f.loop, 100);
		if (!f.done)
			discovery_cancel(f.d);
		loop_turn(f.loop, 0);
		loop_free(f.loop);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_target_is_found_with_its_portal),
		cmocka_unit_test(a_host_name_will_do),
		cmocka_unit_test(credentials_that_are_not_asked_for_are_an_alarm),
		cmocka_unit_test(an_empty_password_is_refused),
		cmocka_unit_test(a_closed_port_is_told),
		cmocka_unit_test(a_malformed_portal_is_told),
		cmocka_unit_test(a_silent_port_ends_at_the_deadline),
		cmocka_unit_test(a_cancelled_one_says_nothing),
	};
	int failed = 0, ran = 0;

	for (int kind = PEER_TGTD; kind <= PEER_OURS; kind++) {
		const char *missing = peer_missing(kind);

		if (missing) {
			printf("skipped: %s\n", missing);
			continue;
		}
		if (!peer_start(&peer, kind))
			return 1;
		failed += cmocka_run_group_tests_name(kind == PEER_TGTD ? "tgtd" : "ours", tests,
						      NULL, NULL);
		peer_stop(&peer);
		ran++;
	}
	return ran ? failed : 77;
}
