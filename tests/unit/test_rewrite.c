/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a <rewrite-list> makes of the envelope sender and of From, at intake for
 * the source, at delivery for the virtual MTA.
 */
#include "vmta/rewrite.h"

#include "mail/canon.h"
#include "mail/envelope.h"
#include "tests/conf_file.h"
#include "tests/tap.h"
#include "transport/sender_out.h"
#include "vmta/header_later.h"
#include "vmta/policy.h"

static struct region *rg;

/* ---- the envelope --------------------------------------------------------------- */

/* The null sender is <> here. */
static const struct {
	const char *row, *row2; /* row2 may be NULL */
	const char *in, *out;
} senders[] = {
	{ "a@b.example c@d.example", NULL, "a@b.example", "c@d.example" },
	{ "a@b.example c@d.example", NULL, "A@B.EXAMPLE", "c@d.example" },
	{ "a@b.example c@d.example", NULL, "\"a\"@b.example", "c@d.example" },
	{ "a@b.example c@d.example", NULL, "a@x.b.example", "a@x.b.example" },
	{ "a@b.example c@d.example", NULL, "aa@b.example", "aa@b.example" },
	{ "a@b.example c@d.example", NULL, "<>", "<>" },
	{ "a@b.example *@d.example", NULL, "A@b.example", "A@d.example" },
	{ "a@b.example c@*", NULL, "a@B.Example", "c@B.Example" },
	{ "a@b.example <>", NULL, "a@b.example", "<>" },
	{ "a@* c@d.example", NULL, "a@any.example", "c@d.example" },
	{ "a@* c@*", NULL, "a@any.example", "c@any.example" },
	{ "a@* c@*", NULL, "b@any.example", "b@any.example" },
	{ "a@* *@d.example", NULL, "a@[192.0.2.1]", "a@d.example" },
	{ "*@b.example *@d.example", NULL, "x+y@b.example", "x+y@d.example" },
	{ "*@b.example *@d.example", NULL, "\"x@ y\"@b.example",
	    "\"x@ y\"@d.example" },
	{ "*@b.example c@d.example", NULL, "x@b.example", "c@d.example" },
	{ "*@b.example *@*", NULL, "x@b.example", "x@b.example" },
	{ "*@b\xC3\xBC.example *@d\xC3\xBC.example", NULL,
	    "x@xn--b-eha.example", "x@xn--d-eha.example" },
	{ "*@xn--b-eha.example c@d.example", NULL, "x@B\xC3\x9C.example",
	    "c@d.example" },
	{ "*@* *@d.example", NULL, "x@b.example", "x@d.example" },
	{ "*@* c@d.example", NULL, "<>", "<>" },
	{ "*@* c@d.example", NULL, "postmaster", "postmaster" },
	{ "*@* <>", NULL, "x@b.example", "<>" },
	{ "<> c@d.example", NULL, "<>", "c@d.example" },
	{ "<> c@d.example", NULL, "x@b.example", "x@b.example" },
	{ "<> *@*", "*@* c@d.example", "<>", "<>" },
	{ "<> <>", NULL, "<>", "<>" },
	/* The first one that fits, and none behind it. */
	{ "a@b.example *@*", "*@b.example c@d.example", "a@b.example",
	    "a@b.example" },
	{ "a@b.example *@*", "*@b.example c@d.example", "x@b.example",
	    "c@d.example" },
	{ "*@b.example *@d.example", "*@d.example *@e.example", "x@b.example",
	    "x@d.example" },
};

static void
test_sender(size_t i)
{
	struct rewrite_list *l = rewrite_list_new(rg);
	const char *rows[] = { senders[i].row, senders[i].row2 };
	const char *in = senders[i].in, *out;
	struct err e = { 0 };

	for (size_t k = 0; k < 2 && rows[k] != NULL; k++) {
		size_t len = strcspn(rows[k], " ");

		if (rewrite_add_mail(l, rg, region_strndup(rg, rows[k], len),
			rows[k] + len + 1, &e) != 0)
			(void)ok(false, "%s: %s", rows[k], e.text);
	}
	out = rewrite_sender(l, strcmp(in, "<>") == 0 ? "" : in, rg);
	is_str(out[0] == '\0' ? "<>" : out, senders[i].out,
	    region_printf(rg, "%s: %s", rows[0], in));
}

