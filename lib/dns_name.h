/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns_name - a domain name in the one form in which it is asked and cached.
 *
 * Lower case, no final dot, U-labels turned into A-labels (libidn2, IDNA 2008
 * with UTS 46 mapping), at most 253 bytes, labels of 1 to 63 bytes made of
 * letters, digits, hyphen and underscore.  Pure.
 */

#ifndef LIB_DNS_NAME_H
#define LIB_DNS_NAME_H

#define DNS_NAME_CAP 254 /* 253 and a NUL */

/* 0, or -1 when the name cannot be asked. */
int dns_name_clean(const char *name, char out[DNS_NAME_CAP]);

/*
 * The same for a name that only looks something up, such as a local part put in
 * front of a domain: labels are of any printable ASCII.
 */
int dns_name_clean_any(const char *name, char out[DNS_NAME_CAP]);

#endif
