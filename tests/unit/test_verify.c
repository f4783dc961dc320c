/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify finds nothing in a good spool, and names what is damaged, with the
 * message that it concerns, wherever a byte was turned over.
 */
#include "queue/verify.h"

#include <sys/wait.h>

#include "tests/tap.h"
#include "tests/unit/spool.h"

enum { MESSAGES = 20, BODY = 3000 };

static struct {
	unsigned count;
	uint64_t id;
	char what[300], sender[100], queue[100];
} told;

static void
on_damage(void *ctx, const struct verify_damage *d)
{
	(void)ctx;
	told.count++;
	told.id = d->id;
	(void)snprintf(told.what, sizeof(told.what), "%s; %s", d->what,
	    d->after);
	(void)snprintf(told.sender, sizeof(told.sender), "%s",
	    d->env == NULL ? "?" : d->env->sender);
	(void)snprintf(told.queue, sizeof(told.queue), "%s",
	    d->waybill == NULL ? "?" : d->waybill->runs[0].domain);
	(void)printf("# %s\n", told.what);
}

static void
nothing(void *ctx, uint64_t messages)
{
	(void)ctx;
	(void)messages;
}

/* false: it cannot be opened. */
static bool
look(struct verify_sums *sums_r)
{
	static const struct verify_owner owner = { on_damage, nothing };
	struct offline sp;
	struct err e;
	int rc;

	memset(&told, 0, sizeof(told));
	rc = offline_open(tmpdir_path("spool"), false, &sp, &e);
	if (rc == 0)
		verify(&sp, &owner, NULL, sums_r);
	else
		(void)printf("# %s\n", e.text);
	offline_close(&sp);
	return rc == 0;
}

static uint64_t ids[MESSAGES];
static struct message_loc places[MESSAGES];

static void
fill(void)
{
	struct store_accept a = { 0 };

	spool_open();
	(void)spool_load();
	for (uint32_t i = 0; i < MESSAGES; i++) {
		ids[i] = spool_accept(&a, 2, BODY);
		(void)spool_settle_one(ids[i], i % 2,
		    i % 3 == 0 ? VERDICT_RETRY : VERDICT_DELIVERED, "");
	}
	store_close(&spool.store);
	spool_open(); /* the load tells where they are */
	(void)spool_load();
	for (size_t k = 0; k < spool.recovered_count; k++)
		for (size_t i = 0; i < MESSAGES; i++)
			if (spool.recovered[k].id == ids[i])
				places[i] = spool.recovered[k].loc;
	store_close(&spool.store);
}

static void
test_good(void)
{
	struct verify_sums sums;

	ok(look(&sums), "a good spool");
	is_int((int)sums.damages, 0, "has no damage");
	is_int((int)sums.messages, MESSAGES, "messages");
	is_int((int)sums.recipients, 2 * MESSAGES - 13, "recipients");
	ok(sums.rows > 2 * MESSAGES, "%d rows", (int)sums.rows);
}

static void
damage_message(size_t i, long at)
{
	char name[40];

	(void)snprintf(name, sizeof(name), "spool/seg/%08X", places[i].segment);
	tmpdir_damage(name, (long)places[i].offset + at);
}

static const struct {
	const char *label;
	long at; /* from the front of the record; below 0 from its end */
	const char *what, *sender;
} cases[] = {
	{ "its head", 10, "no record of that message", "?" },
	{ "its envelope", SEGMENT_HEAD + 3, "the envelope is damaged", "?" },
	{ "its body", -5, "the body is damaged; its recipients fail with 5.3.0",
	    "sender.example" },
};

static void
test_segment(void)
{
	struct verify_sums sums;

	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		size_t i = 3 + c;
		long at = cases[c].at;

		if (at < 0)
			at += (long)segment_size(&places[i]);
		damage_message(i, at);
		ok(look(&sums), "a byte of %s", cases[c].label);
		is_int((int)sums.damages, 1, "one damage");
		ok(told.id == ids[i], "of that message");
		ok(strstr(told.what, cases[c].what) != NULL, "%s",
		    cases[c].what);
		ok(strstr(told.sender, cases[c].sender) != NULL, "from %s",
		    told.sender);
		is_str(told.queue, "example.net", "its queue");
		damage_message(i, at); /* and back */
	}
	ok(look(&sums) && sums.damages == 0, "all is well again");
}

static void
test_short(void)
{
	struct verify_sums sums;
	char name[40];

	(void)snprintf(name, sizeof(name), "spool/seg/%08X",
	    places[MESSAGES - 1].segment);
	if (truncate(tmpdir_path(name), (off_t)places[5].offset) == -1)
		abort();
	ok(look(&sums), "a segment that was cut");
	is_int((int)sums.damages, MESSAGES - 5 + 1,
	    "each message behind the cut, and the segment");
}

/* In a process of its own: Berkeley DB leaks what it had when it panics. */
static bool
is_seen(void)
{
	struct verify_sums sums;
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(!look(&sums) || sums.damages > 0 ? 0 : 1);
	if (pid == -1 || waitpid(pid, &status, 0) != pid)
		abort();
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Berkeley DB has a checksum of each page. */
static void
test_database(void)
{
	static const char *const tables[] = { "message", "state", "ledger" };

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		char name[40];
		long size;

		(void)snprintf(name, sizeof(name), "spool/db/%s.db", tables[i]);
		size = tmpdir_file_size(name);
		tmpdir_damage(name, size - 60);
		ok(is_seen(), "a byte of table %s", tables[i]);
		tmpdir_damage(name, size - 60);
	}
}

int
main(void)
{
	(void)tmpdir_make();
	fill();
	test_good();
	test_segment();
	test_short();
	test_database();
	tmpdir_remove();
	return done_testing();
}
