/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/dns_book.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "lib/str.h"
#include "lib/strmap.h"

struct entry {
	const char *name;
	enum dns_type type;
	bool known;
	struct dns_answer *answer; /* NULL, and known: nobody could say */
};

struct dns_book {
	struct region *rg;
	struct strmap *by_key;
	struct entry **open;
	size_t open_count;
};

/* Who asked waited in vain. */
static const struct dns_answer nothing = { .status = DNS_TEMP,
	.text = (char[]){ "no answer in time" } };

struct dns_book *
dns_book_new(void)
{
	struct dns_book *b = mem_new(struct dns_book);

	b->rg = region_new();
	b->by_key = strmap_new();
	return b;
}

void
dns_book_free(struct dns_book **bp)
{
	struct dns_book *b = *bp;

	*bp = NULL;
	if (b == NULL)
		return;
	for (size_t i = 0; i < strmap_count(b->by_key); i++) {
		struct entry *x = strmap_at(b->by_key, i);

		dns_answer_unref(&x->answer);
	}
	strmap_free(&b->by_key);
	region_free(&b->rg);
	free(b->open);
	free(b);
}

const struct dns_answer *
dns_book_find(struct dns_book *b, const char *name, enum dns_type type)
{
	char *key = region_printf(b->rg, "%d %s", (int)type, name);
	struct entry *x;

	str_lower(key);
	x = strmap_get(b->by_key, key);
	if (x == NULL) {
		x = region_new_obj(b->rg, struct entry);
		x->name = region_strdup(b->rg, name);
		x->type = type;
		strmap_put(b->by_key, key, x);
		b->open = mem_realloc(b->open,
		    (b->open_count + 1) * sizeof(struct entry *));
		b->open[b->open_count++] = x;
	}
	if (!x->known)
		return NULL;
	return x->answer == NULL ? &nothing : x->answer;
}

size_t
dns_book_wanted(const struct dns_book *b)
{
	return b->open_count;
}

const char *
dns_book_name(const struct dns_book *b, size_t i)
{
	return b->open[i]->name;
}

enum dns_type
dns_book_type(const struct dns_book *b, size_t i)
{
	return b->open[i]->type;
}

void
dns_book_take(struct dns_book *b, size_t i, struct dns_answer *answer)
{
	CHECK(i < b->open_count && !b->open[i]->known);
	b->open[i]->known = true;
	b->open[i]->answer = answer;
}

void
dns_book_settle(struct dns_book *b)
{
	size_t kept = 0;

	for (size_t i = 0; i < b->open_count; i++)
		if (!b->open[i]->known)
			b->open[kept++] = b->open[i];
	b->open_count = kept;
}

const char *
dns_book_reverse(const struct net_addr *a, char out[DNS_BOOK_REVERSE_CAP])
{
	char *p = out;

	if (a->family == AF_INET) {
		(void)snprintf(out, DNS_BOOK_REVERSE_CAP,
		    "%u.%u.%u.%u.in-addr.arpa", a->a[3], a->a[2], a->a[1],
		    a->a[0]);
		return out;
	}
	for (int i = 15; i >= 0; i--) {
		*p++ = "0123456789abcdef"[a->a[i] & 15];
		*p++ = '.';
		*p++ = "0123456789abcdef"[a->a[i] >> 4];
		*p++ = '.';
	}
	(void)snprintf(p, (size_t)(out + DNS_BOOK_REVERSE_CAP - p), "ip6.arpa");
	return out;
}
