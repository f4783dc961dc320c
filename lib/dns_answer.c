/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/dns_answer.h"

#include <stdlib.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "lib/str.h"

/* Of a name that cannot be asked, this much is shown. */
#define SHOWN_MAX 80

const char *
dns_type_name(enum dns_type type)
{
	switch (type) {
	case DNS_A:
		return "A";
	case DNS_PTR:
		return "PTR";
	case DNS_MX:
		return "MX";
	case DNS_TXT:
		return "TXT";
	case DNS_AAAA:
		return "AAAA";
	}
	CHECK_NEVER("a type that is asked");
}

struct dns_answer *
dns_answer_new(enum dns_status status)
{
	struct dns_answer *a = mem_new(struct dns_answer);

	ref_init(&a->refs);
	a->status = status;
	return a;
}

struct dns_answer *
dns_answer_temp(const char *name, enum dns_type type, const char *why,
    int64_t now_us)
{
	struct dns_answer *a = dns_answer_new(DNS_TEMP);
	struct buf b = { 0 };

	buf_printf(&b, "no answer for %s (%s): %s", name, dns_type_name(type),
	    why);
	a->text = buf_take(&b, NULL);
	dns_answer_set_ttl(a, DNS_TTL_FAILED_S, now_us);
	return a;
}

struct dns_answer *
dns_answer_bad_name(const char *name, int64_t now_us)
{
	struct dns_answer *a = dns_answer_new(DNS_BAD_NAME);
	struct buf b = { 0 };
	size_t shown = 0;

	buf_byte(&b, '"');
	for (; shown < SHOWN_MAX && name[shown] != '\0'; shown++) {
		char c = name[shown];

		if (c < 0x20 || c > 0x7e || c == '"')
			c = '?';
		buf_byte(&b, c);
	}
	buf_printf(&b, "%s\" is not a domain name",
	    name[shown] == '\0' ? "" : "...");
	a->text = buf_take(&b, NULL);
	dns_answer_set_ttl(a, DNS_TTL_NEGATIVE_MAX_S, now_us);
	return a;
}

void
dns_answer_set_ttl(struct dns_answer *a, uint32_t ttl_s, int64_t now_us)
{
	uint32_t most = 0;

	switch (a->status) {
	case DNS_OK:
		most = DNS_TTL_MAX_S;
		break;
	case DNS_NXDOMAIN:
	case DNS_NODATA:
	case DNS_BAD_NAME:
		most = DNS_TTL_NEGATIVE_MAX_S;
		break;
	case DNS_TEMP:
		most = DNS_TTL_FAILED_S;
		break;
	}
	if (ttl_s > most)
		ttl_s = most;
	if (ttl_s < DNS_TTL_MIN_S)
		ttl_s = DNS_TTL_MIN_S;
	a->expires_us = now_us + (int64_t)ttl_s * US_PER_S;
}

struct dns_answer *
dns_answer_ref(struct dns_answer *a)
{
	ref_get(&a->refs);
	return a;
}

void
dns_answer_unref(struct dns_answer **ap)
{
	struct dns_answer *a = *ap;

	*ap = NULL;
	if (a == NULL || !ref_put(&a->refs))
		return;
	for (size_t i = 0; a->mx != NULL && i < a->count; i++)
		free(a->mx[i].host);
	for (size_t i = 0; a->txt != NULL && i < a->count; i++)
		free(a->txt[i]);
	for (size_t i = 0; a->names != NULL && i < a->count; i++)
		free(a->names[i]);
	free(a->mx);
	free(a->txt);
	free(a->names);
	free(a->addrs);
	free(a->text);
	free(a);
}
