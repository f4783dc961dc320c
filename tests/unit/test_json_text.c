/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A string of JSON is what any reader understands, whatever bytes it was made
 * of: what is no UTF-8 shows as U+FFFD, as Python's decode(errors="replace").
 */
#include "lib/json_text.h"

#include <jansson.h>

#include "tests/tap.h"

#define BAD "\357\277\275"

static const struct {
	const char *label, *in, *out;
} texts[] = {
	{ "nothing", "", "\"\"" },
	{ "a word", "abc", "\"abc\"" },
	{ "quotes", "\"\"", "\"\\\"\\\"\"" },
	{ "a backslash", "a\\b", "\"a\\\\b\"" },
	{ "a slash stays", "a/b", "\"a/b\"" },
	{ "control characters", "\1\t\n\r\037",
	    "\"\\u0001\\u0009\\u000a"
	    "\\u000d\\u001f\"" },
	{ "DEL stays", "\177", "\"\177\"" },
	{ "two bytes", "\303\244 \337\277", "\"\303\244 \337\277\"" },
	{ "three", "\342\202\254\340\240\200\355\237\277\357\277\277",
	    "\"\342\202\254\340\240\200\355\237\277\357\277\277\"" },
	{ "four", "\360\237\230\200\364\217\277\277",
	    "\"\360\237\230\200\364\217\277\277\"" },
	{ "a byte that begins none", "a\377b", "\"a" BAD "b\"" },
	{ "one that goes on alone", "\200\277", "\"" BAD BAD "\"" },
	{ "too long forms", "\300\257 \340\200\257",
	    "\"" BAD BAD " " BAD BAD BAD "\"" },
	{ "a surrogate", "\355\240\200", "\"" BAD BAD BAD "\"" },
	{ "beyond the last", "\364\220\200\200", "\"" BAD BAD BAD BAD "\"" },
	{ "cut after one of two", "\303", "\"" BAD "\"" },
	{ "cut after two of three", "\342\202", "\"" BAD "\"" },
	{ "cut after three of four", "\360\237\230", "\"" BAD "\"" },
	{ "cut by a letter", "\360\237x", "\"" BAD "x\"" },
	{ "cut by a quote", "\303\"", "\"" BAD "\\\"\"" },
	{ "cut by another one", "\342\202\303\244", "\"" BAD "\303\244\"" },
};

static void
test_texts(void)
{
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct buf out = { 0 };

		json_text(&out, slice_of(texts[i].in));
		is_str(buf_cstr(&out), texts[i].out, texts[i].label);
		buf_fini(&out);
	}
}

/* jansson refuses what is not JSON, and what is not UTF-8. */
static bool
is_read(struct slice text)
{
	struct buf out = { 0 };
	json_error_t why;
	json_t *j;

	json_text(&out, text);
	j = json_loadb(out.p, out.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
	buf_fini(&out);
	if (!json_is_string(j)) {
		json_decref(j);
		return false;
	}
	json_decref(j);
	return true;
}

/* Every text of two bytes, and of four with a border of the table first. */
static void
test_all_bytes(void)
{
	static const unsigned char borders[] = { 0x00, 0x1f, 0x22, 0x5c, 0x7f,
		0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf,
		0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4,
		0xf5, 0xff };
	enum { N = sizeof(borders) };
	int64_t read = 0;

	for (unsigned i = 0; i < 65536; i++) {
		char text[2] = { (char)(i >> 8), (char)i };

		read += is_read((struct slice){ text, 2 });
	}
	is_int(read, 65536, "every two bytes are read");
	read = 0;
	for (unsigned i = 0; i < N * N * N * N; i++) {
		char text[4] = { (char)borders[i % N], (char)borders[i / N % N],
			(char)borders[i / N / N % N],
			(char)borders[i / N / N / N] };

		read += is_read((struct slice){ text, 4 });
	}
	is_int(read, (int64_t)N * N * N * N,
	    "every four from the borders are read");
}

int
main(void)
{
	test_texts();
	test_all_bytes();
	return done_testing();
}
