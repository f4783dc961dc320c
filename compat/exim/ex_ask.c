/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/exim/ex_ask.h"

#include <dirent.h>
#include <string.h>

#include "compat/host_files.h"
#include "lib/run_command.h"

#define FILE_MAX ((size_t)16 << 20)
#define EXPAND_MAX_S 120
#define NAMES_MAX 10000 /* in a folder */

void
ex_host_open(struct ex_host *h, struct region *rg, const char *config)
{
	*h = (struct ex_host){ .rg = rg, .config = config };
}

/* Where Exim says what is wrong: behind the lines about its own log. */
static struct slice
complaint(struct slice text)
{
	static const char *const marks[] = { "Exim configuration error",
		"non-existent configuration file", "failed to find" };
	struct slice line;

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		const char *p = text.len == 0 ?
		    NULL :
		    memmem(text.p, text.len, marks[i], strlen(marks[i]));
		const char *end;

		if (p == NULL)
			continue;
		/* Of an error in the configuration the line behind it, too. */
		end = memchr(p, '\n', (size_t)(text.p + text.len - p));
		if (end != NULL && i == 0)
			end = memchr(end + 1, '\n',
			    (size_t)(text.p + text.len - end - 1));
		line.p = p;
		line.len = (size_t)((end == NULL ? text.p + text.len : end) -
		    p);
		return line;
	}
	line = slice_trim(text);
	if (line.len > 0 && memchr(line.p, '\n', line.len) != NULL)
		line.len = (size_t)((const char *)memchr(line.p, '\n',
					line.len) -
		    line.p);
	return line;
}

static int
refused(const struct ex_host *h, const struct command_end *end, struct err *e)
{
	struct buf text = { 0 };
	struct slice said = complaint(
	    (struct slice){ end->err.p, end->err.len });

	for (size_t i = 0; i < said.len && text.len < 300; i++) {
		const char c = said.p[i];

		if (c != '\n')
			buf_byte(&text, c);
		else
			while (i + 1 < said.len && said.p[i + 1] == ' ')
				i++;
		if (c == '\n')
			buf_byte(&text, ' ');
	}
	(void)err_set(e, "%s: %s", h->program,
	    text.len == 0 ? "it failed, and says nothing" : buf_cstr(&text));
	buf_fini(&text);
	return -1;
}

/* What Exim printed, in the region; more may be NULL. */
static int
ask(struct ex_host *h, const char *option, const char *more, struct slice input,
    struct slice *text_r, struct err *e)
{
	const char *argv[8] = { h->program };
	struct command c = { .argv = argv,
		.input = input,
		.timeout_s = EXPAND_MAX_S,
		.output_max = FILE_MAX };
	struct command_end end = { 0 };
	size_t n = 1;
	int rc;

	if (h->config != NULL) {
		argv[n++] = "-C";
		argv[n++] = h->config;
	}
	argv[n++] = option;
	argv[n] = more;
	*text_r = (struct slice){ "", 0 };
	rc = command_run(&c, &end, e);
	if (rc == 0 && (end.killed || end.code != 0))
		rc = refused(h, &end, e);
	if (rc == 0 && end.out.len > 0)
		*text_r = (struct slice){
			region_dup(h->rg, end.out.p, end.out.len), end.out.len
		};
	command_end_fini(&end);
	return rc;
}

/* Debian calls it exim4; that one counts where there are both. */
static int
find_program(struct ex_host *h, struct slice *text_r, struct err *e)
{
	static const char *const names[] = { "exim4", "exim" };
	struct err ignored;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *const argv[] = { names[i], "-bV", NULL };
		const struct command c = { .argv = argv };
		struct command_end end = { 0 };
		int rc = command_run(&c, &end, &ignored);

		command_end_fini(&end);
		h->program = names[i];
		if (rc == 0)
			return ask(h, "-bP", NULL, (struct slice){ NULL, 0 },
			    text_r, e);
	}
	return err_set(e,
	    "exim: there is no such program: neither exim4 nor "
	    "exim");
}

int
ex_host_read(struct ex_host *h, struct ex_conf *c, struct err *e)
{
	static const struct {
		enum ex_conf_kind kind;
		const char *what;
	} questions[] = {
		{ EX_ROUTER, "routers" },
		{ EX_TRANSPORT, "transports" },
		{ EX_AUTHENTICATOR, "authenticators" },
	};
	const struct slice none = { NULL, 0 };
	struct slice text = none;

	if (find_program(h, &text, e) == -1 ||
	    ex_conf_read(c, EX_MAIN, text, e) == -1)
		return -1;
	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++)
		if (ask(h, "-bP", questions[i].what, none, &text, e) == -1 ||
		    ex_conf_read(c, questions[i].kind, text, e) == -1)
			return -1;
	if (ask(h, "-bP", "config", none, &text, e) == -1 ||
	    ex_conf_read_file(c, text, e) == -1)
		return -1;
	if (c->first[EX_ROUTER] == NULL)
		return err_set(e, "%s: it has no router: no mail goes out",
		    c->path[0] == '\0' ? h->program : c->path);
	return 0;
}

