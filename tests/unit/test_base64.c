/* SPDX-License-Identifier: Apache-2.0 */
/* The vectors of RFC 4648 section 10, and one way of writing only. */
#include "lib/base64.h"
#include "tests/tap.h"

static const struct {
	const char *plain, *encoded;
} vectors[] = {
	{ "", "" },
	{ "f", "Zg==" },
	{ "fo", "Zm8=" },
	{ "foo", "Zm9v" },
	{ "foob", "Zm9vYg==" },
	{ "fooba", "Zm9vYmE=" },
	{ "foobar", "Zm9vYmFy" },
};

static const struct {
	const char *label, *text;
	size_t len;
} refused[] = {
	{ "bits behind the end", "Zh==", 1 },
	{ "no padding", "Zg", 1 },
	{ "more bytes than asked for", "Zm8=", 1 },
	{ "fewer bytes than asked for", "Zg==", 2 },
	{ "blanks around it", " Zg= ", 1 },
	{ "a line end", "Zg=\n", 1 },
	{ "the URL alphabet", "_-==", 1 },
};

int
main(void)
{
	char out[16];

	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		size_t len = strlen(vectors[i].plain);
		struct buf b = { 0 };

		base64_add(&b, vectors[i].plain, len);
		ok(b.len == strlen(vectors[i].encoded) &&
			memcmp(b.p, vectors[i].encoded, b.len) == 0,
		    "\"%s\" written", vectors[i].plain);
		ok(base64_read(slice_of(vectors[i].encoded), out, len) &&
			memcmp(out, vectors[i].plain, len) == 0,
		    "\"%s\" read", vectors[i].plain);
		buf_fini(&b);
	}
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		ok(!base64_read(slice_of(refused[i].text), out, refused[i].len),
		    "refused: %s", refused[i].label);
	return done_testing();
}
