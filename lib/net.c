/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "lib/check.h"

/* The accept queue must hold every process of the host MTA that may call. */
#define BACKLOG 1024

/* ---- addresses ----------------------------------------------------------- */

int
net_addr_parse(struct slice s, struct net_addr *a_r, struct err *e)
{
	char text[NET_ADDR_TEXT + 1];

	*a_r = (struct net_addr){ 0 };
	if (s.len > 5 && slice_eq_nocase((struct slice){ s.p, 5 }, "IPv6:")) {
		s.p += 5;
		s.len -= 5;
	}
	if (s.len >= sizeof(text))
		return err_set(e, "\"%.*s\" is not an address", (int)s.len,
		    s.p);
	memcpy(text, s.p, s.len);
	text[s.len] = '\0';
	if (inet_pton(AF_INET, text, a_r->a) == 1)
		a_r->family = AF_INET;
	else if (inet_pton(AF_INET6, text, a_r->a) == 1)
		a_r->family = AF_INET6;
	else
		return err_set(e, "\"%s\" is not an address", text);
	return 0;
}

/* PowerMTA writes 10/8 and 0/0: missing octets are zero. */
static int
parse_short_v4(struct slice s, struct net_addr *a_r)
{
	unsigned octet = 0, value = 0, digits = 0;

	*a_r = (struct net_addr){ .family = AF_INET };
	for (size_t i = 0; i <= s.len; i++) {
		char c = i < s.len ? s.p[i] : '.';

		if (c >= '0' && c <= '9' && digits < 3) {
			value = value * 10 + (unsigned)(c - '0');
			digits++;
		} else if (c == '.' && digits > 0 && value < 256 && octet < 4) {
			a_r->a[octet++] = (uint8_t)value;
			value = digits = 0;
		} else {
			return -1;
		}
	}
	return 0;
}

int
net_prefix_parse(struct slice s, struct net_prefix *p_r, struct err *e)
{
	const char *slash = memchr(s.p, '/', s.len);
	struct slice host = s, bits;
	uint64_t n = 0;

	if (slash != NULL) {
		host.len = (size_t)(slash - s.p);
		bits = (struct slice){ slash + 1, s.len - host.len - 1 };
	}
	if (net_addr_parse(host, &p_r->addr, e) == -1 &&
	    (slash == NULL || parse_short_v4(host, &p_r->addr) == -1))
		return err_set(e, "\"%.*s\" is not an address or CIDR",
		    (int)s.len, s.p);
	n = p_r->addr.family == AF_INET ? 32 : 128;
	if (slash != NULL) {
		uint64_t most = n;

		if (str_to_u64(bits, &n, e) == -1 || n > most)
			return err_set(e, "\"%.*s\" has a bad prefix length",
			    (int)s.len, s.p);
	}
	p_r->bits = (uint8_t)n;
	return 0;
}

int
net_endpoint_parse(const char *where, struct net_addr *a_r, uint16_t *port_r,
    struct err *e)
{
	const char *colon = strrchr(where, ':');
	struct slice host = { where, 0 };
	uint64_t port;

	if (colon == NULL)
		return err_set(e, "\"%s\" is neither a path nor IP:PORT",
		    where);
	host.len = (size_t)(colon - where);
	if (host.len > 1 && host.p[0] == '[' && host.p[host.len - 1] == ']') {
		host.p++;
		host.len -= 2;
	}
	if (str_to_u64(slice_of(colon + 1), &port, e) == -1 || port == 0 ||
	    port > 65535)
		return err_set(e, "\"%s\" has a bad port", where);
	*port_r = (uint16_t)port;
	/* PowerMTA's 0/0:2525 is every address. */
	if (slice_eq(host, "0/0"))
		host = SLICE_LIT("0.0.0.0");
	if (net_addr_parse(host, a_r, e) == -1)
		return err_where(e, "%s", where);
	return 0;
}

