/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_value - directives and their values, by the tables of vmta, for
 * configurations made by hand: NAME VALUE becomes a field of a struct.
 *
 * Only the types that the scheduler's tests set are known; another one is an
 * error in `e`, as a value that cannot be read is.  Lists are kept here by
 * their text as long as the program runs, so that alike ones are one, as in
 * real life, and a struct may be copied by its bytes.
 */

#ifndef TESTS_SUPPORT_FAKE_VALUE_H
#define TESTS_SUPPORT_FAKE_VALUE_H

#include "lib/err.h"

enum fake_table {      /* and the struct that goes with it: */
	FAKE_GLOBAL,   /* global_conf */
	FAKE_QUEUE,    /* queue_conf */
	FAKE_VMTA,     /* vmta */
	FAKE_POOL,     /* pool */
	FAKE_PROVIDER, /* provider */
	FAKE_JOB,      /* job_conf */
	FAKE_USER      /* user_conf */
};

/* A list (CIDR VALUE) grows by one. */
int fake_value_set(enum fake_table of, void *conf, const char *name,
    const char *value, struct err *e);
void fake_value_defaults(enum fake_table of, void *conf);

#endif
