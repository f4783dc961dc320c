/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/ctl_exim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/cat_lines.h"
#include "admin/ctl_ask.h"
#include "admin/ctl_cmds.h"
#include "admin/mailq_gather.h"
#include "compat/exim/ex_cat.h"
#include "compat/exim/ex_log.h"
#include "lib/check.h"
#include "lib/daemon.h"
#include "lib/mem.h"
#include "mail/message.h"

#define NAME "mailrace-exim"

enum { WELL, NOT_DONE, NOBODY }; /* exit statuses: the first two are Exim's */

struct face {
	struct ctl_options opt; /* the configuration alone */
	const struct action *action;
	char *const *words; /* behind the options */
	size_t count;
};

typedef int action_fn(const struct face *f, const char *word);

/* ---- asking -------------------------------------------------------------- */

/* What is known of a message, or of several. */
struct seen {
	size_t count;
	enum listed_state state; /* of the last */
	bool keeps;              /* the ids of those that are not on hold ... */
	bool frozen_too;         /* ... or of all */
	uint64_t *ids;
	size_t id_count;
};

static void
on_message(void *ctx, const struct listed *m)
{
	struct seen *s = ctx;

	s->count++;
	s->state = m->state;
	if (!s->keeps || (m->state == LISTED_HOLD && !s->frozen_too))
		return;
	if ((s->id_count & (s->id_count - 1)) == 0)
		s->ids = mem_realloc(s->ids,
		    (s->id_count * 2 + 1) * sizeof(s->ids[0]));
	s->ids[s->id_count++] = m->id;
}

static void
on_item(void *ctx, const json_t *item)
{
	mailq_gather_add(ctx, item);
}

/* All messages, or the one, or those with such a recipient. */
static int
look(const struct face *f, const char *id, const char *rcpt, struct seen *s)
{
	struct ctl_options opt = f->opt;
	struct mailq_gather *g = mailq_gather_new(on_message, s);
	json_t *done;
	int rc;

	opt.command = "mailq";
	opt.values[OPT_ID] = id;
	opt.values[OPT_RCPT] = rcpt;
	rc = ctl_ask_each(&opt, on_item, g, &done);
	mailq_gather_end(g);
	mailq_gather_free(&g);
	json_decref(done);
	return rc;
}

/* What an order has come to. */
struct done {
	json_int_t changed; /* recipients */
	json_int_t sending; /* of them, left alone */
};

/* Of a message; NULL: of the whole queue.  key: how many, in the answer. */
static int
order(const struct face *f, struct ctl_options opt, const char *key,
    const char *id, struct done *d)
{
	struct answer a;
	int rc;

	opt.config = f->opt.config;
	opt.values[id == NULL ? OPT_QUEUE : OPT_ID] = id == NULL ? "*" : id;
	rc = ctl_ask(&opt, &a);
	d->changed = json_integer_value(json_object_get(a.done, key));
	d->sending = json_integer_value(json_object_get(a.done, "sending"));
	ctl_answer_fini(&a);
	return rc;
}

/* ---- words --------------------------------------------------------------- */

static int
say(const char *id, const char *what, int rc)
{
	(void)printf("Message %s %s\n", id, what);
	return rc;
}

static int
say_unknown(const char *id)
{
	(void)printf("Spool data file for %s does not exist\n", id);
	return NOT_DONE;
}

/* What has hold of it is a delivery. */
static int
say_locked(const char *id)
{
	return say(id, "is locked", NOT_DONE);
}

/* ---- listings ------------------------------------------------------------ */

static int
print_queue(const struct face *f, const char *id)
{
	struct ctl_options opt = f->opt;

	opt.command = "mailq";
	opt.values[OPT_EXIM] = "";
	opt.values[OPT_ID] = id;
	return cmd_mailq(&opt);
}

/* One of them, or, without a word, all. */
static int
list(const struct face *f, const char *id)
{
	struct seen s = { 0 };
	int rc = id == NULL ? WELL : look(f, id, NULL, &s);

	if (rc != WELL)
		return rc;
	if (id == NULL || s.count > 0)
		return print_queue(f, id);
	(void)printf("      %s\n    *** spool read error: No such file or "
		     "directory ***\n\n",
	    id);
	return WELL;
}

static int
count(const struct face *f, const char *word)
{
	struct seen s = { 0 };
	int rc = look(f, word, NULL, &s);

	if (rc == WELL)
		(void)printf("%zu\n", s.count);
	return rc;
}

/* ---- one message --------------------------------------------------------- */

