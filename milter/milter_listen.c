/* SPDX-License-Identifier: Apache-2.0 */
#include "milter/milter_listen.h"

#include <libmilter/mfapi.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define BACKLOG 1024
#define SPEC_MAX 300

/*
 * A header field comes in one packet, and libmilter hangs up on one above
 * 64 KB where nothing else is said; Postfix's header_size_limit is 100 KB and
 * may be raised.
 */
#define PACKET_MAX ((size_t)8 << 20)

static int
place_of(const char *where, struct milter_place *p_r, struct err *e)
{
	*p_r = (struct milter_place){ 0 };
	if (where[0] != '/') {
		if (net_endpoint_parse(where, &p_r->addr, &p_r->port, e) == -1)
			return err_where(e, "milter-listener");
		return 0;
	}
	if (strlen(where) >= sizeof(p_r->path))
		return err_set(e, "milter-listener %s: too long for a socket",
		    where);
	p_r->is_unix = true;
	(void)snprintf(p_r->path, sizeof(p_r->path), "%s", where);
	return 0;
}

/* "unix:/path", "inet:PORT@IP" or "inet6:PORT@IP", as libmilter wants it. */
static void
spec_of(const struct milter_place *p, char out[SPEC_MAX])
{
	char addr[NET_ADDR_TEXT];

	if (p->is_unix)
		(void)snprintf(out, SPEC_MAX, "unix:%s", p->path);
	else
		(void)snprintf(out, SPEC_MAX, "%s:%u@%s",
		    p->addr.family == AF_INET6 ? "inet6" : "inet", p->port,
		    net_addr_text(&p->addr, addr));
}

/*
 * Debian's libmilter takes "fd:3"; one that does not takes it for an unknown
 * kind of socket and says so when it is opened.
 */
static bool
inherited(char out[SPEC_MAX], struct milter_place *p_r)
{
	union {
		struct sockaddr sa;
		struct sockaddr_un un;
		struct sockaddr_storage any;
	} at = { .any = { 0 } };
	socklen_t len = sizeof(at.any) - 1; /* a path may lack its end */

	if (sd_listen_fds(1) < 1)
		return false;
	*p_r = (struct milter_place){ 0 };
	(void)snprintf(out, SPEC_MAX, "fd:%d", SD_LISTEN_FDS_START);
	if (getsockname(SD_LISTEN_FDS_START, &at.sa, &len) == -1)
		return true; /* libmilter will say so */
	p_r->is_unix = at.sa.sa_family == AF_UNIX;
	if (p_r->is_unix)
		(void)snprintf(p_r->path, sizeof(p_r->path), "%s",
		    at.un.sun_path);
	else
		net_addr_from_sa(&at.sa, &p_r->addr, &p_r->port);
	return true;
}

int
milter_listen(const char *where, struct milter_place *p_r, struct err *e)
{
	char spec[SPEC_MAX];
	mode_t mask;
	int rc;

	if (!inherited(spec, p_r)) {
		if (place_of(where, p_r, e) == -1)
			return -1;
		spec_of(p_r, spec);
	}
	if (smfi_setconn(spec) == MI_FAILURE)
		return err_set(e, "libmilter does not take the socket %s",
		    spec);
	(void)smfi_setbacklog(BACKLOG);
	(void)smfi_setmaxdatasize(PACKET_MAX);
	mask = umask(0117); /* the socket's mode: 0660 */
	rc = smfi_opensocket(true);
	(void)umask(mask);
	if (rc == MI_FAILURE)
		return err_sys(e, "cannot listen on %s", spec);
	return 0;
}

/* ---- waking -------------------------------------------------------------- */

static int
connect_unix(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	if (fd != -1)
		(void)connect(fd, (struct sockaddr *)&sun, sizeof(sun));
	return fd;
}

void
milter_place_wake(const struct milter_place *p)
{
	static const struct net_addr any = { 0 };
	enum net_fault fault;
	struct err e;
	int fd = -1;

	if (p->is_unix)
		fd = connect_unix(p->path);
	else if (p->addr.family != 0)
		fd = net_connect(&any, &p->addr, p->port, &fault, &e);
	if (fd != -1)
		(void)close(fd);
}
