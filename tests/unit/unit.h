/* SPDX-License-Identifier: BSD-2-Clause */
/* cmocka, with the headers it wants before itself. */
#ifndef ISCSIFS_UNIT_H
#define ISCSIFS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "iscsifs/check.h"

#endif
