/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/iprev.h"

#include "lib/check.h"

const char *
iprev_result_text(enum iprev_result r)
{
	switch (r) {
	case IPREV_PASS:
		return "pass";
	case IPREV_FAIL:
		return "fail";
	case IPREV_TEMPERROR:
		return "temperror";
	case IPREV_PERMERROR:
		return "permerror";
	}
	CHECK_NEVER("a result");
}

static bool
conclude(struct iprev *out, enum iprev_result result, const char *reason)
{
	out->result = result;
	out->reason = reason;
	return true;
}

static bool
has_address(const struct dns_answer *a, const struct net_addr *client)
{
	for (size_t i = 0; a->status == DNS_OK && i < a->count; i++)
		if (net_addr_eq(&a->addrs[i], client))
			return true;
	return false;
}

/* All of them are asked for at once; the first that has the address counts. */
static bool
check_names(const struct net_addr *client, const struct dns_answer *names,
    struct dns_book *book, struct region *rg, struct iprev *out)
{
	enum dns_type type = client->family == AF_INET ? DNS_A : DNS_AAAA;
	const struct dns_answer *trouble = NULL;
	bool waits = false;

	for (size_t i = 0; i < names->count && i < IPREV_NAMES_MAX; i++) {
		const struct dns_answer *a = dns_book_find(book,
		    names->names[i], type);

		if (a == NULL) {
			waits = true;
		} else if (has_address(a, client)) {
			out->name = region_strdup(rg, names->names[i]);
			return conclude(out, IPREV_PASS, "");
		} else if (a->status == DNS_TEMP) {
			trouble = a;
		}
	}
	if (waits)
		return false;
	if (trouble != NULL)
		return conclude(out, IPREV_TEMPERROR,
		    region_strdup(rg, trouble->text));
	return conclude(out, IPREV_FAIL,
	    REGION_JOIN(rg, names->names[0],
		names->count > 1 ?
		    " and its other names do not have the address" :
		    " does not have the address"));
}

bool
iprev_check(const struct net_addr *client, struct dns_book *book,
    struct region *rg, struct iprev *out)
{
	char name[DNS_BOOK_REVERSE_CAP];
	const struct dns_answer *a;

	*out = (struct iprev){ .name = "", .reason = "" };
	a = dns_book_find(book, dns_book_reverse(client, name), DNS_PTR);
	if (a == NULL)
		return false;
	switch (a->status) {
	case DNS_TEMP:
		return conclude(out, IPREV_TEMPERROR,
		    region_strdup(rg, a->text));
	case DNS_OK:
		return check_names(client, a, book, rg, out);
	case DNS_NXDOMAIN:
	case DNS_NODATA:
	case DNS_BAD_NAME:
		break;
	}
	return conclude(out, IPREV_PERMERROR, "the address has no name");
}
