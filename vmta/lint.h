/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lint - what a configuration says in vain: limits that can never be reached
 * since another line allows less, and lines that nothing can match.
 *
 * Nothing here is an error: such a file loads, and does what it says.  What is
 * told is sure as far as the file goes: a line that counts for many queues is
 * told only when it is in vain for all of them.  Kinds that depend on the mail
 * (LINT_RECIPIENTS, LINT_CONNECTIONS, LINT_MESSAGE) say on what.  Values that
 * nobody wrote are never told, but may be the reason.
 *
 * Pure on a snapshot, any thread.
 */

#ifndef VMTA_LINT_H
#define VMTA_LINT_H

#include <stdbool.h>

#include "vmta/snapshot.h"

enum lint_kind {
#define L(name, word, what, advice) LINT_##name,
#include "vmta/lint.def"
#undef L
};

/* A line that is told, or is the reason.  Strings live during the call. */
struct lint_limit {
	const char *directive, *value; /* NULL: the block as a whole */
	const char *block; /* "<domain *> of <virtual-mta a>"; "" at the top */
	const char *file;  /* NULL: a default */
	unsigned line;
};

struct lint_finding {
	enum lint_kind kind;
	const char *word;        /* of the kind, for programs */
	struct lint_limit limit; /* what is in vain */
	struct lint_limit by; /* because of; directive and block NULL: none */
	const char *what;     /* "can never be reached" */
	const char *numbers;  /* "10/s, against 600/h"; or "" */
	const char *advice;
};

typedef void lint_fn(void *ctx, const struct lint_finding *f);

/*
 * Tells them in the order of the lines that are in vain.  False: the file is so
 * large that not all of it was compared.
 */
bool lint_run(const struct snapshot *s, lint_fn *fn, void *ctx);

#endif