/* ---- From ----------------------------------------------------------------------- */

#define INNER "[*.]in.example out.example"

/* NULL: it stays; "?": it cannot be read, and stays. */
static const struct {
	const char *row, *in, *out;
} froms[] = {
	{ INNER, "a@in.example", "a@out.example" },
	{ INNER, "a@X.IN.example", "a@out.example" },
	{ INNER, "a@other.example", NULL },
	{ INNER, "a@xin.example", NULL },
	{ "in.example out.example", "a@x.in.example", NULL },
	{ "*.in.example out.example", "a@in.example", NULL },
	{ "*.in.example out.example", "a@x.in.example", "a@out.example" },
	{ "* out.example", "A <a@b.example>", "A <a@out.example>" },
	{ "* out.example", "a@out.example", NULL },
	{ INNER, "\"a@in.example\" <a@in.example> (at in.example)",
	    "\"a@in.example\" <a@out.example> (at in.example)" },
	{ INNER, "a@in.example, B <b@b.example>,\r\n c@y.in.example",
	    "a@out.example, B <b@b.example>,\r\n c@out.example" },
	/* What some reader may take for the address. */
	{ INNER, "a@in.example <a@b.example>", "a@out.example <a@b.example>" },
	{ INNER, "\r\n all: a@in.example;", "all: a@out.example;" },
	{ INNER, "=?utf-8?q?J=C3=B6rg?= <j@ in.example >",
	    "=?utf-8?q?J=C3=B6rg?= <j@ out.example >" },
	{ INNER, "all:;", NULL },
	{ INNER, "a@in.example b", "?" },
	{ INNER, "a", "?" },
	{ INNER, "", "?" },
	{ "\xC3\xBC.example \xC3\xB6.example", "a@xn--tda.example",
	    "a@xn--nda.example" },
};

static void
test_from(size_t i)
{
	struct rewrite_list *l = rewrite_list_new(rg);
	size_t len = strcspn(froms[i].row, " ");
	const char *out = froms[i].out, *in = froms[i].in, *same;
	bool removed[2] = { false, false };
	struct header_list h = { 0 };
	struct header_edit edit = { .headers = &h, .remove = removed };
	bool readable, changes = out != NULL && strcmp(out, "?") != 0;
	struct err e = { 0 };

	if (rewrite_add_from(l, rg, region_strndup(rg, froms[i].row, len),
		froms[i].row + len + 1, &e) != 0)
		(void)ok(false, "%s: %s", froms[i].row, e.text);
	header_list_add(&h, rg, SLICE_LIT("Sender"), slice_of(" x@in.example"));
	header_list_add(&h, rg, SLICE_LIT("FROM"),
	    slice_of(REGION_JOIN(rg, " ", in)));
	readable = rewrite_edit(l, rg, &edit);
	ok(readable == (out == NULL || changes), "From %zu: can it be read", i);
	ok(removed[1] == changes && edit.add_count == changes && !removed[0],
	    "what goes");
	is_str(edit.add_count > 0 ? edit.add[0].value : "-",
	    changes ? out : "-", "what comes");
	same = header_value(&rewrite_from_seen(l, &h, rg)->v[changes ? 0 : 1],
	    rg);
	is_str(same,
	    header_value(
		&(struct header){ .value = slice_of(changes ? out : in) }, rg),
	    "as it is seen");
}