struct shown {
	struct ex_cat m;
	json_t *envelope;
	struct cat_lines lines;
	struct buf rcpts, header, body;
	bool streams; /* it is printed as it comes */
};

static const char *
text_of(const json_t *item, const char *key)
{
	const char *s = json_string_value(json_object_get(item, key));

	return s == NULL ? "" : s;
}

static void
print(struct buf *b)
{
	if (b->len > 0)
		(void)fwrite(b->p, 1, b->len, stdout);
	buf_clear(b);
}

static void
on_part(void *ctx, const json_t *item)
{
	struct shown *s = ctx;

	if (json_object_get(item, "from") != NULL) {
		s->envelope = json_deep_copy(item);
		s->m.sender = text_of(s->envelope, "from");
		s->m.user = text_of(s->envelope, "user");
		s->m.arrival_s = json_integer_value(
		    json_object_get(item, "arrival"));
	} else if (json_is_true(json_object_get(item, "queued"))) {
		s->m.rcpt_count++;
		ex_cat_rcpt(text_of(item, "to"), &s->rcpts);
	}
	cat_lines_add(&s->lines, item, &s->header, &s->body);
	if (s->streams)
		print(&s->header);
	if (s->streams)
		print(&s->body);
}

/* Its items; else the words for a file that is not there. */
static int
read_message(const struct face *f, const char *id, const char *file,
    struct shown *shown)
{
	struct ctl_options opt = f->opt;
	struct seen s = { 0 };
	json_t *done;
	int rc = look(f, id, NULL, &s);

	if (rc != WELL)
		return rc;
	if (s.count == 0) {
		(void)printf("Failed to open input file for %s-%s: No such "
			     "file or directory\n",
		    id, file);
		return NOT_DONE;
	}
	opt.command = "cat";
	opt.argument_key = "id";
	opt.argument = id;
	rc = ctl_ask_each(&opt, on_part, shown, &done);
	json_decref(done);
	return rc;
}

static void
shown_fini(struct shown *s)
{
	json_decref(s->envelope);
	buf_fini(&s->rcpts);
	buf_fini(&s->header);
	buf_fini(&s->body);
}

static int
show_header(const struct face *f, const char *id)
{
	struct shown s = { .m.id = id };
	struct buf out = { 0 };
	int rc = read_message(f, id, "H", &s);

	if (rc == WELL) {
		s.m.rcpts = (struct slice){ s.rcpts.p, s.rcpts.len };
		ex_cat_envelope(&s.m, &out);
		ex_cat_header((struct slice){ s.header.p, s.header.len }, &out);
		print(&out);
	}
	buf_fini(&out);
	shown_fini(&s);
	return rc;
}

static int
show_body(const struct face *f, const char *id)
{
	struct shown s = { .m.id = id };
	int rc = read_message(f, id, "D", &s);

	if (rc == WELL) {
		(void)printf("%s-D\n", id);
		/* Behind the line that ends the header. */
		if (s.body.len > 1)
			(void)fwrite(s.body.p + 1, 1, s.body.len - 1, stdout);
	}
	shown_fini(&s);
	return rc;
}

static int
show_copy(const struct face *f, const char *id)
{
	struct shown s = { .streams = true };
	int rc = read_message(f, id, "D", &s);

	shown_fini(&s);
	return rc;
}

static int
show_log(const struct face *f, const char *id)
{
	(void)f;
	(void)fprintf(stderr,
	    NAME
	    ": no message has a log of its own: mailrace why %s says why it "
	    "waits, exigrep %s in the log of log-style exim what was done\n",
	    id, id);
	return NOT_DONE;
}

/* ---- orders -------------------------------------------------------------- */

static int
freeze(const struct face *f, const char *id)
{
	const struct ctl_options opt = { .command = "hold" };
	struct seen s = { 0 };
	struct done d;
	int rc = look(f, id, NULL, &s);

	if (rc == WELL && s.count == 0)
		return say_unknown(id);
	if (rc == WELL)
		rc = order(f, opt, "held", id, &d);
	if (rc != WELL)
		return rc;
	if (d.sending > 0)
		return say_locked(id);
	return d.changed > 0 ? say(id, "is now frozen", WELL) :
			       say(id, "is already frozen", NOT_DONE);
}

