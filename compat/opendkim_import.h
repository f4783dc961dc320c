/* SPDX-License-Identifier: Apache-2.0 */
/*
 * opendkim_import - signatures as an opendkim.conf asks for them (`mailrace
 * import opendkim`).
 *
 * Its tables keep their form: `opendkim-tables` reads them (vmta/opendkim.h),
 * with OpenDKIM's order of look-ups.  So what is made is that line, and the
 * report says of each setting whether it counts there.  Pure; one thread.
 */

#ifndef COMPAT_OPENDKIM_IMPORT_H
#define COMPAT_OPENDKIM_IMPORT_H

#include "compat/import_conf.h"

/* path: absolute, of the text. */
void opendkim_import(const char *path, struct slice text,
    struct import_conf *out, struct import_report *report);

#endif
