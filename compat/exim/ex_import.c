/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/exim/ex_import.h"

#include <string.h>

#include "compat/exim/ex_import_priv.h"
#include "compat/exim/ex_lookup.h"
#include "compat/import_own.h"

struct import_fact
ex_fact(const struct ex_instance *d, const char *name)
{
	const char *value = ex_conf_value(d, name);

	return (struct import_fact){ .name = name,
		.value = value,
		.where = d->where,
		.secret = ex_is_hidden(d, name) ||
		    strstr(name, "secret") != NULL ||
		    strcmp(name, "client_send") == 0 ||
		    strcmp(name, "socks_proxy") == 0 ||
		    strstr(value, "pass=") != NULL ||
		    strstr(value, "-----BEGIN") != NULL };
}

void
ex_manual(struct ex_import *im, enum import_fate fate,
    const struct ex_instance *d, const char *name, const char *why)
{
	struct import_fact fact = ex_fact(d, name);

	import_tell(im->report, fate, &fact, "manual: %s", why);
}

bool
ex_is_client(const struct ex_instance *d)
{
	return strcmp(ex_conf_value(d, "driver"), "smtp") == 0 &&
	    strcmp(ex_conf_value(d, "protocol"), "lmtp") != 0;
}

/* The key is in the region. */
static bool
is_first(struct ex_import *im, char *key)
{
	if (strmap_get(im->told, key) != NULL)
		return false;
	strmap_put(im->told, key, key);
	return true;
}

bool
ex_first(struct ex_import *im, const struct ex_instance *d, const char *what)
{
	return is_first(im, REGION_JOIN(im->rg, d->where, "\n", what));
}

/* ---- files ----------------------------------------------------------------- */

static bool
keys_of_file(void *ctx, struct ex_lookup *l)
{
	struct ex_import *im = ctx;
	const struct import_fact fact = { l->type, l->path, "its file", false };
	struct slice text = { NULL, 0 };
	struct err e;

	if (ex_lookup_is_known(l->type) &&
	    im->from->fetch(im->from->ctx, l->path, &text, &e) == -1) {
		l->why = region_strdup(im->rg, e.text);
		return false;
	}
	if (!ex_lookup_read(im->rg, text, l))
		return false;
	if (l->odd != NULL && is_first(im, REGION_JOIN(im->rg, "\n", l->path)))
		import_tell(im->report, IMPORT_LOST, &fact,
		    "manual: \"%s\" is no plain domain or address: such keys "
		    "are as if they were not there",
		    l->odd);
	return true;
}

/* ---- expansion ------------------------------------------------------------- */

/* What Exim would print as it stands. */
static bool
is_literal(const char *text)
{
	return strpbrk(text, "$\\") == NULL;
}

static bool
expand(struct ex_import *im, const char *const *texts, size_t n,
    const char **values, const char **why_r)
{
	struct err e;

	if (im->from->expand(im->from->ctx, texts, n, values, &e) == 0)
		return true;
	*why_r = region_strdup(im->rg, e.text);
	return false;
}

const char *
ex_given(struct ex_import *im, const struct ex_expr *x,
    const struct ex_given *given)
{
	const char *text, *value = NULL, *why;

	if (x->why != NULL)
		return NULL;
	if (is_literal(x->text))
		return x->text;
	text = ex_expr_with(im->rg, x, given);
	return expand(im, &text, 1, &value, &why) ? value : NULL;
}

const char *
ex_constant(struct ex_import *im, const char *text, const char **why_r)
{
	struct ex_expr x;
	const char *value = NULL;

	ex_expr_read(im->rg, &im->files, text, &x);
	*why_r = NULL;
	if (x.why != NULL)
		*why_r = x.why;
	else if (x.by != 0)
		*why_r = "it is not the same for all mail";
	else if (is_literal(text))
		return text;
	else if (expand(im, &text, 1, &value, why_r) && value == NULL)
		*why_r = "Exim itself does not expand it now";
	return value;
}

bool
ex_ask_all(struct ex_import *im, const struct ex_instance *d, const char *name,
    const char *const *texts, size_t n, const char **values)
{
	const char *why;

	if (expand(im, texts, n, values, &why))
		return true;
	ex_manual(im, IMPORT_LOST, d, name, why);
	return false;
}

bool
ex_ask(struct ex_import *im, const struct ex_instance *d, const char *name,
    struct ex_string *s)
{
	bool by_sender = (s->x.by & EX_BY_SENDER) != 0;
	const struct ex_points *points = by_sender ? &im->senders : &im->rcpts;
	size_t n = (s->x.by & (EX_BY_SENDER | EX_BY_RCPT)) == 0 ? 1 : points->n;
	const char **texts = region_array(im->rg, n, sizeof(*texts));

	if (s->x.text == NULL)
		s->x.text = "";
	s->values = region_array(im->rg, n, sizeof(*s->values));
	if (is_literal(s->x.text)) {
		s->values[0] = s->x.text;
		return true;
	}
	for (size_t i = 0; i < n; i++) {
		const struct ex_given given = {
			.sender = by_sender ? &points->v[i] : NULL,
			.rcpt = by_sender ? NULL : &points->v[i],
		};

		texts[i] = n == 1 && s->x.by == 0 ?
		    s->x.text :
		    ex_expr_with(im->rg, &s->x, &given);
	}
	return ex_ask_all(im, d, name, texts, n, s->values);
}

