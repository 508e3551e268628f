/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the daemon tells: the text files under .iscsifs/ and the commands of its control socket.
 * The one hard thing is to say the same in both: each fact is made once, by session_describe().
 */
#include "daemon.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "iscsifs/check.h"

/* --- text files --------------------------------------------------------------------------- */

static void status_emit_text(void *out, const char *key, const char *value)
{
	fprintf(out, "%s=%s\n", key, value);
}

static void status_sessions(void *arg, FILE *f)
{
	const struct daemon *d = arg;
	const struct daemon_session *ds;
	const struct lun *lun;

	list_each(ds, &d->sessions, link) {
		fprintf(f, "sid=%u\n", ds->sid);
		session_describe(ds->s, status_emit_text, f);
		fputc('\n', f);
		for (unsigned i = 0; (lun = session_lun(ds->s, i)); i++) {
			if (lun_state(lun) == LUN_GONE)
				continue;
			fprintf(f, "sid=%u\n", ds->sid);
			session_describe_lun(ds->s, lun, status_emit_text, f);
			fputc('\n', f);
		}
	}
}

static void status_settings(void *arg, FILE *f)
{
	const struct daemon *d = arg;
	const struct settings *t = &node_settings_table;
	const struct daemon_session *ds;
	char value[SETTING_STRING_BYTES];

	list_each(ds, &d->sessions, link) {
		fprintf(f, "# %s\n", session_target(ds->s));
		for (size_t i = 0; i < t->count; i++) {
			const struct setting *row = &t->rows[i];

			if (row->class == SETTING_IGNORED)
				continue;
			fprintf(f, "%s = %s\n", row->name,
				settings_print(row, session_settings(ds->s), value, sizeof(value)));
		}
	}
}

struct status_metric {
	const char *key;		/* of session_describe() or session_describe_lun() */
	const char *name, *type, *help;
};

static const struct status_metric status_metrics[] = {
	{ "reads", "reads_total", "counter", "Read requests answered" },
	{ "writes", "writes_total", "counter", "Write requests answered" },
	{ "flushes", "flushes_total", "counter", "Flush requests answered" },
	{ "read_bytes", "read_bytes_total", "counter", "Bytes read" },
	{ "write_bytes", "written_bytes_total", "counter", "Bytes written" },
	{ "errors", "errors_total", "counter", "Requests answered with an error" },
	{ "retries", "retries_total", "counter", "Commands sent again after an answer" },
	{ "replayed", "replayed_total", "counter", "Commands sent again after a lost link" },
	{ "inflight", "commands_inflight", "gauge", "Commands on the wire" },
	{ "waiting", "requests_waiting", "gauge", "Requests that wait" },
	{ "outage_ms", "outage_milliseconds", "gauge", "Age of the outage, 0 without one" },
	{ "size_bytes", "size_bytes", "gauge", "Capacity" },
};

static const struct status_metric status_session_metrics[] = {
	{ "logins", "logins_total", "counter", "Logins that were taken" },
	{ "losses", "losses_total", "counter", "Links that were lost" },
	{ "outages", "outages_total", "counter", "Outages of the LUN that had most" },
	{ "power_losses", "power_losses_total", "counter",
	  "Times that the target may have lost its cache" },
	{ "aborts", "aborts_total", "counter", "ABORT TASK asked for" },
	{ "lun_resets", "lun_resets_total", "counter", "LOGICAL UNIT RESET asked for" },
	{ "target_resets", "target_resets_total", "counter", "TARGET WARM RESET asked for" },
	{ "ladder_cuts", "ladder_cuts_total", "counter", "Links cut because of a late command" },
	{ "poisoned", "poisoned_total", "counter", "Requests that ended the link each time" },
	{ "attempts", "failed_attempts", "gauge", "Dials in a row that came to nothing" },
};

struct status_pick {
	const char *key;
	char value[32];
};

