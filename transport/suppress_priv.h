/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suppress_priv - what the commands about suppression lists share; for
 * transport/suppress_*.c and control.c only.
 *
 * A command begins on main, visits the keeper's thread (suppress_keeper.h) and
 * ends on main.  All of its lists are of the snapshot that it holds.
 */

#ifndef TRANSPORT_SUPPRESS_PRIV_H
#define TRANSPORT_SUPPRESS_PRIV_H

#include <jansson.h>

#include "transport/control_priv.h"
#include "transport/suppress_keeper.h"
#include "vmta/suppress.h"

/* One request on its way; embedded first in what a command makes. */
struct suppress_call {
	struct suppress_errand errand;
	struct post home; /* back to main */
	struct control *control;
	struct suppress_keeper *keeper;
	struct ctl_request *request;
	struct snapshot *conf;
	const struct suppress_list *list; /* NULL: of none in particular */
	struct region *rg;
	struct err error; /* of the keeper's thread; "" none */
};

/* The list that args name; NULL: it has been refused, in words. */
const struct suppress_list *suppress_call_list(struct control *c,
    struct ctl_request *r, const json_t *args);

/* Memory of that size, at whose beginning stands the call. */
void *suppress_call_new(size_t size, struct control *c, struct ctl_request *r,
    const struct suppress_list *list);
void suppress_call_free(struct suppress_call *call); /* on main */

/* fn on the keeper's thread, home on main. */
void suppress_call_go(struct suppress_call *call, suppress_errand_fn *fn,
    void (*home)(struct post *p));

/* By which its addresses are compared, with the key. */
struct suppress_norm suppress_call_norm(const struct suppress_call *call,
    const struct suppress_list *list);

/* On the keeper's thread; -1 also when it is damaged. */
int suppress_call_owned(struct suppress_store *s,
    const struct suppress_list *list, struct suppress_owned **l_r,
    struct err *e);

/* reason, source and expires of args; false: refused, in words. */
bool suppress_call_meta(struct suppress_call *call, const json_t *args,
    struct suppress_meta *m_r);

/* An ISO time; null for 0. */
json_t *suppress_time_json(int64_t wall_s);

#endif
