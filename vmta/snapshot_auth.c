/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of vmta/snapshot.h: checks of auth-username and what goes with it.
 *
 * User and password stand in one block: a <domain> within another's reach that
 * sets one of both would send one relay's password to another.
 */
#include <string.h>

#include "vmta/domain_map.h"
#include "vmta/settings.h"
#include "vmta/snapshot_priv.h"

/* Layers that may be merged to find what to warn of: see snapshot_check.c. */
#define MERGES_MAX 20000000

static const struct conf_node *
line_of(const struct layer *l, const char *name)
{
	return conf_set_node(&table_domain, &l->set, name);
}

static void
check_pair(const struct layer *l, struct conf_errors *errs)
{
	const struct conf_node *user = line_of(l, "auth-username");
	const struct conf_node *password = line_of(l, "auth-password");
	bool has_user = user != NULL && l->values.auth_username[0] != '\0';
	bool has_password = password != NULL &&
	    l->values.auth_password[0] != '\0';

	if (has_user && !has_password)
		conf_error(errs, user->file, user->line,
		    "auth-username without auth-password in the same block");
	if (has_password && !has_user)
		conf_error(errs, password->file, password->line,
		    "auth-password without auth-username in the same block");
}

/* How the block's queues stand; of a macro's names one stands for all. */
static void
settings_of(const struct snapshot *s, const struct layer *l,
    struct queue_conf *q)
{
	const char *vmta = l->vmta != NULL ? l->vmta->pub.name :
	    l->pool != NULL                ? l->pool->pub.name :
					     "";

	settings_queue(s, snapshot_sample_domain(s->rg, l->patterns.v[0]), vmta,
	    q);
}

static bool
is_of_many(const char *pattern)
{
	return pattern[0] == '*' || strncmp(pattern, "[*.]", 4) == 0;
}

static const struct conf_node *
either(const struct conf_node *a, const struct conf_node *b)
{
	return a != NULL ? a : b;
}

static bool
may_be_in_clear(const struct queue_conf *q)
{
	return q->unencrypted_plain_auth && !q->require_starttls;
}

/*
 * What can be read on the way: a password that is sent in clear, or to whoever
 * took the server's place.  Where there are authorities neither can be.
 */
static void
check_shown(const struct layer *l, const struct queue_conf *q,
    struct conf_errors *errs)
{
	const struct conf_node *user = line_of(l, "auth-username");
	const struct conf_node *n = either(user,
	    line_of(l, "smtp-tls-ca-file"));

	if (q->smtp_tls_authorities != NULL &&
	    q->smtp_tls_authorities[0] != '\0')
		return;
	if (may_be_in_clear(q)) {
		n = either(line_of(l, "use-unencrypted-plain-auth"),
		    either(n, line_of(l, "require-starttls")));
		if (n != NULL)
			conf_warning(errs, n->file, n->line,
			    "the password of auth-username may be sent in "
			    "clear; with require-starttls yes it is not");
	} else if (n != NULL && (q->use_starttls || q->require_starttls)) {
		conf_warning(errs, n->file, n->line,
		    "the password of auth-username may be shown to a server "
		    "with any certificate; with smtp-tls-ca-file it is not");
	}
}

/* Whoever the hosts are, they are asked to take that user. */
static void
check_hosts(const struct layer *l, const struct queue_conf *q,
    struct conf_errors *errs)
{
	const struct conf_node *user = line_of(l, "auth-username");
	const struct conf_node *hosts = line_of(l, "smtp-hosts");

	if (user != NULL && q->smtp_hosts.n == 0 &&
	    is_of_many(l->patterns.v[0]))
		conf_warning(errs, user->file, user->line,
		    "without smtp-hosts or route the password goes to whatever "
		    "hosts DNS names for any of these domains");
	if (user == NULL && hosts != NULL)
		conf_warning(errs, hosts->file, hosts->line,
		    "auth-username of a wider <domain> counts for these hosts, "
		    "too, and they get its password; \"\" ends that");
}

static void
check_layer(const struct snapshot *s, const struct layer *l,
    struct conf_errors *errs)
{
	struct queue_conf q;

	settings_of(s, l, &q);
	if (q.auth_username[0] == '\0')
		return;
	check_shown(l, &q, errs);
	check_hosts(l, &q, errs);
}

static bool
is_about_it(const struct layer *l)
{
	return line_of(l, "auth-username") != NULL ||
	    line_of(l, "use-unencrypted-plain-auth") != NULL ||
	    line_of(l, "require-starttls") != NULL ||
	    line_of(l, "smtp-tls-ca-file") != NULL ||
	    line_of(l, "smtp-hosts") != NULL;
}

void
snapshot_auth_check(const struct snapshot *s, struct conf_errors *errs)
{
	const size_t cost = 1 + domain_map_longest(s->domains);
	bool any = false;
	size_t merges = 0;

	for (const struct layer *l = s->layers; l != NULL; l = l->next) {
		check_pair(l, errs);
		any = any || line_of(l, "auth-username") != NULL;
	}
	for (const struct layer *l = s->layers;
	     any && l != NULL && merges < MERGES_MAX; l = l->next) {
		if (l->patterns.n == 0 || !is_about_it(l))
			continue;
		merges += cost;
		check_layer(s, l, errs);
	}
}
