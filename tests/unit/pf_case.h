/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pf_case - a Postfix made of a few lines, and a plan as text; header only, for
 * the tests of set-up.
 */

#ifndef TESTS_UNIT_PF_CASE_H
#define TESTS_UNIT_PF_CASE_H

#include "compat/postfix/pf_change.h"
#include "compat/postfix/pf_conf.h"
#include "lib/str.h"

/* What postconf -x says of a Postfix where nobody has set anything. */
#define PF_DEFAULTS \
	"queue_directory = /var/spool/postfix\n" \
	"default_transport = smtp\n" \
	"internal_mail_filter_classes =\n" \
	"mail_version = 3.7.11\n" \
	"multi_instance_enable = no\n" \
	"mydestination = mx.example, localhost\n" \
	"relayhost =\n" \
	"smtp_tls_security_level =\n" \
	"smtp_enforce_tls = no\n" \
	"soft_bounce = no\n"

#define PF_SERVICES \
	"smtp  inet  n  -  y  -  -  smtpd\n" \
	"pickup  unix  n  -  y  60  1  pickup\n" \
	"smtp  unix  -  -  y  -  -  smtp\n"

/* In the region; to be freed. */
static inline struct pf_conf *
pf_case_host(struct region *rg, const char *set, const char *services)
{
	struct pf_conf *h = pf_conf_new(rg);
	struct buf all = { .p = NULL };

	buf_str(&all, PF_DEFAULTS);
	buf_str(&all, set);
	pf_conf_read_values(h, (struct slice){ all.p, all.len });
	pf_conf_read_set(h, slice_of(set));
	pf_conf_read_services(h, slice_of(services));
	buf_fini(&all);
	return h;
}

static inline void
pf_case_print(const struct host_plan *p, struct buf *out)
{
	static const char *const kinds[] = { [PF_PARAMETER] = "main",
		[PF_SERVICE] = "service",
		[PF_OPTION] = "option" };

	for (size_t i = 0; i < p->refusals.n; i++)
		buf_printf(out, "no: %s\n", p->refusals.v[i]);
	for (size_t i = 0; i < p->notes.n; i++)
		buf_printf(out, "note: %s\n", p->notes.v[i]);
	for (size_t i = 0; i < p->count; i++) {
		const struct host_change *c = &p->changes[i];

		if (c->value == NULL)
			buf_printf(out, "%s %s goes\n", kinds[c->kind],
			    c->name);
		else
			buf_printf(out, "%s %s = %s\n", kinds[c->kind], c->name,
			    c->value);
	}
}

#endif
