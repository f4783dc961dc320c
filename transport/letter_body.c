/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/letter_body.h"

#include <stdint.h>
#include <string.h>

#include "lib/check.h"

/* Counts while p is NULL, writes in a second run. */
struct sink {
	char *p;
	size_t len;
};

static void
put(struct sink *k, const void *p, size_t len)
{
	if (k->p != NULL && len > 0)
		memcpy(k->p + k->len, p, len);
	k->len += len;
}

static void
put_field(const struct letter_body_in *in, size_t i, struct sink *k)
{
	const struct slice whole = in->headers->v[i].whole;

	if (in->remove != NULL && in->remove[i])
		return;
	put(k, whole.p, whole.len);
	put(k, "\r\n", 2);
}

/* Results stand above the Received field of who has found them. */
static void
write_header(const struct letter_body_in *in, struct sink *k)
{
	size_t first = in->results ? 1 : 0;

	if (in->results)
		put_field(in, 0, k);
	put(k, in->received, strlen(in->received));
	for (size_t i = 0; i < in->add_count; i++) {
		const struct policy_add *a = &in->add[i];

		put(k, a->name, strlen(a->name));
		put(k, ": ", 2);
		put(k, a->value, strlen(a->value));
		put(k, "\r\n", 2);
	}
	for (size_t i = first; i < in->headers->n; i++)
		put_field(in, i, k);
	/* Also where the text had none: its body began without one. */
	put(k, "\r\n", 2);
}

struct body *
letter_body(const struct letter_body_in *in)
{
	struct sink k = { NULL, 0 };
	struct body *b;

	write_header(in, &k);
	CHECK(k.len + in->rest.len <= UINT32_MAX);
	b = body_new((uint32_t)(k.len + in->rest.len));
	k = (struct sink){ b->bytes, 0 };
	write_header(in, &k);
	put(&k, in->rest.p, in->rest.len);
	CHECK(k.len == b->len);
	return b;
}
