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
	{ "delivered without one",
	    { .kind = OUTCOME_DELIVERED, .phase = PHASE_DOT, .code = 250 },
	    "other", "2.0.0 (success)" },
};

int
main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t dsn[3];
		char text[100];

		is_str(bounce_class_name(classify(&cases[i].outcome)),
		    cases[i].category, cases[i].label);
		classify_status(&cases[i].outcome, dsn);
		is_str(dsn_status_text(dsn, text, sizeof(text)),
		    cases[i].status, "its status");
	}
	return done_testing();
}
