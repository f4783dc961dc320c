/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ex_expand - strings that Exim expands: what they depend on, and what they are
 * for one sender, recipient or host.
 *
 * Exim itself expands them (exim -be), with a value in place of each variable.
 * Only what reads variables, files and text is given to it: no program, socket
 * or database.  Which values matter is read off the string: keys of files that
 * a variable is looked up in, and texts that it is compared with.  A string
 * that treats a variable in another way is open: it can be asked for a given
 * value, but nobody can list all that it says.
 *
 * Everything is in the region given.  One thread.
 */

#ifndef COMPAT_EXIM_EX_EXPAND_H
#define COMPAT_EXIM_EX_EXPAND_H

#include "compat/exim/ex_list.h"

/* What a string depends on. */
#define EX_BY_SENDER 1u
#define EX_BY_RCPT 2u
#define EX_BY_HOST 4u /* the server, and TLS with it */
#define EX_BY_IP 8u   /* our address */
#define EX_BY_DOMAIN_KEY 16u
#define EX_BY_SELECTOR 32u
#define EX_BY_FROM 64u /* the address in From, as if it were the sender */

struct ex_expr {
	const char *text;
	unsigned by;
	const char *why; /* it cannot be asked at all; NULL: it can */
	bool open;
	unsigned
	    shown; /* of by: what is in the value as it is, "mail.$domain" */
	struct ex_points keys;
};

void ex_expr_read(struct region *rg, const struct ex_files *files,
    const char *text, struct ex_expr *x);

/* Is all that it says known from the values at its keys, and at one other? */
bool ex_expr_is_listed(const struct ex_expr *x);

/*
 * What stands for variables; NULL: nothing.  Letters, digits and "-_.+=@:" alone:
 * Exim expands the text that they stand in, and must not expand them.
 */
struct ex_given {
	const struct ex_point *sender, *rcpt;
	const char *host, *ip, *dkim_domain, *selector;
};

/* The name of a domain that nothing names. */
#define EX_OTHER "nobody-names-it.invalid"

/* The string with values in place of variables. */
const char *ex_expr_with(struct region *rg, const struct ex_expr *x,
    const struct ex_given *given);

#endif
