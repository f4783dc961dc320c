/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pickup_priv - for pickup.c (life of a file), pickup_look.c (how files are
 * found), pickup_dir.c (what is done to folders), pickup_state.c (what is kept
 * of a file that waits), pickup_log.c and pickup_talk.c (the dialogue with the
 * ingress) only.  All of it is the pickup thread's.
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
	PICKUP_ID_LEN = 16,       /* hex digits */
	PICKUP_BATCH = 1000,      /* recipients of one transaction */
	PICKUP_SAID = 160,        /* of what the log was told */
	PICKUP_WAITING_MAX = 1000 /* taken, and not begun */
};

/* In front of the name of a file: what was decided of it. */
#define PICKUP_STATE "ended-"

enum pickup_fate { PICKUP_OPEN, PICKUP_TAKEN, PICKUP_REFUSED };

/* A file that was taken. */
struct pickup_item {
	TAILQ_ENTRY(pickup_item) link;
	char name[NAME_MAX + 1]; /* ID.NAME */
	int64_t due_us;          /* when it waits for another try */
	unsigned tries;          /* in a row of which nothing came */
	char said[PICKUP_SAID];  /* why it waits; but for numbers in it */
	size_t from;             /* recipient with whom a turn begins */

	/* While it is handed in, or what was decided cannot be written. */
	struct region *rg; /* NULL: it is not in memory */
	struct buf bytes;
	struct pickup_file file;
	enum pickup_fate *fates; /* by recipient */
	const char **why;        /* of those that were refused */
	bool unsaved;            /* more was decided than its state says */
	bool has_state;          /* there is one on disk */
	const char *put_off;     /* what was said to who waits, or NULL */
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
	bool stale;   /* of an earlier configuration: no more files */
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
	size_t waiting_count, later_count;
	size_t loaded_count; /* in memory, and the first of waiting */
	struct pickup_talks talks;
	size_t talk_count;
	uint64_t bytes; /* of files in memory */
	bool look;      /* there may be more in the folder */
	int64_t look_us, open_us;
	bool unsynced; /* some that were taken are not durably ours */
	int64_t sync_us;
	bool sync_told, full_told; /* to the log, since it went last */
	struct stuck_names *stuck; /* files that may not be taken */
};

/* ---- pickup_dir.c -------------------------------------------------------- */

int pickup_folders_open(struct pickup_folders *f, struct err *e);
void pickup_folders_close(struct pickup_folders *f);

/*
 * Takes a file of that name, or leaves it: it is none, or not to be taken yet,
 * or may not be, as errno says.  settled: only if nobody changed it for a
 * moment.
 */
enum pickup_take { PICKUP_LEFT, PICKUP_YOUNG, PICKUP_DENIED, PICKUP_GOT };
enum pickup_take pickup_take(const struct pickup_folders *f, const char *name,
    bool settled, struct pickup_item **item_r);

/* What was taken stays so, whatever happens. */
int pickup_sync(const struct pickup_folders *f, struct err *e);

/* One that an earlier process has taken; NULL: it is none. */
struct pickup_item *pickup_item_of(const char *name);

/* 0, -1, or one of these; but for 0, e says why. */
enum { PICKUP_NEVER = 1, PICKUP_ABSENT };
int pickup_read_file(int folder, const char *name, int64_t max, struct buf *out,
    struct err *e);
/* The same into item->bytes. */
int pickup_read(const struct pickup_folders *f, struct pickup_item *item,
    struct err *e);

/* Durable, and under its name only when it is whole. */
int pickup_write(int folder, const char *name, unsigned mode,
    const struct buf *text, struct err *e);

/*
 * All of it to BADDIR, where none of its recipients was taken.  The other: where
 * nobody can tell from it who was, so that what says so goes with it.
 */
int pickup_reject(const struct pickup_folders *f,
    const struct pickup_item *item, const char *why, struct err *e);
int pickup_reject_unread(const struct pickup_folders *f,
    struct pickup_item *item, const char *why, struct err *e);

/* Those recipients that were refused to BADDIR, if any; then it is gone. */
int pickup_remove(const struct pickup_folders *f,
    const struct pickup_item *item, struct err *e);

/* ---- pickup_state.c ------------------------------------------------------ */

/* Of a file in memory: what was decided of it, to disk and from there. */
int pickup_state_write(const struct pickup_folders *f, struct pickup_item *item,
    struct err *e);
/* 0, -1 or PICKUP_NEVER: it does not fit the file, or is no whole one. */
int pickup_state_read(const struct pickup_folders *f, struct pickup_item *item,
    struct err *e);
/* In BADDIR too; 0, -1 or PICKUP_ABSENT: nothing was decided.  It need not fit. */
int pickup_state_keep(const struct pickup_folders *f,
    const struct pickup_item *item, const char *as, struct err *e);
/* The file is gone; so is what there was of it. */
int pickup_state_remove(const struct pickup_folders *f,
    const struct pickup_item *item, struct err *e);
/* That name is in the folder of what was taken: is it of a file that is gone? */
void pickup_state_orphan(const struct pickup_folders *f, const char *name);

/* ---- pickup_look.c ------------------------------------------------------- */

struct stuck_names;
struct stuck_names *stuck_names_new(void);
void stuck_names_free(struct stuck_names **sp);

/* A look at the folder; files there are p->waiting then. */
void pickup_look(struct pickup *p);
/* The same for those of which inotify tells. */
void pickup_watched(struct pickup *p);
/* Those that an earlier process has taken. */
int pickup_look_taken(struct pickup *p, struct err *e);

/* ---- pickup_log.c -------------------------------------------------------- */

void pickup_log_trouble(const struct pickup *p, const char *name,
    const char *why);
void pickup_log_bad(const struct pickup_item *item, const char *why);
/* How many ended so, and what was said to the last of those refused. */
void pickup_log_done(const struct pickup_item *item);
/* It waits; once for each reason in a row.  ours: who runs us has to act. */
void pickup_log_waits(struct pickup_item *item, const char *why, bool ours);

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
