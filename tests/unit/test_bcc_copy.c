/* SPDX-License-Identifier: Apache-2.0 */
/* What a copy of a delivered message keeps of it, and what is never copied. */
#include <string.h>

#include "lib/clock.h"
#include "mail/waybill.h"
#include "tests/conf_file.h"
#include "transport/bcc_copy.h"

static struct snapshot *conf;
static const char *to[] = { "Copies@Example.ORG", "b@example.net" };
static const struct conf_strs two = { 2, to };

static struct envelope
sample(void)
{
	static struct env_rcpt rcpts[] = {
		{ .addr = "a@x.example",
		    .domain = "x.example",
		    .vmta = "m1",
		    .pool = "p1",
		    .orcpt = "rfc822;a@x.example",
		    .priority = 40,
		    .signatures = 2 },
		{ .addr = "c@x.example",
		    .domain = "x.example",
		    .vmta = "m2",
		    .pool = "",
		    .orcpt = "",
		    .notify = NOTIFY_SUCCESS,
		    .priority = 60 },
	};
	static const struct span window = { 1, 2 };
	static const struct env_signing later = { .text = "x" };
	struct envelope env = envelope_blank;

	env.arrival_us = US_PER_S;
	env.sender = "s@sender.example";
	env.job = "j1";
	env.envid = "e1";
	env.flags = ENVELOPE_8BIT | ENVELOPE_VERP;
	env.signing = &later;
	env.spans = (struct spans){ 1, &window };
	env.rcpt_count = 2;
	env.rcpts = rcpts;
	return env;
}

static void
test_copy(void)
{
	struct envelope of = sample(), env;
	struct region *rg = region_new();
	struct body *body = body_new(3);
	const struct bcc_copy c = { rg, &of, 0, body, &two, conf };
	struct notice n;
	struct waybill w;
	struct err e;

	is_int(bcc_copy_make(&c, &n), 2, "recipients");
	ok(envelope_unpack(n.msg->env, n.msg->env_len, rg, &env, &e) == 0,
	    "its envelope");
	is_str(env.sender, "s@sender.example", "the same sender");
	is_str(env.job, "j1", "the same job");
	ok(env.signing != NULL && env.signing->text[0] == 'x',
	    "signed in the same way");
	is_str(env.envid, "", "no ENVID: that is the original's");
	ok(env.spans.n == 0, "at any time");
	ok(env.arrival_us > of.arrival_us, "as old as the copy");
	is_int(env.flags, of.flags | ENVELOPE_COPY, "flags");
	is_str(env.rcpts[0].addr, "Copies@Example.ORG", "address");
	is_str(env.rcpts[0].domain, "example.org", "its queue");
	is_str(env.rcpts[1].vmta, "m1", "the same virtual MTA");
	is_str(env.rcpts[1].pool, "p1", "of the same pool");
	is_str(env.rcpts[1].orcpt, "", "no ORCPT");
	is_int(env.rcpts[1].notify, NOTIFY_NEVER, "nobody is told of it");
	is_int(env.rcpts[1].priority, 40, "priority");
	is_int(env.rcpts[1].signatures, 2, "signatures");
	ok(n.msg->body == body, "the same bytes");
	ok(waybill_unpack(n.waybill.p, n.waybill.len, rg, &w, &e) == 0 &&
		w.rcpt_count == 2 && w.one_by_one,
	    "its waybill");
	notice_fini(&n);
	of.flags |= ENVELOPE_COPY;
	is_int(bcc_copy_make(&c, &n), 0, "of a copy there is none");
	ok(atomic_load(&body->refs.count) == 1, "the bytes are let go");
	body_unref(&body);
	region_free(&rg);
}

static void
test_none(void)
{
	static const char *odd[] = { "nobody" };
	const struct conf_strs none = { 0 }, bad = { 1, odd };
	struct envelope of = sample();
	struct region *rg = region_new();
	struct body *body = body_new(3);
	struct notice n;

	is_int(bcc_copy_make(
		   &(struct bcc_copy){ rg, &of, 1, body, &none, conf }, &n),
	    0, "to nobody");
	is_int(bcc_copy_make(&(struct bcc_copy){ rg, &of, 1, body, &bad, conf },
		   &n),
	    0, "to no address");
	is_int(bcc_copy_make(&(struct bcc_copy){ rg, &of, 1, NULL, &two, conf },
		   &n),
	    0, "of a message that cannot be read");
	body_unref(&body);
	region_free(&rg);
}

/* A domain of the host's own has no way out but by the host. */
static void
test_by_host(void)
{
	static const char *own[] = { "Archive@OWN.example", "b@example.net" };
	const struct conf_strs both = { 2, own };
	struct envelope of = sample(), env;
	struct region *rg = region_new();
	struct body *body = body_new(3);
	struct notice n;
	struct err e;

	is_int(bcc_copy_make(
		   &(struct bcc_copy){ rg, &of, 0, body, &both, conf }, &n),
	    2, "recipients");
	ok(envelope_unpack(n.msg->env, n.msg->env_len, rg, &env, &e) == 0,
	    "its envelope");
	is_str(env.rcpts[0].addr, "Archive@OWN.example", "address");
	is_str(env.rcpts[0].domain, SNAPSHOT_DSN_DOMAIN, "back to the host");
	ok(env.rcpts[0].vmta[0] == '\0' && env.rcpts[0].pool[0] == '\0',
	    "as all that goes there");
	is_str(env.rcpts[1].domain, "example.net", "another one does not");
	is_str(env.rcpts[1].vmta, "m1", "nor by another virtual MTA");
	notice_fini(&n);
	body_unref(&body);
	region_free(&rg);
}

int
main(void)
{
	struct conf_errors errs = { 0 };

	conf_file_begin();
	conf_file_put("main", "host-domain own.example\ndsn-host 127.0.0.1\n");
	conf = snapshot_load(conf_file_path("main"), &errs);
	if (!ok(conf != NULL, "the configuration is right"))
		(void)conf_file_said(&errs, "nothing");
	if (conf != NULL) {
		test_copy();
		test_none();
		test_by_host();
	}
	snapshot_unref(&conf);
	conf_errors_fini(&errs);
	conf_file_end();
	return done_testing();
}
