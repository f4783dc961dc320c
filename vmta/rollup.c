/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/rollup.h"

#include <string.h>

#include "vmta/rollup_rows.h"
#include "vmta/settings.h"
#include "vmta/snapshot_priv.h"
#include "vmta/tls_policy.h"

bool
rollup_is_name(const char *name)
{
	static const char end[] = ".rollup";
	size_t len = strlen(name), end_len = sizeof(end) - 1;

	return len > end_len && str_eq_nocase(name + len - end_len, end);
}

bool
rollup_is_used(const struct snapshot *s)
{
	return s->has_queue_to || s->has_groups ||
	    rollup_rows_have_targets(s->rollups) ||
	    rollup_rows_have_providers(s->rollups);
}

/* The rows of that name that make a route; NULL: none. */
static const struct rollup_target *
target_of(const struct snapshot *s, const char *name)
{
	char key[NAME_KEY_MAX + 1];

	return name_key(name, key) ? rollup_rows_named(s->rollups, key) : NULL;
}

static void
merge(void *ctx, const void *value)
{
	const struct layer *l = value;

	conf_merge(&table_domain, ctx, &l->values, &l->set);
}

/*
 * Modes and disabled sources are of the group, whatever is said of one alone,
 * and a queue's own limits are the same in all modes.
 */
static void
take_standing(struct queue_conf *c, const struct queue_conf *group)
{
	c->backoff_notify = group->backoff_notify;
	c->backoff_return_us = group->backoff_return_us;
	c->normal_after_us = group->normal_after_us;
	c->normal_after_delivery = group->normal_after_delivery;
	c->backoff_all_sources = group->backoff_all_sources;
	c->error_rate = group->error_rate;
	c->max_errors_per_hour = group->max_errors_per_hour;
	c->reenable_after_us = group->reenable_after_us;
	c->disabled_source_notify = group->disabled_source_notify;
	c->log_disabled_ips = group->log_disabled_ips;
	c->backoff_max_conns = (struct conf_count_share){ 0 };
	c->backoff_connect_rate = c->backoff_msg_rate =
	    (struct conf_rate_share){ 0 };
	c->backoff_data_rate = (struct conf_data_share){ 0 };
}

static void
take_tls(struct queue_conf *c, const struct queue_conf *from)
{
	c->use_starttls = from->use_starttls;
	c->require_starttls = from->require_starttls;
	c->smtp_tls10 = from->smtp_tls10;
	c->smtp_tls11 = from->smtp_tls11;
	c->smtp_tls12 = from->smtp_tls12;
	c->smtp_tls13 = from->smtp_tls13;
	c->smtp_tls_authorities = from->smtp_tls_authorities;
	c->smtp_tls_match = from->smtp_tls_match;
	c->smtp_tls_ciphers = from->smtp_tls_ciphers;
	c->smtp_tls_suites = from->smtp_tls_suites;
}

static void
take_user(struct queue_conf *c, const struct queue_conf *from)
{
	c->auth_username = from->auth_username;
	c->auth_password = from->auth_password;
	c->unencrypted_plain_auth = from->unencrypted_plain_auth;
}

static void
take_hosts(struct queue_conf *c, const struct queue_conf *from)
{
	c->smtp_hosts = from->smtp_hosts;
	c->smtp_port = from->smtp_port;
}

static bool
same_hosts(const struct conf_hosts *a, const struct conf_hosts *b)
{
	return a->n == b->n && (a->n == 0 || a->v == b->v);
}

/* A domain, its group, and both together. */
struct sides {
	struct queue_conf own, group, both;
};

/*
 * DNS may put a domain into a group, and must not take from it what was said of
 * it by name or by pattern.  What only both together would forbid is the
 * domain's own, which was judged at load.
 */
static void
take_demands(struct queue_conf *c, struct sides *s)
{
	const char *so;

	/* The group allowed old versions where it was one of them or none. */
	if (s->both.require_starttls && !s->group.require_starttls)
		tls_policy_tighten_old(&s->both, &s->own);
	/* The group's names are those of its own authorities. */
	if (strcmp(s->both.smtp_tls_authorities,
		s->group.smtp_tls_authorities) != 0)
		s->both.smtp_tls_match = s->own.smtp_tls_match;
	take_tls(c,
	    tls_policy_fault(&s->both, &so) == NULL ? &s->both : &s->own);
}

/*
 * Where the group's hosts do not count, mail goes where it would alone.  The user
 * goes with the hosts: those of the group are told the group's, the domain's own
 * and those that DNS names the domain's.  Whose the password is may ask for more;
 * where that contradicts what the domain asks, the domain is as in no group.
 */
