/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crc32c - the checksum of everything that is kept on disk (Castagnoli, as in
 * RFC 3720 B.4).  By the processor's instruction where there is one: it
 * passes over each body that is stored or read.  Pure; any thread.
 */

#ifndef QUEUE_CRC32C_H
#define QUEUE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* crc is 0 at the start, then what the call before returned. */
uint32_t crc32c(uint32_t crc, const void *p, size_t len);

/* The same by table; for the test that compares both. */
uint32_t crc32c_by_table(uint32_t crc, const void *p, size_t len);

#endif
