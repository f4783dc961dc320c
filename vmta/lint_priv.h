/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lint_priv - what the files of lint share: limits as numbers that can be
 * compared.
 *
 * lint.c reads and tells them, lint_nest.c compares scopes, lint_queue.c what
 * stands in <domain>, lint_list.c limits by address or host, lint_senders.c who
 * may send.
 */

#ifndef VMTA_LINT_PRIV_H
#define VMTA_LINT_PRIV_H

#include <math.h>

#include "vmta/lint.h"
#include "vmta/snapshot_priv.h"

enum lint_unit { UNIT_CONNS, UNIT_CONNECT, UNIT_MSG, UNIT_DATA, UNIT_COUNT };

/* The directive of each kind of limit where it stands; NULL: it has none. */
struct lint_names {
	const char *queue, *source, *vmta, *pool, *provider, *process, *sender;
};
extern const struct lint_names lint_names[UNIT_COUNT];

/* Who has a value: a block or the top level. */
struct lint_owner {
	const struct conf_table *table;
	const struct conf_set *set; /* NULL: nothing was set */
	const void *values;
	const struct conf_node *block; /* NULL: the top level */
};

/* One limit. */
struct lint_side {
	const char *directive;
	struct lint_owner owner;
	size_t item;
	double amount;    /* so many, or so many a second; INFINITY: no limit */
	const char *note; /* how the amount came about, or NULL */
};

struct lint_found {
	struct lint_finding finding;
	unsigned order; /* of its line in the file */
	size_t number;  /* of those of one line the first was first */
};

struct lint {
	const struct snapshot *s;
	struct region *rg;        /* of this run */
	struct lint_found *found; /* so far */
	size_t found_count;
	size_t merges; /* of settings, so far */
	/* 1: no mail is the built-in virtual MTA's but notifications; else 0 */
	size_t first_vmta;
};

/* Of so many, some seconds, a file of 5,000 domains in 100 VMTAs has a fifth. */
#define LINT_MERGES_MAX 10000000

struct lint_owner lint_owner_vmta(const struct vmta_entry *v);
struct lint_owner lint_owner_pool(const struct pool_entry *p);
struct lint_owner lint_owner_provider(const struct provider_entry *p);
struct lint_owner lint_owner_layer(const struct layer *l);
struct lint_owner lint_owner_global(const struct snapshot *s);

/* The limit, item 0 of a list; directive NULL: none of that kind. */
struct lint_side lint_side(const struct lint_owner *o, const char *directive);
struct lint_side lint_item(const struct lint_owner *o, const char *directive,
    size_t item);
struct lint_side lint_none(void); /* no limit */

/* Was it written, and not left at its default? */
bool lint_is_written(const struct lint_side *s);
/* Is a so much more than b that it is no rounding? */
bool lint_is_more(double a, double b);
/* The lower one. */
const struct lint_side *lint_lower(const struct lint_side *a,
    const struct lint_side *b);

/* by NULL: there is no other line. */
void lint_tell(struct lint *l, enum lint_kind kind,
    const struct lint_side *limit, const struct lint_side *by,
    const char *numbers);
/* The same for two lines as they stand; by as above. */
void lint_tell_lines(struct lint *l, enum lint_kind kind,
    const struct conf_node *limit, const struct conf_node *by);
/* "10/s with 2 addresses, against 600/h", in the unit of the limit. */
const char *lint_numbers(struct lint *l, enum lint_unit unit,
    const struct lint_side *limit, const struct lint_side *by);
/* "10M" */
void lint_print_bytes(struct buf *out, double v);
/* The same, told when `by` is lower and the limit was written. */
void lint_compare(struct lint *l, enum lint_unit unit,
    const struct lint_side *limit, const struct lint_side *by);

/* The files of lint, each with all it finds. */
void lint_dummy(struct lint *l);
void lint_nest(struct lint *l);
void lint_queues(struct lint *l);
void lint_lists(struct lint *l);
void lint_senders(struct lint *l);

/* ---- queues, for lint_queue.c and lint_list.c ----------------------------- */

/* Of a <domain> block: a queue that it may count for. */
struct lint_queue {
	const char *domain;
	bool is_sample; /* it stands for all that a pattern fits */
	const struct vmta_entry *vmta;
	const struct layer *setters[CONF_ROWS_MAX]; /* who set each row last */
	struct queue_conf conf;
};

void lint_queue_of(struct lint *l, const char *domain,
    const struct vmta_entry *v, struct lint_queue *q);

typedef void lint_queue_fn(void *ctx, const struct lint_queue *q);

/* All of the block: its patterns, each with the virtual MTAs that it is for. */
void lint_each_queue(struct lint *l, const struct layer *layer,
    lint_queue_fn *fn, void *ctx);
/* Who set that directive of the queue last; NULL: nobody. */
const struct layer *lint_setter(const struct lint_queue *q,
    const char *directive);
/* The limit of the queue itself. */
struct lint_side lint_own(const struct snapshot *s, const struct lint_queue *q,
    const char *directive);
/* Of a list by address, the item that counts; SIZE_MAX: none. */
size_t lint_find_item(const struct lint_owner *o, const char *directive,
    const struct net_addr *addr);
/* What mx-connection-limit says of the host. */
struct lint_side lint_mx_item(const struct lint *l, const char *host);
/* The lowest of that kind around the queue. */
struct lint_side lint_around(const struct lint *l, const struct lint_queue *q,
    enum lint_unit unit);

#endif
