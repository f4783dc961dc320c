/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_post - sends a part of a file to a web server by POST.
 *
 * The only user of libcurl: its multi interface on a worker's events, so
 * nothing waits but getaddrinfo(3), on a thread that libcurl has for it.  HTTP/1.1
 * over http and https only; no redirects, no proxies, no cookies; certificates
 * are always checked.  Of the answer's body at most 64 KB are read; a header
 * that is longer is an error.
 *
 * Whatever the server says is an answer, not an error: what it means is for
 * the caller to decide.  Owned by the thread of its worker.
 */

#ifndef LIB_HTTP_POST_H
#define LIB_HTTP_POST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/str.h"
#include "lib/worker.h"

#define HTTP_ANSWER_MAX ((size_t)64 * 1024)

struct http_client;
struct http_transfer;

struct http_answer {
	const char *error;      /* why there is none; NULL: there is one */
	int status;             /* 200 */
	int64_t retry_after_us; /* Retry-After, from now on; 0: none */
	struct slice body;
};

/*
 * What is to be sent; embedded in what the caller has.  All of it is borrowed
 * until done() is called.
 */
struct http_post {
	const char *url;
	const char *const *headers; /* "Name: value" */
	size_t header_count;
	const char *cert_file; /* of the client, PEM with its key; NULL: none */
	const char *cert_password; /* of that key; NULL: none */
	const char *ca_file;       /* NULL: the system's */
	int64_t connect_timeout_us;
	int64_t io_timeout_us; /* without a byte moving */

	/* The body: head, then length bytes of the file at offset. */
	struct slice head;
	int fd;
	uint64_t offset, length;
	bool gzip; /* Content-Encoding, by Transfer-Encoding: chunked */

	/* Once for each http_post(), never from inside of it. */
	void (*done)(struct http_post *p, const struct http_answer *a);

	struct http_transfer *transfer; /* http_post's: NULL when idle */
};

/* The first before other threads start. */
struct http_client *http_client_new(struct worker *w);
void http_client_free(struct http_client **cp); /* nothing is under way */

void http_post(struct http_client *c, struct http_post *p);

/* done() will not be called; nothing of it is used any more. */
void http_post_cancel(struct http_post *p);

#endif
