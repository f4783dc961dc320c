/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No message and no key record makes libopendkim end the process: it has
 * assertions, and a milter gives it what strangers send.  The record is what
 * stands in front of the first NUL, the message what is behind it.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/check.h"
#include "mail/dkim_verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct dkim_verifier *
verifier(void)
{
	static struct dkim_verifier *v;
	struct err e;

	if (v == NULL)
		CHECK(dkim_verifier_new(&v, &e) == 0);
	return v;
}

static void
verify(const char *text, size_t len, struct slice record, struct region *rg)
{
	struct dkim_answers *answers = dkim_answers_new();
	struct header_list headers;
	struct dkim_verdict *verdicts;
	struct dkim_verify *v;
	size_t body, n;

	header_parse(text, len, rg, &headers, &body);
	v = dkim_verify_new(verifier(), &headers);
	if (v != NULL) {
		dkim_verify_names(v, answers);
		CHECK(dkim_answers_count(answers) <= DKIM_VERIFY_MAX);
		for (size_t i = 0; i < dkim_answers_count(answers); i++)
			dkim_answers_set(answers, i, DKIM_ANSWER_RECORD,
			    record);
		dkim_verify_body(v, text + body, len - body);
		n = dkim_verify_end(v, answers, rg, &verdicts);
		for (size_t i = 0; i < n; i++)
			CHECK((verdicts[i].reason[0] == '\0') ==
			    (strcmp(verdicts[i].result, "pass") == 0));
		dkim_verify_free(&v);
	}
	dkim_answers_free(&answers);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size == 0 ? NULL : memchr(data, '\0', size);
	size_t len = nul == NULL ? 0 : (size_t)(nul - data);
	struct slice record = { (const char *)data, len };
	struct region *rg = region_new();

	if (nul != NULL)
		len++;
	verify((const char *)data + len, size - len, record, rg);
	region_free(&rg);
	return 0;
}
