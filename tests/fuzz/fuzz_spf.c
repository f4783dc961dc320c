/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever the records of strangers say, SPF comes to a result after few
 * questions; and a record that can be read is judged as such.
 *
 * The first line is the sender, the others are the answers to the questions for
 * a text, one by one; other questions are answered by what is in their names.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/dns_answer.h"
#include "lib/mem.h"
#include "lib/str.h"
#include "mail/spf.h"

enum {
	ROUNDS_MAX = 60,
	ASKED_MAX = 2 + 10 + 10 * 10 + 1 + 10,
	SENDER_MAX = 320
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *
take_line(struct slice *rest)
{
	const char *end = rest->len == 0 ? NULL :
					   memchr(rest->p, '\n', rest->len);
	size_t len = end == NULL ? rest->len : (size_t)(end - rest->p);
	char *line = mem_strndup(rest->len == 0 ? "" : rest->p, len);

	if (end != NULL)
		len++;
	rest->len -= len;
	rest->p = rest->len == 0 ? NULL : rest->p + len;
	return line;
}

static void
fill(struct dns_answer *a, enum dns_type type, const char *name,
    struct slice *rest)
{
	a->count = 1;
	if (type == DNS_TXT) {
		a->txt = mem_array(1, sizeof(*a->txt));
		a->txt[0] = take_line(rest);
	} else if (type == DNS_PTR || type == DNS_MX) {
		a->names = type == DNS_PTR ? mem_array(1, sizeof(*a->names)) :
					     NULL;
		a->mx = type == DNS_MX ? mem_array(1, sizeof(*a->mx)) : NULL;
		if (type == DNS_PTR)
			a->names[0] = mem_strdup("d.test");
		else
			a->mx[0].host = mem_strdup(name);
	} else {
		a->addrs = mem_array(1, sizeof(*a->addrs));
		a->addrs[0].family = type == DNS_A ? AF_INET : AF_INET6;
		a->addrs[0].a[0] = (uint8_t)name[0];
	}
}

static struct dns_answer *
answer(enum dns_type type, const char *name, struct slice *rest)
{
	size_t len = strlen(name);
	struct dns_answer *a;

	if (len % 7 == 5)
		return dns_answer_temp(name, type, "SERVFAIL", 0);
	a = dns_answer_new(DNS_OK);
	if (len % 7 == 6)
		a->status = DNS_NXDOMAIN;
	else
		fill(a, type, name, rest);
	return a;
}

static void
check(const struct spf *s)
{
	CHECK(spf_result_text(s->result)[0] != '\0');
	CHECK(s->terms <= SPF_TERMS_MAX + 1 && s->voids <= SPF_VOIDS_MAX + 1);
	CHECK(s->explanation[0] == '\0' || s->result == SPF_FAIL);
	CHECK(strlen(s->explanation) <= SPF_EXPLAIN_MAX);
	CHECK(s->reason != NULL && s->domain != NULL && s->term != NULL);
	CHECK(s->result == SPF_NEUTRAL || s->term[0] != '\0' ||
	    s->result == SPF_NONE || s->result == SPF_TEMPERROR ||
	    s->result == SPF_PERMERROR);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = { size == 0 ? NULL : (const char *)data, size };
	struct region *rg = region_new();
	struct dns_book *book = dns_book_new();
	char *sender = take_line(&rest);
	struct spf_in in = { .client = { size % 2 == 0 ? AF_INET : AF_INET6,
				 { 'd', 0, 0, 1 } },
		.helo = "h.test",
		.sender = sender,
		.receiver = "mx.test",
		.voids_max = SPF_VOIDS_MAX };
	unsigned rounds = 0, asked = 0;
	struct spf s;

	sender[strnlen(sender, SENDER_MAX)] = '\0';
	while (!spf_check(&in, book, rg, &s)) {
		size_t n = dns_book_wanted(book);

		CHECK(n > 0 && ++rounds <= ROUNDS_MAX);
		asked += (unsigned)n;
		for (size_t i = 0; i < n; i++)
			dns_book_take(book, i,
			    answer(dns_book_type(book, i),
				dns_book_name(book, i), &rest));
		dns_book_settle(book);
		region_reset(rg);
	}
	CHECK(asked <= ASKED_MAX);
	check(&s);
	dns_book_free(&book);
	region_free(&rg);
	free(sender);
	return 0;
}
