/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/fake_value.h"

#include <stdio.h>
#include <string.h>

#include "lib/check.h"
#include "lib/conf_shares.h"
#include "lib/net.h"
#include "lib/str.h"
#include "vmta/snapshot.h"

enum { WORD_CAP = 64, WORDS_MAX = 256, LISTS_MAX = 32, LIST_MAX = 8 };

/* ---- the tables ---------------------------------------------------------- */

enum type {
	UINT,
	BOOL,
	INTERVAL,
	INTERVALS,
	RATE,
	DATA_RATE,
	COUNT_SHARE,
	RATE_SHARE,
	DATA_SHARE,
	ERROR_RATE,
	WORD,
	CIDR_COUNTS,
	CIDR_RATES,
	CIDR_DATA_RATES,
	STR,
	OTHER
};

#define TYPE_UINT UINT
#define TYPE_BOOL BOOL
#define TYPE_INTERVAL INTERVAL
#define TYPE_INTERVALS INTERVALS
#define TYPE_RATE RATE
#define TYPE_DATA_RATE DATA_RATE
#define TYPE_COUNT_SHARE COUNT_SHARE
#define TYPE_RATE_SHARE RATE_SHARE
#define TYPE_DATA_SHARE DATA_SHARE
#define TYPE_ERROR_RATE ERROR_RATE
#define TYPE_PERCENT UINT
#define TYPE_ADDRS OTHER
#define TYPE_BOOL_INTERVAL OTHER
#define TYPE_CIDR OTHER
#define TYPE_RATES OTHER
#define TYPE_SIZE OTHER
#define TYPE_STR STR
#define TYPE_SECRET STR
#define TYPE_KEY_FILE OTHER
#define TYPE_STRS OTHER
#define TYPE_WORD WORD
#define TYPE_BOOL_WORD WORD
#define TYPE_FIELDS OTHER
#define TYPE_DOMAINS OTHER
#define TYPE_HOSTS OTHER
#define TYPE_SOURCES OTHER
#define TYPE_DKEYS OTHER
#define TYPE_MEMBERS OTHER
#define TYPE_SENDERS OTHER
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

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
	const struct field *v;
	size_t n;
} tables[] = {
	[FAKE_GLOBAL] = { global_fields, COUNT(global_fields) },
	[FAKE_QUEUE] = { queue_fields, COUNT(queue_fields) },
	[FAKE_VMTA] = { vmta_fields, COUNT(vmta_fields) },
	[FAKE_POOL] = { pool_fields, COUNT(pool_fields) },
	[FAKE_PROVIDER] = { provider_fields, COUNT(provider_fields) },
	[FAKE_JOB] = { job_fields, COUNT(job_fields) },
	[FAKE_USER] = { user_fields, COUNT(user_fields) },
};

/* ---- values -------------------------------------------------------------- */

/* Lists that were read, by their text: alike ones are one, as in real life. */
static struct {
	char text[64];
	int64_t v[30];
} lists[LISTS_MAX];
static size_t list_count;

/* Words that were read, each once; of several ("any|ipv4") the first. */
static char words[WORDS_MAX][WORD_CAP];
static size_t word_count;

static const char *
word(const char *text)
{
	char first[WORD_CAP];

	(void)snprintf(first, sizeof(first), "%.*s", (int)strcspn(text, "|"),
	    text);
	for (size_t i = 0; i < word_count; i++)
		if (strcmp(words[i], first) == 0)
			return words[i];
	CHECK(word_count < WORDS_MAX);
	memcpy(words[word_count], first, sizeof(first));
	return words[word_count++];
}

/* The same for CIDR VALUE, repeated. */
static struct cidr_list {
	char text[256];
	size_t n;
	struct conf_cidr_count counts[LIST_MAX];
	struct conf_cidr_rate rates[LIST_MAX];
	struct conf_cidr_data_rate data_rates[LIST_MAX];
} cidr_lists[LISTS_MAX];
static size_t cidr_list_count;

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
	char cidr[WORD_CAP], text[WORD_CAP];
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
	CHECK(i < LISTS_MAX);
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
	case COUNT_SHARE:
		return conf_count_share_parse(s, UINT32_MAX, at, e);
	case RATE_SHARE:
		return conf_rate_share_parse(s, at, e);
	case DATA_SHARE:
		return conf_data_share_parse(s, at, e);
	case ERROR_RATE:
		return conf_error_rate_parse(s, at, e);
	case WORD:
		*(const char **)at = word(value);
		return 0;
	case STR:
		*(const char **)at = word(value);
		return 0;
	case CIDR_COUNTS:
	case CIDR_RATES:
	case CIDR_DATA_RATES:
		return parse_cidr(at, f->type, value, e);
	case OTHER:
		return err_set(e, "%s: not a setting of these tests", f->name);
	}
	return -1;
}

int
fake_value_set(enum fake_table of, void *conf, const char *name,
    const char *value, struct err *e)
{
	for (size_t i = 0; i < tables[of].n; i++)
		if (strcmp(tables[of].v[i].name, name) == 0)
			return parse_field(conf, &tables[of].v[i], value, e);
	return err_set(e, "%s: unknown directive", name);
}

void
fake_value_defaults(enum fake_table of, void *conf)
{
	struct err e;

	for (size_t i = 0; i < tables[of].n; i++) {
		const struct field *f = &tables[of].v[i];

		/* Of several words the first; there are few such rows. */
		const char *def = strchr(f->def, '|') == NULL ? f->def :
								word(f->def);

		if (f->type < CIDR_COUNTS)
			CHECK(parse_field(conf, f, def, &e) == 0);
		else if (f->type == STR)
			*(const char **)(void *)((char *)conf + f->offset) = "";
	}
}
