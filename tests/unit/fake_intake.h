/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_intake - what is behind the ingress, for its tests: configuration,
 * policy, store and scheduler, all in one struct that a test looks into.
 *
 * Linked in place of vmta/snapshot.c, vmta/policy.c, queue/store.c,
 * transport/dispatch.c and transport/passwords.c.  One thread.
 */

#ifndef TESTS_UNIT_FAKE_INTAKE_H
#define TESTS_UNIT_FAKE_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/count.h"
#include "lib/str.h"
#include "mail/envelope.h"
#include "queue/store.h"
#include "vmta/rate_in.h"
#include "vmta/sealing.h"
#include "vmta/sender_rules.h"
#include "vmta/snapshot.h"

enum { FAKE_KEYS = 64 };

struct store {
	bool delayed; /* answers wait for fake_store_answer() */
	enum store_answer answer;
	uint64_t last_id;
	unsigned taken;     /* messages that came */
	unsigned rcpts_new; /* recipients that were not known */

	/* The last one. */
	struct region *rg;
	struct envelope env;
	struct buf env_bytes, text;
	bool has_key;
	struct buf receipts; /* records of those who were not known */

	/* Recipients in suppression lists: with their message, or alone. */
	unsigned refused, refused_alone;
	struct buf refusals;           /* records of the last */
	unsigned failed;               /* of them, not suppressed */
	unsigned mails;                /* that tell of them */
	struct buf mail;               /* the last */
	struct store_settle *settling; /* waits for fake_store_settled() */

	/* Messages of a mail merge that came with the first of it, */
	unsigned merged, merged_rcpts;
	/* and all of it: a line "sender rcpt,rcpt ...", and the text. */
	struct buf merge;

	struct store_accept *waiting[16];
	size_t waiting_count;
	struct {
		uint8_t key[16];
		uint64_t rcpt;
		uint64_t id;
	} keys[FAKE_KEYS];
	size_t key_count;
};

struct dispatch {
	unsigned messages, rcpts;
};

struct snapshot {
	struct global_conf global;
	struct source_conf source;
	const char *relay_to;         /* a relay-domain, or NULL */
	const char *relay_address;    /* likewise */
	const char *host_domain;      /* likewise */
	struct net_addr other_client; /* family 0: none; it has: */
	struct source_conf other_source;
	struct crowd_group groups[4];
	size_t group_count;
	struct listener_conf listener;   /* of every door */
	const struct tls_server *tls;    /* likewise; NULL: none */
	const struct password *password; /* of tim; NULL: he has none */
	const char *cert_user;       /* who signs in by certificate, or NULL */
	const char *listener_source; /* of every door; "apps" may relay */
	struct vmta vmtas[4];        /* {default}, one, two, three */
	struct pool pool;            /* "both": one and two */
	const struct vmta *members[2];
	struct count turns;

	/* What the fake policy says, and how often it was asked. */
	const char *assign;
	bool assign_dflt;
	const char *assigned, *assigned_to;  /* a domain, and its VMTA */
	const char *trouble;                 /* NULL: none */
	enum sender_fault mail_fault, fault; /* at MAIL; of a whole message */
	const char *denied;                  /* at MAIL; a sender, or NULL */
	struct rate_in_limits limits;        /* of any message */
	unsigned policy_runs;
	struct net_addr policy_client;
	const char *policy_source; /* of the last run */
	char policy_user[32];      /* of the last assignment alone */
	char run_user[32];         /* of the last run */
	bool policy_submission;

	struct sealing sealing; /* of any message */
	bool checks;            /* clients, as the source says */

	struct acct_wants wants;
	const char *disabled; /* a domain whose queue wants no records */

	/*
	 * An address in a list of the top level, in one of virtual MTA one and of
	 * any source that names one, and one that no list can tell about; or NULL.
	 */
	const char *listed, *listed_late, *unsure;
};

static inline enum sender_fault
fake_judge(const struct snapshot *s, const char *sender)
{
	return s->denied != NULL && strcmp(s->denied, sender) == 0 ?
	    SENDER_DENIED :
	    s->mail_fault;
}

/* How long a check of a password takes, and how long a wrong one waits. */
struct fake_passwords {
	int64_t check_us, penalty_us;
};

extern struct fake_passwords fake_passwords;

void fake_snapshot_init(struct snapshot *s);
void fake_store_init(struct store *st);
void fake_store_fini(struct store *st);
void fake_store_answer(struct store *st); /* the oldest that waits */
void fake_store_settled(struct store *st);

#endif
