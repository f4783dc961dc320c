/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lease_record - what a limit has spent and may still spend, as it is kept
 * over the end of a process.
 *
 * vmta/lease.h makes and understands it, queue/leases.h turns it into bytes.
 * All in it counts from the instant of its stamp: ages are how long before
 * that an event was.  After a crash, what is pending and the lease count as
 * spent at the restart, since nobody knows better.
 */

#ifndef MAIL_LEASE_RECORD_H
#define MAIL_LEASE_RECORD_H

#include <stdint.h>

#define LEASE_ENTRIES 64
#define LEASE_BOOT_ID 16 /* bytes of /proc/sys/kernel/random/boot_id */
#define LEASE_KEY_MAX 1024

/* One instant by the clocks that outlive a process. */
struct lease_stamp {
	int64_t wall_us;
	int64_t boot_us; /* CLOCK_BOOTTIME: only within one boot, never steps */
	unsigned char boot_id[LEASE_BOOT_ID];
};

struct lease_entry {
	int64_t age_us; /* not negative; entries come oldest first */
	uint64_t count; /* recipients, connections or bytes; not 0 */
};

struct lease_record {
	struct lease_stamp stamp;
	uint64_t max;      /* of the limit then; not 0 */
	int64_t period_us; /* of the limit then; not 0 */
	uint64_t pending;  /* taken, and nobody knew yet whether used */
	uint64_t lease;    /* so many more may be taken after it */
	uint32_t count;    /* of entries in use */
	struct lease_entry entries[LEASE_ENTRIES];
};

#endif
