/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp_cmd - commands of an SMTP or LMTP client: lines in, structs out.
 *
 * RFC 5321 section 4.1, RFC 2033, RFC 3030; the parameters of RFC 1870 (SIZE), 6152
 * (BODY), 6531 (SMTPUTF8), 3461 (RET, ENVID, NOTIFY, ORCPT), 4954 (AUTH, which
 * is ignored in MAIL), PowerMTA's VERP and mail merge (mail/merge.h), and Postfix's XCLIENT and
 * XFORWARD.  Which command is
 * allowed when is the session's to know; here is
 * form only.  A command that is badly formed comes back as the reply it gets.
 *
 * Pure; memory from the caller's region; any thread.
 */

#ifndef MAIL_SMTP_CMD_H
#define MAIL_SMTP_CMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/mem.h"
#include "lib/str.h"
#include "mail/addr.h"

/* ---- lines --------------------------------------------------------------- */

#define SMTP_LINE_MAX 2048 /* with its line end */

enum smtp_line_result {
	SMTP_LINE_MORE,
	SMTP_LINE_DONE,    /* text[0..len), without the line end */
	SMTP_LINE_TOO_LONG /* the line is over; text[0..len) is how it begins */
};

/* Zeroed is ready; after DONE and TOO_LONG it starts anew by itself. */
struct smtp_line {
	size_t len;
	bool done, overlong;
	char text[SMTP_LINE_MAX];
};

/*
 * Takes from the piece, up to the end of one line: p and len move on.  A line
 * ends at LF, with or without a CR before it.
 */
enum smtp_line_result smtp_line_feed(struct smtp_line *l, const char **p,
    size_t *len);

/* ---- commands ------------------------------------------------------------ */

enum smtp_verb {
	SMTP_VERB_UNKNOWN,
	SMTP_VERB_AUTH,
	SMTP_VERB_BDAT,
	SMTP_VERB_DATA,
	SMTP_VERB_EHLO,
	SMTP_VERB_ETRN,
	SMTP_VERB_EXPN,
	SMTP_VERB_HELO,
	SMTP_VERB_HELP,
	SMTP_VERB_LHLO,
	SMTP_VERB_MAIL,
	SMTP_VERB_NOOP,
	SMTP_VERB_QUIT,
	SMTP_VERB_RCPT,
	SMTP_VERB_RSET,
	SMTP_VERB_STARTTLS,
	SMTP_VERB_VRFY,
	SMTP_VERB_XACK,
	SMTP_VERB_XCLIENT,
	SMTP_VERB_XDFN,
	SMTP_VERB_XFORWARD,
	SMTP_VERB_XMRG, /* as MAIL */
	SMTP_VERB_XPRT,
	SMTP_VERB_PROXY, /* a load balancer that is not expected here */
	SMTP_VERB_HTTP,  /* a web client was led here: hang up */
	SMTP_VERB_COUNT
};

/* What XFORWARD told; NULL: not told, "": told to be unknown. */
struct smtp_xforward {
	const char *name, *addr, *port, *proto, *helo, *ident, *source;
};

/* What XCLIENT told, likewise. */
struct smtp_xclient {
	const char *name, *addr, *port, *proto, *helo, *login;
	const char *destaddr, *destport;
};

struct smtp_cmd {
	enum smtp_verb verb;
	const char *arg; /* EHLO, HELO, LHLO: the name; STARTTLS: all of it */
	/*
	 * RCPT that gets 501 for its address and nothing else: what stood in
	 * its place, '?' for what is not printable ASCII; else NULL.
	 */
	const char *unparsed;
	struct addr addr; /* MAIL, RCPT */
	bool no_domain;   /* RCPT: a local part alone */

	/* MAIL: SMTPUTF8 is given.  RCPT: it is needed. */
	bool utf8;

	/* MAIL */
	bool has_size;
	uint64_t size;
	uint8_t ret;       /* RET_* */
	bool verp;         /* a sender for each recipient */
	const char *envid; /* xtext as given, or "" */

	/* RCPT */
	uint8_t notify;    /* NOTIFY_* */
	const char *orcpt; /* "rfc822;xtext" as given, or "" */

	/* BDAT */
	uint64_t chunk_len;
	bool chunk_last;

	bool ack;             /* XACK: on */
	struct slice defined; /* XDFN: what stands behind it, in the line */
	unsigned part;        /* XPRT: its number */
	bool part_last;

	struct smtp_xclient xclient;
	struct smtp_xforward xforward;
	/* AUTH: in the line, which has a secret; initial.p NULL: none given */
	struct slice mech, initial;
};

/* NULL: good.  Else the reply, "501 5.5.4 ...", without a line end. */
const char *smtp_cmd_parse(struct slice line, struct region *rg,
    struct smtp_cmd *c_r);

/* May a client say so in EHLO, and it stand in a Received field? */
bool smtp_helo_is_valid(struct slice name);

#endif
