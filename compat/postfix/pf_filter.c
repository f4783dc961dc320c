/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/postfix/pf_filter.h"

#include <ctype.h>
#include <string.h>

#include "compat/postfix/pf_fast.h"

#define SMTPD_LIMITS ", command_timeout=30s, content_timeout=120s"

struct filter {
	const char *socket;
	const struct pf_conf *h;
	struct host_plan *p;
	bool filters;  /* some service hands mail to a content filter */
	bool comes_in; /* some service takes mail that is not filtered */
	bool is_local; /* ours is to be in non_smtpd_milters */
};

/* ---- lists of milters ---------------------------------------------------- */

const char *
pf_without_no_milters(struct region *rg, const char *list)
{
	struct slice rest = slice_of(list), item;
	struct buf b = { .p = NULL };
	const char *out = NULL;
	bool found = false;

	while ((item = pf_list_item(&rest)).len > 0) {
		if (slice_eq(item, "no_milters")) {
			found = true;
			continue;
		}
		if (b.len > 0)
			buf_byte(&b, ',');
		buf_add(&b, item.p, item.len);
	}
	if (found)
		out = region_strdup(rg, buf_cstr(&b));
	buf_fini(&b);
	return out;
}

static bool
is_name_end(char c)
{
	return c != '_' && isalnum((unsigned char)c) == 0;
}

/* The first "$name", "${name}" or "$(name)" of a list; of length 0: none. */
static struct slice
find_name(const char *list, const char *name)
{
	const size_t len = strlen(name);

	while ((list = strchr(list, '$')) != NULL) {
		const char *begin = list++, *end;
		const char open = *list;
		const bool braced = open == '{' || open == '(';

		list += braced;
		if (strncmp(list, name, len) != 0)
			continue;
		end = list + len;
		if (braced ? *end == (open == '{' ? '}' : ')') :
			     is_name_end(*end))
			return (struct slice){ begin,
				(size_t)(end - begin) + braced };
	}
	return (struct slice){ NULL, 0 };
}