const char *
ex_at(const struct ex_string *s, size_t sender, size_t rcpt)
{
	if ((s->x.by & EX_BY_SENDER) != 0)
		return s->values[sender];
	return s->values[(s->x.by & EX_BY_RCPT) != 0 ? rcpt : 0];
}

/* Named lists with constants in them: "$primary_hostname : localhost". */
static void
expand_lists(struct ex_import *im)
{
	for (size_t i = 0; i < strmap_count(im->conf->lists); i++) {
		struct ex_named *l = strmap_at(im->conf->lists, i);
		const char *why, *made;

		if (strchr(l->text, '$') == NULL)
			continue;
		made = ex_constant(im, l->text, &why);
		if (made != NULL)
			l->text = made;
	}
}

/* ---- what there is once ---------------------------------------------------- */

static void
add_name(struct ex_import *im)
{
	struct import_fact fact = ex_fact(ex_main(im->conf),
	    "primary_hostname");

	if (!ex_is_plain_host(fact.value))
		import_tell(im->report, IMPORT_LOST, &fact, "not a host name");
	else if (ex_is_set(ex_main(im->conf), fact.name))
		(void)import_take(import_top(im->out), &fact, "host-name",
		    fact.value, NULL);
	else
		(void)import_add(import_top(im->out), "host-name", fact.value,
		    "primary_hostname");
}

/* Where Exim and we meet, as the units and config.sample have it. */
#define FOLDER "/var/spool/postfix/mailrace"
#define DOOR FOLDER "/lmtp"

static void
add_doors(struct ex_import *im)
{
	const struct ex_instance *d = ex_main(im->conf);
	struct import_block *top = import_top(im->out);

	(void)import_add(top, "lmtp-listener", DOOR, "where Exim hands over");
	(void)import_add(top, "exim-listener", DOOR,
	    "and says of each message whose it is");
	if (ex_conf_value(d, "dsn_advertise_hosts")[0] != '\0') {
		(void)import_add(top, "lmtp-listener", "127.0.0.1:2424",
		    "where it does so with what senders ask for by DSN");
		(void)import_add(top, "exim-listener", "127.0.0.1:2424", NULL);
	}
	(void)import_add(top, "suppress-socket", FOLDER "/suppress",
	    "where Exim asks at RCPT who is in a suppression list");
	(void)import_add(top, "dsn-host", "127.0.0.1:10028",
	    "a port of Exim for notifications to senders");
}

/*
 * Exim names its client, and the source of that address counts, as from Postfix:
 * what holds for all mail is said of all, the right to relay of this host.
 */
static struct import_block *
add_source(struct ex_import *im)
{
	struct import_block *all = import_block(im->out, import_top(im->out),
	    "source", "0/0");
	struct import_block *host = import_block(im->out, import_top(im->out),
	    "source", "127.0.0.1");

	import_remark(all, "Whoever brought the mail to Exim.");
	import_remark(host, "Exim on this host, which has asked who may send.");
	(void)import_add(host, "always-allow-relaying", "yes", NULL);
	return all;
}

/* What is rewritten before mail comes here. */
static void
tell_rewriting(struct ex_import *im)
{
	for (size_t i = 0; i < im->conf->rewrite.n; i++) {
		const struct ex_line *l = &im->conf->rewrite.v[i];
		const struct import_fact fact = { "rewrite", l->text,
			region_printf(im->rg, "section rewrite, rule %u",
			    l->number),
			false };

		import_tell(im->report, IMPORT_KEPT, &fact,
		    "Exim rewrites as a message comes in, before it hands "
		    "over");
	}
}

static void
import_all(struct ex_import *im)
{
	const struct ex_point other = { 0 };
	struct import_block *source;

	ex_points_add(&im->senders, im->rg, &other);
	ex_points_add(&im->rcpts, im->rg, &other);
	expand_lists(im);
	ex_routes_read(im);
	ex_transports_read(im);
	ex_routes_ask(im);
	ex_transports_ask(im);
	add_name(im);
	add_doors(im);
	source = add_source(im);
	ex_vmtas(im, source);
	ex_retry(im);
	ex_settings_rest(im);
	tell_rewriting(im);
	import_own(im->out, im->report, false);
}

void
ex_import(const struct ex_import_source *from, struct region *rg,
    struct import_conf *out, struct import_report *report)
{
	struct ex_import im = { .rg = rg,
		.from = from,
		.conf = from->conf,
		.out = out,
		.report = report };

	im.files = (struct ex_files){ keys_of_file, &im };
	im.transports = strmap_new();
	im.vmtas = strmap_new();
	im.names = strmap_new();
	im.told = strmap_new();
	import_all(&im);
	strmap_free(&im.transports);
	strmap_free(&im.vmtas);
	strmap_free(&im.names);
	strmap_free(&im.told);
}
