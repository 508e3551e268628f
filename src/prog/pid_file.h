/* SPDX-License-Identifier: BSD-2-Clause */
/* The file that tells a daemon's process id, and that it is alive. */
#ifndef ISCSIFS_PID_FILE_H
#define ISCSIFS_PID_FILE_H

#include "iscsifs/err.h"

/*
 * Write our process id to @path, and hold the file for as long as we live: one that a process holds
 * already is left alone (-ERR_EXISTS), one that nobody holds any more is taken over. A symbolic link
 * is not followed.
 *
 * Returns a descriptor, for pid_file_remove(), or -code.
 */
int pid_file_take(const char *path, struct err *e);

/* @fd of pid_file_take(), or less than 0: nothing is done. The file goes, if that is still allowed. */
void pid_file_remove(int fd, const char *path);

#endif
