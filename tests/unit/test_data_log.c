/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log-data: rows of a message and their bound, and what an SMTP session tells
 * of those that it sends.  What is told of clients' is test_ingress_log.c's.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "tests/tap.h"
#include "tests/unit/smtp_owner.h"
#include "transport/data_log.h"

static char path[] = "/tmp/mailrace-test-data-log-XXXXXX";

/* Behind time and program, all lines of that event. */
static void
read_log(const char *event, struct buf *out)
{
	char line[LOG_LINE_MAX + 1], wanted[64];
	FILE *f = fopen(path, "r");

	buf_clear(out);
	(void)snprintf(wanted, sizeof(wanted), " %s ", event);
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		const char *p = strstr(line, wanted);

		if (p != NULL)
			buf_str(out, p + strlen(wanted));
	}
	if (f != NULL)
		(void)fclose(f);
}

/* In so many pieces, the last of them what is left. */
static void
test_rows(size_t len, size_t piece, const char *told)
{
	const struct data_log_of of = { "x", true };
	struct data_log d = { 0 };
	struct buf got = { 0 };
	char *bytes = mem_alloc(len);

	memset(bytes, 'a', len);
	ok(truncate(path, 0) == 0, "an empty log");
	for (size_t at = 0; at < len; at += piece)
		data_log_put(&d, &of,
		    (struct slice){ bytes + at,
			len - at < piece ? len - at : piece });
	data_log_end(&d, &of);
	read_log("smtp-data", &got);
	ok(strcmp(buf_cstr(&got) +
		   (got.len < strlen(told) ? 0 : got.len - strlen(told)),
	       told) == 0,
	    "%zu bytes by %zu end in %s", len, piece, told);
	buf_fini(&got);
	free(bytes);
}

#define A4 "61616161"
#define A32 A4 A4 A4 A4 A4 A4 A4 A4
#define T32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* Each row begins where the one before has ended. */
static void
test_bound(size_t len, const char *more)
{
	struct buf got = { 0 };
	size_t rows = 0;

	test_rows(len, 1000, more);
	read_log("smtp-data", &got);
	for (char *p = got.p; p < got.p + got.len; p = strchr(p, '\n') + 1)
		if (strtoul(p + strlen("at="), NULL, 10) == rows * DATA_LOG_ROW)
			rows++;
	ok(rows == DATA_LOG_MAX / DATA_LOG_ROW + (more[0] == 'a'),
	    "%zu bytes: %zu rows in their order", len, rows);
	buf_fini(&got);
}

static void
test_session(const char *const *script, unsigned options, bool wanted,
    const char *told)
{
	static const struct smtp_rcpt rcpts[] = { { "r0@example.net", "", 0 } };
	struct queue_conf conf = make_conf(options);
	struct body *body = make_body("Subject: x\r\n\r\n.dot\n", 1);
	struct buf got = { 0 };

	conf.log_data = wanted;
	ok(truncate(path, 0) == 0, "an empty log");
	make_transactions(options, (options & O_TWO) != 0 ? 2 : 1, body, rcpts,
	    1);
	start(script, options, &conf);
	worker_run(o.worker);
	finish();
	read_log("smtp-data", &got);
	is_str(buf_cstr(&got), told, "of a session");
	buf_fini(&got);
	body_unref(&body);
}

#define ROW \
	"at=0 hex=5375626a6563743a20780d0a0d0a2e2e646f740d0a2e0d0a " \
	"text=\"Subject: x......dot.....\"\n"

int
main(void)
{
	static const char *const two[] = { HELLO, EHLO_PIPE, PIPE_OK, PIPE_OK,
		BYE, NULL };
	static const char *const one[] = { HELLO, EHLO_PIPE, PIPE_OK, BYE,
		NULL };
	static const char *const refused[] = { HELLO, EHLO_PIPE, ENVELOPE,
		"+550 no\r\n550 no\r\n550 no\r\n", "<RSET", ">250 ok", BYE,
		NULL };
	struct err e;
	int fd = mkstemp(path);

	ok(fd != -1 && log_open(path, &e) == 0, "the log");
	test_rows(5, 5, "at=0 hex=" A4 "61 text=aaaaa\n");
	test_rows(32, 7, "at=0 hex=" A32 " text=" T32 "\n");
	test_rows(36, 1, "at=32 hex=" A4 " text=aaaa\n");
	test_bound(DATA_LOG_MAX, "text=" T32 "\n");
	test_bound(DATA_LOG_MAX + 1, "at=65536 more=1\n");
	test_bound(3 * (size_t)DATA_LOG_MAX, "at=65536 more=131072\n");
	test_session(two, O_TWO, false, "");
	test_session(two, O_TWO, true, ROW ROW);
	test_session(one, O_PREFIX, true,
	    "at=0 hex=5369673a20610d0a09620d0a5375626a6563743a20780d0a0d0a"
	    "2e2e646f740d text=\"Sig: a...b..Subject: x......dot.\"\n"
	    "at=32 hex=0a2e0d0a text=....\n");
	test_session(refused, 0, true, "");
	(void)unlink(path);
	if (fd != -1)
		(void)close(fd);
	return done_testing();
}
