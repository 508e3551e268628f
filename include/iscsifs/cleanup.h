/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Locals that free themselves: `cleanup_free char *text = NULL;`.
 */
#ifndef ISCSIFS_CLEANUP_H
#define ISCSIFS_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_free_fn(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_close_fn(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_fclose_fn(FILE **f)
{
	if (*f)
		fclose(*f);
}

#define cleanup_free	__attribute__((cleanup(cleanup_free_fn)))
#define cleanup_close	__attribute__((cleanup(cleanup_close_fn)))
#define cleanup_fclose	__attribute__((cleanup(cleanup_fclose_fn)))

#endif
