/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "admin/ctl_setup_exim.h"
#include "compat/exim/ex_own.h"
#include "lib/clock.h"

enum { DOMAINS_MAX = 100, COMPARE_S = 30 };

static int
leads_here(const struct ex_site *s, const char *config, struct err *e)
{
	struct buf said = { .p = NULL };
	int rc = ex_site_route(s, config, "probe@" HOST_PROBE_DOMAIN, 0, &said,
	    e);

	if (rc == -1)
		(void)err_where(e, "the new configuration, asked by -bt");
	else if (strstr(buf_cstr(&said), "router = " EX_OUR_ROUTER ",") == NULL)
		rc = err_set(e,
		    "the new configuration would not lead here, says exim "
		    "-bt: another router comes before");
	buf_fini(&said);
	return rc;
}

/* Addresses asked about by both configurations. */
struct routes {
	const struct ex_site *site;
	const struct ex_setup *s;
	const char *config;
	int64_t until_us;
};

/* What -bt says by then; 1: nothing. */
static int
ask(const struct routes *r, const char *config, const char *address,
    struct buf *out, struct err *e)
{
	const int64_t left_us = r->until_us - clock_us();
	int rc;

	if (left_us <= 0)
		return 1;
	rc = ex_site_route(r->site, config, address,
	    (int)((left_us + US_PER_S - 1) / US_PER_S), out, e);
	return rc == -1 && clock_us() >= r->until_us ? 1 : rc;
}

/*
 * wanted: it is of --domains, and may come to us where nobody takes it now.  1:
 * there was no time for it.
 */
static int
compare(const struct routes *r, const char *address, bool wanted, struct err *e)
{
	struct buf now = { .p = NULL }, then = { .p = NULL };
	const char *left;
	int rc = ask(r, NULL, address, &now, e);

	if (rc == 0)
		rc = ask(r, r->config, address, &then, e);
	left = rc != 0 ? NULL :
			 ex_own_left(r->s, buf_cstr(&now), buf_cstr(&then));
	if (rc == 0 && left == NULL && !wanted &&
	    ex_own_is_taken(address, buf_cstr(&now), buf_cstr(&then)))
		left = "undeliverable";
	if (left != NULL)
		rc = err_set(e,
		    "%s would not go where it goes now (%s), says exim -bt: "
		    "mail of this host's own would leave it",
		    address, left);
	buf_fini(&now);
	buf_fini(&then);
	return rc;
}

/* Those of --domains, which a look-up in a database may have as the host's own. */
static int
compare_wanted(const struct routes *r, struct err *e)
{
	const struct ex_wish *w = r->s->wish;
	const char *rest = w->list, *domain = "";
	size_t asked = 0;
	int rc = 0;

	while (rc == 0 && w->scope == EX_DOMAINS &&
	    (domain = ex_wish_domain(w, r->site->rg, &rest)) != NULL) {
		rc = compare(r, REGION_JOIN(r->site->rg, "postmaster@", domain),
		    true, e);
		asked += rc == 0;
	}
	if (rc == 1)
		rc = err_set(e,
		    "of --domains only %zu could be compared by exim -bt in "
		    "time, now and as it would be: whether %s is this host's "
		    "own is not known",
		    asked, domain);
	return rc;
}

int
ctl_setup_exim_routes(const struct ex_site *site, const struct ex_setup *s,
    const char *config, int wanted_s, struct err *e)
{
	struct routes r = { .site = site, .s = s, .config = config };
	const struct ex_files files = { ex_site_keys, site->rg };
	struct ex_own own;
	size_t i = 0;
	int rc = 0;

	if (leads_here(site, config, e) == -1)
		return -1;
	ex_own_read(&(struct ex_own_asks){ s->f, &files, s->wish->expand,
			s->wish->site },
	    site->rg, &own);
	r.until_us = clock_us() + wanted_s * US_PER_S;
	rc = compare_wanted(&r, e);
	r.until_us = clock_us() + COMPARE_S * US_PER_S;
	while (rc == 0 && i < own.points.n && i < DOMAINS_MAX) {
		rc = compare(&r, ex_own_address(site->rg, &own.points.v[i]),
		    false, e);
		i += rc == 0;
	}
	if (rc == -1)
		return -1;
	for (size_t k = 0; k < own.unknown_n; k++)
		host_note(s->p,
		    "whether mail of this host's own stays here was not asked "
		    "of exim -bt for the domains of %s",
		    own.unknown[k]);
	if (i < own.points.n + own.left)
		host_note(s->p,
		    "of %zu domains of this host's own only %zu were compared "
		    "by exim -bt, now and as it would be",
		    own.points.n + own.left, i);
	return 0;
}
