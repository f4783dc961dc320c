/* SPDX-License-Identifier: Apache-2.0 */
/* lint: what a configuration says in vain; see vmta/lint.h. */
#include <stdio.h>

#include "admin/ctl_ask.h"
#include "admin/ctl_cmds.h"
#include "admin/ctl_format.h"
#include "vmta/lint.h"

struct report {
	json_t *findings; /* NULL: print */
	size_t n;
};

static json_t *
limit_json(const struct lint_limit *s)
{
	if (s->directive == NULL && s->file == NULL)
		return json_null();
	return json_pack("{s:o,s:o,s:o,s:o,s:o}", "directive",
	    s->directive == NULL ? json_null() : ctl_string(s->directive),
	    "value", s->value == NULL ? json_null() : ctl_string(s->value),
	    "block", ctl_string(s->block), "file",
	    s->file == NULL ? json_null() : ctl_string(s->file), "line",
	    s->file == NULL ? json_null() : json_integer((json_int_t)s->line));
}

/* "FILE:LINE: max-smtp-out 30 in <virtual-mta a>" */
static void
print_limit(const struct lint_limit *s)
{
	if (s->file != NULL) {
		(void)ctl_print(s->file);
		(void)printf(":%u: ", s->line);
	}
	if (s->directive == NULL) {
		(void)ctl_print(s->block);
		return;
	}
	(void)ctl_print(s->directive);
	(void)printf(" ");
	(void)ctl_print(s->value);
	if (s->block[0] != '\0') {
		(void)printf(" in ");
		(void)ctl_print(s->block);
	} else if (s->file == NULL) {
		(void)printf(", the default");
	}
}

static void
print_finding(const struct lint_finding *f)
{
	print_limit(&f->limit);
	(void)printf("\n    %s", f->what);
	if (f->numbers[0] != '\0')
		(void)printf(": %s", f->numbers);
	if (f->by.directive != NULL || f->by.file != NULL) {
		(void)printf("\n    because of ");
		print_limit(&f->by);
	}
	(void)printf("\n    %s\n", f->advice);
}

static void
take(void *ctx, const struct lint_finding *f)
{
	struct report *r = ctx;

	r->n++;
	if (r->findings == NULL) {
		print_finding(f);
		return;
	}
	(void)json_array_append_new(r->findings,
	    json_pack("{s:s,s:s,s:s,s:s,s:o,s:o}", "kind", f->word, "what",
		f->what, "numbers", f->numbers, "advice", f->advice, "limit",
		limit_json(&f->limit), "by", limit_json(&f->by)));
}

static void
print_verdict(const struct report *r, const char *path, bool complete)
{
	json_t *answer;

	if (r->findings != NULL) {
		answer = json_pack("{s:b,s:b,s:O}", "clean", r->n == 0,
		    "complete", complete, "findings", r->findings);
		ctl_print_json(answer);
		json_decref(answer);
		return;
	}
	if (!complete)
		(void)fprintf(stderr,
		    "mailrace: %s is too large: not all of it was compared\n",
		    path);
	else if (r->n == 0)
		(void)printf("%s: nothing is in vain.\n", path);
}

int
cmd_lint(const struct ctl_options *opt)
{
	/* What this host lacks is no matter of limits. */
	struct conf_errors errs = { .portable = true };
	const char *path = opt->argument == NULL ? opt->config : opt->argument;
	struct snapshot *conf = snapshot_load(path, &errs);
	struct report r = { 0 };
	bool complete;

	if (conf == NULL)
		ctl_print_errors(&errs);
	conf_errors_fini(&errs);
	if (conf == NULL)
		return 2;
	if (opt->json)
		r.findings = json_array();
	complete = lint_run(conf, take, &r);
	print_verdict(&r, path, complete);
	json_decref(r.findings);
	snapshot_unref(&conf);
	return r.n == 0 && complete ? 0 : 1;
}
