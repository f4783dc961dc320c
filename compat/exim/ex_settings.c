/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers and times, by ex_params.def, and what is left of all options. */
#include <string.h>

#include "compat/exim/ex_import_priv.h"
#include "lib/clock.h"
#include "mail/dsn_form.h"

enum what {
	WHAT_TIME,
	WHAT_COUNT,
	WHAT_SIZE,
	WHAT_PORT,
	WHAT_OWN,
	WHAT_HOST,
	WHAT_LOST,
	WHAT_UNSAFE
};

enum block { BLOCK_NONE, BLOCK_DOMAIN, BLOCK_SOURCE, BLOCK_VMTA };

static const struct row {
	char where;
	const char *name;
	enum what what;
	enum block block;
	const char *zero, *directive, *text;
} rows[] = {
#define P(where, name, what, block, zero, directive, text) \
	{ #where[0], name, WHAT_##what, BLOCK_##block, zero, directive, text },
#include "compat/exim/ex_params.def"
#undef P
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static const char kind_letters[EX_KINDS] = {
	[EX_MAIN] = 'M',
	[EX_ROUTER] = 'R',
	[EX_TRANSPORT] = 'T',
	[EX_AUTHENTICATOR] = 'A',
};

/* ---- values ---------------------------------------------------------------- */

static const char *
interval(struct ex_import *im, int64_t s)
{
	struct buf b = { 0 };
	const char *text;

	str_interval(&b, s * US_PER_S);
	text = region_strdup(im->rg, buf_cstr(&b));
	buf_fini(&b);
	return text;
}

/* The value of ours; "": there is none. */
static const char *
convert(struct ex_import *im, const struct row *row, const char *value)
{
	int64_t n = row->what == WHAT_TIME ? ex_time_s(value) :
					     ex_number(value);

	switch (row->what) {
	case WHAT_TIME:
		return n < 0 ? "" : n == 0 ? row->zero : interval(im, n);
	case WHAT_COUNT:
	case WHAT_SIZE:
		if (n == 0 && row->zero[0] != '\0')
			return row->zero;
		return n < 0 ? "" : region_printf(im->rg, "%lld", (long long)n);
	case WHAT_PORT:
		return ex_port(value);
	case WHAT_OWN:
	case WHAT_HOST:
	case WHAT_LOST:
	case WHAT_UNSAFE:
		break;
	}
	return "";
}

static const char *
value_for(struct ex_import *im, const struct row *row,
    const struct ex_instance *d)
{
	const char *text = ex_conf_value(d, row->name), *why = NULL, *value;

	if (text[0] == '\0')
		return "";
	value = ex_constant(im, text, &why);
	if (value != NULL)
		return convert(im, row, value);
	if (ex_first(im, d, row->name))
		ex_manual(im, IMPORT_LOST, d, row->name, why);
	return "";
}

static void
put(struct ex_import *im, const struct row *row, const struct ex_instance *d,
    struct import_block *b)
{
	const struct import_fact fact = ex_fact(d, row->name);
	const char *value = value_for(im, row, d);
	bool set = ex_is_set(d, row->name);

	if (value[0] == '\0') {
		if (set && fact.value[0] != '\0' && ex_first(im, d, row->name))
			import_tell(im->report, IMPORT_LOST, &fact,
			    "no value of %s means the same", row->directive);
	} else if (set && ex_first(im, d, row->name)) {
		(void)import_take(b, &fact, row->directive, value,
		    row->text[0] == '\0' ? NULL : row->text);
	} else {
		(void)import_add(b, row->directive, value,
		    REGION_JOIN(im->rg, row->name, ", ", d->where));
	}
}

/* ---- by code of their own -------------------------------------------------- */

/* One line, as it is set or as Exim has it by default. */
static void
put_line(struct ex_import *im, const struct ex_instance *d, const char *name,
    struct import_block *b, const char *line[2], const char *how)
{
	const struct import_fact fact = ex_fact(d, name);

	if (ex_is_set(d, name) && ex_first(im, d, name))
		(void)import_take(b, &fact, line[0], line[1], how);
	else
		(void)import_add(b, line[0], line[1],
		    REGION_JOIN(im->rg, name, ", ", d->where));
}

static void
put_delay(struct ex_import *im, struct import_block *domains)
{
	const struct ex_instance *d = ex_main(im->conf);
	struct ex_cursor at = ex_cursor_of(ex_conf_value(d, "delay_warning"));
	const char *first = ex_cursor_next(&at, im->rg);
	int64_t s = first == NULL ? 0 : ex_time_s(first);
	const char *line[2] = { "notify-of-delay-every",
		s <= 0 ? "never" : interval(im, s) };

	put_line(im, d, "delay_warning", domains, line,
	    s <= 0 ? NULL :
		     "senders that ask for it (NOTIFY=DELAY) are told, again "
		     "and again");
}

/* A name in quotes without them: they would be the configuration's. */
static const char *
without_quotes(struct ex_import *im, const char *from)
{
	const char *end = from[0] == '"' ? strchr(from + 1, '"') : NULL;

	if (end == NULL)
		return from;
	return REGION_JOIN(im->rg,
	    region_strndup(im->rg, from + 1, (size_t)(end - from) - 1),
	    end + 1);
}

/* From whom notifications are; by default they are from MAILER-DAEMON. */
static void
put_dsn_from(struct ex_import *im)
{
	const struct ex_instance *d = ex_main(im->conf);
	struct import_fact fact = ex_fact(d, "dsn_from");
	const char *why, *from;
	struct dsn_from parsed;
	struct err e;

	if (!ex_is_set(d, fact.name))
		return;
	from = ex_constant(im, fact.value, &why);
	if (from == NULL) {
		ex_manual(im, IMPORT_LOST, d, fact.name, why);
		return;
	}
	from = without_quotes(im, from);
	if (dsn_from_parse(from, true, im->rg, &parsed, &e) == -1)
		ex_manual(im, IMPORT_LOST, d, fact.name, e.text);
	else
		(void)import_take(import_top(im->out), &fact,
		    "custom-dsn-from-header", from, NULL);
}

static void
put_family(struct ex_import *im, struct import_block *domains)
{
	const struct ex_instance *d = ex_main(im->conf);
	const char *line[2] = { "address-family", "ipv4" };

	if (ex_is_true(d, "disable_ipv6"))
		put_line(im, d, "disable_ipv6", domains, line, NULL);
	else if (strcmp(ex_conf_value(d, "dns_ipv4_lookup"), "*") == 0)
		put_line(im, d, "dns_ipv4_lookup", domains, line, NULL);
	else if (ex_conf_value(d, "dns_ipv4_lookup")[0] != '\0')
		ex_manual(im, IMPORT_LOST, d, "dns_ipv4_lookup",
		    "see address-family of single domains");
}

/* One connection at a time: to all hosts, or to some. */
static void
put_serialized(struct ex_import *im, const struct ex_instance *t,
    struct import_block *in)
{
	const char *value = ex_conf_value(t, "serialize_hosts"), *item, *why;
	const char *line[2] = { "max-smtp-out", "1" };
	struct ex_cursor at;

	if (value[0] == '\0')
		return;
	if (strcmp(value, "*") == 0) {
		put_line(im, t, "serialize_hosts",
		    import_block(im->out, in, "domain", "*"), line,
		    "by domain: two domains may call the same host");
		return;
	}
	if (!ex_first(im, t, "serialized"))
		return;
	value = ex_constant(im, value, &why);
	if (value == NULL) {
		ex_manual(im, IMPORT_LOST, t, "serialize_hosts", why);
		return;
	}
	at = ex_cursor_of(value);
	while ((item = ex_cursor_next(&at, im->rg)) != NULL) {
		struct import_fact fact = ex_fact(t, "serialize_hosts");
		struct ex_point point;

		fact.value = item;
		if (ex_point_parse(im->rg, item, &point))
			(void)import_take(import_top(im->out), &fact,
			    strpbrk(item, "ghijklmnopqrstuvwxyz-") == NULL ?
				"ip-connection-limit" :
				"mx-connection-limit",
			    REGION_JOIN(im->rg, item, " 1"),
			    "from each local address");
		else
			import_tell(im->report, IMPORT_LOST, &fact,
			    "manual: not the name of a host");
	}
}

static void
put_certificate(struct ex_import *im, const struct ex_instance *t,
    struct import_block *in)
{
	const struct import_fact fact = ex_fact(t, "tls_certificate");

	if (fact.value[0] != '\0' && ex_first(im, t, fact.name))
		(void)import_take(import_block(im->out, in, "domain", "*"),
		    &fact, "smtp-client-certificate", fact.value,
		    "the key has to be in the same file");
}

/* Mail that waits in Exim until somebody sends it. */
static void
tell_held(struct ex_import *im)
{
	static const struct {
		const char *name, *text;
	} lists[] = {
		{ "hold_domains",
		    "Exim holds such mail back itself; what is here already "
		    "waits with `mailrace pause queue 'DOMAIN/*'`" },
		{ "queue_domains",
		    "Exim hands such mail over when its queue is run; that it "
		    "waits here, too, `mailrace pause queue 'DOMAIN/*'` says" },
		{ "queue_smtp_domains",
		    "Exim sends such mail when its queue is run; here it is "
		    "sent at once, unless `mailrace pause queue 'DOMAIN/*'` "
		    "says that it waits" },
	};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		const struct import_fact fact = ex_fact(ex_main(im->conf),
		    lists[i].name);

		if (fact.value[0] != '\0')
			import_tell(im->report, IMPORT_CHANGED, &fact, "%s",
			    lists[i].text);
	}
}

/* ---- in order -------------------------------------------------------------- */

void
ex_settings_base(struct ex_import *im, const struct ex_instance *t)
{
	struct import_block *top = import_top(im->out);
	struct import_block *domains = import_block(im->out, top, "domain",
	    "*");
	struct import_block *source = import_block(im->out, top, "source",
	    "127.0.0.1");

	for (size_t i = 0; i < ROWS; i++) {
		const struct row *row = &rows[i];

		if (row->directive[0] != '\0' && row->block != BLOCK_VMTA)
			put(im, row, row->where == 'M' ? ex_main(im->conf) : t,
			    row->block == BLOCK_SOURCE ? source : domains);
	}
	put_delay(im, domains);
	put_dsn_from(im);
	put_family(im, domains);
	put_serialized(im, t, top);
	put_certificate(im, t, top);
	ex_dkim(im, t, NULL, top);
}

void
ex_settings_transport(struct ex_import *im, const struct ex_instance *t,
    const struct ex_instance *base, struct import_block *vmta)
{
	for (size_t i = 0; i < ROWS; i++) {
		const struct row *row = &rows[i];

		if (row->directive[0] == '\0' || row->where != 'T')
			continue;
		if (row->block == BLOCK_VMTA)
			put(im, row, t, vmta);
		else if (base == NULL ||
		    strcmp(value_for(im, row, t), value_for(im, row, base)) !=
			0)
			put(im, row, t,
			    import_block(im->out, vmta, "domain", "*"));
	}
	if (t == base)
		return;
	put_serialized(im, t, vmta);
	put_certificate(im, t, vmta);
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
best_row(char where, const char *name)
{
	const struct row *best = NULL;
	size_t most = 0;

	for (size_t i = 0; i < ROWS; i++) {
		size_t n = rows[i].where == where ? fit(&rows[i], name) : 0;

		if (n > most) {
			most = n;
			best = &rows[i];
		}
	}
	return best;
}

static void
tell_rest(struct ex_import *im, const struct ex_instance *d, const char *name,
    struct buf *others)
{
	const struct row *row = best_row(kind_letters[d->kind], name);
	const struct import_fact fact = ex_fact(d, name);

	if (strcmp(name, "driver") == 0)
		return;
	if (row == NULL || (row->what == WHAT_HOST && row->text[0] == '\0')) {
		buf_printf(others, "%s%s", others->len == 0 ? "" : ", ", name);
		return;
	}
	/* What is nowhere else, and not as it is by default. */
	if (fact.value[0] == '\0' || !ex_first(im, d, name))
		return;
	if (row->what == WHAT_HOST)
		import_tell(im->report, IMPORT_KEPT, &fact, "%s", row->text);
	else if (row->what == WHAT_LOST)
		import_tell(im->report, IMPORT_LOST, &fact, "%s", row->text);
	else if (row->what == WHAT_UNSAFE)
		import_tell(im->report, IMPORT_UNSAFE, &fact, "%s", row->text);
	else if (row->what == WHAT_OWN && strcmp(name, "hosts_randomize") == 0)
		import_tell(im->report, IMPORT_TAKEN, &fact,
		    "with commas in smtp-hosts");
	else if (d->kind == EX_ROUTER)
		import_tell(im->report, IMPORT_CHANGED, &fact,
		    "in <domain> blocks and <pattern-list senders>, for each "
		    "that is named");
}

static void
tell_driver(struct ex_import *im, const struct ex_instance *d)
{
	const struct import_fact fact = { "others", "", d->where, false };
	struct buf others = { 0 };
	const char *name;

	for (size_t i = 0; (name = ex_set_at(d, i)) != NULL; i++)
		tell_rest(im, d, name, &others);
	if (others.len > 0)
		import_tell(im->report, IMPORT_KEPT, &fact, "%s",
		    buf_cstr(&others));
	buf_fini(&others);
}

static bool
is_router_taken(const struct ex_import *im, const struct ex_instance *d)
{
	for (size_t i = 0; i < im->router_count; i++)
		if (im->routers[i].d == d)
			return true;
	return false;
}

/* Has it become something here, or does Exim go on doing it? */
static bool
is_ours(const struct ex_import *im, const struct ex_instance *d)
{
	switch (d->kind) {
	case EX_MAIN:
		return true;
	case EX_ROUTER:
		return is_router_taken(im, d);
	case EX_TRANSPORT:
		return ex_is_client(d) && ex_is_used(im, d);
	case EX_AUTHENTICATOR:
		return ex_conf_value(d, "client_send")[0] != '\0' ||
		    ex_conf_value(d, "client_secret")[0] != '\0';
	case EX_KINDS:
		break;
	}
	return false;
}

static void
tell_smtps(struct ex_import *im, const struct ex_instance *d)
{
	if (d->kind == EX_TRANSPORT &&
	    strcmp(ex_conf_value(d, "protocol"), "smtps") == 0)
		ex_manual(im, IMPORT_UNSAFE, d, "protocol",
		    "TLS begins with STARTTLS alone: use port 587 of that "
		    "server");
}

void
ex_settings_rest(struct ex_import *im)
{
	struct buf kept = { 0 };
	const struct import_fact fact = { "others", "", "drivers", false };

	tell_held(im);
	for (int kind = 0; kind < EX_KINDS; kind++)
		for (const struct ex_instance *d = im->conf->first[kind];
		     d != NULL; d = d->next) {
			if (is_ours(im, d)) {
				tell_driver(im, d);
				tell_smtps(im, d);
			} else {
				buf_printf(&kept, "%s%s",
				    kept.len == 0 ? "" : ", ", d->where);
			}
		}
	if (kept.len > 0)
		import_tell(im->report, IMPORT_KEPT, &fact, "%s",
		    buf_cstr(&kept));
	buf_fini(&kept);
}