/* Two fields, one that was added before, and a value that cannot be text. */
static void
test_edit(void)
{
	struct rewrite_list *l = rewrite_list_new(rg);
	bool removed[4] = { false, false, false, true };
	struct header_list h = { 0 };
	struct header_edit edit = { .headers = &h, .remove = removed };
	const char *long_name = region_printf(rg, "\"%0990d\"", 1);
	struct err e;

	ok(!rewrite_is_about_from(l) && !rewrite_is_about_from(NULL) &&
		rewrite_edit(NULL, rg, &edit),
	    "a list without such rows, and none");
	(void)rewrite_add_from(l, rg, "*", "a-much-longer.example", &e);
	header_list_add(&h, rg, SLICE_LIT("From"),
	    slice_of(REGION_JOIN(rg, long_name, "\r\n <a@b.c>")));
	header_list_add(&h, rg, SLICE_LIT("From"), slice_of(" b@b.c"));
	header_list_add(&h, rg, SLICE_LIT("From"),
	    (struct slice){ " \"\0\" <c@b.c>", 12 });
	header_list_add(&h, rg, SLICE_LIT("From"), slice_of(" gone@b.c"));
	header_edit_add(&edit, "from", "d@b.c", rg);
	ok(!rewrite_edit(l, rg, &edit), "one of them cannot be read");
	ok(removed[0] && removed[1] && !removed[2], "which stays");
	is_int((int64_t)edit.add_count, 3, "the others come");
	is_str(edit.add[0].value, "d@a-much-longer.example", "changed again");
	is_str(edit.add[1].value,
	    REGION_JOIN(rg, long_name, "\r\n <a@a-much-longer.example>"),
	    "a long one");
	is_str(edit.add[2].value, "b@a-much-longer.example", "the second");
}

/* # stands for so many digits; NULL: it stays. */
static const struct {
	const char *in, *out;
	int digits;
} longs[] = {
	{ "\"#\" <a@b.c>", "\"#\" <a@a-much-longer.example>", 960 },
	{ "\"#\" <a@b.c>", "\"#\"\r\n <a@a-much-longer.example>", 970 },
	{ "b@b.c,\r\n \"#\" <a@b.c>",
	    "b@a-much-longer.example,\r\n \"#\"\r\n "
	    "<a@a-much-longer.example>",
	    980 },
	{ "\"#\\ x\" <a@b.c>", "\"#\\ x\"\r\n <a@a-much-longer.example>", 970 },
	{ "\"#\\  \"<a@b.c>", NULL, 980 },
	{ "#@b.c", NULL, 985 },
	{ "a@b.c,\r\n #@b.c,\r\n b@b.c", NULL, 985 },
};

static const char *
with_digits(const char *text, int n)
{
	const char *at = strchr(text, '#');

	return REGION_JOIN(rg, region_strndup(rg, text, (size_t)(at - text)),
	    region_printf(rg, "%0*d", n, 1), at + 1);
}

static void
test_long_line(size_t i)
{
	struct rewrite_list *l = rewrite_list_new(rg);
	bool removed[1] = { false };
	struct header_list h = { 0 };
	struct header_edit edit = { .headers = &h, .remove = removed };
	int digits = longs[i].digits;
	struct err e;

	(void)rewrite_add_from(l, rg, "*", "a-much-longer.example", &e);
	header_list_add(&h, rg, SLICE_LIT("From"),
	    slice_of(with_digits(longs[i].in, digits)));
	ok(rewrite_edit(l, rg, &edit) == (longs[i].out != NULL),
	    "long line %zu", i);
	is_int((int64_t)edit.add_count, longs[i].out != NULL, "what comes");
	if (edit.add_count > 0)
		is_str(edit.add[0].value, with_digits(longs[i].out, digits),
		    "folded");
}

/* ---- at load -------------------------------------------------------------------- */

