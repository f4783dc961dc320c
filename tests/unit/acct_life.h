/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acct_life - lives of the writer of accounting, with an outbox of its own:
 * blobs stay until they are done, and come again when the writer asks or lives
 * anew; header only.
 *
 * How far the outbox is, is shared with children: a life may end in one by
 * _exit(), as by kill -9.  Blobs are then made before the fork (life_make()).
 */

#ifndef TESTS_UNIT_ACCT_LIFE_H
#define TESTS_UNIT_ACCT_LIFE_H

#include <dirent.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/conf_types.h"
#include "lib/mem.h"
#include "lib/str.h"
#include "mail/acct_record.h"
#include "tests/tap.h"
#include "tests/unit/tmpdir.h"
#include "transport/acct.h"

enum { LIFE_BLOBS = 200000 };

struct life_blob {
	char *p;
	size_t len;
	struct store_ledger after;
};

struct life {
	struct snapshot *conf;
	struct worker *w;
	struct acct *a;
	bool with_buffers;

	struct {
		uint64_t next, done; /* sequences: fed, and done */
	} * shared;
	uint64_t made; /* likewise; at least next */

	pthread_mutex_t lock; /* guards: all below, the order of blobs */
	struct life_blob blobs[LIFE_BLOBS];
	size_t away, away_most;
	unsigned rewinds;
	struct store_ledger ledger;
	struct acct_grown grown; /* the last that was told */
	char grown_folder[300];
	struct acct_ask ask;
	sem_t answered;
};

static struct life life = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* ---- what the writer tells, on its thread -------------------------------- */

static inline void
life_taken(void *ctx, size_t bytes)
{
	(void)ctx;
	(void)pthread_mutex_lock(&life.lock);
	life.away -= bytes;
	(void)pthread_mutex_unlock(&life.lock);
}

static inline void
life_done(void *ctx, uint64_t seq)
{
	(void)ctx;
	(void)pthread_mutex_lock(&life.lock);
	for (;
	     life.shared->done <= seq && life.shared->done < life.shared->next;
	     life.shared->done++) {
		free(life.blobs[life.shared->done].p);
		life.blobs[life.shared->done].p = NULL;
	}
	(void)pthread_mutex_unlock(&life.lock);
}

static inline void
life_send(uint64_t seq)
{
	const struct life_blob *b = &life.blobs[seq];

	life.away += b->len;
	if (life.away > life.away_most)
		life.away_most = life.away;
	acct_blob(life.a, seq, &b->after, b->p, b->len);
}

static inline void
life_rewind(void *ctx, uint64_t seq)
{
	(void)ctx;
	(void)pthread_mutex_lock(&life.lock);
	life.rewinds++;
	acct_rewound(life.a, seq);
	if (seq < life.shared->done)
		seq = life.shared->done;
	for (; seq < life.shared->next; seq++)
		life_send(seq);
	(void)pthread_mutex_unlock(&life.lock);
}

static inline void
life_grown(void *ctx, const struct acct_grown *g)
{
	(void)ctx;
	(void)pthread_mutex_lock(&life.lock);
	life.grown = *g;
	(void)snprintf(life.grown_folder, sizeof(life.grown_folder), "%s",
	    g->folder);
	(void)pthread_mutex_unlock(&life.lock);
}

static inline void
life_answered(struct acct_ask *ask)
{
	(void)ask;
	(void)sem_post(&life.answered);
}

/* ---- what a test does ---------------------------------------------------- */

