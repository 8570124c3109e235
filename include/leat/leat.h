/* SPDX-License-Identifier: ISC */
/* leat - all of it */
#ifndef LEAT_LEAT_H
#define LEAT_LEAT_H

#include <leat/api.h>
#include <leat/buf.h>
#include <leat/error.h>
#include <leat/io.h>
#include <leat/loop.h>
#include <leat/memory.h>
#include <leat/version.h>

#endif
