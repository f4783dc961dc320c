/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a configuration says of replies and failures is what becomes of a
 * recipient, its queue, its source and its host.
 */
#include "lib/clock.h"
#include "tests/conf_file.h"
#include "transport/disposition.h"

#define HOUR (3600 * US_PER_S)
#define MINUTE (60 * US_PER_S)

static const char text[] =
    "<smtp-pattern-list acts>\n"
    " reply /slow down/ mode=backoff,backoff-to-normal-after=2h\n"
    " reply /slower/ mode=backoff\n"
    " reply /welcome back/ mode=normal\n"
    " reply /next host/ skip-mx\n"
    " reply /all gone/ bounce-queue\n"
    " reply /give up/ bounce-rcpt\n"
    " reply /bad source/ disable-source-ip,reenable-after=3h\n"
    " reply /blocked/ disable-source-ip\n"
    " reply /for a minute/ disable-source-ip,reenable-after=1m\n"
    " reply /rest/ defer-queue\n"
    " reply /rest|host/ mode=normal,bounce-rcpt\n"
    "</smtp-pattern-list>\n"
    "<dsn-rule full>\n"
    " pattern /mailbox is full/\n"
    " category soft-bounce\n"
    " action requeue\n"
    " retry-interval 7200\n"
    "</dsn-rule>\n"
    "<dsn-rule spam>\n"
    " pattern looks like spam\n"
    " category hard-bounce\n"
    " action bounce,backoff,skip-mx,disable-source-ip\n"
    "</dsn-rule>\n"
    "<dsn-rule over>\n"
    " pattern it is over\n"
    " action bounce\n"
    "</dsn-rule>\n"
    "<dsn-rule named>\n"
    " pattern blocked by name\n"
    " category named\n"
    " action requeue,disable-source-ip\n"
    "</dsn-rule>\n"
    "<domain *>\n"
    " retry-recipients-after 20m,40m,3h\n"
    " backoff-to-normal-after 30m\n"
    " reenable-source-ip-after 4h\n"
    "</domain>\n"
    "<domain acts>\n smtp-pattern-list acts\n</domain>\n"
    "<domain greeting>\n bounce-upon-5xx-greeting yes\n</domain>\n"
    "<domain transfer>\n bounce-upon-transfer-failure yes\n</domain>\n"
    "<domain pix>\n bounce-upon-pix-transfer-failure yes\n</domain>\n"
    "<domain assume>\n"
    " assume-delivery-upon-data-termination-timeout yes\n"
    "</domain>\n"
    "<domain no-mx-never>\n bounce-upon-no-mx no\n</domain>\n"
    "<domain no-mx-day>\n bounce-upon-no-mx 1d\n</domain>\n"
    "<domain skip-421>\n smtp-421-means-mx-unavailable yes\n</domain>\n"
    "<domain sender-553>\n smtp-553-means-invalid-mailbox no\n</domain>\n";

static struct snapshot *conf;

/* A reply, by its own first digits. */
static struct outcome
reply(enum outcome_phase phase, const char *line)
{
	struct outcome o = { .kind = OUTCOME_REPLY,
		.phase = phase,
		.code = atoi(line),
		.source = { .family = 2 },
		.text = line };

	if (o.code < 400)
		o.kind = OUTCOME_DELIVERED;
	return o;
}

static struct judgement
judge_by(const char *domain, const struct outcome *o, struct judging by)
{
	struct queue_conf queue;
	struct judgement j;

	snapshot_queue_conf(conf, domain, "", &queue);
	by.conf = &queue;
	by.rules = snapshot_replies(conf, queue.pattern_list);
	disposition_judge(o, &by, &j);
	return j;
}

static struct judgement
judge(const char *domain, const struct outcome *o)
{
	return judge_by(domain, o, (struct judging){ 0 });
}

/* ---- rows and rules ------------------------------------------------------ */

