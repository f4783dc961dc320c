/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server that throws mail away: what it says, what it counts, and what of
 * a configuration would make it take mail that somebody wanted.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "tests/conf_file.h"
#include "tests/tap.h"
#include "transport/dummy_smtp.h"

enum { WAIT_MS = 10000, QUIET_MS = 50 };

static struct dummy_smtp *dummy;
static struct global_conf conf;

/* ---- a client ------------------------------------------------------------ */

static struct sockaddr_in
address(uint16_t port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
}

static uint16_t
free_port(void)
{
	struct sockaddr_in sa = address(0);
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(fd != -1 && bind(fd, (struct sockaddr *)&sa, len) == 0 &&
	    getsockname(fd, (struct sockaddr *)&sa, &len) == 0);
	(void)close(fd);
	return ntohs(sa.sin_port);
}

static int
call(void)
{
	const struct sockaddr_in sa = address((uint16_t)conf.dummy_port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(fd != -1 &&
	    connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) == 0);
	return fd;
}

/* Until nothing comes for a moment, or so many lines have. */
static const char *
heard(int fd, unsigned lines)
{
	static char text[8192];
	size_t len = 0;

	while (len + 1 < sizeof(text)) {
		struct pollfd p = { fd, POLLIN, 0 };
		ssize_t n;

		if (poll(&p, 1, lines > 0 ? WAIT_MS : QUIET_MS) < 1)
			break;
		n = read(fd, text + len, sizeof(text) - 1 - len);
		if (n <= 0)
			break;
		for (ssize_t i = 0; i < n; i++)
			if (text[len + (size_t)i] == '\n' && lines > 0)
				lines--;
		len += (size_t)n;
	}
	text[len] = '\0';
	return text;
}

