/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/fake_conf.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/conf_limits.h"
#include "lib/glob.h"
#include "lib/mem.h"
#include "lib/ref.h"

enum { SETTINGS_MAX = 200, NAME_CAP = 64, VMTAS_MAX = 32, SOURCES_MAX = 8 };
enum { REMOTE_MAX = 8 };
enum { BLOCKS_MAX = 8, MEMBERS_MAX = 16, LISTS_MAX = 32, LIST_MAX = 8 };

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
	char members[MEMBERS_MAX][NAME_CAP]; /* virtual MTAs, or domains */
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

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static int alive;

/* Lists that were read, by their text: alike ones are one, as in real life. */
static struct {
	char text[64];
	int64_t v[30];
} lists[32];
static size_t list_count;

/* The same for CIDR VALUE, repeated. */
static struct cidr_list {
	char text[256];
	size_t n;
	struct conf_cidr_count counts[LIST_MAX];
	struct conf_cidr_rate rates[LIST_MAX];
	struct conf_cidr_data_rate data_rates[LIST_MAX];
} cidr_lists[LISTS_MAX];
static size_t cidr_list_count;

enum type {
	UINT,
	BOOL,
	INTERVAL,
	INTERVALS,
	RATE,
	DATA_RATE,
	CIDR_COUNTS,
	CIDR_RATES,
	CIDR_DATA_RATES,
	OTHER
};

#define TYPE_UINT UINT
#define TYPE_BOOL BOOL
#define TYPE_INTERVAL INTERVAL
#define TYPE_INTERVALS INTERVALS
#define TYPE_RATE RATE
#define TYPE_DATA_RATE DATA_RATE
#define TYPE_PERCENT UINT
#define TYPE_ADDRS OTHER
#define TYPE_BOOL_INTERVAL OTHER
#define TYPE_CIDR OTHER
#define TYPE_RATES OTHER
#define TYPE_SIZE OTHER
#define TYPE_STR OTHER
#define TYPE_STRS OTHER
#define TYPE_WORD OTHER
#define TYPE_DOMAINS OTHER
#define TYPE_HOSTS OTHER
#define TYPE_SOURCES OTHER
#define TYPE_DKEYS OTHER
#define TYPE_DOMAIN_COUNTS OTHER
#define TYPE_CIDR_RATES CIDR_RATES
#define TYPE_CIDR_DATA_RATES CIDR_DATA_RATES
#define TYPE_CIDR_COUNTS CIDR_COUNTS

struct field {
	const char *name, *def;
	enum type type;
	size_t offset;
};

