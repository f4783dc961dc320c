/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small files of a spool, with any content: the in-flight slots name only
 * recipients of slots whose checksum fits; the accounting state is read,
 * written and read again, or refused in words.
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
#include "tests/unit/tmpdir.h"
#include "transport/acct_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OPT_STATE = 1, OPT_SEAL = 2 };

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
seal_state(char *slot, size_t len)
{
	uint32_t used = get_be32(slot + 8);

	if (used < 16 || used > len - 12)
		used = (uint32_t)len - 12;
	put_be32(slot + 8, used);
	memcpy(slot, "MRA1", 4);
	slot[12] = 0; /* of the turn: no file has come to its end */
	put_be32(slot + 4, crc32c(0, slot + 8, used + 4));
}

static void
check_kept(void)
{
	const struct acct_state_file file = { 7, 8 };
	struct acct_state_file got = { 0, 0 };
	struct acct_state *s;
	struct err e;

	CHECK(acct_state_open(tmpdir, &s, &e) == 0);
	acct_state_begin(s, 42);
	acct_state_add(s, "/x.csv", &file);
	CHECK(acct_state_write(s, &e) == 0);
	acct_state_free(&s);
	CHECK(acct_state_open(tmpdir, &s, &e) == 0);
	CHECK(acct_state_next(s) == 42);
	CHECK(acct_state_find(s, "/x.csv", &got) && got.length == 7);
	acct_state_free(&s);
}

static void
read_state(unsigned options, char *p, size_t len)
{
	const size_t size = 2 * (size_t)ACCT_STATE_SLOT;
	char *slots = mem_zalloc(size);
	struct acct_state_file got;
	struct acct_state *s;
	struct err e = { .text = "" };

	len = len < size ? len : size;
	memcpy(slots, p, len);
	if (len > ACCT_STATE_SLOT + 28 && (options & OPT_SEAL) != 0)
		seal_state(slots + ACCT_STATE_SLOT, len - ACCT_STATE_SLOT);
	if (len > 28 && (options & OPT_SEAL) != 0)
		seal_state(slots,
		    len < ACCT_STATE_SLOT ? len : ACCT_STATE_SLOT);
	write_file("acct-state", slots, size);
	free(slots);
	if (acct_state_open(tmpdir, &s, &e) == -1) {
		CHECK(e.text[0] != '\0');
		return;
	}
	(void)acct_state_next(s);
	(void)acct_state_find(s, "/x.csv", &got);
	acct_state_free(&s);
	check_kept();
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
	}
	copy = mem_dup(data, size);
	if ((data[0] & OPT_STATE) != 0)
		read_state(data[0], copy + 1, size - 1);
	else
		read_slots(data[0], copy + 1, size - 1);
	free(copy);
	return 0;
}
