/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup_run - the files of a host MTA are changed as planned, or put back; the
 * same for each host MTA, which says how by its struct setup_host.
 *
 *	open      where it is; a lock, and nobody else is at work there
 *	read      how it is now
 *	plan      what to change, or why not
 *	edit      the changes are made to copies; their difference is shown
 *	ready     do our daemons answer?  is the result right?
 *	record    how it was, durably
 *	swap      the copies take the place of the files
 *	activate  the host takes what the files say now
 *	check     a message through both; if it does not come, all is put back
 *
 * Signals wait from the record to the end: what is begun is done or undone.
 * Blocks; one thread.
 */

#ifndef ADMIN_SETUP_RUN_H
#define ADMIN_SETUP_RUN_H

#include "admin/ctl_parse.h"
#include "compat/host_files.h"
#include "compat/host_plan.h"
#include "compat/host_record.h"
#include "lib/err.h"
#include "lib/str.h"
#include "vmta/snapshot.h"

struct setup_run {
	const struct ctl_options *opt;
	const struct setup_host *host;
	void *ctx; /* the host's */
	struct host_files *files;
	struct snapshot *conf; /* ours; NULL: it is undone */
	struct host_plan plan;
	size_t told; /* of its notes */
	struct buf diff;
	const char *done; /* what came of it, for JSON */
	bool unproved;    /* it is done, and whether mail comes is not known */
};

/* The exit status then. */
enum { SETUP_UNPROVED = 3 };

struct setup_host {
	const char *command; /* "setup postfix" */
	/* How kinds of changes are called, NULL behind them. */
	const char *const *kinds;
	/* The files; what there is of it is closed in any case. */
	int (*open)(struct setup_run *s, struct err *e);
	int (*read)(struct setup_run *s, struct err *e);
	/* The plan; -1: what was asked for cannot be planned. */
	int (*plan)(struct setup_run *s, struct err *e);
	/* The plan's changes, in the copies. */
	int (*edit)(struct setup_run *s, struct err *e);
	/* What must be right before anything changes. */
	int (*ready)(struct setup_run *s, struct err *e);
	bool (*runs)(struct setup_run *s);
	/* Takes what the files say, and is it still there? */
	int (*activate)(struct setup_run *s, bool runs, struct err *e);
	/*
	 * After an undo, does the host say that its configuration is right?
	 * -1: it is not; 1: it does not say.
	 */
	int (*verify)(struct setup_run *s, struct err *e);
	const char *verifier; /* "postfix check" */
	/* Says "done", or what is wrong. */
	int (*check)(struct setup_run *s, bool runs, struct err *e);
	/* A plan that takes back what was done, or refusals. */
	void (*take_back)(struct setup_run *s, const struct host_record *r);
	void (*close)(struct setup_run *s);
};

/* All of it; files are of the ctx.  The exit status. */
int setup_run_command(const struct ctl_options *opt,
    const struct setup_host *host, void *ctx, struct host_files *files);

/* How a run ends, for who reads it and for JSON. */
void setup_run_say(struct setup_run *s, const char *done, const char *text);
/* It is done, and whether mail comes is not known; why. */
void setup_run_warn(struct setup_run *s, const char *why);
/* 1, and why. */
int setup_run_fail(const struct err *e);

#endif
