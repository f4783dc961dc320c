/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/rollup.h"

#include <string.h>

#include "vmta/rollup_rows.h"
#include "vmta/settings.h"
#include "vmta/snapshot_priv.h"

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

static void
merge_exact(void *ctx, const void *value)
{
	const struct layer *l = value;

	conf_merge(&table_domain, ctx, &l->values, &l->set);
}

void
rollup_member_conf(const struct snapshot *s, const char *domain,
    const char *group, const char *vmta, struct queue_conf *out)
{
	settings_queue(s, group, vmta, out);
	out->max_conns = 0;
	out->connect_rate = out->msg_rate = (struct rate){ 0 };
	out->data_rate = (struct data_rate){ 0 };
	settings_exact_layers(s, domain, vmta, merge_exact, out);
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
	return c.queue_to[0] == '\0' && may_be_moved(&c);
}

const struct conf_strs *
rollup_hosts(const struct snapshot *s, const char *queue)
{
	const struct rollup_target *t;
	char key[NAME_KEY_MAX + 1];

	if (!rollup_is_name(queue) || !name_key(queue, key))
		return NULL;
	t = rollup_rows_named(s->rollups, key);
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

	if (t != NULL && t->by_ip)
		out->group = t->name;
	else if (t != NULL)
		out->queue = t->name;
	if (out->provider == NULL)
		out->provider = rollup_rows_provider(s->rollups, f);
}

void
rollup_place(const struct snapshot *s, const char *domain, const char *vmta,
    const struct mx_facts *f, struct place *out)
{
	struct queue_conf c;

	*out = (struct place){ domain, NULL, snapshot_provider(s, domain) };
	if (!has_mx_hosts(domain))
		return;
	settings_queue(s, domain, vmta, &c);
	if (c.queue_to[0] != '\0') {
		out->queue = c.queue_to;
		out->provider = snapshot_provider(s, c.queue_to);
		return;
	}
	if (c.disable_mx_rollup)
		return;
	if (f != NULL && f->ok && may_be_moved(&c))
		place_by_mx(s, f, out);
	if (out->group == NULL)
		out->group = group_of(out->provider);
}
