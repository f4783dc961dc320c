/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "admin/ctl_setup_exim.h"
#include "compat/exim/ex_senders.h"

/* Not the domain that is led here whoever sends. */
static const char others[] = "probe@any." HOST_PROBE_DOMAIN;

/* 1: Exim's list has it, 0: not; -1: it cannot be asked. */
static int
list_has(const struct ex_site *site, const char *list, const char *address,
    struct err *e)
{
	struct buf said = { .p = NULL };
	int has = ex_site_expand(site,
	    REGION_JOIN(site->rg, "${if match_address{", address, "}{", list,
		"}{yes}{no}}"),
	    &said, e);

	if (has == 0 && strncmp(buf_cstr(&said), "Failed:", 7) == 0)
		has = err_set(e, "%s", buf_cstr(&said));
	if (has == 0)
		has = strcmp(buf_cstr(&said), "yes") == 0;
	buf_fini(&said);
	return has;
}

const char *
ctl_setup_exim_sender(const struct ex_site *site, const struct ex_setup *s)
{
	const struct ex_files files = { ex_site_keys, site->rg };
	const struct ex_own_asks asks = { s->f, &files, s->wish->expand,
		s->wish->site };
	const char *list = s->wish->list;
	struct ex_senders senders;
	struct err e;
	/* An item after the other is asked about somebody whom none has. */
	int has = list_has(site, list, "probe@" HOST_PROBE_DOMAIN, &e);

	ex_senders(&asks, list, site->rg, &senders);
	for (size_t i = 0; i < senders.n && has != -1; i++) {
		has = list_has(site, list, senders.v[i], &e);
		if (has == 1)
			return senders.v[i];
	}
	if (has == -1)
		host_refuse(s->p, "--senders: %s", e.text);
	else if (!senders.others)
		host_refuse(s->p,
		    "--senders: %s has no sender, so no mail would come: name "
		    "one first, such as *@news.example",
		    list);
	return NULL;
}

int
ctl_setup_exim_leads(const struct ex_site *site, const char *config,
    const char *sender, struct err *e)
{
	const char *const argv[] = { "-f", sender[0] == '\0' ? "<>" : sender,
		"-bt", others, NULL };
	struct buf said = { .p = NULL };
	int rc = ex_site_ask(site, config, argv, &said, e);

	if (rc == -1 ||
	    strstr(buf_cstr(&said), "router = " EX_OUR_ROUTER ",") == NULL)
		rc = err_set(e,
		    "the new configuration would not lead mail of <%s> here, "
		    "says exim -bt",
		    sender);
	buf_fini(&said);
	return rc;
}
