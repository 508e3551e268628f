/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iscsifsadm: asks the daemons of this user and tells them, in words that users of iscsiadm have in
 * their fingers. This is its command line. The one hard thing: iscsiadm's way of saying a thing must
 * work as well as ours.
 *
 * Exit codes are iscsiadm's.
 */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iscsifs/check.h"
#include "iscsifs/num.h"
#include "prog/adm.h"

enum { ADM_PRINT_MAX = 3 };

/* Options without a letter. */
enum option_code {
	OPT_SOCKET = 256,
	OPT_JSON,
	OPT_STATE,
	OPT_GATE,
	OPT_TIMEOUT,
	OPT_FORCE,
	OPT_SECRETS,
	OPT_FOLLOW,
	OPT_SINCE,
};

static int cmd_help(const struct adm *adm);

static int cmd_version(const struct adm *adm)
{
	(void)adm;
	puts("iscsifsadm " PACKAGE_VERSION);
	return 0;
}

struct adm_command {
	const char *name;
	const char *args;
	const char *help;
	int arg_max;
	int (*run)(const struct adm *adm);
};

static const struct adm_command adm_commands[] = {
	{ "session", "[-P 0..3]", "show sessions and their state", 0, cmd_session },
	{ "lun", "[accept NUMBER]", "show the disks; take one that is BARRED as it is now", 2,
	  cmd_lun },
	{ "stats", "", "show counters", 0, cmd_stats },
	{ "settings", "[NAME]", "show settings; their defaults when nothing is mounted", 1,
	  cmd_settings },
	{ "set", "NAME VALUE", "change a setting of running sessions", 2, cmd_set },
	{ "wait", "--state S | --gate G [--timeout T]", "wait until all sessions are in a state", 0,
	  cmd_wait },
	{ "events", "[--follow] [--since N]", "what happened, and with --follow what happens", 0,
	  cmd_events },
	{ "rescan", "", "ask the targets for their LUNs and sizes again", 0, cmd_rescan },
	{ "call", "COMMAND [KEY=VALUE]...", "any command of iscsifs-control(7)", 64, cmd_call },
	{ "target", "WORD...", "ask and tell an iscsifs-target: `target help`", 256, cmd_target },
	{ "help", "", "show this", 0, cmd_help },
	{ "version", "", "show the version", 0, cmd_version },
};

static int cmd_help(const struct adm *adm)
{
	(void)adm;
	puts("Usage: iscsifsadm [OPTION]... COMMAND [ARGUMENT]...\n");
	for (size_t i = 0; i < ARRAY_SIZE(adm_commands); i++) {
		const struct adm_command *c = &adm_commands[i];
		char usage[64];

		snprintf(usage, sizeof(usage), "%s %s", c->name, c->args);
		printf("  %-42s %s\n", usage, c->help);
	}
	puts("\n"
	     "  -r, --sid=SID          only this session\n"
	     "  -T, --targetname=IQN   only sessions with this target\n"
	     "      --socket=PATH      ask the daemon that listens there, not all of this user\n"
	     "  -P, --print=0..3       how much of a session to show\n"
	     "  -o, --op=FORMAT        text, key=value or json (--json for short)\n"
	     "  -s, --stats            with session: counters; with target: as target show\n"
	     "  -R, --rescan           with session: as rescan\n"
	     "  -h, --help, -V, --version\n"
	     "\n"
	     "iscsiadm's way of saying it works too: -m session -P 3,\n"
	     "-m session -r SID -o update -n NAME -v VALUE\n"
	     "\n"
	     "Exit codes are iscsiadm's: 0 done, 7 wrong usage, 20 no daemon, 21 nothing found,\n"
	     "33 not in time; see iscsifsadm(8).");
	return 0;
}

/* --- the command line --- */

static int set_op(struct adm *adm, const char *text)
{
	if (!strcmp(text, "json"))
		adm->format = SHOW_JSON;
	else if (!strcmp(text, "key=value"))
		adm->format = SHOW_PAIRS;
	else if (!strcmp(text, "text"))
		adm->format = SHOW_TEXT;
	else if (!strcmp(text, "update") || !strcmp(text, "show"))
		adm->op = text;
	else
		return adm_complain(ERR_INVALID, "-o \"%s\": want text, key=value, json, show or "
				    "update", text);
	return 0;
}

static int set_number(const char *option, const char *text, int max, int *out)
{
	int64_t v;

	if (num_parse_i64(text, 0, max, &v))
		return adm_complain(ERR_INVALID, "%s \"%s\": want 0 to %d", option, text, max);
	*out = (int)v;
	return 0;
}

static int set_timeout(struct adm *adm, const char *text)
{
	if (num_parse_span(text, &adm->timeout))
		return adm_complain(ERR_INVALID, "--timeout \"%s\": want seconds", text);
	return 0;
}

