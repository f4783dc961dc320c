/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_conf - configurations for tests of the scheduler, made by hand: the
 * part of vmta/snapshot.h that vmta/sched asks for, without files.
 *
 * Settings of "*" go to all domains.  A snapshot may be changed until it is
 * given away; for a reload make a copy and change that.
 */

#ifndef TESTS_SUPPORT_FAKE_CONF_H
#define TESTS_SUPPORT_FAKE_CONF_H

#include "lib/err.h"
#include "vmta/snapshot.h"

struct snapshot *fake_conf_new(void);
struct snapshot *fake_conf_copy(const struct snapshot *s);

/*
 * One setting: NAME VALUE at the top level, in a domain, in a virtual MTA
 * (made when it is new).
 */
int fake_conf_global(struct snapshot *s, const char *name, const char *value,
    struct err *e);
int fake_conf_domain(struct snapshot *s, const char *domain, const char *name,
    const char *value, struct err *e);
int fake_conf_vmta(struct snapshot *s, const char *vmta, const char *name,
    const char *value, struct err *e);
void fake_conf_drop_vmta(struct snapshot *s, const char *vmta);

/*
 * "domain NAME { A B ; C D }", "NAME VALUE", or another block: virtual-mta,
 * virtual-mta-pool, provider, job, smtp-user; or a limit of remote hosts as in
 * set_remote().
 */
int fake_conf_line(struct snapshot *s, const char *line, struct err *e);

/* How many snapshots there are: for leaks. */
int fake_conf_alive(void);

#endif
