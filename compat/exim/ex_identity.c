/* SPDX-License-Identifier: Apache-2.0 */
/* From which address and with which name each sender's mail goes. */
#include <string.h>

#include "compat/exim/ex_import_priv.h"
#include "lib/net.h"

#define INTERFACE "interface"
#define HELO "helo_data"

static struct ex_string *
string_of(const struct ex_import *im, const struct ex_instance *t,
    const char *name)
{
	return strmap_get(im->transports,
	    REGION_JOIN(im->rg, t->name, "\n", name));
}

static void
read_option(struct ex_import *im, const struct ex_instance *t, const char *name,
    unsigned may)
{
	struct ex_string *s = region_new_obj(im->rg, struct ex_string);
	const char *why;

	strmap_put(im->transports, REGION_JOIN(im->rg, t->name, "\n", name), s);
	ex_expr_read(im->rg, &im->files, ex_conf_value(t, name), &s->x);
	why = s->x.why;
	if (why == NULL && (s->x.by & ~may) != 0)
		why = "it depends on more than the sender";
	if (why == NULL && !ex_expr_is_listed(&s->x))
		why = "not every value of it can be known";
	if (why != NULL) {
		ex_manual(im, IMPORT_LOST, t, name, why);
		/* Whatever stands in its place is not it. */
		(void)ex_first(im, t, name);
		s->x = (struct ex_expr){ .text = "" };
	}
	for (size_t i = 0; i < s->x.keys.n; i++)
		if ((s->x.by & EX_BY_SENDER) != 0)
			ex_points_add(&im->senders, im->rg, &s->x.keys.v[i]);
}

void
ex_transports_read(struct ex_import *im)
{
	for (const struct ex_instance *t = im->conf->first[EX_TRANSPORT];
	     t != NULL; t = t->next) {
		if (!ex_is_client(t))
			continue;
		read_option(im, t, INTERFACE, EX_BY_SENDER);
		read_option(im, t, HELO, EX_BY_SENDER | EX_BY_IP);
		ex_dkim_read(im, t);
	}
}

/* All that a sender changes in routers. */
static const char *
routing_of(struct ex_import *im, size_t sender)
{
	struct buf b = { 0 };
	const char *text;

	for (size_t i = 0; i < im->router_count; i++) {
		const struct ex_router *r = &im->routers[i];
		const struct ex_string *strings[] = { &r->condition,
			&r->transport, &r->route_data };

		buf_byte(&b,
		    ex_list_has(&r->senders, &im->senders.v[sender]) ? 'y' :
								       'n');
		for (size_t j = 0; j < 3; j++)
			if ((strings[j]->x.by & EX_BY_SENDER) != 0)
				buf_printf(&b, "%s\n",
				    strings[j]->values[sender] == NULL ?
					"\n" :
					strings[j]->values[sender]);
	}
	text = region_strdup(im->rg, buf_cstr(&b));
	buf_fini(&b);
	return text;
}

/* And in transports. */
static const char *
sending_of(struct ex_import *im, size_t sender)
{
	struct buf b = { 0 };
	const char *text;

	for (size_t i = 0; i < strmap_count(im->transports); i++) {
		const struct ex_string *s = strmap_at(im->transports, i);

		if ((s->x.by & EX_BY_SENDER) != 0)
			buf_printf(&b, "%s\n",
			    s->values[sender] == NULL ? "\n" :
							s->values[sender]);
	}
	text = region_strdup(im->rg, buf_cstr(&b));
	buf_fini(&b);
	return text;
}

/* The first number with that text. */
static size_t
first_like(struct strmap *seen, const char *text, size_t *own)
{
	const size_t *first = strmap_get(seen, text);

	if (first != NULL)
		return *first;
	strmap_put(seen, text, own);
	return *own;
}

