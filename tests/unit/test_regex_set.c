/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an expression needs is found where it is understood and nowhere else,
 * and a set tries no expression that cannot match and misses none that does.
 */
#include "lib/mem.h"
#include "lib/regex.h"
#include "lib/regex_need.h"
#include "lib/regex_set.h"
#include "tests/tap.h"

static const struct {
	const char *pattern;
	const char *need; /* "front: word word", in lower case */
} needs[] = {
	{ "spam", ": spam" },
	{ "SPAM Found", ": spam found" },
	{ "^421 4\\.7\\.0", "421: 421 4.7.0" },
	{ "^5\\d\\d blocked", "5:  blocked" },
	{ "^55", "55: 55" },
	{ "450 4.2.2.*Mailbox full", ": mailbox full" },
	{ "a\\/b\\x23c", ": a/b#c" },
	{ "(421|450) too many", ":  too many" },
	{ "RL00000[1-3]", ": rl00000" },
	{ "too (many|much) mail", ":  mail" },
	{ "(spamhaus|barracuda)", ": spamhaus barracuda" },
	{ "^(421|450)", ": 421 450" },
	{ "ab(cd|(ef|gh))", ": ab" },
	{ "a(bcd|(ef|gh))", ": bcd ef gh" },
	{ "one|two|three", ": one two three" },
	{ "^421|^450", ": 421 450" },
	{ "one||three", ":" },
	{ "one|.*|three", ":" },
	{ "(spam)?listed", ": listed" },
	{ "(listed)*spam", ": spam" },
	{ "(listed){0,3}spam", ": spam" },
	{ "(listed){1,3}spam", ": listed" },
	{ "(listed)+spam", ": listed" },
	{ "abcd?", ": abc" },
	{ "abcd*?xy", ": abc" },
	{ "ab+cde", ": cde" },
	{ "x{2}yz", ": yz" },
	{ "^4?21 slow", ": 21 slow" },
	{ "^(?:421) slow", ":  slow" },
	{ "(?i)spam", ": spam" },
	{ "(?i:spam)", ": spam" },
	{ "(?-i)SPAM", ": spam" },
	{ "(?>spam)", ": spam" },
	{ "(?=spam)ab", ": ab" },
	{ "(?!spam)ab", ": ab" },
	{ "(?<!no )spam", ": spam" },
	{ "(?<name>spam)ab", ": ab" },
	{ "[a-z]]spam", ": ]spam" },
	{ "[]x]spam", ": spam" },
	{ "[^]x]spam", ": spam" },
	{ "[\\]x]spam", ": spam" },
	{ "[[:alpha:]]spam", ": spam" },
	{ "\\d+ spam\\b", ":  spam" },
	/* What is not understood in full needs nothing. */
	{ "", ":" },
	{ ".", ":" },
	{ "(?x)sp am", ":" },
	{ "(?m)^spam", ":" },
	{ "spam(?#or not)x", ":" },
	{ "a(*ACCEPT)spam", ":" },
	{ "\\Qspam\\E", ":" },
	{ "[[:<:]]spam[[:>:]]", ":" },
	{ "[\\c]]spam", ":" },
	{ "(?C'a)bcd(')spam", ":" },
	{ "(spam)\\1", ":" },
	{ "\\x{41}spam", ":" },
	{ "\\p{L}spam", ":" },
	{ "(a)?(?(1)spam|ham)", ":" },
	{ "spam{", ":" },
	{ "sp\303\244m", ":" },
	{ "((((((((spam))))))))", ":" },
};

static void
test_need(size_t i)
{
	struct regex_need need;
	struct buf b = { 0 };
	struct regex *re;
	struct err e;

	/* Only such expressions are asked about. */
	ok(regex_new(slice_of(needs[i].pattern), &re, &e) == 0, "/%s/",
	    needs[i].pattern);
	regex_free(&re);
	regex_need(slice_of(needs[i].pattern), &need);
	buf_add(&b, need.front, need.front_len);
	buf_str(&b, ":");
	for (size_t k = 0; k < need.n; k++) {
		buf_str(&b, " ");
		buf_add(&b, need.words[k].text, need.words[k].len);
	}
	is_str(buf_cstr(&b), needs[i].need, "what it needs");
	buf_fini(&b);
}

