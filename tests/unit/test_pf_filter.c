/* SPDX-License-Identifier: Apache-2.0 */
/* Our milter is asked once of each message, whatever lists name each other. */
#include "compat/postfix/pf_filter.h"

#include <string.h>

#include "tests/tap.h"
#include "tests/unit/pf_case.h"

#define OURS "{ unix:mailrace/milter, default_action=tempfail"
#define OURS_LOCAL OURS " }"
#define OURS_SMTPD OURS ", command_timeout=30s, content_timeout=120s }"
#define TAKES "smtpd_milters = $non_smtpd_milters\n"
/* The port that takes clients' mail is filtered, and sendmail(1) is not. */
#define FILTERED(options) \
	"smtp inet n - y - - smtpd -o content_filter=scan:[127.0.0.1]:10025 " options \
	"\npickup unix n - y 60 1 pickup\n"

static const struct {
	const char *label, *set, *services;
	const char *want, *never; /* want NULL: nothing */
} cases[] = {
	{ "smtpd's milters are those of local mail", TAKES, PF_SERVICES,
	    "main non_smtpd_milters = " OURS_LOCAL "\n", "main smtpd_milters" },
	{ "in braces, and with another before",
	    "smtpd_milters = inet:localhost:8891, ${non_smtpd_milters}\n"
	    "non_smtpd_milters = unix:x\n",
	    PF_SERVICES, "main non_smtpd_milters = unix:x, " OURS_LOCAL "\n",
	    "main smtpd_milters" },
	{ "once more",
	    TAKES "non_smtpd_milters = " OURS_LOCAL "\n"
		  "internal_mail_filter_classes = bounce\n",
	    PF_SERVICES, NULL, "milters" },
	{ "local mail goes through a filter: ours is not among its milters",
	    TAKES "content_filter = scan:[127.0.0.1]:10025\n",
	    PF_SERVICES "127.0.0.1:10026 inet n - n - - smtpd "
			"-o content_filter=\n",
	    "main smtpd_milters = $non_smtpd_milters, " OURS_SMTPD "\n",
	    "main non_smtpd_milters" },
	{ "a service that takes those of local mail", "",
	    PF_SERVICES "587 inet n - y - - smtpd "
			"-o smtpd_milters=$non_smtpd_milters\n",
	    "main smtpd_milters = " OURS_SMTPD "\n", "note: 587" },
	{ "behind a filter it has ours then", "",
	    FILTERED("") "127.0.0.1:10026 inet n - n - - smtpd "
			 "-o content_filter= "
			 "-o smtpd_milters=unix:x,$(non_smtpd_milters)\n",
	    "option smtp/inet/smtpd_milters = \n", "option 127.0.0.1:10026" },
	{ "before a filter it has those that are there now",
	    "non_smtpd_milters = { unix:x, default_action=accept }, unix:y\n",
	    FILTERED("-o smtpd_milters=inet:localhost:8891,"
		     "$non_smtpd_milters") "127.0.0.1:10026 inet n - n - - "
					   "smtpd -o content_filter=\n",
	    "option smtp/inet/smtpd_milters = inet:localhost:8891,"
	    "{unix:x,default_action=accept},unix:y\n",
	    NULL },
};

int
main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf out = { .p = NULL };
		struct host_plan p;
		struct pf_conf *h;
		const char *got;

		host_plan_init(&p);
		h = pf_case_host(p.rg, cases[i].set, cases[i].services);
		pf_filter("unix:mailrace/milter", h, &p);
		pf_case_print(&p, &out);
		got = buf_cstr(&out);
		if (!ok((cases[i].want == NULL ||
			    strstr(got, cases[i].want) != NULL) &&
			    (cases[i].never == NULL ||
				strstr(got, cases[i].never) == NULL),
			"%s", cases[i].label))
			(void)printf("# %s\n", got);
		buf_fini(&out);
		pf_conf_free(&h);
		host_plan_fini(&p);
	}
	return done_testing();
}
