/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/postfix/pf_import_priv.h"

#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"

enum what {
	WHAT_SECONDS,
	WHAT_HOURS,
	WHAT_DAYS,
	WHAT_COUNT,
	WHAT_BYTES,
	WHAT_NOT,
	WHAT_EVERY,
	WHAT_OWN,
	WHAT_ONCE,
	WHAT_HOST,
	WHAT_LOST,
	WHAT_UNSAFE
};

enum block { BLOCK_NONE, BLOCK_DOMAIN, BLOCK_SOURCE, BLOCK_VMTA };

static const struct row {
	const char *name;
	enum what what;
	enum block block;
	const char *zero, *directive, *text;
} rows[] = {
#define P(name, what, block, zero, directive, text) \
	{ name, WHAT_##what, BLOCK_##block, zero, directive, text },
#include "compat/postfix/pf_params.def"
#undef P
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static bool
is_of_transport(const struct row *row)
{
	return strncmp(row->name, "T_", 2) == 0;
}

/* The parameter for a transport, or for all (NULL). */
static const char *
name_of(const struct pf_import *im, const struct row *row,
    const struct pf_service *s)
{
	if (!is_of_transport(row))
		return row->name;
	return REGION_JOIN(im->rg, s == NULL ? "default" : s->name,
	    row->name + 1);
}

/* ---- values ---------------------------------------------------------------- */

static const char *
interval(struct pf_import *im, int64_t s)
{
	struct buf b = { 0 };
	const char *text;

	str_interval(&b, s * US_PER_S);
	text = region_strdup(im->rg, buf_cstr(&b));
	buf_fini(&b);
	return text;
}

static const char *
time_of(struct pf_import *im, const struct row *row, const char *value,
    char unit)
{
	int64_t s = pf_time_s(value, unit);

	if (s == 0)
		return row->zero;
	return s < 0 ? "" : interval(im, s);
}

static const char *
every(struct pf_import *im, const struct row *row, const char *value)
{
	int64_t s = pf_time_s(value, 's');

	if (s == 0)
		return row->zero;
	return s < 0 ? "" : region_printf(im->rg, "1/%llds", (long long)s);
}

/* The value of ours; "": there is none. */
static const char *
convert(struct pf_import *im, const struct row *row, const char *value)
{
	switch (row->what) {
	case WHAT_SECONDS:
		return time_of(im, row, value, 's');
	case WHAT_HOURS:
		return time_of(im, row, value, 'h');
	case WHAT_DAYS:
		return time_of(im, row, value, 'd');
	case WHAT_COUNT:
	case WHAT_BYTES:
		return strcmp(value, "0") == 0 && row->zero[0] != '\0' ?
		    row->zero :
		    value;
	case WHAT_NOT:
		return strcmp(value, "yes") == 0 ? "no" : "yes";
	case WHAT_EVERY:
		return every(im, row, value);
	case WHAT_OWN:
	case WHAT_ONCE:
	case WHAT_HOST:
	case WHAT_LOST:
	case WHAT_UNSAFE:
		break;
	}
	return "";
}

static const char *
delay_name(const struct pf_import *im, const struct pf_service *s)
{
	return REGION_JOIN(im->rg, s == NULL ? "default" : s->name,
	    "_destination_rate_delay");
}

/*
 * A delay between deliveries leaves room for one at a time, whatever the limit
 * says (postconf(5), default_destination_rate_delay).
 */
static bool
is_one_at_a_time(const struct pf_import *im, const struct pf_service *s)
{
	return pf_time_s(pf_value(im->conf, NULL, delay_name(im, s)), 's') > 0;
}

static const char *
value_for(struct pf_import *im, const struct row *row,
    const struct pf_service *s)
{
	const char *name = name_of(im, row, s);
	const char *value = pf_value(im->conf, is_of_transport(row) ? NULL : s,
	    name);

	if (strcmp(row->directive, "max-smtp-out") == 0 &&
	    is_one_at_a_time(im, s))
		return "1";
	return value[0] == '\0' ? "" : convert(im, row, value);
}

const char *
pf_connections(const struct pf_import *im, const struct pf_service *s)
{
	const char *name = REGION_JOIN(im->rg, s->name,
	    "_destination_concurrency_limit");
	const char *value = pf_value(im->conf, NULL, name);

	if (is_one_at_a_time(im, s))
		return "1";
	return strcmp(value, "0") == 0 ? "" : value;
}

/* ---- lines ----------------------------------------------------------------- */

/* How the meaning differs; NULL: not at all. */
static const char *
difference(const struct row *row, const char *value)
{
	/* postconf(5), default_destination_recipient_limit */
	if (strcmp(row->directive, "max-rcpt-per-message") == 0 &&
	    strcmp(value, "1") == 0)
		return "with 1, Postfix has its limits of connections and "
		       "rates for each recipient; here they are by domain";
	return row->text[0] == '\0' ? NULL : row->text;
}

/* A value, often 0, that means something that cannot be said here. */
static void
tell_unlike(struct pf_import *im, const struct row *row,
    const struct pf_service *s)
{
	const char *name = name_of(im, row, s);
	const bool whole = s == NULL || is_of_transport(row);
	struct import_fact fact = pf_fact(im, whole ? NULL : s, name);

	if (whole ? pf_is_changed(im->conf, name) :
		    pf_is_own(im->conf, s, name))
		import_tell(im->report, IMPORT_LOST, &fact,
		    "no value of %s means the same", row->directive);
}

static void
put(struct pf_import *im, const struct row *row, const struct pf_service *s,
    struct import_block *in, bool tell)
{
	const char *name = name_of(im, row, s);
	const char *value = value_for(im, row, s);
	struct import_fact fact;

	if (strcmp(row->directive, "max-smtp-out") == 0 &&
	    is_one_at_a_time(im, s))
		name = delay_name(im, s);
	fact = pf_fact(im, is_of_transport(row) ? NULL : s, name);
	if (tell &&
	    (pf_is_changed(im->conf, name) || pf_is_own(im->conf, s, name)))
		(void)import_take(in, &fact, row->directive, value,
		    difference(row, value));
	else
		(void)import_add(in, row->directive, value,
		    REGION_JOIN(im->rg, name, ", ", fact.where));
}

void
pf_settings_base(struct pf_import *im, struct import_block *domains,
    struct import_block *source)
{
	for (size_t i = 0; i < ROWS; i++) {
		const struct row *row = &rows[i];
		const char *value;

		if (row->directive[0] == '\0' || row->block == BLOCK_VMTA)
			continue;
		value = value_for(im, row, NULL);
		if (value[0] == '\0')
			tell_unlike(im, row, NULL);
		if (value[0] == '\0' ||
		    (row->what == WHAT_EVERY && strcmp(value, row->zero) == 0))
			continue;
		put(im, row, NULL,
		    row->block == BLOCK_SOURCE ? source : domains, true);
	}
}

void
pf_settings_service(struct pf_import *im, const struct pf_service *s,
    struct import_block *vmta, bool tell)
{
	for (size_t i = 0; i < ROWS; i++) {
		const struct row *row = &rows[i];
		const char *value, *base = row->zero;
		struct import_block *in = vmta;

		if (row->directive[0] == '\0' || row->block == BLOCK_SOURCE)
			continue;
		value = value_for(im, row, s);
		if (value[0] == '\0' && tell)
			tell_unlike(im, row, s);
		if (row->block == BLOCK_DOMAIN) {
			base = value_for(im, row, NULL);
			in = NULL;
		}
		if (value[0] == '\0' || strcmp(value, base) == 0)
			continue;
		if (in == NULL)
			in = import_block(im->out, vmta, "domain", "*");
		put(im, row, s, in, tell);
	}
}

/* ---- what is left ---------------------------------------------------------- */

/* How much of a row's name is that name; 0: it is another one. */
static size_t
fit(const struct row *row, const char *name)
{
	size_t len = strlen(row->name);

	if (row->name[len - 1] != '*')
		return strcmp(row->name, name) == 0 ? len + 1 : 0;
	return strncmp(row->name, name, len - 1) == 0 ? len : 0;
}

static const struct row *
best_row(const char *name)
{
	const struct row *best = NULL;
	size_t most = 0;

	for (size_t i = 0; i < ROWS; i++) {
		size_t n = fit(&rows[i], name);

		if (n > most) {
			most = n;
			best = &rows[i];
		}
	}
	return best;
}

/* The row of "default_..." or of "TRANSPORT_..."; NULL: it is none of those. */
static const struct row *
transport_row(const struct pf_import *im, const char *name)
{
	for (size_t i = 0; i < ROWS; i++) {
		const char *rest = is_of_transport(&rows[i]) ?
		    strstr(name, rows[i].name + 1) :
		    NULL;
		const char *front;

		if (rest == NULL || strcmp(rest, rows[i].name + 1) != 0)
			continue;
		front = region_strndup(im->rg, name, (size_t)(rest - name));
		if (strcmp(front, "default") == 0 ||
		    strmap_get(im->services, front) != NULL)
			return &rows[i];
	}
	return NULL;
}

struct others {
	struct buf names;
	size_t n;
};

static void
add_other(struct others *o, const char *name)
{
	buf_printf(&o->names, "%s%s", o->n++ == 0 ? "" : ", ", name);
}

static void
tell_rest(struct pf_import *im, const struct pf_service *s, const char *name,
    struct others *others)
{
	const struct row *row = transport_row(im, name);
	struct import_fact fact = pf_fact(im, s, name);

	if (row == NULL)
		row = best_row(name);
	if (row == NULL && !pf_is_known(im->conf, name))
		import_tell(im->report, IMPORT_KEPT, &fact,
		    "a name of your own: it counts in the values that name it");
	else if (row == NULL ||
	    (row->what == WHAT_HOST && row->text[0] == '\0'))
		add_other(others, name);
	else if (row->what == WHAT_HOST)
		import_tell(im->report, IMPORT_KEPT, &fact, "%s", row->text);
	else if (row->what == WHAT_LOST)
		import_tell(im->report, IMPORT_LOST, &fact, "%s", row->text);
	else if (row->what == WHAT_UNSAFE)
		import_tell(im->report, IMPORT_UNSAFE, &fact, "%s", row->text);
}

/* What a service that became a virtual MTA sets for itself. */
static void
tell_own(struct pf_import *im, const struct pf_service *s)
{
	const struct import_fact rest = { "others", "",
		REGION_JOIN(im->rg, "service ", s->name), false };
	struct others others = { 0 };
	const char *name;

	for (size_t i = 0; (name = pf_own_at(im->conf, s, i)) != NULL; i++) {
		const struct row *row = best_row(name);
		struct import_fact fact = pf_fact(im, s, name);

		if (row == NULL || row->what == WHAT_HOST)
			add_other(&others, name);
		else if (row->what == WHAT_ONCE)
			import_tell(im->report, IMPORT_LOST, &fact,
			    "it is taken over for all mail alone");
		else if (row->what == WHAT_LOST)
			import_tell(im->report, IMPORT_LOST, &fact, "%s",
			    row->text);
		else if (row->what == WHAT_UNSAFE)
			import_tell(im->report, IMPORT_UNSAFE, &fact, "%s",
			    row->text);
	}
	if (others.n > 0)
		import_tell(im->report, IMPORT_KEPT, &rest, "%s",
		    buf_cstr(&others.names));
	buf_fini(&others.names);
}

void
pf_settings_rest(struct pf_import *im)
{
	struct others others = { 0 };
	struct import_fact fact = { "others", "", "main.cf", false };
	const char *name;

	for (size_t i = 0; (name = pf_set_at(im->conf, i)) != NULL; i++)
		if (pf_is_changed(im->conf, name))
			tell_rest(im, NULL, name, &others);
	for (size_t i = 0; i < strmap_count(im->services); i++)
		tell_own(im, strmap_at(im->services, i));
	if (others.n > 0)
		import_tell(im->report, IMPORT_KEPT, &fact, "%s",
		    buf_cstr(&others.names));
	buf_fini(&others.names);
}
