/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a message says about its signatures.
 *
 *	text    = ["-"] [":" options]  ; "-": it came from outside
 *	options = [option *(";" option)]
 *	option  = name "=" value       ; s, d, i, q, key-list
 *
 * As X-DKIM-Options has them, blanks around each part allowed.  It is other
 * people's programs that write these: names that are not known, and values
 * that cannot be, are passed over.
 */
#include <string.h>

#include "lib/conf_hosts.h"
#include "mail/mailbox.h"
#include "vmta/dkim_conf.h"
#include "vmta/signing.h"

const char *
signing_text(const char *options, bool outside, struct region *rg)
{
	const char *front = outside ? "-" : "";

	if (options == NULL)
		return front;
	/* It travels in the mark and in the envelope. */
	if (strlen(options) > SIGNING_TEXT_MAX - 2)
		options = "";
	return region_printf(rg, "%s:%s", front, options);
}

static const char *
address_of(const struct header_list *headers, const char *name,
    struct region *rg)
{
	size_t at = header_find(headers, name, 0);

	return at == headers->n ? NULL :
				  mailbox_address(headers->v[at].value, rg);
}

static void
take_selector(struct signing_facts *f, struct slice value, struct region *rg)
{
	if (conf_is_host_name(value))
		f->s = region_strndup(rg, value.p, value.len);
}

static void
take_domain(struct signing_facts *f, struct slice value, struct region *rg)
{
	f->d = mailbox_addr_domain(
	    region_printf(rg, "@%.*s", (int)value.len, value.p), rg);
}

static void
take_identity(struct signing_facts *f, struct slice value, struct region *rg)
{
	f->i = mailbox_address(value, rg);
}

/* RFC 6376 section 3.5: q= is a list of types, "dns/txt" so far. */
static void
take_query(struct signing_facts *f, struct slice value, struct region *rg)
{
	if (dkim_conf_is_query(value))
		f->q = region_strndup(rg, value.p, value.len);
}

static void
take_key_list(struct signing_facts *f, struct slice value, struct region *rg)
{
	f->key_list = region_strndup(rg, value.p, value.len);
}

static const struct {
	const char *name;
	void (*take)(struct signing_facts *f, struct slice value,
	    struct region *rg);
} options[] = {
	{ "d", take_domain },
	{ "i", take_identity },
	{ "key-list", take_key_list },
	{ "q", take_query },
	{ "s", take_selector },
};

static void
take_option(struct signing_facts *f, struct slice option, struct region *rg)
{
	const char *eq = option.len == 0 ? NULL :
					   memchr(option.p, '=', option.len);
	struct slice name, value;

	if (eq == NULL)
		return;
	name = slice_trim((struct slice){ option.p, (size_t)(eq - option.p) });
	value = slice_trim(
	    (struct slice){ eq + 1, option.len - (size_t)(eq - option.p) - 1 });
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (value.len > 0 && slice_eq_nocase(name, options[i].name))
			options[i].take(f, value, rg);
}

void
signing_facts_from(const struct header_list *headers, struct region *rg,
    struct signing_facts *f)
{
	f->from = address_of(headers, "From", rg);
}

void
signing_facts_read(const struct header_list *headers, const char *text,
    struct region *rg, struct signing_facts *out)
{
	*out = (struct signing_facts){
		.sender = address_of(headers, "Sender", rg),
		.outside = text[0] == '-',
	};
	signing_facts_from(headers, rg, out);
	text += out->outside;
	if (text[0] != ':')
		return;
	out->options = true;
	for (text++;;) {
		size_t len = strcspn(text, ";");

		take_option(out, (struct slice){ text, len }, rg);
		if (text[len] == '\0')
			return;
		text += len + 1;
	}
}
