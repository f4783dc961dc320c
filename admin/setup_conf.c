/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/setup_conf.h"

#include <string.h>

#include "admin/ctl_ask.h"
#include "admin/setup_run.h"
#include "vmta/settings.h"

struct snapshot *
setup_conf_load(const struct ctl_options *opt)
{
	struct conf_errors errs = { .portable = true };
	struct snapshot *conf = snapshot_load(opt->config, &errs);
	struct err e;

	if (conf == NULL)
		ctl_print_errors(&errs);
	conf_errors_fini(&errs);
	if (conf == NULL) {
		(void)err_set(&e, "%s has to be right first", opt->config);
		(void)setup_run_fail(&e);
	}
	return conf;
}

int
setup_conf_one_scope(const struct ctl_options *opt, struct err *e)
{
	const char *const *given = opt->values;

	if ((given[OPT_ALL_OUTBOUND] != NULL) + (given[OPT_DOMAINS] != NULL) +
		(given[OPT_SENDERS] != NULL) >
	    1)
		return err_set(e,
		    "only one of --all-outbound, --domains and --senders");
	return 0;
}

bool
setup_conf_holds(void *ctx, const char *domain, const char *directive)
{
	const struct snapshot *conf = ctx;

	for (size_t i = 0; i < snapshot_vmta_count(conf); i++) {
		struct queue_conf q;

		settings_queue(conf, domain, snapshot_vmta_at(conf, i)->name,
		    &q);
		if (strcmp(directive, "smtp-hosts") == 0 ? q.smtp_hosts.n == 0 :
							   !q.require_starttls)
			return false;
	}
	return true;
}

const char *
setup_conf_dsn(const struct snapshot *conf, struct buf *buf)
{
	const struct conf_hosts *hosts = &snapshot_global(conf)->dsn_hosts;
	char text[NET_ADDR_TEXT];

	if (hosts->n == 0 || hosts->v[0].name != NULL ||
	    hosts->v[0].port == 0 ||
	    strncmp(net_addr_text(&hosts->v[0].addr, text), "127.", 4) != 0)
		return NULL;
	buf_printf(buf, "%s:%u", text, (unsigned)hosts->v[0].port);
	return buf_cstr(buf);
}
