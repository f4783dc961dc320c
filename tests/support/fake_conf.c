/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/fake_conf.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "tests/support/fake_conf_priv.h"
#include "tests/support/fake_value.h"

static int alive;

/* ---- snapshots ----------------------------------------------------------- */

static void
link_pool(struct snapshot *s, struct block *b)
{
	b->pool.name = b->name;
	b->pool.vmtas = b->vmtas;
	b->pool.members = (struct conf_members){ b->member_count, b->weights };
	for (size_t i = 0; i < b->member_count; i++) {
		b->weights[i] = (struct conf_member){ b->members[i],
			CONF_MEMBER_WEIGHT };
		b->vmtas[i] = &fake_conf_find_vmta(s, b->members[i])->v;
	}
}

/* Pointers into the struct itself, after it was made, copied or changed. */
static void
link_up(struct snapshot *s)
{
	s->global.ip_limits.v = s->ips;
	s->global.mx_limits.v = s->mxs;
	for (size_t i = 0; i < s->global.mx_limits.n; i++)
		s->mxs[i].pattern = s->mx_names[i];
	for (size_t i = 0; i < s->vmta_count; i++) {
		struct fake_vmta *f = &s->vmtas[i];

		f->v.name = f->name;
		f->v.sources.v = f->sources;
		for (size_t k = 0; k < f->v.sources.n; k++)
			f->sources[k].name = f->hosts[k];
	}
	for (size_t i = 0; i < s->blocks[POOL].n; i++)
		link_pool(s, &s->blocks[POOL].v[i]);
	for (size_t i = 0; i < s->blocks[PROVIDER].n; i++)
		s->blocks[PROVIDER].v[i].provider.name =
		    s->blocks[PROVIDER].v[i].name;
	for (size_t i = 0; i < s->blocks[JOB].n; i++)
		s->blocks[JOB].v[i].job.pattern = s->blocks[JOB].v[i].name;
}

static struct fake_vmta *
make_vmta(struct snapshot *s, const char *name)
{
	struct fake_vmta *f = fake_conf_find_vmta(s, name);

	if (f != NULL)
		return f;
	CHECK(s->vmta_count < VMTAS_MAX && strlen(name) < NAME_CAP);
	f = &s->vmtas[s->vmta_count];
	s->vmta_count++;
	memset(f, 0, sizeof(*f));
	(void)snprintf(f->name, NAME_CAP, "%s", name);
	fake_value_defaults(FAKE_VMTA, &f->v);
	link_up(s);
	return f;
}

struct snapshot *
fake_conf_new(void)
{
	struct snapshot *s = mem_new(struct snapshot);

	ref_init(&s->refs);
	alive++;
	fake_value_defaults(FAKE_GLOBAL, &s->global);
	(void)make_vmta(s, "{default}");
	return s;
}

struct snapshot *
fake_conf_copy(const struct snapshot *s)
{
	struct snapshot *copy = mem_dup(s, sizeof(*s));

	ref_init(&copy->refs);
	alive++;
	link_up(copy);
	return copy;
}

int
fake_conf_alive(void)
{
	return alive;
}

struct snapshot *
snapshot_ref(const struct snapshot *s)
{
	struct snapshot *shared = (struct snapshot *)(uintptr_t)s;

	ref_get(&shared->refs);
	return shared;
}

void
snapshot_unref(struct snapshot **sp)
{
	struct snapshot *s = *sp;

	*sp = NULL;
	if (s == NULL || !ref_put(&s->refs))
		return;
	free(s);
	alive--;
}

/* ---- directives ---------------------------------------------------------- */

int
fake_conf_global(struct snapshot *s, const char *name, const char *value,
    struct err *e)
{
	return fake_value_set(FAKE_GLOBAL, &s->global, name, value, e);
}

int
fake_conf_domain(struct snapshot *s, const char *domain, const char *name,
    const char *value, struct err *e)
{
	struct queue_conf tried = { 0 };
	struct setting *set_to;

	if (fake_value_set(FAKE_QUEUE, &tried, name, value, e) == -1)
		return -1;
	CHECK(s->setting_count < SETTINGS_MAX);
	set_to = &s->settings[s->setting_count];
	s->setting_count++;
	(void)snprintf(set_to->domain, NAME_CAP, "%s", domain);
	(void)snprintf(set_to->name, NAME_CAP, "%s", name);
	(void)snprintf(set_to->value, NAME_CAP, "%s", value);
	return 0;
}

int
fake_conf_vmta(struct snapshot *s, const char *vmta, const char *name,
    const char *value, struct err *e)
{
	struct fake_vmta *f = make_vmta(s, vmta);
	size_t n = f->v.sources.n;
	char ip[NAME_CAP];

	if (strcmp(name, "smtp-source-host") != 0)
		return fake_value_set(FAKE_VMTA, &f->v, name, value, e);
	CHECK(n < SOURCES_MAX);
	if (sscanf(value, "%63s %63s", ip, f->hosts[n]) != 2)
		return err_set(e, "smtp-source-host IP NAME");
	if (net_addr_parse(slice_of(ip), &f->sources[n].addr, e) == -1)
		return -1;
	f->v.sources.n++;
	link_up(s);
	return 0;
}

