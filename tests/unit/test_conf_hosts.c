/* SPDX-License-Identifier: Apache-2.0 */
/* The host list of smtp-hosts is read as PowerMTA writes it. */
#include "lib/conf_hosts.h"
#include "tests/tap.h"

/* Shown as name-or-address, ":port", "/preference", "+mx". */
static const struct {
	const char *text, *shown;
} cases[] = {
	{ "", "" },
	{ "mx.example.net", "mx.example.net/0" },
	{ "H1, h2; h3", "h1/0 h2/0 h3/1" },
	{ "[10.1.1.1]:2525", "10.1.1.1:2525/0" },
	{ "10.1.1.1", "10.1.1.1/0" },
	{ "10.1.1.1:26", "10.1.1.1:26/0" },
	{ "[IPv6:2001:db8::1]", "2001:db8::1/0" },
	{ "[::1]:2525;[IPv6:::2]", "::1:2525/0 ::2/1" },
	{ "lookup-mx:example.com", "example.com/0+mx" },
	{ "LOOKUP-MX:example.com:26, b;c", "example.com:26/0+mx b/0 c/1" },
	{ "h1, h2; [10.1.1.1]:2525; lookup-mx:example.com",
	    "h1/0 h2/0 10.1.1.1:2525/1 example.com/2+mx" },
	{ "a;", "a/0" },
	{ "a,,b", "ERROR" },
	{ "a:0", "ERROR" },
	{ "a:65536", "ERROR" },
	{ "a:b", "ERROR" },
	{ "[10.1.1.1", "ERROR" },
	{ "[10.1.1.1]x", "ERROR" },
	{ "[mx.example.net]", "ERROR" },
	{ "lookup-mx:[10.1.1.1]", "ERROR" },
	{ "lookup-mx:", "ERROR" },
	{ "two words", "ERROR" },
	{ "a..b", "ERROR" },
	{ ".a", "ERROR" },
};

static void
show(struct buf *out, const struct conf_hosts *hosts)
{
	char text[NET_ADDR_TEXT];

	for (size_t i = 0; i < hosts->n; i++) {
		const struct conf_host *h = &hosts->v[i];

		buf_printf(out, "%s%s", i == 0 ? "" : " ",
		    h->name != NULL ? h->name : net_addr_text(&h->addr, text));
		if (h->port != 0)
			buf_printf(out, ":%u", h->port);
		buf_printf(out, "/%u%s", h->pref, h->lookup_mx ? "+mx" : "");
	}
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct region *rg = region_new();
		struct buf out = { 0 };
		struct conf_hosts hosts;
		struct err e;

		if (conf_hosts_parse(slice_of(cases[i].text), rg, &hosts, &e) ==
		    -1)
			buf_str(&out, "ERROR");
		else
			show(&out, &hosts);
		is_str(buf_cstr(&out), cases[i].shown, cases[i].text);
		buf_fini(&out);
		region_free(&rg);
	}
	return done_testing();
}
