/* SPDX-License-Identifier: Apache-2.0 */
/*
 * data_log - what log-data tells of a message: its bytes as they are on the
 * wire, dots doubled and the final one with them, as a hex dump in lines of
 * DATA_LOG_ROW bytes.
 *
 * Of a message at most DATA_LOG_MAX bytes are told, then how many more there
 * were.  Only what is known to be a message is to be given: never what a
 * client says outside of one.  Embedded in the session, and its thread's.
 */

#ifndef TRANSPORT_DATA_LOG_H
#define TRANSPORT_DATA_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/str.h"

#define DATA_LOG_ROW 32u
#define DATA_LOG_MAX 65536u

/* All zero: nothing was told. */
struct data_log {
	uint64_t seen; /* bytes of this message */
	size_t len;    /* of the row that is not full */
	char row[DATA_LOG_ROW];
};

/* Of which session. */
struct data_log_of {
	const char *id;
	bool sent; /* to a server; else a client's */
};

void data_log_put(struct data_log *d, const struct data_log_of *of,
    struct slice bytes);

/* The message is over, in whatever way; the next one begins at 0. */
void data_log_end(struct data_log *d, const struct data_log_of *of);

#endif
