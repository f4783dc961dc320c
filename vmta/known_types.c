/* SPDX-License-Identifier: Apache-2.0 */
/* Types of forms that only a mail configuration has; see lib/conf_form.h. */
#include <ctype.h>
#include <string.h>

#include "lib/conf_hosts.h"
#include "lib/conf_lex.h"
#include "vmta/reply_actions.h"
#include "vmta/snapshot_priv.h"

#define API_KEY_MIN 32
#define API_KEY_MAX 128

static int
take_actions(const struct conf_form_ctx *c, struct slice *rest, struct err *e)
{
	struct reply_actions ignored;
	struct slice list = *rest;

	*rest = (struct slice){ list.p + list.len, 0 };
	return reply_actions_parse(list, c->tree->rg, &ignored, e);
}

/* 32 to 128 letters, digits and "_". */
static int
check_api_key(const struct conf_form_ctx *c, struct slice s, struct err *e)
{
	bool good = s.len >= API_KEY_MIN && s.len <= API_KEY_MAX;

	(void)c;
	for (size_t i = 0; i < s.len; i++)
		good = good &&
		    (isalnum((unsigned char)s.p[i]) != 0 || s.p[i] == '_');
	if (!good)
		return err_set(e,
		    "a key has %d to %d letters, digits and underscores",
		    API_KEY_MIN, API_KEY_MAX);
	return 0;
}

static int
check_hex(const struct conf_form_ctx *c, struct slice s, struct err *e)
{
	bool good = s.len > 0 && s.len % 2 == 0;

	(void)c;
	for (size_t i = 0; i < s.len; i++)
		good = good && isxdigit((unsigned char)s.p[i]) != 0;
	return good ? 0 : err_set(e, "pairs of hexadecimal digits are needed");
}

/* An address, "*@domain", or a local part. */
static int
check_mailbox(const struct conf_form_ctx *c, struct slice s, struct err *e)
{
	(void)c;
	if (s.len > 0 && s.p[0] != '/' && memchr(s.p, '@', s.len) == NULL &&
	    memchr(s.p, ' ', s.len) == NULL)
		return 0;
	if (!conf_is_address(s))
		return err_set(e, "\"%.*s\" is not an address or local part",
		    (int)s.len, s.p);
	return 0;
}

/* a@b, a@*, *@b, *@* and <>. */
static int
check_rewrite(const struct conf_form_ctx *c, struct slice s, struct err *e)
{
	char sample[256];

	(void)c;
	if (slice_eq(s, "<>"))
		return 0;
	if (s.len + 1 < sizeof(sample)) {
		memcpy(sample, s.p, s.len);
		if (s.len > 1 && s.p[s.len - 1] == '*' && s.p[s.len - 2] == '@')
			sample[s.len - 1] = 'x'; /* any domain */
		if (conf_is_address((struct slice){ sample, s.len }))
			return 0;
	}
	return err_set(e, "\"%.*s\" is none of a@b, a@*, *@b, *@* and <>",
	    (int)s.len, s.p);
}

static int
check_rollup(const struct conf_form_ctx *c, struct slice s, struct err *e)
{
	static const char ending[] = ".rollup";
	size_t len = sizeof(ending) - 1;

	(void)c;
	if (s.len <= len || !conf_is_host_name(s) ||
	    !slice_eq_nocase((struct slice){ s.p + s.len - len, len }, ending))
		return err_set(e, "\"%.*s\" does not end in .rollup",
		    (int)s.len, s.p);
	return 0;
}

/* subaccount=N */
static int
check_subaccount(const struct conf_form_ctx *c, struct slice s, struct err *e)
{
	static const char front[] = "subaccount=";
	size_t len = sizeof(front) - 1;
	uint64_t n;

	(void)c;
	if (s.len <= len || !slice_eq_nocase((struct slice){ s.p, len }, front))
		return err_set(e, "\"%.*s\" is not subaccount=N", (int)s.len,
		    s.p);
	return str_to_u64((struct slice){ s.p + len, s.len - len }, &n, e);
}

static const struct conf_form_type types[] = {
	{ "ACTIONS", NULL, take_actions, false },
	{ "APIKEY", check_api_key, NULL, true },
	{ "HEX", check_hex, NULL, false },
	{ "MAILBOX", check_mailbox, NULL, true },
	{ "REWRITE", check_rewrite, NULL, false },
	{ "ROLLUP", check_rollup, NULL, false },
	{ "SUBACCOUNT", check_subaccount, NULL, false },
};

const struct conf_form_types known_types = { types,
	sizeof(types) / sizeof(types[0]) };
