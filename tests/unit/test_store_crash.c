/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process that accepts, delivers and defers is killed again and again:
 * every message it answered is there, none that ended comes back, ids are
 * never repeated, the ledger balances, the doubts are exact, and each record
 * of the outbox reaches its sink once, in order.
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "queue/inflight.h"
#include "tests/tap.h"
#include "tests/unit/spool.h"

enum {
	KILLS = 8,
	MESSAGES = 20000,
	RECORDS = 3 * MESSAGES,
	JOBS = 24,
	RCPTS = 3
};

enum { FRESH, ASKED_END, ENDED, ASKED_RETRY, DEFERRED };

/* What the child did, as far as it knows; it outlives the child. */
struct told {
	uint64_t id; /* 0: not answered */
	uint32_t rcpts;
	unsigned char state[RCPTS];
	bool filling, filled, clearing; /* its in-flight slot */
};

struct record {
	uint64_t id;
	uint64_t n;
};

static struct shared {
	uint32_t count; /* of messages offered */
	struct told told[MESSAGES];
	uint64_t sink_next; /* sequence: blobs below are in the file */
	uint32_t sink_count;
	struct record sink[RECORDS];
	bool disorder;
} * sh;

struct job {
	struct store_accept accept;
	struct store_settle settle;
	struct store_settled items[RCPTS];
	struct record records[RCPTS];
	uint32_t no; /* in told[] */
	uint32_t slot;
};

static struct worker *driver;
static struct job jobs[JOBS];
static uint32_t turn; /* decides what happens, differently in each run */

/* ---- the sink: a file with (offset, sequence) kept durably ---------------- */

static void
sink(uint64_t seq, const void *p, size_t len)
{
	const struct record *r = p;

	if (seq < sh->sink_next)
		return; /* it was in the file before the crash */
	if (seq > sh->sink_next)
		sh->disorder = true;
	/* As one write: what is behind sink_count is cut off at start. */
	memcpy(&sh->sink[sh->sink_count], r, len);
	sh->sink_count += (uint32_t)(len / sizeof(*r));
	sh->sink_next = seq + 1;
}

/* ---- the child ----------------------------------------------------------- */

static void start_job(struct job *j);

static void
on_settled(struct post *p) /* driver */
{
	struct job *j = post_owner(p, struct job, settle.post);
	struct told *t = &sh->told[j->no];

	t->clearing = true;
	inflight_clear(inflight_part(store_inflight(spool.store), 0), j->slot);
	message_unref(&j->accept.msg);
	start_job(j);
}

static void
settle_done(struct store_settle *o) /* store thread */
{
	struct job *j = post_owner(o, struct job, settle);
	struct told *t = &sh->told[j->no];

	for (size_t i = 0; i < o->count; i++) {
		unsigned char *st = &t->state[o->items[i].n];

		*st = *st == ASKED_END ? ENDED : DEFERRED;
	}
	o->post.fn = on_settled;
	worker_post(driver, &o->post);
}

static void
on_accepted(struct post *p) /* driver */
{
	struct job *j = post_owner(p, struct job, accept.post);
	struct told *t = &sh->told[j->no];
	uint32_t rcpts[RCPTS] = { 0, 1, 2 };
	size_t ended = 0;

	if (j->accept.answer != STORE_TAKEN)
		_exit(3);
	t->filling = true;
	j->slot = inflight_fill(inflight_part(store_inflight(spool.store), 0),
	    t->id, j->no, clock_wall_us(), rcpts, t->rcpts);
	t->filled = true;
	for (uint32_t n = 0; n < t->rcpts; n++) {
		bool retry = (turn++ * 7 + n) % 5 == 0;

		j->items[n] = (struct store_settled){ .id = t->id,
			.n = n,
			.verdict = retry ? VERDICT_RETRY : VERDICT_DELIVERED,
			.attempts = 1,
			.due_wall_us = 1000 + turn };
		t->state[n] = retry ? ASKED_RETRY : ASKED_END;
		if (!retry)
			j->records[ended++] = (struct record){ t->id, n };
	}
	j->settle.done = settle_done;
	j->settle.items = j->items;
	j->settle.count = t->rcpts;
	j->settle.records = j->records;
	j->settle.records_len = ended * sizeof(struct record);
	store_settle(spool.store, &j->settle);
}

static void
accept_done(struct store_accept *a) /* store thread */
{
	struct job *j = post_owner(a, struct job, accept);

	sh->told[j->no].id = a->msg->id;
	a->post.fn = on_accepted;
	worker_post(driver, &a->post);
}

