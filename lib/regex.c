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

int
regex_new(struct slice pattern, struct regex **re_r, struct err *e)
{
	uint32_t options = PCRE2_CASELESS | PCRE2_NEVER_BACKSLASH_C;
	PCRE2_SIZE at;
	PCRE2_UCHAR reason[200];
	struct regex *re;
	int code;

	*re_r = NULL;
	if (pattern.len > PATTERN_MAX)
		return err_set(e, "a regular expression of more than %d bytes",
		    PATTERN_MAX);
	/* Only such patterns need the slower matching by characters. */
	for (size_t i = 0; i < pattern.len; i++)
		if ((unsigned char)pattern.p[i] >= 128)
			options |= PCRE2_UTF | PCRE2_MATCH_INVALID_UTF;
	re = mem_new(struct regex);
	re->code = pcre2_compile((PCRE2_SPTR)pattern.p, pattern.len, options,
	    &code, &at, NULL);
	if (re->code == NULL) {
		if (pcre2_get_error_message(code, reason, sizeof(reason)) < 0)
			reason[0] = '\0';
		regex_free(&re);
		return err_set(e, "regular expression, at offset %zu: %s", at,
		    (const char *)reason);
	}
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

int
regex_take(struct slice *rest, struct regex **re_r, struct err *e)
{
	struct slice s = slice_trim(*rest);
	size_t i = 1;

	*re_r = NULL;
	if (s.len == 0 || s.p[0] != '/')
		return err_set(e, "a regular expression as /.../ is needed");
	for (; i < s.len; i++) {
		if (s.p[i] == '\\' && i + 1 < s.len) {
			i++;
			continue;
		}
		if (s.p[i] == '/' &&
		    (i + 1 == s.len || s.p[i + 1] == ' ' || s.p[i + 1] == '\t'))
			break;
	}
	if (i >= s.len)
		return err_set(e, "the regular expression lacks its last /");
	if (regex_new((struct slice){ s.p + 1, i - 1 }, re_r, e) == -1)
		return -1;
	*rest = slice_trim((struct slice){ s.p + i + 1, s.len - i - 1 });
	return 0;
}