static void
take_route(struct queue_conf *c, struct sides *s)
{
	const struct queue_conf *from;

	if (s->group.smtp_hosts.n == 0)
		c->smtp_hosts = s->own.smtp_hosts;
	if (!same_hosts(&c->smtp_hosts, &s->group.smtp_hosts))
		take_hosts(c, &s->own);
	from = same_hosts(&c->smtp_hosts, &s->own.smtp_hosts) ? &s->own :
								&s->group;
	take_demands(c, s);
	take_user(c, from);
	if (c->auth_username[0] != '\0' && !tls_policy_tighten(c, from)) {
		take_hosts(c, &s->own);
		take_user(c, &s->own);
		take_tls(c, &s->own);
	}
}

void
rollup_member_conf(const struct snapshot *s, const char *domain,
    const char *group, const char *vmta, struct queue_conf *out)
{
	const struct rollup_target *t;
	struct sides sides;

	settings_queue(s, group, vmta, out);
	settings_queue(s, domain, vmta, &sides.own);
	sides.group = *out;
	settings_member(s, domain, group, vmta, &sides.group, &sides.both);
	out->max_conns = 0;
	out->connect_rate = out->msg_rate = (struct rate){ 0 };
	out->data_rate = (struct data_rate){ 0 };
	settings_exact_layers(s, domain, vmta, merge, out);
	take_standing(out, &sides.group);
	take_route(out, &sides);
	t = rollup_is_name(domain) ? target_of(s, domain) : NULL;
	if (t != NULL && out->smtp_hosts.n == 0)
		out->smtp_hosts = t->route;
}

/* Neither {dsn} and its like, nor an address literal, nor a rollup. */
static bool
has_mx_hosts(const char *domain)
{
	return domain[0] != '{' && domain[0] != '[' && !rollup_is_name(domain);
}

static bool
may_be_moved(const struct queue_conf *c)
{
	return !c->disable_mx_rollup && c->smtp_hosts.n == 0;
}

const char *
rollup_queue_to(const struct snapshot *s, const char *domain, const char *vmta)
{
	struct queue_conf c;

	if (!s->has_queue_to || !has_mx_hosts(domain))
		return domain;
	settings_queue(s, domain, vmta, &c);
	return c.queue_to[0] == '\0' ? domain : c.queue_to;
}

bool
rollup_is_known(const struct snapshot *s, const char *name)
{
	for (size_t i = 0; i < rollup_rows_count(s->rollups); i++)
		if (str_eq_nocase(rollup_rows_at(s->rollups, i)->name, name))
			return true;
	for (size_t i = 0; i < snapshot_provider_count(s); i++)
		if (str_eq_nocase(snapshot_provider_at(s, i)->rollup, name))
			return true;
	return false;
}

bool
rollup_needs_mx(const struct snapshot *s, const char *domain, const char *vmta)
{
	bool targets = rollup_rows_have_targets(s->rollups);
	struct queue_conf c;

	if (!targets && !rollup_rows_have_providers(s->rollups))
		return false;
	if (!has_mx_hosts(domain) ||
	    (!targets && snapshot_provider(s, domain) != NULL))
		return false;
	settings_queue(s, domain, vmta, &c);
	return may_be_moved(&c);
}

const struct conf_strs *
rollup_listed(const struct snapshot *s)
{
	return rollup_rows_listed(s->rollups);
}

const struct conf_strs *
rollup_hosts(const struct snapshot *s, const char *queue)
{
	const struct rollup_target *t;

	if (!rollup_is_name(queue))
		return NULL;
	t = target_of(s, queue);
	return t == NULL || t->hosts.n == 0 ? NULL : &t->hosts;
}

static const char *
group_of(const struct provider *p)
{
	return p == NULL || p->rollup[0] == '\0' ? NULL : p->rollup;
}

static void
place_by_mx(const struct snapshot *s, const struct mx_facts *f,
    struct place *out)
{
	const struct rollup_target *t = rollup_rows_find(s->rollups, f);

	if (t != NULL)
		out->group = t->name;
	if (out->provider == NULL)
		out->provider = rollup_rows_provider(s->rollups, f);
}

void
rollup_place(const struct snapshot *s, const char *domain, const char *vmta,
    const struct mx_facts *f, struct place *out)
{
	struct queue_conf c;

	*out = (struct place){ NULL, snapshot_provider(s, domain) };
	if (rollup_is_name(domain) && rollup_is_known(s, domain))
		out->group = domain;
	if (!has_mx_hosts(domain))
		return;
	settings_queue(s, domain, vmta, &c);
	if (c.disable_mx_rollup)
		return;
	if (f != NULL && f->ok && may_be_moved(&c))
		place_by_mx(s, f, out);
	if (out->group == NULL)
		out->group = group_of(out->provider);
}
