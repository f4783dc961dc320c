/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl_parse - the command line of mailrace: which command, its argument, its
 * options.
 *
 * The tables are those of admin/ctl_table.h.  Each word of a
 * command may be cut short as long as it stays clear which one is meant.
 * Mistakes are told on standard error.  Borrows argv; one thread.
 */

#ifndef ADMIN_CTL_PARSE_H
#define ADMIN_CTL_PARSE_H

#include <jansson.h>
#include <stdbool.h>

enum ctl_option {
#define O(name, text, kind, value, doc) OPT_##name,
#include "admin/options.def"
#undef O
	OPT_COUNT,
	OPT_JSON = OPT_COUNT /* --json, which all commands have */
};

enum { CTL_GIVEN_MAX = 64 };

struct ctl_given {
	enum ctl_option option;
	const char *value; /* "" of one that takes none */
};

struct ctl_options {
	const char *config;
	bool json, help;
	const char *command;      /* its words in full */
	const char *argument;     /* a queue, a file, a text; or NULL */
	const char *argument_key; /* in the request */
	const char *source;       /* an address before the queue; or NULL */
	char *const *files; /* words behind the argument; files, addresses */
	size_t file_count;
	const char *values[OPT_COUNT]; /* as given, the last; NULL: not */
	struct ctl_given given[CTL_GIVEN_MAX]; /* all, in their order */
	size_t given_count;
};

typedef int ctl_cmd_fn(const struct ctl_options *opt);

/*
 * Options and words.  0: fn_r is to be called (NULL: all is done); else the
 * exit status.
 */
int ctl_parse(int argc, char **argv, struct ctl_options *opt_r,
    ctl_cmd_fn **fn_r);

/* The request: command, argument and options, numbers as numbers. */
json_t *ctl_request(const struct ctl_options *opt);

#endif