static const struct {
	const char *rows, *said;
	bool fatal;
} bad[] = {
	{ "mail-from a b@c.example", "main:2: mail-from: \"a\" is none of a@b",
	    true },
	{ "mail-from a@b.example c", "main:2: mail-from: \"c\" is none of a@b",
	    true },
	{ "mail-from a*@b.example c@d.example",
	    "main:2: mail-from: \"a*@b.example\" is none of a@b", true },
	{ "mail-from a@*.b.example c@d.example",
	    "main:2: mail-from: \"a@*.b.example\" is none of a@b", true },
	{ "mail-from a@b.example @d.example", "main:2: mail-from: \"@d.exa",
	    true },
	{ "mail-from a@b.example", "main:2: mail-from: argument missing",
	    true },
	{ "mail-from a@b.example c@d.example e",
	    "main:2: mail-from: \"e\" is too much", true },
	{ "mail-from a@b.example \xC3\xB6@d.example",
	    "main:2: mail-from: \"\xC3\xB6@d.example\": a local part that is "
	    "written must be ASCII",
	    true },
	{ "mail-from a@b.example c@d@e.example",
	    "main:2: mail-from: \"c@d@e.example\" is no address to send from",
	    true },
	{ "mail-from a@b.example c(d@e.example",
	    "main:2: mail-from: \"c(d@e.example\" is no address", true },
	{ "mail-from a@b.example c[d]@*",
	    "main:2: mail-from: \"c[d]@*\" is no address", true },
	{ "mail-from <> a@*", "main:2: mail-from: \"a@*\": <> has nothing",
	    true },
	{ "mail-from <> *@b.example", "main:2: mail-from: \"*@b.example\": <>",
	    true },
	{ "from-domain a b c", "main:2: from-domain: \"c\" is too much", true },
	{ "from-domain a@b.example c.example", "main:2: from-domain: ", true },
	{ "from-domain [192.0.2.1] c.example",
	    "main:2: from-domain: \"[192.0.2.1]\" is no domain", true },
	{ "from-domain a.example *", "main:2: from-domain: ", true },
	{ "rcpt-to a@b c@d", "main:2: ", true },
	{ "mail-from *@b.example c@d.example\nmail-from a@B.example e@f.example",
	    "main:3: mail-from: a row before it takes all", false },
	{ "mail-from <> a@b.example\nmail-from <> c@d.example",
	    "main:3: mail-from: a row before it takes all", false },
	{ "from-domain * b.example\nfrom-domain c.example d.example",
	    "main:3: from-domain: a row before it takes all", false },
	{ "</rewrite-list>\n<source 0/0>\nrewrite-list M\nrewrite-list other\n"
	  "</source>\n<rewrite-list q>",
	    "main:5: rewrite-list: there is no <rewrite-list other>", true },
	{ "</rewrite-list>\n<source {auth}>\nrewrite-list no\n"
	  "</source>\n<rewrite-list q>",
	    "main:4: rewrite-list: there is no <rewrite-list no>", true },
	{ "</rewrite-list>\n<virtual-mta v>\nrewrite-list no\n"
	  "</virtual-mta>\n<rewrite-list q>",
	    "main:4: rewrite-list: there is no <rewrite-list no>", true },
	{ "</rewrite-list>\n<virtual-mta v>\n</virtual-mta>\n"
	  "<virtual-mta-pool p>\nvirtual-mta v\nrewrite-list no\n"
	  "</virtual-mta-pool>\n<rewrite-list q>",
	    "main:7: rewrite-list: there is no <rewrite-list no>", true },
	{ "</rewrite-list>\n<virtual-mta v>\n</virtual-mta>\n"
	  "<virtual-mta-pool p>\nvirtual-mta v\nrewrite-list m\n"
	  "</virtual-mta-pool>\n<virtual-mta-pool q>\nvirtual-mta v\n"
	  "rewrite-list m\n</virtual-mta-pool>\n<rewrite-list q>",
	    "main:10: v is in the pools p and q, which both have "
	    "include-headers-from, rewrite-list",
	    true },
	{ "</rewrite-list>\n<rewrite-list>", "main:3: ", true },
};

static struct snapshot *
load(const char *text, struct conf_errors *errs)
{
	conf_file_put("main", text);
	return snapshot_load(conf_file_path("main"), errs);
}

static void
test_bad(size_t i)
{
	struct conf_errors errs = { 0 };
	struct snapshot *s = load(region_printf(rg,
				      "<rewrite-list m>\n%s\n</rewrite-list>\n",
				      bad[i].rows),
	    &errs);

	ok((s == NULL) == bad[i].fatal && conf_file_said(&errs, bad[i].said),
	    "%s", bad[i].said);
	snapshot_unref(&s);
	conf_errors_fini(&errs);
}

