/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pickup_priv - for pickup.c (life of a file), pickup_dir.c (what is done to
 * folders) and pickup_talk.c (the dialogue with the ingress) only.  All of it
 * is the pickup thread's.
 */

#ifndef TRANSPORT_PICKUP_PRIV_H
#define TRANSPORT_PICKUP_PRIV_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "mail/pickup_file.h"
#include "mail/smtp_reply.h"
#include "transport/ingress.h"
#include "transport/pickup.h"

enum {
	PICKUP_ID_LEN = 16, /* hex digits */
	PICKUP_BATCH = 1000 /* recipients of one transaction */
};

enum pickup_fate { PICKUP_OPEN, PICKUP_TAKEN, PICKUP_REFUSED };

/* A file that was taken. */
struct pickup_item {
	TAILQ_ENTRY(pickup_item) link;
	char name[NAME_MAX + 1]; /* ID.NAME */
	int64_t due_us;          /* when it waits for another try */

	/* While it is handed in. */
	struct region *rg; /* NULL: it is not in memory */
	struct buf bytes;
	struct pickup_file file;
	enum pickup_fate *fates; /* by recipient */
	const char **why;        /* of those that were refused */
};

TAILQ_HEAD(pickup_items, pickup_item);

struct pickup_folders {
	const char *dir, *bad_dir;
	int fd, taken_fd, bad_fd;
};

enum talk_state {
	TALK_GREETING,
	TALK_HELLO,
	TALK_IDLE,
	TALK_MAIL,
	TALK_RCPT,
	TALK_DATA,
	TALK_DOT,
	TALK_RSET
};

struct pickup_talk {
	LIST_ENTRY(pickup_talk) link;
	struct pickup *by;
	struct bufferevent *bev;
	struct reply_parser parser;
	enum talk_state state;
	struct pickup_item *item;          /* or NULL */
	size_t batch[PICKUP_BATCH], count; /* its recipients of this turn */
	size_t taken[PICKUP_BATCH], taken_count; /* of them, by RCPT */
	size_t next;                             /* reply that comes */
	bool changed; /* something came of this turn */
};

LIST_HEAD(pickup_talks, pickup_talk);

struct event;

struct pickup {
	struct worker *worker;
	struct worker_env **envs;
	size_t env_count, turn;
	struct ingress_door *door;
	struct pickup_folders folders;
	bool un_dot, runs;
	struct region *rg;
	int watch_fd;
	struct event *watch, *tick;
	struct pickup_items waiting, later;
	size_t waiting_count;
	struct pickup_talks talks;
	size_t talk_count;
	uint64_t bytes; /* of files in memory */
	bool look;      /* there may be more in the folder */
	int64_t look_us, open_us;
};

/* ---- pickup_dir.c -------------------------------------------------------- */

int pickup_folders_open(struct pickup_folders *f, struct err *e);
void pickup_folders_close(struct pickup_folders *f);

/*
 * Takes a file of that name, or leaves it: it is none, or not to be taken yet.
 * settled: only if nobody changed it for a moment.
 */
enum pickup_take { PICKUP_LEFT, PICKUP_YOUNG, PICKUP_GOT };
enum pickup_take pickup_take(const struct pickup_folders *f, const char *name,
    bool settled, struct pickup_item **item_r);

/* What was taken stays so, whatever happens. */
int pickup_sync(const struct pickup_folders *f, struct err *e);

/* One that an earlier process has taken; NULL: it is none. */
struct pickup_item *pickup_item_of(const char *name);

/* Into item->bytes.  1: it never can be, and e says why. */
int pickup_read(const struct pickup_folders *f, struct pickup_item *item,
    struct err *e);

/* All of it to BADDIR. */
int pickup_reject(const struct pickup_folders *f,
    const struct pickup_item *item, const char *why, struct err *e);

/* Those recipients that were refused to BADDIR, if any; then it is gone. */
int pickup_remove(const struct pickup_folders *f,
    const struct pickup_item *item, struct err *e);

/* ---- pickup_talk.c ------------------------------------------------------- */

/* NULL: no socket.  It speaks first with what it is given. */
struct pickup_talk *pickup_talk_new(struct pickup *p, int fd);
void pickup_talk_free(struct pickup_talk **tp);

/* All recipients of the item that are open, or as many as fit. */
void pickup_talk_begin(struct pickup_talk *t, struct pickup_item *item);

/* ---- pickup.c, for the dialogue ------------------------------------------ */

/* It is idle (again); what became of t->item is in its fates. */
void pickup_talk_over(struct pickup_talk *t);
/* The connection is gone; t is freed. */
void pickup_talk_lost(struct pickup_talk *t);

#endif
