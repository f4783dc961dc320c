/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of a spool, with any content: the in-flight slots name only
 * recipients of slots whose checksum fits; the accounting state is read,
 * written and read again, or refused in words; of a segment's record nothing
 * is believed that its checksums do not cover.
 *
 * The first byte picks the file, and whether checksums are made to fit.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "lib/str.h"
#include "queue/crc32c.h"
#include "queue/inflight_priv.h"
#include "queue/segment.h"
#include "queue/segment_priv.h"
#include "tests/unit/tmpdir.h"
#include "transport/acct_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OPT_STATE = 1, OPT_SEAL = 2, OPT_SEGMENT = 4, OPT_OLD = 8 };

static void
write_file(const char *name, const char *p, size_t len)
{
	static char path[300];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", tmpdir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	CHECK(fd != -1 && write(fd, p, len) == (ssize_t)len);
	(void)close(fd);
}

static void
make_folder(const char *name)
{
	char path[300];

	(void)snprintf(path, sizeof(path), "%s/%s", tmpdir, name);
	CHECK(mkdir(path, 0700) == 0);
}

/* ---- in-flight slots ----------------------------------------------------- */

static void
seal_slot(char *slot)
{
	uint32_t count = get_be32(slot + 4) % (INFLIGHT_RCPTS + 1);

	put_be32(slot + 4, count);
	put_be32(slot,
	    crc32c(0, slot + 4, INFLIGHT_HEAD - 4 + (size_t)count * 4));
}

static void
read_slots(unsigned options, char *p, size_t len)
{
	struct inflight_found *list;
	size_t count, slots = len / INFLIGHT_SLOT;
	struct err e;

	for (size_t i = 0; i < slots && (options & OPT_SEAL) != 0; i++)
		seal_slot(p + i * INFLIGHT_SLOT);
	write_file("inflight", p, len);
	if (inflight_read(tmpdir, &list, &count, &e) == -1)
		return;
	CHECK(count <= slots * INFLIGHT_RCPTS);
	if (count > 0) /* the first good slot's */
		CHECK(memmem(p, len, (char[]){ (char)(list[0].id >> 56) }, 1) !=
		    NULL);
	inflight_found_free(&list);
}

/* ---- accounting state ---------------------------------------------------- */

static void
seal_state(char *slot, size_t len, const char *magic)
{
	uint32_t used = get_be32(slot + 8);

	if (used < 16 || used > len - 12)
		used = (uint32_t)len - 12;
	put_be32(slot + 8, used);
	memcpy(slot, magic, 4);
	slot[12] = 0; /* of the turn: no file has come to its end */
	put_be32(slot + 4, crc32c(0, slot + 8, used + 4));
}

static void
check_kept(void)
{
	static const struct store_ledger none;
	const struct acct_state_entry entry = { .length = 7,
		.name = "n",
		.name_len = 1,
		.tag = "/x.csv",
		.tag_len = 6 };
	struct acct_state_entry got;
	struct acct_state *s;
	struct err e;

	CHECK(acct_state_open(tmpdir, &s, &e) == 0);
	acct_state_begin(s, 42, &none);
	acct_state_add(s, &entry);
	CHECK(acct_state_write(s, &e) == 0);
	acct_state_free(&s);
	CHECK(acct_state_open(tmpdir, &s, &e) == 0);
	CHECK(acct_state_next(s) == 42);
	CHECK(acct_state_find(s, "/x.csv", &got) && got.length == 7);
	acct_state_free(&s);
}

/* Every byte that an entry points to. */
static void
read_entries(const struct acct_state *s)
{
	struct acct_state_entry got;
	struct store_ledger ledger;
	size_t at = 0;

	acct_state_ledger(s, &ledger);
	while (acct_state_each(s, &at, &got)) {
		CHECK(memchr(got.tag, '\0', got.tag_len) == NULL ||
		    got.tag_len > 0);
		CHECK(memchr(got.name, '\0', got.name_len) == NULL ||
		    got.name_len > 0);
	}
}

