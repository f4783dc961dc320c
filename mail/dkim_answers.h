/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dkim_answers - what DNS said of the keys that a message's signatures need.
 *
 * First the names are collected (dkim_answers_want), then somebody finds their
 * records (a resolver, or a file with lines `NAME RECORD`), then verification
 * is pure.  A name that nobody has answered is trouble, never "no key"; in a
 * file, what is not there does not exist.
 *
 * Names in any case.  Owned by one thread at a time.
 */

#ifndef MAIL_DKIM_ANSWERS_H
#define MAIL_DKIM_ANSWERS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"
#include "lib/str.h"

enum dkim_answer {
	DKIM_ANSWER_TROUBLE, /* SERVFAIL, time-out, not asked: try again */
	DKIM_ANSWER_NONE,    /* there is no record */
	DKIM_ANSWER_RECORD
};

struct dkim_answers;
struct dns_answer;

struct dkim_answers *dkim_answers_new(void);
void dkim_answers_free(struct dkim_answers **ap);

/* All of a keys file; lines that are empty or begin with # are none. */
int dkim_answers_read(const char *path, struct dkim_answers **answers_r,
    struct err *e);

/* Adds SELECTOR._domainkey.DOMAIN; false if that cannot be a name. */
bool dkim_answers_want(struct dkim_answers *a, struct slice selector,
    struct slice domain);

size_t dkim_answers_count(const struct dkim_answers *a);
const char *dkim_answers_name(const struct dkim_answers *a, size_t i);

/* text: the record's strings joined, for DKIM_ANSWER_RECORD. */
void dkim_answers_set(struct dkim_answers *a, size_t i, enum dkim_answer what,
    struct slice text);

/* What DNS said of it, TXT; NULL: nothing in time. */
void dkim_answers_take(struct dkim_answers *a, size_t i,
    const struct dns_answer *answer);

/* NONE also for what cannot be a name; text_r only with a record. */
enum dkim_answer dkim_answers_find(const struct dkim_answers *a,
    struct slice selector, struct slice domain, struct slice *text_r);

#endif