enum {
	BACKOFF = 1,
	NORMAL = 2,
	SKIP = 4,
	BOUNCE = 8,
	SOURCE = 16,
	DEFER = 32,
	ERROR = 64,
	KEEP = 128
};

static unsigned
asked(const struct judgement *j)
{
	const struct effects *e = &j->effects;

	return (e->backoff ? BACKOFF : 0) | (e->normal ? NORMAL : 0) |
	    (e->skip_mx ? SKIP : 0) | (e->bounce_queue ? BOUNCE : 0) |
	    (e->disable_source ? SOURCE : 0) | (e->defer_queue ? DEFER : 0) |
	    (j->is_error ? ERROR : 0) | (j->keep_source ? KEEP : 0);
}

#define RETRY(minutes) DISPOSE_RETRY, minutes

static const struct {
	const char *label;
	enum outcome_phase phase;
	const char *line;
	unsigned asks;
	enum disposition_what what;
	int minutes; /* of a retry */
	unsigned line_no;
	const char *category; /* NULL: the class's name counts */
} rows[] = {
	{ "backoff, and the recipient waits as ever", PHASE_RCPT,
	    "451 slow down", BACKOFF | ERROR, RETRY(20), 0, NULL },
	{ "a 5xx with mode=backoff fails all the same", PHASE_RCPT,
	    "554 5.7.1 slow down", BACKOFF | ERROR, DISPOSE_FAIL, 0, 0, NULL },
	{ "mode=normal after the dot", PHASE_DOT, "250 2.0.0 welcome back",
	    NORMAL, DISPOSE_DELIVERED, 0, 0, NULL },
	{ "what matches success else does nothing", PHASE_DOT, "250 slow down",
	    0, DISPOSE_DELIVERED, 0, 0, NULL },
	{ "skip-mx keeps the recipient though it is 5xx", PHASE_RCPT,
	    "550 next host", SKIP | NORMAL, DISPOSE_UNUSED, 0, 12, NULL },
	{ "bounce-queue takes its own recipient along", PHASE_DATA,
	    "451 all gone", BOUNCE | ERROR, DISPOSE_FAIL, 0, 6, NULL },
	{ "a greeting has no recipient", PHASE_GREETING, "421 all gone",
	    BOUNCE | ERROR, RETRY(20), 6, NULL },
	{ "bounce-rcpt at RCPT", PHASE_RCPT, "450 4.7.1 give up", ERROR,
	    DISPOSE_FAIL, 0, 7, NULL },
	{ "and nowhere else", PHASE_MAIL, "450 4.7.1 give up", ERROR, RETRY(20),
	    7, NULL },
	{ "a source is disabled: another one may try at once", PHASE_MAIL,
	    "450 4.7.1 bad source", SOURCE | ERROR, RETRY(0), 0, NULL },
	{ "not a 5xx", PHASE_RCPT, "550 5.7.1 bad source", SOURCE | ERROR,
	    DISPOSE_FAIL, 0, 0, NULL },
	{ "nor when the source is back before that", PHASE_RCPT,
	    "450 for a minute", SOURCE | ERROR, RETRY(20), 0, NULL },
	{ "of each kind the first row counts", PHASE_RCPT, "450 rest",
	    DEFER | NORMAL | ERROR, DISPOSE_FAIL, 0, 12, NULL },
	{ "a rule keeps a 5xx, for its own time", PHASE_RCPT,
	    "552 5.2.2 mailbox is full", 0, RETRY(120), 14, "soft-bounce" },
	{ "and at the dot", PHASE_DOT, "452 4.2.2 the mailbox is full", 0,
	    RETRY(120), 14, "soft-bounce" },
	{ "a rule decides what no row names", PHASE_DOT,
	    "451 4.7.1 looks like spam, next host",
	    SKIP | SOURCE | NORMAL | ERROR, DISPOSE_UNUSED, 0, 12,
	    "hard-bounce" },
	{ "skip-mx of a rule is skip-mx", PHASE_DOT, "451 looks like spam",
	    BACKOFF | SKIP | SOURCE | ERROR, DISPOSE_UNUSED, 0, 20,
	    "hard-bounce" },
	{ "requeue and another source: at once", PHASE_RCPT,
	    "550 5.7.1 blocked by name", SOURCE | ERROR, RETRY(0), 29,
	    "named" },
	{ "a rule's bounce ends a recipient in each phase", PHASE_MAIL,
	    "451 it is over", ERROR, DISPOSE_FAIL, 0, 25, NULL },
	{ "but not without one", PHASE_EHLO, "421 it is over", ERROR, RETRY(20),
	    25, NULL },
	{ "a mailbox that is not there is no error of ours", PHASE_RCPT,
	    "550 5.1.1 nobody", 0, DISPOSE_FAIL, 0, 0, NULL },
	{ "nor is greylisting, whose time counts", PHASE_RCPT,
	    "450 4.7.1 greylisted, try again in 5 minutes", KEEP, DISPOSE_RETRY,
	    5, 0, NULL },
	{ "nor without one", PHASE_RCPT, "450 4.7.1 Greylisted", 0, RETRY(20),
	    0, NULL },
	{ "a permanent refusal names no time", PHASE_RCPT,
	    "550 5.7.1 try again in 5 minutes", ERROR, DISPOSE_FAIL, 0, 0,
	    NULL },
};