static void status_emit_pick(void *out, const char *key, const char *value)
{
	struct status_pick *pick = out;

	if (!strcmp(key, pick->key))
		snprintf(pick->value, sizeof(pick->value), "%s", value);
}

static void status_metric_head(const struct status_metric *m, FILE *f)
{
	fprintf(f, "# HELP iscsifs_%s %s\n# TYPE iscsifs_%s %s\n", m->name, m->help, m->name,
		m->type);
}

static void status_session_metric(const struct daemon *d, const struct status_metric *m, FILE *f)
{
	const struct daemon_session *ds;

	status_metric_head(m, f);
	list_each(ds, &d->sessions, link) {
		struct status_pick pick = { .key = m->key };

		session_describe(ds->s, status_emit_pick, &pick);
		fprintf(f, "iscsifs_%s{target=\"%s\"} %s\n", m->name, session_target(ds->s),
			pick.value);
	}
}

static void status_session_up(const struct daemon *d, FILE *f)
{
	static const struct status_metric up = { "link", "session_up", "gauge", "1: logged in" };
	const struct daemon_session *ds;

	status_metric_head(&up, f);
	list_each(ds, &d->sessions, link) {
		struct status_pick pick = { .key = up.key };

		session_describe(ds->s, status_emit_pick, &pick);
		fprintf(f, "iscsifs_%s{target=\"%s\"} %d\n", up.name, session_target(ds->s),
			!strcmp(pick.value, "UP"));
	}
}

static void status_metric(const struct daemon *d, const struct status_metric *m, FILE *f)
{
	const struct daemon_session *ds;
	const struct lun *lun;

	status_metric_head(m, f);
	list_each(ds, &d->sessions, link) {
		for (unsigned i = 0; (lun = session_lun(ds->s, i)); i++) {
			struct status_pick pick = { .key = m->key };

			if (lun_state(lun) == LUN_GONE)
				continue;
			session_describe_lun(ds->s, lun, status_emit_pick, &pick);
			fprintf(f, "iscsifs_%s{target=\"%s\",lun=\"%u\"} %s\n", m->name,
				session_target(ds->s), lun_facts(lun)->number, pick.value);
		}
	}
}

static void status_metrics_text(void *arg, FILE *f)
{
	status_session_up(arg, f);
	for (size_t i = 0; i < ARRAY_SIZE(status_session_metrics); i++)
		status_session_metric(arg, &status_session_metrics[i], f);
	for (size_t i = 0; i < ARRAY_SIZE(status_metrics); i++)
		status_metric(arg, &status_metrics[i], f);
}

int daemon_status_init(struct daemon *d)
{
	int rc = mount_add_status(d->mount, "sessions", status_sessions, d);

	if (!rc)
		rc = mount_add_status(d->mount, "settings", status_settings, d);
	if (!rc)
		rc = mount_add_status(d->mount, "metrics", status_metrics_text, d);
	if (!rc)
		rc = mount_add_events(d->mount, "events", d->events);
	return rc;
}

/* --- the control socket ------------------------------------------------------------------- */

static void status_emit_control(void *out, const char *key, const char *value)
{
	control_put(out, key, value);
}

bool daemon_is_wanted(const struct control_request *rq, const struct daemon_session *ds)
{
	const char *target = control_get(rq, "target");
	const char *sid = control_get(rq, "sid");

	if (target && strcmp(target, session_target(ds->s)) != 0)
		return false;
	return !sid || strtoul(sid, NULL, 10) == ds->sid;
}

static void status_put_common(struct control_request *rq, const struct daemon_session *ds)
{
	control_put_u64(rq, "sid", ds->sid);
	control_put(rq, "mountpoint", ds->d->config->mount.mountpoint);
	control_put_u64(rq, "pid", (uint64_t)getpid());
}

void daemon_put_lun(struct control_request *rq, const struct daemon_session *ds,
		    const struct lun *lun)
{
	status_put_common(rq, ds);
	session_describe_lun(ds->s, lun, status_emit_control, rq);
	control_record_end(rq);
}

