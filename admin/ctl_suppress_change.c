/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suppress add, suppress remove: addresses of the command line or of a file, a
 * few thousand a request.  Where there are several requests they are tried
 * first, so that what is wrong with the last line is known before anything
 * has changed.
 */
#include "admin/ctl_cmds.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/ctl_ask.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "mail/suppress_input.h"

enum {
	/* A request is at most a megabyte, and a byte takes six in JSON. */
	CHUNK_COUNT = 5000,
	CHUNK_BYTES = 150000,
	SUBJECT_MAX = 1000 /* nothing of that length is well formed */
};

struct subject {
	const char *text;
	uint64_t line; /* of the file; 0: a word of the command line */
};

struct change {
	const struct ctl_options *opt;
	const char *socket;
	struct region *rg;
	const char *file; /* NULL: none; "-": standard input */
	struct subject *all;
	size_t count, from; /* the first of this request */
	json_t *refused, *configured;
	json_int_t refused_count;
	json_int_t changed, unchanged;
	bool published, trying;
};

/* ---- what is given ------------------------------------------------------- */

static void
add_subject(struct change *c, struct slice text, uint64_t line)
{
	size_t len = text.len > SUBJECT_MAX ? SUBJECT_MAX : text.len;

	c->all = region_grow(c->rg, c->all, c->count, sizeof(*c->all));
	c->all[c->count++] =
	    (struct subject){ region_strndup(c->rg, text.p, len), line };
}

static int
read_lines(struct change *c, int *fd)
{
	struct input in;
	struct suppress_input *rows;
	struct suppress_row row;
	enum suppress_next got;
	struct err e;

	input_init(&in, input_read_fd, fd, SUPPRESS_INPUT_WINDOW);
	rows = suppress_input_new(&in, false, clock_wall_us() / US_PER_S);
	while ((got = suppress_input_next(rows, &row, &e)) == SUPPRESS_ROW)
		add_subject(c,
		    row.wrong == NULL ? row.subject : slice_of(row.wrong),
		    row.line);
	if (got == SUPPRESS_FAILED)
		(void)fprintf(stderr, "mailrace: %s: %s\n", c->file, e.text);
	suppress_input_free(&rows);
	input_fini(&in);
	return got == SUPPRESS_END ? 0 : -1;
}

static int
read_file(struct change *c)
{
	struct err e;
	int fd, rc;

	if (strcmp(c->file, "-") == 0) {
		fd = STDIN_FILENO;
		return read_lines(c, &fd);
	}
	fd = open(c->file, O_RDONLY | O_CLOEXEC);
	if (fd == -1) {
		(void)err_sys(&e, "%s", c->file);
		(void)fprintf(stderr, "mailrace: %s\n", e.text);
		return -1;
	}
	rc = read_lines(c, &fd);
	(void)close(fd);
	return rc;
}

static int
read_all(struct change *c)
{
	c->file = c->opt->values[OPT_FILE];
	for (size_t i = 0; i < c->opt->file_count; i++) {
		const char *word = c->opt->files[i];

		if (strcmp(word, "-") != 0)
			add_subject(c, slice_of(word), 0);
		else if (c->file == NULL)
			c->file = word;
	}
	if (c->file != NULL && read_file(c) == -1)
		return -1;
	if (c->count > 0)
		return 0;
	(void)fprintf(stderr, "mailrace: %s: no address is given\n",
	    c->opt->command);
	return -1;
}

/* ---- asking -------------------------------------------------------------- */

/* Where it stands, for people. */
static void
print_place(const struct change *c, const struct subject *s)
{
	if (s->line > 0)
		(void)fprintf(stderr, "mailrace: %s:%llu: ", c->file,
		    (unsigned long long)s->line);
	else
		(void)fprintf(stderr, "mailrace: ");
	(void)fprintf(stderr, "%.80s: ", s->text);
}

static void
on_item(void *ctx, const json_t *item)
{
	struct change *c = ctx;
	json_int_t n = json_integer_value(json_object_get(item, "n"));
	const char *why = json_string_value(json_object_get(item, "refused"));
	const char *file = json_string_value(json_object_get(item, "file"));
	const struct subject *s;

	if (n < 1 || (uint64_t)n > c->count - c->from ||
	    (why == NULL && c->trying))
		return;
	s = &c->all[c->from + (size_t)n - 1];
	(void)json_array_append_new(why != NULL ? c->refused : c->configured,
	    json_pack("{s:o,s:I,s:o}", "text", ctl_string(s->text), "line",
		(json_int_t)s->line, why != NULL ? "refused" : "in",
		ctl_string(why != NULL ? why :
			file == NULL   ? "" :
					 file)));
	if (c->opt->json)
		return;
	print_place(c, s);
	if (why != NULL)
		(void)fprintf(stderr, "%s\n", why);
	else
		(void)fprintf(stderr, "still listed in %s:%lld\n",
		    file == NULL ? "" : file,
		    (long long)json_integer_value(
			json_object_get(item, "line")));
}

