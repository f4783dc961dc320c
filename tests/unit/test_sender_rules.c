/* SPDX-License-Identifier: Apache-2.0 */
/* Who may send as whom: patterns, domains, alignment, and rules of both blocks. */
#include "vmta/sender_rules.h"

#include <string.h>

#include "lib/check.h"
#include "tests/tap.h"

/* ---- patterns ------------------------------------------------------------- */

static const struct {
	const char *pattern, *address;
	bool fits;
} patterns[] = {
	{ "a@b.example", "a@b.example", true },
	{ "a@b.example", "A@B.Example", true },
	{ "a@b.example", "a@b.example.", true },
	{ "a@b.example", "aa@b.example", false },
	{ "a@b.example", "a@b.example.net", false },
	{ "a@b.example", "", false },
	{ "a@b.example", "a@b.example\xe3\x80\x82", true },
	{ "a@b.example", "\"a\"@b.example", true },
	{ "a@b.example", "\"\\a\"@B.example", true },
	{ "a@b.example", "\"a \"@b.example", false },
	{ "a@b.example", "\"@b.example", false },
	{ "/^a@b\\.example$/", "\"a\"@b.example", true },
	{ "/^a@b\\.example$/", "a@b.example.", true },
	{ "/^a@b\\.example$/", "a@c.example", false },
	{ "@b.example", "anybody@b.example", true },
	{ "@b.example", "\"a@c\"@b.example", true },
	{ "@b.example", "a@x.b.example", false },
	{ "b.example", "anybody@b.example", true },
	{ "b.example", "a@x.b.example", false },
	{ "[*.]b.example", "a@b.example", true },
	{ "[*.]b.example", "a@x.y.b.example", true },
	{ "[*.]b.example", "a@xb.example", false },
	{ "*.b.example", "a@x.b.example", true },
	{ "*.b.example", "a@b.example", false },
	{ "news-*@*.example", "news-7@b.example", true },
	{ "news-*@*.example", "news-7@b.example.net", false },
	{ "n*@b.example", "n@evil.example\"@b.example", true },
	{ "n*b.example", "n@b.example", false },
	{ "b*@b.example", "b@c.example", false },
	{ "*", "a@b.example", true },
	{ "*", "", false },
	{ "*@*", "", false },
	{ "<>", "", true },
	{ "<>", "a@b.example", false },
	{ "/^news-\\d+@/", "news-17@b.example", true },
	{ "/^news-\\d+@/", "news-x@b.example", false },
	{ "/./", "", false },
	{ "@j\xc3\xb6rg.example", "a@xn--jrg-sna.example", true },
	{ "@xn--jrg-sna.example", "a@j\xc3\xb6rg.example", true },
	{ "@[192.0.2.1]", "a@[192.0.2.1]", true },
	{ "root", "root", false },
};

static const struct {
	const char *pattern, *error;
} wrong[] = {
	{ "a@", "\"\" is no domain" },
	{ "a@b example", "\"b example\" is no domain" },
	{ "/(/", "" },
	{ "/a", "" },
	{ "/a/b/ c", "\"/a/b/ c\": something stands behind the last slash" },
};

static void
test_patterns(struct region *rg)
{
	struct err e;

	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		struct sender_patterns *p = sender_patterns_new();

		CHECK(sender_patterns_add(p, patterns[i].pattern, &e) == 0);
		is_int(sender_patterns_fit(p, patterns[i].address, rg),
		    patterns[i].fits,
		    REGION_JOIN(rg, patterns[i].pattern, " and <",
			patterns[i].address, ">"));
		sender_patterns_free(&p);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct sender_patterns *p = sender_patterns_new();

		ok(sender_patterns_add(p, wrong[i].pattern, &e) == -1 &&
			(wrong[i].error[0] == '\0' ||
			    strcmp(e.text, wrong[i].error) == 0),
		    "none: %s (%s)", wrong[i].pattern, e.text);
		sender_patterns_free(&p);
	}
}

static const struct {
	const char *by, *other;
	bool covers;
} covers[] = {
	{ "a@b.c", "a@b.c", true },
	{ "@b.c", "a@b.c", true },
	{ "b.c", "@b.c", true },
	{ "*@b.c", "b.c", true },
	{ "a*@b.c", "ab@b.c", true },
	{ "a*@b.c", "@b.c", false },
	{ "@*.b.c", "a@x.b.c", true },
	{ "@*.b.c", "a@b.c", false },
	{ "[*.]b.c", "a@b.c", true },
	{ "[*.]b.c", "[*.]x.b.c", true },
	{ "*.b.c", "[*.]b.c", false },
	{ "*", "[*.]b.c", true },
	{ "b.c", "[*.]b.c", false },
	{ "*", "<>", false },
	{ "/./", "a@b.c", false },
	{ "*", "/./", false },
};

