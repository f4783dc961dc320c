/* SPDX-License-Identifier: Apache-2.0 */
/*
 * why: all that keeps mail waiting, in words.
 */
#include "admin/ctl_cmds.h"

#include <stdio.h>
#include <string.h>

#include "admin/ctl_ask.h"
#include "lib/clock.h"
#include "lib/str.h"

static json_int_t
number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static const char *
text(const json_t *o, const char *key)
{
	const char *t = json_string_value(json_object_get(o, key));

	return t == NULL ? "" : t;
}

static bool
is(const json_t *o, const char *key, const char *value)
{
	return strcmp(text(o, key), value) == 0;
}

/* Of any origin, with something before and behind it; nothing if empty. */
static void
print_if(const char *before, const char *what, const char *behind)
{
	if (what[0] == '\0')
		return;
	(void)printf("%s", before);
	(void)ctl_print(what);
	(void)printf("%s", behind);
}

/* ---- a reason ------------------------------------------------------------ */

static const char *
unit(const json_t *r)
{
	if (is(r, "limit", "data"))
		return " bytes";
	return is(r, "limit", "messages") ? " recipients" : " connections";
}

/* "max-msg-rate of the queue: 100 of 100 recipients in 1h". */
static void
print_numbers(const json_t *r)
{
	double period_s = json_real_value(json_object_get(r, "period_s"));
	struct buf period = { 0 };

	if (period_s > 0)
		str_interval(&period, (int64_t)(period_s * US_PER_S));
	(void)ctl_print(text(r, "directive")[0] == '\0' ? text(r, "limit") :
							  text(r, "directive"));
	(void)printf(" of the %s", text(r, "scope"));
	print_if(" ", text(r, "name"), "");
	(void)printf(": %lld of %lld%s", (long long)number(r, "used"),
	    (long long)number(r, "max"), unit(r));
	if (period_s > 0)
		(void)printf(" in %s", buf_cstr(&period));
	if (number(r, "left") > 0)
		(void)printf(", %lld left", (long long)number(r, "left"));
	buf_fini(&period);
}

/* Of a job or user it is mail of a queue that waits as one. */
static void
print_place(const json_t *r)
{
	(void)printf(", number %lld of %lld in the line, or later",
	    (long long)number(r, "place"), (long long)number(r, "waiting"));
}

/* Others are before it: queues, or recipients of its own queue. */
static void
print_turn(const json_t *r)
{
	bool own = is(r, "scope", "queue");

	(void)printf("its turn at the %s", text(r, "scope"));
	print_if(" ", text(r, "name"), "");
	if (number(r, "place") > 0)
		print_place(r);
	else
		(void)printf(", where %lld %s wait",
		    (long long)number(r, "waiting"),
		    own ? "recipient(s)" : "queue(s)");
}

static void
print_what(const json_t *r)
{
	if (is(r, "kind", "turn"))
		print_turn(r);
	else if (is(r, "kind", "limit") || is(r, "kind", "room"))
		print_numbers(r);
	else { /* a sentence, and more comes behind it */
		(void)printf("%.*s", (int)strcspn(text(r, "meaning"), "."),
		    text(r, "meaning"));
		print_if(" (", text(r, "name"), ")");
	}
}

static void
print_time(const char *before, const char *when, json_int_t in_s)
{
	struct buf in = { 0 };

	str_interval(&in, in_s * US_PER_S);
	(void)printf("%s %s (in %s)", before, when,
	    in_s == 0 ? "0s" : buf_cstr(&in));
	buf_fini(&in);
}

static void
print_end(const json_t *r)
{
	if (text(r, "until")[0] != '\0') {
		print_time("; ends", text(r, "until"), number(r, "in_s"));
		return;
	}
	print_if("; ends when ", text(r, "ends_when"), "");
	if (text(r, "not_before")[0] != '\0')
		print_time(", not before", text(r, "not_before"),
		    number(r, "not_before_in_s"));
}

static void
print_reason(const json_t *r)
{
	(void)printf("  %s ",
	    json_is_true(json_object_get(r, "holds")) ? "waits:" : "      ");
	print_what(r);
	/* Who is promised a time has the first place, for sure. */
	if (!is(r, "kind", "turn") && number(r, "place") > 0 &&
	    text(r, "until")[0] == '\0')
		print_place(r);
	if (number(r, "recipients") > 0)
		(void)printf("; %lld recipient(s)",
		    (long long)number(r, "recipients"));
	print_end(r);
	(void)printf("\n");
	if (text(r, "file")[0] != '\0') {
		(void)printf("         set in %s:%lld: ", text(r, "file"),
		    (long long)number(r, "line"));
		(void)ctl_print(text(r, "directive"));
		print_if(" ", text(r, "value"), "");
		print_if(", in ", text(r, "block"), "");
		(void)printf("\n");
	} else if (text(r, "value")[0] != '\0') {
		(void)printf("         built in: ");
		(void)ctl_print(text(r, "directive"));
		print_if(" ", text(r, "value"), "\n");
	}
	print_if("         said: ", text(r, "text"), "\n");
}