/* ---- where it takes effect -------------------------------------------------------- */

static const char config[] =
    "<rewrite-list hide>\n mail-from *@in.example bounce@out.example\n"
    " from-domain in.example out.example\n</rewrite-list>\n"
    "<rewrite-list brand>\n mail-from *@out.example *@brand.example\n"
    " mail-from <> back@brand.example\n</rewrite-list>\n"
    "<rewrite-list BRAND>\n from-domain out.example brand.example\n"
    "</rewrite-list>\n"
    "<virtual-mta one>\n smtp-source-host 127.0.0.1 a\n"
    " rewrite-list brand\n</virtual-mta>\n"
    "<virtual-mta two>\n smtp-source-host 127.0.0.2 b\n"
    " rewrite-list \"\"\n</virtual-mta>\n"
    "<virtual-mta three>\n smtp-source-host 127.0.0.3 c\n</virtual-mta>\n"
    "<virtual-mta-pool both>\n virtual-mta one\n virtual-mta two\n"
    " virtual-mta three\n pool-overflow no\n rewrite-list Brand\n"
    "</virtual-mta-pool>\n"
    "<source 0/0>\n process-x-virtual-mta yes\n</source>\n"
    "<source 10.0.0.1>\n rewrite-list hide\n sender-domains in.example\n"
    "</source>\n"
    "<source 10.0.0.2>\n require-signature-alignment strict\n</source>\n";

enum { AGAIN = 1, NOTICE = 2, LATER = 4, NEVER_LATER = 8, OTHERS = 16 };

static const struct {
	const char *label, *client, *vmta, *sender, *from;
	const char *new_sender, *new_from;
	int how; /* LATER: From is rewritten at delivery */
} cases[] = {
	{ "a source without a list", "10.9.9.9", "two", "a@in.example",
	    "a@in.example", "a@in.example", "a@in.example", 0 },
	{ "a source with one, whose rules are about what came", "10.0.0.1",
	    "two", "a@in.example", "a@in.example", "bounce@out.example",
	    "a@out.example", 0 },
	{ "then the virtual MTA's", "10.0.0.1", "one", "a@in.example",
	    "a@in.example", "bounce@out.example", "a@brand.example", 0 },
	{ "of a pool whose members differ", "10.0.0.1", "both", "a@in.example",
	    "a@in.example", "bounce@out.example", "a@out.example", LATER },
	{ "which cannot wait: as for the first", "10.0.0.1", "both",
	    "a@in.example", "a@in.example", "bounce@out.example",
	    "a@brand.example", NEVER_LATER },
	{ "the transport will do it", "10.0.0.1", "one", "a@in.example",
	    "a@in.example", "a@in.example", "a@in.example", AGAIN },
	{ "the host MTA's own notification", "10.0.0.1", "two", "",
	    "MAILER-DAEMON@in.example", "", "MAILER-DAEMON@out.example",
	    NOTICE },
};

static void
test_policy(const struct snapshot *conf, size_t i)
{
	struct canon_body *body = canon_body_of("", 0);
	const char *rcpts[] = { "x@y.example" };
	struct header_list h = { 0 }, list;
	const struct policy_given given = { .vmta = cases[i].vmta };
	struct policy_in in = { .conf = conf,
		.again = (cases[i].how & AGAIN) != 0,
		.host_notice = (cases[i].how & NOTICE) != 0,
		.can_sign_later = (cases[i].how & NEVER_LATER) == 0,
		.given = &given,
		.sender = cases[i].sender,
		.rcpts = rcpts,
		.rcpt_count = 1,
		.headers = &h,
		.body = body };
	struct header_later later = { 0 };
	struct header_edit edit;
	struct policy_out out;
	struct err e;

	(void)net_addr_parse(slice_of(cases[i].client), &in.client, &e);
	header_list_add(&h, rg, SLICE_LIT("From"), slice_of(cases[i].from));
	policy_run(&in, rg, &out);
	is_str(out.sender, cases[i].new_sender, cases[i].label);
	edit = (struct header_edit){ &h, out.remove, out.add_count, out.add,
		0 };
	header_edit_outgoing(&edit, rg, &list);
	is_int((int64_t)list.n, 1, "one From");
	is_str(header_value(&list.v[0], rg), cases[i].new_from, "it");
	(void)header_later_read(out.later_text, &later);
	ok(later.wishes == ((cases[i].how & LATER) != 0), "later or not");
	canon_body_free(&body);
}