void
fake_conf_drop_vmta(struct snapshot *s, const char *vmta)
{
	struct fake_vmta *f = fake_conf_find_vmta(s, vmta);

	CHECK(f != NULL && f != s->vmtas);
	*f = s->vmtas[s->vmta_count - 1];
	s->vmta_count--;
	link_up(s);
}

/* ---- other blocks -------------------------------------------------------- */

static const struct {
	const char *name, *member; /* what names one; NULL: nothing does */
	enum fake_table table;
} kinds[BLOCK_KINDS] = {
	[POOL] = { "virtual-mta-pool", "virtual-mta", FAKE_POOL },
	[PROVIDER] = { "provider", "domain", FAKE_PROVIDER },
	[JOB] = { "job", NULL, FAKE_JOB },
	[USER] = { "smtp-user", NULL, FAKE_USER },
};

static struct block *
make_block(struct snapshot *s, size_t kind, const char *name)
{
	struct blocks *list = &s->blocks[kind];
	struct block *b;

	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->v[i].name, name) == 0)
			return &list->v[i];
	CHECK(list->n < BLOCKS_MAX);
	b = &list->v[list->n];
	list->n++;
	memset(b, 0, sizeof(*b));
	(void)snprintf(b->name, NAME_CAP, "%s", name);
	fake_value_defaults(kinds[kind].table, &b->pool);
	link_up(s);
	return b;
}

static int
set_in_block(struct snapshot *s, size_t kind, const char *of, const char *name,
    const char *value, struct err *e)
{
	struct block *b = make_block(s, kind, of);

	if (kinds[kind].member == NULL || strcmp(name, kinds[kind].member) != 0)
		return fake_value_set(kinds[kind].table, &b->pool, name, value,
		    e);
	CHECK(b->member_count < MEMBERS_MAX);
	if (kind == POOL)
		(void)make_vmta(s, value);
	(void)snprintf(b->members[b->member_count], NAME_CAP, "%s", value);
	b->member_count++;
	link_up(s);
	return 0;
}

/* "mx-connection-limit GLOB N", "ip-connection-limit CIDR N"; again: changed. */
static int
set_remote(struct snapshot *s, const char *kind, const char *of, uint32_t max,
    struct err *e)
{
	struct conf_cidr_counts *ips = &s->global.ip_limits;
	struct conf_domain_counts *mxs = &s->global.mx_limits;
	struct net_prefix prefix;
	size_t i = 0;

	if (kind[0] == 'i') {
		if (net_prefix_parse(slice_of(of), &prefix, e) == -1)
			return -1;
		while (i < ips->n &&
		    memcmp(&s->ips[i].prefix, &prefix, sizeof(prefix)) != 0)
			i++;
		CHECK(i < REMOTE_MAX);
		s->ips[i] = (struct conf_cidr_count){ prefix, max };
		ips->n = i == ips->n ? i + 1 : ips->n;
	} else {
		while (i < mxs->n && strcmp(s->mx_names[i], of) != 0)
			i++;
		CHECK(i < REMOTE_MAX);
		(void)snprintf(s->mx_names[i], NAME_CAP, "%s", of);
		s->mxs[i].max = max;
		mxs->n = i == mxs->n ? i + 1 : mxs->n;
	}
	link_up(s);
	return 0;
}

static int
set_in(struct snapshot *s, const char *kind, const char *of, char *setting,
    struct err *e)
{
	char name[NAME_CAP], value[NAME_CAP];

	if (sscanf(setting, " %63s %63[^\n]", name, value) != 2)
		return err_set(e, "\"%s\" is not NAME VALUE", setting);
	for (size_t n = strlen(value); n > 0 && value[n - 1] == ' '; n--)
		value[n - 1] = '\0';
	if (strcmp(kind, "domain") == 0)
		return fake_conf_domain(s, of, name, value, e);
	if (strcmp(kind, "virtual-mta") == 0)
		return fake_conf_vmta(s, of, name, value, e);
	for (size_t i = 0; i < BLOCK_KINDS; i++)
		if (strcmp(kind, kinds[i].name) == 0)
			return set_in_block(s, i, of, name, value, e);
	return err_set(e, "%s: not a block of these tests", kind);
}

int
fake_conf_line(struct snapshot *s, const char *line, struct err *e)
{
	char kind[NAME_CAP], of[NAME_CAP], body[512], *one, *rest = body;
	uint32_t max;

	if (sscanf(line, "%63s %63s { %511[^}] }", kind, of, body) == 3) {
		while ((one = strsep(&rest, ";")) != NULL)
			if (set_in(s, kind, of, one, e) == -1)
				return -1;
		return 0;
	}
	if (sscanf(line, "%63s %63s %" SCNu32, kind, of, &max) == 3 &&
	    strstr(kind, "-connection-limit") != NULL)
		return set_remote(s, kind, of, max, e);
	if (sscanf(line, "%63s %63s", kind, of) != 2)
		return err_set(e, "\"%s\" is no configuration", line);
	return fake_conf_global(s, kind, of, e);
}
