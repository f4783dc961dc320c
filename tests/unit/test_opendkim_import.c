/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of each setting of OpenDKIM is told, and no secret is. */
#include "compat/opendkim_import.h"

#include "tests/tap.h"

static const struct {
	const char *line, *said;
} cases[] = {
	{ "Domain a.example  # ours", "Taken over: 1\n  Domain = a.example" },
	{ "Statistics /x", "Done by the host before mail comes here: 1" },
	{ "DontSignMailTo x@a.example", "Not taken over: 1" },
	{ "Nonsense x", "OpenDKIM has no such setting" },
	{ "KeyTable refile:/etc/k", "KeyTable = refile:/etc/k" },
	{ "LDAPBindPassword s3cret", "LDAPBindPassword = (hidden)" },
	{ "KeyTable k=a.example:s:s3cret", "KeyTable = (hidden)" },
	{ "KeyTable dsn:mysql://u:s3cret@h/d", "KeyTable = (hidden)" },
	{ "SigningTable dsn:mysql://u:s3cret@h/d", "SigningTable = (hidden)" },
};

int
main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct region *rg = region_new();
		struct import_report *report = import_report_new(rg);
		struct import_conf *out = import_conf_new(rg, report);
		struct buf text = { 0 };

		opendkim_import("/c/opendkim.conf", slice_of(cases[i].line),
		    out, report);
		import_report_print(report, &text);
		ok(strstr(buf_cstr(&text), cases[i].said) != NULL &&
			strstr(buf_cstr(&text), "s3cret") == NULL,
		    "what is told of line %zu", i + 1);
		buf_fini(&text);
		import_conf_free(&out);
		region_free(&rg);
	}
	return done_testing();
}
