/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/acct_twins.h"

#include <string.h>
#include <sys/stat.h>

#include "vmta/snapshot_priv.h"

struct folder {
	const char *name;
	bool is_there;
	struct stat st;
};

struct twin {
	const struct acct_entry *a;
	const char *base;           /* the last part of its path */
	struct folder own, move_to; /* move_to.name NULL: none */
};

static void
look_at(struct folder *f, const char *name)
{
	f->name = name;
	f->is_there = stat(name, &f->st) == 0;
}

/* Without / and /. at its end. */
static const char *
folder_name(struct region *rg, const char *path)
{
	char *name = region_strdup(rg,
	    acct_plain_path(rg, region_printf(rg, "%s/", path)));
	size_t len = strlen(name);

	if (len > 1)
		name[len - 1] = '\0';
	return name;
}

static bool
is_same(const struct folder *a, const struct folder *b)
{
	if (a->name == NULL || b->name == NULL)
		return false;
	if (strcmp(a->name, b->name) == 0)
		return true;
	return a->is_there && b->is_there && a->st.st_dev == b->st.st_dev &&
	    a->st.st_ino == b->st.st_ino;
}

static void
take(struct twin *t, const struct acct_entry *a, struct region *rg)
{
	const char *slash = strrchr(a->pub.path, '/');

	t->a = a;
	t->base = slash + 1;
	look_at(&t->own,
	    region_strndup(rg, a->pub.path,
		slash == a->pub.path ? 1 : (size_t)(slash - a->pub.path)));
	if (a->pub.move_to[0] == '/')
		look_at(&t->move_to, folder_name(rg, a->pub.move_to));
}

static void
complain_of_move(const struct twin *t, const struct twin *other,
    struct conf_errors *errs)
{
	const struct conf_node *n = acct_entry_line(t->a, "move-to");

	if (n == NULL) /* it is the other one that moves */
		n = acct_entry_line(other->a, "move-to");
	if (n != NULL)
		conf_error(errs, n->file, n->line,
		    "move-to: files of <acct-file %s> and <acct-file %s> "
		    "would have the same names there",
		    other->a->pub.path, t->a->pub.path);
}

/* `other` stands before it. */
static void
compare(const struct twin *t, const struct twin *other,
    struct conf_errors *errs)
{
	if (strcmp(t->base, other->base) != 0)
		return;
	if (is_same(&t->own, &other->own))
		conf_error(errs, t->a->pub.file, t->a->pub.line,
		    "<acct-file %s> is the same file as <acct-file %s>",
		    t->a->pub.path, other->a->pub.path);
	else if (is_same(&t->move_to, &other->move_to) ||
	    is_same(&t->move_to, &other->own) ||
	    is_same(&t->own, &other->move_to))
		complain_of_move(t, other, errs);
}

void
acct_twins_check(const struct snapshot *s, struct conf_errors *errs)
{
	size_t count = 0, all = strmap_count(s->accts);
	struct twin *twins = region_array(s->rg, all, sizeof(*twins));

	for (size_t i = 0; i < all; i++) {
		const struct acct_entry *a = strmap_at(s->accts, i);
		const struct conf_node *n = acct_entry_line(a, "move-to");
		struct twin *t = &twins[count];

		if (a->pub.kind != ACCT_FILE)
			continue;
		take(t, a, s->rg);
		if (n != NULL && is_same(&t->own, &t->move_to))
			conf_error(errs, n->file, n->line,
			    "move-to: the files are in that folder");
		for (size_t k = 0; k < count; k++)
			compare(t, &twins[k], errs);
		count++;
	}
}
