/* SPDX-License-Identifier: Apache-2.0 */
#include "milter/milter_listen.h"

#include <libmilter/mfapi.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include "lib/net.h"

#define BACKLOG 1024
#define SPEC_MAX 300

/*
 * A header field comes in one packet, and libmilter hangs up on one above
 * 64 KB where nothing else is said; Postfix's header_size_limit is 100 KB and
 * may be raised.
 */
#define PACKET_MAX ((size_t)8 << 20)

/* "unix:/path", "inet:PORT@IP" or "inet6:PORT@IP", as libmilter wants it. */
static int
spec_of(const char *where, char out[SPEC_MAX], bool *unix_r, struct err *e)
{
	struct slice s = slice_of(where), ip, port;
	struct net_addr addr;
	uint64_t number;
	const char *colon = strrchr(where, ':');

	*unix_r = where[0] == '/';
	if (*unix_r) {
		(void)snprintf(out, SPEC_MAX, "unix:%s", where);
		return 0;
	}
	if (colon == NULL)
		return err_set(e,
		    "milter-listener %s: neither a path nor "
		    "IP:PORT",
		    where);
	ip = (struct slice){ where, (size_t)(colon - where) };
	port = (struct slice){ colon + 1, s.len - ip.len - 1 };
	if (ip.len > 2 && ip.p[0] == '[' && ip.p[ip.len - 1] == ']') {
		ip.p++;
		ip.len -= 2;
	}
	if (net_addr_parse(ip, &addr, e) == -1 ||
	    str_to_u64(port, &number, e) == -1)
		return err_where(e, "milter-listener %s", where);
	if (number == 0 || number > UINT16_MAX)
		return err_set(e, "milter-listener %s: no such port", where);
	(void)snprintf(out, SPEC_MAX, "%s:%u@%.*s",
	    addr.family == AF_INET6 ? "inet6" : "inet", (unsigned)number,
	    (int)ip.len, ip.p);
	return 0;
}

/*
 * Debian's libmilter takes "fd:3"; one that does not takes it for an unknown
 * kind of socket and says so when it is opened.
 */
static bool
inherited(char out[SPEC_MAX], bool *unix_r)
{
	int count = sd_listen_fds(1);

	if (count < 1)
		return false;
	*unix_r = sd_is_socket(SD_LISTEN_FDS_START, AF_UNIX, SOCK_STREAM, 1) >
	    0;
	(void)snprintf(out, SPEC_MAX, "fd:%d", SD_LISTEN_FDS_START);
	return true;
}

int
milter_listen(const char *where, bool *unix_r, struct err *e)
{
	char spec[SPEC_MAX];
	mode_t mask;
	int rc;

	if (!inherited(spec, unix_r) && spec_of(where, spec, unix_r, e) == -1)
		return -1;
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
