/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

#include "lib/check.h"
#include "lib/mem.h"

/* Enough for every honest pattern on a header; a few milliseconds at most. */
#define MATCH_LIMIT 200000
#define DEPTH_LIMIT 2000
#define HEAP_LIMIT_KB 4096
#define PATTERN_MAX 65536

struct regex {
	pcre2_code *code;
	pcre2_match_context *limits;
};

/* NULL: not well-formed, or too long. */
static pcre2_code *
compile(struct slice pattern, struct err *e)
{
	uint32_t options = PCRE2_CASELESS | PCRE2_NEVER_BACKSLASH_C;
	PCRE2_SIZE at;
	PCRE2_UCHAR reason[200];
	pcre2_code *made;
	int code;

	if (pattern.len > PATTERN_MAX) {
		(void)err_set(e, "a regular expression of more than %d bytes",
		    PATTERN_MAX);
		return NULL;
	}
	/* Only such patterns need the slower matching by characters. */
	for (size_t i = 0; i < pattern.len; i++)
		if ((unsigned char)pattern.p[i] >= 128)
			options |= PCRE2_UTF | PCRE2_MATCH_INVALID_UTF;
	made = pcre2_compile((PCRE2_SPTR)pattern.p, pattern.len, options, &code,
	    &at, NULL);
	if (made == NULL) {
		if (pcre2_get_error_message(code, reason, sizeof(reason)) < 0)
			reason[0] = '\0';
		(void)err_set(e, "regular expression, at offset %zu: %s", at,
		    (const char *)reason);
	}
	return made;
}

int
regex_check(struct slice pattern, struct err *e)
{
	pcre2_code *code = compile(pattern, e);

	if (code == NULL)
		return -1;
	pcre2_code_free(code);
	return 0;
}

int
regex_new(struct slice pattern, struct regex **re_r, struct err *e)
{
	pcre2_code *code = compile(pattern, e);
	struct regex *re;

	*re_r = NULL;
	if (code == NULL)
		return -1;
	re = mem_new(struct regex);
	re->code = code;
	/* Without JIT on this machine, matching is slower and right. */
	(void)pcre2_jit_compile(re->code, PCRE2_JIT_COMPLETE);
	re->limits = pcre2_match_context_create(NULL);
	CHECK(re->limits != NULL);
	(void)pcre2_set_match_limit(re->limits, MATCH_LIMIT);
	(void)pcre2_set_depth_limit(re->limits, DEPTH_LIMIT);
	(void)pcre2_set_heap_limit(re->limits, HEAP_LIMIT_KB);
	*re_r = re;
	return 0;
}

void
regex_free(struct regex **rep)
{
	struct regex *re = *rep;

	*rep = NULL;
	if (re == NULL)
		return;
	pcre2_match_context_free(re->limits);
	pcre2_code_free(re->code);
	free(re);
}

bool
regex_match(const struct regex *re, const char *p, size_t len)
{
	/* Per call, so that threads share nothing; one pair is enough. */
	pcre2_match_data *md = pcre2_match_data_create(1, NULL);
	int rc;

	CHECK(md != NULL);
	rc = pcre2_match(re->code, (PCRE2_SPTR)(len == 0 ? "" : p), len, 0, 0,
	    md, re->limits);
	if (rc == PCRE2_ERROR_JIT_STACKLIMIT)
		rc = pcre2_match(re->code, (PCRE2_SPTR)p, len, 0, PCRE2_NO_JIT,
		    md, re->limits);
	pcre2_match_data_free(md);
	return rc >= 0; /* 0: matched, with more groups than we asked for */
}

size_t
regex_span(struct slice s)
{
	if (s.len == 0 || s.p[0] != '/')
		return 0;
	for (size_t i = 1; i < s.len; i++) {
		if (s.p[i] == '\\' && i + 1 < s.len) {
			i++;
			continue;
		}
		if (s.p[i] == '/' &&
		    (i + 1 == s.len || s.p[i + 1] == ' ' || s.p[i + 1] == '\t'))
			return i + 1;
	}
	return 0;
}

int
regex_take_pattern(struct slice *rest, struct slice *pattern_r, struct err *e)
{
	struct slice s = slice_trim(*rest);
	size_t len = regex_span(s);

	if (s.len == 0 || s.p[0] != '/')
		return err_set(e, "a regular expression as /.../ is needed");
	if (len == 0)
		return err_set(e,
		    "the regular expression lacks its last / (for a # in it "
		    "write \\x23)");
	*pattern_r = (struct slice){ s.p + 1, len - 2 };
	*rest = slice_trim((struct slice){ s.p + len, s.len - len });
	return 0;
}

int
regex_take(struct slice *rest, struct regex **re_r, struct err *e)
{
	struct slice pattern = { 0 };

	*re_r = NULL;
	if (regex_take_pattern(rest, &pattern, e) == -1)
		return -1;
	return regex_new(pattern, re_r, e);
}
