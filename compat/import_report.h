/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import_report - what became of each setting of the system that a
 * configuration was imported from.
 *
 * One line for each: its name, value and place there, and what it is here, or
 * why it is nothing.  Values that are secrets are never shown.  Everything is
 * copied into the region of whoever made the report.  One thread.
 */

#ifndef COMPAT_IMPORT_REPORT_H
#define COMPAT_IMPORT_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/mem.h"
#include "lib/str.h"

/* In the order of the report. */
enum import_fate {
	IMPORT_UNSAFE, /* not taken over, and mail is less safe without it */
	IMPORT_LOST,   /* not taken over */
	IMPORT_CHANGED, /* taken over, with a meaning that is not quite the same */
	IMPORT_TAKEN,
	IMPORT_KEPT,  /* the host goes on doing it */
	IMPORT_ADDED, /* the host has no such setting */
	IMPORT_FATES
};

/* A setting as it stands there. */
struct import_fact {
	const char *name;
	const char *value; /* "": none */
	const char *where; /* "main.cf:12" */
	bool secret;       /* the value is not for eyes */
};

struct import_report;

struct import_report *import_report_new(struct region *rg);

void import_tell(struct import_report *r, enum import_fate fate,
    const struct import_fact *fact, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

size_t import_report_count(const struct import_report *r,
    enum import_fate fate);

/* A paragraph for each fate that there is. */
void import_report_print(const struct import_report *r, struct buf *out);

/* [{"fate","name","value","where","text"}]; the caller's. */
json_t *import_report_json(const struct import_report *r);

#endif
