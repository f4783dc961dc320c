/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the reply to a question: the first byte picks the type asked
 * for, the rest is the packet.  An answer must be whole and consistent.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/check.h"
#include "lib/dns_answer.h"
#include "lib/dns_name.h"
#include "lib/dns_packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_answer(const struct dns_answer *a, enum dns_type type)
{
	CHECK((a->status == DNS_OK) == (a->count > 0));
	CHECK((a->status == DNS_OK) == (a->text == NULL));
	CHECK(a->count <= DNS_RECORDS_MAX);
	CHECK(a->expires_us >= 0);
	for (size_t i = 0; i < a->count; i++) {
		if (type == DNS_MX)
			CHECK(strlen(a->mx[i].host) < DNS_NAME_CAP);
		else if (type == DNS_TXT)
			CHECK(strlen(a->txt[i]) < DNS_TXT_MAX);
		else if (type == DNS_PTR)
			CHECK(strlen(a->names[i]) < DNS_NAME_CAP);
		else
			CHECK(a->addrs[i].family != 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum dns_type types[] = { DNS_A, DNS_MX, DNS_AAAA, DNS_TXT,
		DNS_PTR };
	enum dns_type type;
	struct dns_answer *a;

	if (size == 0)
		return 0;
	type = types[data[0] % 5];
	a = dns_packet_answer(data + 1, size - 1, "example.net", type, 0);
	check_answer(a, type);
	dns_answer_unref(&a);
	return 0;
}
