/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an operator's word means to `mailrace why': what is clear is taken, what
 * could be several things is refused with the words that tell them apart, and
 * what is not there with the nearest name.
 */
#include "tests/conf_file.h"
#include "transport/why_target.h"

static const char text[] = "<virtual-mta news>\n"
			   "  smtp-source-host 127.0.0.2 a.example\n"
			   "</virtual-mta>\n"
			   "<virtual-mta both>\n"
			   "  smtp-source-host 127.0.0.3 b.example\n"
			   "</virtual-mta>\n"
			   "<virtual-mta mail.example>\n"
			   "  smtp-source-host 127.0.0.4 c.example\n"
			   "</virtual-mta>\n"
			   "<virtual-mta-pool group>\n"
			   "  virtual-mta news\n"
			   "</virtual-mta-pool>\n"
			   "<provider both>\n"
			   "  domain p.example\n"
			   "</provider>\n"
			   "<smtp-user alice>\n"
			   "</smtp-user>\n";

static const struct {
	const char *word;
	const char *wanted; /* "kind name", or a part of the error */
} cases[] = {
	/* Forms. */
	{ "gmail.com/news", "queue gmail.com news" },
	{ "gmail.com", "queue gmail.com *" },
	{ "*/news", "queue * news" },
	{ "queue:gmail.com/news", "queue gmail.com news" },
	{ "queue:alone", "queue alone *" },
	{ "127.0.0.2", "ip 127.0.0.2" },
	{ "2001:db8::7", "ip 2001:db8::7" },
	{ "ip:192.0.2.1", "ip 192.0.2.1" },
	{ "2001:DB8:0:0::1", "ip 2001:db8::1" },
	{ "00065A1B2C3D4E5F", "message 00065A1B2C3D4E5F" },
	{ "message:00065a1b2c3d4e5f", "message 00065a1b2c3d4e5f" },
	{ "00065A1B2C3D4E5", "job 00065A1B2C3D4E5" },
	/* Names of the configuration, as they are written there. */
	{ "news", "vmta news" },
	{ "NEWS", "vmta news" },
	{ "vmta:{default}", "vmta {default}" },
	{ "{default}", "vmta {default}" },
	{ "group", "pool group" },
	{ "alice", "user alice" },
	{ "provider:BOTH", "provider both" },
	{ "vmta:both", "vmta both" },
	{ "vmta:mail.example", "vmta mail.example" },
	{ "queue:mail.example", "queue mail.example *" },
	/* Any other is a job. */
	{ "spring-47", "job spring-47" },
	{ "job:news", "job news" },
	{ "job:a.b/c", "job a.b/c" },
	{ "color:red", "job color:red" },
	/* Not clear. */
	{ "both", "say vmta:both or provider:both" },
	{ "mail.example", "say vmta:mail.example or queue:mail.example" },
	/* Not there, or nothing at all. */
	{ "vmta:newz",
	    "there is no virtual MTA newz; the nearest name is news" },
	{ "pool:news", "there is no pool news; the nearest name is news" },
	{ "user:zzzzzz", "there is no SMTP user zzzzzz" },
	{ "ip:news", "news is no address" },
	{ "message:12", "a message is 16 hex digits" },
	{ "vmta:", "a name is needed after vmta:" },
	{ "a/b/c", "a queue is DOMAIN or DOMAIN/VMTA" },
	{ "", "is needed" },
	{ "two words", "is needed" },
	{ "\x1b[31m", "is needed" },
};

static void
name_of(const struct why_target *t, char *out, size_t cap)
{
	if (t->of == OF_QUEUE)
		(void)snprintf(out, cap, "queue %s %s", t->queue.domain,
		    t->queue.vmta);
	else
		(void)snprintf(out, cap, "%s %s", why_of_word(t->of), t->name);
}

static void
test_words(const struct snapshot *conf)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct why_target t;
		char got[512];
		struct err e;

		if (why_target_parse(cases[i].word, conf, &t, &e) == 0) {
			name_of(&t, got, sizeof(got));
			is_str(got, cases[i].wanted, cases[i].word);
			why_target_fini(&t);
		} else {
			ok(strstr(e.text, cases[i].wanted) != NULL, "%s: %s",
			    cases[i].word, e.text);
		}
	}
}

static void
test_values(const struct snapshot *conf)
{
	struct why_target t;
	struct err e;

	ok(why_target_parse("00000000000000FF", conf, &t, &e) == 0 &&
		t.id == 255,
	    "the number of a message");
	why_target_fini(&t);
	ok(why_target_parse("127.0.0.2", conf, &t, &e) == 0 &&
		t.addr.family != 0,
	    "an address");
	why_target_fini(&t);
	ok(why_target_parse(NULL, conf, &t, &e) == -1, "no word");
	is_str(why_target_nearest(conf, "grup", NULL), "group", "a pool");
	is_str(why_target_nearest(conf, "grup", "grup."), "group",
	    "nearer than one from elsewhere, or as near");
	is_str(why_target_nearest(conf, "far.example", "bar.example"),
	    "bar.example", "one from elsewhere");
	ok(why_target_nearest(conf, "nothing-like-it", NULL) == NULL, "none");
}

int
main(void)
{
	struct conf_errors errs = { 0 };
	struct snapshot *conf;

	conf_file_begin();
	conf_file_put("main", text);
	conf = snapshot_load(conf_file_path("main"), &errs);
	ok(conf != NULL, "the configuration");
	if (conf != NULL) {
		test_words(conf);
		test_values(conf);
	}
	snapshot_unref(&conf);
	conf_errors_fini(&errs);
	conf_file_end();
	return done_testing();
}
