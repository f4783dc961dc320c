/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/outcome.h"

#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/mem.h"

const char *
outcome_phase_name(enum outcome_phase phase)
{
	static const char *const names[PHASE_COUNT] = {
		[PHASE_RESOLVE] = "RESOLVE",
		[PHASE_CONNECT] = "CONNECT",
		[PHASE_GREETING] = "GREETING",
		[PHASE_EHLO] = "EHLO",
		[PHASE_TLS] = "TLS",
		[PHASE_AUTH] = "AUTH",
		[PHASE_MAIL] = "MAIL",
		[PHASE_RCPT] = "RCPT",
		[PHASE_DATA] = "DATA",
		[PHASE_BODY] = "BODY",
		[PHASE_DOT] = "DOT",
	};

	CHECK(phase < PHASE_COUNT);
	return names[phase];
}

const char *
outcome_kind_name(enum outcome_kind kind)
{
	switch (kind) {
	case OUTCOME_DELIVERED:
		return "delivered";
	case OUTCOME_REPLY:
		return "reply";
	case OUTCOME_LOST:
		return "lost";
	case OUTCOME_TIMEOUT:
		return "timeout";
	case OUTCOME_NO_TLS:
		return "no-tls";
	case OUTCOME_NO_AUTH:
		return "no-auth";
	case OUTCOME_DNS_TEMP:
		return "dns-temporary";
	case OUTCOME_NO_DOMAIN:
		return "no-domain";
	case OUTCOME_NO_FAMILY:
		return "no-family";
	case OUTCOME_NULL_MX:
		return "null-mx";
	case OUTCOME_LOOP:
		return "loop";
	case OUTCOME_BIND:
		return "bind";
	case OUTCOME_UNSENT:
		return "unsent";
	case OUTCOME_LOCAL_TEMP:
		return "local";
	case OUTCOME_DAMAGED:
		return "damaged";
	case OUTCOME_NO_UTF8:
		return "no-smtputf8";
	case OUTCOME_TOO_BIG:
		return "too-big";
	case OUTCOME_SUPPRESSED:
		return "suppressed";
	case OUTCOME_BAD_ADDRESS:
		return "bad-address";
	}
	CHECK_NEVER("a kind of outcome");
}

static const char *
copy(const char *s)
{
	return mem_strdup(s == NULL ? "" : s);
}

struct outcome *
outcome_copy(const struct outcome *o)
{
	struct outcome *c = mem_dup(o, sizeof(*o));

	c->text = copy(o->text);
	c->mx = copy(o->mx);
	c->esmtp = copy(o->esmtp);
	c->tls = copy(o->tls);
	return c;
}

static void
drop(const char *s)
{
	/* A copy of ours, const for its readers only. */
	free((void *)(uintptr_t)s); /* NOLINT(performance-no-int-to-ptr) */
}

void
outcome_free(struct outcome **op)
{
	struct outcome *o = *op;

	*op = NULL;
	if (o == NULL)
		return;
	drop(o->text);
	drop(o->mx);
	drop(o->esmtp);
	drop(o->tls);
	free(o);
}