static void
test_covers(struct region *rg)
{
	for (size_t i = 0; i < sizeof(covers) / sizeof(covers[0]); i++)
		is_int(sender_pattern_covers(covers[i].by, covers[i].other),
		    covers[i].covers,
		    REGION_JOIN(rg, covers[i].by, " over ", covers[i].other));
}

/* ---- domains --------------------------------------------------------------- */

static const struct {
	const char *pattern, *domain;
	bool fits;
} domains[] = {
	{ "b.example", "b.example", true },
	{ "B.Example", "b.example", true },
	{ "b.example", "x.b.example", false },
	{ "*.b.example", "x.b.example", true },
	{ "*.b.example", "b.example", false },
	{ "[*.]b.example", "b.example", true },
	{ "[*.]b.example", "x.y.b.example", true },
	{ "[*.]b.example", "xb.example", false },
	{ "*", "b.example", true },
	{ "j\xc3\xb6rg.example", "xn--jrg-sna.example", true },
	{ "*.j\xc3\xb6rg.example", "a.xn--jrg-sna.example", true },
};

static const struct {
	const char *a, *b;
	bool relaxed, strict;
} alignments[] = {
	{ "b.example", "b.example", true, true },
	{ "x.b.example", "b.example", true, false },
	{ "b.example", "y.x.b.example", true, false },
	{ "x.b.example", "y.b.example", false, false },
	{ "b.example", "ab.example", false, false },
	{ "b.example", "example", false, false },
	{ "b.example", "c.example", false, false },
	{ "b.example", "", false, false },
};

static void
test_domains(struct region *rg)
{
	const char *pattern;
	struct err e;

	for (size_t i = 0; i < sizeof(domains) / sizeof(domains[0]); i++) {
		CHECK(sender_domain_pattern(domains[i].pattern, rg, &pattern,
			  &e) == 0);
		is_int(sender_domain_fits(pattern, domains[i].domain),
		    domains[i].fits,
		    REGION_JOIN(rg, domains[i].pattern, " and ",
			domains[i].domain));
	}
	ok(sender_domain_pattern("a@b.example", rg, &pattern, &e) == -1,
	    "an address is no domain");
	ok(sender_domain_pattern("*.*.example", rg, &pattern, &e) == -1,
	    "nor has one wildcards inside");
	for (size_t i = 0; i < sizeof(alignments) / sizeof(alignments[0]);
	     i++) {
		const char *a = alignments[i].a, *b = alignments[i].b;
		const char *label = REGION_JOIN(rg, a, " with ", b);

		is_int(sender_is_aligned(ALIGN_RELAXED, a, b),
		    alignments[i].relaxed, label);
		is_int(sender_is_aligned(ALIGN_RELAXED, b, a),
		    alignments[i].relaxed, label);
		is_int(sender_is_aligned(ALIGN_STRICT, a, b),
		    alignments[i].strict, label);
		ok(sender_is_aligned(ALIGN_NOT, a, b), "not asked: %s", label);
	}
}

/* ---- messages --------------------------------------------------------------- */

/* What one block says; words with blanks between. */
struct block {
	const char *allow, *deny, *domains, *from, *signature;
};

static const struct block none = { NULL, NULL, NULL, "no", "no" };

struct message {
	const char *label;
	struct block source, user;
	const char *address;
	const char *header; /* the block, with LF */
	const char *fault;
};

#define NO "no", "no"
#define NONE \
	{ \
		NULL, NULL, NULL, NO \
	}
#define IN(list) \
	{ \
		NULL, NULL, list, NO \
	}
#define FROM(value) "Subject: x\nFrom:" value "\n"

