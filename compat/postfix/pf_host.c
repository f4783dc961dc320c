/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/postfix/pf_host.h"

#include <string.h>

#include "compat/host_files.h"
#include "lib/run_command.h"

#define FILE_MAX ((size_t)64 << 20)

/* By lines, without values: one may be a password. */
static void
add_complaints(struct pf_host *h, struct slice text)
{
	bool value = false;

	for (size_t i = 0; i < text.len; i++) {
		const char c = text.p[i];

		if (c == '\n')
			value = false;
		else if (value)
			continue;
		else if (c == '=' || c == '{')
			value = true;
		if (value)
			buf_str(&h->complaints, "...");
		else
			buf_byte(&h->complaints, c);
	}
}

/* What the program printed, in the region. */
static int
run(struct pf_host *h, const char *const *argv, struct slice *text_r,
    struct err *e)
{
	const struct command c = { .argv = argv, .output_max = FILE_MAX };
	struct command_end end = { 0 };
	int rc = command_must(&c, &end, e);

	*text_r = (struct slice){ "", 0 };
	if (rc == 0) {
		*text_r = (struct slice){
			region_dup(h->rg, end.out.p, end.out.len), end.out.len
		};
		add_complaints(h, (struct slice){ end.err.p, end.err.len });
	}
	command_end_fini(&end);
	return rc;
}

static int
read_file(struct pf_host *h, const char *path, struct slice *text_r,
    struct err *e)
{
	return host_file_text(path, FILE_MAX, h->rg, text_r, e);
}

int
pf_host_open(struct pf_host *h, struct region *rg, const char *folder,
    struct err *e)
{
	static const char *const argv[] = { "postconf", "-h",
		"config_directory", NULL };
	struct slice text;

	*h = (struct pf_host){ .rg = rg, .folder = folder };
	if (folder != NULL)
		return 0;
	if (run(h, argv, &text, e) == -1)
		return -1;
	h->folder = region_strndup(rg, text.p,
	    text.len - (text.len > 0 && text.p[text.len - 1] == '\n'));
	return 0;
}

void
pf_host_close(struct pf_host *h)
{
	buf_fini(&h->complaints);
}

static int
ask(struct pf_host *h, const char *option, const char *more,
    struct slice *text_r, struct err *e)
{
	const char *const argv[] = { "postconf", "-c", h->folder, option, more,
		NULL };

	return run(h, argv, text_r, e);
}

int
pf_host_read(struct pf_host *h, struct pf_conf *c, struct err *e)
{
	static const struct {
		const char *option, *more;
		void (*read)(struct pf_conf *c, struct slice text);
	} questions[] = {
		{ "-n", NULL, pf_conf_read_set },
		{ "-x", NULL, pf_conf_read_values },
		{ "-d", NULL, pf_conf_read_defaults },
		{ "-M", NULL, pf_conf_read_services },
		{ "-P", "-x", pf_conf_read_overrides },
	};
	struct slice text;
	struct err ignored;

	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
		size_t said = h->complaints.len;

		if (ask(h, questions[i].option, questions[i].more, &text, e) ==
		    -1)
			return -1;
		/* The same complaints each time: once is enough. */
		if (i > 0)
			h->complaints.len = said;
		questions[i].read(c, text);
	}
	if (read_file(h, REGION_JOIN(h->rg, h->folder, "/main.cf"), &text,
		&ignored) == 0)
		pf_conf_read_main(c, text);
	if (read_file(h, REGION_JOIN(h->rg, h->folder, "/master.cf"), &text,
		&ignored) == 0)
		pf_conf_read_master(c, text);
	return 0;
}

int
pf_host_fetch(void *ctx, enum pf_fetch how, const char *table,
    struct slice *text_r, struct err *e)
{
	struct pf_host *h = ctx;
	const char *const argv[] = { "postmap", "-c", h->folder, "-s", table,
		NULL };

	if (how == PF_FETCH_TEXT)
		return read_file(h, table, text_r, e);
	return run(h, argv, text_r, e);
}