/* One option. Returns 0 or an exit code. */
static int set_option(struct adm *adm, int c, const char *text)
{
	switch (c) {
	case 'm':
		adm->command = text;
		break;
	case 'P':
		return set_number("-P", text, ADM_PRINT_MAX, &adm->level);
	case 'r':
		adm->sid = text;
		break;
	case 'T':
		adm->target = text;
		break;
	case 'o':
		return set_op(adm, text);
	case 'n':
		adm->name = text;
		break;
	case 'v':
		adm->value = text;
		break;
	case 's':
		adm->stats = true;
		break;
	case 'R':
		adm->op = "rescan";
		break;
	case 'h':
		adm->command = "help";
		break;
	case 'V':
		adm->command = "version";
		break;
	case OPT_SOCKET:
		adm->socket = text;
		break;
	case OPT_JSON:
		adm->format = SHOW_JSON;
		break;
	case OPT_STATE:
		adm->state = text;
		break;
	case OPT_FORCE:
		adm->force = true;
		break;
	case OPT_SECRETS:
		adm->secrets = true;
		break;
	case OPT_GATE:
		adm->gate = text;
		break;
	case OPT_FOLLOW:
		adm->follow = true;
		break;
	case OPT_SINCE:
		adm->since = text;
		break;
	case OPT_TIMEOUT:
		return set_timeout(adm, text);
	default:
		return adm_complain(ERR_INVALID, "see iscsifsadm --help");
	}
	return 0;
}

static const struct option long_options[] = {
	{ "mode", required_argument, NULL, 'm' },
	{ "print", required_argument, NULL, 'P' },
	{ "sid", required_argument, NULL, 'r' },
	{ "targetname", required_argument, NULL, 'T' },
	{ "target", required_argument, NULL, 'T' },
	{ "op", required_argument, NULL, 'o' },
	{ "name", required_argument, NULL, 'n' },
	{ "value", required_argument, NULL, 'v' },
	{ "stats", no_argument, NULL, 's' },
	{ "rescan", no_argument, NULL, 'R' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ "socket", required_argument, NULL, OPT_SOCKET },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "state", required_argument, NULL, OPT_STATE },
	{ "gate", required_argument, NULL, OPT_GATE },
	{ "force", no_argument, NULL, OPT_FORCE },
	{ "secrets", no_argument, NULL, OPT_SECRETS },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "follow", no_argument, NULL, OPT_FOLLOW },
	{ "since", required_argument, NULL, OPT_SINCE },
	{ 0 },
};

static int run(struct adm *adm)
{
	if (adm->op && !strcmp(adm->command, "session") && strcmp(adm->op, "show"))
		adm->command = !strcmp(adm->op, "update") ? "set" : "rescan";
	for (size_t i = 0; i < ARRAY_SIZE(adm_commands); i++) {
		const struct adm_command *c = &adm_commands[i];

		if (strcmp(c->name, adm->command))
			continue;
		if (adm->arg_count > c->arg_max)
			return adm_complain(ERR_INVALID, "\"%s\" is one argument too many: want %s %s",
					    adm->args[c->arg_max], c->name, c->args);
		return c->run(adm);
	}
	return adm_complain(ERR_INVALID, "unknown command \"%s\": see iscsifsadm --help", adm->command);
}

/* The first word is the command, unless -m said it; the others are its arguments. */
static void take_word(struct adm *adm, char *word)
{
	if (!adm->command)
		adm->command = word;
	else
		adm->args[adm->arg_count++] = word;
}

/* Words and options in any order; "-1" is a word: `set replacement_timeout -1`. */
static int parse(struct adm *adm, int argc, char **argv)
{
	int c, rc = 0;

	while (!rc) {
		const char *next = optind < argc ? argv[optind] : "";

		if (next[0] == '-' && next[1] >= '0' && next[1] <= '9') {
			take_word(adm, argv[optind++]);
			continue;
		}
		c = getopt_long(argc, argv, "-m:P:r:T:o:n:v:sRhV", long_options, NULL);
		if (c == -1)
			break;
		if (c == 1)
			take_word(adm, optarg);
		else
			rc = set_option(adm, c, optarg);
	}
	while (!rc && optind < argc)
		take_word(adm, argv[optind++]);
	return rc;
}

int main(int argc, char **argv)
{
	struct adm adm = { .timeout = -1, .args = calloc((size_t)argc + 1, sizeof(char *)) };
	int rc;

	if (!adm.args)
		return adm_complain(ERR_NOMEM, "no memory");
	rc = parse(&adm, argc, argv);
	if (!rc && !adm.command)
		rc = adm_complain(ERR_INVALID, "want a command: see iscsifsadm --help");
	if (!rc)
		rc = run(&adm);
	free(adm.args);
	return fflush(stdout) || ferror(stdout) ? adm_complain(ERR_GENERIC, "cannot write") : rc;
}
