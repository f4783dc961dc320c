/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/acct_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "lib/str.h"
#include "queue/crc32c.h"

enum {
	HEAD = 12,
	LEDGER = 8, /* numbers */
	AT_TURN = HEAD,
	AT_ORIGIN = AT_TURN + 8,
	AT_NEXT = AT_ORIGIN + 4,
	AT_LEDGER = AT_NEXT + 8,
	FIXED = AT_LEDGER + LEDGER * 8,
	NUMBERS = 14 + ACCT_TYPES, /* of an entry */
	ENTRY = NUMBERS * 8 + 2 + 2,
	FIXED_1 = HEAD + 16, /* of MRA1 */
	ENTRY_1 = 18
};

#define MAGIC UINT32_C(0x4d524132)   /* "MRA2" */
#define MAGIC_1 UINT32_C(0x4d524131) /* "MRA1" */

struct acct_state {
	int fd;
	char *path;
	uint64_t turn;   /* of the newest slot; the next goes to the other */
	uint32_t origin; /* of record ids; made with the file */
	struct buf slot; /* read, or being made */
};

/* ---- an entry as bytes --------------------------------------------------- */

static void
list_numbers(struct acct_state_entry *en, uint64_t *list[NUMBERS])
{
	uint64_t *const first[] = { &en->next, &en->inode, &en->length,
		&en->crc, &en->begun_us, &en->file_rows, &en->cursor_number,
		&en->cursor_offset, &en->dropped, &en->takes, &en->base_rows_d,
		&en->base_rows_b, &en->base_ledger_d, &en->base_ledger_b };
	size_t n = sizeof(first) / sizeof(first[0]);

	memcpy(list, first, sizeof(first));
	for (size_t i = 0; i < ACCT_TYPES; i++)
		list[n++] = &en->rows[i];
	CHECK(n == NUMBERS);
}

static void
add_text(struct buf *out, const char *p, size_t len)
{
	char head[2];

	put_be16(head, (uint16_t)len);
	buf_add(out, head, sizeof(head));
	buf_add(out, p, len);
}

void
acct_state_add(struct acct_state *s, const struct acct_state_entry *en)
{
	struct acct_state_entry copy = *en;
	uint64_t *list[NUMBERS];
	char number[8];

	CHECK(en->name_len <= 255 && en->tag_len <= 32768);
	put_be16(number, (uint16_t)(ENTRY + en->name_len + en->tag_len));
	buf_add(&s->slot, number, 2);
	list_numbers(&copy, list);
	for (size_t i = 0; i < NUMBERS; i++) {
		put_be64(number, *list[i]);
		buf_add(&s->slot, number, sizeof(number));
	}
	add_text(&s->slot, en->name, en->name_len);
	add_text(&s->slot, en->tag, en->tag_len);
}

static bool
take_text(const char **p, const char *end, const char **text_r, size_t *len_r)
{
	if (end - *p < 2 || end - *p - 2 < get_be16(*p))
		return false;
	*len_r = get_be16(*p);
	*text_r = *p + 2;
	*p += 2 + *len_r;
	return true;
}

bool
acct_state_each(const struct acct_state *s, size_t *at,
    struct acct_state_entry *e_r)
{
	const char *p = s->slot.p + FIXED + *at, *end = s->slot.p + s->slot.len;
	uint64_t *list[NUMBERS];
	size_t len;

	if (end - p < 2 || (size_t)(end - p - 2) < get_be16(p))
		return false;
	len = get_be16(p);
	*at += 2 + len;
	p += 2;
	end = p + len;
	if (len < ENTRY)
		return false;
	list_numbers(e_r, list);
	for (size_t i = 0; i < NUMBERS; i++, p += 8)
		*list[i] = get_be64(p);
	return take_text(&p, end, &e_r->name, &e_r->name_len) &&
	    take_text(&p, end, &e_r->tag, &e_r->tag_len);
}

bool
acct_state_find(const struct acct_state *s, const char *tag,
    struct acct_state_entry *e_r)
{
	size_t at = 0;

	while (acct_state_each(s, &at, e_r))
		if (e_r->tag_len == strlen(tag) &&
		    memcmp(e_r->tag, tag, e_r->tag_len) == 0)
			return true;
	return false;
}

/* ---- the front of a slot ------------------------------------------------- */

uint64_t
acct_state_next(const struct acct_state *s)
{
	return get_be64(s->slot.p + AT_NEXT);
}

uint32_t
acct_state_origin(const struct acct_state *s)
{
	return s->origin;
}

