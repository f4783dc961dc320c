/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inet_interfaces as what mail is sent from: Postfix binds to the address of a
 * family if there is only one, and that is no loopback address (postconf(5),
 * smtp_bind_address).  Names count by their addresses, which nobody here knows
 * but for localhost.
 */
#include <string.h>

#include "compat/postfix/pf_import_priv.h"
#include "lib/net.h"

enum kind { KIND_ALL, KIND_LOOPBACK, KIND_ADDRESS, KIND_NAME };

static enum kind
kind_of(const char *word, struct net_addr *a)
{
	struct err ignored;

	if (strcmp(word, "all") == 0)
		return KIND_ALL;
	if (strcmp(word, "loopback-only") == 0 ||
	    str_eq_nocase(word, "localhost"))
		return KIND_LOOPBACK;
	return net_addr_parse(slice_of(word), a, &ignored) == 0 ? KIND_ADDRESS :
								  KIND_NAME;
}

/* The next word; NULL: no more. */
static const char *
next_word(struct pf_import *im, const char **at)
{
	const char *p = *at + strspn(*at, ", \t\n");
	size_t len = strcspn(p, ", \t\n");

	*at = p + len;
	return len == 0 ? NULL : region_strndup(im->rg, p, len);
}

struct interfaces {
	bool all;
	size_t others;      /* names, and what is loopback in any family */
	size_t n[2];        /* addresses, of IPv4 and IPv6 */
	const char *one[2]; /* the last of them */
	const char *name;   /* the last name; NULL: none */
};

static struct interfaces
read_interfaces(struct pf_import *im, const struct pf_service *s)
{
	const char *at = pf_value(im->conf, s, "inet_interfaces"), *word;
	struct interfaces in = { .one = { "", "" } };

	while ((word = next_word(im, &at)) != NULL) {
		struct net_addr a;

		switch (kind_of(word, &a)) {
		case KIND_ALL:
			in.all = true;
			break;
		case KIND_LOOPBACK:
			in.others++;
			break;
		case KIND_NAME:
			in.others++;
			in.name = word;
			break;
		case KIND_ADDRESS:
			in.n[a.family == AF_INET6]++;
			in.one[a.family == AF_INET6] = word;
			break;
		}
	}
	return in;
}

const char *
pf_only_interface(struct pf_import *im, const struct pf_service *s, bool six)
{
	const struct interfaces in = read_interfaces(im, s);

	if (in.all || in.n[six] + in.others != 1 ||
	    strncmp(in.one[six], "127.", 4) == 0 ||
	    strcmp(in.one[six], "::1") == 0)
		return "";
	return in.one[six];
}

void
pf_tell_interfaces(struct pf_import *im, const struct pf_service *s)
{
	const struct interfaces in = read_interfaces(im, s);
	const struct import_fact fact = pf_fact(im, s, "inet_interfaces");

	if (!in.all && in.name != NULL && in.others == 1 &&
	    (in.n[0] == 0 || in.n[1] == 0))
		import_tell(im->report, IMPORT_LOST, &fact,
		    "manual: Postfix may send from the address of %s: write "
		    "smtp-source-host lines",
		    in.name);
}
