/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What reasons, scopes and limits are called.
 */
#include "vmta/sched_why_priv.h"

static const struct {
	const char *word, *meaning, *ends;
} kinds[] = {
#define WHY(name, word, meaning, ends) [WHY_##name] = { word, meaning, ends },
#include "vmta/why.def"
#undef WHY
};

const char *
why_word(enum why_kind kind)
{
	return kinds[kind].word;
}

const char *
why_meaning(enum why_kind kind)
{
	return kinds[kind].meaning;
}

/* What a scope is called, and which directives limit it, by enum limit_kind. */
static const struct {
	const char *word, *directives[LIMIT_CONNS + 1];
} scopes[] = {
	[SCOPE_QUEUE] = { "queue",
	    { "max-connect-rate", "max-msg-rate", "max-data-volume-rate",
		"max-smtp-out" } },
	[SCOPE_SOURCE] = { "source address",
	    { "source-ip-max-connect-rate", "source-ip-max-msg-rate",
		"source-ip-max-data-volume-rate", "source-ip-max-smtp-out" } },
	[SCOPE_ROLLUP] = { "rollup",
	    { "max-connect-rate", "max-msg-rate", "max-data-volume-rate",
		"max-smtp-out" } },
	[SCOPE_VMTA] = { "virtual MTA",
	    { "", "max-smtp-msg-rate", "max-smtp-data-volume-rate",
		"max-smtp-out" } },
	[SCOPE_POOL] = { "pool",
	    { "", "max-smtp-msg-rate", "max-smtp-data-volume-rate",
		"max-smtp-out" } },
	[SCOPE_PROVIDER] = { "provider",
	    { "max-connect-rate", "max-msg-rate", "max-data-volume-rate",
		"max-smtp-out" } },
	[SCOPE_PROCESS] = { "process", { "", "", "", "total-max-smtp-out" } },
	[SCOPE_JOB] = { "job", { "", "max-msg-rate", "", "" } },
	[SCOPE_USER] = { "user", { "", "max-msg-rate", "", "" } },
	[SCOPE_BACKOFF] = { "queue",
	    { "backoff-max-connect-rate", "backoff-max-msg-rate",
		"backoff-max-data-volume-rate", "backoff-max-smtp-out" } },
	[SCOPE_ROLLUP_BACKOFF] = { "rollup",
	    { "backoff-max-connect-rate", "backoff-max-msg-rate",
		"backoff-max-data-volume-rate", "backoff-max-smtp-out" } },
	[SCOPE_MX] = { "MX host", { "", "", "", "mx-connection-limit" } },
	[SCOPE_REMOTE] = { "remote address",
	    { "", "", "", "ip-connection-limit" } },
};

const char *
why_scope_word(enum scope_kind kind)
{
	return scopes[kind].word;
}

const char *
why_limit_word(enum limit_kind kind)
{
	static const char *const words[] = { [LIMIT_CONNECT] = "connects",
		[LIMIT_MSG] = "messages",
		[LIMIT_DATA] = "data",
		[LIMIT_CONNS] = "connections" };

	return words[kind];
}

const char *
why_directive(enum scope_kind kind, enum limit_kind limit)
{
	return scopes[kind].directives[limit];
}

const char *
why_ends(const struct why *w)
{
	if (w->kind == WHY_LIMIT && w->limit == LIMIT_CONNS)
		return "one of these connections ends";
	if (w->kind == WHY_TURN && w->scope == SCOPE_QUEUE)
		return "the messages before it have been sent";
	return kinds[w->kind].ends;
}