static void
check_row(size_t i)
{
	struct outcome o = reply(rows[i].phase, rows[i].line);
	const char *dsn = strchr(rows[i].line, ' ') + 1;
	struct judgement j;
	int64_t wait;

	if (dsn[1] == '.')
		for (int k = 0; k < 3; k++)
			o.dsn[k] = (uint8_t)(dsn[2 * k] - '0');
	j = judge("acts", &o);
	wait = rows[i].minutes * MINUTE;
	if (j.keep_source)
		wait += 5 * US_PER_S;
	is_int(asked(&j), rows[i].asks, rows[i].label);
	is_int(j.rcpt.what, rows[i].what, "what becomes of it");
	if (rows[i].what == DISPOSE_RETRY)
		is_int(j.rcpt.retry_after_us, wait, "and when");
	is_int(j.rcpt.place.line, rows[i].line_no, "by which line");
	is_str(j.rcpt.category == NULL ? "" : j.rcpt.category,
	    rows[i].category == NULL ? "" : rows[i].category, "its category");
}

/* ---- times --------------------------------------------------------------- */

static const struct {
	const char *line;
	int64_t normal_us, reenable_us;
	unsigned mode_line, source_line;
} times[] = {
	{ "451 slow down", 2 * HOUR, 4 * HOUR, 2, 0 },
	{ "451 slower", 30 * MINUTE, 4 * HOUR, 3, 0 },
	{ "451 bad source", 30 * MINUTE, 3 * HOUR, 0, 8 },
	{ "451 blocked", 30 * MINUTE, 4 * HOUR, 0, 9 },
};

static void
test_times(void)
{
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		const struct outcome o = reply(PHASE_MAIL, times[i].line);
		const struct judgement j = judge("acts", &o);
		const struct effects *e = &j.effects;

		is_int(e->normal_after_us, times[i].normal_us, times[i].line);
		is_int(e->reenable_after_us, times[i].reenable_us,
		    "its source's return");
		is_int(e->at[REPLY_MODE].line, times[i].mode_line,
		    "the row for the mode");
		is_int(e->at[REPLY_SOURCE].line, times[i].source_line,
		    "the row for the source");
	}
}

static void
test_attempts(void)
{
	static const int minutes[] = { 20, 40, 180, 180 };
	const struct outcome o = reply(PHASE_RCPT, "450 not now");

	for (uint16_t i = 0; i < 4; i++) {
		const struct judgement j = judge_by("other", &o,
		    (struct judging){ .attempts = i });

		is_int(j.rcpt.retry_after_us, minutes[i] * MINUTE,
		    "the wait after each attempt");
	}
}