static const struct field global_fields[] = {
#define D(name_, field_, type_, def_, min_, max_, reload_, doc_) \
	{ name_, def_, TYPE_##type_, offsetof(struct global_conf, field_) },
#include "vmta/global.def"
#undef D
};

static const struct field queue_fields[] = {
#define D(name_, field_, type_, def_, min_, max_, reload_, doc_) \
	{ name_, def_, TYPE_##type_, offsetof(struct queue_conf, field_) },
#include "vmta/domain.def"
#undef D
};

static const struct field vmta_fields[] = {
#define D(name_, field_, type_, def_, min_, max_, reload_, doc_) \
	{ name_, def_, TYPE_##type_, offsetof(struct vmta, field_) },
#include "vmta/vmta.def"
#undef D
};

static const struct field pool_fields[] = {
#define D(name_, field_, type_, def_, min_, max_, reload_, doc_) \
	{ name_, def_, TYPE_##type_, offsetof(struct pool, field_) },
#include "vmta/pool.def"
#undef D
};

static const struct field provider_fields[] = {
#define D(name_, field_, type_, def_, min_, max_, reload_, doc_) \
	{ name_, def_, TYPE_##type_, offsetof(struct provider, field_) },
#include "vmta/provider.def"
#undef D
};

static const struct field job_fields[] = {
#define D(name_, field_, type_, def_, min_, max_, reload_, doc_) \
	{ name_, def_, TYPE_##type_, offsetof(struct job_conf, field_) },
#include "vmta/job.def"
#undef D
};

static const struct field user_fields[] = {
#define D(name_, field_, type_, def_, min_, max_, reload_, doc_) \
	{ name_, def_, TYPE_##type_, offsetof(struct user_conf, field_) },
#include "vmta/user.def"
#undef D
};

/* The list whose text is that of `old` with one more; made if it is new. */
static struct cidr_list *
cidr_list(const void *old, const char *value)
{
	const struct cidr_list *from = NULL;
	char text[sizeof(from->text)];
	struct cidr_list *l;
	int len;

	for (size_t i = 0; i < cidr_list_count; i++)
		if (old == cidr_lists[i].counts || old == cidr_lists[i].rates ||
		    old == cidr_lists[i].data_rates)
			from = &cidr_lists[i];
	len = snprintf(text, sizeof(text), "%s;%s",
	    from == NULL ? "" : from->text, value);
	CHECK(len > 0 && (size_t)len < sizeof(text));
	for (size_t i = 0; i < cidr_list_count; i++)
		if (strcmp(cidr_lists[i].text, text) == 0)
			return &cidr_lists[i];
	CHECK(cidr_list_count < LISTS_MAX);
	l = &cidr_lists[cidr_list_count];
	cidr_list_count++;
	if (from != NULL)
		*l = *from;
	CHECK(l->n < LIST_MAX);
	l->n++;
	(void)snprintf(l->text, sizeof(l->text), "%s", text);
	return l;
}

static int
parse_cidr(void *at, enum type type, const char *value, struct err *e)
{
	struct conf_cidr_counts *counts = at;
	struct conf_cidr_rates *rates = at;
	struct conf_cidr_data_rates *data_rates = at;
	char cidr[NAME_CAP], text[NAME_CAP];
	struct net_prefix prefix;
	struct cidr_list *l;
	uint64_t u;

	if (sscanf(value, "%63s %63s", cidr, text) != 2 ||
	    net_prefix_parse(slice_of(cidr), &prefix, e) == -1)
		return err_set(e, "\"%s\" is not CIDR VALUE", value);
	l = cidr_list(counts->n == 0 ? NULL : counts->v, value);
	if (type == CIDR_COUNTS) {
		if (str_to_u64(slice_of(text), &u, e) == -1)
			return -1;
		l->counts[l->n - 1] = (struct conf_cidr_count){ prefix,
			(uint32_t)u };
		*counts = (struct conf_cidr_counts){ l->n, l->counts };
		return 0;
	}
	if (type == CIDR_RATES) {
		l->rates[l->n - 1].prefix = prefix;
		*rates = (struct conf_cidr_rates){ l->n, l->rates };
		return str_to_rate(slice_of(text), &l->rates[l->n - 1].rate, e);
	}
	l->data_rates[l->n - 1].prefix = prefix;
	*data_rates = (struct conf_cidr_data_rates){ l->n, l->data_rates };
	return str_to_data_rate(slice_of(text), &l->data_rates[l->n - 1].rate,
	    e);
}

static int
parse_intervals(const char *value, struct conf_intervals *out, struct err *e)
{
	struct slice rest = slice_of(value);
	size_t i = 0;

	while (i < list_count && strcmp(lists[i].text, value) != 0)
		i++;
	CHECK(i < COUNT(lists));
	(void)snprintf(lists[i].text, sizeof(lists[i].text), "%s", value);
	out->n = 0;
	out->v = lists[i].v;
	while (rest.len > 0 && out->n < COUNT(lists[i].v)) {
		const char *comma = memchr(rest.p, ',', rest.len);
		size_t len = comma == NULL ? rest.len :
					     (size_t)(comma - rest.p);
		struct slice one = slice_trim((struct slice){ rest.p, len });

		if (str_to_interval(one, &out->v[out->n], e) == -1)
			return -1;
		out->n++;
		len += comma != NULL;
		rest.p += len;
		rest.len -= len;
	}
	if (i == list_count)
		list_count++;
	return 0;
}

static int
parse_field(void *conf, const struct field *f, const char *value, struct err *e)
{
	void *at = (char *)conf + f->offset;
	struct slice s = slice_of(value);
	uint64_t u = 0;

	switch (f->type) {
	case UINT:
		if (str_to_u64(s, &u, e) == -1)
			return -1;
		*(uint32_t *)at = (uint32_t)u;
		return 0;
	case BOOL:
		return str_to_bool(s, at, e);
	case INTERVAL:
		return str_to_interval(s, at, e);
	case INTERVALS:
		return parse_intervals(value, at, e);
	case RATE:
		return str_to_rate(s, at, e);
	case DATA_RATE:
		return str_to_data_rate(s, at, e);
	case CIDR_COUNTS:
	case CIDR_RATES:
	case CIDR_DATA_RATES:
		return parse_cidr(at, f->type, value, e);
	case OTHER:
		return err_set(e, "%s: not a setting of these tests", f->name);
	}
	return -1;
}

static int
set(void *conf, const struct field *fields, size_t n, const char *name,
    const char *value, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(fields[i].name, name) == 0)
			return parse_field(conf, &fields[i], value, e);
	return err_set(e, "%s: unknown directive", name);
}

static void
set_defaults(void *conf, const struct field *fields, size_t n)
{
	struct err e;

	for (size_t i = 0; i < n; i++)
		if (fields[i].type < CIDR_COUNTS)
			CHECK(parse_field(conf, &fields[i], fields[i].def,
				  &e) == 0);
}

static struct fake_vmta *
find_vmta(const struct snapshot *s, const char *name)
{
	if (name[0] == '\0')
		name = "{default}";
	for (size_t i = 0; i < s->vmta_count; i++)
		if (str_eq_nocase(s->vmtas[i].name, name))
			return (struct fake_vmta *)(uintptr_t)&s->vmtas[i];
	return NULL;
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
		s->blocks[POOL].v[i].pool.name = s->blocks[POOL].v[i].name;
	for (size_t i = 0; i < s->blocks[PROVIDER].n; i++)
		s->blocks[PROVIDER].v[i].provider.name =
		    s->blocks[PROVIDER].v[i].name;
	for (size_t i = 0; i < s->blocks[JOB].n; i++)
		s->blocks[JOB].v[i].job.pattern = s->blocks[JOB].v[i].name;
}

static struct fake_vmta *
make_vmta(struct snapshot *s, const char *name)
{
	struct fake_vmta *f = find_vmta(s, name);

	if (f != NULL)
		return f;
	CHECK(s->vmta_count < VMTAS_MAX && strlen(name) < NAME_CAP);
	f = &s->vmtas[s->vmta_count];
	s->vmta_count++;
	memset(f, 0, sizeof(*f));
	(void)snprintf(f->name, NAME_CAP, "%s", name);
	set_defaults(&f->v, vmta_fields, COUNT(vmta_fields));
	link_up(s);
	return f;
}

struct snapshot *
fake_conf_new(void)
{
	struct snapshot *s = mem_new(struct snapshot);

	ref_init(&s->refs);
	alive++;
	set_defaults(&s->global, global_fields, COUNT(global_fields));
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

int
fake_conf_global(struct snapshot *s, const char *name, const char *value,
    struct err *e)
{
	return set(&s->global, global_fields, COUNT(global_fields), name, value,
	    e);
}

int
fake_conf_domain(struct snapshot *s, const char *domain, const char *name,
    const char *value, struct err *e)
{
	struct queue_conf tried = { 0 };
	struct setting *set_to;

	if (set(&tried, queue_fields, COUNT(queue_fields), name, value, e) ==
	    -1)
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
		return set(&f->v, vmta_fields, COUNT(vmta_fields), name, value,
		    e);
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
	struct fake_vmta *f = find_vmta(s, vmta);

	CHECK(f != NULL && f != s->vmtas);
	*f = s->vmtas[s->vmta_count - 1];
	s->vmta_count--;
	link_up(s);
}

/* ---- other blocks -------------------------------------------------------- */

static const struct {
	const char *name, *member; /* what names one; NULL: nothing does */
	const struct field *fields;
	size_t n;
} kinds[BLOCK_KINDS] = {
	[POOL] = { "virtual-mta-pool", "virtual-mta", pool_fields,
	    COUNT(pool_fields) },
	[PROVIDER] = { "provider", "domain", provider_fields,
	    COUNT(provider_fields) },
	[JOB] = { "job", NULL, job_fields, COUNT(job_fields) },
	[USER] = { "smtp-user", NULL, user_fields, COUNT(user_fields) },
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
	set_defaults(&b->pool, kinds[kind].fields, kinds[kind].n);
	link_up(s);
	return b;
}

static int
set_in_block(struct snapshot *s, size_t kind, const char *of, const char *name,
    const char *value, struct err *e)
{
	struct block *b = make_block(s, kind, of);

	if (kinds[kind].member == NULL || strcmp(name, kinds[kind].member) != 0)
		return set(&b->pool, kinds[kind].fields, kinds[kind].n, name,
		    value, e);
	CHECK(b->member_count < MEMBERS_MAX);
	(void)snprintf(b->members[b->member_count], NAME_CAP, "%s", value);
	b->member_count++;
	if (kind == POOL)
		(void)make_vmta(s, value);
	return 0;
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

/* ---- vmta/snapshot.h ----------------------------------------------------- */

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

const struct global_conf *
snapshot_global(const struct snapshot *s)
{
	return &s->global;
}

const struct vmta *
snapshot_vmta(const struct snapshot *s, const char *name)
{
	const struct fake_vmta *f = find_vmta(s, name);

	return f == NULL ? NULL : &f->v;
}

void
snapshot_queue_conf(const struct snapshot *s, const char *domain,
    const char *vmta, struct queue_conf *out)
{
	struct err e;

	(void)vmta;
	memset(out, 0, sizeof(*out));
	set_defaults(out, queue_fields, COUNT(queue_fields));
	for (size_t i = 0; i < s->setting_count; i++) {
		const struct setting *t = &s->settings[i];

		if (strcmp(t->domain, "*") == 0 ||
		    strcmp(t->domain, domain) == 0)
			CHECK(set(out, queue_fields, COUNT(queue_fields),
				  t->name, t->value, &e) == 0);
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
