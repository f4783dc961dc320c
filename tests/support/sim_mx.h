/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_mx - the sim's DNS, as far as the scheduler asks it for MX hosts: lines
 * by domain, and answers that come after a while.
 *
 * A host may be HOST=ADDRESS, in any text; where another domain's line says so
 * of a listed one, that is at this address.  A line that fails, of a listed
 * host's own name, makes that one unsure.
 *
 * A domain without a line has that of "*"; without that, its own name as its
 * only host.  Questions end with the scheduler that asked them.
 */

#ifndef TESTS_SUPPORT_SIM_MX_H
#define TESTS_SUPPORT_SIM_MX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conf_strs;
struct sched;
struct sim_mx_line;
struct sim_mx_asked;

enum { SIM_MX_HOSTS = 8 };

struct sim_mx {
	size_t line_count;
	struct sim_mx_line *lines;
	size_t first, last, cap; /* questions, in the order of their answers */
	struct sim_mx_asked *asked;
	uint64_t all;  /* questions so far */
	uint32_t most; /* at once */
};

/* What DNS says of a domain from now on. */
struct sim_mx_says {
	const char *domain;
	size_t n;
	const char *hosts[SIM_MX_HOSTS];
	int64_t ttl_us;
	int64_t after_us; /* so long until it is said */
	bool fails;
};
void sim_mx_set(struct sim_mx *mx, const struct sim_mx_says *says);
void sim_mx_fini(struct sim_mx *mx);

void sim_mx_ask(struct sim_mx *mx, const char *domain,
    const struct conf_strs *listed, int64_t now_us);
int64_t sim_mx_next(const struct sim_mx *mx); /* or INT64_MAX */
/* Tells the next answer. */
void sim_mx_answer(struct sim_mx *mx, struct sched *s, int64_t now_us);
/* The scheduler goes. */
void sim_mx_forget(struct sim_mx *mx);

#endif
