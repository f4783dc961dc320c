/* SPDX-License-Identifier: Apache-2.0 */
/* mailrace: the operator's command. */
#include <stdbool.h>
#include <stdio.h>

#include "admin/ctl_exim.h"
#include "admin/ctl_parse.h"

/* An answer that was cut is none: the disk was full, say.  2 has a reason. */
static int
end(int rc)
{
	bool whole = fflush(stdout) == 0 && ferror(stdout) == 0;

	if (whole || rc == 2)
		return rc;
	(void)fprintf(stderr, "mailrace: cannot write all of it\n");
	return 2;
}

int
main(int argc, char **argv)
{
	struct ctl_options opt;
	ctl_cmd_fn *fn;
	int rc;

	if (ctl_exim_is_called(argv[0]))
		return end(ctl_exim(argc, argv));
	rc = ctl_parse(argc, argv, &opt, &fn);
	return fn == NULL ? rc : end(fn(&opt));
}
