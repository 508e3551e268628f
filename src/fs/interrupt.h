/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does the caller of a request that waits have to die? Asked of /proc, never in the data path.
 */
#ifndef ISCSIFS_FS_INTERRUPT_H
#define ISCSIFS_FS_INTERRUPT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Is KILL, INT, TERM, HUP or QUIT pending and not blocked, as @status, the text of a
 * /proc/PID/status, has it? False when the text has no such lines.
 */
bool interrupt_is_pending(const char *status);

/*
 * The thread @pid sleeps in a request of ours and got some signal: one that ends it? True as well
 * when nothing can be known (@pid is 0: it lives in a PID namespace that we do not see).
 */
bool interrupt_ends_waiter(uint32_t pid);

/* The process that the thread @pid belongs to; 0: not known, or the thread is gone. */
uint32_t interrupt_process_of(uint32_t pid);

/*
 * Is @process, one of whose threads submitted a request that it does not sleep in (libaio,
 * io_uring), past the point of no return of its exit, where it waits for that request? False when
 * not known.
 */
bool interrupt_is_exiting(uint32_t process);

#endif
