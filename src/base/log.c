/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log. The one hard thing: a flood must not drown the log, so equal lines are counted; and
 * bytes that came from a peer must not forge lines, so control characters are shown as '?'.
 */
#include "iscsifs/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "iscsifs/clock.h"

static struct {
	enum log_level level;
	enum log_sink sink;
	FILE *file;
	char last[1024];
	enum log_level last_level;
	unsigned repeats;
} log_state = { .level = LOG_LEVEL_INFO };

static const char *const log_names[] = { "error", "warn", "info", "debug" };
static const int log_priorities[] = { LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

int log_open(enum log_sink sink, const char *program, const char *path)
{
	FILE *f = NULL;

	if (sink == LOG_SINK_FILE) {
		f = fopen(path, "ae");
		if (!f)
			return -errno;
		setvbuf(f, NULL, _IOLBF, 0);
	}
	if (log_state.file)
		fclose(log_state.file);
	log_state.file = f;
	log_state.sink = sink;
	if (sink == LOG_SINK_SYSLOG)
		openlog(program, LOG_PID, LOG_DAEMON);
	return 0;
}

void log_set_level(enum log_level level)
{
	log_state.level = level;
}

enum log_level log_get_level(void)
{
	return log_state.level;
}

static void log_write(enum log_level level, const char *text)
{
	wall_ms now = clock_wall_ms();
	time_t secs = (time_t)(now / 1000);
	FILE *f = log_state.file ? log_state.file : stderr;
	struct tm tm;
	char when[16];

	if (log_state.sink == LOG_SINK_SYSLOG) {
		syslog(log_priorities[level], "%s", text);
		return;
	}
	localtime_r(&secs, &tm);
	strftime(when, sizeof(when), "%H:%M:%S", &tm);
	fprintf(f, "%s.%03d %s: %s\n", when, (int)(now % 1000), log_names[level], text);
}

static void log_flush_repeats(void)
{
	char text[64];

	if (!log_state.repeats)
		return;
	snprintf(text, sizeof(text), "the line above came again | times=%u", log_state.repeats);
	log_state.repeats = 0;
	log_write(log_state.last_level, text);
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char text[sizeof(log_state.last)];
	va_list ap;

	if (level > log_state.level)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (char *p = text; *p; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	}
	if (level == log_state.last_level && !strcmp(text, log_state.last)) {
		log_state.repeats++;
		return;
	}
	log_flush_repeats();
	log_write(level, text);
	memcpy(log_state.last, text, sizeof(text));
	log_state.last_level = level;
}