/* Before all else. */
static inline void
life_init(void)
{
	life.shared = mmap(NULL, sizeof(*life.shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (life.shared == MAP_FAILED)
		exit(99);
	(void)tmpdir_make();
}

/* The outbox is as new; ledgers go on. */
static inline void
life_forget_blobs(void)
{
	for (uint64_t seq = 0; seq < life.made; seq++) {
		free(life.blobs[seq].p);
		life.blobs[seq].p = NULL;
	}
	life.made = life.shared->next = life.shared->done = 0;
}

/* The configuration is FILE in tmpdir. */
static inline struct snapshot *
life_conf(const char *file)
{
	struct conf_errors errs = { 0 };
	struct snapshot *s = snapshot_load(tmpdir_path(file), &errs);

	for (size_t i = 0; i < errs.n; i++)
		(void)printf("# %s\n", errs.v[i].text);
	conf_errors_fini(&errs);
	return s;
}

static inline bool
life_begin(const char *conf_file)
{
	static const struct acct_owner owner = { life_taken, life_done,
		life_rewind, NULL };
	static const struct acct_owner with_buffers = { life_taken, life_done,
		life_rewind, life_grown };
	struct acct_options opt = { .spool_dir = tmpdir,
		.owner = life.with_buffers ? &with_buffers : &owner };
	struct err e = { "" };

	life.conf = life_conf(conf_file);
	opt.conf = life.conf;
	life.w = worker_new("writer", &e);
	if (!ok(life.conf != NULL && life.w != NULL &&
		    acct_new(life.w, &opt, &life.a, &e) == 0,
		"the writer is made %s", e.text))
		return false;
	(void)sem_init(&life.answered, 0, 0);
	life.away = 0;
	(void)pthread_mutex_lock(&life.lock);
	for (uint64_t seq = life.shared->done; seq < life.shared->next; seq++)
		life_send(seq);
	(void)pthread_mutex_unlock(&life.lock);
	return ok(worker_start(life.w, &e) == 0, "it starts %s", e.text);
}

static inline void
life_end(void)
{
	worker_stop(life.w);
	worker_join(life.w);
	acct_free(&life.a);
	worker_free(&life.w);
	snapshot_unref(&life.conf);
}

/* A blob for later. */
static inline void
life_make_blob(const struct buf *records)
{
	struct life_blob *b = &life.blobs[life.made++];

	b->p = mem_dup(records->p, records->len);
	b->len = records->len;
	b->after = life.ledger;
}

/* Feeds the next of those that were made. */
static inline void
life_feed_made(void)
{
	(void)pthread_mutex_lock(&life.lock);
	life_send(life.shared->next++);
	(void)pthread_mutex_unlock(&life.lock);
}

static inline void
life_count(struct store_ledger *l, enum acct_type type)
{
	if (type == ACCT_D)
		l->delivered++;
	if (type == ACCT_B)
		l->failed++;
}

/* One blob with count records of that type, for later. */
static inline void
life_make(enum acct_type type, const char *rcpt, unsigned count)
{
	struct acct_record r = { .type = type,
		.rcpt = rcpt,
		.queue = "example.net/v1" };
	struct buf b = { 0 };

	for (unsigned i = 0; i < count; i++) {
		acct_record_pack(&r, &b);
		life_count(&life.ledger, type);
	}
	life_make_blob(&b);
	buf_fini(&b);
}

static inline void
life_feed(enum acct_type type, const char *rcpt, unsigned count)
{
	life_make(type, rcpt, count);
	life_feed_made();
}

/*
 * What the writer says when it has done all that was fed; with rotate as in
 * struct acct_ask.  Valid until the next call.
 */
static inline const struct acct_facts *
life_ask(const char *path, const char *rotate)
{
	struct acct_ask *ask = &life.ask;

	region_free(&ask->rg);
	memset(ask, 0, sizeof(*ask));
	ask->commit = true;
	ask->rotate = rotate;
	ask->done = life_answered;
	acct_ask(life.a, ask);
	while (sem_wait(&life.answered) == -1)
		;
	for (size_t i = 0; i < ask->count; i++)
		if (strcmp(ask->list[i].path, path) == 0)
			return &ask->list[i];
	return NULL;
}

/* Until the acct-file has all that came; false after 20 s. */
static inline bool
life_settle(const char *path)
{
	for (int i = 0; i < 2000; i++) {
		const struct acct_facts *f = life_ask(path, NULL);

		if (f != NULL && f->behind_rows == 0 && f->error == NULL &&
		    life.shared->done == life.shared->next)
			return true;
		(void)usleep(10000);
	}
	return false;
}

/* ---- files --------------------------------------------------------------- */

enum { LIFE_FILES = 512 };

static inline int
life_by_name(const void *a, const void *b)
{
	return strcmp((const char *)a, (const char *)b);
}

/* Names in DIR (of tmpdir) that begin so, sorted; how many. */
static inline size_t
life_list(const char *dir, const char *begin, char names[LIFE_FILES][64])
{
	DIR *d = opendir(tmpdir_path(dir));
	struct dirent *entry;
	size_t n = 0;

	while (d != NULL && (entry = readdir(d)) != NULL && n < LIFE_FILES)
		if (strncmp(entry->d_name, begin, strlen(begin)) == 0)
			(void)snprintf(names[n++], 64, "%.63s", entry->d_name);
	if (d != NULL)
		(void)closedir(d);
	qsort(names, n, 64, life_by_name);
	return n;
}

/* The path of a name of that list; valid until the next call. */
static inline const char *
life_path(const char name[64])
{
	static char path[300];

	(void)snprintf(path, sizeof(path), "%.200s/%.63s", tmpdir, name);
	return path;
}

/*
 * The first letters of the rows of a CSV file: "dbd"; "?" for a line that is
 * none, "!" for a header that is not the first line.
 */
static inline const char *
life_types(const char *path)
{
	static char out[64];
	FILE *f = fopen(path, "r");
	char line[1024];
	size_t n = 0;
	bool first = true;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL &&
	    n + 1 < sizeof(out)) {
		bool header = strncmp(line, "type,", 5) == 0;

		if (first != header)
			out[n++] = '!';
		else if (!header)
			out[n++] = line[1] == ',' &&
				line[strlen(line) - 1] == '\n' ?
			    line[0] :
			    '?';
		first = false;
	}
	out[n] = '\0';
	if (f != NULL)
		(void)fclose(f);
	return out;
}

static inline void
life_forget(void)
{
	region_free(&life.ask.rg);
	life_forget_blobs();
	tmpdir_remove();
}

#endif
