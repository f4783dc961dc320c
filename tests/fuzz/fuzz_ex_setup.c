/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an Exim says and what stands in its file, as a plan: whatever they are,
 * each change can be made, a second plan has nothing more to do with the text,
 * and undo makes it what it was.
 *
 * A line "=== NAME" begins a part: main, routers, transports,
 * authenticators, text.
 */
#include <string.h>

#include "compat/exim/ex_setup.h"
#include "lib/check.h"
#include "tests/fuzz/parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
says_all(void *ctx, const char *domain, const char *directive)
{
	(void)ctx;
	(void)domain;
	(void)directive;
	return true;
}

/* An Exim that knows no variable. */
static const char *
expand(void *site, const char *text)
{
	(void)site;
	return strstr(text, "fail") == NULL ? text : NULL;
}

static const char *
route(void *site, const char *address)
{
	(void)site;
	(void)address;
	return "  host fail [192.0.2.1]\n  host h.example\n  host ";
}

/* The text with all changes of a plan. */
static struct slice
changed(struct region *rg, const struct host_plan *p, struct slice text)
{
	for (size_t i = 0; i < p->count; i++) {
		struct buf out = { .p = NULL };

		CHECK(p->changes[i].kind == EX_TEXT);
		CHECK(ex_text_replace(text, p->changes[i].before,
		    p->changes[i].value, &out));
		text = (struct slice){ region_dup(rg, out.p, out.len),
			out.len };
		buf_fini(&out);
	}
	return text;
}

static void
try(const struct ex_wish *w, const struct ex_facts *f, struct slice text)
{
	struct ex_source source = { "conf", text };
	const struct ex_text t = { &source, 1 };
	struct host_plan there, back;

	host_plan_init(&there);
	host_plan_init(&back);
	ex_setup(w, f, &t, &there);
	if (there.refusals.n == 0) {
		source.text = changed(there.rg, &there, text);
		ex_undo(there.changes, there.count, &t, &back);
		CHECK(back.refusals.n == 0);
		source.text = changed(there.rg, &back, source.text);
		CHECK(source.text.len == text.len);
		CHECK(text.len == 0 ||
		    memcmp(source.text.p, text.p, text.len) == 0);
	}
	host_plan_fini(&there);
	host_plan_fini(&back);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct parts parts = { 0 };
	struct region *rg = region_new();
	struct ex_facts f;
	struct err e;
	struct ex_wish w = { .form = EX_PLAIN,
		.list = "a.example",
		.lmtp = "/run/lmtp",
		.lmtp_tcp = "127.0.0.1:24",
		.lmtp_is_exims = true,
		.lmtp_tcp_is_exims = true,
		.suppress = "/run/suppress",
		.dsn = "127.0.0.1:28",
		.holds = says_all,
		.expand = expand,
		.route = route };

	parts_split(&parts, (const char *)data, size);
	ex_facts_init(&f, rg);
	f.has_lmtp = true;
	/* What is no answer of Exim's is read as far as it is one. */
	(void)ex_conf_read(f.conf, EX_MAIN, parts_find(&parts, "main"), &e);
	(void)ex_conf_read(f.conf, EX_ROUTER, parts_find(&parts, "routers"),
	    &e);
	(void)ex_conf_read(f.conf, EX_TRANSPORT,
	    parts_find(&parts, "transports"), &e);
	(void)ex_conf_read(f.conf, EX_AUTHENTICATOR,
	    parts_find(&parts, "authenticators"), &e);
	for (int scope = EX_ALL; scope <= EX_SENDERS; scope++) {
		w.scope = (enum ex_scope)scope;
		try(&w, &f, parts_find(&parts, "text"));
	}
	ex_facts_fini(&f);
	region_free(&rg);
	return 0;
}
