/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session of the host MTA is answered alike however its bytes come; nothing
 * is left of one message for the next, nor of a client; and what is not in the
 * protocol ends it, with a line that says what it was.
 */
#include "milter/milter_session.h"

#include <unistd.h>

#include "lib/check.h"
#include "lib/log.h"
#include "milter/milter_proto.h"
#include "tests/support/milter_world.h"
#include "tests/tap.h"

#define AGREED "O6:151:18d3c2"

static struct milter_env env;

/* ---- bytes in, words out ------------------------------------------------- */

struct talk {
	struct milter_session *s;
	struct buf waiting; /* not taken yet */
	struct buf words;
	unsigned asked; /* how often keys were wanted */
};

static void
begin(struct talk *t)
{
	*t = (struct talk){ .s = milter_session_new(&env) };
}

static void
finish(struct talk *t)
{
	milter_session_free(&t->s);
	buf_fini(&t->waiting);
	buf_fini(&t->words);
}

/* Keys are never found. */
static void
hear(struct talk *t, const char *p, size_t len)
{
	size_t taken;

	buf_add(&t->waiting, p, len);
	do {
		taken = milter_session_input(t->s,
		    (struct slice){ t->waiting.p, t->waiting.len });
		buf_drop(&t->waiting, taken);
		if (milter_session_wanted(t->s) != NULL) {
			t->asked++;
			milter_session_answered(t->s);
			taken = 1;
		}
	} while (taken > 0);
	host_heard(milter_session_output(t->s), &t->words);
}

static const char *
words_of(struct talk *t, const struct buf *said)
{
	hear(t, said->p, said->len);
	return buf_cstr(&t->words);
}

/* ---- whole conversations ------------------------------------------------- */

static void
two_messages(struct buf *b, const char *ip)
{
	host_options(b);
	host_message(b, ip);
	host_message(b, "192.0.2.1");
	HOST_SAYS(b, MILTER_QUIT, "");
}

static void
test_whole(const char *ip, unsigned asked, const char *want)
{
	struct buf said = { 0 }, bytes = { 0 };
	struct talk t;
	unsigned alike = 0;

	two_messages(&said, ip);
	begin(&t);
	is_str(words_of(&t, &said), want, ip);
	is_int(t.asked, asked, "keys asked for");
	ok(milter_session_is_over(t.s), "and it is over");
	buf_add(&bytes, milter_session_output(t.s)->p,
	    milter_session_output(t.s)->len);
	finish(&t);
	for (size_t cut = 1; cut < said.len; cut++) {
		const struct buf *out;

		begin(&t);
		hear(&t, said.p, cut);
		hear(&t, said.p + cut, said.len - cut);
		out = milter_session_output(t.s);
		alike += out->len == bytes.len &&
		    memcmp(out->p, bytes.p, bytes.len) == 0;
		finish(&t);
	}
	is_int(alike, (int64_t)said.len - 1, "the same, cut at every byte");
	begin(&t);
	for (size_t i = 0; i < said.len; i++)
		hear(&t, said.p + i, 1);
	is_str(buf_cstr(&t.words), want, "and byte by byte");
	finish(&t);
	buf_fini(&said);
	buf_fini(&bytes);
}

/* ---- small talk ---------------------------------------------------------- */

/* What others than Postfix say, and steps that were not asked for. */
static void
test_steps(void)
{
	struct buf said = { 0 };
	struct talk t;

	HOST_SAYS(&said, MILTER_OPTIONS, "\0\0\0\2\0\0\0\x3f\0\0\0\x7f");
	HOST_SAYS(&said, MILTER_CONNECT, "localhost\0U");
	HOST_SAYS(&said, MILTER_HELO, "x\0");
	HOST_SAYS(&said, MILTER_MAIL, "<>\0");
	HOST_SAYS(&said, MILTER_UNKNOWN, "FOO\0");
	HOST_SAYS(&said, MILTER_RCPT, "<x@a.example>\0");
	HOST_SAYS(&said, MILTER_DATA, "");
	HOST_SAYS(&said, MILTER_HEADER, "A\0b\0");
	HOST_SAYS(&said, MILTER_HEADER_END, "");
	HOST_SAYS(&said, MILTER_END, "a body\r\n");
	HOST_SAYS(&said, MILTER_MAIL, "<>\0");
	HOST_SAYS(&said, MILTER_END, "");
	begin(&t);
	is_str(words_of(&t, &said), "O2:11:42 c c c c c c c c c c c",
	    "an old host MTA has an answer to each step");
	ok(milter_session_is_idle(t.s) && !milter_session_is_over(t.s),
	    "and can go on");
	finish(&t);
	buf_fini(&said);
}

