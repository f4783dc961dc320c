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

	if (strcmp(u->values.auth_method, "password") != 0)
		conf_error(errs, n->file, n->line,
		    "authentication-method: %s is not possible here; only "
		    "password is",
		    u->values.auth_method);
}

static void
join_user(struct snapshot *s, struct user_entry *u, struct conf_errors *errs)
{
	const struct conf_node *n = line_of(u, "password");
	struct err e;

	check_method(u, errs);
	if (u->values.password[0] == '\0')
		return;
	if (password_read(&u->stored, slice_of(u->values.password), &e) == -1) {
		conf_error(errs, n->file, n->line, "password: %s", e.text);
		return;
	}
	u->has_password = true;
	s->password_forms |= 1U << u->stored.form;
	if (s->any_password == NULL)
		s->any_password = &u->stored;
}

static void
check_source(const struct source_entry *src, struct conf_errors *errs)
{
	const struct conf_node *n = conf_set_node(&table_source, &src->set,
	    "require-auth");

	if (n != NULL && src->values.require_auth)
		conf_warning(errs, n->file, n->line,
		    "require-auth: no <smtp-user> has a password, so nobody "
		    "can sign in");
}

void
snapshot_users_join(struct snapshot *s, struct conf_errors *errs)
{
	for (size_t i = 0; i < strmap_count(s->users); i++)
		join_user(s, strmap_at(s->users, i), errs);
	if (s->any_password != NULL)
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
