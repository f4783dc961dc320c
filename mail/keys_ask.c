/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/keys_ask.h"

#include <stdlib.h>

#include "lib/dns_all.h"
#include "lib/mem.h"

struct keys_ask {
	struct dns_all *dns; /* NULL: done */
	struct dkim_answers *answers;
	struct keys_ask_in in;
	size_t n;
	struct dns_want wants[];
};

void
keys_ask_cancel(struct keys_ask **kp)
{
	struct keys_ask *k = *kp;

	*kp = NULL;
	if (k == NULL)
		return;
	dns_all_cancel(&k->dns);
	for (size_t i = 0; i < k->n; i++)
		dns_answer_unref(&k->wants[i].answer);
	free(k);
}

static void
on_all(void *arg)
{
	struct keys_ask *k = arg;
	const struct keys_ask_in in = k->in;

	k->dns = NULL;
	for (size_t i = 0; i < k->n; i++)
		dkim_answers_take(k->answers, i, k->wants[i].answer);
	keys_ask_cancel(&k);
	in.fn(in.arg);
}

struct keys_ask *
keys_ask_new(const struct keys_ask_in *in, struct dkim_answers *answers)
{
	size_t n = dkim_answers_count(answers);
	struct keys_ask *k = mem_zalloc(sizeof(*k) + n * sizeof(k->wants[0]));
	const struct dns_all_in all = { .dns = in->dns,
		.worker = in->worker,
		.type = DNS_TXT,
		.timeout_us = in->timeout_us,
		.fn = on_all,
		.arg = k };

	k->answers = answers;
	k->in = *in;
	k->n = n;
	for (size_t i = 0; i < n; i++)
		k->wants[i].name = dkim_answers_name(answers, i);
	k->dns = dns_all_ask(&all, k->wants, n);
	return k;
}
