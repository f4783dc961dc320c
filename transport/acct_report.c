/* SPDX-License-Identifier: Apache-2.0 */
/*
 * show accounting, rotate acct: what the writer says of its acct-files.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "transport/acct.h"
#include "transport/control_priv.h"

struct errand {
	struct acct_ask ask;
	struct post home;
	struct control *control;
	struct ctl_request *request;
	char *path; /* to rotate; NULL: nothing */
};

static void
errand_free(struct errand *e)
{
	region_free(&e->ask.rg);
	free(e->path);
	free(e);
}

static void
on_facts(struct acct_ask *ask)
{
	struct errand *e = post_owner(ask, struct errand, ask);

	/* On the writer's thread. */
	worker_post(e->control->opt.main, &e->home);
}

static struct errand *
errand_new(struct control *c, struct ctl_request *r,
    void (*then)(struct post *))
{
	struct errand *e = mem_new(struct errand);

	e->control = c;
	e->request = r;
	e->home.fn = then;
	e->ask.commit = true;
	e->ask.done = on_facts;
	return e;
}

/* ---- show accounting ----------------------------------------------------- */

static const char *
kind_text(enum acct_kind kind)
{
	switch (kind) {
	case ACCT_FILE:
		return "file";
	case ACCT_PIPE:
		return "pipe";
	case ACCT_WEBHOOK:
		return "webhook";
	case ACCT_REDIS:
		return "redis";
	}
	CHECK_NEVER("a kind of acct-file");
}

/* Of the types that there are any of. */
static json_t *
rows_json(const uint64_t rows[ACCT_TYPES])
{
	json_t *out = json_object();

	for (int t = 0; t < ACCT_TYPES; t++)
		if (rows[t] > 0)
			(void)json_object_set_new(out,
			    acct_type_letter((enum acct_type)t),
			    json_integer((json_int_t)rows[t]));
	return out;
}

json_t *
control_acct_facts(const struct acct_facts *f)
{
	return json_pack("{s:o,s:s,s:o,s:o,s:I,s:I,s:I,s:o}", "path",
	    ctl_string(f->path), "kind", kind_text(f->kind), "file",
	    f->file[0] == '\0' ? json_null() : ctl_string(f->file), "rows",
	    rows_json(f->rows), "waiting_bytes", (json_int_t)f->waiting_bytes,
	    "behind_rows", (json_int_t)f->behind_rows, "dropped",
	    (json_int_t)f->dropped, "error",
	    f->error == NULL ? json_null() : ctl_string(f->error));
}

static void
answer_show(struct post *p)
{
	struct errand *e = post_owner(p, struct errand, home);
	json_int_t count = (json_int_t)e->ask.count;

	for (size_t i = 0; i < e->ask.count; i++)
		ctl_item(e->request, control_acct_facts(&e->ask.list[i]));
	ctl_done(e->request,
	    json_pack("{s:I,s:I}", "shown", count, "matched", count));
	errand_free(e);
}

void
control_show_accounting(struct control *c, struct ctl_request *r,
    const json_t *args)
{
	struct errand *e = errand_new(c, r, answer_show);

	(void)args;
	acct_ask(c->opt.acct, &e->ask);
}

/* ---- rotate acct --------------------------------------------------------- */

static void
answer_rotate(struct post *p)
{
	struct errand *e = post_owner(p, struct errand, home);

	if (!e->ask.found && e->path[0] != '\0')
		ctl_fail(e->request, "no acct-file is \"%s\"", e->path);
	else if (e->ask.failed > 0)
		ctl_fail(e->request,
		    "%u files finished; %u cannot be: see the log",
		    e->ask.rotated, e->ask.failed);
	else
		ctl_done(e->request,
		    json_pack("{s:I}", "rotated", (json_int_t)e->ask.rotated));
	errand_free(e);
}

void
control_rotate_acct(struct control *c, struct ctl_request *r,
    const json_t *args)
{
	struct errand *e = errand_new(c, r, answer_rotate);
	const char *path = control_text(args, "path");
	struct region *rg = region_new();

	if (path != NULL && path[0] == '/')
		path = acct_plain_path(rg, path);
	e->path = mem_strdup(path == NULL ? "" : path);
	region_free(&rg);
	e->ask.rotate = e->path;
	acct_ask(c->opt.acct, &e->ask);
}
