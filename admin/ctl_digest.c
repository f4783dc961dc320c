/* SPDX-License-Identifier: Apache-2.0 */
/* The hashes of privacy-policy, to find a recipient in accounting files. */
#include "admin/ctl_cmds.h"

#include <stdio.h>

#include "admin/ctl_ask.h"
#include "mail/privacy.h"

/* Exactly one of two options; false: told. */
static bool
is_one(const struct ctl_options *opt, enum ctl_option a, enum ctl_option b,
    const char *names)
{
	if ((opt->values[a] == NULL) != (opt->values[b] == NULL))
		return true;
	(void)fprintf(stderr,
	    "mailrace: digest needs one of %s; see mailrace digest --help\n",
	    names);
	return false;
}

static void
print(const struct ctl_options *opt, struct buf *hash)
{
	json_t *answer;

	if (!opt->json) {
		(void)printf("Result: %s\n", buf_cstr(hash));
		return;
	}
	answer = json_pack("{s:s}", "result", buf_cstr(hash));
	ctl_print_json(answer);
	json_decref(answer);
}

int
cmd_digest(const struct ctl_options *opt)
{
	bool hex = opt->values[OPT_HEXKEY] != NULL;
	struct buf hash = { 0 };
	struct privacy p;
	struct err e;

	if (!is_one(opt, OPT_HMAC_SHA256, OPT_SIPHASH,
		"--hmac-sha256 and --siphash") ||
	    !is_one(opt, OPT_KEY, OPT_HEXKEY, "--key and --hexkey"))
		return 2;
	if (privacy_key(&p,
		opt->values[OPT_SIPHASH] != NULL ? PRIVACY_SIPHASH :
						   PRIVACY_HMAC,
		opt->values[hex ? OPT_HEXKEY : OPT_KEY], hex, &e) == -1) {
		(void)fprintf(stderr, "mailrace: %s\n", e.text);
		return 2;
	}
	privacy_digest(&p, slice_of(opt->argument), &hash);
	print(opt, &hash);
	buf_fini(&hash);
	return 0;
}
