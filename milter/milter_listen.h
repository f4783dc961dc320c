/* SPDX-License-Identifier: Apache-2.0 */
/*
 * milter_listen - where libmilter listens, a unix path or IP:PORT, made anew
 * or handed over by systemd; and how it is woken there.
 *
 * Main thread.
 */

#ifndef MILTER_MILTER_LISTEN_H
#define MILTER_MILTER_LISTEN_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/net.h"

#define MILTER_PATH_MAX 108 /* of sun_path */

struct milter_place {
	bool is_unix;
	char path[MILTER_PATH_MAX];
	struct net_addr addr; /* where it is none */
	uint16_t port;
};

/*
 * Tells libmilter the address and opens the socket (unix: mode 0660, a stale
 * one is removed).  After milter_cb_register(), before other threads start.
 */
int milter_listen(const char *where, struct milter_place *p_r, struct err *e);

/*
 * libmilter looks every five seconds whether it is to end, and when somebody
 * connects: somebody does.  Where that fails it takes its five seconds.
 */
void milter_place_wake(const struct milter_place *p);

#endif