void
acct_state_ledger(const struct acct_state *s, struct store_ledger *l_r)
{
	const char *p = s->slot.p + AT_LEDGER;

	*l_r = (struct store_ledger){
		.accepted = get_be64(p),
		.delivered = get_be64(p + 8),
		.failed = get_be64(p + 16),
		.expired = get_be64(p + 24),
		.suppressed = get_be64(p + 32),
		.deleted = get_be64(p + 40),
		.unrecorded_d = get_be64(p + 48),
		.unrecorded_b = get_be64(p + 56),
	};
}

void
acct_state_begin(struct acct_state *s, uint64_t next,
    const struct store_ledger *l)
{
	char fixed[FIXED] = { 0 };
	char *p = fixed + AT_LEDGER;

	put_be32(fixed + AT_ORIGIN, s->origin);
	put_be64(fixed + AT_NEXT, next);
	put_be64(p, l->accepted);
	put_be64(p + 8, l->delivered);
	put_be64(p + 16, l->failed);
	put_be64(p + 24, l->expired);
	put_be64(p + 32, l->suppressed);
	put_be64(p + 40, l->deleted);
	put_be64(p + 48, l->unrecorded_d);
	put_be64(p + 56, l->unrecorded_b);
	buf_clear(&s->slot);
	buf_add(&s->slot, fixed, sizeof(fixed));
}

/* ---- reading ------------------------------------------------------------- */

/* How slots of one form look. */
struct form {
	uint32_t magic;
	size_t slot, fixed;
};

static const struct form form_2 = { MAGIC, ACCT_STATE_SLOT, FIXED };
static const struct form form_1 = { MAGIC_1, ACCT_STATE_SLOT_1, FIXED_1 };

static bool
slot_is_good(const struct form *f, const char *p)
{
	uint32_t len = get_be32(p + 8);

	return get_be32(p) == f->magic && len >= f->fixed - HEAD &&
	    len <= f->slot - HEAD &&
	    get_be32(p + 4) == crc32c(0, p + 8, len + 4);
}

/* The newer of the good ones; false: there is none. */
static bool
take_slot(struct acct_state *s, const struct form *f, const char *slots,
    size_t size)
{
	for (size_t i = 0; i < 2 && (i + 1) * f->slot <= size; i++) {
		const char *p = slots + i * f->slot;

		if (!slot_is_good(f, p) || get_be64(p + AT_TURN) <= s->turn)
			continue;
		s->turn = get_be64(p + AT_TURN);
		buf_clear(&s->slot);
		buf_add(&s->slot, p, HEAD + get_be32(p + 8));
	}
	return s->turn > 0;
}

/*
 * From the first form: an acct-file had one file, of the name that is now its
 * tag.  What stands behind its length is still to be cut off.
 */
static void
convert(struct acct_state *s)
{
	struct buf old = s->slot;
	const char *p = old.p + FIXED_1, *end = old.p + old.len;
	size_t len;

	s->slot = (struct buf){ 0 };
	acct_state_begin(s, get_be64(old.p + HEAD + 8),
	    &(struct store_ledger){ 0 });
	for (; end - p >= ENTRY_1; p += ENTRY_1 + len) {
		struct acct_state_entry en = { .next = acct_state_next(s),
			.length = get_be64(p),
			.inode = get_be64(p + 8),
			.tag = p + ENTRY_1 };
		const char *slash;

		len = get_be16(p + 16);
		if ((size_t)(end - p) < ENTRY_1 + len)
			break;
		slash = memrchr(en.tag, '/', len);
		if (slash == NULL)
			continue;
		en.tag_len = len;
		en.name = slash + 1;
		en.name_len = (size_t)(en.tag + len - en.name);
		if (en.name_len <= 255)
			acct_state_add(s, &en);
	}
	buf_fini(&old);
}

static bool
is_zero(const char *p, size_t len)
{
	return len == 0 || (p[0] == 0 && memcmp(p, p + 1, len - 1) == 0);
}

/* ---- writing ------------------------------------------------------------- */

int
acct_state_write(struct acct_state *s, struct err *e)
{
	uint64_t turn = s->turn + 1;
	size_t len = s->slot.len;
	char *p = s->slot.p;

	if (len > ACCT_STATE_SLOT)
		return err_set(e,
		    "the paths of the accounting files are longer "
		    "than %d bytes together",
		    (int)ACCT_STATE_SLOT);
	put_be64(p + AT_TURN, turn);
	put_be32(p, MAGIC);
	put_be32(p + 8, (uint32_t)(len - HEAD));
	put_be32(p + 4, crc32c(0, p + 8, len - 8));
	errno = ENOSPC; /* a short write says nothing else */
	if (pwrite(s->fd, p, len, (off_t)(turn % 2) * ACCT_STATE_SLOT) !=
		(ssize_t)len ||
	    fdatasync(s->fd) == -1)
		return err_sys(e, "%s", s->path);
	s->turn = turn;
	return 0;
}