static int
thaw(const struct face *f, const char *id)
{
	const struct ctl_options opt = { .command = "release" };
	struct seen s = { 0 };
	struct done d;
	int rc = look(f, id, NULL, &s);

	if (rc == WELL && s.count == 0)
		return say_unknown(id);
	if (rc == WELL)
		rc = order(f, opt, "released", id, &d);
	if (rc != WELL)
		return rc;
	if (d.changed > 0)
		return say(id, "is no longer frozen", WELL);
	if (s.state == LISTED_HOLD)
		(void)fprintf(stderr,
		    NAME ": its queue or its job is paused: see mailrace why "
			 "%s\n",
		    id);
	return say(id, "is not frozen", NOT_DONE);
}

/* tell: its sender. */
static int delete (const struct face *f, const char *id, bool tell,
    struct done *d)
{
	struct ctl_options opt = { .command = "delete" };
	struct seen s = { 0 };
	int rc = look(f, id, NULL, &s);

	if (rc == WELL && s.count == 0)
		return say_unknown(id);
	if (tell)
		opt.values[OPT_DSN] = "";
	if (rc == WELL)
		rc = order(f, opt, "deleted", id, d);
	return rc == WELL && d->sending > 0 ? say_locked(id) : rc;
}

static int
remove_message(const struct face *f, const char *id)
{
	struct done d = { 0 };
	int rc = delete (f, id, false, &d);

	if (rc == WELL)
		return say(id, "has been removed", WELL);
	if (rc == NOT_DONE && d.sending == 0)
		return say(id, "has been removed or did not exist", NOT_DONE);
	return rc;
}

static int
give_up(const struct face *f, const char *id)
{
	struct done d;

	return delete (f, id, true, &d);
}

static int
deliver(const struct face *f, const char *id)
{
	const struct ctl_options opt = { .command = "requeue" };
	struct seen s = { 0 };
	struct done d;
	int rc = look(f, id, NULL, &s);

	if (rc == WELL && s.count == 0)
		return say_unknown(id);
	return rc == WELL ? order(f, opt, "requeued", id, &d) : rc;
}

/* ---- queue runs ---------------------------------------------------------- */

/* What is due is tried anyway: somebody has to be there who does it. */
static int
run_due(const struct face *f, const char *word)
{
	json_t *request = json_pack("{s:s}", "command", "show status");
	struct answer a;
	int rc = ctl_ask_this(&f->opt, request, &a);

	(void)word;
	ctl_answer_fini(&a);
	json_decref(request);
	return rc;
}

static int
run_forced(const struct face *f, const char *word)
{
	struct ctl_options opt = { .command = "schedule" };
	struct done d;

	opt.values[OPT_RETRY_RECIPIENTS] = "";
	return order(f, opt, "scheduled", word, &d);
}

static int
run_frozen(const struct face *f, const char *word)
{
	const struct ctl_options opt = { .command = "requeue" };
	struct done d;

	return order(f, opt, "requeued", word, &d);
}

/* Messages with a recipient that has this text in it. */
static int
run_some(const struct face *f, const char *part, bool frozen_too)
{
	struct seen s = { .keeps = true, .frozen_too = frozen_too };
	struct buf pattern = { 0 };
	char id[MESSAGE_ID_TEXT];
	int rc;

	if (strpbrk(part, "*?") != NULL) {
		(void)fprintf(stderr, NAME ": -R: no * and no ?\n");
		return NOT_DONE;
	}
	buf_printf(&pattern, "*%s*", part);
	rc = look(f, NULL, buf_cstr(&pattern), &s);
	/* Who has left meanwhile need not be tried. */
	for (size_t i = 0; i < s.id_count && rc != NOBODY; i++)
		rc = run_frozen(f, message_id_text(s.ids[i], id)) == NOBODY ?
		    NOBODY :
		    WELL;
	buf_fini(&pattern);
	free(s.ids);
	return rc;
}

static int
run_rcpt(const struct face *f, const char *part)
{
	return run_some(f, part, false);
}

static int
run_rcpt_frozen(const struct face *f, const char *part)
{
	return run_some(f, part, true);
}

/* ---- the options --------------------------------------------------------- */

enum takes { NOTHING, ID, IDS, MAYBE_IDS, STRING };

static const struct action {
	const char *option;
	enum takes takes;
	action_fn *fn; /* for each word */
} actions[] = {
	{ "-bp", MAYBE_IDS, list },
	{ "-bpa", MAYBE_IDS, list },
	{ "-bpc", NOTHING, count },
	{ "-bpr", MAYBE_IDS, list },
	{ "-bpra", MAYBE_IDS, list },
	{ "-bpru", MAYBE_IDS, list },
	{ "-bpu", MAYBE_IDS, list },
	{ "-M", IDS, deliver },
	{ "-Mf", IDS, freeze },
	{ "-Mg", IDS, give_up },
	{ "-Mrm", IDS, remove_message },
	{ "-Mt", IDS, thaw },
	{ "-Mvb", ID, show_body },
	{ "-Mvc", ID, show_copy },
	{ "-Mvh", ID, show_header },
	{ "-Mvl", ID, show_log },
	{ "-q", NOTHING, run_due },
	{ "-qf", NOTHING, run_forced },
	{ "-qff", NOTHING, run_frozen },
	{ "-R", STRING, run_rcpt },
	{ "-Rf", STRING, run_rcpt },
	{ "-Rff", STRING, run_rcpt_frozen },
};

