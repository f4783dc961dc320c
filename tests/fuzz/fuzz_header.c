/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Header blocks, their values and addresses, from bytes of any kind, rewritten too; and the
 * signature of any such block names what it covers.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/check.h"
#include "mail/dkim_sign.h"
#include "mail/header.h"
#include "mail/mailbox.h"
#include "mail/tag_list.h"
#include "vmta/rewrite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* RFC 8032 section 7.1, the first key: any will do. */
static struct dkim_key *
key_new(void)
{
	static const char pem[] =
	    "-----BEGIN PRIVATE KEY-----\n"
	    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
	    "-----END PRIVATE KEY-----\n";
	struct dkim_key *key;
	struct err e;
	bool weak;

	CHECK(dkim_key_of_text(pem, sizeof(pem) - 1, &key, &weak, &e) == 0);
	return key;
}

/* The names of h= are those chosen, and no other tag has come in by them. */
static void
check_signature(const struct header_list *list, struct region *rg)
{
	static struct dkim_key *key;
	static struct dkim_fields *fields;
	static const uint8_t hash[32];
	struct dkim_sign_opts opts = { .query_method = "" };
	struct dkim_sign_in in = { .selector = "s1",
		.domain = "example.net",
		.opts = &opts,
		.headers = list,
		.body_hash = hash };
	struct dkim_field *v;
	struct tag_list tags;
	struct slice names, name;
	struct err e;
	size_t n;

	if (key == NULL) {
		key = key_new();
		CHECK(dkim_fields_new(SLICE_LIT("/./"), SLICE_LIT("To,/x/"),
			  &fields, &e) == 0);
	}
	in.key = key;
	opts.fields = fields;
	n = dkim_fields_choose(fields, list, NULL, rg, &v);
	CHECK(tag_list_parse(slice_of(dkim_sign_field(&in, rg, &e)), rg, &tags,
		  &e) == 0);
	CHECK(tags.n == 8);
	names = *tag_list_get(&tags, "h");
	for (size_t i = 0; i < n; i++)
		CHECK(tag_item(&names, &name) && name.len == v[i].name.len &&
		    memcmp(name.p, v[i].name.p, name.len) == 0);
	CHECK(!tag_item(&names, &name));
}

/* Who reads strictly sees what a lenient reader does, if not more. */
static void
check_domains(struct slice value, struct region *rg)
{
	const char *first = mailbox_domain(value, rg);
	struct mailbox_domains all;
	bool found = false;

	if (!mailbox_domains(value, rg, &all))
		return;
	for (size_t i = 0; i < all.n; i++)
		found = found ||
		    (first != NULL && strcmp(first, all.v[i]) == 0);
	CHECK(found == (all.n > 0));
}

/* Where domains stand in a value: with others in their places it is read as well. */
static void
check_rewriting(struct slice value, struct region *rg)
{
	struct rewrite_list *l = rewrite_list_new(rg);
	bool removed = false;
	struct header_list h = { 0 };
	struct header_edit edit = { .headers = &h, .remove = &removed };
	struct mailbox_domains before, after;
	struct err e;

	CHECK(rewrite_add_from(l, rg, "*", "new.example", &e) == 0);
	header_list_add(&h, rg, SLICE_LIT("From"), value);
	if (!rewrite_edit(l, rg, &edit) || edit.add_count == 0)
		return;
	CHECK(mailbox_domains(value, rg, &before));
	CHECK(mailbox_domains(slice_of(edit.add[0].value), rg, &after));
	CHECK(after.n == before.n);
	for (size_t i = 0; i < after.n; i++)
		CHECK(strcmp(after.v[i], "new.example") == 0);
}

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
		check_domains(h->value, rg);
		check_rewriting(h->value, rg);
		(void)dkim_sign_is_of(h, "example.net", "s1", rg);
		CHECK(header_find(&list, "", i) == list.n);
	}
	check_signature(&list, rg);
	region_free(&rg);
	return 0;
}
