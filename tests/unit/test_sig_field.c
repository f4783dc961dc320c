/* SPDX-License-Identifier: Apache-2.0 */
/* A field of a signature is written in short lines, broken where it may be. */
#include "mail/sig_field.h"

#include "tests/tap.h"

static size_t
longest_line(struct slice s)
{
	size_t col = 0, longest = 0;

	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '\r' || s.p[i] == '\n')
			col = 0;
		else
			col += s.p[i] == '\t' ? 8 : 1;
		longest = col > longest ? col : longest;
	}
	return longest;
}

static void
test_short(void)
{
	struct sig_field f;
	struct header h;
	struct slice v;

	sig_field_init(&f, "ARC-Seal");
	sig_field_number(&f, "i", 1);
	sig_field_tag(&f, "cv", "none");
	sig_field_open(&f, "h");
	sig_field_item(&f, SLICE_LIT("X="));
	sig_field_item(&f, SLICE_LIT("To"));
	sig_field_close(&f);
	sig_field_base64(&f, "bh", "abc", 3);
	sig_field_quoted(&f, "i", "a;b =\xc3@d");
	sig_field_b(&f);
	h = sig_field_header(&f);
	v = sig_field_value(&f);
	ok(slice_eq(h.name, "ARC-Seal"), "its name");
	is_str(buf_cstr(&f.text),
	    "ARC-Seal: i=1; cv=none; h=X=:To; bh=YWJj;"
	    " i=a=3Bb=20=3D=C3@d; b=",
	    "every kind of tag");
	ok(h.whole.len == f.text.len && v.p == h.value.p + 1,
	    "the slices of it");
	sig_field_signature(&f, "c2ln", 4);
	v = sig_field_value(&f);
	ok(v.len > 6 && memcmp(v.p + v.len - 6, "b=c2ln", 6) == 0,
	    "the signature in b=");
	sig_field_fini(&f);
}

static void
test_long(void)
{
	char word[71], sig[345];
	struct sig_field f;

	memset(word, 'd', 70);
	word[70] = '\0';
	memset(sig, 'A', 344);
	sig[344] = '\0';
	sig_field_init(&f, "DKIM-Signature");
	sig_field_tag(&f, "v", "1");
	sig_field_tag(&f, "d", word);
	sig_field_open(&f, "h");
	for (int i = 0; i < 100; i++)
		sig_field_item(&f, SLICE_LIT("Content-Type"));
	sig_field_close(&f);
	sig_field_b(&f);
	sig_field_signature(&f, sig, 344);
	is_int((int64_t)longest_line((struct slice){ f.text.p, f.text.len }),
	    8 + 73, "a word that does not fit has a line of its own");
	ok(strstr(buf_cstr(&f.text), " \r\n") == NULL,
	    "no blank in front of a fold");
	ok(strstr(f.text.p, "v=1;\r\n\td=") != NULL, "a fold between tags");
	ok(strstr(f.text.p, "Content-Type:\r\n\tContent-Type") != NULL,
	    "and behind a colon");
	sig_field_fini(&f);
	/* The first tag stays on the line of the name, whatever its length. */
	sig_field_init(&f, "X");
	sig_field_tag(&f, "d", word);
	ok(strncmp(buf_cstr(&f.text), "X: d=d", 6) == 0, "none at the front");
	sig_field_fini(&f);
}

int
main(void)
{
	test_short();
	test_long();
	return done_testing();
}