static void
find_leaders(struct ex_import *im)
{
	struct strmap *all = strmap_new(), *routed = strmap_new();
	size_t *own = region_array(im->rg, im->senders.n, sizeof(*own));

	im->leaders = region_array(im->rg, im->senders.n, sizeof(size_t));
	im->routed = region_array(im->rg, im->senders.n, sizeof(size_t));
	im->ways = region_array(im->rg, im->senders.n, sizeof(void *));
	for (size_t i = 0; i < im->senders.n; i++) {
		const char *routing = routing_of(im, i);

		own[i] = i;
		im->routed[i] = first_like(routed, routing, &own[i]);
		im->leaders[i] = first_like(all,
		    REGION_JOIN(im->rg, routing, "\n", sending_of(im, i)),
		    &own[i]);
	}
	strmap_free(&all);
	strmap_free(&routed);
}

/* The first address of each family in the list of interfaces. */
static void
find_addresses(struct ex_import *im, const struct ex_instance *t, size_t sender,
    const char *address[2])
{
	const char *list = ex_at(string_of(im, t, INTERFACE), sender, 0), *item;
	struct ex_cursor at = ex_cursor_of(list == NULL ? "" : list);

	address[0] = address[1] = "";
	while ((item = ex_cursor_next(&at, im->rg)) != NULL) {
		struct net_addr a;
		struct err ignored;

		if (net_addr_parse(slice_of(item), &a, &ignored) == -1) {
			if (ex_first(im, t, item))
				ex_manual(im, IMPORT_LOST, t, INTERFACE,
				    REGION_JOIN(im->rg, "\"", item,
					"\" is no address"));
		} else if (address[a.family == AF_INET6][0] == '\0') {
			address[a.family == AF_INET6] = item;
		}
	}
}

/*
 * What is said to servers where it hangs on our address: two values for each
 * sender, of IPv4 and IPv6, by one question.
 */
static bool
ask_by_address(struct ex_import *im, const struct ex_instance *t,
    struct ex_string *s)
{
	const size_t n = im->senders.n;
	const char **texts = region_array(im->rg, 2 * n, sizeof(*texts));

	for (size_t i = 0; i < n; i++) {
		const char *address[2];

		find_addresses(im, t, i, address);
		for (size_t j = 0; j < 2; j++) {
			const struct ex_given given = {
				.sender = &im->senders.v[i],
				.ip = address[j],
			};

			texts[2 * i + j] = address[j][0] == '\0' ?
			    "" :
			    ex_expr_with(im->rg, &s->x, &given);
		}
	}
	s->values = region_array(im->rg, 2 * n, sizeof(*s->values));
	return ex_ask_all(im, t, HELO, texts, 2 * n, s->values);
}

static void
ask_transport(struct ex_import *im, const struct ex_instance *t)
{
	static const char *const names[] = { INTERFACE, HELO };

	for (size_t i = 0; i < 2; i++) {
		struct ex_string *s = string_of(im, t, names[i]);
		bool done = (s->x.by & EX_BY_IP) != 0 ?
		    ask_by_address(im, t, s) :
		    ex_ask(im, t, names[i], s);

		if (!done) {
			s->x = (struct ex_expr){ .text = "" };
			(void)ex_ask(im, t, names[i], s);
		}
	}
}

void
ex_transports_ask(struct ex_import *im)
{
	for (const struct ex_instance *t = im->conf->first[EX_TRANSPORT];
	     t != NULL; t = t->next)
		if (ex_is_client(t))
			ask_transport(im, t);
	find_leaders(im);
}

void
ex_identity(struct ex_import *im, const struct ex_instance *t, size_t sender,
    struct ex_identity *id)
{
	const struct ex_string *s = string_of(im, t, HELO);
	const char *own = ex_conf_value(ex_main(im->conf), "primary_hostname");

	find_addresses(im, t, sender, id->address);
	for (size_t i = 0; i < 2; i++) {
		const char *helo = (s->x.by & EX_BY_IP) != 0 ?
		    s->values[2 * sender + i] :
		    ex_at(s, sender, 0);

		id->helo[i] = helo == NULL || helo[0] == '\0' ? own : helo;
	}
	id->key = REGION_JOIN(im->rg, t->name, "\n", id->address[0], "\n",
	    id->address[1], "\n", id->helo[0], "\n", id->helo[1]);
}