static int
sync_folder(const char *dir, struct err *e)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;

	if (fd == -1 || fsync(fd) == -1)
		rc = err_sys(e, "%s", dir);
	if (fd != -1)
		(void)close(fd);
	return rc;
}

/* All blocks of it, and s->slot in the first of both. */
static int
fill_file(struct acct_state *s, struct err *e)
{
	const size_t size = 2 * (size_t)ACCT_STATE_SLOT;
	char *zeros = mem_zalloc(size);
	int rc = 0;

	errno = ENOSPC;
	if (ftruncate(s->fd, 0) == -1 ||
	    pwrite(s->fd, zeros, size, 0) != (ssize_t)size)
		rc = err_sys(e, "%s", s->path);
	free(zeros);
	s->turn = 0;
	if (rc == 0 && (rc = acct_state_write(s, e)) == 0 && fsync(s->fd) == -1)
		rc = err_sys(e, "%s", s->path);
	return rc;
}

/* In place of what is there, or is not; by its name, so that no crash is
 * between the two. */
static int
make_file(struct acct_state *s, const char *dir, struct err *e)
{
	struct buf new = { 0 };
	const char *path;
	int rc;

	buf_printf(&new, "%s.new", s->path);
	path = buf_cstr(&new);
	if (s->fd != -1)
		(void)close(s->fd);
	s->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	rc = s->fd == -1 ? err_sys(e, "%s", path) : fill_file(s, e);
	if (rc == 0 && rename(path, s->path) == -1)
		rc = err_sys(e, "%s", s->path);
	if (rc == 0)
		rc = sync_folder(dir, e);
	buf_fini(&new);
	return rc;
}

/* ---- life ---------------------------------------------------------------- */

static int
make_new(struct acct_state *s, const char *dir, struct err *e)
{
	while (getrandom(&s->origin, sizeof(s->origin), 0) !=
	    (ssize_t)sizeof(s->origin))
		;
	acct_state_begin(s, 0, &(struct store_ledger){ 0 });
	return make_file(s, dir, e);
}

static int
upgrade(struct acct_state *s, const char *dir, struct err *e)
{
	while (getrandom(&s->origin, sizeof(s->origin), 0) !=
	    (ssize_t)sizeof(s->origin))
		;
	convert(s);
	return make_file(s, dir, e);
}

static int
read_slots(struct acct_state *s, const char *dir, const char *slots,
    size_t size, struct err *e)
{
	if (take_slot(s, &form_2, slots, size)) {
		s->origin = get_be32(s->slot.p + AT_ORIGIN);
		return 0;
	}
	if (take_slot(s, &form_1, slots, size))
		return upgrade(s, dir, e);
	if (is_zero(slots, size)) /* one that was not more than begun */
		return make_new(s, dir, e);
	return err_set(e,
	    "%s: neither of its two states can be read; without it records "
	    "would be lost or written twice; move it away to start all the "
	    "same",
	    s->path);
}

static int
read_file(struct acct_state *s, const char *dir, struct err *e)
{
	const size_t size = 2 * (size_t)ACCT_STATE_SLOT;
	char *slots = mem_zalloc(size);
	ssize_t n = pread(s->fd, slots, size, 0);
	int rc;

	rc = n == -1 ? err_sys(e, "%s", s->path) :
		       read_slots(s, dir, slots, size, e);
	free(slots);
	return rc;
}

int
acct_state_open(const char *dir, struct acct_state **s_r, struct err *e)
{
	struct acct_state *s = mem_new(struct acct_state);
	struct buf path = { 0 };
	int rc;

	buf_printf(&path, "%s/acct-state", dir);
	s->path = buf_take(&path, NULL);
	s->fd = open(s->path, O_RDWR | O_CLOEXEC);
	if (s->fd != -1)
		rc = read_file(s, dir, e);
	else if (errno == ENOENT)
		rc = make_new(s, dir, e);
	else
		rc = err_sys(e, "%s", s->path);
	if (rc == -1)
		acct_state_free(&s);
	*s_r = s;
	return rc;
}

void
acct_state_free(struct acct_state **sp)
{
	struct acct_state *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	if (s->fd != -1)
		(void)close(s->fd);
	buf_fini(&s->slot);
	free(s->path);
	free(s);
}
