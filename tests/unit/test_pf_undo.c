/* SPDX-License-Identifier: Apache-2.0 */
/* Of edited files only our own lines are taken back, or nothing. */
#include "compat/postfix/pf_undo.h"

#include <stdlib.h>

#include "tests/tap.h"
#include "tests/unit/pf_case.h"

#define LMTP "mailrace:unix:mailrace/lmtp"
#define SERVICE "mailrace unix - - n - 50 lmtp"

static const struct host_change made[] = {
	{ PF_SERVICE, "mailrace/unix", SERVICE, NULL },
	{ PF_PARAMETER, "smtpd_milters", "unix:x, unix:mailrace/milter",
	    "unix:x" },
	{ PF_OPTION, "smtp/inet/smtpd_milters", "unix:x", NULL },
	{ PF_PARAMETER, "default_transport", LMTP, NULL },
};

#define SET \
	"smtpd_milters = unix:x, unix:mailrace/milter\n" \
	"default_transport = " LMTP "\n"
#define SERVICES \
	"smtp inet n - y - - smtpd -o smtpd_milters=unix:x\n" SERVICE "\n"
#define ALL \
	"main default_transport goes\n" \
	"option smtp/inet/smtpd_milters goes\n" \
	"main smtpd_milters = unix:x\n" \
	"service mailrace/unix goes\n"

static const struct {
	const char *label, *set, *services, *want;
} cases[] = {
	{ "all is as it was made", SET, SERVICES, ALL },
	{ "something else was added", SET "mynetworks = 10.0.0.0/8\n",
	    SERVICES "submission inet n - y - - smtpd\n", ALL },
	{ "some of it is gone already", "smtpd_milters = unix:x\n",
	    "smtp inet n - y - - smtpd\n" SERVICE "\n",
	    "service mailrace/unix goes\n" },
	{ "one was changed",
	    "smtpd_milters = unix:x, unix:mailrace/milter, unix:y\n"
	    "default_transport = " LMTP "\n",
	    SERVICES,
	    "no: smtpd_milters was changed after set-up: set-up made it "
	    "\"unix:x, unix:mailrace/milter\", now it is unix:x, "
	    "unix:mailrace/milter, unix:y\n"
	    "no: smtpd_milters = unix:x, unix:mailrace/milter, unix:y: set-up "
	    "did not write this, and it needs Mailrace: take it out first\n"
	    "main default_transport goes\n"
	    "option smtp/inet/smtpd_milters goes\n"
	    "service mailrace/unix goes\n" },
	{ "one was taken out, and was there before",
	    "default_transport = " LMTP "\n", SERVICES,
	    "no: smtpd_milters was changed after set-up: set-up made it "
	    "\"unix:x, unix:mailrace/milter\", now it is not there\n"
	    "main default_transport goes\n"
	    "option smtp/inet/smtpd_milters goes\n"
	    "service mailrace/unix goes\n" },
	{ "somebody else needs the service",
	    SET "transport_maps = inline:{x=" LMTP "}\n", SERVICES,
	    "no: transport_maps = inline:{x=" LMTP "}: set-up did not write "
	    "this, and it needs Mailrace: take it out first\n" ALL },
	{ "a service of somebody else needs it", SET,
	    SERVICES "25 inet n - y - - smtpd -o content_filter=" LMTP "\n",
	    "no: 25/inet in master.cf needs Mailrace, and set-up did not "
	    "write this: take it out first\n" ALL },
};

static const struct {
	const char *set, *services, *name;
} leads[] = {
	{ SET, SERVICES, "smtpd_milters" },
	{ "default_transport = " LMTP "\n", SERVICES, "default_transport" },
	{ "", SERVICES "25 inet n - y - - smtpd -o content_filter=" LMTP "\n",
	    "25/inet" },
	{ "default_transport = smtp\n", SERVICES, "" },
};

static void
leads_here(void)
{
	for (size_t i = 0; i < sizeof(leads) / sizeof(leads[0]); i++) {
		struct region *rg = region_new();
		struct pf_conf *h = pf_case_host(rg, leads[i].set,
		    leads[i].services);
		const char *name = pf_leads_here(h);

		is_str(name == NULL ? "" : name, leads[i].name,
		    "what leads here");
		pf_conf_free(&h);
		region_free(&rg);
	}
}

int
main(void)
{
	leads_here();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf out = { .p = NULL };
		struct pf_conf *h;
		struct host_plan p;

		host_plan_init(&p);
		h = pf_case_host(p.rg, cases[i].set, cases[i].services);
		pf_undo(made, sizeof(made) / sizeof(made[0]), h, &p);
		pf_case_print(&p, &out);
		(void)is_str(buf_cstr(&out), cases[i].want, cases[i].label);
		buf_fini(&out);
		pf_conf_free(&h);
		host_plan_fini(&p);
	}
	return done_testing();
}
