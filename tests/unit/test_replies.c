/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was last said to a recipient is found until it ends or is tried again;
 * of very many the oldest go, and no memory is left behind.
 */
#include "transport/replies.h"

#include <stdlib.h>

#include "tests/tap.h"

static struct said *
said(int code, const char *text)
{
	const struct outcome o = { .kind = OUTCOME_REPLY,
		.code = code,
		.text = text,
		.mx = "mx.a.example",
		.wall_us = 1234567 };

	return said_new(&o);
}

static void
test_said(void)
{
	static const struct outcome nothing = { .kind = OUTCOME_DNS_TEMP };
	char text[SAID_TEXT_MAX + 100];
	struct said *s, *copy;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	s = said(451, text);
	is_int((int64_t)strlen(s->text), SAID_TEXT_MAX, "a long one is cut");
	copy = said_copy(s);
	said_unref(&s);
	is_str(copy->host, "mx.a.example", "a copy stands alone: the host");
	is_int(copy->code, 451, "the code");
	is_int(copy->wall_us, 1234567, "when");
	is_int((int64_t)strlen(copy->text), SAID_TEXT_MAX, "the text");
	said_unref(&copy);
	s = said_new(&nothing);
	ok(s->text[0] == '\0' && s->host[0] == '\0', "nobody said anything");
	said_unref(&s);
}

static void
keep(struct replies *r, uint64_t id, uint32_t n, struct said *s)
{
	const struct replied to = { id, n, id % 2 == 0 ? "even" : "odd", "" };

	replies_keep(r, &to, s);
}

static const char *
text_of(const struct replies *r, uint64_t id, uint32_t n)
{
	const struct said *s = replies_find(r, id, n);

	return s == NULL ? "" : s->text;
}

static void
test_keep(void)
{
	struct replies *r = replies_new();
	struct said *both = said(450, "450 busy");

	keep(r, 7, 0, said_ref(both));
	keep(r, 7, 1, both);
	is_str(text_of(r, 7, 1), "450 busy", "said to both");
	is_str(text_of(r, 7, 2), "", "not to a third one");
	is_str(text_of(r, 8, 1), "", "nor to another message");
	keep(r, 7, 0, said(451, "451 later"));
	is_str(text_of(r, 7, 0), "451 later", "the last one counts");
	is_str(text_of(r, 7, 1), "450 busy", "of each");
	replies_forget(r, 7, 0);
	replies_forget(r, 7, 0);
	is_str(text_of(r, 7, 0), "", "it has ended");
	replies_free(&r);
	ok(r == NULL, "the rest goes with it");
}

static const char *
last_of(const struct replies *r, const char *domain)
{
	const struct said *s = replies_last(r, domain, "");

	return s == NULL ? "" : s->text;
}

static void
test_queue(void)
{
	struct replies *r = replies_new();

	keep(r, 2, 0, said(450, "450 first"));
	keep(r, 3, 0, said(450, "450 odd"));
	keep(r, 4, 0, said(450, "450 second"));
	is_str(last_of(r, "even"), "450 second", "the last of a queue");
	is_str(last_of(r, "odd"), "450 odd", "of each");
	is_str(last_of(r, "none"), "", "of another there is none");
	ok(replies_last(r, "even", "v1") == NULL,
	    "nor of another virtual MTA's");
	keep(r, 2, 0, said(450, "450 again"));
	is_str(last_of(r, "even"), "450 again", "whoever got it");
	replies_forget(r, 2, 0);
	is_str(last_of(r, "even"), "450 second", "of those that wait");
	replies_forget(r, 4, 0);
	is_str(last_of(r, "even"), "", "none waits");
	replies_free(&r);
}

static void
test_many(void)
{
	struct replies *r = replies_new();
	unsigned found = 0;

	for (uint64_t id = 1; id <= REPLIES_MAX; id++)
		keep(r, id, 0, said(450, "450 busy"));
	keep(r, 1, 0, said(450, "450 again"));
	for (uint64_t id = 1; id <= 10; id++)
		keep(r, REPLIES_MAX + id, 3, said(450, "450 new"));
	for (uint64_t id = 1; id <= REPLIES_MAX; id++)
		found += replies_find(r, id, 0) != NULL;
	is_int(found, REPLIES_MAX - 10, "so many are kept, and no more");
	is_str(text_of(r, 1, 0), "450 again", "one that was said again");
	is_str(text_of(r, 2, 0), "", "the oldest have gone");
	is_str(text_of(r, REPLIES_MAX + 10, 3), "450 new", "the last is there");
	replies_free(&r);
}

int
main(void)
{
	test_said();
	test_keep();
	test_queue();
	test_many();
	return done_testing();
}
