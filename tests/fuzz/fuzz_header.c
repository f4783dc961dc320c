/* SPDX-License-Identifier: Apache-2.0 */
/* Header blocks, their values and addresses, from bytes of any kind. */
#include <stddef.h>
#include <stdint.h>

#include "lib/check.h"
#include "mail/dkim_sign.h"
#include "mail/header.h"
#include "mail/mailbox.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct region *rg = region_new();
	struct header_list list;
	const char *p = (const char *)data, *at = p;
	size_t body;

	header_parse(p, size, rg, &list, &body);
	CHECK(body <= size);
	for (size_t i = 0; i < list.n; i++) {
		const struct header *h = &list.v[i];

		/* Fields follow each other with a CRLF between. */
		CHECK(h->whole.p == at && h->name.p == at);
		CHECK(h->name.len > 0 &&
		    h->value.p + h->value.len == at + h->whole.len);
		at += h->whole.len + 2;
		(void)header_value(h, rg);
		(void)mailbox_domain(h->value, rg);
		(void)dkim_sign_is_of(h, "example.net", "s1", rg);
		CHECK(header_find(&list, "", i) == list.n);
	}
	region_free(&rg);
	return 0;
}
