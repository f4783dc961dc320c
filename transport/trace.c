/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/trace.h"

#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "lib/clock.h"

enum { DATE_TEXT = 64, QUEUE_ID_MAX = 100 };

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

/* What a reading of a field has found, and whether it ends outside all. */
struct clause {
	struct slice at;
	bool is_clean;
};

/*
 * Time-stamp-line = From-domain By-domain Opt-info [CFWS] ";" FWS date-time
 * What clients choose may stand in comments and quoted strings only.  The blank
 * before a keyword of two letters; empty: it is not there.
 */
static struct clause
find_clause(struct slice value, const char *keyword, bool quotes_in_comments)
{
	struct slice at = { value.p, 0 };
	size_t depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < value.len; i++) {
		const char *p = value.p + i;

		if (*p == '\\')
			i++;
		else if (*p == '"' && (depth == 0 || quotes_in_comments))
			quoted = !quoted;
		else if (*p == '(' && !quoted)
			depth++;
		else if (*p == ')' && !quoted && depth > 0)
			depth--;
		else if (at.len == 0 && depth == 0 && !quoted && is_space(*p) &&
		    i + 3 < value.len && strncasecmp(p + 1, keyword, 2) == 0 &&
		    is_space(p[3]))
			at = (struct slice){ p, value.len - i };
	}
	return (struct clause){ at, depth == 0 && !quoted };
}

struct slice
trace_hidden(struct slice value)
{
	return find_clause(value, "by", false).at;
}

/* Short and printable, as every host's is: it goes into records and logs. */
static bool
is_queue_id(struct slice id)
{
	for (size_t i = 0; i < id.len; i++)
		if (id.p[i] <= ' ' || id.p[i] > '~')
			return false;
	return id.len <= QUEUE_ID_MAX;
}

/*
 * In Postfix's comments a quote is a byte like others, of a certificate's name;
 * Exim puts the sender into one, with a local part that may be a quoted string
 * with brackets in it, and before it the client's greeting, where a quote of its
 * own would turn the second reading round: that one then ends in a quoted string.
 */
struct slice
trace_queue_id(struct slice value)
{
	const struct clause plain = find_clause(value, "id", false);
	const struct clause quoting = find_clause(value, "id", true);
	const struct slice at = plain.at, none = { at.p, 0 };
	struct slice id = none;

	if (at.len == 0 || at.p != quoting.at.p || !plain.is_clean ||
	    !quoting.is_clean)
		return none;
	id.p += sizeof(" id ") - 1;
	while (id.len < at.len - (sizeof(" id ") - 1) &&
	    strchr("; \t\r\n()", id.p[id.len]) == NULL)
		id.len++;
	return is_queue_id(id) ? id : none;
}
