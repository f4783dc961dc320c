/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets of the milter protocol are found when they are whole, whatever they
 * hold; macros are those of the last command that had them; and what goes out
 * is what the protocol says.
 */
#include "milter/milter_packet.h"

#include "milter/milter_macros.h"
#include "tests/tap.h"

static const struct {
	const char *label;
	struct slice in;
	enum milter_found found;
	size_t len;
} frames[] = {
	{ "nothing", SLICE_LIT(""), MILTER_FOUND_NONE, 0 },
	{ "half a length", SLICE_LIT("\0\0\0"), MILTER_FOUND_NONE, 0 },
	{ "no command yet", SLICE_LIT("\0\0\0\1"), MILTER_FOUND_NONE, 0 },
	{ "a command", SLICE_LIT("\0\0\0\1A"), MILTER_FOUND, 5 },
	{ "one and a half", SLICE_LIT("\0\0\0\2Bx\0\0"), MILTER_FOUND, 6 },
	{ "not all of it", SLICE_LIT("\0\0\0\3Bx"), MILTER_FOUND_NONE, 0 },
	{ "no command at all", SLICE_LIT("\0\0\0\0A"), MILTER_FOUND_BAD, 0 },
	{ "8 MB", SLICE_LIT("\0\x80\0\0B"), MILTER_FOUND_NONE, 0 },
	{ "a byte more", SLICE_LIT("\0\x80\0\1B"), MILTER_FOUND_BAD, 0 },
	{ "4 GB", SLICE_LIT("\xff\xff\xff\xff"), MILTER_FOUND_BAD, 0 },
};

static void
test_frames(void)
{
	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		struct milter_packet p = { 0 };

		ok(milter_packet_find(frames[i].in, &p) == frames[i].found &&
			p.len == frames[i].len,
		    "%s", frames[i].label);
	}
}

static void
test_texts(void)
{
	struct slice args = SLICE_LIT("one\0\0rest");

	is_str(milter_text(&args), "one", "a text");
	is_str(milter_text(&args), "", "an empty one");
	ok(milter_text(&args) == NULL && args.len == 4, "one without an end");
}

static void
test_options(void)
{
	struct milter_options o;

	is_int(milter_options_read(SLICE_LIT("\0\0\0\6\0\0\0\1\0\0\0"), &o), -1,
	    "too short");
	is_int(milter_options_read(SLICE_LIT("\0\0\0\2\0\0\0\0\0\0\0\0"), &o),
	    0, "of an old host MTA");
	ok(o.version == 2 && o.actions == 0xf && o.steps == 0x3f,
	    "which names nothing");
}

static void
test_macros(void)
{
	struct milter_macros m = { 0 };

	is_str(milter_macro(&m, "i"), "", "no macro");
	is_int(milter_macros_take(&m, SLICE_LIT("Mi\0one\0{x}\0y\0")), 0,
	    "macros of MAIL");
	is_int(milter_macros_take(&m, SLICE_LIT("Ri\0two\0")), 0, "of RCPT");
	is_str(milter_macro(&m, "i"), "two", "the later one");
	is_str(milter_macro(&m, "{x}"), "y", "and one of MAIL");
	is_int(milter_macros_take(&m, SLICE_LIT("R")), 0, "none any more");
	is_str(milter_macro(&m, "i"), "one", "so MAIL's");
	is_int(milter_macros_take(&m, SLICE_LIT("Li\0three\0")), 0,
	    "a field of the header has none");
	is_str(milter_macro(&m, "i"), "one", "that are kept");
	is_int(milter_macros_take(&m, SLICE_LIT("Cj\0")), 0, "no value");
	is_str(milter_macro(&m, "j"), "", "is an empty one");
	is_int(milter_macros_take(&m, SLICE_LIT("")), -1, "no command");
	is_int(milter_macros_take(&m, SLICE_LIT("Mi\0x")), -1, "no end");
	milter_macros_forget(&m, MILTER_STAGE_MAIL);
	is_str(milter_macro(&m, "{x}"), "", "forgotten with the message");
	milter_macros_fini(&m);
}

static bool
has(struct buf *out, struct slice want)
{
	bool same = out->len == want.len &&
	    memcmp(out->p, want.p, want.len) == 0;

	buf_clear(out);
	return same;
}

static void
test_output(void)
{
	static const struct milter_symbols symbols[] = { { 3, "i {x}" },
		{ 0, NULL } };
	struct milter_options o = { 6, 0x11, 0x80 };
	struct buf out = { 0 };

	milter_put_continue(&out);
	ok(has(&out, SLICE_LIT("\0\0\0\1c")), "continue");
	milter_put_options(&out, &o, NULL);
	ok(has(&out, SLICE_LIT("\0\0\0\x0dO\0\0\0\6\0\0\0\x11\0\0\0\x80")),
	    "options");
	milter_put_options(&out, &o, symbols);
	ok(has(&out,
	       SLICE_LIT("\0\0\0\x17O\0\0\0\6\0\0\0\x11\0\0\0\x80"
			 "\0\0\0\3i {x}\0")),
	    "with macros that are wanted");
	milter_put_field(&out, MILTER_SAY_INSERT, 0, "A", " b\n\tc");
	ok(has(&out, SLICE_LIT("\0\0\0\x0di\0\0\0\0A\0 b\n\tc\0")), "a field");
	milter_put_sender(&out, "<a@b>");
	ok(has(&out, SLICE_LIT("\0\0\0\7e<a@b>\0")), "a sender");
	milter_put_reply(&out, "550 5.7.1 100%\r\nof it");
	ok(has(&out, SLICE_LIT("\0\0\0\x18y550 5.7.1 100%%??of it\0")),
	    "a reply: %% is for a format, and it is one line");
	buf_fini(&out);
}

static void
test_long_reply(void)
{
	struct buf out = { 0 }, text = { 0 };

	buf_str(&text, "550 5.7.1 ");
	for (int i = 0; i < 2000; i++)
		buf_byte(&text, 'x');
	milter_put_reply(&out, buf_cstr(&text));
	is_int((int64_t)out.len, 4 + 1 + 980 + 1, "a long one is cut");
	buf_fini(&out);
	buf_fini(&text);
}

int
main(void)
{
	test_frames();
	test_texts();
	test_options();
	test_macros();
	test_output();
	test_long_reply();
	return done_testing();
}
