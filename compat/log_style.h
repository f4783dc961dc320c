/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_style - what the log of a host MTA has lines about, and the table of
 * functions that write them as one of those MTAs does (compat/postfix/pf_log.h,
 * compat/exim/ex_log.h), so that the tools of its administrator read ours.
 *
 * Lines are appended to a buffer, each with its newline, without what the sink
 * puts before them: the time, and the host's name (head).  Whatever a sender
 * or a server says cannot begin a line, nor end the brackets that an address
 * stands in (compat/log_text.h).  Facts: message, envelope, outcome; no policy.
 * Everything is borrowed for the call.  Pure; any thread.
 */

#ifndef COMPAT_LOG_STYLE_H
#define COMPAT_LOG_STYLE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "lib/net.h"
#include "lib/str.h"
#include "mail/dsn_write.h"
#include "mail/envelope.h"
#include "mail/outcome.h"

/* Whose log it looks like; its own for the whole of a process. */
struct log_names {
	const char *program; /* what lines of the host MTA begin with */
	const char *host;    /* short name of this host */
	long pid;
};

struct log_mail {
	uint64_t id;
	const struct envelope *env;
	uint32_t size; /* octets; 0: not known */
	/*
	 * A notification of ours, which goes back to the host MTA: that logs
	 * it once more, so ours are lines that its tools do not count.
	 */
	bool own;
};

/* Who handed a message in that the host MTA has not logged. */
struct log_client {
	const char *name;       /* of its address, by who looked; or "" */
	const char *helo;       /* that it gave itself */
	struct net_addr addr;   /* family 0: a unix socket */
	const char *protocol;   /* "ESMTPSA" (RFC 3848) */
	const char *message_id; /* "<...>", or "" */
};

enum log_result {
	LOG_SENT,
	LOG_DEFERRED,
	LOG_BOUNCED,
	LOG_EXPIRED,
	LOG_RESULT_COUNT
};

/* One recipient was tried, or has ended without that. */
struct log_attempt {
	const struct log_mail *mail;
	const char *to;   /* his address */
	const char *orig; /* that an alias made this of (ORCPT), or "" */
	const struct outcome *outcome;
	enum log_result result;
	uint8_t dsn[3];
	uint16_t port; /* that outcome.peer was called on */
	uint32_t use;  /* how-manieth message of its connection; 0: of none */
	int64_t begun_us; /* wall clock: it was its turn */
	int64_t setup_us; /* that the connection took, of its first message */
	bool begins;      /* the first of its transaction */
	bool again;       /* of a recipient who had been tried before */
	bool first;       /* the first of the transaction with this result */
};

struct log_refused {
	const char *sender, *to;
	const char *code; /* "550 5.7.1" */
	const char *text; /* of the reply */
};

struct log_style {
	const char *program; /* log_names.program where nobody says another */
	/* client NULL: the host MTA did, and has its own lines of that. */
	void (*came)(const struct log_names *n, const struct log_mail *m,
	    const struct log_client *client, struct buf *out);
	void (*attempt)(const struct log_names *n, const struct log_attempt *a,
	    struct buf *out);
	/* A recipient of a submission was, by us: he is in no message. */
	void (*refused)(const struct log_names *n,
	    const struct log_client *client, const struct log_refused *r,
	    struct buf *out);
	/* A notification about a message was made; it has come, too. */
	void (*told)(const struct log_names *n, const struct log_mail *about,
	    const struct log_mail *notice, enum dsn_action action,
	    struct buf *out);
	/* The last recipient of a message has ended. */
	void (*gone)(const struct log_names *n, const struct log_mail *m,
	    struct buf *out);
	/* A connection did not come about; NULL: no lines about that. */
	void (*unreached)(const struct log_names *n, const struct outcome *o,
	    uint16_t port, struct buf *out);
	/*
	 * What a line begins with, in a file or for the system log; there
	 * log_stamp() comes first.
	 */
	void (*head)(const struct log_names *n, const struct tm *tm,
	    bool syslog, struct buf *out);
};

#endif
