/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp_owner - runs one SMTP session against a script, and writes down what
 * its owner is told, as
 *
 *	R       ready              W       the RCPTs are written
 *	D2      the dot for two    C, C(x) closed, because of x
 *	[x,y]   outcomes: kind/PHASE/code/enhanced, ? in doubt, - not written
 */

#ifndef TESTS_UNIT_SMTP_OWNER_H
#define TESTS_UNIT_SMTP_OWNER_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/str.h"
#include "tests/unit/smtp_script.h"
#include "transport/smtp_session.h"

struct event;

#define MS 1000
#define STEPS 32

enum {
	O_REQUIRE = 1,     /* require-starttls */
	O_USE = 2,         /* use-starttls */
	O_NO_TLS = 4,      /* it failed before */
	O_TINY = 8,        /* time-outs of 60 ms */
	O_TWO = 16,        /* two transactions */
	O_STAY = 32,       /* says nothing when ready again */
	O_STOP_DOT = 64,   /* dot() answers no */
	O_DROP_DOT = 128,  /* drops in dot() */
	O_DROP_SENT = 256, /* drops when written */
	O_EARLY = 512,     /* sends the second one from result() */
	O_8BIT = 1024,
	O_UTF8 = 2048,
	O_DSN = 4096,
	O_BAD_FROM = 8192,
	O_QUIT_SENT = 16384,     /* quits when written */
	O_INTERRUPT_DOT = 32768, /* interrupts in dot() */
	O_ERRORS_1 = 65536,      /* max-errors-per-connection */
	O_ERRORS_2 = 131072,
	O_PREFIX = 262144, /* fields before the body */
	O_TRUST = 524288   /* smtp-tls-ca-file: o.trust */
};

struct session_test {
	struct worker *worker;
	struct smtp_session *session;
	struct smtp_script *script;
	struct tls_client *tls;
	struct tls_trust *trust; /* for O_TRUST; may be NULL */
	struct event *tick;
	unsigned options;
	struct smtp_transaction tx[50];
	size_t tx_count, next, ticks;
	bool closed;
	struct buf told, text; /* text: of the outcomes, one a line */
	char esmtp[600], tls_text[100];
	struct outcome last;
};

extern struct session_test o;

/*
 * Every path of a session ends in milliseconds, or in its own time-outs.
 * fd -1: one end of a socket pair, whose other end the script has.
 */
void start_on(int fd, const char *const *script, unsigned options,
    const struct queue_conf *conf);
void start(const char *const *script, unsigned options,
    const struct queue_conf *conf);
void finish(void);

void send_next(void);

struct body *make_body(const char *text, size_t times);
struct queue_conf make_conf(unsigned options);
void make_transactions(unsigned options, size_t count, const struct body *body,
    const struct smtp_rcpt *rcpts, size_t rcpt_count);

/* Parts of scripts, and of what a server hears. */
#define EHLO_PIPE "<EHLO", "+250-mx.example.net\r\n250 PIPELINING\r\n"
#define EHLO_ONE "<EHLO", ">250 mx.example.net"
#define EHLO_TLS "<EHLO", "+250-mx.example.net\r\n250 STARTTLS\r\n"
#define HELLO ">220 mx.example.net ESMTP"
#define BYE "<QUIT", ">221 bye"
#define ENVELOPE "<MAIL", "<RCPT", "<DATA"
#define ENVELOPE_OK ENVELOPE, "+250 2.1.0 ok\r\n250 2.1.5 ok\r\n354 go\r\n"
#define ONE_OK \
	"<MAIL", ">250 ok", "<RCPT", ">250 ok", "<DATA", ">354 go", "body", \
	    ">250 2.0.0 queued as 1"
#define PIPE_OK ENVELOPE_OK, "body", ">250 2.0.0 queued as 1"
#define ENVELOPE_TEXT \
	"MAIL FROM:<from@example.org>\r\nRCPT TO:<r0@example.net>\r\nDATA\r\n"
#define BODY_TEXT "Subject: x\r\n\r\n..dot\r\n.\r\n"
#define PREFIX_TEXT "Sig: a\r\n\tb\r\n"
#define DELIVERED "[delivered/DOT/250/2.0.0]"

#endif
