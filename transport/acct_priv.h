/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acct_priv - the writer, as its own files see it: acct.c (blobs and the way to
 * the disk), acct_conf.c (which acct-files there are), acct_ask.c (what others
 * ask).
 */

#ifndef TRANSPORT_ACCT_PRIV_H
#define TRANSPORT_ACCT_PRIV_H

#include <stdbool.h>

#include "mail/acct_row.h"
#include "transport/acct.h"
#include "transport/acct_sink.h"
#include "transport/acct_state.h"

struct event;

STAILQ_HEAD(acct_sinks_list, acct_sink);

struct acct {
	struct worker *worker;
	const struct acct_owner *owner;
	void *ctx;
	char *spool_dir;
	struct acct_state *state;
	struct acct_sinks_list sinks;
	uint32_t numbers; /* of sinks so far */
	struct snapshot *conf;
	struct acct_rows rows;
	enum store_space space;
	bool started; /* the owner may be called */

	uint64_t seen;              /* all blobs before have come once */
	struct store_ledger ledger; /* at seen; all 0: nobody knows */
	/*
	 * The stream of blobs: the one to come is pos or behind it.  A sink
	 * that has all before that takes it; one that has not asks for another
	 * stream, which begins when that was heard (`asked`).
	 */
	uint64_t pos;
	bool asked;
	size_t taken; /* bytes of this round */

	_Atomic uint64_t waiting_bytes, dropped; /* for acct_totals() */

	bool state_failed; /* said so once */
	bool state_dirty;  /* cursors moved */
	struct event *commit_timer;
	struct event *due_timer;
	int64_t due_us;  /* when that fires; engine time */
	int64_t tidy_us; /* when finished files are looked at next */
};

/* Everything taken in becomes durable, as far as it can. */
void acct_commit(struct acct *a);

/* A commit comes soon. */
void acct_arm(struct acct *a);

/* Finishes the current file of a sink; false: it could not be. */
bool acct_begin_file(struct acct *a, struct acct_sink *s);

/* Asks for the blobs that a sink has not got, if there is one. */
void acct_plan_stream(struct acct *a);

/* Keeps the state; then tells who waits for it. */
int acct_keep_state(struct acct *a);

/* ---- acct_ask.c ---------------------------------------------------------- */

void acct_publish_totals(struct acct *a);

/* ---- acct_conf.c --------------------------------------------------------- */

/* At start; the state is read. */
int acct_open_sinks(struct acct *a, const struct snapshot *conf, struct err *e);

struct acct_sink *acct_find(struct acct *a, const char *tag);

/* Those that the configuration no longer has, and that owe nothing. */
void acct_drop_left(struct acct *a);

/* Buffers that nobody wants any more. */
void acct_look_for_orphans(struct acct *a);

#endif