static void
test_versions(void)
{
	struct buf said = { 0 };
	struct talk t;

	HOST_SAYS(&said, MILTER_OPTIONS, "\0\0\0\x09\xff\xff\xff\xff\0\0\0\0");
	begin(&t);
	is_str(words_of(&t, &said), "O6:151:2",
	    "one of the future, without steps that it could leave out");
	finish(&t);
	buf_fini(&said);
}

/* Over TCP each step has its answer. */
static void
test_tcp(void)
{
	struct buf said = { 0 };
	struct talk t;

	env.unix_socket = false;
	host_options(&said);
	HOST_SAYS(&said, MILTER_MAIL, "<a@b>\0");
	HOST_SAYS(&said, MILTER_RCPT, "<a@b>\0");
	HOST_SAYS(&said, MILTER_HEADER, "A\0b\0");
	HOST_SAYS(&said, MILTER_BODY, "x\r\n");
	begin(&t);
	is_str(words_of(&t, &said), "O6:151:100342 c c c c", "over TCP");
	ok(!milter_session_is_idle(t.s), "a message is under way");
	finish(&t);
	env.unix_socket = true;
	buf_fini(&said);
}

/* Another client's message in the same session has nothing of the first. */
static void
test_next_client(void)
{
	struct buf said = { 0 };
	struct talk t;

	host_options(&said);
	host_message(&said, "10.0.0.9");
	HOST_SAYS(&said, MILTER_QUIT_NC, "");
	HOST_SAYS(&said, MILTER_MAIL, "<a@example.net>\0");
	HOST_SAYS(&said, MILTER_RCPT, "<x@sign.example>\0");
	HOST_SAYS(&said, MILTER_HEADER, "X-Job\0 a\0");
	HOST_SAYS(&said, MILTER_END, "");
	begin(&t);
	is_str(words_of(&t, &said),
	    AGREED " m1:X-Job i0:X-Mailrace-Mark c m1:X-Job c",
	    "no queue id, so no mark");
	finish(&t);
	buf_fini(&said);
}

/* So many short fields, and the end. */
static const char *
many_fields(struct talk *t, int n)
{
	struct buf said = { 0 };
	const char *words;

	host_options(&said);
	HOST_SAYS(&said, MILTER_MAIL, "<a@example.net>\0");
	for (int i = 0; i < n; i++)
		HOST_SAYS(&said, MILTER_HEADER, "A\0\0");
	HOST_SAYS(&said, MILTER_END, "");
	begin(t);
	words = words_of(t, &said);
	buf_fini(&said);
	return words;
}

/* A field has its price, however short it is. */
static void
test_many_fields(void)
{
	struct talk t;

	is_str(many_fields(&t, 250000), AGREED " c", "very many fields");
	finish(&t);
	is_str(many_fields(&t, 270000),
	    AGREED " y:552 5.3.4 header fields too large", "too many");
	finish(&t);
}

/* ---- what ends it -------------------------------------------------------- */

#define HELLO "\0\0\0\x0dO\0\0\0\6\0\0\1\xff\0\x1f\xff\xff"
#define OPEN HELLO "\0\0\0\6M<a>\0\0"

