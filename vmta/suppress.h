/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suppress - who must not get mail: the lists of a configuration, which of
 * them hold for a message, and which of those, if any, has an address.
 *
 * A list is <suppression-list NAME> or PowerMTA's <address-list NAME> at the
 * top level.  Its rows that stand in the configuration are in memory; a
 * <suppression-list> is published too, as digests in a file (queue/
 * suppress_index.h), which is not opened here: who asks gives a function.
 *
 * Lists that are named anywhere hold together: at the top level, in the
 * <source> (the setting of the narrowest one, as all of <source>), in the
 * virtual MTA by which the mail goes, in the pool that gave that, in the job.
 * None of them can take away what another names.
 *
 *	struct suppress_set set;
 *
 *	suppress_set_of(conf, &(struct suppress_scope){ .source = &source },
 *	    &set);		... at MAIL; all that is known later on
 *	switch (suppress_check(conf, &set, &ask, address, rg, &found)) ...
 *
 * All of it belongs to the snapshot, immutable; pure; any thread.
 */

#ifndef VMTA_SUPPRESS_H
#define VMTA_SUPPRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/mem.h"
#include "lib/str.h"
#include "mail/suppress_norm.h"
#include "vmta/snapshot.h"

enum {
	SUPPRESS_LISTS_MAX = 1024, /* of a configuration */
	SUPPRESS_NAME_MAX = 100,   /* of a <suppression-list> */
	SUPPRESS_PATTERNS_MANY =
	    500 /* of a list: slow, says PowerMTA's guide */
};

struct suppress_rows;

/* By which its addresses are compared, and more; vmta/suppress_list.def. */
struct suppress_conf {
#define D(name, field, type, def, min, max, reload, doc) \
	CONF_CTYPE_##type field;
#include "vmta/suppress_list.def"
#undef D
};

struct suppress_list {
	const char *name;
	size_t number;    /* in the snapshot, in the order of the file */
	const char *file; /* where its block stands */
	unsigned line;
	bool published; /* <suppression-list> */
	/* The rest of a published one: */
	const char *store; /* its file below suppression-dir: "name.list" */
	uint64_t id;       /* in that file; see suppress_norm_id() */
	/* The key of PLAIN is not known here, and empty. */
	struct suppress_norm norm;
	size_t choices; /* the same for lists that hash alike */
	struct suppress_conf conf;
	struct suppress_rows *rows; /* that stand in the configuration */
};

size_t snapshot_suppress_count(const struct snapshot *s);
const struct suppress_list *snapshot_suppress_at(const struct snapshot *s,
    size_t i);
/* The published ones, for queue/suppress_watch.h; they last as the snapshot. */
const struct suppress_watched *snapshot_suppress_watched(
    const struct snapshot *s, size_t *count_r);
/* Without regard to case; NULL: there is none. */
const struct suppress_list *snapshot_suppress(const struct snapshot *s,
    const char *name);

/* ---- which lists ------------------------------------------------------------ */

/* What is known of a message; NULL where it is not, or not yet. */
struct suppress_scope {
	const struct source_conf *source;
	const char *vmta; /* by which it goes; "" is {default} */
	const char *pool; /* that gave it, or asked for; "" is none */
	const char *job;  /* "" is none */
};

struct suppress_set { /* of lists, by number */
	uint64_t bits[SUPPRESS_LISTS_MAX / 64];
};

/* Those of the top level, and of what is known. */
void suppress_set_of(const struct snapshot *s, const struct suppress_scope *c,
    struct suppress_set *set_r);
bool suppress_set_is_empty(const struct suppress_set *set);
bool suppress_set_has(const struct suppress_set *set, size_t number);
void suppress_set_add(struct suppress_set *set, size_t number);

/* ---- does one of them have the address --------------------------------------- */

/*
 * Asks a published list: 1: it has the digest; 0: it has not; -1: that cannot
 * be told, e says why.  digest is NULL where there is no key for a PLAIN one:
 * then 0 only if nothing is published.
 */
typedef int suppress_has_fn(void *ctx, const struct suppress_list *list,
    const unsigned char *digest, struct err *e);

struct suppress_ask {
	suppress_has_fn *has; /* NULL: only what stands in the configuration */
	void *ctx;
	struct slice secret; /* key of PLAIN lists; may be empty */
};

enum suppress_state {
	SUPPRESS_CLEAR,
	SUPPRESS_LISTED, /* found: the first list that has it */
	SUPPRESS_UNSURE  /* found: one that cannot be asked, and why */
};

struct suppress_found {
	const struct suppress_list *list;
	/* The row of the configuration, or of its address-file. */
	const char *file; /* NULL: it is published */
	unsigned line;
	struct err error; /* UNSURE */
};

/*
 * The address as in the envelope, without angle brackets, or a local part
 * alone.  Where one list has it and another cannot be asked, it is listed.
 * Memory from rg is for the call; found_r points into the snapshot.
 */
enum suppress_state suppress_check(const struct snapshot *s,
    const struct suppress_set *set, const struct suppress_ask *ask,
    struct slice address, struct region *rg, struct suppress_found *found_r);

#endif
