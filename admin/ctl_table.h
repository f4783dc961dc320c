/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl_table - the commands of mailrace, their arguments and options, as tables:
 * admin/commands.def, admin/options.def, admin/option_texts.def.
 *
 * Constant; any thread.
 */

#ifndef ADMIN_CTL_TABLE_H
#define ADMIN_CTL_TABLE_H

#include <stddef.h>

#include "admin/ctl_parse.h"

enum {
	CTL_COMMANDS = 0
#define M(words, fn, argument, options, doc, example) +1
#include "admin/commands.def"
#undef M
};

enum argument {
	ARG_NONE,
	ARG_ACCT_FILE,    /* may be left out: all */
	ARG_ADDRESS_LIST, /* the second may be left out: all */
	ARG_CANON_NEEDED, /* simple or relaxed */
	ARG_CONFIG,       /* may be left out: that of -c */
	ARG_FILES,        /* any number; - is standard input */
	ARG_JOB_NEEDED,
	ARG_FILE_NEEDED, /* - is standard output or input */
	ARG_LIST,        /* a suppression list; may be left out: all */
	ARG_LIST_ADDRESSES,
	ARG_LIST_FILE,
	ARG_LIST_NEEDED,
	ARG_SETTINGS, /* of what; may be left out */
	ARG_MESSAGE_NEEDED,
	ARG_MESSAGES, /* any number, ALL, or - */
	ARG_QUEUE,    /* may be left out: all */
	ARG_QUEUE_NEEDED,
	ARG_STATES,       /* any number; of messages */
	ARG_SOURCE_QUEUE, /* an address of ours, then a queue */
	ARG_TEXT_NEEDED,  /* any; also an empty one */
	ARG_WHY_NEEDED    /* what waits */
};

struct ctl_command {
	const char *words;
	ctl_cmd_fn *fn;
	enum argument argument;
	const char *options, *doc, *example;
};

extern const struct ctl_command ctl_commands[CTL_COMMANDS];

/* Of an argument. */
struct ctl_form {
	const char *usage;  /* behind the words of a command */
	const char *wanted; /* said when it is empty, or needed and not there */
	const char *key;    /* what the daemon calls it */
	bool needed;
	size_t further_min, further_max; /* words behind it */
};

extern const struct ctl_form ctl_forms[];

enum kind {
	KIND_FLAG,
	KIND_TEXT,
	KIND_NUMBER,
	KIND_TIME,
	KIND_YESNO,
	KIND_MODE,
	KIND_PART,
	KIND_SORT,
	KIND_TYPES,
	KIND_PATTERN,
	KIND_HEADER,
	KIND_WHEN,
	KIND_UNTIL
};

struct ctl_option_row {
	const char *name;
	enum kind kind;
	const char *value, *doc;
};

extern const struct ctl_option_row ctl_option_rows[OPT_COUNT];

/* What people write behind an option, and what it does. */
struct ctl_option_text {
	const char *value, *doc;
};

/* For this command. */
struct ctl_option_text ctl_option_text(const struct ctl_command *c,
    enum ctl_option option);

/* Is it among the words of a list with a blank between them? */
bool ctl_has_word(const char *list, const char *word);

/* Has the command this option? */
bool ctl_takes(const struct ctl_command *c, enum ctl_option option);

#endif
