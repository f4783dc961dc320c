/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dump_priv - what writing and reading a dump share: which frame holds which
 * table, and the lengths at the front of a message.
 */

#ifndef QUEUE_DUMP_PRIV_H
#define QUEUE_DUMP_PRIV_H

#include "queue/env.h"

/* By table: the type of a frame with one of its rows. */
extern const char dump_types[TABLE_COUNT];

enum { DUMP_LENGTHS = 12 };

#endif