int
ex_host_fetch(void *ctx, const char *path, struct slice *text_r, struct err *e)
{
	const struct ex_host *h = ctx;

	return host_file_text(path, FILE_MAX, h->rg, text_r, e);
}

int
ex_host_list(void *ctx, const char *folder, const char ***names_r, size_t *n_r,
    struct err *e)
{
	const struct ex_host *h = ctx;
	DIR *dir = opendir(folder);
	const char **names = NULL;
	const struct dirent *d;
	size_t n = 0;

	if (dir == NULL)
		return err_sys(e, "%s", folder);
	/* glibc's readdir() shares nothing between two streams. */
	/* NOLINTNEXTLINE(concurrency-mt-unsafe) */
	while (n < NAMES_MAX && (d = readdir(dir)) != NULL) {
		names = region_grow(h->rg, names, n, sizeof(*names));
		names[n++] = region_strdup(h->rg, d->d_name);
	}
	(void)closedir(dir);
	*names_r = names;
	*n_r = n;
	return 0;
}

/* ---- expansion ------------------------------------------------------------- */

#define PROMPT "> "
#define FAILED "Failed: "

/*
 * Exim reads lines of 1,023 bytes, and what it joins of them into 16 KB; the
 * rest of either would be a text of its own, or lost.
 */
enum { LINE_BYTES = 1000, TEXT_BYTES = 15000 };

/* Expands to nothing: a text that begins with a capital would set a macro. */
#define NOTHING "\\N\\N"

/* Where a line may end: the next one's leading blanks are dropped. */
static size_t
line_end(const char *text, size_t len)
{
	size_t end = len < LINE_BYTES ? len : LINE_BYTES;

	while (end > 0 && end < len && (text[end] == ' ' || text[end] == '\t'))
		end--;
	return end;
}

int
ex_ask_add(struct buf *in, const char *text, struct err *e)
{
	size_t len = strlen(text);

	if (len > TEXT_BYTES)
		return err_set(e, "a text of %zu bytes: Exim takes %d of it",
		    len, TEXT_BYTES);
	/* It would go on in the text behind it. */
	if (strchr(text, '\n') != NULL || (len > 0 && text[len - 1] == '\\'))
		return err_set(e, "not a text of one line");
	buf_str(in, NOTHING);
	while (len > 0) {
		const size_t n = line_end(text, len);

		if (n == 0)
			return err_set(e, "a text with too many blanks");
		buf_add(in, text, n);
		text += n;
		len -= n;
		buf_str(in, len > 0 ? "\\\n" : "");
	}
	buf_byte(in, '\n');
	return 0;
}

/*
 * The values, one behind each prompt.  -1: one of them has several lines, or
 * Exim has stopped before the last.
 */
static int
read_values(struct ex_host *h, struct slice text, size_t n, const char **values,
    struct err *e)
{
	const size_t prompt = strlen(PROMPT);
	size_t i = 0;

	while (text.len > 0) {
		const char *lf = memchr(text.p, '\n', text.len);
		size_t len = lf == NULL ? text.len : (size_t)(lf - text.p);

		if (len >= prompt && memcmp(text.p, PROMPT, prompt) == 0) {
			if (i < n)
				values[i] = region_strndup(h->rg,
				    text.p + prompt, len - prompt);
			i++;
		} else {
			i = n + 2; /* a line of the value before */
		}
		text.p += len + (lf != NULL);
		text.len -= len + (lf != NULL);
	}
	if (i != n + 1)
		return err_set(e, "%s -be: not one line for each of %zu",
		    h->program, n);
	for (i = 0; i < n; i++)
		if (strncmp(values[i], FAILED, strlen(FAILED)) == 0)
			values[i] = NULL;
	return 0;
}

int
ex_host_expand(void *ctx, const char *const *texts, size_t n,
    const char **values, struct err *e)
{
	struct ex_host *h = ctx;
	struct slice text = { "", 0 };
	struct buf in = { 0 };
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++)
		rc = ex_ask_add(&in, texts[i], e);
	if (rc == 0)
		rc = ask(h, "-be", NULL, (struct slice){ in.p, in.len }, &text,
		    e);
	buf_fini(&in);
	if (rc != 0)
		return -1;
	return read_values(h, text, n, values, e);
}
