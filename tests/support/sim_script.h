/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_script - what the scripted servers of a domain say, phase by phase: with
 * which words, to whom, and how often.
 *
 * The first line that fits the phase, our source address and the host, and has
 * not been said as often as it may, is what is said; without one, the server's
 * usual reply.  Texts are read by mail/smtp_reply.c, as what comes from the
 * network is.
 *
 * Lines belong to the region of the sim.  A server made from that of "*" shares
 * its lines, so there `for N` counts over all of these domains.
 */

#ifndef TESTS_SUPPORT_SIM_SCRIPT_H
#define TESTS_SUPPORT_SIM_SCRIPT_H

#include <stdint.h>

#include "lib/mem.h"
#include "lib/net.h"
#include "mail/outcome.h"

struct sim_server;

enum sim_phase { SIM_GREETING, SIM_MAIL, SIM_RCPT, SIM_DOT };

/* In place of a code; the last is DNS, which does not find the server. */
enum { SIM_SILENCE = 0, SIM_HANGS_UP = 1, SIM_UNRESOLVED = 2 };
#define SIM_ALWAYS UINT32_MAX

struct sim_reply {
	enum sim_phase at;
	int code;             /* or one of these */
	const char *text;     /* behind the code; "": some */
	struct net_addr from; /* only to this source; family 0: to all */
	const char *host;     /* only of this host; "": of all */
	uint32_t times;       /* or SIM_ALWAYS */
	/* By sim_script_add(): */
	struct sim_reply *next;
	const char *line; /* as an outcome has it */
	uint8_t dsn[3];
};

/* Copies it, texts as well, behind those that are there. */
void sim_script_add(struct region *rg, struct sim_server *s,
    const struct sim_reply *what);

/* What is said now, to whom is in *out: its source and mx are set. */
void sim_script_say(struct sim_server *s, enum sim_phase at,
    struct outcome *out);
/* The greeting for who is one connection too many. */
void sim_script_busy(struct outcome *out);

#endif