static void
start_job(struct job *j)
{
	struct told *t;

	if (sh->count == MESSAGES)
		return;
	j->no = sh->count++;
	t = &sh->told[j->no];
	t->rcpts = 1 + j->no % RCPTS;
	memset(&j->accept, 0, sizeof(j->accept));
	j->accept.done = accept_done;
	spool.serial = j->no;
	spool_fill(&j->accept, t->rcpts, 500 + j->no % 3000);
	store_accept(spool.store, &j->accept);
}

static void
child_outbox(void *ctx, uint64_t seq, const struct store_ledger *after,
    const void *p, size_t len)
{
	(void)ctx;
	(void)after;
	sink(seq, p, len);
	store_outbox_taken(spool.store, len);
	store_outbox_done(spool.store, seq);
}

static void
child(unsigned round)
{
	const struct store_options opt = { .dir = tmpdir_path("spool"),
		.workers = 1,
		.sessions = JOBS,
		.segment_size = 1 << 20 };
	const struct store_owner owner = { .recovered = spool_on_recovered,
		.outbox = child_outbox };
	struct err e;

	driver = worker_new("driver", &e);
	turn = round;
	if (store_open(&opt, &owner, NULL, &spool.store, &e) == -1)
		_exit(2);
	store_load(spool.store);
	for (int i = 0; i < JOBS; i++)
		start_job(&jobs[i]);
	worker_run(driver); /* until it is killed */
	_exit(0);
}

/* ---- the parent ---------------------------------------------------------- */

static void
run_child(unsigned round)
{
	uint32_t before = sh->count;
	int status;
	pid_t pid;

	(void)fflush(stdout);
	pid = fork();
	if (pid == 0)
		child(round);
	/* Let it get going, then a moment that differs each time. */
	for (int i = 0; i < 5000 && sh->count < before + 50; i++)
		(void)usleep(1000);
	(void)usleep(3000 + round * 17777 % 60000);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, &status, 0);
	ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
	    "kill %u: after %u messages", round, sh->count - before);
}

static int
by_id(const void *a, const void *b)
{
	const struct spool_rcpt *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return (x->n > y->n) - (x->n < y->n);
}

/* What the load brought is sorted by then. */
static const struct spool_rcpt *
lookup(uint64_t id, uint32_t n)
{
	const struct spool_rcpt key = { .id = id, .n = n };

	return bsearch(&key, spool.recovered, spool.recovered_count,
	    sizeof(key), by_id);
}

static int
by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void
check_ids(void)
{
	uint64_t *ids = mem_array(sh->count, sizeof(*ids));
	size_t count = 0;
	unsigned repeated = 0;

	for (uint32_t i = 0; i < sh->count; i++)
		if (sh->told[i].id != 0)
			ids[count++] = sh->told[i].id;
	qsort(ids, count, sizeof(*ids), by_number);
	for (size_t i = 1; i < count; i++)
		repeated += ids[i] == ids[i - 1] ? 1 : 0;
	is_int(repeated, 0, "no id was given twice");
	free(ids);
}

static void
check_messages(void)
{
	unsigned lost = 0, ghosts = 0, unread = 0;
	struct segment_reader *r = segment_reader_new(tmpdir_path("spool"));

	for (uint32_t i = 0; i < sh->count; i++) {
		const struct told *t = &sh->told[i];

		if (t->id == 0)
			continue;
		for (uint32_t n = 0; n < t->rcpts; n++) {
			const struct spool_rcpt *got = lookup(t->id, n);

			if (t->state[n] == ENDED)
				ghosts += got != NULL ? 1 : 0;
			else if (t->state[n] != ASKED_END)
				lost += got == NULL ? 1 : 0;
			if (got == NULL)
				continue;
			if (spool_read(r, t->id, &got->loc) != i + 1 ||
			    got->loc.body_len != 500 + i % 3000)
				unread++;
		}
	}
	segment_reader_free(&r);
	is_int(lost, 0, "every message that was answered is there");
	is_int(ghosts, 0, "none that ended came back");
	is_int(unread, 0, "envelopes and bodies can be read");
}

/* Those of this run's start: slots filled by messages from first on. */
static void
check_doubts(const struct store_audit *audit, uint32_t first)
{
	unsigned missing = 0, wrong = 0, named = 0, nameless = 0;

	for (uint32_t i = first; i < sh->count; i++) {
		const struct told *t = &sh->told[i];

		for (uint32_t n = 0; t->id != 0 && n < t->rcpts; n++) {
			bool in_doubt = false;

			for (size_t d = 0; d < audit->doubt_count; d++)
				in_doubt = in_doubt ||
				    (audit->doubts[d].id == t->id &&
					audit->doubts[d].n == n);
			named += in_doubt ? 1 : 0;
			/* Sent, and no outcome was committed. */
			if (t->filled && !t->clearing &&
			    (t->state[n] == FRESH ||
				t->state[n] == ASKED_END) &&
			    lookup(t->id, n) != NULL)
				missing += in_doubt ? 0 : 1;
			if (in_doubt &&
			    (!t->filling || t->state[n] == ENDED ||
				t->state[n] == DEFERRED))
				wrong++;
		}
	}
	for (size_t d = 0; d < audit->doubt_count; d++)
		nameless += strcmp(audit->doubts[d].to, "b@example.net") != 0 ||
		    strcmp(audit->doubts[d].queue, "example.net/{default}") !=
			0;
	is_int(missing, 0, "each in doubt is named");
	is_int(nameless, 0, "by address and queue");
	is_int(wrong, 0, "and no other");
	is_int((int64_t)spool.doubts, named, "as many as the start found");
}

