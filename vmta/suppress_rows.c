/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/suppress_rows.h"

#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/regex_set.h"
#include "mail/addr.h"
#include "vmta/domain_map.h"

enum {
	MISTAKES_MAX = 20, /* told of one file */
	SLOTS_FIRST = 16,  /* a power of two, as all its successors */
	LINE_MAX_LEN = 1000
};

struct row {
	uint32_t text; /* where it begins in the block */
	uint32_t line;
	uint32_t file; /* its number */
};

/* The numbers of regex_set and those of `patterns` are the same. */
struct suppress_rows {
	struct region *rg;
	struct region *work; /* for one row at a time, while it is filled */
	struct buf block;    /* texts, each with its NUL */
	struct row *rows;
	size_t count, cap;
	uint32_t *slots; /* number of the row + 1; 0: free */
	size_t slot_count;
	const char **files;
	size_t file_count;
	struct regex_set *regexes;
	struct suppress_row *patterns;
	size_t pattern_count;
	struct domain_map *domains; /* of struct suppress_row */
	size_t domain_count;
};

struct suppress_rows *
suppress_rows_new(struct region *rg)
{
	struct suppress_rows *r = mem_new(struct suppress_rows);

	r->rg = rg;
	r->work = region_new();
	r->slot_count = SLOTS_FIRST;
	r->slots = mem_array(r->slot_count, sizeof(r->slots[0]));
	r->regexes = regex_set_new();
	r->domains = domain_map_new(rg);
	return r;
}

void
suppress_rows_free(struct suppress_rows **rp)
{
	struct suppress_rows *r = *rp;

	*rp = NULL;
	if (r == NULL)
		return;
	if (r->work != NULL)
		region_free(&r->work);
	buf_fini(&r->block);
	free(r->rows);
	free(r->slots);
	free(r->files);
	regex_set_free(&r->regexes);
	free(r->patterns);
	domain_map_free(&r->domains);
	free(r);
}

/* ---- the table ----------------------------------------------------------- */

/* FNV-1a: the texts are those of our own configuration. */
static uint64_t
hash_of(const char *text, size_t len)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
	return h ^ h >> 32;
}

/* The slot of the text, or the free one where it belongs. */
static uint32_t *
find_slot(const struct suppress_rows *r, const char *text, size_t len)
{
	size_t mask = r->slot_count - 1;

	for (size_t i = hash_of(text, len) & mask;; i = (i + 1) & mask) {
		const char *there;

		if (r->slots[i] == 0)
			return &r->slots[i];
		there = r->block.p + r->rows[r->slots[i] - 1].text;
		if (strncmp(there, text, len) == 0 && there[len] == '\0')
			return &r->slots[i];
	}
}

/* At most half of the slots are in use, so that searches stay short. */
static void
make_room(struct suppress_rows *r, size_t more)
{
	size_t wanted = r->slot_count, need = r->count + more;

	CHECK(need < UINT32_MAX / 4);
	if (need > r->cap) {
		r->cap = more > r->cap ? need : r->cap * 2;
		r->rows = mem_realloc(r->rows, r->cap * sizeof(r->rows[0]));
	}
	while (need * 2 > wanted)
		wanted *= 2;
	if (wanted == r->slot_count)
		return;
	free(r->slots);
	r->slots = mem_array(wanted, sizeof(r->slots[0]));
	r->slot_count = wanted;
	for (size_t i = 0; i < r->count; i++) {
		const char *text = r->block.p + r->rows[i].text;

		*find_slot(r, text, strlen(text)) = (uint32_t)(i + 1);
	}
}

static uint32_t
number_of_file(struct suppress_rows *r, const char *file)
{
	if (r->file_count > 0 && strcmp(r->files[r->file_count - 1], file) == 0)
		return (uint32_t)(r->file_count - 1);
	r->files = mem_realloc(r->files,
	    (r->file_count + 1) * sizeof(r->files[0]));
	r->files[r->file_count] = file;
	return (uint32_t)r->file_count++;
}