static const struct {
	const char *label;
	struct slice said;
	const char *told;
} bad[] = {
	{ "a length of nothing", SLICE_LIT(HELLO "\0\0\0\0"),
	    "impossible length" },
	{ "a length of 4 GB", SLICE_LIT(HELLO "\xff\xff\xff\xff"),
	    "impossible length" },
	{ "an unknown command", SLICE_LIT(HELLO "\0\0\0\1z"),
	    "an unknown packet (0x7a, 'z') between messages" },
	{ "a command of no letter", SLICE_LIT(HELLO "\0\0\0\1\0"),
	    "an unknown packet (0x00, '?')" },
	{ "no options", SLICE_LIT("\0\0\0\1A"),
	    "out of order (0x41, 'A') before anything else" },
	{ "options twice", SLICE_LIT(HELLO HELLO), "out of order" },
	{ "options in a message", SLICE_LIT(OPEN HELLO),
	    "out of order (0x4f, 'O') in an envelope" },
	{ "options cut off", SLICE_LIT("\0\0\0\5O\0\0\0\6"), "malformed" },
	{ "version 1", SLICE_LIT("\0\0\0\x0dO\0\0\0\1\0\0\1\xff\0\x1f\xff\xff"),
	    "malformed" },
	{ "no changes are taken",
	    SLICE_LIT("\0\0\0\x0dO\0\0\0\6\0\0\0\1\0\x1f\xff\xff"),
	    "offers no changes of header fields" },
	{ "a recipient without a sender", SLICE_LIT(HELLO "\0\0\0\4R<>\0"),
	    "out of order" },
	{ "a header without a sender", SLICE_LIT(HELLO "\0\0\0\5LA\0b\0"),
	    "out of order" },
	{ "a body without a sender", SLICE_LIT(HELLO "\0\0\0\2Bx"),
	    "out of order" },
	{ "an end without a sender", SLICE_LIT(HELLO "\0\0\0\1E"),
	    "out of order" },
	{ "a client in a message", SLICE_LIT(OPEN "\0\0\0\4Cx\0U"),
	    "out of order" },
	{ "a recipient in the body", SLICE_LIT(OPEN "\0\0\0\2Bx\0\0\0\4R<>\0"),
	    "out of order (0x52, 'R') in a body" },
	{ "a sender without an end", SLICE_LIT(HELLO "\0\0\0\4M<a>"),
	    "malformed" },
	{ "no sender", SLICE_LIT(HELLO "\0\0\0\1M"), "malformed" },
	{ "a recipient without an end", SLICE_LIT(OPEN "\0\0\0\4R<a>"),
	    "malformed" },
	{ "a field without a value", SLICE_LIT(OPEN "\0\0\0\3LA\0"),
	    "malformed" },
	{ "a value without an end", SLICE_LIT(OPEN "\0\0\0\4LA\0b"),
	    "malformed" },
	{ "a name without an end", SLICE_LIT(OPEN "\0\0\0\2LA"), "malformed" },
	{ "a field without a name", SLICE_LIT(OPEN "\0\0\0\4L\0b\0"),
	    "malformed" },
	{ "a client without a family", SLICE_LIT(HELLO "\0\0\0\3Cx\0"),
	    "malformed" },
	{ "a client without an address", SLICE_LIT(HELLO "\0\0\0\4Cx\0004"),
	    "malformed" },
	{ "an address without an end",
	    SLICE_LIT(HELLO "\0\0\0\x0d"
			    "Cx\0004\0\0001.2.3.4"),
	    "malformed" },
	{ "an address that is none",
	    SLICE_LIT(HELLO "\0\0\0\x0a"
			    "Cx\0006\0\0::x\0"),
	    "malformed" },
	{ "macros without an end", SLICE_LIT(HELLO "\0\0\0\3DMi"),
	    "malformed" },
	{ "macros of nothing", SLICE_LIT(HELLO "\0\0\0\1D"), "malformed" },
};

/* The whole log; it is emptied. */
static void
read_log(char *out, size_t cap)
{
	FILE *f = fopen(milter_world_path("log"), "r");
	size_t n = f == NULL ? 0 : fread(out, 1, cap - 1, f);

	out[n] = '\0';
	if (f != NULL)
		(void)fclose(f);
	CHECK(truncate(milter_world_path("log"), 0) == 0);
}

static void
test_bad(void)
{
	char log[4096];

	read_log(log, sizeof(log));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct talk t;

		begin(&t);
		hear(&t, bad[i].said.p, bad[i].said.len);
		ok(milter_session_is_over(t.s), "%s", bad[i].label);
		hear(&t, "\0\0\0\1A", 5);
		read_log(log, sizeof(log));
		if (!ok(strstr(log, bad[i].told) != NULL, "is told"))
			(void)printf("# %s", log);
		finish(&t);
	}
}

int
main(void)
{
	struct err e;

	milter_world_init(&env, MILTER_WORLD_CONF);
	CHECK(log_open(milter_world_path("log"), &e) == 0);
	test_whole("10.0.0.9", 0,
	    AGREED " m1:X-Job i0:X-Mailrace-Mark c"
		   " m1:X-Job i0:X-Mailrace-Mark c");
	test_whole("10.1.0.9", 1,
	    AGREED " m1:X-Job i0:X-Mailrace-Mark c"
		   " m1:X-Job i0:X-Mailrace-Mark c");
	test_steps();
	test_versions();
	test_tcp();
	test_next_client();
	test_many_fields();
	test_bad();
	milter_world_fini(&env);
	return done_testing();
}
