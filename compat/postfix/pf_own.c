/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/postfix/pf_own.h"

#include <string.h>

/* Which domains are its own, where their mail goes, and who is asked of it. */
static const char *const names[] = { "mydestination", "relay_domains",
	"virtual_alias_domains", "virtual_mailbox_domains", "local_transport",
	"relay_transport", "virtual_transport", "mailbox_transport",
	"mailbox_transport_maps", "fallback_transport",
	"fallback_transport_maps", "mailbox_command", "mailbox_command_maps",
	"home_mailbox", "luser_relay", "alias_maps", "virtual_alias_maps",
	"virtual_mailbox_maps", "local_recipient_maps", "relay_recipient_maps",
	"address_verify_local_transport", "address_verify_relay_transport",
	"address_verify_virtual_transport" };

const char *
pf_own_changed(const struct pf_conf *now, const struct pf_conf *then)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(pf_value(now, NULL, names[i]),
			pf_value(then, NULL, names[i])) != 0)
			return names[i];
	return NULL;
}
