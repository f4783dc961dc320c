/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/postfix/pf_place.h"

#include <string.h>

struct place {
	struct slice host; /* empty: all of inet_interfaces */
	uint64_t port;     /* 0: not known */
};

/* As /etc/services has them. */
static const struct {
	const char *name;
	unsigned port;
} ports[] = { { "lmtp", 24 }, { "smtp", 25 }, { "mail", 25 }, { "smtps", 465 },
	{ "submissions", 465 }, { "urd", 465 }, { "ssmtp", 465 },
	{ "submission", 587 }, { "qmqp", 628 } };

static uint64_t
port_of(struct slice text)
{
	uint64_t n = 0;

	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
		if (slice_eq(text, ports[i].name))
			return ports[i].port;
	for (size_t i = 0; i < text.len; i++) {
		if (text.p[i] < '0' || text.p[i] > '9' || i > 5)
			return 0;
		n = 10 * n + (uint64_t)(text.p[i] - '0');
	}
	return n;
}

static struct place
place_of(const char *name)
{
	const char *colon = strrchr(name, ':');
	struct place p = { .host = SLICE_LIT("") };

	if (colon != NULL) {
		p.host = (struct slice){ name, (size_t)(colon - name) };
		name = colon + 1;
	}
	if (slice_eq(p.host, "localhost"))
		p.host = SLICE_LIT("127.0.0.1");
	p.port = port_of(slice_of(name));
	return p;
}

static bool
is_any(struct slice host)
{
	return slice_eq(host, "0.0.0.0") || slice_eq(host, "[::]");
}

static bool
meet(const struct pf_conf *h, const struct place *a, const struct place *b)
{
	const char *all = pf_value(h, NULL, "inet_interfaces");

	if (a->port == 0 || a->port != b->port)
		return false;
	if (a->host.len == 0 && b->host.len == 0)
		return true;
	if (a->host.len == 0 || b->host.len == 0)
		return all[0] == '\0' || strcmp(all, "all") == 0;
	return is_any(a->host) || is_any(b->host) ||
	    (a->host.len == b->host.len &&
		memcmp(a->host.p, b->host.p, a->host.len) == 0);
}

const struct pf_service *
pf_place_taken(const struct pf_conf *h, const char *name)
{
	const struct place wanted = place_of(name);

	for (const struct pf_service *s = pf_services(h); s != NULL;
	     s = s->next) {
		const struct place is = place_of(s->name);

		if (strcmp(s->type, "inet") == 0 &&
		    strcmp(s->name, name) != 0 && meet(h, &wanted, &is))
			return s;
	}
	return NULL;
}
