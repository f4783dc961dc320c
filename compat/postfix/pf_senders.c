/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/postfix/pf_senders.h"

#include <string.h>

#include "compat/postfix/pf_stay.h"
#include "lib/conf_hosts.h"

/* By which Postfix asks for the null sender. */
#define NULL_KEY "empty_address_default_transport_maps_lookup_key"

bool
pf_is_our_route(const char *value)
{
	static const char begin[] = "mailrace:";

	value += strspn(value, " \t");
	if (strncmp(value, begin, sizeof(begin) - 1) != 0)
		return false;
	/* Without a host it is the recipient's, by LMTP. */
	return strcspn(value + sizeof(begin) - 1, " \t\n") > 0;
}

/* NULL: Postfix asks for no such key. */
static const char *
sender_of(const struct pf_conf *h, struct region *rg, const char *key)
{
	if (strcmp(key, pf_value(h, NULL, NULL_KEY)) == 0)
		return "";
	if (key[0] == '@')
		return REGION_JOIN(rg, "probe", key);
	return strchr(key, '@') == NULL ? NULL : key;
}

const char *
pf_senders_listed(const struct pf_conf *h, struct region *rg, const char *text)
{
	const char *found = NULL;

	while (found == NULL && *text != '\0') {
		const size_t len = strcspn(text, "\n");
		const char *line = region_strndup(rg, text, len);
		const size_t key = strcspn(line, " \t");

		text += len + (text[len] == '\n');
		if (pf_is_our_route(line + key))
			found = sender_of(h, rg, region_strndup(rg, line, key));
	}
	return found;
}

/* ---- what cannot be listed ------------------------------------------------- */

struct guesses {
	struct pf_guess *v;
	size_t n, max;
};

static void
add(struct guesses *g, const char *key, const char *sender)
{
	for (size_t i = 0; i < g->n; i++)
		if (strcmp(g->v[i].key, key) == 0)
			return;
	if (g->n < g->max)
		g->v[g->n++] = (struct pf_guess){ key, sender };
}

static bool
is_expression(const char *table)
{
	return strncmp(table, "regexp:", 7) == 0 ||
	    strncmp(table, "pcre:", 5) == 0;
}

size_t
pf_senders_guess(const struct pf_conf *h, struct region *rg, const char *table,
    struct pf_guess *guesses, size_t max)
{
	static const char *const names[] = { "myorigin", "mydomain",
		"myhostname", NULL };
	const char *const *const lists[] = { names, pf_own_lists };
	struct guesses g = { .v = guesses, .max = max };

	add(&g, pf_value(h, NULL, NULL_KEY), "");
	for (size_t k = 0; k < 2; k++)
		for (const char *const *name = lists[k]; *name != NULL;
		     name++) {
			struct slice rest = slice_of(pf_value(h, NULL, *name));
			struct slice item;

			while ((item = pf_list_item(&rest)).len > 0) {
				const char *key = REGION_JOIN(rg, "@",
				    region_strndup(rg, item.p, item.len));
				const char *sender = REGION_JOIN(rg, "probe",
				    key);

				if (!conf_is_host_name(item))
					continue;
				add(&g, sender, sender);
				if (!is_expression(table))
					add(&g, key, sender);
			}
		}
	return g.n;
}
