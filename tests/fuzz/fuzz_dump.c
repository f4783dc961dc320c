/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A dump of a queue, with any content: it is refused in words and leaves
 * nothing behind, or it makes a spool that opens, in which nothing is damaged,
 * and which is dumped as the same bytes again, but for the ledger's tail.
 *
 * The first byte says if lengths, checksums, the ledger's sum and the end are
 * made to fit.  A spool is a database of nine files: it is made of what can be
 * loaded, and of one in 64 of the others.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "queue/bytes.h"
#include "queue/crc32c.h"
#include "queue/dump.h"
#include "queue/dump_priv.h"
#include "queue/dump_stream.h"
#include "queue/store.h"
#include "queue/verify.h"
#include "tests/unit/tmpdir.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	OPT_SEAL = 1,
	MAGIC = 17, /* bytes of the first line */
	HEAD = 9,
	CRC = 4,
	END = HEAD + 8 + CRC,
	LEDGER_MIN = RECORD_HEAD + 80, /* the row of version 0.1 */
	REFUSED_EACH = 64
};

/* ---- to make it fit ------------------------------------------------------ */

/* Waybill and envelope within what there is; the rest is the body. */
static void
seal_message(char *p, size_t len)
{
	uint32_t bill, env;

	if (len < DUMP_LENGTHS)
		return;
	len -= DUMP_LENGTHS;
	bill = get_be32(p) % (uint32_t)(len + 1);
	env = get_be32(p + 4) % (uint32_t)(len - bill + 1);
	put_be32(p, bill);
	put_be32(p + 4, env);
	put_be32(p + 8, (uint32_t)len - bill - env);
}

/* A frame has the tag of its table; blobs are of two forms. */
static enum record_tag
tag_of(char type, const char *data)
{
	if (type == RECORD_OUTBOX && data[1] == RECORD_OUTBOX_LEDGER)
		return RECORD_OUTBOX_LEDGER;
	return (enum record_tag)type;
}

static void
seal_frame(char *p, size_t key_len, size_t data_len)
{
	struct slice key = { p + HEAD, key_len };
	char *data = p + HEAD + key_len;

	put_be32(p + 1, (uint32_t)key_len);
	put_be32(p + 5, (uint32_t)data_len);
	if (*p == RECORD_MESSAGE)
		seal_message(data, data_len);
	else if (memchr(dump_types, *p, TABLE_COUNT) != NULL &&
	    data_len >= RECORD_HEAD)
		record_seal(tag_of(*p, data), key, data, data_len);
	put_be32(data + data_len, crc32c(0, p, HEAD + key_len + data_len));
}

/* There is room for an end behind it; returns the length with that. */
static size_t
seal_stream(char *p, size_t len)
{
	size_t at = MAGIC;
	uint64_t frames = 0;

	memcpy(p, "MAILRACE QUEUE 1\n", MAGIC);
	for (; len - at >= HEAD + CRC && p[at] != DUMP_END; frames++) {
		size_t room = len - at - HEAD - CRC;
		size_t key_len = get_be32(p + at + 1) % (room + 1);
		size_t data_len = get_be32(p + at + 5) % (room - key_len + 1);

		seal_frame(p + at, key_len, data_len);
		at += HEAD + key_len + data_len + CRC;
	}
	p[at] = DUMP_END;
	put_be64(p + at + HEAD, frames);
	seal_frame(p + at, 0, 8);
	return at + END;
}

/* With as many recipients as were found. */
static void
balance(char *p, size_t len, uint64_t recipients)
{
	struct slice key = { p + MAGIC + HEAD, 6 };
	char *row = p + MAGIC + HEAD + key.len;
	struct record_ledger l;
	size_t row_len;
	struct err e;

	if (len < MAGIC + HEAD + 6 + LEDGER_MIN + CRC ||
	    !slice_eq(key, "ledger"))
		return;
	row_len = get_be32(p + MAGIC + 5);
	if (record_ledger_unpack(key, bytes(row, row_len), &l, &e) == -1)
		return;
	put_be64(row + RECORD_HEAD, store_ledger_ended(&l.sums) + recipients);
	record_seal(RECORD_LEDGER, key, row, row_len);
	seal_frame(p + MAGIC, key.len, row_len);
}

/* ---- what must be so ----------------------------------------------------- */

