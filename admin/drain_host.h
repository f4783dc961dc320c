/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drain_host - the host MTA while the queue of Mailrace runs empty: does it, a
 * Postfix or an Exim, still lead here, and has it a listener that takes back what
 * is left, a Postfix without milters?
 *
 * A Postfix that has none gets one, a service of master.cf where dsn-host says,
 * until the end; then the file is byte for byte as it was, if nobody else has
 * edited it.  Who is killed in between leaves the service, for this host's
 * addresses alone.  An Exim gets a daemon more, that listens there alone and ends
 * with us.  Somebody else's listener at any of dsn-host is refused, and so is a
 * port at which any user may listen, where it is of a name, nobody is there yet or
 * it cannot be told who is.  What goes wrong is told on standard error.  Blocks;
 * one thread.
 */

#ifndef ADMIN_DRAIN_HOST_H
#define ADMIN_DRAIN_HOST_H

#include <stdbool.h>
#include <sys/types.h>

#include "admin/ctl_parse.h"
#include "compat/postfix/pf_conf.h"
#include "compat/postfix/pf_site.h"
#include "lib/run_beside.h"
#include "vmta/snapshot.h"

struct drain_host {
	const struct ctl_options *opt;
	bool is_postfix;  /* this host has one that is used */
	const char *exim; /* its program, where that is used; or NULL */
	uid_t owner;      /* who may listen, beside root; 0: nobody */
	bool made;        /* its listener is ours, and goes at the end */
	struct run_beside daemon; /* Exim's */
	struct pf_site site;
	struct pf_conf *postfix;
	struct snapshot *conf; /* of Mailrace */
};

/*
 * False: its mail would wait there, or nobody can say whether.  To be closed in
 * any case.
 */
bool drain_host_open(struct drain_host *h, const struct ctl_options *opt);
void drain_host_close(struct drain_host *h);

/* -1: it cannot take mail back.  dry_run: it is only told what would be done. */
int drain_host_listen(struct drain_host *h, bool dry_run);
/* As it was.  -1: it is not. */
int drain_host_end(struct drain_host *h);

#endif
