/* SPDX-License-Identifier: Apache-2.0 */
/*
 * family_wish - what address-family of a queue asks for.
 *
 * Pure; any thread.
 */

#ifndef VMTA_FAMILY_WISH_H
#define VMTA_FAMILY_WISH_H

#include <stdbool.h>
#include <stdint.h>

#include "vmta/snapshot.h"

struct family_wish {
	uint8_t family; /* AF_INET or AF_INET6; 0: any, in turn */
	bool only;      /* never the other one; else where it can be */
};

struct family_wish family_wish(const struct queue_conf *c);
/* May a source of that family be used?  One that the kernel chooses may. */
bool family_allowed(const struct queue_conf *c, uint8_t family);

#endif
