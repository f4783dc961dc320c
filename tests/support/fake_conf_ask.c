/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_conf's side of vmta/snapshot.h: what the scheduler asks a configuration
 * for.  Nothing here changes one; what is returned lives as long as it does.
 */
#include "tests/support/fake_conf_priv.h"

#include <string.h>

#include "lib/check.h"
#include "lib/conf_limits.h"
#include "lib/glob.h"
#include "lib/str.h"
#include "tests/support/fake_value.h"
#include "vmta/rollup.h"

/* ---- finding ------------------------------------------------------------- */

struct fake_vmta *
fake_conf_find_vmta(const struct snapshot *s, const char *name)
{
	if (name[0] == '\0')
		name = "{default}";
	for (size_t i = 0; i < s->vmta_count; i++)
		if (str_eq_nocase(s->vmtas[i].name, name))
			return (struct fake_vmta *)(uintptr_t)&s->vmtas[i];
	return NULL;
}

static bool
has_member(const struct block *b, const char *name)
{
	for (size_t i = 0; i < b->member_count; i++)
		if (str_eq_nocase(b->members[i], name))
			return true;
	return false;
}

static const struct block *
find_block(const struct snapshot *s, enum block_kind kind, const char *name)
{
	for (size_t i = 0; i < s->blocks[kind].n; i++)
		if (str_eq_nocase(s->blocks[kind].v[i].name, name))
			return &s->blocks[kind].v[i];
	return NULL;
}

static const struct block *
block_with(const struct snapshot *s, enum block_kind kind, const char *member)
{
	for (size_t i = 0; i < s->blocks[kind].n; i++)
		if (has_member(&s->blocks[kind].v[i], member))
			return &s->blocks[kind].v[i];
	return NULL;
}

/* ---- vmta/snapshot.h ----------------------------------------------------- */

const struct global_conf *
snapshot_global(const struct snapshot *s)
{
	return &s->global;
}

const struct vmta *
snapshot_vmta(const struct snapshot *s, const char *name)
{
	const struct fake_vmta *f = fake_conf_find_vmta(s, name);

	return f == NULL ? NULL : &f->v;
}

/* None of these has lists. */
const struct reply_rules *
snapshot_replies(const struct snapshot *s, const char *list)
{
	(void)s;
	(void)list;
	return NULL;
}

void
snapshot_queue_conf(const struct snapshot *s, const char *domain,
    const char *vmta, struct queue_conf *out)
{
	struct err e;

	(void)vmta;
	memset(out, 0, sizeof(*out));
	fake_value_defaults(FAKE_QUEUE, out);
	for (size_t i = 0; i < s->setting_count; i++) {
		const struct setting *t = &s->settings[i];

		if (strcmp(t->domain, "*") == 0 ||
		    strcmp(t->domain, domain) == 0)
			CHECK(fake_value_set(FAKE_QUEUE, out, t->name, t->value,
				  &e) == 0);
	}
}

uint32_t
snapshot_mx_limit(const struct snapshot *s, const char *host)
{
	for (size_t i = 0; i < s->global.mx_limits.n; i++)
		if (glob_match(s->mxs[i].pattern, host))
			return s->mxs[i].max;
	return 0;
}

uint32_t
snapshot_ip_limit(const struct snapshot *s, const struct net_addr *a)
{
	size_t i = conf_cidr_counts_find(&s->global.ip_limits, a);

	return i == SIZE_MAX ? 0 : s->ips[i].max;
}

const struct pool *
snapshot_pool(const struct snapshot *s, const char *name)
{
	const struct block *b = find_block(s, POOL, name);

	return b == NULL ? NULL : &b->pool;
}

const struct pool *
snapshot_pool_of(const struct snapshot *s, const char *vmta)
{
	const struct block *b = block_with(s, POOL, vmta);

	return b == NULL ? NULL : &b->pool;
}

const struct pool *
snapshot_first_pool(const struct snapshot *s, const char *vmta)
{
	return snapshot_pool_of(s, vmta);
}

/* None of these has any. */
bool
snapshot_has_colds(const struct snapshot *s)
{
	(void)s;
	return false;
}

const struct pool *
snapshot_overflow_pool(const struct snapshot *s, const char *vmta)
{
	const struct block *b = block_with(s, POOL, vmta);

	return b == NULL || !b->pool.overflow ? NULL : &b->pool;
}

bool
snapshot_has_overflow(const struct snapshot *s)
{
	return s->blocks[POOL].n > 0;
}

bool
snapshot_has_reroutes(const struct snapshot *s)
{
	for (size_t i = 0; i < s->setting_count; i++)
		if (strstr(s->settings[i].name, "reroute") != NULL)
			return true;
	return s->global.reroute[0] != '\0';
}

const struct provider *
snapshot_provider(const struct snapshot *s, const char *domain)
{
	const struct block *b = block_with(s, PROVIDER, domain);

	return b == NULL ? NULL : &b->provider;
}

const struct provider *
snapshot_provider_named(const struct snapshot *s, const char *name)
{
	const struct block *b = find_block(s, PROVIDER, name);

	return b == NULL ? NULL : &b->provider;
}

size_t
snapshot_warmup_count(const struct snapshot *s)
{
	(void)s;
	return 0;
}

const struct warmup_conf *
snapshot_warmup(const struct snapshot *s, const struct net_addr *source,
    const struct provider *p)
{
	(void)s;
	(void)source;
	(void)p;
	return NULL;
}

bool
snapshot_has_payers(const struct snapshot *s)
{
	for (size_t i = 0; i < s->blocks[JOB].n; i++)
		if (s->blocks[JOB].v[i].job.msg_rate.count > 0)
			return true;
	for (size_t i = 0; i < s->blocks[USER].n; i++)
		if (s->blocks[USER].v[i].user.msg_rate.count > 0)
			return true;
	return false;
}

const struct job_conf *
snapshot_job(const struct snapshot *s, const char *job)
{
	for (size_t i = 0; i < s->blocks[JOB].n; i++)
		if (glob_match(s->blocks[JOB].v[i].name, job))
			return &s->blocks[JOB].v[i].job;
	return NULL;
}

const struct user_conf *
snapshot_user(const struct snapshot *s, const char *name)
{
	const struct block *b = find_block(s, USER, name);

	return b == NULL ? NULL : &b->user;
}

/* ---- vmta/rollup.h ------------------------------------------------------- */

/* Nothing is said of MX hosts: limits of providers are by domain. */
bool
rollup_is_used(const struct snapshot *s)
{
	(void)s;
	return false;
}

const struct conf_strs *
rollup_listed(const struct snapshot *s)
{
	static const struct conf_strs none;

	(void)s;
	return &none;
}

const char *
rollup_queue_to(const struct snapshot *s, const char *domain, const char *vmta)
{
	(void)s;
	(void)vmta;
	return domain;
}

bool
rollup_needs_mx(const struct snapshot *s, const char *domain, const char *vmta)
{
	(void)s;
	(void)domain;
	(void)vmta;
	return false;
}

void
rollup_place(const struct snapshot *s, const char *domain, const char *vmta,
    const struct mx_facts *f, struct place *out)
{
	(void)vmta;
	(void)f;
	*out = (struct place){ NULL, snapshot_provider(s, domain) };
}

void
rollup_member_conf(const struct snapshot *s, const char *domain,
    const char *group, const char *vmta, struct queue_conf *out)
{
	(void)group;
	snapshot_queue_conf(s, domain, vmta, out);
}
