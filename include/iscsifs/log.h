/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log: one sentence for people, then ` | ` and key=value fields for machines.
 *
 *	log_warn("link lost, reconnecting | target=%s portal=%s why=%s", …);
 *
 * error: an operator must act. warn: degraded, we act. info: state changes. debug: the rest.
 * A line equal to the one before it is counted, and the count printed when another line comes.
 * Secrets have no formatter: never pass one.
 */
#ifndef ISCSIFS_LOG_H
#define ISCSIFS_LOG_H

#include <stdarg.h>

enum log_level {
	LOG_LEVEL_ERROR = 0,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

enum log_sink {
	LOG_SINK_STDERR = 0,	/* "HH:MM:SS.mmm level: text", for the foreground */
	LOG_SINK_SYSLOG,	/* syslog(3), facility daemon */
	LOG_SINK_FILE,		/* as stderr, to a file */
};

/*
 * Choose where lines go. @program is used as the syslog ident and must stay valid.
 * @path is the file for LOG_SINK_FILE (opened for append), else NULL.
 * Returns 0 or -errno (the file cannot be opened; the sink stays as it was).
 */
int log_open(enum log_sink sink, const char *program, const char *path);

/* Lines above @level are dropped. The default is LOG_LEVEL_INFO. */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);

void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)	log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)	log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)	log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) \
	do { \
		if (log_get_level() >= LOG_LEVEL_DEBUG) \
			log_line(LOG_LEVEL_DEBUG, __VA_ARGS__); \
	} while (0)

#endif
