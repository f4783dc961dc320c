/* SPDX-License-Identifier: Apache-2.0 */
/* What servers really say gets PowerMTA's category and a status to record. */
#include "mail/classify.h"
#include "tests/tap.h"

static const struct {
	const char *label;
	struct outcome outcome;
	const char *category, *status;
} cases[] = {
	{ "no such mailbox",
	    { .kind = OUTCOME_REPLY,
		.phase = PHASE_RCPT,
		.code = 550,
		.dsn = { 5, 1, 1 },
		.text = "550 5.1.1 user unknown" },
	    "bad-mailbox", "5.1.1 (bad destination mailbox address)" },
	{ "an address status says more than the words",
	    { .kind = OUTCOME_REPLY,
		.phase = PHASE_RCPT,
		.code = 550,
		.dsn = { 5, 1, 1 },
		.text = "550 5.1.1 no spam here" },
	    "bad-mailbox", "5.1.1 (bad destination mailbox address)" },
	{ "a bare 550 at RCPT is the mailbox",
	    { .kind = OUTCOME_REPLY,
		.phase = PHASE_RCPT,
		.code = 550,
		.text = "550 no" },
	    "bad-mailbox", "5.1.1 (bad destination mailbox address)" },
	{ "unless its words say otherwise",
	    { .kind = OUTCOME_REPLY,
		.phase = PHASE_RCPT,
		.code = 550,
		.text = "550 Listed by Spamhaus" },
	    "spam-related", "5.1.1 (bad destination mailbox address)" },
	{ "a bare 550 at MAIL is not",
	    { .kind = OUTCOME_REPLY,
		.phase = PHASE_MAIL,
		.code = 550,
		.text = "550 no" },
	    "other", "5.0.0 (undefined status)" },
	{ "words before a policy status",
	    { .kind = OUTCOME_REPLY,
		.phase = PHASE_DOT,
		.code = 554,
		.dsn = { 5, 7, 1 },
		.text = "554 5.7.1 This is SPAM" },
	    "spam-related", "5.7.1 (delivery not authorized)" },
	{ "a policy status without such words",
	    { .kind = OUTCOME_REPLY,
		.phase = PHASE_DOT,
		.code = 554,
		.dsn = { 5, 7, 1 },
		.text = "554 5.7.1 no" },
	    "policy-related", "5.7.1 (delivery not authorized)" },
	{ "a mailbox that is full",
	    { .kind = OUTCOME_REPLY,
		.phase = PHASE_RCPT,
		.code = 452,
		.text = "452 later" },
	    "quota-issues", "4.2.2 (mailbox full)" },
	{ "a status of another class than the code is not believed",
	    { .kind = OUTCOME_REPLY,
		.phase = PHASE_DOT,
		.code = 554,
		.dsn = { 2, 0, 0 },
		.text = "554 2.0.0 fine" },
	    "other", "5.0.0 (undefined status)" },
	{ "a command refused as unknown",
	    { .kind = OUTCOME_REPLY,
		.phase = PHASE_MAIL,
		.code = 502,
		.text = "502 what" },
	    "protocol-errors", "5.5.0 (other or undefined protocol status)" },
	{ "a status that no table has",
	    { .kind = OUTCOME_REPLY,
		.phase = PHASE_DOT,
		.code = 554,
		.dsn = { 5, 99, 9 },
		.text = "554 5.99.9 ?" },
	    "other", "5.99.9 (undefined status)" },
	{ "nobody answers", { .kind = OUTCOME_TIMEOUT, .phase = PHASE_CONNECT },
	    "no-answer-from-host", "4.4.1 (no answer from host)" },
	{ "the connection breaks",
	    { .kind = OUTCOME_LOST, .phase = PHASE_DATA }, "bad-connection",
	    "4.4.2 (bad connection)" },
	{ "the domain does not exist",
	    { .kind = OUTCOME_NO_DOMAIN, .phase = PHASE_RESOLVE }, "bad-domain",
	    "5.1.2 (bad destination system address)" },
	{ "a null MX", { .kind = OUTCOME_NULL_MX, .phase = PHASE_RESOLVE },
	    "bad-domain", "5.1.10 (recipient address has null MX)" },
	{ "the best MX is ourselves",
	    { .kind = OUTCOME_LOOP, .phase = PHASE_RESOLVE }, "routing-errors",
	    "5.4.6 (routing loop detected)" },
	{ "an address of ours that cannot be bound",
	    { .kind = OUTCOME_BIND, .phase = PHASE_CONNECT },
	    "bad-configuration", "4.3.5 (system incorrectly configured)" },
	{ "TLS required and not to be had",
	    { .kind = OUTCOME_NO_TLS, .phase = PHASE_TLS }, "policy-related",
	    "4.7.10 (encryption needed)" },
	{ "not signed in", { .kind = OUTCOME_NO_AUTH, .phase = PHASE_AUTH },
	    "policy-related", "4.7.0 (other or undefined security status)" },
	{ "delivered without one",
	    { .kind = OUTCOME_DELIVERED, .phase = PHASE_DOT, .code = 250 },
	    "other", "2.0.0 (success)" },
};

/* Some servers say 553 where they mean the sender, or a relay. */
static void
test_553(void)
{
	const struct outcome bare = { .kind = OUTCOME_REPLY,
		.phase = PHASE_RCPT,
		.code = 553,
		.text = "553 sorry" },
			     told = { .kind = OUTCOME_REPLY,
				     .phase = PHASE_RCPT,
				     .code = 553,
				     .dsn = { 5, 1, 1 },
				     .text = "553 5.1.1 sorry" };
	char text[100];
	uint8_t dsn[3];

	classify_status(&bare, false, dsn);
	is_str(dsn_status_text(dsn, text, sizeof(text)),
	    "5.0.0 (undefined status)", "a bare 553, if it means no mailbox");
	is_str(bounce_class_name(classify(&bare, dsn)), "other",
	    "nor is it called so");
	classify_status(&told, false, dsn);
	is_str(dsn_status_text(dsn, text, sizeof(text)),
	    "5.1.1 (bad destination mailbox address)",
	    "with an enhanced code it means what that says");
}

static void
test_greylisting(void)
{
	static const struct {
		int code;
		bool is;
		const char *text;
	} said[] = {
		{ 450, true, "450 4.2.0 Greylisted, see http://x.example" },
		{ 451, true, "451 4.7.1 Recipient is being grey-listed" },
		{ 451, true, "451 you are GRAYLISTED" },
		{ 550, false, "550 5.7.1 greylisting is over" },
		{ 451, false, "451 4.7.1 please try again later" },
	};

	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		const struct outcome o = { .kind = OUTCOME_REPLY,
			.phase = PHASE_RCPT,
			.code = said[i].code,
			.text = said[i].text };

		is_int(classify_is_greylisting(&o), said[i].is, said[i].text);
	}
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t dsn[3];
		char text[100];

		classify_status(&cases[i].outcome, true, dsn);
		is_str(bounce_class_name(classify(&cases[i].outcome, dsn)),
		    cases[i].category, cases[i].label);
		is_str(dsn_status_text(dsn, text, sizeof(text)),
		    cases[i].status, "its status");
	}
	test_553();
	test_greylisting();
	return done_testing();
}