static const struct message messages[] = {
	{ "no rules", NONE, NONE, "a@b.example", "", "" },
	{ "no rules, two From", NONE, NONE, "a@b.example",
	    "From: a@b\nFrom: c@d\n", "" },

	/* The envelope. */
	{ "denied", { NULL, "@b.example", NULL, NO }, NONE, "a@b.example",
	    FROM(" a@b.example"), "denied" },
	{ "denied by the user", NONE, { NULL, "@b.example", NULL, NO },
	    "a@b.example", FROM(" a@b.example"), "denied" },
	{ "denied before allowed", { "@b.example", "ceo@b.example", NULL, NO },
	    NONE, "ceo@b.example", FROM(" ceo@b.example"), "denied" },
	{ "allowed", { "@b.example", "ceo@b.example", NULL, NO }, NONE,
	    "a@b.example", FROM(" x@anything.example"), "" },
	{ "none of those allowed", { "@b.example @c.example", NULL, NULL, NO },
	    NONE, "a@d.example", FROM(" a@b.example"), "not-allowed" },
	{ "the null sender is not among them", { "*", NULL, NULL, NO }, NONE,
	    "", FROM(" a@b.example"), "not-allowed" },
	{ "the null sender is", { "* <>", NULL, NULL, NO }, NONE, "",
	    FROM(" a@b.example"), "" },
	{ "both blocks hold", { "@b.example", NULL, NULL, NO },
	    { "@c.example", NULL, NULL, NO }, "a@b.example",
	    FROM(" a@b.example"), "not-allowed" },
	{ "in the domains", IN("b.example *.c.example"), NONE, "a@x.c.example",
	    FROM(" a@b.example"), "" },
	{ "not in the domains", IN("b.example"), NONE, "a@c.example",
	    FROM(" a@b.example"), "domain" },
	{ "in those of the source only", IN("*.example"), IN("b.example"),
	    "a@c.example", FROM(" a@b.example"), "domain" },
	{ "no domain is none of them", IN("b.example"), NONE, "root",
	    FROM(" a@b.example"), "domain" },
	{ "a literal is none of them", IN("b.example"), NONE, "a@[192.0.2.1]",
	    FROM(" a@b.example"), "domain" },
	{ "the null sender has none", IN("b.example"), NONE, "",
	    FROM(" a@b.example"), "" },

	/* From. */
	{ "any rule: From once", { NULL, "x@y.example", NULL, NO }, NONE,
	    "a@b.example", "From: a@b.example\nFROM : c@d.example\n",
	    "from-twice" },
	{ "none is needed where none is judged",
	    { NULL, "x@y.example", NULL, NO }, NONE, "a@b.example", "To: x\n",
	    "" },
	{ "none is there", IN("b.example"), NONE, "a@b.example", "To: x\n",
	    "from-missing" },
	{ "an empty one", IN("b.example"), NONE, "a@b.example", FROM(""),
	    "from-missing" },
	{ "an empty group", IN("b.example"), NONE, "a@b.example",
	    FROM(" undisclosed:;"), "from-missing" },
	{ "one behind the end of the header", IN("b.example"), NONE,
	    "a@b.example", "To: x\njunk\nFrom: a@b.example\n", "from-missing" },
	{ "another domain", IN("b.example"), NONE, "a@b.example",
	    FROM(" a@c.example"), "from-domain" },
	{ "one address of two", IN("b.example"), NONE, "a@b.example",
	    FROM(" a@b.example, c@d.example"), "from-domain" },
	{ "all of a group", IN("b.example c.example"), NONE, "a@b.example",
	    FROM(" team: a@b.example, b@c.example;"), "" },
	{ "one of a group", IN("b.example"), NONE, "a@b.example",
	    FROM(" team: a@b.example, b@c.example;"), "from-domain" },
	{ "one in a display name", IN("b.example"), NONE, "a@b.example",
	    FROM(" ceo@c.example <a@b.example>"), "from-domain" },
	{ "one in quotes is none", IN("b.example"), NONE, "a@b.example",
	    FROM(" \"ceo@c.example\" <a@b.example>"), "" },
	{ "one in an encoded word is none", IN("b.example"), NONE,
	    "a@b.example", FROM(" =?utf-8?q?ceo=40c.example?= <a@b.example>"),
	    "" },
	{ "one in a comment is none", IN("b.example"), NONE, "a@b.example",
	    FROM(" a@b.example (ceo@c.example)"), "" },
	{ "folded", IN("b.example"), NONE, "a@b.example",
	    FROM("\n A\n <a@c.example>"), "from-domain" },
	{ "an address without a domain", IN("b.example"), NONE, "a@b.example",
	    FROM(" ceo, a@b.example"), "from-unreadable" },
	{ "a domain literal", IN("b.example"), NONE, "a@b.example",
	    FROM(" a@[192.0.2.1]"), "from-unreadable" },
	{ "Resent-From is not judged", IN("b.example"), NONE, "a@b.example",
	    "Resent-From: x@c.example\n" FROM(" a@b.example"), "" },
	{ "nor makes it another's message good", IN("b.example"), NONE,
	    "a@b.example", "Resent-From: a@b.example\n" FROM(" x@c.example"),
	    "from-domain" },
	{ "nor is Reply-To", IN("b.example"), NONE, "a@b.example",
	    "Reply-To: x@c.example\n" FROM(" a@b.example"), "" },
	{ "the user's domains, too", NONE, IN("b.example"), "a@b.example",
	    FROM(" a@c.example"), "from-domain" },

	/* Sender. */
	{ "Sender in the domains", IN("b.example"), NONE, "a@b.example",
	    "Sender: x@b.example\n" FROM(" a@b.example"), "" },
	{ "Sender in another", IN("b.example"), NONE, "a@b.example",
	    "Sender: x@c.example\n" FROM(" a@b.example"), "sender-domain" },
	{ "the second Sender in another", IN("b.example"), NONE, "a@b.example",
	    "Sender: x@b.example\nSender: x@c.example\n" FROM(" a@b.example"),
	    "sender-domain" },
	{ "a Sender that nobody can read", IN("b.example"), NONE, "a@b.example",
	    "Sender: x\n" FROM(" a@b.example"), "sender-unreadable" },
	{ "Sender is nothing to alignment",
	    { NULL, NULL, NULL, "strict", "no" }, NONE, "a@b.example",
	    "Sender: x@c.example\n" FROM(" a@b.example"), "" },

	/* Alignment. */
	{ "strict: the same", { NULL, NULL, NULL, "strict", "no" }, NONE,
	    "x@B.example", FROM(" a@b.Example"), "" },
	{ "strict: below", { NULL, NULL, NULL, "strict", "no" }, NONE,
	    "x@bounce.b.example", FROM(" a@b.example"), "unaligned" },
	{ "relaxed: below", { NULL, NULL, NULL, "relaxed", "no" }, NONE,
	    "x@bounce.b.example", FROM(" a@b.example"), "" },
	{ "relaxed: another", { NULL, NULL, NULL, "relaxed", "no" }, NONE,
	    "x@c.example", FROM(" a@b.example"), "unaligned" },
	{ "one address of two", { NULL, NULL, NULL, "relaxed", "no" }, NONE,
	    "x@b.example", FROM(" a@b.example, a@c.example"), "unaligned" },
	{ "no domain", { NULL, NULL, NULL, "relaxed", "no" }, NONE, "root",
	    FROM(" a@b.example"), "unaligned" },
	{ "the null sender", { NULL, NULL, NULL, "relaxed", "no" }, NONE, "",
	    FROM(" a@b.example"), "unaligned" },
	{ "the null sender, named", { "<>", NULL, NULL, "relaxed", "no" }, NONE,
	    "", FROM(" a@b.example"), "" },
	{ "named by the other block", { NULL, NULL, NULL, "relaxed", "no" },
	    { "<>", NULL, NULL, NO }, "", FROM(" a@b.example"), "unaligned" },
	{ "the stricter of two", { NULL, NULL, NULL, "relaxed", "no" },
	    { NULL, NULL, NULL, "strict", "no" }, "x@bounce.b.example",
	    FROM(" a@b.example"), "unaligned" },

	/* Who signs is known later: here From has to be readable alone. */
	{ "signature: no From", { NULL, NULL, NULL, "no", "strict" }, NONE,
	    "a@b.example", "To: x\n", "from-missing" },
	{ "signature: From", { NULL, NULL, NULL, "no", "strict" }, NONE,
	    "a@b.example", FROM(" a@c.example"), "" },
};

