/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/ctl_setup_sender.h"

#include "compat/postfix/pf_senders.h"

enum { GUESSES = 30 };

/* Of the host's own domains; NULL: none of them is in it. */
static const char *
guess(const struct ctl_setup_asks *a, const char *table)
{
	struct pf_guess guesses[GUESSES];
	const size_t n = pf_senders_guess(a->host, a->plan->rg, table, guesses,
	    GUESSES);
	const char *found = NULL;
	int has = 0;

	for (size_t i = 0; i < n && found == NULL && has != -1; i++) {
		struct buf value = { .p = NULL };
		struct err ignored;

		has = pf_site_get(a->site, table, guesses[i].key, &value,
		    &ignored);
		if (has == 1 && pf_is_our_route(buf_cstr(&value)))
			found = guesses[i].sender;
		buf_fini(&value);
	}
	return found;
}

const char *
ctl_setup_sender(const struct ctl_setup_asks *a, const char *table)
{
	struct buf all = { .p = NULL };
	const char *found = NULL;
	struct err e;

	if (pf_site_has(a->site, table, "@" HOST_PROBE_DOMAIN, &e) == -1) {
		host_refuse(a->plan, "--senders: %s", e.text);
	} else if (pf_site_list(a->site, table, &all, &e) == -1) {
		found = guess(a, table);
	} else {
		found = pf_senders_listed(a->host, a->plan->rg, buf_cstr(&all));
		if (found == NULL)
			host_refuse(a->plan,
			    "--senders: %s leads no sender here, so no mail "
			    "would come; put one into it first, such as\n"
			    "  @news.example  mailrace:unix:mailrace/lmtp",
			    table);
	}
	buf_fini(&all);
	return found;
}
