/* SPDX-License-Identifier: Apache-2.0 */
/*
 * current - the newest version of an object that is counted by its users,
 * such as a configuration that a reload replaces.
 *
 * current_get() hands out a reference of the version of this moment, which
 * stays valid however often current_set_take() puts a newer one there.  Any
 * thread; the lock is held for the time of one reference count only.
 */

#ifndef LIB_CURRENT_H
#define LIB_CURRENT_H

struct current;

typedef void *current_ref_fn(void *obj);
typedef void current_unref_fn(void *obj);

/* Takes the reference in obj. */
struct current *current_new_take(void *obj, current_ref_fn *ref,
    current_unref_fn *unref);
void current_free(struct current **cp);

void *current_get(struct current *c); /* the caller owns one reference */
void current_set_take(struct current *c, void *obj); /* drops the older one */

#endif