static int
keep(struct suppress_rows *r, const char *text, const struct suppress_row *at,
    struct err *e)
{
	size_t len = strlen(text);
	uint32_t *slot;

	if (r->block.len + len >= UINT32_MAX)
		return err_set(e, "the list has more than 4 GB of addresses");
	make_room(r, 1);
	slot = find_slot(r, text, len);
	if (*slot != 0)
		return 0;
	r->rows[r->count++] = (struct row){ (uint32_t)r->block.len, at->line,
		number_of_file(r, at->file) };
	*slot = (uint32_t)r->count;
	buf_add(&r->block, text, len + 1);
	return 0;
}

/* ---- rows ---------------------------------------------------------------- */

/* A local part alone, as the list compares it. */
static int
local_part(const struct suppress_norm *n, const char *local, struct region *rg,
    const char **text_r, struct err *e)
{
	const char *text;

	if (suppress_norm_address(n,
		slice_of(REGION_JOIN(rg, local, "@x.invalid", NULL)), rg, &text,
		e) == -1)
		return -1;
	*text_r = region_strndup(rg, text, (size_t)(strrchr(text, '@') - text));
	return 0;
}

static int
add(struct suppress_rows *r, const struct suppress_norm *n, struct slice s,
    const struct suppress_row *at, struct err *e)
{
	const char *text;
	struct addr a;

	if (s.len > 2 && s.p[0] == '*' && s.p[1] == '@')
		return suppress_rows_add_domain(r,
		    region_strndup(r->work, s.p + 2, s.len - 2), false, at, e);
	switch (addr_parse(s, r->work, &a)) {
	case ADDR_OK:
		if (suppress_norm_address(n, s, r->work, &text, e) == -1)
			return -1;
		return keep(r, text, at, e);
	case ADDR_NO_DOMAIN:
		if (local_part(n, a.text, r->work, &text, e) == -1)
			return -1;
		return keep(r, text, at, e);
	case ADDR_SYNTAX:
	case ADDR_TOO_LONG:
	case ADDR_BAD_DOMAIN:
		break;
	}
	return err_set(e, "\"%.*s\" is not an address or local part",
	    s.len > 100 ? 100 : (int)s.len, s.p);
}

int
suppress_rows_add(struct suppress_rows *r, const struct suppress_norm *n,
    struct slice text, const struct suppress_row *at, struct err *e)
{
	int rc;

	CHECK(r->work != NULL);
	rc = add(r, n, slice_trim(text), at, e);
	region_reset(r->work);
	return rc;
}

int
suppress_rows_add_pattern(struct suppress_rows *r, struct slice pattern,
    const struct suppress_row *at, struct err *e)
{
	if (regex_set_add(r->regexes, pattern, e) == -1)
		return -1;
	r->patterns = mem_realloc(r->patterns,
	    (r->pattern_count + 1) * sizeof(r->patterns[0]));
	r->patterns[r->pattern_count++] = *at;
	return 0;
}

int
suppress_rows_add_domain(struct suppress_rows *r, const char *pattern,
    bool from_macro, const struct suppress_row *at, struct err *e)
{
	struct suppress_row *row = region_dup(r->rg, at, sizeof(*at));

	if (domain_map_add(r->domains, pattern, from_macro, row, e) == -1)
		return -1;
	r->domain_count++;
	return 0;
}

/* ---- a file of them ------------------------------------------------------ */

static int
add_line(struct suppress_rows *r, const struct suppress_norm *n,
    struct slice line, const struct suppress_row *at, struct err *e)
{
	if (line.len > LINE_MAX_LEN)
		return err_set(e, "a line of more than %d bytes", LINE_MAX_LEN);
	if (line.len > 1 && line.p[0] == '/' && line.p[line.len - 1] == '/')
		return err_set(e,
		    "patterns stand in the configuration (address /.../)");
	return suppress_rows_add(r, n, line, at, e);
}

