/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot - which boot of the kernel this is: whether clock_boot_us() can be
 * compared with one that an earlier process wrote down.  Any thread.
 */

#ifndef LIB_BOOT_H
#define LIB_BOOT_H

#include <stdbool.h>

enum { BOOT_ID = 16 }; /* bytes */

/*
 * The kernel's random number of this boot.  false: it does not tell; then id is
 * all zero, and nothing is known to be of this boot.
 */
bool boot_id(unsigned char id[BOOT_ID]);

/* The same from its text, "5ab1c3f0-....": 32 hexadecimal digits. */
bool boot_id_parse(const char *text, unsigned char id[BOOT_ID]);

#endif