static void
tell(int fd, const char *text)
{
	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

static void
start(void)
{
	struct err e;

	conf.dummy_ip = "127.0.0.1";
	conf.host_name = "mx.test";
	conf.dummy_port = free_port();
	if (conf.max_conns_in == 0)
		conf.max_conns_in = 10;
	ok(dummy_smtp_new(&conf, &dummy, &e) == 0 && dummy != NULL, "it runs");
}

static void
stop(void)
{
	dummy_smtp_stop(dummy);
	dummy_smtp_free(&dummy);
	conf = (struct global_conf){ 0 };
}

/* ---- dialogues ----------------------------------------------------------- */

static const struct {
	const char *label, *said, *heard;
	unsigned lines;
} talks[] = {
	{ "EHLO", "EHLO c\r\n",
	    "250-mx.test\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-VERP\r\n"
	    "250-8BITMIME\r\n250-SMTPUTF8\r\n250-ENHANCEDSTATUSCODES\r\n"
	    "250-SIZE 0\r\n250 DSN\r\n",
	    9 },
	{ "DATA",
	    "HELO c\r\nMAIL FROM:<a@b.test> VERP\r\nRCPT TO:<c@d.test>\r\n"
	    "DATA\r\nA: b\r\n..\r\n.\r\nQUIT\r\n",
	    "250 mx.test\r\n250 2.1.0 OK\r\n250 2.1.5 OK\r\n"
	    "354 end data with <CR><LF>.<CR><LF>\r\n"
	    "250 2.0.0 thrown away by a dummy\r\n221 2.0.0 closing\r\n",
	    6 },
	{ "BDAT",
	    "MAIL FROM:<>\r\nRCPT TO:<c@d.test>\r\nBDAT 3\r\nabcBDAT 0 LAST\r\n"
	    "NOOP\r\n",
	    "250 2.1.0 OK\r\n250 2.1.5 OK\r\n250 2.0.0 OK\r\n"
	    "250 2.0.0 thrown away by a dummy\r\n250 2.0.0 OK\r\n",
	    5 },
	{ "out of order",
	    "RCPT TO:<a@b.test>\r\nDATA\r\nMAIL FROM:<>\r\nMAIL FROM:<>\r\n"
	    "RSET\r\nAUTH PLAIN\r\nNONE\r\nMAIL\r\n",
	    "503 5.5.1 MAIL first\r\n503 5.5.1 RCPT first, and no BDAT\r\n"
	    "250 2.1.0 OK\r\n503 5.5.1 nested MAIL\r\n250 2.0.0 OK\r\n"
	    "502 5.5.1 command not implemented\r\n"
	    "502 5.5.1 command not implemented\r\n"
	    "501 5.5.4 syntax error in parameters\r\n",
	    8 },
	{ "a chunk for nobody", "BDAT 4\r\nQUIT\r\nQUIT\r\n",
	    "421 4.7.0 no chunk is expected\r\n", 1 },
	{ "a browser", "GET / HTTP/1.1\r\n", "421 4.7.0 not a mail client\r\n",
	    1 },
};

static void
test_talks(void)
{
	struct dummy_smtp_sums sums;

	conf.dummy_chunking = conf.dummy_pipelining = conf.dummy_verp = true;
	conf.dummy_stats = true;
	start();
	for (size_t i = 0; i < sizeof(talks) / sizeof(talks[0]); i++) {
		int fd = call();

		ok(strncmp(heard(fd, 1),
		       "220 mx.test ESMTP dummy: all mail is thrown away (",
		       49) == 0,
		    "it says what it is");
		tell(fd, talks[i].said);
		is_str(heard(fd, talks[i].lines), talks[i].heard,
		    talks[i].label);
		(void)close(fd);
	}
	ok(dummy_smtp_sums(dummy, &sums) && sums.messages == 2 &&
		sums.rcpts == 2 && sums.bytes == 13 + 3 &&
		sums.connections == sizeof(talks) / sizeof(talks[0]),
	    "it counts");
	stop();
}

static void
test_plain(void)
{
	struct dummy_smtp_sums sums;
	int fd;

	start();
	fd = call();
	(void)heard(fd, 1);
	tell(fd, "EHLO c\r\nMAIL FROM:<> VERP\r\nBDAT 1\r\n");
	is_str(heard(fd, 8),
	    "250-mx.test\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n"
	    "250-ENHANCEDSTATUSCODES\r\n250-SIZE 0\r\n250 DSN\r\n"
	    "555 5.5.4 VERP is not offered\r\n"
	    "421 4.7.0 no chunk is expected\r\n",
	    "nothing more is offered, nor taken");
	ok(!dummy_smtp_sums(dummy, &sums), "nothing is counted");
	(void)close(fd);
	stop();
	ok(!dummy_smtp_sums(NULL, &sums), "nor where there is none");
}

static void
test_places(bool await_slot)
{
	int first, second;

	conf.max_conns_in = 1;
	conf.dummy_await_slot = await_slot;
	start();
	first = call();
	(void)heard(first, 1);
	second = call();
	if (!await_slot) {
		is_str(heard(second, 1), "421 4.3.2 too many connections\r\n",
		    "one too many");
	} else {
		is_str(heard(second, 0), "", "one too many waits");
		(void)close(first);
		first = -1;
		ok(strncmp(heard(second, 1), "220 ", 4) == 0,
		    "and is greeted when there is a place");
	}
	if (first != -1)
		(void)close(first);
	(void)close(second);
	stop();
}

static void
test_latency(void)
{
	int64_t begun;
	int fd;

	conf.dummy_latency_ms = 120;
	start();
	fd = call();
	(void)heard(fd, 1);
	begun = clock_us();
	tell(fd, "NOOP\r\nNOOP\r\nNOOP\r\n");
	(void)heard(fd, 3);
	ok(clock_us() - begun >= 120000, "what comes at once waits once");
	(void)close(fd);
	stop();
}

/* Replies that nobody reads: it stops reading. */
static void
test_deaf(void)
{
	static char noops[6000];
	int fd, len = 0;
	ssize_t n = 1;
	size_t sent = 0;

	while (len + 6 < (int)sizeof(noops))
		len += snprintf(noops + len, 7, "NOOP\r\n");
	start();
	fd = call();
	for (int i = 0; i < 20000 && n > 0; i++) {
		struct pollfd p = { fd, POLLOUT, 0 };

		if (poll(&p, 1, 300) < 1)
			break;
		n = send(fd, noops, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);
		sent += n > 0 ? (size_t)n : 0;
	}
	ok(n > 0 && sent < 100000000, "%zu bytes of commands were read", sent);
	(void)close(fd);
	stop();
}

/* ---- the configuration ---------------------------------------------------- */

static const struct {
	const char *conf, *said;
	bool warning;
} lines[] = {
	{ "dummy-smtp-ip 10.0.0.300\n", "main:1: dummy-smtp-ip: ", false },
	{ "dummy-smtp-port 2525\nsmtp-listener 0.0.0.0:2525\n",
	    "main:1: dummy-smtp-port: 0.0.0.0:2525 is a listener for mail",
	    false },
	{ "lmtp-listener 127.0.0.1:24\ndummy-smtp-port 24\n",
	    "main:2: dummy-smtp-port: 127.0.0.1:24 is a listener for mail",
	    false },
	{ "dummy-smtp-port 25\ndummy-smtp-ip 0.0.0.0\n"
	  "smtp-listener 127.0.0.1:25\n",
	    "main:1: dummy-smtp-port: 127.0.0.1:25 is a listener for mail",
	    false },
	{ "dummy-smtp-port 2526\ndummy-smtp-ip 192.0.2.1\n",
	    "main:2: dummy-smtp-ip: all mail that comes to 192.0.2.1 port 2526 "
	    "is thrown away",
	    true },
	{ "dummy-smtp-port 2526\nsmtp-listener 127.0.0.1:2525\n", "", false },
	{ "dummy-smtp-ip 192.0.2.1\n", "", false },
};

/* What is said about a dummy, or "". */
static const char *
said_of(const struct conf_errors *errs)
{
	for (size_t i = 0; i < errs->n; i++)
		if (strstr(errs->v[i].text, "dummy-smtp") != NULL)
			return errs->v[i].text;
	return "";
}

static void
test_conf(void)
{
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct conf_errors errs = { 0 };
		const char *said, *wanted = lines[i].said;
		bool fails = wanted[0] != '\0' && !lines[i].warning;
		struct snapshot *s;

		conf_file_put("main", lines[i].conf);
		s = snapshot_load(conf_file_path("main"), &errs);
		said = said_of(&errs);
		ok((s == NULL) == fails && strstr(said, wanted) != NULL &&
			(said[0] == '\0') == (wanted[0] == '\0'),
		    "%zu: %s", i, said);
		snapshot_unref(&s);
		conf_errors_fini(&errs);
	}
}

int
main(void)
{
	struct err e;

	log_set_level(LOG_L_ERROR);
	conf_file_begin();
	ok(dummy_smtp_new(&conf, &dummy, &e) == 0 && dummy == NULL,
	    "there is none unless it is asked for");
	test_talks();
	test_plain();
	test_places(false);
	test_places(true);
	test_latency();
	test_deaf();
	test_conf();
	conf_file_end();
	return done_testing();
}