bool
net_prefix_match(const struct net_prefix *p, const struct net_addr *a)
{
	unsigned whole = p->bits / 8, rest = p->bits % 8;
	unsigned mask = 0xff00U >> rest & 0xffU;

	if (p->addr.family != a->family)
		return false;
	if (memcmp(p->addr.a, a->a, whole) != 0)
		return false;
	return rest == 0 || ((p->addr.a[whole] ^ a->a[whole]) & mask) == 0;
}

bool
net_addr_eq(const struct net_addr *a, const struct net_addr *b)
{
	return a->family == b->family &&
	    memcmp(a->a, b->a, a->family == AF_INET ? 4 : 16) == 0;
}

void
net_addr_unmap(struct net_addr *a)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (a->family != AF_INET6 || memcmp(a->a, mapped, 12) != 0)
		return;
	a->family = AF_INET;
	memmove(a->a, a->a + 12, 4);
	memset(a->a + 4, 0, 12);
}

bool
net_addr_is_loopback(const struct net_addr *a)
{
	static const uint8_t one[16] = { [15] = 1 };

	if (a->family == AF_INET)
		return a->a[0] == 127;
	return a->family == AF_INET6 && memcmp(a->a, one, 16) == 0;
}

static char *
add_byte(char *out, unsigned v)
{
	if (v >= 100)
		*out++ = (char)('0' + v / 100);
	if (v >= 10)
		*out++ = (char)('0' + v / 10 % 10);
	*out++ = (char)('0' + v % 10);
	return out;
}

/*
 * inet_ntop() formats an IPv4 address by sprintf() and copies it: 800
 * instructions, for a dozen addresses in the records of each message.
 */
static void
ipv4_text(const uint8_t a[4], char *out)
{
	for (int i = 0; i < 4; i++) {
		out = add_byte(out, a[i]);
		*out++ = i < 3 ? '.' : '\0';
	}
}

const char *
net_addr_text(const struct net_addr *a, char out[NET_ADDR_TEXT])
{
	out[0] = '\0';
	if (a->family == AF_INET)
		ipv4_text(a->a, out);
	else if (a->family != 0)
		(void)inet_ntop(a->family, a->a, out, NET_ADDR_TEXT);
	return out;
}

static socklen_t
to_sa(const struct net_addr *a, uint16_t port, struct sockaddr_storage *ss)
{
	memset(ss, 0, sizeof(*ss));
	if (a->family == AF_INET) {
		struct sockaddr_in *in = (void *)ss;

		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		memcpy(&in->sin_addr, a->a, 4);
		return sizeof(*in);
	}
	struct sockaddr_in6 *in6 = (void *)ss;

	CHECK(a->family == AF_INET6);
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	memcpy(&in6->sin6_addr, a->a, 16);
	return sizeof(*in6);
}

void
net_addr_from_sa(const struct sockaddr *sa, struct net_addr *a_r,
    uint16_t *port_r)
{
	uint16_t port = 0;

	*a_r = (struct net_addr){ 0 };
	if (sa->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)sa;

		a_r->family = AF_INET;
		memcpy(a_r->a, &in->sin_addr, 4);
		port = ntohs(in->sin_port);
	} else if (sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)sa;

		a_r->family = AF_INET6;
		memcpy(a_r->a, &in6->sin6_addr, 16);
		port = ntohs(in6->sin6_port);
	}
	if (port_r != NULL)
		*port_r = port;
}

/* ---- listening ----------------------------------------------------------- */

/* A socket of LISTEN_FDS that is bound to the same place, or -1. */
static int
find_inherited(const struct sockaddr *sa, socklen_t len)
{
	int count = sd_listen_fds(0);

	for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + count;
	     fd++) {
		struct sockaddr_storage own;
		socklen_t own_len = sizeof(own);

		memset(&own, 0, sizeof(own));
		if (getsockname(fd, (struct sockaddr *)&own, &own_len) == -1)
			continue;
		if (own.ss_family != sa->sa_family)
			continue;
		if (sa->sa_family == AF_UNIX) {
			if (strcmp(((struct sockaddr_un *)&own)->sun_path,
				((const struct sockaddr_un *)(const void *)sa)
				    ->sun_path) == 0)
				return fd;
		} else if (own_len == len && memcmp(&own, sa, len) == 0) {
			return fd;
		}
	}
	return -1;
}