/* What that has, this has. */
static bool
takes_from(const char *list, const char *name)
{
	return find_name(list, name).len > 0;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool
is_ours(const struct filter *f, struct slice item)
{
	return memmem(item.p, item.len, f->socket, strlen(f->socket)) != NULL;
}

static bool
has_ours(const struct filter *f, const char *list)
{
	struct slice rest = slice_of(list), item;

	while ((item = pf_list_item(&rest)).len > 0)
		if (is_ours(f, item))
			return true;
	return false;
}

/* Does who has this list ask ours, itself or with those of local mail? */
static bool
asks_ours(const struct filter *f, const char *list)
{
	return has_ours(f, list) ||
	    (f->is_local && takes_from(list, "non_smtpd_milters"));
}

/* With what non_smtpd_milters has now in place of its name. */
static const char *
without_name(const struct filter *f, const char *list)
{
	const struct slice name = find_name(list, "non_smtpd_milters");

	if (name.len == 0)
		return list;
	return REGION_JOIN(f->p->rg,
	    region_strndup(f->p->rg, list, (size_t)(name.p - list)),
	    pf_value(f->h, NULL, "non_smtpd_milters"), name.p + name.len);
}

/*
 * Without blanks, as postconf -P wants it: "{a, b = c}, d" is "{a,b=c},d".
 * Those within a word stay, and postconf refuses.
 */
static void
add_compact(struct buf *b, struct slice item)
{
	char last = '{';

	for (size_t i = 0; i < item.len; i++) {
		size_t next = i;

		while (next < item.len && is_blank(item.p[next]))
			next++;
		if (next == item.len)
			break;
		if (strchr("{,=", last) != NULL ||
		    strchr("},=", item.p[next]) != NULL)
			i = next;
		last = item.p[i];
		buf_byte(b, last);
	}
}

/* A list without ours and without blanks, then more, if that is not NULL. */
static const char *
for_service(const struct filter *f, const char *list, const char *more)
{
	struct slice rest = slice_of(list), item;
	struct buf b = { .p = NULL };
	const char *out;

	while ((item = pf_list_item(&rest)).len > 0) {
		if (is_ours(f, item))
			continue;
		if (b.len > 0)
			buf_byte(&b, ',');
		add_compact(&b, item);
	}
	if (more != NULL) {
		if (b.len > 0)
			buf_byte(&b, ',');
		add_compact(&b, slice_of(more));
	}
	out = region_strdup(f->p->rg, buf_cstr(&b));
	buf_fini(&b);
	return out;
}

/* The list of main.cf with ours at its end. */
static void
want_behind(struct filter *f, const char *name, const char *ours)
{
	const char *list = pf_set(f->h, name);

	if (list == NULL || list[0] == '\0')
		pf_want_parameter(f->p, f->h, name, ours);
	else if (!asks_ours(f, list))
		pf_want_parameter(f->p, f->h, name,
		    region_printf(f->p->rg, "%s, %s", list, ours));
}

/* ---- services ------------------------------------------------------------ */

/* What holds for a service; "": nothing. */
static const char *
effective(const struct filter *f, const struct pf_service *s, const char *name)
{
	const char *own = pf_option(f->h, s, name);

	return own != NULL ? own : pf_value(f->h, NULL, name);
}

static bool
is_filtered(const struct filter *f, const struct pf_service *s)
{
	return effective(f, s, "content_filter")[0] != '\0' ||
	    (strcmp(s->command, "smtpd") == 0 &&
		effective(f, s, "smtpd_proxy_filter")[0] != '\0');
}

/* A service of ours: it has what it should. */
static bool
is_service_of_ours(const struct filter *f, const struct pf_service *s)
{
	const char *name = pf_option(f->h, s, "syslog_name");

	return (name != NULL && strncmp(name, "mailrace-", 9) == 0) ||
	    pf_is_fast(f->h, s);
}

static bool
is_smtpd(const struct filter *f, const struct pf_service *s)
{
	return strcmp(s->command, "smtpd") == 0 && !is_service_of_ours(f, s);
}

/* It hands its mail to a filter: the milters that it had, and not ours. */
static void
before_filter(struct filter *f, const struct pf_service *s)
{
	const char *own = pf_option(f->h, s, "smtpd_milters");

	if (own == NULL)
		own = pf_value(f->h, NULL, "smtpd_milters");
	else if (!asks_ours(f, own))
		return;
	pf_want_option(f->p, f->h, s, "smtpd_milters",
	    for_service(f, without_name(f, own), NULL));
}

/* It takes mail back from a filter, or mail that is not filtered. */
static void
behind_filter(struct filter *f, const struct pf_service *s, const char *ours)
{
	const char *own = pf_option(f->h, s, "smtpd_milters");
	const char *overrides = pf_option(f->h, s, "receive_override_options");
	const char *others = overrides == NULL ?
	    NULL :
	    pf_without_no_milters(f->p->rg, overrides);

	if (others != NULL) {
		pf_want_option(f->p, f->h, s, "receive_override_options",
		    others);
		own = ""; /* none of those that it did without */
	}
	if (own != NULL && !asks_ours(f, own))
		pf_want_option(f->p, f->h, s, "smtpd_milters",
		    for_service(f, own, ours));
}

/* A service that does not ask ours: its mail is treated later. */
static void
tell_of_own(struct filter *f, const struct pf_service *s)
{
	static const char later[] =
	    "mail that comes in there is treated when it is handed over";
	const char *own = pf_option(f->h, s, "smtpd_milters");
	const char *overrides = pf_option(f->h, s, "receive_override_options");
	const char *maps = effective(f, s, "smtpd_milter_maps");

	if (own != NULL && !asks_ours(f, own))
		host_note(f->p,
		    "%s has smtpd_milters of its own, which stay: %s", s->key,
		    later);
	else if (overrides != NULL &&
	    (strchr(overrides, '$') != NULL ||
		pf_without_no_milters(f->p->rg, overrides) != NULL))
		host_note(f->p,
		    "%s has receive_override_options=%s, so no milter is "
		    "asked: %s",
		    s->key, overrides, later);
	if (maps[0] != '\0')
		host_note(f->p,
		    "%s has smtpd_milter_maps=%s: for clients in there other "
		    "milters or none are asked, and %s",
		    s->key, maps, later);
}

/* ---- all ----------------------------------------------------------------- */

static void
look(struct filter *f)
{
	const struct pf_service *pickup = pf_entry(f->h,
	    SLICE_LIT("pickup/unix"));

	f->is_local = pickup == NULL || !is_filtered(f, pickup);
	for (const struct pf_service *s = pf_services(f->h); s != NULL;
	     s = s->next) {
		if (!is_smtpd(f, s) && strcmp(s->command, "pickup") != 0)
			continue;
		if (is_filtered(f, s))
			f->filters = true;
		else
			f->comes_in = true;
	}
}

static void
local_mail(struct filter *f, const char *ours)
{
	const char *was = pf_value(f->h, NULL, "internal_mail_filter_classes");
	const char *other = pf_set(f->h, "non_smtpd_milters");
	struct slice rest = slice_of(was), item;

	if (!f->is_local) {
		host_note(f->p,
		    "mail of sendmail(1) goes through content_filter: it meets "
		    "the milter when it comes back");
		return;
	}
	if (other == NULL || !takes_from(other, "smtpd_milters"))
		want_behind(f, "non_smtpd_milters", ours);
	while ((item = pf_list_item(&rest)).len > 0)
		if (slice_eq(item, "bounce"))
			return;
	pf_want_parameter(f->p, f->h, "internal_mail_filter_classes",
	    was[0] == '\0' ? "bounce" :
			     region_printf(f->p->rg, "%s, bounce", was));
}

void
pf_filter(const char *socket, const struct pf_conf *h, struct host_plan *p)
{
	struct filter f = { .socket = socket, .h = h, .p = p };
	const char *smtpd = region_printf(p->rg,
	    "{ %s, default_action=tempfail" SMTPD_LIMITS " }", socket);
	const char *local = region_printf(p->rg,
	    "{ %s, default_action=tempfail }", socket);

	if (pf_without_no_milters(p->rg,
		pf_value(h, NULL, "receive_override_options")) != NULL)
		host_refuse(p,
		    "receive_override_options in main.cf has no_milters: no "
		    "milter would be asked");
	look(&f);
	if (f.filters && !f.comes_in)
		host_refuse(p,
		    "there is a content filter, and no service that takes mail "
		    "back from it (an smtpd with -o content_filter=): it is "
		    "not clear where mail is done with");
	want_behind(&f, "smtpd_milters", smtpd);
	for (const struct pf_service *s = pf_services(h); s != NULL;
	     s = s->next) {
		if (!is_smtpd(&f, s))
			continue;
		if (is_filtered(&f, s))
			before_filter(&f, s);
		else if (f.filters)
			behind_filter(&f, s, smtpd);
		else
			tell_of_own(&f, s);
	}
	local_mail(&f, local);
}