/* ---- failures ------------------------------------------------------------ */

static const struct {
	const char *label, *domain;
	struct outcome o;
	bool all_refused;
	int64_t age_us;
	enum disposition_what what;
	enum disposition_queue queue; /* no other connections */
} failures[] = {
	{ "a 5xx greeting of all hosts", "greeting",
	    { OUTCOME_REPLY, PHASE_GREETING, 521, .text = "521 no" }, true, 0,
	    DISPOSE_FAIL, QUEUE_FAILS },
	{ "of one of them", "greeting",
	    { OUTCOME_REPLY, PHASE_GREETING, 521, .text = "521 no" }, false, 0,
	    DISPOSE_RETRY, QUEUE_WAITS },
	{ "without the directive", "other",
	    { OUTCOME_REPLY, PHASE_GREETING, 521, .text = "521 no" }, true, 0,
	    DISPOSE_RETRY, QUEUE_WAITS },
	{ "554 is about our address", "greeting",
	    { OUTCOME_REPLY, PHASE_GREETING, 554, .text = "554 no" }, true, 0,
	    DISPOSE_RETRY, QUEUE_WAITS },
	{ "EHLO is no greeting", "greeting",
	    { OUTCOME_REPLY, PHASE_EHLO, 550, .text = "550 no" }, true, 0,
	    DISPOSE_RETRY, QUEUE_WAITS },
	{ "lost in the body", "transfer",
	    { OUTCOME_LOST, PHASE_BODY, 0, .text = "lost" }, false, 0,
	    DISPOSE_FAIL, QUEUE_WAITS },
	{ "lost before DATA", "transfer",
	    { OUTCOME_LOST, PHASE_RCPT, 0, .text = "lost" }, false, 0,
	    DISPOSE_RETRY, QUEUE_WAITS },
	{ "no answer to the dot", "transfer",
	    { OUTCOME_TIMEOUT, PHASE_DOT, 0, .in_doubt = true, .text = "t" },
	    false, 0, DISPOSE_FAIL, QUEUE_WAITS },
	{ "lost behind a firewall", "pix",
	    { OUTCOME_LOST, PHASE_DOT, 0, .pix = true, .text = "lost" }, false,
	    0, DISPOSE_FAIL, QUEUE_WAITS },
	{ "lost elsewhere", "pix",
	    { OUTCOME_LOST, PHASE_DOT, 0, .text = "lost" }, false, 0,
	    DISPOSE_RETRY, QUEUE_WAITS },
	{ "the answer to the dot is taken as given", "assume",
	    { OUTCOME_TIMEOUT, PHASE_DOT, 0, .in_doubt = true, .text = "t" },
	    false, 0, DISPOSE_DELIVERED, QUEUE_WAITS },
	{ "a lost connection is no time-out", "assume",
	    { OUTCOME_LOST, PHASE_DOT, 0, .in_doubt = true, .text = "t" },
	    false, 0, DISPOSE_RETRY, QUEUE_WAITS },
	{ "nor is a time-out before the dot one behind it", "assume",
	    { OUTCOME_TIMEOUT, PHASE_BODY, 0, .text = "t" }, false, 0,
	    DISPOSE_RETRY, QUEUE_WAITS },
	{ "no mail host", "other",
	    { OUTCOME_NO_DOMAIN, PHASE_RESOLVE, 0, .text = "none" }, false, 0,
	    DISPOSE_FAIL, QUEUE_FAILS },
	{ "and the mail waits", "no-mx-never",
	    { OUTCOME_NO_DOMAIN, PHASE_RESOLVE, 0, .text = "none" }, false,
	    48 * HOUR, DISPOSE_RETRY, QUEUE_WAITS },
	{ "and the mail is young", "no-mx-day",
	    { OUTCOME_NO_DOMAIN, PHASE_RESOLVE, 0, .text = "none" }, false,
	    23 * HOUR, DISPOSE_RETRY, QUEUE_FAILS_OLD },
	{ "a null MX is final", "no-mx-never",
	    { OUTCOME_NULL_MX, PHASE_RESOLVE, 0, .text = "null" }, false, 0,
	    DISPOSE_FAIL, QUEUE_FAILS },
	{ "too big", "other",
	    { OUTCOME_TOO_BIG, PHASE_MAIL, 0, .text = "1 of 0" }, false, 0,
	    DISPOSE_FAIL, QUEUE_WAITS },
	{ "in a suppression list", "other",
	    { OUTCOME_SUPPRESSED, PHASE_RCPT, 0, .ours = true, .text = "l" },
	    false, 0, DISPOSE_SUPPRESS, QUEUE_WAITS },
	{ "also when it is too old", "other",
	    { OUTCOME_SUPPRESSED, PHASE_RCPT, 0, .ours = true, .text = "l" },
	    false, 999 * HOUR, DISPOSE_SUPPRESS, QUEUE_WAITS },
};

