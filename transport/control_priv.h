/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_priv - what the commands of the control socket share; for
 * transport/control*.c, show.c, steer.c and their like only.
 *
 * A command is called on main, may visit other threads, and ends on main with
 * ctl_done() or ctl_fail().
 */

#ifndef TRANSPORT_CONTROL_PRIV_H
#define TRANSPORT_CONTROL_PRIV_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/ctl_proto.h"
#include "transport/control.h"

struct control {
	struct control_options opt;
	struct ctl_server *server;
	int64_t started_us;
	struct suppress_imports *imports; /* NULL: there was none yet */
	bool imports_stopping;
	bool stopping; /* the other threads have ended */
};

#define CONTROL_UNREAD \
	"mailraced is being stopped, before it has read its spool"
#define CONTROL_NO_MESSAGE \
	"message %s is not queued: it has ended, or never was"

typedef void control_fn(struct control *c, struct ctl_request *r,
    const json_t *args);

/* acct_report.c */
control_fn control_show_accounting, control_rotate_acct;
struct acct_facts;
json_t *control_acct_facts(const struct acct_facts *f);
/* control_audit.c */
control_fn control_audit;
json_t *control_ledger_json(const struct store_ledger *l);
/* control_cat.c */
control_fn control_cat;
/* listing.c */
control_fn control_list, control_mailq;
/* orders.c */
control_fn control_set_queue, control_disable_source, control_enable_source;
/* orders_job.c */
control_fn control_pause_job, control_resume_job;
/* orders_rcpt.c */
control_fn control_delete, control_hold, control_release, control_requeue;
control_fn control_hand_back;
/* show.c */
control_fn control_show_topqueues, control_show_domains, control_show_vmtas;
control_fn control_show_jobs;
/* show_cold.c */
control_fn control_show_cold;
/* show_senders.c */
control_fn control_show_senders;
/* show_sources.c */
control_fn control_show_sources;
/* steer.c */
control_fn control_pause, control_resume, control_schedule;

/* show_warmup.c */
control_fn control_show_warmup, control_report_complaints;

/* suppress_*.c */
control_fn control_suppress_add, control_suppress_remove;
control_fn control_suppress_check, control_suppress_stats;
control_fn control_suppress_export, control_suppress_import;
/* suppress_import.c: those under way end, unless they are being sorted. */
void suppress_imports_stop(struct control *c);
/* Their threads have ended; then, when the keeper's has, too, they are freed. */
void suppress_imports_join(struct control *c);
void suppress_imports_free(struct control *c);

/* why.c */
control_fn control_why;

/* ---- words of a request -------------------------------------------------- */

/* A member as text, NULL if it is not there or no text. */
const char *control_text(const json_t *args, const char *key);
/* From 1 to a million; fallback if it is not there. */
size_t control_maxitems(const json_t *args, size_t fallback);

/* What was said to a recipient, and by whom. */
struct said;
json_t *control_said(const struct said *s);

/* An engine time as people read it; null if it is not set. */
json_t *control_when(int64_t engine_us);
/* The same of a recipient: "hold" if an operator holds it. */
json_t *control_due(int64_t due_us);

#endif
