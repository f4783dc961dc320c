/* SPDX-License-Identifier: Apache-2.0 */
/* List-Unsubscribe and Feedback-ID are made of good templates, or not at all. */
#include "vmta/list_fields.h"

#include <string.h>

#include "tests/tap.h"

static const struct {
	const char *text;
	bool feedback;
	const char *said; /* NULL: it is good */
} checks[] = {
	{ "<https://a.example/u?r={rcpt}&m={message-id}>", false, NULL },
	{ "<mailto:u@a.example?subject={job}> , <https://a.example/{vmta}>",
	    false, NULL },
	{ "https://a.example/", false, "<URI>, ... is needed" },
	{ "<https://a.example/", false, "<URI>, ... is needed" },
	{ "<https://a.example/> <mailto:a@b>", false, "<URI>, ... is needed" },
	{ "<https://a.example/>,", false, "<URI>, ... is needed" },
	{ "<ftp://a.example/>", false, "no URI of https, http or mailto" },
	{ "<https://>", false, "no URI of" },
	{ "<https://a b/>", false, "no URI of" },
	{ "<https://a/{who}>", false, "there is no {who}" },
	{ "<https://a/{rcpt>", false, "a brace without" },
	{ "<https://a/rcpt}>", false, "a brace without" },
	{ "<https://\xc3\xa4/>", false, "only printable ASCII" },
	{ "{job}:{vmta}:{from-domain}:sender1", true, NULL },
	{ "sender1", true, NULL },
	{ "a:b:c:d:sender1", true, "more than 4 parts" },
	{ "a:abcd", true, "its last part names the sender" },
	{ "a:0123456789abcdef", true, "its last part names the sender" },
	{ "a:{job}-all", true, "its last part names the sender" },
	{ "{rcpt}:sender1", true, "{rcpt} differs in each message" },
	{ "{message-id}:sender1", true, "{message-id} differs in each" },
	{ "a b:sender1", true, "only printable ASCII" },
};

#define FULL "From: A <a@News.Example>\r\nMessage-ID: <1/2@a.example>\r\n"
#define POST "|List-Unsubscribe-Post: List-Unsubscribe=One-Click"

static const struct {
	const char *label, *text, *job, *vmta, *rcpt, *header;
	bool is_signed;
	const char *fields; /* "Name: value|..." */
} cases[] = {
	{ "all macros",
	    "<https://a/{job}/{vmta}/{from-domain}/{message-id}/{rcpt}>", "j 1",
	    "v", "a+b@c.d", FULL, true,
	    "List-Unsubscribe: <https://a/j%201/v/news.example/"
	    "1%2F2%40a.example/a%2Bb%40c.d>" POST },
	{ "each URI on its line", "<mailto:u@a.example>,<HTTPS://a/>", "", "",
	    NULL, "", true,
	    "List-Unsubscribe: <mailto:u@a.example>,\r\n\t<HTTPS://a/>" POST },
	{ "one click needs https", "<http://a/>,<mailto:u@a>", "", "", NULL, "",
	    true, "List-Unsubscribe: <http://a/>,\r\n\t<mailto:u@a>" },
	{ "and a signature", "<https://a/>", "", "", NULL, "", false,
	    "List-Unsubscribe: <https://a/>" },
	{ "several recipients", "<https://a/{rcpt}>", "", "", NULL, "", true,
	    "" },
	{ "no job", "<https://a/{job}>", "", "v", "a@b", FULL, true, "" },
	{ "no message-id", "<https://a/{message-id}>", "j", "v", "a@b",
	    "Message-ID: none\r\n", true, "" },
	{ "one that is there stays", "<https://a/>", "", "", NULL,
	    "list-unsubscribe: <mailto:x@y>\r\n", true, "" },
	{ "so does the other", "<https://a/>", "", "", NULL,
	    "List-Unsubscribe-Post: x\r\n", true, "" },
	{ "no template", "", "j", "v", "a@b", FULL, true, "" },
};

