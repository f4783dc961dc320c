/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import_conf - the configuration that an importer makes, as blocks and lines
 * with a comment that says where each comes from.
 *
 * A line is written only if it takes effect here and its value is good
 * (vmta/effect.h); else the report says why not.  So what is made passes
 * `test config`, as far as one line can be judged alone.  Blocks come out in
 * the order that the grammar wants: what is named stands before who names it.
 *
 * Everything lives in the region.  One thread.
 */

#ifndef COMPAT_IMPORT_CONF_H
#define COMPAT_IMPORT_CONF_H

#include "compat/import_report.h"

struct import_conf;
struct import_block;

struct import_conf *import_conf_new(struct region *rg,
    struct import_report *report);
void import_conf_free(struct import_conf **cp);

/* The top level. */
struct import_block *import_top(struct import_conf *c);

/* <name argument> within that block; made if it is not there. */
struct import_block *import_block(struct import_conf *c,
    struct import_block *in, const char *name, const char *argument);

/* A remark above the block. */
void import_remark(struct import_block *b, const char *text);

/*
 * A line for a setting of the host, and what became of it in the report: how
 * is in which way it means something else, NULL if it does not.  False: it has
 * no effect here, and is not written.
 */
bool import_take(struct import_block *b, const struct import_fact *fact,
    const char *directive, const char *value, const char *how);

/* auth-username and auth-password: both lines, or, as above, none. */
bool import_password(struct import_block *b, const struct import_fact *user,
    const struct import_fact *password, const char *name, const char *secret);

/*
 * A line that the report says nothing of: a default of the host's, or one that
 * follows from others.  comment may be NULL.  False as above.
 */
bool import_add(struct import_block *b, const char *directive,
    const char *value, const char *comment);

/* The same as a comment: a line that needs something of the operator first. */
bool import_offer(struct import_block *b, const char *directive,
    const char *value, const char *comment);

/* The text.  Secrets are left out, with a remark, unless with_secrets. */
void import_conf_print(const struct import_conf *c, bool with_secrets,
    struct buf *out);

#endif
