/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/classify.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/check.h"

static const char *const class_names[BOUNCE_CLASS_COUNT] = {
#define B(name, text, doc) [BOUNCE_##name] = text,
#include "mail/bounce_class.def"
#undef B
};

static const struct status {
	uint8_t subject, detail;
	enum bounce_class class;
	const char *words;
} statuses[] = {
#define S(subject, detail, class, words) \
	{ subject, detail, BOUNCE_##class, words },
#include "mail/dsn_status.def"
#undef S
};

/*
 * Words that say more than the code: many servers answer 5.7.1 or a bare 550
 * for everything.  Lower case; the first that is found counts.
 */
static const struct {
	const char *words;
	enum bounce_class class;
} phrases[] = {
	{ "spamhaus", BOUNCE_SPAM_RELATED },
	{ "spam", BOUNCE_SPAM_RELATED },
	{ "blacklist", BOUNCE_SPAM_RELATED },
	{ "blocklist", BOUNCE_SPAM_RELATED },
	{ "virus", BOUNCE_VIRUS_RELATED },
	{ "malware", BOUNCE_VIRUS_RELATED },
	{ "relay", BOUNCE_RELAYING_ISSUES },
	{ "quota", BOUNCE_QUOTA_ISSUES },
	{ "mailbox full", BOUNCE_QUOTA_ISSUES },
	{ "user unknown", BOUNCE_BAD_MAILBOX },
	{ "unknown user", BOUNCE_BAD_MAILBOX },
	{ "no such user", BOUNCE_BAD_MAILBOX },
	{ "does not exist", BOUNCE_BAD_MAILBOX },
	{ "recipient rejected", BOUNCE_BAD_MAILBOX },
};

const char *
bounce_class_name(enum bounce_class c)
{
	CHECK(c < BOUNCE_CLASS_COUNT);
	return class_names[c];
}

static const struct status *
find_status(const uint8_t dsn[3])
{
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (statuses[i].subject == dsn[1] &&
		    statuses[i].detail == dsn[2])
			return &statuses[i];
	return NULL;
}

static bool
contains(const char *text, const char *words)
{
	size_t len = strlen(words);

	for (; *text != '\0'; text++) {
		size_t i = 0;

		while (i < len &&
		    (text[i] | (text[i] >= 'A' && text[i] <= 'Z' ? 32 : 0)) ==
			words[i])
			i++;
		if (i == len)
			return true;
	}
	return false;
}

static void
status_of_reply(const struct outcome *o, bool mailbox_553, uint8_t dsn_r[3])
{
	uint8_t class = (uint8_t)(o->code / 100);

	/* A server's 2.x.x in a 5xx reply, and the like, is not believed. */
	if (o->dsn[0] == class) {
		memcpy(dsn_r, o->dsn, 3);
		return;
	}
	dsn_r[0] = class;
	dsn_r[1] = dsn_r[2] = 0;
	if (class == 5 && o->phase == PHASE_RCPT &&
	    (o->code == 550 || (o->code == 553 && mailbox_553))) {
		dsn_r[1] = dsn_r[2] = 1;
	} else if (o->code == 552 || o->code == 452) {
		dsn_r[1] = dsn_r[2] = 2;
	} else if (o->code >= 500 && o->code <= 504) {
		dsn_r[1] = 5;
	}
}

void
classify_status(const struct outcome *o, bool mailbox_553, uint8_t dsn_r[3])
{
	static const uint8_t by_kind[][3] = {
		[OUTCOME_DELIVERED] = { 2, 0, 0 },
		[OUTCOME_REPLY] = { 0, 0, 0 },
		[OUTCOME_LOST] = { 4, 4, 2 },
		[OUTCOME_TIMEOUT] = { 4, 4, 2 },
		[OUTCOME_NO_TLS] = { 4, 7, 10 },
		[OUTCOME_NO_AUTH] = { 4, 7, 0 },
		[OUTCOME_DNS_TEMP] = { 4, 4, 3 },
		[OUTCOME_NO_DOMAIN] = { 5, 1, 2 },
		[OUTCOME_NO_FAMILY] = { 4, 4, 4 },
		[OUTCOME_NULL_MX] = { 5, 1, 10 },
		[OUTCOME_LOOP] = { 5, 4, 6 },
		[OUTCOME_BIND] = { 4, 3, 5 },
		[OUTCOME_UNSENT] = { 4, 0, 0 },
		[OUTCOME_LOCAL_TEMP] = { 4, 3, 0 },
		[OUTCOME_DAMAGED] = { 5, 3, 0 },
		[OUTCOME_NO_UTF8] = { 5, 6, 7 },
		[OUTCOME_TOO_BIG] = { 5, 3, 4 },
		[OUTCOME_SUPPRESSED] = { 5, 7, 1 },
		[OUTCOME_BAD_ADDRESS] = { 5, 1, 3 },
	};

	if (o->kind == OUTCOME_REPLY) {
		status_of_reply(o, mailbox_553, dsn_r);
		return;
	}
	memcpy(dsn_r, by_kind[o->kind], 3);
	if (o->phase == PHASE_CONNECT &&
	    (o->kind == OUTCOME_LOST || o->kind == OUTCOME_TIMEOUT))
		dsn_r[2] = 1;
	if (o->kind == OUTCOME_DELIVERED && o->dsn[0] == 2)
		memcpy(dsn_r, o->dsn, 3);
}

enum bounce_class
classify(const struct outcome *o, const uint8_t dsn[3])
{
	const struct status *st = find_status(dsn);

	if (o->kind == OUTCOME_SUPPRESSED)
		return BOUNCE_SUPPRESSED;
	/* An address or mailbox status is precise; the others are not. */
	if (st != NULL && (dsn[1] == 1 || dsn[1] == 2) && o->dsn[0] != 0)
		return st->class;
	if (o->kind == OUTCOME_REPLY && o->text != NULL)
		for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]);
		     i++)
			if (contains(o->text, phrases[i].words))
				return phrases[i].class;
	return st == NULL ? BOUNCE_OTHER : st->class;
}

bool
classify_is_greylisting(const struct outcome *o)
{
	static const char *const words[] = { "greylist", "graylist",
		"grey list", "gray list", "grey-list", "gray-list" };

	if (o->kind != OUTCOME_REPLY || o->code / 100 != 4 || o->text == NULL)
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (contains(o->text, words[i]))
			return true;
	return false;
}

const char *
dsn_status_text(const uint8_t dsn[3], char *out, size_t cap)
{
	const struct status *st = find_status(dsn);
	const char *words = st == NULL ? statuses[0].words : st->words;

	if (dsn[0] == 2 && dsn[1] == 0)
		words = "success";
	(void)snprintf(out, cap, "%u.%u.%u (%s)", dsn[0], dsn[1], dsn[2],
	    words);
	return out;
}
