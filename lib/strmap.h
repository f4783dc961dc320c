/* SPDX-License-Identifier: Apache-2.0 */
/*
 * strmap - values by text, in the order they came.
 *
 * Keys and values are borrowed and must outlive the map; nothing is ever taken
 * out.  Keys are compared byte by byte.  Written by one thread, then read by
 * any number: made for what is loaded once and asked often.
 */

#ifndef LIB_STRMAP_H
#define LIB_STRMAP_H

#include <stddef.h>

struct strmap;

struct strmap *strmap_new(void);
void strmap_free(struct strmap **mp);

/* A second value for a key takes the place of the first. */
void strmap_put(struct strmap *m, const char *key, void *value);
void *strmap_get(const struct strmap *m, const char *key); /* or NULL */

size_t strmap_count(const struct strmap *m);
void *strmap_at(const struct strmap *m, size_t i);

#endif
