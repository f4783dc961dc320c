/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pf_table - look-up tables of Postfix (postmap(1), DATABASE_README) with all
 * that is in them.
 *
 * A value of main.cf names any number of tables, "TYPE:NAME" each, where NAME
 * may be text in braces.  Their rows come together in the order in which
 * Postfix would ask; of two with the same key the first counts.  Texts of
 * tables are fetched by the function given (pf_host.h), so that this is pure.
 * Texts are in the region; rows are to be finished.  One thread.
 */

#ifndef COMPAT_POSTFIX_PF_TABLE_H
#define COMPAT_POSTFIX_PF_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"
#include "lib/mem.h"
#include "lib/str.h"
#include "lib/strmap.h"

enum pf_row_kind {
	PF_ROW_KEY,     /* key is what is looked up, in lower case */
	PF_ROW_PATTERN, /* key is a regular expression, without slashes */
	PF_ROW_ANY      /* whatever is looked up */
};

struct pf_row {
	enum pf_row_kind kind;
	const char *key;
	/* One value, or several of which one is taken at random. */
	size_t n;
	const char **values;
	const char *where; /* "hash:/etc/postfix/transport", "inline:..." */
};

struct pf_rows {
	size_t n;
	struct pf_row *v;
	struct strmap *by_key;    /* the first of each key */
	const struct pf_row *any; /* the first for any; or NULL */
};

enum pf_fetch {
	PF_FETCH_ROWS, /* "key TAB value" lines, as postmap -s prints them */
	PF_FETCH_TEXT  /* the file as it stands */
};

struct pf_table_reader {
	struct region *rg;
	int (*fetch)(void *ctx, enum pf_fetch how, const char *table,
	    struct slice *text_r, struct err *e);
	/* A table that cannot be taken over, and why. */
	void (*complain)(void *ctx, const char *table, const char *why);
	void *ctx;
};

/* All rows of the tables that the value names. */
void pf_tables_read(const struct pf_table_reader *r, const char *value,
    struct pf_rows *out);
void pf_rows_fini(struct pf_rows *rows);

/* The first row with that key, or one for any; NULL: none. */
const struct pf_row *pf_rows_find(const struct pf_rows *rows, const char *key);

#endif
