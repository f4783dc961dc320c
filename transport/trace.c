/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/trace.h"

#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "lib/clock.h"

enum { DATE_TEXT = 64 };

/*
 * RFC 5321 section 4.4: from-domain and TCP-info.  The first name is the client's
 * own word: what would be read as something else in a Received field, or is
 * not ASCII in mail that is, becomes '?'.
 */
const char *
trace_client_text(const struct trace_client *c, struct region *rg)
{
	bool v6 = c->addr->family == AF_INET6;
	char text[NET_ADDR_TEXT], *helo = region_strdup(rg, c->helo);

	for (char *p = helo; *p != '\0'; p++)
		if ((*p & 0x80) != 0 ? !c->utf8 :
				       strchr(",;@'`$&|=%!?*", *p) != NULL)
			*p = '?';
	return REGION_JOIN(rg, helo, " (", c->name,
	    c->name[0] == '\0' ? "[" : " [", v6 ? "IPv6:" : "",
	    net_addr_text(c->addr, text), "])");
}

const char *
trace_field(const struct trace *t, struct region *rg)
{
	char date[DATE_TEXT];

	(void)clock_rfc5322(date, sizeof(date), t->now_us);
	return REGION_JOIN(rg, "Received: ", t->from == NULL ? "" : "from ",
	    t->from == NULL ? "" : t->from, t->from == NULL ? "" : "\r\n\t",
	    "by ", t->by, " (Mailrace) with ", t->with, ";\r\n\t", date,
	    "\r\n");
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/*
 * Time-stamp-line = From-domain By-domain Opt-info [CFWS] ";" FWS date-time
 * What clients choose may stand in comments and quoted strings only.
 */
struct slice
trace_hidden(struct slice value)
{
	size_t depth = 0;
	bool quoted = false;

	for (size_t i = 0; i + 3 < value.len; i++) {
		const char *p = value.p + i;

		if (*p == '\\')
			i++;
		else if (*p == '"' && depth == 0)
			quoted = !quoted;
		else if (*p == '(' && !quoted)
			depth++;
		else if (*p == ')' && depth > 0)
			depth--;
		else if (depth == 0 && !quoted && is_space(*p) &&
		    strncasecmp(p + 1, "by", 2) == 0 && is_space(p[3]))
			return (struct slice){ p, value.len - i };
	}
	return (struct slice){ value.p, 0 };
}