static void
test_failures(void)
{
	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		const struct outcome *o = &failures[i].o;
		const struct judgement j = judge_by(failures[i].domain, o,
		    (struct judging){ .age_us = failures[i].age_us,
			.all_refused = failures[i].all_refused });
		struct queue_conf queue;

		is_int(j.rcpt.what, failures[i].what, failures[i].label);
		snapshot_queue_conf(conf, failures[i].domain, "", &queue);
		is_int(disposition_queue(o, &queue,
			   disposition_fails_all(o, &j), false, false),
		    failures[i].queue, "and its queue");
		is_int(disposition_queue(o, &queue,
			   disposition_fails_all(o, &j), false, true),
		    QUEUE_WAITS, "and what is for the host");
	}
}

/* ---- 421 and 553 --------------------------------------------------------- */

static void
test_codes(void)
{
	const struct outcome busy = reply(PHASE_MAIL, "421 4.3.2 busy");
	const struct outcome bare = reply(PHASE_RCPT, "553 not you");
	struct outcome ours = reply(PHASE_MAIL, "451 slow down");
	char words[100];
	struct judgement j = judge("skip-421", &busy);

	ok(j.effects.skip_mx && j.rcpt.what == DISPOSE_UNUSED,
	    "421 leads to the next host");
	j = judge("other", &busy);
	ok(!j.effects.skip_mx && j.rcpt.what == DISPOSE_RETRY,
	    "only where it is said to");
	j = judge("other", &bare);
	is_str(dsn_status_text(j.rcpt.dsn, words, sizeof(words)),
	    "5.1.1 (bad destination mailbox address)", "a bare 553");
	j = judge("sender-553", &bare);
	is_str(dsn_status_text(j.rcpt.dsn, words, sizeof(words)),
	    "5.0.0 (undefined status)", "where it means no mailbox");
	ours.ours = true;
	j = judge("acts", &ours);
	is_int(asked(&j), 0, "our own words are no reply");
}

/* skip-mx, when all hosts had their turn. */
static void
test_no_skip(void)
{
	static const struct {
		const char *label, *domain;
		enum outcome_phase phase;
		const char *line;
		enum disposition_what what;
	} last[] = {
		{ "the recipient waits though it is 5xx", "acts", PHASE_MAIL,
		    "550 next host", DISPOSE_RETRY },
		{ "421 is like any other", "skip-421", PHASE_RCPT,
		    "421 4.3.2 busy", DISPOSE_RETRY },
		{ "bounce-rcpt ends it", "acts", PHASE_RCPT, "450 next host",
		    DISPOSE_FAIL },
		{ "so does the action of a rule", "acts", PHASE_DOT,
		    "451 looks like spam", DISPOSE_FAIL },
	};

	for (size_t i = 0; i < sizeof(last) / sizeof(last[0]); i++) {
		const struct outcome o = reply(last[i].phase, last[i].line);
		struct judgement j = judge_by(last[i].domain, &o,
		    (struct judging){ .no_skip = true });

		ok(!j.effects.skip_mx && j.rcpt.what == last[i].what,
		    "the last host: %s", last[i].label);
	}
}

