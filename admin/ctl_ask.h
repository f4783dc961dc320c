/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl_ask - asks a daemon and prints what is common to answers.
 *
 * Exit statuses: 0, 1 when the daemon refused, 2 without an answer or with a
 * configuration that cannot be read; the reason is on standard error.
 */

#ifndef ADMIN_CTL_ASK_H
#define ADMIN_CTL_ASK_H

#include <jansson.h>

#include "admin/ctl_format.h"
#include "admin/ctl_parse.h"
#include "lib/ctl_proto.h"
#include "vmta/places.h"

struct answer {
	json_t *items; /* array */
	json_t *done;
};

/* Asks mailraced what opt says; the answer is filled in either case. */
int ctl_ask(const struct ctl_options *opt, struct answer *a_r);
/* The same with a request of one's own, which is borrowed. */
int ctl_ask_this(const struct ctl_options *opt, json_t *request,
    struct answer *a_r);
void ctl_answer_fini(struct answer *a);

/* Asks mailraced what opt says; items go to fn as they come. */
int ctl_ask_each(const struct ctl_options *opt, ctl_item_fn *fn, void *ctx,
    json_t **done_r);

/* Another daemon; NULL done_r: no answer. */
int ctl_ask_at(const struct ctl_client *client, const struct ctl_options *opt,
    json_t **done_r);

/* Where the daemons are; -1: that cannot be read, and it was said. */
int ctl_places(const struct ctl_options *opt, struct places *out);
void ctl_print_errors(const struct conf_errors *errs);

void ctl_print_json(json_t *done); /* without the protocol's own mark */
void ctl_print_field(const json_t *object, const char *key, const char *label);
void ctl_print_ledger(const json_t *done);

/*
 * A listing on its way to standard output: a table, or one JSON object with
 * the rows under name.  words: "matching queues" in "3 of 7 matching queues."
 * row, if not NULL, makes of an item what the table shows.
 */
struct ctl_listing {
	const char *name, *words;
	json_t *(*row)(const json_t *item);
	struct ctl_table table;
	bool all; /* always all: "Total of 7 job(s)." */
	bool json;
	size_t items;
};

int ctl_list(const struct ctl_options *opt, struct ctl_listing *l);

#endif
