/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup_conf - what Mailrace's configuration says to who sets up a host MTA.
 *
 * Blocks; one thread.
 */

#ifndef ADMIN_SETUP_CONF_H
#define ADMIN_SETUP_CONF_H

#include <stdbool.h>

#include "admin/ctl_parse.h"
#include "lib/err.h"
#include "lib/str.h"
#include "vmta/snapshot.h"

/* Printed what is wrong: NULL. */
struct snapshot *setup_conf_load(const struct ctl_options *opt);

/* Of --all-outbound, --domains and --senders at most one is given. */
int setup_conf_one_scope(const struct ctl_options *opt, struct err *e);

/*
 * Does it say something (not nothing, not "no") for a domain by smtp-hosts or
 * require-starttls, whichever virtual MTA carries the mail?
 */
bool setup_conf_holds(void *conf, const char *domain, const char *directive);

/* "127.0.0.1:10028" of dsn-host, in buf; NULL: that is no such address. */
const char *setup_conf_dsn(const struct snapshot *conf, struct buf *buf);

#endif
