/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands of a target's control socket; the protocol is control.h's, iscsifs-control(7). */
#ifndef ISCSIFS_TARGET_SERVER_CONTROL_H
#define ISCSIFS_TARGET_SERVER_CONTROL_H

#include "iscsifs/control.h"
#include "target/server.h"

/* For control_server_new(), with the struct server as its argument. */
extern const struct control_command server_commands[];

#endif
