/* SPDX-License-Identifier: Apache-2.0 */
/* <smtp-user>: who may sign in, and with what. */
#include <string.h>

#include "vmta/password.h"
#include "vmta/snapshot_priv.h"

static const struct conf_node *
line_of(const struct user_entry *u, const char *name)
{
	return conf_set_node(&table_user, &u->set, name);
}

/* What somebody relies on and we cannot do must not look as if it were done. */
static void
check_method(const struct user_entry *u, struct conf_errors *errs)
{
	const struct conf_node *n = line_of(u, "authentication-method");

	if (strcmp(u->values.auth_method, "system login") == 0)
		conf_error(errs, n->file, n->line,
		    "authentication-method: system login is not possible "
		    "here; only password and certificate are");
}

static bool
has_cert(const struct user_entry *u)
{
	return strcmp(u->values.auth_method, "certificate") == 0;
}

static void
join_user(struct snapshot *s, struct user_entry *u, struct conf_errors *errs)
{
	const struct conf_node *n = line_of(u, "password");
	struct err e;

	check_method(u, errs);
	s->has_cert_users |= has_cert(u);
	if (u->values.password[0] == '\0')
		return;
	if (has_cert(u)) {
		conf_warning(errs, n->file, n->line,
		    "password: with authentication-method certificate it is "
		    "not used");
		return;
	}
	if (password_read(&u->stored, slice_of(u->values.password), &e) == -1) {
		conf_error(errs, n->file, n->line, "password: %s", e.text);
		return;
	}
	u->has_password = true;
	s->password_forms |= 1U << u->stored.form;
	if (s->any_password == NULL)
		s->any_password = &u->stored;
}

static bool
asks_for_certs(const struct snapshot *s)
{
	if (s->global.tls_authorities[0] != '\0')
		return true;
	for (const struct listener_entry *l = s->listeners; l != NULL;
	     l = l->next)
		if (l->values.tls_authorities[0] != '\0')
			return true;
	return false;
}

static void
check_certs(const struct snapshot *s, struct conf_errors *errs)
{
	if (!s->has_cert_users || asks_for_certs(s))
		return;
	for (size_t i = 0; i < strmap_count(s->users); i++) {
		const struct user_entry *u = strmap_at(s->users, i);
		const struct conf_node *n = line_of(u, "authentication-method");

		if (has_cert(u))
			conf_warning(errs, n->file, n->line,
			    "authentication-method: no listener asks for "
			    "certificates (smtp-server-tls-ca-file)");
	}
}

static void
check_source(const struct source_entry *src, struct conf_errors *errs)
{
	const struct conf_node *n = conf_set_node(&table_source, &src->set,
	    "require-auth");

	if (n != NULL && src->values.require_auth)
		conf_warning(errs, n->file, n->line,
		    "require-auth: no <smtp-user> has a password or a "
		    "certificate, so nobody can sign in");
}

void
snapshot_users_join(struct snapshot *s, struct conf_errors *errs)
{
	for (size_t i = 0; i < strmap_count(s->users); i++)
		join_user(s, strmap_at(s->users, i), errs);
	check_certs(s, errs);
	if (s->any_password != NULL || s->has_cert_users)
		return;
	for (size_t i = 0; i < strmap_count(s->named_sources); i++)
		check_source(strmap_at(s->named_sources, i), errs);
	for (const struct source_entry *src = s->sources; src != NULL;
	     src = src->next)
		check_source(src, errs);
}

void
snapshot_users_free(struct snapshot *s)
{
	for (size_t i = 0; i < strmap_count(s->users); i++) {
		struct user_entry *u = strmap_at(s->users, i);

		if (u->has_password)
			password_fini(&u->stored);
	}
	strmap_free(&s->users);
}

/* ---- questions ----------------------------------------------------------- */

const struct user_conf *
snapshot_user(const struct snapshot *s, const char *name)
{
	const struct user_entry *u = strmap_get(s->users, name);

	return u == NULL ? NULL : &u->values;
}

const struct password *
snapshot_password(const struct snapshot *s, const char *user)
{
	const struct user_entry *u = strmap_get(s->users, user);

	return u == NULL || !u->has_password ? NULL : &u->stored;
}

const struct password *
snapshot_any_password(const struct snapshot *s)
{
	return s->any_password;
}

unsigned
snapshot_password_forms(const struct snapshot *s)
{
	return s->password_forms;
}

bool
snapshot_signs_in_by_cert(const struct snapshot *s, const char *user)
{
	const struct user_entry *u = strmap_get(s->users, user);

	return u != NULL && has_cert(u);
}
