/* SPDX-License-Identifier: Apache-2.0 */
/*
 * milter_listen - where libmilter listens: a unix path or IP:PORT, made anew
 * or handed over by systemd.
 *
 * Main thread, before other threads start.
 */

#ifndef MILTER_MILTER_LISTEN_H
#define MILTER_MILTER_LISTEN_H

#include <stdbool.h>

#include "lib/err.h"

/*
 * Tells libmilter the address and opens the socket (unix: mode 0660, a stale
 * one is removed).  After milter_cb_register().
 */
int milter_listen(const char *where, bool *unix_r, struct err *e);

#endif