static void
print_reasons(const json_t *list, bool go, const char *nothing)
{
	json_t *r;
	size_t i;

	if (go)
		(void)printf("  goes:  %s\n", nothing);
	json_array_foreach(list, i, r) print_reason(r);
}

/* ---- what waits ---------------------------------------------------------- */

/* One of the reasons has said it already? */
static bool
is_said(const json_t *reasons, const char *error)
{
	json_t *r;
	size_t i;

	json_array_foreach(reasons, i, r)
	{
		if (is(r, "text", error))
			return true;
	}
	return false;
}

static void
print_cut(const json_t *row)
{
	if (json_is_true(json_object_get(row, "reasons_cut")))
		(void)printf("  waits: for more of that kind, not shown\n");
}

static void
print_queue(const json_t *q)
{
	const json_t *reasons = json_object_get(q, "reasons");
	const char *error = text(q, "last_error");

	(void)ctl_print(text(q, "queue"));
	(void)printf(": %lld recipient(s), %lld deferred, %lld "
		     "connection(s)\n",
	    (long long)number(q, "recipients"),
	    (long long)number(q, "deferred"),
	    (long long)number(q, "connections"));
	print_if("  with mail that was given to ", text(q, "moved_from"), "\n");
	print_reasons(reasons, json_is_true(json_object_get(q, "go")),
	    "nothing holds it.");
	print_cut(q);
	if (!is_said(reasons, error))
		print_if("  last error: ", error, "\n");
}

/* Of the recipient with who said it and when, or what is known instead. */
static void
print_last_reply(const json_t *rcpt)
{
	const json_t *last = json_object_get(rcpt, "last_reply");
	bool own = is(last, "of", "recipient");

	if (!json_is_object(last))
		return;
	(void)printf("  last reply%s", own ? "" : " known is its queue's");
	print_if(" of ", text(last, "host"), "");
	print_if(" [", text(last, "address"), "]");
	print_if(", ", text(last, "when"), "");
	print_if(": ", text(last, "text"), "");
	(void)printf("\n");
}

static void
print_rcpt(const json_t *r)
{
	(void)printf("recipient %lld ", (long long)number(r, "recipient"));
	print_if("<", text(r, "to"), "> ");
	(void)printf("of ");
	(void)ctl_print(text(r, "queue"));
	print_if(", job ", text(r, "job"), "");
	print_if(", given to ", text(r, "moved_from"), "");
	print_if(", user ", text(r, "user"), "");
	(void)printf(", tried %lld time(s)\n",
	    (long long)number(r, "attempts"));
	print_reasons(json_object_get(r, "reasons"),
	    json_is_true(json_object_get(r, "go")), "nothing holds it.");
	print_cut(r);
	print_last_reply(r);
}

/* What was asked for is more than a queue or a message. */
static void
print_scope(const json_t *done)
{
	json_t *vmtas = json_object_get(done, "vmtas"), *v;
	size_t i;

	(void)printf("%s ", text(done, "of_words"));
	(void)ctl_print(text(done, "name"));
	(void)printf(": %lld recipient(s) in %lld queue(s)",
	    (long long)number(done, "recipients"),
	    (long long)number(done, "queues"));
	json_array_foreach(vmtas, i, v)
	    print_if(i == 0 ? "; used by " : ", ", json_string_value(v), "");
	(void)printf("\n");
	print_reasons(json_object_get(done, "limits"),
	    json_is_true(json_object_get(done, "go")),
	    "none of its limits is reached.");
	if (json_is_true(json_object_get(done, "limits_cut")))
		(void)printf("         and more of them: each queue has its "
			     "own\n");
	if (number(done, "held") > 0)
		(void)printf("%lld queue(s) wait for it; those with the most "
			     "recipients:\n",
		    (long long)number(done, "held"));
}

static void
print_why(const struct answer *a)
{
	bool message = is(a->done, "of", "message");
	json_int_t all = number(a->done, message ? "recipients" : "queues");
	json_int_t shown = number(a->done, "shown");
	json_t *item;
	size_t i;

	if (!message && !is(a->done, "of", "queue"))
		print_scope(a->done);
	json_array_foreach(a->items, i, item)
	{
		if (message)
			print_rcpt(item);
		else
			print_queue(item);
	}
	if (shown < all && (message || is(a->done, "of", "queue")))
		(void)printf("%lld of %lld are shown; --maxitems shows more\n",
		    (long long)shown, (long long)all);
}

int
cmd_why(const struct ctl_options *opt)
{
	struct answer a;
	int rc = ctl_ask(opt, &a);

	if (rc == 0 && opt->json) {
		(void)json_object_set(a.done, "rows", a.items);
		ctl_print_json(a.done);
	} else if (rc == 0) {
		print_why(&a);
	}
	ctl_answer_fini(&a);
	return rc;
}