static struct conf_strs
words(const char *list, struct region *rg)
{
	struct conf_strs out = { 0 };
	char *rest = list == NULL ? NULL : region_strdup(rg, list), *word;

	while ((word = strsep(&rest, " ")) != NULL) {
		out.v = region_grow(rg, out.v, out.n, sizeof(*out.v));
		out.v[out.n++] = word;
	}
	return out;
}

static struct sender_patterns *
compiled(const char *list, struct region *rg)
{
	struct conf_strs texts = words(list, rg);
	struct sender_patterns *p = NULL;
	struct err e;

	if (texts.n > 0)
		p = sender_patterns_new();
	for (size_t i = 0; i < texts.n; i++)
		CHECK(sender_patterns_add(p, texts.v[i], &e) == 0);
	return p;
}

/* The rules of two blocks; what they own goes with patterns[4]. */
static void
make_rules(const struct block *source, const struct block *user,
    struct region *rg, struct sender_patterns *made[4],
    struct sender_rules *rules)
{
	struct source_conf s = { 0 };
	struct user_conf u = { 0 };

	made[0] = compiled(source->allow, rg);
	made[1] = compiled(source->deny, rg);
	made[2] = compiled(user->allow, rg);
	made[3] = compiled(user->deny, rg);
	s.allow_sender.compiled = made[0];
	s.deny_sender.compiled = made[1];
	s.sender_domains = words(source->domains, rg);
	s.from_alignment = source->from;
	s.signature_alignment = source->signature;
	u.allow_sender.compiled = made[2];
	u.deny_sender.compiled = made[3];
	u.sender_domains = words(user->domains, rg);
	u.from_alignment = user->from;
	u.signature_alignment = user->signature;
	sender_rules_of(&s, &u, rules);
}