/* A word longer than is kept, and more alternatives than are. */
static void
test_long(void)
{
	struct regex_need need;
	struct buf b = { 0 };

	for (size_t i = 0; i < REGEX_WORD_MAX + 20; i++)
		buf_byte(&b, 'a');
	regex_need(slice_of(buf_cstr(&b)), &need);
	ok(need.n == 1 && need.words[0].len == REGEX_WORD_MAX,
	    "of a long word the front counts");
	buf_clear(&b);
	for (size_t i = 0; i <= REGEX_WORDS_MAX; i++)
		buf_printf(&b, "%sword%zu", i == 0 ? "" : "|", i);
	regex_need(slice_of(buf_cstr(&b)), &need);
	is_int((int64_t)need.n, 0, "too many alternatives: nothing is known");
	buf_clear(&b);
	for (size_t i = 0; i < 2000; i++)
		buf_str(&b, "a.");
	regex_need(slice_of(buf_cstr(&b)), &need);
	is_int((int64_t)need.n, 0, "too long a pattern: likewise");
	buf_fini(&b);
}

static const char *const patterns[] = { "spam", "^421", "^450 .*later",
	"too many", "TOO MANY", "xx", "a.c", "", "(grey|gray)list",
	"limit(ed)? reached" };

static const struct {
	const char *text;
	const char *candidates, *matches; /* by number */
} scans[] = {
	{ "550 no", "567", "7" },
	{ "550 Spam", "0567", "07" },
	{ "550 spa", "567", "7" },
	{ "421 Too Many", "134567", "1347" },
	{ "450 421", "567", "7" },
	{ "450 try later", "2567", "27" },
	{ "450", "567", "7" },
	{ "451 graylisted abc xx", "5678", "5678" },
	{ "451 limit", "567", "7" },
	{ "451 limited reached", "5679", "79" },
	{ "xx", "567", "57" },
	{ "", "567", "7" },
};

static void
test_scans(void)
{
	struct regex_set *set = regex_set_new();
	struct regex_scan scan;
	struct err e;
	int i;

	for (size_t k = 0; k < sizeof(patterns) / sizeof(patterns[0]); k++)
		is_int(regex_set_add(set, slice_of(patterns[k]), &e),
		    (int64_t)k, patterns[k]);
	ok(regex_set_add(set, SLICE_LIT("("), &e) == -1, "said: %s", e.text);
	regex_set_seal(set);
	for (size_t k = 0; k < sizeof(scans) / sizeof(scans[0]); k++) {
		struct buf tried = { 0 }, matched = { 0 };

		regex_scan_init(&scan, set, scans[k].text,
		    strlen(scans[k].text));
		while ((i = regex_scan_next(&scan)) >= 0) {
			buf_printf(&tried, "%d", i);
			if (regex_scan_matches(&scan, i))
				buf_printf(&matched, "%d", i);
		}
		ok(regex_scan_next(&scan) == -1, "%s", scans[k].text);
		is_str(buf_cstr(&tried), scans[k].candidates, "is tried");
		is_str(buf_cstr(&matched), scans[k].matches, "matches");
		buf_fini(&tried);
		buf_fini(&matched);
	}
	regex_set_free(&set);
}

/* As many as there may be, all found by their own word. */
static void
test_full(void)
{
	struct regex_set *set = regex_set_new();
	struct regex_scan scan;
	char text[40];
	unsigned wrong = 0;
	struct err e;

	for (int i = 0; i < REGEX_SET_MAX; i++) {
		(void)snprintf(text, sizeof(text), "code %d!", i);
		if (regex_set_add(set, slice_of(text), &e) != i)
			wrong++;
	}
	ok(regex_set_add(set, SLICE_LIT("x"), &e) == -1, "said: %s", e.text);
	is_int((int64_t)regex_set_count(set), REGEX_SET_MAX, "so many");
	regex_set_seal(set);
	for (int i = 0; i < REGEX_SET_MAX; i++) {
		(void)snprintf(text, sizeof(text), "550 Code %d!", i);
		regex_scan_init(&scan, set, text, strlen(text));
		if (regex_scan_next(&scan) != i || regex_scan_next(&scan) != -1)
			wrong++;
	}
	is_int(wrong, 0, "each is the only one tried on its text");
	regex_set_free(&set);
	ok(set == NULL, "freed");
}

static void
test_empty(void)
{
	struct regex_set *set = regex_set_new();
	struct regex_scan scan;

	regex_set_seal(set);
	regex_scan_init(&scan, set, "550 spam", 8);
	is_int(regex_scan_next(&scan), -1, "an empty set");
	regex_set_free(&set);
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++)
		test_need(i);
	test_long();
	test_scans();
	test_full();
	test_empty();
	return done_testing();
}
