/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "vmta/key_index.h"
#include "vmta/rollup_rows.h"
#include "vmta/settings.h"
#include "vmta/snapshot_priv.h"

bool
name_key(const char *name, char out[NAME_KEY_MAX + 1])
{
	size_t len = strlen(name);

	if (len == 0 || len > NAME_KEY_MAX)
		return false;
	memcpy(out, name, len + 1);
	str_lower(out);
	return true;
}

struct vmta_entry *
snapshot_find_vmta(const struct snapshot *s, const char *name)
{
	char key[NAME_KEY_MAX + 1];

	if (!name_key(name[0] == '\0' ? VMTA_DEFAULT : name, key))
		return NULL;
	return strmap_get(s->vmtas, key);
}

struct pool_entry *
snapshot_find_pool(const struct snapshot *s, const char *name)
{
	char key[NAME_KEY_MAX + 1];

	if (!name_key(name, key))
		return NULL;
	return strmap_get(s->pools, key);
}

struct source_entry *
snapshot_find_source(const struct snapshot *s, const char *name)
{
	char key[NAME_KEY_MAX + 1];

	if (!name_key(name, key))
		return NULL;
	return strmap_get(s->named_sources, key);
}

/* ---- life ---------------------------------------------------------------- */

struct snapshot *
snapshot_ref(const struct snapshot *s)
{
	ref_get(&s->self->refs);
	return s->self;
}

static void
snapshot_free(struct snapshot **sp)
{
	struct snapshot *s = *sp;

	*sp = NULL;
	for (size_t i = 0; i < strmap_count(s->vmtas); i++) {
		struct vmta_entry *v = strmap_at(s->vmtas, i);

		domain_map_free(&v->domains);
		key_index_free(&v->keys);
	}
	for (size_t i = 0; i < strmap_count(s->pools); i++) {
		struct pool_entry *p = strmap_at(s->pools, i);

		domain_map_free(&p->domains);
		key_index_free(&p->keys);
	}
	strmap_free(&s->vmtas);
	strmap_free(&s->by_ip);
	strmap_free(&s->pools);
	strmap_free(&s->named_sources);
	strmap_free(&s->addr_sources);
	strmap_free(&s->accts);
	snapshot_senders_free(s);
	snapshot_users_free(s);
	strmap_free(&s->groups);
	snapshot_limits_free(s);
	domain_map_free(&s->domains);
	domain_map_free(&s->relay);
	domain_map_free(&s->host_domains);
	snapshot_signing_free(&s->signing);
	snapshot_sealing_free(&s->sealing);
	snapshot_tls_free(s);
	snapshot_tls_policy_free(s);
	pattern_lists_free(&s->patterns);
	reply_lists_free(&s->reply_lists);
	strmap_free(&s->rewrites);
	strmap_free(&s->warmups);
	snapshot_suppress_free(s);
	rollup_rows_free(&s->rollups);
	region_free(&s->rg);
	free(s);
}

void
snapshot_unref(struct snapshot **sp)
{
	struct snapshot *s = *sp;

	*sp = NULL;
	if (s != NULL && ref_put(&s->refs))
		snapshot_free(&s);
}

/* ---- facts --------------------------------------------------------------- */

uint64_t
snapshot_generation(const struct snapshot *s)
{
	return s->generation;
}

const struct global_conf *
snapshot_global(const struct snapshot *s)
{
	return &s->global;
}

const struct vmta *
snapshot_vmta(const struct snapshot *s, const char *name)
{
	const struct vmta_entry *v = snapshot_find_vmta(s, name);

	return v == NULL ? NULL : &v->pub;
}

const struct pool *
snapshot_pool(const struct snapshot *s, const char *name)
{
	const struct pool_entry *p = snapshot_find_pool(s, name);

	return p == NULL ? NULL : &p->pub;
}

size_t
snapshot_vmta_count(const struct snapshot *s)
{
	return strmap_count(s->vmtas);
}

const struct vmta *
snapshot_vmta_at(const struct snapshot *s, size_t i)
{
	const struct vmta_entry *v = strmap_at(s->vmtas, i);

	return &v->pub;
}

const struct vmta *
snapshot_vmta_at_ip(const struct snapshot *s, const struct net_addr *a)
{
	const struct net_addr plain = settings_plain_address(a);
	char text[NET_ADDR_TEXT];

	if (s->by_ip == NULL || a->family == 0)
		return NULL;
	return strmap_get(s->by_ip, net_addr_text(&plain, text));
}

bool
snapshot_assigns_domains(const struct snapshot *s)
{
	return s->assigns_domains;
}

size_t
snapshot_pool_count(const struct snapshot *s)
{
	return strmap_count(s->pools);
}

const struct pool *
snapshot_pool_at(const struct snapshot *s, size_t i)
{
	const struct pool_entry *p = strmap_at(s->pools, i);

	return &p->pub;
}

size_t
snapshot_acct_count(const struct snapshot *s)
{
	return strmap_count(s->accts);
}

const struct acct_conf *
snapshot_acct_at(const struct snapshot *s, size_t i)
{
	const struct acct_entry *a = strmap_at(s->accts, i);

	return &a->pub;
}

const struct acct_wants *
snapshot_acct_wants(const struct snapshot *s)
{
	return &s->acct_wants;
}

static const struct listener_entry *
find_listener(const struct snapshot *s, const char *where)
{
	const struct listener_entry *l = s->listeners;

	while (l != NULL && strcmp(l->where, where) != 0)
		l = l->next;
	return l;
}

const struct listener_conf *
snapshot_listener(const struct snapshot *s, const char *where)
{
	const struct listener_entry *l = find_listener(s, where);

	return l == NULL ? NULL : &l->values;
}

const struct tls_server *
snapshot_listener_tls(const struct snapshot *s, const char *where)
{
	const struct listener_entry *l = find_listener(s, where);

	return l == NULL ? NULL : l->tls;
}

const char *
snapshot_listener_source(const struct snapshot *s, const char *where)
{
	const struct listener_conf *l = snapshot_listener(s, where);

	return l == NULL || l->source[0] == '\0' ? NULL : l->source;
}

void
snapshot_queue_conf(const struct snapshot *s, const char *domain,
    const char *vmta, struct queue_conf *out)
{
	settings_queue(s, domain, vmta, out);
}

void
snapshot_source_conf(const struct snapshot *s, const struct net_addr *client,
    const char *name, struct source_conf *out)
{
	settings_source(s, client, name, out);
}