static const struct {
	const char *label, *text, *job, *vmta, *header, *value;
} feedback[] = {
	{ "Feedback-ID", "{job}:{vmta}:{from-domain}:sender1", "spring", "v",
	    FULL, "spring:v:news.example:sender1" },
	{ "what there is not", "{job}:{vmta}:{from-domain}:sender1", "", "", "",
	    ":::sender1" },
	{ "parts are words", "{job}:x:sender1", "a:b c\xc3\xa4", "", "",
	    "a_b_c__:x:sender1" },
};

static void
parse(const char *text, struct region *rg, struct header_list *out)
{
	size_t body;

	header_parse(text, strlen(text), rg, out, &body);
}

static void
test_checks(void)
{
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		struct err e = { .text = "" };
		int rc = checks[i].feedback ?
		    feedback_id_check(checks[i].text, &e) :
		    list_unsubscribe_check(checks[i].text, &e);

		if (checks[i].said == NULL)
			ok(rc == 0, "%s%s", checks[i].text,
			    rc == 0 ? "" : e.text);
		else
			ok(rc == -1 && strstr(e.text, checks[i].said) != NULL,
			    "%s: %s", checks[i].text, checks[i].said);
	}
}

static void
test_unsubscribe(size_t i, struct region *rg)
{
	struct header_list headers;
	struct list_message m = { .job = cases[i].job,
		.vmta = cases[i].vmta,
		.rcpt = cases[i].rcpt,
		.headers = &headers,
		.is_signed = cases[i].is_signed };
	struct list_field out[2];
	const char *text = "";
	size_t n;

	parse(cases[i].header, rg, &headers);
	n = list_unsubscribe_make(cases[i].text, &m, rg, out);
	for (size_t k = 0; k < n; k++)
		text = REGION_JOIN(rg, text, k == 0 ? "" : "|", out[k].name,
		    ": ", out[k].value);
	is_str(text, cases[i].fields, cases[i].label);
}

static void
test_feedback(size_t i, struct region *rg)
{
	struct header_list headers;
	struct list_message m = { .job = feedback[i].job,
		.vmta = feedback[i].vmta,
		.headers = &headers };
	struct list_field out;

	parse(feedback[i].header, rg, &headers);
	is_int((int64_t)feedback_id_make(feedback[i].text, &m, rg, &out), 1,
	    "a field");
	is_str(out.value, feedback[i].value, feedback[i].label);
}

/* One that no line can hold. */
static void
test_long(struct region *rg)
{
	struct header_list headers;
	char *rcpt = region_strdup(rg, "a@b");
	struct list_message m = { .job = "",
		.vmta = "",
		.rcpt = rcpt,
		.headers = &headers };
	struct list_field out[2];

	parse("", rg, &headers);
	rcpt = region_alloc(rg, 401);
	memset(rcpt, '@', 400);
	rcpt[400] = '\0';
	m.rcpt = rcpt;
	is_int(
	    (int64_t)list_unsubscribe_make("<https://a/{rcpt}>", &m, rg, out),
	    0, "a URI that is longer than a line");
}

static const struct {
	const char *label, *names;
	bool is_in;
} sets[] = {
	{ "both", "List-Unsubscribe, list-unsubscribe-post", true },
	{ "no List-Unsubscribe", "List-Unsubscribe-Post", false },
	{ "no -Post", "Subject, List-Unsubscribe", false },
};

static void
test_sets(void)
{
	ok(list_unsubscribe_is_in(NULL), "both are in the fixed set");
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		const struct dkim_pick pick = { .more = slice_of(sets[i].names),
			.omit = SLICE_LIT(""),
			.no_adding = SLICE_LIT("") };
		struct dkim_fields *f = NULL;
		struct err e;

		ok(dkim_fields_pick(&pick, &f, &e) == 0 &&
			list_unsubscribe_is_in(f) == sets[i].is_in,
		    "signed alone: %s", sets[i].label);
		dkim_fields_free(&f);
	}
}

int
main(void)
{
	struct region *rg = region_new();

	test_checks();
	test_sets();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		test_unsubscribe(i, rg);
	for (size_t i = 0; i < sizeof(feedback) / sizeof(feedback[0]); i++)
		test_feedback(i, rg);
	test_long(rg);
	region_free(&rg);
	return done_testing();
}
