/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands of a target's control socket, and what their files share. */
#include "target/server_control.h"

#include <string.h>
#include <strings.h>

#include "iscsifs/num.h"
#include "target/control_conf.h"
#include "target/control_impl.h"
#include "target/fault_control.h"
#include "target/session.h"

void control_run_verb(struct control_request *rq, struct server *sv,
		      const struct control_verb *verbs, size_t count)
{
	const char *op = control_get(rq, "op");

	for (size_t i = 0; i < count; i++) {
		if (!op || !strcmp(op, verbs[i].op)) {
			verbs[i].run(rq, sv);
			return;
		}
	}
	control_fail(rq, ERR_INVALID, "op=%s: %s does not know that", op, control_cmd(rq));
}

bool control_wants(const struct control_request *rq, const struct target *t)
{
	const char *name = control_get(rq, "target");

	return !name || (t && !strcmp(name, t->name));
}

struct target *control_target(struct control_request *rq, const struct server *sv)
{
	const char *name = control_get(rq, "target");
	struct target *t = name ? server_target(sv, name) : list_first(&sv->targets, struct target, link);

	if (!t)
		control_fail(rq, ERR_NOT_FOUND, "there is no target %s", name ? name : "at all");
	else if (!name && sv->targets.next != sv->targets.prev)
		control_fail(rq, ERR_INVALID, "there are several targets: want target=");
	else
		return t;
	return NULL;
}

const char *control_need(struct control_request *rq, const char *key)
{
	const char *value = control_get(rq, key);

	if (!value)
		control_fail(rq, ERR_INVALID, "want %s=", key);
	return value;
}

struct lun *control_lun_of(struct control_request *rq, const struct server *sv)
{
	struct target *t = control_target(rq, sv);
	const char *text = t ? control_need(rq, "lun") : NULL;
	struct lun *l;
	uint64_t n;

	if (!text)
		return NULL;
	if (num_parse_u64(text, 0, TARGET_LUN_NUMBER_MAX, &n)) {
		control_fail(rq, ERR_INVALID, "lun=%s: want a number from 0 to %d", text,
			     TARGET_LUN_NUMBER_MAX);
		return NULL;
	}
	l = target_find_lun(t, (unsigned)n);
	if (!l)
		control_fail(rq, ERR_NOT_FOUND, "target %s has no LUN %s", t->name, text);
	return l;
}

int control_flag(struct control_request *rq, const char *key, bool otherwise, bool *out)
{
	static const struct {
		const char *word;
		bool value;
	} words[] = { { "on", true }, { "yes", true }, { "1", true },
		      { "off", false }, { "no", false }, { "0", false } };
	const char *text = control_get(rq, key);

	*out = otherwise;
	if (!text)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcasecmp(text, words[i].word))
			continue;
		*out = words[i].value;
		return 0;
	}
	control_fail(rq, ERR_INVALID, "%s=%s: want on or off", key, text);
	return -ERR_INVALID;
}

unsigned control_sessions(const struct server *sv, const struct target *t)
{
	const struct session *s;
	unsigned n = 0;

	list_each(s, &sv->sessions, link)
		n += s->start.target == t;
	return n;
}

static void control_stats(struct control_request *rq, void *arg)
{
	struct server *sv = arg;
	const struct server_stats *n = &sv->stats;

	control_put_u64(rq, "connections", sv->connection_count);
	control_put_u64(rq, "accepted", n->accepted);
	control_put_u64(rq, "turned_away", n->turned_away);
	control_put_u64(rq, "logins", n->logins);
	control_put_u64(rq, "logins_refused", n->logins_refused);
	control_put_u64(rq, "reinstated", n->reinstated);
	control_put_u64(rq, "logouts", n->logouts);
	control_put_u64(rq, "rejects", n->rejects);
	control_put_u64(rq, "silent", n->silent);
	control_done(rq, NULL);
}

static void control_stop(struct control_request *rq, void *arg)
{
	struct server *sv = arg;

	control_done(rq, NULL);
	loop_stop(sv->loop);
}

const struct control_command server_commands[] = {
	{ "session", "op=list (`target` narrows), kill (tsih=, cid=)", control_session },
	{ "lun", "op=list (`target` narrows), add (disk=, options=), remove, resize (size=, force=), "
	  "online, offline, readonly (value=): target=, lun=", control_lun },
	{ "target", "op=list, add (options=), remove (force=), offline, ready: target=",
	  control_target_command },
	{ "account", "op=list, add (password=), remove (force=): target= or discovery=on, user=, "
	  "outgoing=", control_account },
	{ "acl", "op=list, add, remove (force=): target=, value=, an initiator's name or address",
	  control_acl },
	{ "show", "targets, sessions, LUNs, accounts and ACLs; `target` narrows", control_show },
	{ "dump", "what runs as an iscsifs-target.conf; secrets=on: with passwords", control_dump },
	{ "update", "become what file= says; force=, tgt=on: it is tgt's targets.conf",
	  control_update },
	{ "param", "set name= of target= to value=, for logins from now on", control_param },
	{ "stats", "counters of the whole target program", control_stats },
	{ "fault", "op=list, add (rule=), del (name=), clear: the fault rules", fault_control },
	{ "fault-wait", "answer when rule name= or mark= has hits=; timeout=", fault_control_wait },
	{ "journal", "what happened on the wire since= a number; limit=", fault_control_journal },
	{ "mark", "set the mark name=", fault_control_mark },
	{ "crash", "cache=lose, keep or part (seed=); restart_after=", fault_control_crash },
	{ "stop", "end the target program", control_stop },
	{ NULL, NULL, NULL },
};