static void
read_header(const char *text, struct region *rg, struct header_list *list)
{
	struct buf b = { 0 };
	size_t body;
	char *copy;

	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '\n')
			buf_byte(&b, '\r');
		buf_byte(&b, *p);
	}
	buf_str(&b, "\r\n");
	copy = region_dup(rg, b.p, b.len);
	header_parse(copy, b.len, rg, list, &body);
	buf_fini(&b);
}

/* ---- notifications ------------------------------------------------------------ */

static const struct {
	const char *header;
	bool is_notice;
} notices[] = {
	{ "From: MAILER-DAEMON@mta.example (Mail Delivery System)\n", true },
	{ "From: Mail Delivery System <Mailer-Daemon@mta.example>\n", true },
	{ "From: MAILER-DAEMON@mta.example\nFrom: ceo@b.example\n", false },
	{ "From: MAILER-DAEMON@mta.example, ceo@b.example\n", false },
	{ "From: ceo@b.example <MAILER-DAEMON@mta.example>\n", false },
	{ "From: MAILER-DAEMON <ceo@b.example>\n", false },
	{ "From: MAILER-DAEMON.x@b.example\n", false },
	{ "From: ceo@b.example\n", false },
	{ "To: a@b.example\n", false },
};

static void
test_notices(struct region *rg)
{
	for (size_t i = 0; i < sizeof(notices) / sizeof(notices[0]); i++) {
		struct header_list list;

		read_header(notices[i].header, rg, &list);
		is_int(sender_is_notice(&list, rg), notices[i].is_notice,
		    notices[i].header);
	}
}

static void
test_messages(struct region *rg)
{
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		const struct message *m = &messages[i];
		struct sender_patterns *made[4];
		struct sender_rules rules;
		struct header_list list;

		make_rules(&m->source, &m->user, rg, made, &rules);
		read_header(m->header, rg, &list);
		is_str(sender_fault_word(
			   sender_rules_header(&rules, m->address, &list, rg)),
		    m->fault, m->label);
		for (size_t k = 0; k < 4; k++)
			sender_patterns_free(&made[k]);
	}
}

/* ---- signatures --------------------------------------------------------------- */

static const struct {
	const char *label, *how, *from, *d; /* d=, with blanks between */
	bool good;
} signatures[] = {
	{ "none", "relaxed", " a@b.example", NULL, false },
	{ "the same", "strict", " a@b.example", "b.example", true },
	{ "one of two", "strict", " a@b.example", "c.example b.example", true },
	{ "above", "relaxed", " a@x.b.example", "b.example", true },
	{ "above, strict", "strict", " a@x.b.example", "b.example", false },
	{ "another", "relaxed", " a@b.example", "c.example", false },
	{ "for one address of two", "relaxed", " a@b.example, a@c.example",
	    "b.example", false },
	{ "for each", "relaxed", " a@b.example, a@c.example",
	    "b.example c.example", true },
};

static void
test_signatures(struct region *rg)
{
	struct sender_patterns *made[4];
	struct sender_rules rules;

	for (size_t i = 0; i < sizeof(signatures) / sizeof(signatures[0]);
	     i++) {
		struct block user = none;
		struct conf_strs d = words(signatures[i].d, rg);
		struct signing s = { .n = d.n };
		struct header_list list;

		user.signature = signatures[i].how;
		make_rules(&none, &user, rg, made, &rules);
		for (size_t k = 0; k < d.n; k++)
			s.v[k].domain = d.v[k];
		read_header(REGION_JOIN(rg, "From:", signatures[i].from, "\n"),
		    rg, &list);
		ok(sender_rules_want_signature(&rules), "it is asked for");
		is_int(sender_rules_signed(&rules, &list, &s, rg),
		    signatures[i].good, signatures[i].label);
	}
	make_rules(&none, &none, rg, made, &rules);
	ok(!sender_rules_want_signature(&rules) && rules.n == 0,
	    "two blocks that say nothing are no rules");
}

int
main(void)
{
	struct region *rg = region_new();

	test_patterns(rg);
	test_covers(rg);
	test_domains(rg);
	test_messages(rg);
	test_notices(rg);
	test_signatures(rg);
	region_free(&rg);
	return done_testing();
}
