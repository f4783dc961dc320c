/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hold, release, requeue, delete: of messages by their ids, as postsuper takes
 * them, or of what the selectors of list choose.
 */
#include "admin/ctl_cmds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/ctl_ask.h"

/* What postsuper says. */
struct words {
	const char *key;  /* in the answer: how many recipients */
	const char *done; /* of a message */
	const char *sum;
	const char
	    *chosen; /* in place of sum, of what selectors choose; or NULL */
};

struct holding {
	struct ctl_options opt; /* of one message, or of a selection */
	const struct words *words;
	json_int_t rcpts, sending;
	size_t messages;
	bool dry_run;
	int rc; /* the worst */
};

/* ---- asking -------------------------------------------------------------- */

/* Recipients that were changed; the rest is added up. */
static json_int_t
ask(struct holding *h)
{
	struct answer a;
	int rc = ctl_ask(&h->opt, &a);
	json_int_t n = 0;

	if (rc == 0) {
		n = json_integer_value(json_object_get(a.done, h->words->key));
		h->rcpts += n;
		h->sending += json_integer_value(
		    json_object_get(a.done, "sending"));
	}
	if (rc > h->rc)
		h->rc = rc;
	ctl_answer_fini(&a);
	return n;
}

static void
ask_message(struct holding *h, const char *id)
{
	h->opt.values[OPT_ID] = id;
	if (ask(h) == 0)
		return;
	h->messages++;
	if (h->opt.json)
		return;
	(void)ctl_print(id);
	(void)printf(": %s%s\n", h->dry_run ? "would be " : "", h->words->done);
}

/* The first word of each line of standard input, as `postsuper -h -' does. */
static void
ask_lines(struct holding *h)
{
	char *line = NULL, *rest, *id;
	size_t cap = 0;

	while (h->rc < 2 && getline(&line, &cap, stdin) != -1) {
		id = strtok_r(line, " \t\r\n", &rest);
		if (id != NULL)
			ask_message(h, id);
	}
	free(line);
}

/* ---- the answer ---------------------------------------------------------- */

static void
print_json(const struct holding *h)
{
	json_t *done = json_pack("{s:I,s:I,s:b}", h->words->key, h->rcpts,
	    "sending", h->sending, "dry_run", (int)h->dry_run);

	ctl_print_json(done);
	json_decref(done);
}

static void
print_sum(const struct holding *h, bool of_messages)
{
	size_t n = of_messages ? h->messages : (size_t)h->rcpts;
	const char *chosen = of_messages ? NULL : h->words->chosen;

	if (chosen != NULL)
		(void)printf("%zu recipient(s) %s%s.\n", n,
		    h->dry_run ? "would be " : "", chosen);
	else
		(void)printf("%s%s: %zu %s%s\n", h->dry_run ? "Would be: " : "",
		    h->words->sum, n, of_messages ? "message" : "recipient",
		    n == 1 ? "" : "s");
	if (h->sending > 0 && h->opt.values[OPT_DRY_RUN] == NULL)
		(void)printf("%" JSON_INTEGER_FORMAT
			     " being sent, left alone.\n",
		    h->sending);
}

/* False: nothing says which messages, or two things do. */
static bool
is_clear(const struct ctl_options *opt)
{
	bool all = false;

	for (size_t i = 0; i < opt->file_count; i++)
		all = all || strcmp(opt->files[i], "ALL") == 0;
	if (opt->file_count == 0)
		return opt->values[OPT_QUEUE] != NULL ||
		    opt->values[OPT_JOBID] != NULL ||
		    opt->values[OPT_ID] != NULL;
	return opt->values[OPT_ID] == NULL &&
	    (!all || (opt->file_count == 1 && opt->values[OPT_QUEUE] == NULL));
}

static int
order(const struct ctl_options *opt, const struct words *words)
{
	struct holding h = { .opt = *opt,
		.words = words,
		.dry_run = opt->values[OPT_DRY_RUN] != NULL };
	bool all = opt->file_count == 1 && strcmp(opt->files[0], "ALL") == 0;
	bool of_messages = opt->file_count > 0 && !all;

	if (!is_clear(opt)) {
		(void)fprintf(stderr,
		    "mailrace: %s needs ids of messages, ALL, or --queue, "
		    "--jobId or --id; see mailrace %s --help\n",
		    opt->command, opt->command);
		return 2;
	}
	if (all)
		h.opt.values[OPT_QUEUE] = "*";
	for (size_t i = 0; of_messages && h.rc < 2 && i < opt->file_count; i++)
		if (strcmp(opt->files[i], "-") == 0)
			ask_lines(&h);
		else
			ask_message(&h, opt->files[i]);
	if (!of_messages)
		(void)ask(&h);
	if (h.rc < 2 && opt->json)
		print_json(&h);
	else if (h.rc == 0 || h.rcpts > 0)
		print_sum(&h, of_messages);
	return h.rc;
}

int
cmd_hold(const struct ctl_options *opt)
{
	static const struct words words = { "held", "placed on hold",
		"Placed on hold", NULL };

	return order(opt, &words);
}

int
cmd_release(const struct ctl_options *opt)
{
	static const struct words words = { "released", "released from hold",
		"Released from hold", NULL };

	return order(opt, &words);
}

int
cmd_requeue(const struct ctl_options *opt)
{
	static const struct words words = { "requeued", "requeued", "Requeued",
		NULL };

	return order(opt, &words);
}

int
cmd_delete(const struct ctl_options *opt)
{
	static const struct words words = { "deleted", "removed", "Deleted",
		"deleted" };

	return order(opt, &words);
}
