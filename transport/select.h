/* SPDX-License-Identifier: Apache-2.0 */
/*
 * select - which recipients the operator means: by queue, age, job, message,
 * sender, recipient and envelope id.
 *
 * The first four are known to the scheduler; for the others the envelope has
 * to be read.  Addresses take wildcards (lib/glob.h), and "<>" is the null
 * sender; ids have to be the same to the letter.  Everything comes over the
 * control socket and is checked here.  Immutable once parsed; any thread.
 */

#ifndef TRANSPORT_SELECT_H
#define TRANSPORT_SELECT_H

#include <jansson.h>
#include <stdbool.h>

#include "lib/err.h"
#include "mail/envelope.h"
#include "transport/queue_pattern.h"
#include "vmta/sched.h"

struct select {
	struct queue_pattern queue;
	bool is_bounded; /* a queue, a job or a message was named */
	char *job, *orig, *rcpt, *envid; /* or NULL: any */
	int64_t older_us;                /* at least so old */
	uint64_t id;                     /* of a message, or 0: any */
};

int select_parse(const json_t *args, struct select *s_r, struct err *e);
void select_fini(struct select *s);

/* A message as people name it: our id, or that in Exim's form. */
bool select_read_id(const char *text, uint64_t *id_r);
/* That of a request; 0: it names none. */
int select_parse_id(const json_t *args, uint64_t *id_r, struct err *e);

/* All but the queue, as far as the scheduler knows. */
bool select_fits(const struct select *s, const struct sched_rcpt_info *info,
    int64_t now_us);

/* Must the envelope be asked, too? */
bool select_wants_envelope(const struct select *s);
bool select_fits_envelope(const struct select *s, const struct envelope *env,
    uint32_t n, struct region *rg);

#endif
