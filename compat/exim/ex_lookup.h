/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ex_lookup - keys of a file that Exim looks something up in, as points.
 *
 * Which keys fit depends on the type of the look-up (Exim's specification, 9.3,
 * 9.6 and 9.7): a "*" is a pattern in wildlsearch and nwildlsearch, a default
 * behind "lsearch*", part of a name in "partial-lsearch", and elsewhere a text
 * that nothing is.  Keys of wildlsearch are expanded by Exim as they are asked.
 *
 * Pure; everything is in the region given.  One thread.
 */

#ifndef COMPAT_EXIM_EX_LOOKUP_H
#define COMPAT_EXIM_EX_LOOKUP_H

#include "compat/exim/ex_list.h"

enum ex_sought {
	EX_SOUGHT_DOMAIN,
	EX_SOUGHT_ADDRESS,
	EX_SOUGHT_EITHER,
	EX_SOUGHT_OTHER /* no points: may Exim be asked at all? */
};

struct ex_lookup {
	const char *type, *path; /* "lsearch*@,ret=key", "/etc/exim4/x" */
	enum ex_sought sought;
	/* What is found. */
	struct ex_points points; /* domain NULL: all others */
	const char
	    *odd; /* the first key that could be sought, and is no point */
	const char *why; /* it cannot be listed, or asked; NULL: it can */
};

/* Can keys of such files be listed?  May one be more than text to Exim? */
bool ex_lookup_is_known(const char *type);
bool ex_lookup_is_wild(const char *type);

/* False: why says so. */
bool ex_lookup_read(struct region *rg, struct slice text, struct ex_lookup *l);

#endif
