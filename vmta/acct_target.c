/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/acct_target.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "lib/conf_hosts.h"
#include "lib/net.h"

#define REDIS_PORT 6379
#define REDIS_DB_MAX 65535

/* ---- parts of a URL ------------------------------------------------------ */

/* What stands before the character, which is passed over; false: none is. */
static bool
take_until(struct slice *s, char c, struct slice *front)
{
	const char *at = memchr(s->p, c, s->len);

	if (at == NULL)
		return false;
	*front = (struct slice){ s->p, (size_t)(at - s->p) };
	*s = (struct slice){ at + 1, s->len - front->len - 1 };
	return true;
}

static int
parse_port(struct slice s, uint16_t *port_r, struct err *e)
{
	uint64_t v;

	if (str_to_u64(s, &v, e) == -1 || v == 0 || v > 65535)
		return err_set(e, "\"%.*s\" is not a port", (int)s.len, s.p);
	*port_r = (uint16_t)v;
	return 0;
}

/* The address in brackets that s begins with; what is behind stays in s. */
static bool
take_literal(struct slice *s, struct slice *host_r)
{
	struct net_addr addr;
	struct err ignored;

	*s = (struct slice){ s->p + 1, s->len - 1 };
	return take_until(s, ']', host_r) &&
	    net_addr_parse(*host_r, &addr, &ignored) == 0 &&
	    (s->len == 0 || s->p[0] == ':');
}

static bool
is_host(struct slice s)
{
	struct net_addr addr;
	struct err ignored;

	return conf_is_host_name(s) || net_addr_parse(s, &addr, &ignored) == 0;
}

/* HOST[:PORT]; an IPv6 address stands in brackets. */
static int
parse_host(struct slice s, struct slice *host_r, uint16_t *port_r,
    struct err *e)
{
	const struct slice whole = s;
	const char *colon;

	*host_r = s;
	if (s.len > 0 && s.p[0] == '[') {
		if (!take_literal(&s, host_r))
			return err_set(e, "\"%.*s\" is not HOST:PORT",
			    (int)whole.len, whole.p);
	} else {
		colon = memchr(s.p, ':', s.len);
		if (colon != NULL)
			host_r->len = (size_t)(colon - s.p);
		if (!is_host(*host_r))
			return err_set(e, "\"%.*s\" is not a host",
			    (int)host_r->len, host_r->p);
		s = (struct slice){ s.p + host_r->len, s.len - host_r->len };
	}
	if (s.len == 0)
		return 0;
	return parse_port((struct slice){ s.p + 1, s.len - 1 }, port_r, e);
}

/* No message shows the URL: somebody may have put a password in it. */
int
acct_url_check(const char *url, struct err *e)
{
	size_t skip = strncasecmp(url, "https://", 8) == 0 ? 8 :
	    strncasecmp(url, "http://", 7) == 0            ? 7 :
							     0;
	struct slice rest = slice_of(url + skip), host, front;
	uint16_t port = 0;

	if (skip == 0)
		return err_set(e, "neither http:// nor https://");
	for (const char *p = url; *p != '\0'; p++)
		if (*p <= ' ' || *p >= 0x7f || strchr("\"<>\\^`{|}", *p))
			return err_set(e,
			    "it has a character that a URL writes as %%XX");
	rest.len = strcspn(rest.p, "/?");
	if (take_until(&rest, '@', &front))
		return err_set(e,
		    "names and passwords belong into "
		    "http-webhook-extra-headers");
	return parse_host(rest, &host, &port, e);
}

/* ---- Redis --------------------------------------------------------------- */

static int
decode(struct slice s, struct region *rg, const char **text_r, struct err *e)
{
	char *out = region_alloc(rg, s.len + 1), *p = out;

	*text_r = out;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];

		if (c == '%') {
			bool whole = s.len - i > 2;
			int high = whole ? str_hex_digit(s.p[i + 1]) : -1;
			int low = whole ? str_hex_digit(s.p[i + 2]) : -1;

			if (high == -1 || low == -1 || high + low == 0)
				return err_set(e, "%% without two digits");
			c = (char)(high * 16 + low);
			i += 2;
		}
		*p++ = c;
	}
	*p = '\0';
	return 0;
}

static int
parse_login(struct slice s, struct region *rg, struct acct_redis *r,
    struct err *e)
{
	struct slice user;

	if (!take_until(&s, ':', &user))
		return err_set(e, "before @ there is USER:PASSWORD");
	if (user.len > 0 && decode(user, rg, &r->user, e) == -1)
		return -1;
	return decode(s, rg, &r->password, e);
}

static int
parse_db(struct slice s, uint32_t *db_r, struct err *e)
{
	uint64_t v;

	if (s.len == 0)
		return 0;
	if (str_to_u64(s, &v, e) == -1 || v > REDIS_DB_MAX)
		return err_set(e, "\"%.*s\" is not the number of a database",
		    (int)s.len, s.p);
	*db_r = (uint32_t)v;
	return 0;
}

