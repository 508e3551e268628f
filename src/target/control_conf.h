/* SPDX-License-Identifier: BSD-2-Clause */
/* Control commands about configurations. */
#ifndef ISCSIFS_TARGET_CONTROL_CONF_H
#define ISCSIFS_TARGET_CONTROL_CONF_H

#include "iscsifs/control.h"
#include "target/server.h"

void control_dump(struct control_request *rq, void *arg);
void control_update(struct control_request *rq, void *arg);
void control_param(struct control_request *rq, void *arg);

/* Verbs of cmd=lun and cmd=target. */
void control_lun_add(struct control_request *rq, struct server *sv);
void control_target_add(struct control_request *rq, struct server *sv);

#endif