static json_t *
request_of(const struct change *c, size_t count)
{
	json_t *r = ctl_request(c->opt), *addresses = json_array();

	for (size_t i = 0; i < count; i++)
		(void)json_array_append_new(addresses,
		    ctl_string(c->all[c->from + i].text));
	(void)json_object_set_new(r, "addresses", addresses);
	if (c->trying) {
		(void)json_object_set_new(r, "dry-run", json_true());
		(void)json_object_set_new(r, "skip-errors", json_true());
	}
	return r;
}

static size_t
chunk(const struct change *c)
{
	size_t n = 0, bytes = 0;

	while (c->from + n < c->count && n < CHUNK_COUNT && bytes < CHUNK_BYTES)
		bytes += strlen(c->all[c->from + n++].text) + 1;
	return n;
}

static json_int_t
number(const json_t *done, const char *key)
{
	return json_integer_value(json_object_get(done, key));
}

/* All of them; the exit status. */
static int
send_all(struct change *c, bool trying)
{
	int rc = 0;

	c->changed = c->unchanged = c->refused_count = 0;
	c->published = true;
	c->trying = trying;
	for (c->from = 0; c->from < c->count && rc == 0;) {
		size_t n = chunk(c);
		json_t *request = request_of(c, n), *done;
		struct err e;

		if (ctl_call(c->socket, request, on_item, c, &done, &e) == -1) {
			rc = done == NULL ? 2 : 1;
			(void)fprintf(stderr, "mailrace: %s\n", e.text);
		} else {
			c->changed += number(done, "added") +
			    number(done, "removed");
			c->unchanged += number(done, "there") +
			    number(done, "absent");
			c->refused_count += number(done, "refused");
			c->published &= !json_is_false(
			    json_object_get(done, "published"));
		}
		json_decref(request);
		json_decref(done);
		c->from += n;
	}
	return rc;
}

static int
run(struct change *c)
{
	bool skip = c->opt->values[OPT_SKIP_ERRORS] != NULL;
	int rc;

	c->from = 0;
	if (chunk(c) == c->count || skip || c->opt->values[OPT_DRY_RUN] != NULL)
		return send_all(c, false);
	rc = send_all(c, true);
	if (rc == 0 && c->refused_count > 0) {
		(void)fprintf(stderr,
		    "mailrace: %lld of %zu are refused: nothing was changed\n",
		    (long long)c->refused_count, c->count);
		return 1;
	}
	return rc == 0 ? send_all(c, false) : rc;
}

/* ---- the commands -------------------------------------------------------- */

static void
print_json(const struct change *c, bool adding)
{
	json_t *out = json_pack("{s:s,s:I,s:I,s:I,s:b,s:O}", "list",
	    c->opt->argument, adding ? "added" : "removed", c->changed,
	    adding ? "there" : "absent", c->unchanged, "refused",
	    c->refused_count, "published", (int)c->published, "refusals",
	    c->refused);

	if (!adding)
		(void)json_object_set(out, "configured", c->configured);
	ctl_print_json(out);
	json_decref(out);
}

static void
print_text(const struct change *c, bool adding)
{
	const char *would = c->opt->values[OPT_DRY_RUN] != NULL ? "would be " :
								  "";

	(void)printf("%lld %s%s %s, %lld %s.\n", (long long)c->changed, would,
	    adding ? "added to" : "removed from", c->opt->argument,
	    (long long)c->unchanged,
	    adding ? "were there already" : "were not there");
	if (c->refused_count > 0)
		(void)printf("%lld refused.\n", (long long)c->refused_count);
	if (!c->published)
		(void)printf("It is durable, but not published yet; see the "
			     "log of mailraced.\n");
}

static int
change(const struct ctl_options *opt, bool adding)
{
	struct change c = { .opt = opt };
	struct places at;
	int rc = 2;

	if (ctl_places(opt, &at) == -1)
		return 2;
	c.socket = at.control;
	c.rg = region_new();
	c.refused = json_array();
	c.configured = json_array();
	if (read_all(&c) == 0)
		rc = run(&c);
	if (rc == 0 && opt->json)
		print_json(&c, adding);
	else if (rc == 0)
		print_text(&c, adding);
	json_decref(c.refused);
	json_decref(c.configured);
	region_free(&c.rg);
	places_fini(&at);
	return rc;
}

int
cmd_suppress_add(const struct ctl_options *opt)
{
	return change(opt, true);
}

int
cmd_suppress_remove(const struct ctl_options *opt)
{
	return change(opt, false);
}