/* No message shows the URL: it may have a password. */
int
acct_redis_parse(const char *url, struct region *rg, struct acct_redis *r_r,
    struct err *e)
{
	struct slice rest, front, host;
	const char *at;

	*r_r = (struct acct_redis){ .port = REDIS_PORT };
	if (strncasecmp(url, "unix:", 5) == 0) {
		r_r->path = region_strdup(rg, url + 5);
		return url[5] == '/' ? 0 :
				       err_set(e, "an absolute path is needed");
	}
	if (strncasecmp(url, "redis://", 8) != 0)
		return err_set(e, "neither redis://HOST nor unix:PATH");
	rest = slice_of(url + 8);
	/* A password may have an @ that nobody encoded: the last one counts. */
	at = memrchr(rest.p, '@', rest.len);
	if (at != NULL) {
		front = (struct slice){ rest.p, (size_t)(at - rest.p) };
		rest = slice_of(at + 1);
		if (parse_login(front, rg, r_r, e) == -1)
			return -1;
	}
	if (take_until(&rest, '/', &front)) {
		if (parse_db(rest, &r_r->db, e) == -1)
			return -1;
		rest = front;
	}
	if (parse_host(rest, &host, &r_r->port, e) == -1)
		return -1;
	r_r->host = region_strndup(rg, host.p, host.len);
	return 0;
}

/* ---- extra headers ------------------------------------------------------- */

enum { HEADERS_FILE_MAX = 65536 };

/* A regular file or the like, of at most HEADERS_FILE_MAX bytes. */
static int
read_file(const char *path, struct buf *out, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n;
	int rc = 0;

	if (fd == -1)
		return err_sys(e, "%s", path);
	do {
		buf_reserve(out, 4096);
		n = read(fd, out->p + out->len, 4096);
		if (n > 0)
			out->len += (size_t)n;
	} while ((n > 0 && out->len <= HEADERS_FILE_MAX) ||
	    (n == -1 && errno == EINTR));
	if (n == -1)
		rc = err_sys(e, "%s", path);
	else if (n > 0)
		rc = err_set(e, "%s: more than %d bytes", path,
		    HEADERS_FILE_MAX);
	(void)close(fd);
	return rc;
}

/* What we write ourselves, or what would break the request. */
static bool
is_ours(struct slice name)
{
	return (name.len >= 8 && strncasecmp(name.p, "Content-", 8) == 0) ||
	    (name.len >= 11 && strncasecmp(name.p, "X-Mailrace-", 11) == 0) ||
	    slice_eq_nocase(name, "Idempotency-Key") ||
	    slice_eq_nocase(name, "Transfer-Encoding") ||
	    slice_eq_nocase(name, "Connection") ||
	    slice_eq_nocase(name, "Expect");
}

/* RFC 9110 section 5.1: a token. */
static bool
is_token(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!isalnum((unsigned char)s.p[i]) &&
		    (s.p[i] == '\0' ||
			strchr("!#$%&'*+-.^_`|~", s.p[i]) == NULL))
			return false;
	return s.len > 0;
}

static bool
is_value(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (((unsigned char)s.p[i] < ' ' && s.p[i] != '\t') ||
		    s.p[i] == 0x7f)
			return false;
	return true;
}

static int
parse_header(struct slice line, struct region *rg, struct acct_header *h,
    struct err *e)
{
	struct slice name;

	if (!take_until(&line, ':', &name) || !is_token(name))
		return err_set(e, "not \"Name: value\"");
	if (is_ours(name))
		return err_set(e, "%.*s is not yours to set", (int)name.len,
		    name.p);
	line = slice_trim(line);
	if (!is_value(line))
		return err_set(e, "%.*s: control characters in its value",
		    (int)name.len, name.p);
	h->name = region_strndup(rg, name.p, name.len);
	h->value = region_strndup(rg, line.p, line.len);
	return 0;
}

int
acct_headers_read(const char *path, struct region *rg,
    struct acct_webhook *hook, struct conf_errors *errs, struct err *e)
{
	struct acct_header *list = NULL;
	struct buf text = { 0 };
	struct slice rest, line;
	unsigned number = 0;
	int rc;

	rc = read_file(path, &text, e);
	buf_byte(&text, '\n');
	rest = (struct slice){ text.p, text.len };
	if (rc == 0)
		list = region_array(rg, text.len / 2 + 1, sizeof(*list));
	while (rc == 0 && take_until(&rest, '\n', &line)) {
		struct err bad;

		number++;
		if (line.len > 0 && line.p[line.len - 1] == '\r')
			line.len--;
		if (slice_trim(line).len == 0 || line.p[0] == '#')
			continue;
		if (parse_header(line, rg, &list[hook->header_count], &bad) ==
		    0)
			hook->header_count++;
		else
			conf_error(errs, path, number, "%s", bad.text);
	}
	hook->headers = list;
	buf_fini(&text);
	return rc;
}
