/* SPDX-License-Identifier: Apache-2.0 */
/* mailrace: the operator's command. */
#include "admin/ctl_parse.h"

int
main(int argc, char **argv)
{
	struct ctl_options opt;
	ctl_cmd_fn *fn;
	int rc = ctl_parse(argc, argv, &opt, &fn);

	return fn == NULL ? rc : fn(&opt);
}