/* Sockets handed over that were asked for; main alone, as bits. */
static uint64_t used;

#define USED_MAX 64

static int
take_inherited(int inherited, const char *where, struct err *e)
{
	int flags, number = inherited - SD_LISTEN_FDS_START;

	if (number < USED_MAX)
		used |= UINT64_C(1) << number;

	/* A copy: the same socket may be asked for again after a reload. */
	inherited = fcntl(inherited, F_DUPFD_CLOEXEC, 3);
	if (inherited == -1)
		return err_sys(e, "%s", where);
	flags = fcntl(inherited, F_GETFL);
	if (flags == -1 ||
	    fcntl(inherited, F_SETFL, flags | O_NONBLOCK) == -1) {
		(void)err_sys(e, "%s", where);
		(void)close(inherited);
		return -1;
	}
	return inherited;
}

void
net_local_addr(int fd, struct net_addr *a_r)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof(ss);

	if (getsockname(fd, (struct sockaddr *)&ss, &len) == -1)
		ss.ss_family = AF_UNSPEC;
	net_addr_from_sa((struct sockaddr *)&ss, a_r, NULL);
}

static void
socket_text(int fd, char *out, size_t cap)
{
	struct sockaddr_storage ss;
	struct sockaddr_un un;
	socklen_t len = sizeof(ss);
	char text[NET_ADDR_TEXT];
	struct net_addr addr;
	uint16_t port = 0;

	memset(&ss, 0, sizeof(ss));
	if (getsockname(fd, (struct sockaddr *)&ss, &len) == -1) {
		(void)snprintf(out, cap, "descriptor %d", fd);
	} else if (ss.ss_family == AF_UNIX) {
		memcpy(&un, &ss, sizeof(un));
		(void)snprintf(out, cap, "%.*s", (int)sizeof(un.sun_path),
		    un.sun_path);
	} else {
		net_addr_from_sa((struct sockaddr *)&ss, &addr, &port);
		(void)snprintf(out, cap, "%s port %u",
		    net_addr_text(&addr, text), port);
	}
}

/* The i-th of them, or -1. */
static int
find_unused(size_t i)
{
	int count = sd_listen_fds(0);

	for (int n = 0; n < count && n < USED_MAX; n++)
		if ((used >> n & 1) == 0 && i-- == 0)
			return SD_LISTEN_FDS_START + n;
	return -1;
}

bool
net_unused_inherited(size_t i, char *out, size_t cap)
{
	int fd = find_unused(i);

	if (fd == -1)
		return false;
	socket_text(fd, out, cap);
	return true;
}

/* Is somebody answering there?  Then the path is not stale. */
static bool
unix_is_served(const struct sockaddr_un *un)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool served;

	if (fd == -1)
		return true;
	served = connect(fd, (const struct sockaddr *)un, sizeof(*un)) == 0 ||
	    errno == EAGAIN;
	(void)close(fd);
	return served;
}

static int
listen_on(const struct sockaddr *sa, socklen_t len, const char *where,
    struct err *e)
{
	int one = 1;
	int fd = socket(sa->sa_family,
	    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd == -1)
		return err_sys(e, "%s", where);
	if (sa->sa_family != AF_UNIX)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one,
		    sizeof(one));
	if (sa->sa_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one,
		    sizeof(one));
	if (bind(fd, sa, len) == -1 ||
	    (sa->sa_family == AF_UNIX && chmod(where, 0660) == -1) ||
	    listen(fd, BACKLOG) == -1) {
		(void)err_sys(e, "listening on %s", where);
		(void)close(fd);
		return -1;
	}
	return fd;
}

static int
find_inherited_unix(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(un.sun_path))
		return -1;
	memcpy(un.sun_path, path, strlen(path));
	return find_inherited((const struct sockaddr *)&un, sizeof(un));
}

