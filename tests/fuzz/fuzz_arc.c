/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A header and body of any kind are judged, never as a pass: no key is known.
 * The key record is what stands in front of the first NUL.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/check.h"
#include "mail/arc_seal.h"
#include "mail/arc_verify.h"
#include "mail/dkim_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
judge(const char *text, size_t len, struct slice record, struct region *rg)
{
	struct dkim_answers *answers = dkim_answers_new();
	struct arc_verify_in in = { .answers = answers, .now_s = 1790000000 };
	struct auth_results none = { 0 };
	struct header_list headers;
	struct arc_verdict v;
	struct arc_chain chain;
	enum arc_result cv;
	size_t body;

	header_parse(text, len, rg, &headers, &body);
	arc_chain_read(&headers, rg, &chain);
	arc_names(&chain, answers);
	CHECK(dkim_answers_count(answers) <= ARC_SETS_MAX + 1);
	for (size_t i = 0; i < dkim_answers_count(answers); i++)
		dkim_answers_set(answers, i, DKIM_ANSWER_RECORD, record);
	in.chain = &chain;
	in.headers = &headers;
	in.body = canon_body_of(text + body, len - body);
	arc_verify(&in, rg, &v);
	cv = arc_seal_cv(&chain, &none, rg);
	CHECK((v.result == ARC_NONE) == !chain.any);
	CHECK(v.result != ARC_TROUBLE);
	CHECK(cv == ARC_TROUBLE || cv == v.result);
	CHECK((v.result == ARC_FAIL) == (v.reason != NULL));
	canon_body_free(&in.body);
	dkim_answers_free(&answers);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size == 0 ? NULL : memchr(data, '\0', size);
	size_t len = nul == NULL ? 0 : (size_t)(nul - data);
	struct slice record = { (const char *)data, len };
	struct region *rg = region_new();
	struct dkim_record *key;
	struct err e;

	if (nul != NULL)
		len++;
	(void)dkim_record_parse(record, &key, &e);
	dkim_record_free(&key);
	judge((const char *)data + len, size - len, record, rg);
	region_free(&rg);
	return 0;
}