/* Mail that the host is to have back ends by no word of the host's. */
static void
test_handed_back(void)
{
	static const struct {
		const char *label;
		struct outcome o;
		enum disposition_what what;
		const char *domain;
		bool refused; /* for good */
	} back[] = {
		{ "250",
		    { OUTCOME_DELIVERED, PHASE_DOT, 250, { 0 },
			.text = "250 ok" },
		    DISPOSE_DELIVERED, "acts", false },
		{ "5xx",
		    { OUTCOME_REPLY, PHASE_RCPT, 550, { 5, 1, 1 },
			.text = "550 5.1.1 no such user" },
		    DISPOSE_RETRY, "acts", true },
		{ "4xx, and it is too old",
		    { OUTCOME_REPLY, PHASE_DOT, 451, { 0 },
			.text = "451 later" },
		    DISPOSE_RETRY, "acts", false },
		{ "bounce-queue",
		    { OUTCOME_REPLY, PHASE_MAIL, 550, { 0 },
			.text = "550 all gone" },
		    DISPOSE_RETRY, "acts", true },
		{ "bounce-rcpt",
		    { OUTCOME_REPLY, PHASE_RCPT, 450, { 0 },
			.text = "450 give up" },
		    DISPOSE_RETRY, "acts", false },
		{ "too big for it",
		    { OUTCOME_TOO_BIG, PHASE_MAIL, 0, { 0 }, .text = "" },
		    DISPOSE_RETRY, "acts", true },
		{ "in a suppression list",
		    { OUTCOME_SUPPRESSED, PHASE_RESOLVE, 0, { 0 }, .text = "" },
		    DISPOSE_SUPPRESS, "acts", false },
		{ "damaged",
		    { OUTCOME_DAMAGED, PHASE_RESOLVE, 0, { 0 }, .text = "" },
		    DISPOSE_FAIL, "acts", false },
		{ "a doubt that would be taken for a delivery",
		    { OUTCOME_TIMEOUT, PHASE_DOT, 0, { 0 }, .text = "",
			.in_doubt = true },
		    DISPOSE_RETRY, "assume", false },
		{ "lost in the middle",
		    { OUTCOME_LOST, PHASE_BODY, 0, { 0 }, .text = "" },
		    DISPOSE_RETRY, "transfer", true },
	};

	for (size_t i = 0; i < sizeof(back) / sizeof(back[0]); i++) {
		struct judgement j = judge_by(back[i].domain, &back[i].o,
		    (struct judging){ .age_us = 999 * HOUR,
			.handed_back = true });

		ok(j.rcpt.what == back[i].what && !j.effects.bounce_queue,
		    "handed back: %s", back[i].label);
		ok(j.rcpt.what != DISPOSE_RETRY || j.refused == back[i].refused,
		    "is it refused: %s", back[i].label);
	}
}

static void
test_rows(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_row(i);
}

int
main(void)
{
	struct conf_errors errs = { 0 };

	conf_file_begin();
	conf_file_put("main", text);
	conf = snapshot_load(conf_file_path("main"), &errs);
	if (!ok(conf != NULL, "the configuration is right"))
		(void)conf_file_said(&errs, "nothing");
	if (conf != NULL) {
		test_rows();
		test_times();
		test_attempts();
		test_failures();
		test_codes();
		test_no_skip();
		test_handed_back();
	}
	snapshot_unref(&conf);
	conf_errors_fini(&errs);
	conf_file_end();
	return done_testing();
}
