/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acct_target - where an <acct-file> that is a webhook or a stream of Redis
 * sends its records, as far as one value does not say it.
 *
 * Made while a configuration is read, in its region; then immutable, any
 * thread.
 */

#ifndef VMTA_ACCT_TARGET_H
#define VMTA_ACCT_TARGET_H

#include <stddef.h>
#include <stdint.h>

#include "lib/conf_types.h"
#include "lib/err.h"
#include "lib/mem.h"
#include "lib/str.h"

struct acct_header {
	const char *name, *value;
};

struct acct_webhook {
	const char *url;         /* http or https, HOST[:PORT][/PATH] */
	const char *certificate; /* PEM with its key; NULL: none */
	const char *password;    /* of that key; NULL: none */
	const char *ca_file;     /* NULL: the system's */
	const struct acct_header *headers;
	size_t header_count;
};

struct acct_redis {
	const char *host; /* a name or an address; NULL: path */
	uint16_t port;
	const char *path;            /* of a socket */
	const char *user, *password; /* NULL: none */
	uint32_t db;
};

/* http[s]://HOST[:PORT][/PATH], and nothing that HTTP would not carry. */
int acct_url_check(const char *url, struct err *e);

/* redis://[[USER]:PASSWORD@]HOST[:PORT][/DB] or unix:PATH; %XX is decoded. */
int acct_redis_parse(const char *url, struct region *rg, struct acct_redis *r_r,
    struct err *e);

/*
 * The lines "Name: value" of a file; empty ones and those that begin with "#"
 * are passed over.  A bad line is an error at its place in that file; -1: the
 * file cannot be read.
 */
int acct_headers_read(const char *path, struct region *rg,
    struct acct_webhook *hook, struct conf_errors *errs, struct err *e);

#endif