static size_t
count_lines(struct slice text)
{
	const char *p = text.p, *end = text.p + text.len;
	size_t n = 1;

	while (p < end && (p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		p++;
		n++;
	}
	return n;
}

void
suppress_rows_add_text(struct suppress_rows *r, const struct suppress_norm *n,
    struct slice text, const char *file, struct conf_errors *errs)
{
	static const char bom[] = "\xef\xbb\xbf";
	struct suppress_row at = { file, 0 };
	unsigned mistakes = 0;
	struct err e;

	make_room(r, count_lines(text));
	buf_reserve(&r->block, text.len);
	if (text.len >= 3 && memcmp(text.p, bom, 3) == 0)
		text = (struct slice){ text.p + 3, text.len - 3 };
	while (text.len > 0 && mistakes < MISTAKES_MAX) {
		const char *lf = memchr(text.p, '\n', text.len);
		size_t len = lf == NULL ? text.len : (size_t)(lf - text.p);
		struct slice line = { text.p, len };

		text.p += len + (lf != NULL);
		text.len -= len + (lf != NULL);
		at.line++;
		if (line.len > 0 && line.p[line.len - 1] == '\r')
			line.len--;
		line = slice_trim(line);
		if (line.len == 0 || line.p[0] == '#' ||
		    add_line(r, n, line, &at, &e) == 0)
			continue;
		mistakes++;
		conf_error(errs, file, at.line, "%s%s", e.text,
		    mistakes < MISTAKES_MAX ? "" : "; the rest was not read");
	}
}

void
suppress_rows_seal(struct suppress_rows *r)
{
	regex_set_seal(r->regexes);
	region_free(&r->work);
}

size_t
suppress_rows_count(const struct suppress_rows *r)
{
	return r->count + r->pattern_count + r->domain_count;
}

size_t
suppress_rows_patterns(const struct suppress_rows *r)
{
	return r->pattern_count;
}

/* ---- looking ------------------------------------------------------------- */

static bool
find_text(const struct suppress_rows *r, const char *text, size_t len,
    struct suppress_row *row_r)
{
	uint32_t n = r->count == 0 ? 0 : *find_slot(r, text, len);

	if (n == 0)
		return false;
	*row_r = (struct suppress_row){ r->files[r->rows[n - 1].file],
		r->rows[n - 1].line };
	return true;
}

/* The most specific one comes last. */
static void
on_domain(void *ctx, const void *value)
{
	memcpy(ctx, value, sizeof(struct suppress_row));
}

static bool
find_domain(const struct suppress_rows *r, const char *domain,
    struct suppress_row *row_r)
{
	*row_r = (struct suppress_row){ NULL, 0 };
	domain_map_match(r->domains, domain, on_domain, row_r);
	return row_r->file != NULL;
}

static bool
find_pattern(const struct suppress_rows *r, const char *text, size_t len,
    struct suppress_row *row_r)
{
	struct regex_scan scan;
	int i;

	for (regex_scan_init(&scan, r->regexes, text, len);
	     (i = regex_scan_next(&scan)) >= 0;)
		if (regex_scan_matches(&scan, i)) {
			*row_r = r->patterns[i];
			return true;
		}
	return false;
}

bool
suppress_rows_find(const struct suppress_rows *r,
    const struct suppress_probe *p, struct suppress_row *row_r)
{
	const char *at = p->text == NULL ? NULL : strrchr(p->text, '@');
	size_t len = p->text == NULL ? 0 : strlen(p->text);

	CHECK(r->work == NULL);
	if (p->text != NULL && find_text(r, p->text, len, row_r))
		return true;
	if (at != NULL &&
	    (find_text(r, p->text, (size_t)(at - p->text), row_r) ||
		(r->domain_count > 0 && find_domain(r, at + 1, row_r))))
		return true;
	if (r->pattern_count == 0)
		return false;
	if (p->pattern != NULL &&
	    find_pattern(r, p->pattern, strlen(p->pattern), row_r))
		return true;
	return (p->pattern == NULL || !slice_eq(p->given, p->pattern)) &&
	    find_pattern(r, p->given.p, p->given.len, row_r);
}
