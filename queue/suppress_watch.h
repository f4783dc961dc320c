/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suppress_watch - the published suppression lists of a configuration, opened
 * and followed for those who ask them (suppress_index.h).
 *
 * A thread of its own, "suppress", looks every 250 ms whether the folder has
 * changed, and then at the files of each list.  Any thread gets views and asks;
 * what is told is that of the moment of the question.
 *
 * A list whose file is not there is empty.  One that is damaged, of another
 * list, or made by other choices, or was there and is gone, is broken: it
 * cannot be asked until that is mended, which is looked for every 5 s, too.
 * Each such change is logged once ("suppress-list").
 *
 * Made, set and freed by one thread; suppress_watch_set() opens what is new
 * itself, which reads those files once.  Lists of the set before are kept, so
 * that who still has the configuration of before can ask them.
 */

#ifndef QUEUE_SUPPRESS_WATCH_H
#define QUEUE_SUPPRESS_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/str.h"
#include "mail/suppress_norm.h"

struct suppress_watch;
struct suppress_views;

/* The folder is that of suppression-dir; it need not be there.  No list yet. */
int suppress_watch_new(const char *dir, struct suppress_watch **w_r,
    struct err *e);
void suppress_watch_free(struct suppress_watch **wp);

/* Before those who ask get the configuration that has them. */
void suppress_watch_set(struct suppress_watch *w,
    const struct suppress_watched *lists, size_t count);

/* The caller owns one reference; for the time of a message or so. */
struct suppress_views *suppress_watch_get(struct suppress_watch *w);
void suppress_views_unref(struct suppress_views **vp);

/* The key of PLAIN lists (suppress_secret.h); empty: there is none yet. */
struct slice suppress_views_secret(const struct suppress_views *v);

/*
 * 1: listed; 0: not; -1: it cannot be told, e says why.  digest NULL: without
 * a key for it; then 0 only if the list is empty.
 */
int suppress_views_has(const struct suppress_views *v, uint64_t id,
    const void *digest, struct err *e);

#endif
