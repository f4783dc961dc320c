/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What has been decided of a file that waits, beside it.
 *
 *	state = "mailrace-pickup 2 " recipients SP hash LF *line "end" LF
 *	line  = number SP ("taken" / "refused" SP reply) LF
 *
 * Numbers are those of the file's recipients, from 0; of others nothing is
 * decided.  The hash is SHA-256 of the file, in hex: of one that somebody has
 * changed since nobody can tell who those are.  It is written as a whole, under
 * its name when it is durable.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "transport/pickup_priv.h"

#define FIRST "mailrace-pickup 2 "
#define STATE_MODE 0600

/* More than all recipients with the longest replies is none of ours. */
enum { STATE_MAX = 128 << 20, HASH_LEN = 32 };

static void
state_name(const char *item_name, char out[NAME_MAX + 1])
{
	(void)snprintf(out, NAME_MAX + 1, PICKUP_STATE "%.*s",
	    NAME_MAX - (int)sizeof(PICKUP_STATE), item_name);
}

/* " HASH" */
static void
file_hash(const struct pickup_item *item, char out[2 + 2 * HASH_LEN])
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	CHECK(EVP_Digest(item->bytes.p == NULL ? "" : item->bytes.p,
		  item->bytes.len, hash, &len, EVP_sha256(), NULL) == 1 &&
	    len == HASH_LEN);
	out[0] = ' ';
	for (size_t i = 0; i < HASH_LEN; i++)
		(void)snprintf(out + 1 + 2 * i, 3, "%02x", hash[i]);
}

/* ---- writing ------------------------------------------------------------- */

static void
put_state(const struct pickup_item *item, struct buf *out)
{
	char hash[2 + 2 * HASH_LEN];

	file_hash(item, hash);
	buf_printf(out, FIRST "%zu%s\n", item->file.rcpt_count, hash);
	for (size_t i = 0; i < item->file.rcpt_count; i++) {
		if (item->fates[i] == PICKUP_TAKEN)
			buf_printf(out, "%zu taken\n", i);
		else if (item->fates[i] == PICKUP_REFUSED)
			buf_printf(out, "%zu refused %s\n", i, item->why[i]);
	}
	buf_str(out, "end\n");
}

int
pickup_state_write(const struct pickup_folders *f, struct pickup_item *item,
    struct err *e)
{
	char name[NAME_MAX + 1];
	struct buf text = { 0 };
	int rc;

	state_name(item->name, name);
	put_state(item, &text);
	item->has_state = true;
	rc = pickup_write(f->taken_fd, name, STATE_MODE, &text, e);
	if (rc == 0 && fsync(f->taken_fd) == -1)
		rc = err_sys(e, "%s", name);
	buf_fini(&text);
	if (rc == 0)
		item->unsaved = false;
	return rc;
}

/* ---- reading ------------------------------------------------------------- */

/* The next line, without its end; false: there is no whole one. */
static bool
next_line(struct slice *rest, struct slice *line_r)
{
	const char *lf = rest->len == 0 ? NULL :
					  memchr(rest->p, '\n', rest->len);

	if (lf == NULL)
		return false;
	*line_r = (struct slice){ rest->p, (size_t)(lf - rest->p) };
	rest->len -= line_r->len + 1;
	rest->p = lf + 1;
	return true;
}

static bool
take_word(struct slice *s, const char *word)
{
	size_t len = strlen(word);

	if (s->len < len || memcmp(s->p, word, len) != 0)
		return false;
	s->p += len;
	s->len -= len;
	return true;
}

/* Digits, below the limit. */
static bool
take_number(struct slice *s, size_t limit, size_t *n_r)
{
	size_t n = 0, i = 0;

	for (; i < s->len && s->p[i] >= '0' && s->p[i] <= '9'; i++) {
		n = n * 10 + (size_t)(s->p[i] - '0');
		if (n >= limit)
			return false;
	}
	s->p += i;
	s->len -= i;
	*n_r = n;
	return i > 0;
}

static bool
apply_line(struct slice line, struct pickup_item *item)
{
	size_t n;

	if (!take_number(&line, item->file.rcpt_count, &n))
		return false;
	if (slice_eq(line, " taken")) {
		item->fates[n] = PICKUP_TAKEN;
		return true;
	}
	if (!take_word(&line, " refused "))
		return false;
	item->fates[n] = PICKUP_REFUSED;
	item->why[n] = region_strndup(item->rg, line.p, line.len);
	return true;
}

static bool
apply(struct slice text, struct pickup_item *item)
{
	char hash[2 + 2 * HASH_LEN];
	struct slice line;
	size_t count;

	file_hash(item, hash);
	if (!next_line(&text, &line) || !take_word(&line, FIRST) ||
	    !take_number(&line, PICKUP_RCPTS_MAX + 1, &count) ||
	    !slice_eq(line, hash) || count != item->file.rcpt_count)
		return false;
	while (next_line(&text, &line)) {
		if (slice_eq(line, "end"))
			return text.len == 0;
		if (!apply_line(line, item))
			return false;
	}
	return false;
}

int
pickup_state_read(const struct pickup_folders *f, struct pickup_item *item,
    struct err *e)
{
	char name[NAME_MAX + 1];
	struct buf text = { 0 };
	int rc;

	state_name(item->name, name);
	rc = pickup_read_file(f->taken_fd, name, STATE_MAX, &text, e);
	item->has_state = rc != PICKUP_ABSENT;
	if (rc == PICKUP_ABSENT)
		rc = 0;
	else if (rc != 0)
		rc = err_where(e, "%s", name);
	else if (!apply((struct slice){ text.p, text.len }, item)) {
		(void)err_set(e,
		    "somebody has changed it since some of its recipients were "
		    "taken or refused, or %s, which says who",
		    name);
		rc = PICKUP_NEVER;
	}
	buf_fini(&text);
	return rc;
}

/* ---- the end ------------------------------------------------------------- */

/* The file is gone, and stays so before what was known of it goes. */
int
pickup_state_remove(const struct pickup_folders *f,
    const struct pickup_item *item, struct err *e)
{
	char name[NAME_MAX + 1];

	if (!item->has_state)
		return 0;
	state_name(item->name, name);
	if (fsync(f->taken_fd) == -1 ||
	    (unlinkat(f->taken_fd, name, 0) == -1 && errno != ENOENT))
		return err_sys(e, "%s", name);
	return 0;
}

int
pickup_state_keep(const struct pickup_folders *f,
    const struct pickup_item *item, const char *as, struct err *e)
{
	char name[NAME_MAX + 1];

	state_name(item->name, name);
	(void)unlinkat(f->bad_fd, as, 0); /* of an earlier try */
	if (linkat(f->taken_fd, name, f->bad_fd, as, 0) == -1)
		return errno == ENOENT ? PICKUP_ABSENT : err_sys(e, "%s", as);
	return fsync(f->bad_fd) == -1 ? err_sys(e, "%s", as) : 0;
}

void
pickup_state_orphan(const struct pickup_folders *f, const char *name)
{
	struct slice s = slice_of(name);
	struct stat st;

	if (take_word(&s, PICKUP_STATE) &&
	    fstatat(f->taken_fd, s.p, &st, AT_SYMLINK_NOFOLLOW) == -1 &&
	    errno == ENOENT)
		(void)unlinkat(f->taken_fd, name, 0);
}
