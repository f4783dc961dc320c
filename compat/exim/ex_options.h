/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ex_options - what an Exim says of its own configuration (exim -bP), as
 * structs: main options, routers, transports and authenticators with the value
 * of each of their options, which of those the configuration itself sets, named
 * lists, and the lines of the sections without drivers.
 *
 * Pure: texts in, structs out; who runs Exim is ex_ask.h.  Everything is in the
 * region given.  One thread.
 */

#ifndef COMPAT_EXIM_EX_OPTIONS_H
#define COMPAT_EXIM_EX_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/mem.h"
#include "lib/str.h"

enum ex_conf_kind {
	EX_MAIN,
	EX_ROUTER,
	EX_TRANSPORT,
	EX_AUTHENTICATOR,
	EX_KINDS
};

/* A router, transport or authenticator; of main options there is one. */
struct ex_instance {
	enum ex_conf_kind kind;
	const char *name;
	const char *where; /* "router dnslookup", "main section" */
	struct ex_instance *next;
	struct strmap *values; /* by name; "true" and "false" for booleans */
	struct strmap *set;    /* those that the configuration names */
};

/* A line of the sections retry and rewrite. */
struct ex_line {
	const char *text;
	unsigned number; /* in its section, from 1 */
};

struct ex_lines {
	struct ex_line *v;
	size_t n;
};

/* domainlist, hostlist, addresslist, localpartlist. */
struct ex_named {
	const char *text;
};

struct ex_conf {
	struct region *rg;
	struct ex_instance *first[EX_KINDS], **end[EX_KINDS];
	struct strmap *lists; /* ex_named by "domainlist NAME" */
	struct ex_lines retry, rewrite;
	const char *path; /* of the configuration; "" until it is read */
};

struct ex_conf *ex_conf_new(struct region *rg);
void ex_conf_free(struct ex_conf **cp);

/*
 * Of `exim -bP`, `-bP routers`, `-bP transports` and `-bP authenticators`, by
 * kind, and of `-bP config`, which comes behind those.  -1: it is not what Exim
 * prints; the text has the line.
 */
int ex_conf_read(struct ex_conf *c, enum ex_conf_kind kind, struct slice text,
    struct err *e);
int ex_conf_read_file(struct ex_conf *c, struct slice text, struct err *e);

/* The main options; there always are some, if only none is known. */
const struct ex_instance *ex_main(const struct ex_conf *c);
/* NULL: none of that name. */
const struct ex_instance *ex_conf_instance(const struct ex_conf *c,
    enum ex_conf_kind kind, const char *name);

/* Never NULL; "" if it has none. */
const char *ex_conf_value(const struct ex_instance *d, const char *name);
bool ex_is_true(const struct ex_instance *d, const char *name);
bool ex_is_set(const struct ex_instance *d, const char *name);
/* Names of what is set, in order; NULL behind the last. */
const char *ex_set_at(const struct ex_instance *d, size_t i);
/* Set with "hide" before it. */
bool ex_is_hidden(const struct ex_instance *d, const char *name);
/* The value of "domainlist local_domains"; NULL: there is no such list. */
const char *ex_named_list(const struct ex_conf *c, const char *kind,
    const char *name);

/* "1h30m", "2w", "0s": seconds; -1: it is not a time. */
int64_t ex_time_s(const char *text);
/* "50M", "100": a number; -1: it is none. */
int64_t ex_number(const char *text);

#endif
