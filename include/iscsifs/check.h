/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checks of our own code, and the few macros that every file wants.
 *
 * BUG_ON() is for what only our own code can cause. What a peer, the kernel, the operator or a
 * file can cause is an event and gets an answer, never an assertion.
 */
#ifndef ISCSIFS_CHECK_H
#define ISCSIFS_CHECK_H

#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define container_of(ptr, type, member) \
	((type *)(void *)((char *)(ptr) - offsetof(type, member)))

#define MIN(a, b)	((a) < (b) ? (a) : (b))
#define MAX(a, b)	((a) > (b) ? (a) : (b))

/* Prints where and what to stderr and aborts. */
_Noreturn void check_failed(const char *file, int line, const char *what);

#define BUG_ON(cond) \
	do { \
		if (__builtin_expect(!!(cond), 0)) \
			check_failed(__FILE__, __LINE__, #cond); \
	} while (0)

#endif