static void
read_state(unsigned options, char *p, size_t len)
{
	const bool old = (options & OPT_OLD) != 0;
	const size_t slot = old ? ACCT_STATE_SLOT_1 : ACCT_STATE_SLOT;
	const char *magic = old ? "MRA1" : "MRA2";
	char *slots = mem_zalloc(2 * slot);
	struct acct_state *s;
	struct err e = { .text = "" };

	len = len < 2 * slot ? len : 2 * slot;
	memcpy(slots, p, len);
	if (len > slot + 28 && (options & OPT_SEAL) != 0)
		seal_state(slots + slot, len - slot, magic);
	if (len > 28 && (options & OPT_SEAL) != 0)
		seal_state(slots, len < slot ? len : slot, magic);
	write_file("acct-state", slots, 2 * slot);
	free(slots);
	if (acct_state_open(tmpdir, &s, &e) == -1) {
		CHECK(e.text[0] != '\0');
		return;
	}
	(void)acct_state_next(s);
	read_entries(s);
	acct_state_free(&s);
	check_kept();
}

/* ---- a record of a segment ----------------------------------------------- */

/* Lengths that fit the file, and checksums that fit the bytes. */
static void
seal_record(char *p, size_t len)
{
	size_t room = len - SEGMENT_HEAD;
	uint32_t env_len = get_be32(p + 12) % (uint32_t)(room + 1);
	uint32_t body_len = get_be32(p + 16) % (uint32_t)(room - env_len + 1);

	put_be32(p, SEGMENT_MAGIC);
	put_be32(p + 12, env_len);
	put_be32(p + 16, body_len);
	put_be32(p + 20, crc32c(0, p + SEGMENT_HEAD, env_len));
	put_be32(p + 24, crc32c(0, p + SEGMENT_HEAD + env_len, body_len));
	put_be32(p + 28, crc32c(0, p, SEGMENT_HEAD - 4));
}

static void
check_read(const char *p, uint64_t id, const struct message_loc *loc,
    bool sealed)
{
	struct segment_reader *r = segment_reader_new(tmpdir);
	struct region *rg = region_new();
	struct segment_got got = { NULL, NULL };
	struct err e;

	if (segment_read_envelope(r, id, loc, rg, &got, &e) == 0)
		CHECK(memcmp(got.env, p + SEGMENT_HEAD, loc->env_len) == 0);
	CHECK(got.body == NULL);
	if (segment_read(r, id, loc, rg, &got, &e) == 0 && got.body != NULL)
		CHECK(got.body->len == loc->body_len &&
		    memcmp(got.body->bytes, p + SEGMENT_HEAD + loc->env_len,
			loc->body_len) == 0);
	CHECK(!sealed || got.body != NULL);
	body_unref(&got.body);
	segment_reader_free(&r);
	region_free(&rg);
}

static void
read_segment(unsigned options, char *p, size_t len)
{
	bool sealed = (options & OPT_SEAL) != 0;
	struct message_loc loc = { .segment = 1 };

	if (len < SEGMENT_HEAD + 1)
		return;
	if (sealed)
		seal_record(p, len);
	write_file("seg/00000001", p, len);
	loc.env_len = get_be32(p + 12);
	loc.body_len = get_be32(p + 16);
	/* What the table says never is more than a record may have. */
	if (loc.env_len > SEGMENT_ENV_MAX || loc.body_len > SEGMENT_BODY_MAX)
		return;
	if (!sealed) { /* no room for what is not in the file */
		loc.env_len %= 4096;
		loc.body_len %= 4096;
	}
	check_read(p, get_be64(p + 4), &loc, sealed);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy;

	if (size < 1)
		return 0;
	if (tmpdir[0] == '\0') {
		/* Each input is synced: not on a real disk. */
		(void)setenv("TMPDIR", "/dev/shm", 0);
		(void)tmpdir_make();
		CHECK(atexit(tmpdir_remove) == 0);
		make_folder("seg");
	}
	copy = mem_dup(data, size);
	if ((data[0] & OPT_SEGMENT) != 0)
		read_segment(data[0], copy + 1, size - 1);
	else if ((data[0] & OPT_STATE) != 0)
		read_state(data[0], copy + 1, size - 1);
	else
		read_slots(data[0], copy + 1, size - 1);
	free(copy);
	return 0;
}
