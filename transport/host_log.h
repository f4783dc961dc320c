/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host_log - the log that looks like the host MTA's (log-style): a thread that
 * writes lines into mail-log-file and sends them to mail-log-socket.
 *
 * Lines are made where the events are (transport/host_lines.h) and moved here
 * by the batch, so a disk or a system log that hangs stops no delivery: of
 * what waits no more than 16 MB are kept, then lines are dropped, which the
 * log of ours tells (event host-log).  Batches of one thread stay in order.
 * The file may be a pipe: what its reader does not take is dropped.
 *
 * A log is no accounting: a crash loses what waits, as it does with the host
 * MTA's own.
 */

#ifndef TRANSPORT_HOST_LOG_H
#define TRANSPORT_HOST_LOG_H

#include <stdint.h>

#include "compat/log_style.h"
#include "lib/err.h"
#include "lib/str.h"
#include "vmta/snapshot.h"

struct host_log;

/* NULL: log-style is native. */
const struct log_style *host_log_style(const struct snapshot *conf);

/* Opens what conf names, and starts the thread. */
int host_log_new(const struct snapshot *conf, struct host_log **h_r,
    struct err *e);
/* Writes all that was put; nobody puts any more. */
void host_log_stop(struct host_log *h);
void host_log_free(struct host_log **hp);

/* (any) Can the file of conf be written? */
int host_log_check(const struct snapshot *conf, struct err *e);
/* (any) Opens the file anew, as conf has it now: also after a rotation. */
void host_log_reload(struct host_log *h, const struct snapshot *conf);

/* (any) As lines of this process name it; borrowed from conf. */
struct log_names host_log_names(const struct host_log *h,
    const struct snapshot *conf);

/* (any) Moves the lines, which leaves the buffer empty; none is fine. */
void host_log_put(struct host_log *h, const struct snapshot *conf,
    struct buf *lines);

#endif