static void command_session(struct control_request *rq, void *arg)
{
	struct daemon *d = arg;
	struct daemon_session *ds;
	unsigned found = 0;

	list_each(ds, &d->sessions, link) {
		if (!daemon_is_wanted(rq, ds))
			continue;
		found++;
		status_put_common(rq, ds);
		session_describe(ds->s, status_emit_control, rq);
		control_record_end(rq);
	}
	if (found)
		control_done(rq, NULL);
	else
		control_fail(rq, ERR_NOT_FOUND, "no such session");
}

static void command_lun(struct control_request *rq, void *arg)
{
	struct daemon *d = arg;
	struct daemon_session *ds;
	struct lun *lun;

	list_each(ds, &d->sessions, link) {
		if (!daemon_is_wanted(rq, ds))
			continue;
		for (unsigned i = 0; (lun = session_lun(ds->s, i)); i++) {
			if (lun_state(lun) == LUN_GONE)
				continue;
			daemon_put_lun(rq, ds, lun);
		}
	}
	control_done(rq, NULL);
}

static void command_settings(struct control_request *rq, void *arg)
{
	const struct settings *t = &node_settings_table;
	struct daemon *d = arg;
	struct daemon_session *ds;
	char value[SETTING_STRING_BYTES];

	list_each(ds, &d->sessions, link) {
		if (!daemon_is_wanted(rq, ds))
			continue;
		status_put_common(rq, ds);
		control_put(rq, "target", session_target(ds->s));
		for (size_t i = 0; i < t->count; i++) {
			if (t->rows[i].class == SETTING_IGNORED)
				continue;
			control_put(rq, t->rows[i].name,
				    settings_print(&t->rows[i], session_settings(ds->s), value,
						   sizeof(value)));
		}
		control_record_end(rq);
	}
	control_done(rq, NULL);
}

static void command_set(struct control_request *rq, void *arg)
{
	const char *name = control_get(rq, "name");
	const char *value = control_get(rq, "value");
	struct daemon *d = arg;
	struct daemon_session *ds;
	struct err err = ERR_INIT;
	unsigned done = 0;

	if (!name || !value) {
		control_fail(rq, ERR_INVALID, "set wants name= and value=");
		return;
	}
	list_each(ds, &d->sessions, link) {
		if (!daemon_is_wanted(rq, ds))
			continue;
		if (session_set(ds->s, name, value, &err) < 0) {
			control_done(rq, &err);
			return;
		}
		done++;
	}
	if (done)
		control_done(rq, NULL);
	else
		control_fail(rq, ERR_NOT_FOUND, "no such session");
}

static void command_rescan(struct control_request *rq, void *arg)
{
	struct daemon *d = arg;
	struct daemon_session *ds;

	list_each(ds, &d->sessions, link) {
		if (daemon_is_wanted(rq, ds))
			session_rescan(ds->s);
	}
	control_done(rq, NULL);
}

static void command_stop(struct control_request *rq, void *arg)
{
	control_done(rq, NULL);
	daemon_stop(arg);
}

const struct control_command daemon_commands[] = {
	{ "session", "sessions, a record each; target= or sid= narrows", command_session },
	{ "lun", "LUNs, a record each; target= or sid= narrows", command_lun },
	{ "settings", "the settings in force, a record a session", command_settings },
	{ "events", "what happened; since=N begins behind number N, follow=yes goes on",
	  daemon_command_events },
	{ "accept", "lun=: take the disk that answers there now; target= or sid= narrows",
	  daemon_command_accept },
	{ "set", "name= value=: change a setting of live sessions", command_set },
	{ "rescan", "ask the targets for their LUNs and sizes again", command_rescan },
	{ "stop", "flush, log out, unmount, end", command_stop },
	{ NULL, NULL, NULL },
};
