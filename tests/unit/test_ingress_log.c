/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log-connections, log-commands and log-data: what is told of a session, and
 * that no password is, nor without log-data anything of a message, however a
 * client goes about it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "tests/tap.h"
#include "tests/unit/ingress_client.h"
#include "vmta/password.h"

enum { CONNECTIONS = 1, COMMANDS = 2, CLEAR = 4, DATA = 8 };

/* tim, tanstaaf: as PLAIN has it, and the pieces of LOGIN. */
#define PLAIN "AHRpbQB0YW5zdGFhZg=="
#define NAME "dGlt"
#define WORD "dGFuc3RhYWY="

#define C "in0.1 ingress-command text="
#define R "in0.1 ingress-reply text="
#define D "in0.1 ingress-data at="
#define TO "HELO c\r\nMAIL FROM:<s@a.test>\r\nRCPT TO:<r@b.test>\r\n"
#define GREETING \
	"\"220 mx.test (Mailrace v" PACKAGE_VERSION ") ESMTP service ready\"\n"

static char path[] = "/tmp/mailrace-test-log-XXXXXX";
static struct password password;

/* ---- the log ------------------------------------------------------------- */

static void
set_up(unsigned opt)
{
	world_reset();
	world.env.ingress_serial = 0;
	world.conf.password = &password;
	world.conf.source.relay = true;
	world.conf.source.allow_auth = true;
	world.conf.source.plain_auth = (opt & CLEAR) != 0;
	world.conf.source.log_connections = (opt & CONNECTIONS) != 0;
	world.conf.source.log_commands = (opt & COMMANDS) != 0;
	world.conf.source.log_data = (opt & DATA) != 0;
	world.conf.source.allow_chunking = (opt & DATA) != 0;
	ok(truncate(path, 0) == 0, "an empty log");
}

/* Behind time and program, without what others log, and how long it was. */
static void
read_log(struct buf *all, struct buf *ours)
{
	char line[LOG_LINE_MAX + 1];
	FILE *f = fopen(path, "r");

	buf_clear(all);
	buf_clear(ours);
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		const char *p = strstr(line, "info: in0.");
		char *seconds = strstr(line, " seconds=");

		buf_str(all, line);
		if (p == NULL)
			continue;
		if (seconds != NULL)
			memcpy(seconds, "\n", 2);
		buf_str(ours, p + strlen("info: "));
	}
	if (f != NULL)
		(void)fclose(f);
}

static void
talk(const char *raw)
{
	struct client c;

	client_open(&c, INGRESS_SMTP, "192.0.2.9", SOCK_STREAM);
	client_send(&c, raw, strlen(raw));
	client_pump(&c);
	client_close(&c);
}

/* ---- what is told --------------------------------------------------------- */