/* Who will sign it, with another From, judges that as well. */
static const struct {
	int how;
	enum sender_fault fault;
} signs[] = {
	{ 0, SENDER_UNSIGNED },
	{ AGAIN, SENDER_FINE },
	{ AGAIN | OTHERS, SENDER_UNSIGNED },
};

static void
test_signs(const struct snapshot *conf, size_t i)
{
	struct canon_body *body = canon_body_of("", 0);
	const char *rcpts[] = { "x@y.example" };
	bool others = (signs[i].how & OTHERS) != 0;
	struct header_list h = { 0 };
	const struct policy_given given = { .vmta = "two" };
	struct policy_in in = { .conf = conf,
		.again = (signs[i].how & AGAIN) != 0,
		.given = &given,
		.sender = "a@b.example",
		.rcpts = rcpts,
		.rcpt_count = others ? 0 : 1,
		.others = others ? 1 : 0,
		.headers = &h,
		.body = body };
	struct policy_out out;
	struct err e;

	(void)net_addr_parse(SLICE_LIT("10.0.0.2"), &in.client, &e);
	header_list_add(&h, rg, SLICE_LIT("From"), slice_of(" a@b.example"));
	policy_run(&in, rg, &out);
	is_int(out.fault, signs[i].fault, "who judges signatures");
	canon_body_free(&body);
}

static const struct {
	const char *vmta, *domain, *sender, *out;
	uint8_t flags;
} going[] = {
	{ "one", "y.example", "a@out.example", "a@brand.example", 0 },
	{ "ONE", "y.example", "", "back@brand.example", 0 },
	{ "one", "y.example", "", "", ENVELOPE_NOTICE },
	{ "one", SNAPSHOT_DSN_DOMAIN, "", "", 0 },
	{ "two", "y.example", "a@out.example", "a@out.example", 0 },
	{ "three", "y.example", "a@out.example", "a@brand.example", 0 },
	{ "", "y.example", "a@out.example", "a@out.example", 0 },
	{ "{default}", "y.example", "a@out.example", "a@out.example", 0 },
	{ "gone", "y.example", "a@out.example", "a@out.example", 0 },
};

static void
test_going(const struct snapshot *conf, size_t i)
{
	struct env_rcpt rcpt = { .domain = going[i].domain };
	struct envelope env = envelope_blank;

	env.sender = going[i].sender;
	env.flags = going[i].flags;
	env.rcpts = &rcpt;
	env.rcpt_count = 1;
	is_str(sender_out(conf, &env, 0, going[i].vmta, rg), going[i].out,
	    going[i].vmta);
}

static void
test_effect(void)
{
	struct conf_errors errs = { 0 };
	struct snapshot *conf = load(config, &errs);

	if (conf == NULL) {
		(void)conf_file_said(&errs, "");
		(void)ok(false, "the configuration is read");
		return;
	}
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		test_policy(conf, i);
	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
		test_signs(conf, i);
	for (size_t i = 0; i < sizeof(going) / sizeof(going[0]); i++)
		test_going(conf, i);
	snapshot_unref(&conf);
	conf_errors_fini(&errs);
}

int
main(void)
{
	rg = region_new();
	conf_file_begin();
	for (size_t i = 0; i < sizeof(senders) / sizeof(senders[0]); i++)
		test_sender(i);
	for (size_t i = 0; i < sizeof(froms) / sizeof(froms[0]); i++)
		test_from(i);
	test_edit();
	for (size_t i = 0; i < sizeof(longs) / sizeof(longs[0]); i++)
		test_long_line(i);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		test_bad(i);
	test_effect();
	conf_file_end();
	region_free(&rg);
	return done_testing();
}