enum { ACTIONS = sizeof(actions) / sizeof(actions[0]) };

static const struct action *
action_of(const char *option)
{
	for (size_t i = 0; i < ACTIONS; i++)
		if (strcmp(actions[i].option, option) == 0)
			return &actions[i];
	return NULL;
}

static int
unknown(const char *option)
{
	(void)fprintf(stderr, NAME ": ");
	if (option != NULL)
		(void)fprintf(stderr,
		    "unknown, malformed, or incomplete option %s: ", option);
	(void)fprintf(stderr, "of Exim's options there are");
	for (size_t i = 0; i < ACTIONS; i++)
		(void)fprintf(stderr, " %s", actions[i].option);
	(void)fprintf(stderr,
	    "; -C FILE is the configuration of Mailrace; see mailrace(8)\n");
	return NOT_DONE;
}

/* Options come anywhere, as Exim takes them; words are kept in argv. */
static int
parse(struct face *f, int argc, char **argv)
{
	size_t n = 0;

	f->words = argv;
	for (int i = 1; i < argc; i++) {
		const struct action *a = action_of(argv[i]);

		if (strcmp(argv[i], "-C") == 0 && i + 1 < argc) {
			f->opt.config = argv[++i];
		} else if (a != NULL && f->action != NULL) {
			(void)fprintf(stderr,
			    "exim: incompatible command-line options or "
			    "arguments\n");
			return NOT_DONE;
		} else if (a != NULL) {
			f->action = a;
		} else if (strcmp(argv[i], "-v") == 0) {
			continue; /* there is no more to say */
		} else if (argv[i][0] == '-') {
			return unknown(argv[i]);
		} else {
			argv[n++] = argv[i];
		}
	}
	f->count = n;
	return f->action == NULL ? unknown(NULL) : WELL;
}

static bool
is_id(const char *word)
{
	uint64_t id;

	return message_id_read(word, &id) || ex_log_read_id(word, &id);
}

static int
check_words(const struct face *f)
{
	const struct action *a = f->action;

	if (a->takes == STRING && f->count == 0)
		(void)fprintf(stderr, "exim: string expected after %s\n",
		    a->option);
	else if ((a->takes == ID || a->takes == IDS) && f->count == 0)
		(void)fprintf(stderr,
		    "exim: no message ids given after %s option\n", a->option);
	else if (a->takes == ID && f->count > 1)
		(void)printf("*** Only one message can be listed at once\n");
	else if ((a->takes == NOTHING && f->count > 0) ||
	    (a->takes == STRING && f->count > 1))
		(void)fprintf(stderr,
		    "exim: incompatible command-line options or arguments\n");
	else
		return WELL;
	return NOT_DONE;
}

static int
check_ids(const struct face *f)
{
	for (size_t i = 0; f->action->takes != STRING && i < f->count; i++)
		if (!is_id(f->words[i])) {
			(void)fprintf(stderr,
			    "exim: malformed message id %s after %s option\n",
			    f->words[i], f->action->option);
			return NOT_DONE;
		}
	return WELL;
}

bool
ctl_exim_is_called(const char *path)
{
	const char *slash = path == NULL ? NULL : strrchr(path, '/');

	return path != NULL &&
	    strcmp(slash == NULL ? path : slash + 1, NAME) == 0;
}

int
ctl_exim(int argc, char **argv)
{
	struct face f = { .opt.config = DAEMON_CONFIG };
	int rc = parse(&f, argc, argv), one;

	if (rc != WELL)
		return rc;
	CHECK(f.action != NULL);
	rc = check_words(&f);
	if (rc == WELL)
		rc = check_ids(&f);
	if (rc != WELL)
		return rc;
	if (f.count == 0)
		return f.action->fn(&f, NULL);
	for (size_t i = 0; i < f.count && rc != NOBODY; i++) {
		one = f.action->fn(&f, f.words[i]);
		rc = one > rc ? one : rc;
	}
	return rc;
}