static const struct {
	const char *label;
	unsigned opt;
	const char *raw, *log;
} cases[] = {
	{ "nothing", 0, "NOOP\r\n", "" },
	{ "the connection", CONNECTIONS,
	    "HELO c.test\r\nMAIL FROM:<s@a.test>\r\nRCPT TO:<r@b.test>\r\n"
	    "DATA\r\nSubject: x\r\n\r\n.\r\nMAIL FROM:<s@a.test>\r\n",
	    "in0.1 ingress-opened client=192.0.2.9 listener=/door\n"
	    "in0.1 ingress-closed client=192.0.2.9 listener=/door helo=c.test "
	    "commands=5 messages=1\n" },
	{ "who has signed in", CONNECTIONS | CLEAR,
	    "EHLO c\r\nAUTH PLAIN " PLAIN "\r\n",
	    "in0.1 ingress-opened client=192.0.2.9 listener=/door\n"
	    "in0.1 ingress-closed client=192.0.2.9 listener=/door user=tim "
	    "helo=c commands=2 messages=0\n" },
	{ "commands and replies in their order", COMMANDS,
	    "HELO c.test\r\nMAIL FROM:<s@a.test>\r\nRCPT TO:<r@b.test>\r\n"
	    "rset\r\nMAIL\r\nQUIT\r\n",
	    R GREETING C "\"HELO c.test\"\n" R "\"250 mx.test\"\n" C
			 "\"MAIL FROM:<s@a.test>\"\n" R "\"250 2.1.0 OK\"\n" C
			 "\"RCPT TO:<r@b.test>\"\n" R "\"250 2.1.5 OK\"\n" C
			 "RSET\n" R "\"250 2.0.0 OK\"\n" C "MAIL\n" R
			 "\"501 5.5.4 syntax error in parameters\"\n" C
			 "QUIT\n" R "\"221 2.0.0 mx.test closing\"\n" },
	{ "no message", COMMANDS,
	    "HELO c\r\nMAIL FROM:<s@a.test>\r\nRCPT TO:<r@b.test>\r\nDATA\r\n"
	    "Subject: x\r\n\r\nwords\r\n..\r\n.\r\n",
	    R GREETING C "\"HELO c\"\n" R "\"250 mx.test\"\n" C
			 "\"MAIL FROM:<s@a.test>\"\n" R "\"250 2.1.0 OK\"\n" C
			 "\"RCPT TO:<r@b.test>\"\n" R "\"250 2.1.5 OK\"\n" C
			 "DATA\n" R
			 "\"354 end data with <CR><LF>.<CR><LF>\"\n" R
			 "\"250 2.6.0 queued as 0000000000000001\"\n" },
	{ "a message, as it came, and nothing behind it", DATA | CLEAR,
	    TO "DATA\r\nA: b\r\n\r\n..\xff\r\n.\r\nAUTH PLAIN " PLAIN "\r\n",
	    D "0 hex=413a20620d0a0d0a2e2eff0d0a2e0d0a "
	      "text=\"A: b............\"\n" },
	{ "two of them, in rows", DATA,
	    TO "DATA\r\nSubject: 0123456789012345678901\r\n\r\n.\r\n"
	       "MAIL FROM:<>\r\nRCPT TO:<r@b.test>\r\nDATA\r\n.\r\n",
	    D "0 hex=5375626a6563743a20303132333435363738393031323334353637"
	      "383930310d text=\"Subject: 0123456789012345678901.\"\n" D
	      "32 hex=0a0d0a2e0d0a text=......\n" D "0 hex=2e0d0a text=...\n" },
	{ "chunks, not those that were refused", DATA,
	    "EHLO c\r\nBDAT 4\r\nWORDMAIL FROM:<>\r\nRCPT TO:<r@b.test>\r\n"
	    "BDAT 3\r\nA: BDAT 2 LAST\r\nb\n",
	    D "0 hex=413a20620a text=\"A: b.\"\n" },
	{ "one that ends in the middle", DATA, TO "DATA\r\nA: b",
	    D "0 hex=413a2062 text=\"A: b\"\n" },
	{ "one that is given up", DATA, TO "BDAT 2\r\nA:RSET\r\n",
	    D "0 hex=413a text=A:\n" },
	{ "nor what comes behind a DATA that was refused", COMMANDS,
	    "DATA\r\nSubject: x\r\n",
	    R GREETING C "DATA\n" R "\"503 5.5.1 MAIL first\"\n" C
			 "\"(no command)\"\n" R
			 "\"500 5.5.2 command not recognized\"\n" },
	{ "a dialogue of AUTH", COMMANDS | CLEAR,
	    "EHLO c\r\nAUTH login\r\n" NAME "\r\n" WORD "\r\n",
	    R GREETING C "\"EHLO c\"\n" R "250-mx.test\n" R "250-PIPELINING\n" R
			 "250-8BITMIME\n" R "250-SMTPUTF8\n" R
			 "\"250-SIZE 0\"\n" R "250-ENHANCEDSTATUSCODES\n" R
			 "\"250-AUTH SCRAM-SHA-256 CRAM-MD5 PLAIN LOGIN\"\n" R
			 "250-VERP\n" R "\"250 DSN\"\n" C "\"AUTH LOGIN\"\n" R
			 "\"334 (challenge)\"\n" C "(response)\n" R
			 "\"334 (challenge)\"\n" C "(response)\n" R
			 "\"235 2.7.0 signed in\"\n" },
	{ "control characters", COMMANDS, "VRFY a\001\033\"b\r\n",
	    R GREETING C "\"VRFY a\\x01\\x1b\\\"b\"\n" R
			 "\"500 5.5.2 control character in command\"\n" },
};