static int
by_record(const void *a, const void *b)
{
	const struct record *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return (x->n > y->n) - (x->n < y->n);
}

static void
check_sink(void)
{
	unsigned twice = 0, missing = 0, early = 0;
	uint32_t count = sh->sink_count;
	struct record *sorted = mem_array(count, sizeof(*sorted));

	memcpy(sorted, sh->sink, count * sizeof(*sorted));
	qsort(sorted, count, sizeof(*sorted), by_record);
	for (uint32_t i = 0; i < count; i++) {
		twice += i > 0 && by_record(&sorted[i - 1], &sorted[i]) == 0;
		early += lookup(sorted[i].id, (uint32_t)sorted[i].n) != NULL;
	}
	for (uint32_t i = 0; i < sh->count; i++)
		for (uint32_t n = 0; n < sh->told[i].rcpts; n++) {
			const struct record r = { sh->told[i].id, n };

			if (sh->told[i].state[n] == ENDED)
				missing += bsearch(&r, sorted, count, sizeof(r),
					       by_record) == NULL;
		}
	free(sorted);
	ok(!sh->disorder, "the outbox came without a gap");
	is_int(missing, 0, "each end has its record");
	is_int(twice, 0, "and only one");
	is_int(early, 0, "none is still queued");
}

static void
parent_outbox(void *ctx, uint64_t seq, const struct store_ledger *after,
    const void *p, size_t len)
{
	(void)ctx;
	(void)after;
	sink(seq, p, len);
	store_outbox_taken(spool.store, len);
	store_outbox_done(spool.store, seq);
}

static void
open_as_parent(void)
{
	const struct store_options opt = { .dir = tmpdir_path("spool"),
		.workers = 1 };
	const struct store_owner owner = { .recovered = spool_on_recovered,
		.loaded = spool_on_loaded,
		.outbox = parent_outbox };
	struct err e;

	if (spool.pipe[1] == 0 &&
	    (pipe(spool.pipe) == -1 ||
		fcntl(spool.pipe[0], F_SETFL, O_NONBLOCK) == -1))
		exit(99);
	spool.recovered_count = 0;
	if (store_open(&opt, &owner, NULL, &spool.store, &e) == -1) {
		(void)printf("Bail out! %s\n", e.text);
		exit(99);
	}
	if (!spool_load())
		(void)printf("Bail out! the load does not end\n");
	qsort(spool.recovered, spool.recovered_count,
	    sizeof(spool.recovered[0]), by_id);
}

static void
check_round(uint32_t first)
{
	struct store_audit audit;

	open_as_parent();
	audit = spool_audit();
	ok(spool_balances(&audit), "the ledger balances");
	is_int((int64_t)audit.queued, (int64_t)spool.recovered_count,
	    "what is queued is what was loaded");
	check_ids();
	check_messages();
	check_doubts(&audit, first);
	check_sink();
	store_audit_fini(&audit);
}

/* In the end all that is left ends, and nothing remains. */
static void
end_all(void)
{
	struct store_settled *items = mem_array(spool.recovered_count,
	    sizeof(*items));
	struct store_audit audit;

	open_as_parent();
	for (size_t i = 0; i < spool.recovered_count; i++)
		items[i] = (struct store_settled){ .id = spool.recovered[i].id,
			.n = spool.recovered[i].n,
			.verdict = VERDICT_DELETED };
	ok(spool_settle(items, spool.recovered_count, ""), "the rest ends");
	audit = spool_audit();
	is_int((int64_t)audit.queued, 0, "nothing is queued");
	is_int((int64_t)audit.live_bytes, 0, "no body is live");
	ok(spool_balances(&audit), "the ledger balances");
	is_int(tmpdir_count("spool/seg"), 1, "one segment is left");
	store_audit_fini(&audit);
	store_close(&spool.store);
	free(items);
}

int
main(void)
{
	(void)tmpdir_make();
	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sh == MAP_FAILED)
		return 99;
	for (unsigned round = 1; round <= KILLS; round++) {
		uint32_t first = sh->count;

		run_child(round);
		check_round(first);
		store_close(&spool.store);
	}
	end_all();
	tmpdir_remove();
	return done_testing();
}
