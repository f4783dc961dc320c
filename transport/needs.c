/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/needs.h"

#include "lib/ctl_proto.h"
#include "lib/dns_client.h"
#include "lib/files.h"
#include "queue/segment.h"
#include "transport/pickup.h"
#include "vmta/suppress.h"

enum {
	BY_WORKER = 3, /* epoll, eventfd, and what is open for a moment */
	THREADS = 6,   /* main, scheduler, writer, senders, store, checkpoint */
	BY_SERVER = 3, /* sockets of a resolver: UDP, without EDNS, TCP */
	BY_LISTENER = 2, /* ours, and the one that was inherited */
	BY_ACCT = 3,     /* a file, the one that takes its place, its folder */
	BY_SENDER = 8, /* the file it reads; a pipe and a program, or sockets */
	SUPPRESS = 64, /* the lists' database and thread; imports */
	PICKUP = 2 * PICKUP_TALKS_MAX + 16, /* socket pairs; folders, files */
	DATABASE = 32, /* tables, log files, regions; the slots; the lock */
	PROCESS = 32   /* standard streams, logs, signals, keys, includes */
};

static uint32_t
others(const struct snapshot *conf, size_t workers)
{
	const struct global_conf *g = snapshot_global(conf);
	size_t servers = g->name_servers.n, n;

	if (servers == 0) /* the system's: as many as we would take */
		servers = DNS_SERVERS_MAX;
	n = (workers + THREADS) * BY_WORKER;
	n += workers * (servers * BY_SERVER + SEGMENT_READER_FILES);
	n += (g->lmtp_listeners.n + g->smtp_listeners.n + 1) * BY_LISTENER;
	n += snapshot_acct_count(conf) * (BY_ACCT + BY_SENDER);
	if (snapshot_suppress_count(conf) > 0)
		n += SUPPRESS;
	n += CTL_CONNS_MAX + DATABASE + PROCESS + FILES_SPARE;
	return (uint32_t)n;
}

int
needs_raise_files(const struct snapshot *conf, size_t workers, struct err *e)
{
	const struct global_conf *g = snapshot_global(conf);
	const struct files_need needs[] = {
		{ "total-max-smtp-out", g->max_conns_out },
		/* As many again may wait for a place. */
		{ "total-max-smtp-in",
		    g->max_conns_in * (snapshot_awaits_slots(conf) ? 2 : 1) },
		{ "pickup", snapshot_pickup(conf)->dir == NULL ? 0 : PICKUP },
		{ "dummy-smtp-port", g->dummy_port == 0 ? 0 : g->max_conns_in },
	};

	return files_raise(needs, sizeof(needs) / sizeof(needs[0]),
	    others(conf, workers), e);
}