static void
on_progress(void *ctx, uint64_t messages)
{
	(void)ctx;
	CHECK(messages > 0);
}

static void
on_damage(void *ctx, const struct verify_damage *d)
{
	(void)ctx;
	/* Nothing forbids that one is the last to be cleared away. */
	CHECK(strcmp(d->what, "a message without a recipient left") == 0);
}

static bool
load(const char *dir, char *p, size_t len, struct dump_sums *sums)
{
	FILE *f = fmemopen(p, len, "r");
	struct err e = { .text = "" };
	int rc;

	CHECK(f != NULL);
	rc = dump_load(dir, f, on_progress, NULL, sums, &e);
	(void)fclose(f);
	CHECK((rc == -1) == (e.text[0] != '\0'));
	for (const char *s = e.text; *s != '\0'; s++)
		CHECK((unsigned char)*s >= ' ' && *s != 0x7f);
	return rc == 0;
}

static const char *
behind_ledger(const char *p)
{
	return p + MAGIC + HEAD + 6 + get_be32(p + MAGIC + 5) + CRC;
}

/* All but the ledger, which has the new tail, is as it was loaded. */
static void
check_same(const char *p, size_t len, const char *again, size_t again_len)
{
	const char *rest = behind_ledger(p), *rest_again = behind_ledger(again);
	size_t left = len - (size_t)(rest - p);

	CHECK(left == again_len - (size_t)(rest_again - again));
	CHECK(memcmp(p, again, MAGIC) == 0);
	CHECK(memcmp(rest, rest_again, left) == 0);
}

static void
check_spool(const char *dir, const struct dump_sums *sums, const char *p,
    size_t len)
{
	static const struct verify_owner owner = { on_damage, on_progress };
	struct verify_sums found;
	struct dump_sums dumped;
	struct offline sp;
	struct err e;
	char *again = NULL;
	size_t again_len = 0;
	FILE *f = open_memstream(&again, &again_len);

	CHECK(f != NULL);
	CHECK(offline_open(dir, false, &sp, &e) == 0);
	verify(&sp, &owner, NULL, &found);
	CHECK(found.messages == sums->messages &&
	    found.recipients == sums->recipients);
	CHECK(dump(&sp, f, on_progress, NULL, &dumped, &e) == 0);
	CHECK(memcmp(&dumped, sums, sizeof(dumped)) == 0);
	offline_close(&sp);
	CHECK(fclose(f) == 0);
	check_same(p, len, again, again_len);
	free(again);
}

static void
make_spool(char *p, size_t len, bool good, const struct dump_sums *sums)
{
	struct dump_sums loaded;
	char dir[sizeof(tmpdir) + 8], loading[sizeof(tmpdir) + 16];
	struct stat st;

	(void)snprintf(dir, sizeof(dir), "%s/spool", tmpdir);
	(void)snprintf(loading, sizeof(loading), "%s.loading", dir);
	CHECK(load(dir, p, len, &loaded) == good);
	CHECK(stat(loading, &st) == -1);
	if (!good) {
		CHECK(stat(dir, &st) == -1);
		return;
	}
	CHECK(memcmp(&loaded, sums, sizeof(loaded)) == 0);
	check_spool(dir, sums, p, len);
	CHECK(nftw(dir, tmpdir_remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0);
}

static void
start(void)
{
	if (tmpdir[0] != '\0')
		return;
	log_set_level(LOG_L_ERROR);
	(void)setenv("TMPDIR", "/dev/shm", 0); /* each spool is synced */
	(void)tmpdir_make();
	CHECK(atexit(tmpdir_remove) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dump_sums sums;
	bool good;
	size_t len = size - 1;
	char *p;

	if (size <= 1 + MAGIC)
		return 0;
	start();
	p = mem_alloc(len + END);
	memcpy(p, data + 1, len);
	if ((data[0] & OPT_SEAL) != 0)
		len = seal_stream(p, len);
	good = load(NULL, p, len, &sums);
	if (!good && (data[0] & OPT_SEAL) != 0) {
		balance(p, len, sums.recipients);
		good = load(NULL, p, len, &sums);
	}
	if (good || size % REFUSED_EACH == 0)
		make_spool(p, len, good, &sums);
	free(p);
	return 0;
}
