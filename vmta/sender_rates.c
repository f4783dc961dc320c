/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/sender_rates.h"

#include <string.h>

#include "vmta/assign.h"
#include "vmta/settings.h"
#include "vmta/snapshot_priv.h"

/* What a <source> may say. */
static const struct {
	const char *directive;
	enum rate_in_who who;
	enum rate_in_what what;
	size_t offset;
} of_source[] = {
	{ "max-msg-rate-in", RATE_IN_SOURCE, RATE_IN_MESSAGES,
	    offsetof(struct source_conf, msg_rate_in) },
	{ "max-msg-rate-in-per-client", RATE_IN_CLIENT, RATE_IN_MESSAGES,
	    offsetof(struct source_conf, client_msg_rate_in) },
	{ "max-rcpt-rate-in", RATE_IN_SOURCE, RATE_IN_RCPTS,
	    offsetof(struct source_conf, rcpt_rate_in) },
	{ "max-rcpt-rate-in-per-client", RATE_IN_CLIENT, RATE_IN_RCPTS,
	    offsetof(struct source_conf, client_rcpt_rate_in) },
};

enum { OF_SOURCE = sizeof(of_source) / sizeof(of_source[0]) };

/* Who said each of them last. */
struct found {
	const struct source_entry *by[OF_SOURCE];
};

static void
note(void *ctx, const struct source_entry *e)
{
	struct found *f = ctx;

	for (size_t i = 0; i < OF_SOURCE; i++)
		if (conf_is_set(&table_source, &e->set, of_source[i].directive))
			f->by[i] = e;
}

static void
add(struct rate_in_limits *out, const struct rate_in_limit *l)
{
	if (l->rate.count > 0)
		out->v[out->n++] = *l;
}

static void
add_user(const struct policy_in *in, struct rate_in_limits *out)
{
	const struct user_conf *user = in->auth_user == NULL ?
	    NULL :
	    snapshot_user(in->conf, in->auth_user);
	struct rate_in_limit l = { .who = RATE_IN_USER, .name = in->auth_user };

	if (user == NULL)
		return;
	l.what = RATE_IN_MESSAGES;
	l.rate = user->msg_rate_in;
	add(out, &l);
	l.what = RATE_IN_RCPTS;
	l.rate = user->rcpt_rate_in;
	add(out, &l);
}

void
sender_rates_find(const struct policy_in *in, struct rate_in_limits *out)
{
	struct found f = { { NULL } };

	out->n = 0;
	if (!snapshot_limits_senders(in->conf))
		return;
	settings_sources(in->conf, &in->client, assign_source_name(in), note,
	    &f);
	for (size_t i = 0; i < OF_SOURCE; i++) {
		const struct source_entry *e = f.by[i];
		struct rate_in_limit l = { .who = of_source[i].who,
			.what = of_source[i].what,
			.client = in->client };

		if (e == NULL)
			continue;
		l.name = e->name != NULL ? e->name : e->key;
		memcpy(&l.rate, (const char *)&e->values + of_source[i].offset,
		    sizeof(l.rate));
		add(out, &l);
	}
	add_user(in, out);
}
