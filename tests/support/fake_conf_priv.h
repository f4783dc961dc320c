/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of fake_conf share: the snapshot that fake_conf.c makes and
 * changes, line by line, and fake_conf_ask.c reads.
 *
 * Everything lies within the one struct, so that a copy is a copy of its
 * bytes and fake_conf.c has only to turn its inner pointers.
 */

#ifndef TESTS_SUPPORT_FAKE_CONF_PRIV_H
#define TESTS_SUPPORT_FAKE_CONF_PRIV_H

#include "lib/ref.h"
#include "tests/support/fake_conf.h"

enum {
	NAME_CAP = 64,
	SETTINGS_MAX = 200,
	VMTAS_MAX = 32,
	SOURCES_MAX = 8,
	REMOTE_MAX = 8,
	BLOCKS_MAX = 8,
	MEMBERS_MAX = 16
};

struct setting { /* of a domain, or of "*" */
	char domain[NAME_CAP], name[NAME_CAP], value[NAME_CAP];
};

struct fake_vmta {
	char name[NAME_CAP];
	char hosts[SOURCES_MAX][NAME_CAP];
	struct conf_source sources[SOURCES_MAX];
	struct vmta v;
};

/* <virtual-mta-pool>, <provider>, <job>, <smtp-user>. */
struct block {
	char name[NAME_CAP];
	size_t member_count;
	char members[MEMBERS_MAX][NAME_CAP];   /* virtual MTAs, or domains */
	const struct vmta *vmtas[MEMBERS_MAX]; /* of a pool */
	struct conf_member weights[MEMBERS_MAX];
	union {
		struct pool pool;
		struct provider provider;
		struct job_conf job;
		struct user_conf user;
	};
};

struct blocks {
	size_t n;
	struct block v[BLOCKS_MAX];
};

enum block_kind { POOL, PROVIDER, JOB, USER };
enum { BLOCK_KINDS = USER + 1 };

struct snapshot {
	struct ref refs;
	struct global_conf global;
	size_t setting_count, vmta_count;
	struct setting settings[SETTINGS_MAX];
	struct fake_vmta vmtas[VMTAS_MAX]; /* the first is {default} */
	struct blocks blocks[BLOCK_KINDS];
	struct conf_cidr_count ips[REMOTE_MAX];
	struct conf_domain_count mxs[REMOTE_MAX];
	char mx_names[REMOTE_MAX][NAME_CAP];
};

/* "" is {default}; NULL: there is none. */
struct fake_vmta *fake_conf_find_vmta(const struct snapshot *s,
    const char *name);

#endif
