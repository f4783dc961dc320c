/* SPDX-License-Identifier: Apache-2.0 */
/* opendkim_priv - what reading the tables and asking them share. */

#ifndef VMTA_OPENDKIM_PRIV_H
#define VMTA_OPENDKIM_PRIV_H

#include "lib/strmap.h"
#include "vmta/opendkim.h"

/* ---- data sets (opendkim_set.c) ------------------------------------------- */

/* One element: a key, and what stands behind it ("" for none). */
struct opendkim_item {
	char *key;
	const char *value;
	const char *file;
	unsigned line;
};

struct opendkim_set {
	bool patterns; /* refile: keys are wildcard patterns */
	size_t n;
	struct opendkim_item *v;
};

/* The text of a file, in the region; -1: said. */
int opendkim_text(const struct opendkim_reader *r,
    const struct opendkim_line *by, const char *path, struct slice *text_r);

/* The next line without its comment and outer blanks; false at the end. */
bool opendkim_next_line(struct slice *text, unsigned *line,
    struct slice *line_r);

/* The set that a setting names; base is BaseDirectory, or NULL. */
int opendkim_set_read(const struct opendkim_reader *r,
    const struct opendkim_line *by, const char *base, struct opendkim_set *out);

/* ---- tables ------------------------------------------------------------------ */

/* A row of the KeyTable, or Domain, Selector and KeyFile. */
struct opendkim_key {
	const char *domain; /* "%": that of the author */
	const char *selector;
	const struct dkim_key *key; /* NULL: one for each domain */
	struct strmap *by_domain;   /* then of them, else NULL */
};

/* A row of the SigningTable. */
struct opendkim_rule {
	const char *pattern;            /* lower case */
	const struct opendkim_key *key; /* NULL: the one named as the domain */
	const char *signer;             /* i=; "%" is the domain; NULL: none */
	struct opendkim_rule *next;     /* of the same key, later */
};

/* The lines that say where keys are; NULL where there is none. */
struct opendkim_tables {
	const struct opendkim_reader *reader;
	const struct opendkim_line *whole; /* that named the file */
	const struct opendkim_line *base, *keys, *rules, *domains, *selector,
	    *key_file;
};

int opendkim_tables_read(const struct opendkim_tables *t, struct opendkim *o);

struct opendkim {
	struct strmap *keys;  /* of opendkim_key, by name */
	struct strmap *rules; /* of opendkim_rule, by pattern */
	bool patterns;        /* in the order of the file, with wildcards */
	bool single;          /* Domain, KeyFile and Selector */
	bool subdomains;      /* of Domain, too */
	bool multiple;
	bool
	    sender_first; /* SenderHeaders; From counts where it is not there */
	struct dkim_sign_opts opts;
	struct dkim_fields *fields; /* that opts has */
	struct dkim_key **own;      /* keys in the table itself */
	size_t own_n;
	struct net_prefix *inside; /* InternalHosts */
	bool *inside_not;          /* by index: "!" */
	size_t inside_n;
};

#endif