bool
net_is_inherited(const char *path)
{
	return find_inherited_unix(path) >= 0;
}

static int
listen_unix(const char *path, bool any, struct err *e)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int inherited = find_inherited_unix(path);

	if (strlen(path) >= sizeof(un.sun_path))
		return err_set(e, "%s: path too long for a socket", path);
	memcpy(un.sun_path, path, strlen(path));
	if (inherited == -1 && any)
		inherited = find_unused(0);
	if (inherited >= 0)
		return take_inherited(inherited, path, e);
	if (access(path, F_OK) == 0) {
		if (unix_is_served(&un))
			return err_set(e,
			    "%s: another process is listening there", path);
		if (unlink(path) == -1)
			return err_sys(e, "removing stale %s", path);
	}
	return listen_on((const struct sockaddr *)&un, sizeof(un), path, e);
}

static int
listen_ip(const char *where, bool any, struct err *e)
{
	struct sockaddr_storage ss;
	struct net_addr addr = { 0 };
	socklen_t len;
	uint16_t port = 0;
	int inherited;

	if (net_endpoint_parse(where, &addr, &port, e) == -1)
		return -1;
	len = to_sa(&addr, port, &ss);
	inherited = find_inherited((const struct sockaddr *)&ss, len);
	if (inherited == -1 && any)
		inherited = find_unused(0);
	if (inherited >= 0)
		return take_inherited(inherited, where, e);
	return listen_on((const struct sockaddr *)&ss, len, where, e);
}

int
net_listen(const char *where, struct err *e)
{
	return where[0] == '/' ? listen_unix(where, false, e) :
				 listen_ip(where, false, e);
}

int
net_listen_any(const char *where, struct err *e)
{
	return where[0] == '/' ? listen_unix(where, true, e) :
				 listen_ip(where, true, e);
}

bool
net_addr_is_local(const struct net_addr *a)
{
	struct sockaddr_storage ss;
	socklen_t len = to_sa(a, 0, &ss);
	int fd = socket(a->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool local;

	/* Of a family that this host does not have, nothing is local. */
	if (fd == -1)
		return errno != EAFNOSUPPORT;
	local = bind(fd, (struct sockaddr *)&ss, len) == 0;
	(void)close(fd);
	return local;
}

/* ---- connecting ---------------------------------------------------------- */

static int
bind_source(int fd, const struct net_addr *source, struct err *e)
{
	char text[NET_ADDR_TEXT];
	struct sockaddr_storage ss;
	socklen_t len = to_sa(source, 0, &ss);
	int one = 1;

	/*
	 * Without it bind() takes a port for all destinations together, and
	 * one source address runs out after 28,000 connections.
	 */
	if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one,
		sizeof(one)) == -1)
		return err_sys(e, "IP_BIND_ADDRESS_NO_PORT");
	if (bind(fd, (struct sockaddr *)&ss, len) == -1)
		return err_sys(e, "source address %s",
		    net_addr_text(source, text));
	return 0;
}

int
net_connect(const struct net_addr *source, const struct net_addr *to,
    uint16_t port, enum net_fault *fault_r, struct err *e)
{
	char text[NET_ADDR_TEXT];
	struct sockaddr_storage ss;
	socklen_t len = to_sa(to, port, &ss);
	int one = 1;
	int fd = socket(to->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0);

	*fault_r = NET_FAULT_NONE;
	if (fd == -1) {
		if (errno == EMFILE || errno == ENFILE)
			*fault_r = NET_FAULT_FILES;
		return err_sys(e, "socket");
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (source->family != 0 && bind_source(fd, source, e) == -1) {
		*fault_r = NET_FAULT_BIND;
		(void)close(fd);
		return -1;
	}
	if (connect(fd, (struct sockaddr *)&ss, len) == -1 &&
	    errno != EINPROGRESS) {
		(void)err_sys(e, "%s", net_addr_text(to, text));
		(void)close(fd);
		return -1;
	}
	return fd;
}
