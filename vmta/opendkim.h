/* SPDX-License-Identifier: Apache-2.0 */
/*
 * opendkim - signatures as an opendkim.conf and its tables ask for them:
 * opendkim.conf(5), opendkim(8).
 *
 * Read and checked at load, with all private keys; then immutable, any thread.
 * Its memory is the region's that it was read into; what signs in it is its
 * own.
 */

#ifndef VMTA_OPENDKIM_H
#define VMTA_OPENDKIM_H

#include <stdbool.h>

#include "lib/conf_types.h"
#include "lib/mem.h"
#include "lib/net.h"
#include "vmta/signing.h"

struct opendkim;

/* Reads a private key, once whatever the number of those who name it. */
typedef struct dkim_key *opendkim_key_fn(void *ctx, const char *path,
    const char *file, unsigned line, struct conf_errors *errs);

struct opendkim_reader {
	struct region *rg;
	opendkim_key_fn *read_key;
	void *ctx;
	struct conf_errors *errs; /* with file and line of OpenDKIM's files */
};

/* A setting of opendkim.conf, or of a file that it includes. */
struct opendkim_line {
	const char *name, *value;
	const char *file;
	unsigned line;
};

/*
 * Its file is the value of the line, and relative to where that stands.  What
 * is wrong is in errs; it is to be freed even so.
 */
struct opendkim *opendkim_read(const struct opendkim_reader *r,
    const struct opendkim_line *by);
void opendkim_free(struct opendkim **op);

/* Is it one of InternalHosts?  Family 0 is a local program. */
bool opendkim_is_inside(const struct opendkim *o, const struct net_addr *a);

/* The signatures for the author of a message; none for one from outside. */
void opendkim_find(const struct opendkim *o, const struct signing_facts *facts,
    struct region *rg, struct signing *out);

#endif
