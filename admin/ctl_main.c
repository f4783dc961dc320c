/* SPDX-License-Identifier: Apache-2.0 */
/* mailrace: the operator's command. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "admin/ctl_cmds.h"
#include "lib/daemon.h"
#include "lib/str.h"

static void
help(void)
{
	(void)printf("mailrace - asks and steers mailraced\n\n"
		     "usage: mailrace [-c FILE] [--json] COMMAND\n\n"
		     "  -c FILE  configuration (" DAEMON_CONFIG ")\n"
		     "  --json   answer as JSON\n\n"
		     "commands:\n");
	ctl_print_commands();
	(void)printf("\nexample: mailrace show queues '*.example.net'\n"
		     "exit status: 0 well, 1 the answer is no, 2 no answer\n");
}

static int
parse_maxitems(const char *text, long *max_r)
{
	struct err e;
	uint64_t v;

	if (str_to_u64(slice_of(text), &v, &e) == -1 || v == 0 || v > 1000000) {
		(void)fprintf(stderr,
		    "mailrace: --maxitems takes a number from 1 to 1000000\n");
		return -1;
	}
	*max_r = (long)v;
	return 0;
}

int
main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ "json", no_argument, NULL, 'j' },
		{ "domain", required_argument, NULL, 'd' },
		{ "vmta", required_argument, NULL, 'v' },
		{ "maxitems", required_argument, NULL, 'm' },
		{ NULL, 0, NULL, 0 },
	};
	struct ctl_options opt = { .config = DAEMON_CONFIG };
	int c;

	/* One thread: getopt's state is nobody else's. */
	/* NOLINTNEXTLINE(concurrency-mt-unsafe) */
	while ((c = getopt_long(argc, argv, "c:hj", longs, NULL)) != -1) {
		if (c == 'c')
			opt.config = optarg;
		else if (c == 'j')
			opt.json = true;
		else if (c == 'd')
			opt.domain = optarg;
		else if (c == 'v')
			opt.vmta = optarg;
		else if (c == 'm' && parse_maxitems(optarg, &opt.maxitems) == 0)
			continue;
		else if (c == 'h') {
			help();
			return 0;
		} else if (c == 'V') {
			(void)printf("mailrace %s\n", PACKAGE_VERSION);
			return 0;
		} else {
			return 2;
		}
	}
	if (optind == argc) {
		help();
		return 2;
	}
	return ctl_run(&opt, argc - optind, argv + optind);
}