static void
test_cases(void)
{
	struct buf all = { 0 }, ours = { 0 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		set_up(cases[i].opt);
		talk(cases[i].raw);
		read_log(&all, &ours);
		is_str(buf_cstr(&ours), cases[i].log, cases[i].label);
	}
	buf_fini(&all);
	buf_fini(&ours);
}

/* ---- what never is -------------------------------------------------------- */

static const char *const secrets[] = { PLAIN, WORD, "tanstaaf" };

static const char *const attempts[] = {
	"AUTH PLAIN " PLAIN "\r\n",
	"AUTH PLAIN\r\n" PLAIN "\r\n",
	"auth plain =\r\n" PLAIN "\r\n" PLAIN "\r\n",
	"AUTH LOGIN\r\n" NAME "\r\n" WORD "\r\n",
	"AUTH LOGIN " NAME "\r\n" WORD "\r\n",
	"AUTH LOGIN " NAME "\r\n*\r\n" WORD "\r\n",
	"AUTH LOGIN tim tanstaaf\r\n",
	"AUTH " WORD "\r\n",
	"AUTH\t" WORD "\r\n",
	"AUTH=PLAIN " PLAIN "\r\n",
	"AUTH PLAIN " PLAIN " " WORD "\r\n" PLAIN "\r\n",
	"AUTH GSSAPI " PLAIN "\r\n" WORD "\r\n",
	"AUTH PLAIN " PLAIN "\r\nAUTH PLAIN " PLAIN "\r\n" WORD "\r\n",
	"MAIL FROM:<a@b.test>\r\nAUTH PLAIN " PLAIN "\r\n" PLAIN "\r\n",
	"PLAIN tanstaaf\r\nUSER tim\r\nPASS tanstaaf\r\n",
	"NOOP " WORD "\r\nHELP " WORD "\r\nRSET " WORD "\r\nQUIT " WORD "\r\n",
	"GET /?password=tanstaaf HTTP/1.1\r\n",
};

static void
test_secrets(unsigned opt)
{
	struct buf all = { 0 }, ours = { 0 };

	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		struct buf raw = { 0 };
		size_t found = 0;

		set_up(opt);
		buf_str(&raw, "EHLO c\r\n");
		buf_str(&raw, attempts[i]);
		talk(buf_cstr(&raw));
		read_log(&all, &ours);
		for (size_t k = 0; k < sizeof(secrets) / sizeof(secrets[0]);
		     k++)
			found += strstr(buf_cstr(&all), secrets[k]) != NULL;
		ok(found == 0 && strstr(buf_cstr(&ours), "EHLO c") != NULL,
		    "%u: no secret of attempt %zu", opt, i);
		buf_fini(&raw);
	}
	buf_fini(&all);
	buf_fini(&ours);
}

static void
test_long(void)
{
	struct buf all = { 0 }, ours = { 0 }, raw = { 0 };
	const char *line;

	set_up(COMMANDS);
	buf_str(&raw, "VRFY ");
	for (int i = 0; i < 1900; i++)
		buf_byte(&raw, '\001');
	buf_str(&raw, "\r\n");
	talk(buf_cstr(&raw));
	read_log(&all, &ours);
	line = strstr(buf_cstr(&ours), "VRFY");
	ok(line != NULL && strcspn(line, "\n") < 2100 &&
		strstr(line, "...\"\n") != NULL,
	    "a long command is cut");
	buf_fini(&raw);
	buf_fini(&all);
	buf_fini(&ours);
}

int
main(void)
{
	struct err e;
	int fd = mkstemp(path);

	world_init();
	ok(fd != -1 && log_open(path, &e) == 0, "the log");
	log_set_level(LOG_L_DEBUG);
	ok(password_read(&password, slice_of("tanstaaf"), &e) == 0, "tim");
	test_cases();
	test_secrets(CONNECTIONS | COMMANDS);
	test_secrets(CONNECTIONS | COMMANDS | CLEAR);
	test_secrets(CONNECTIONS | COMMANDS | DATA);
	test_secrets(CONNECTIONS | COMMANDS | CLEAR | DATA);
	test_long();
	password_fini(&password);
	world_fini();
	(void)unlink(path);
	if (fd != -1)
		(void)close(fd);
	return done_testing();
}
