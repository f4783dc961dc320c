/* SPDX-License-Identifier: Apache-2.0 */
#include "milter/milter_ctl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/ctl_proto.h"
#include "lib/daemon.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/shared.h"
#include "milter/milter_conf.h"
#include "milter/milter_suppress.h"
#include "vmta/rate_in_show.h"

#define SENDERS_SHOWN 100

struct milter_ctl {
	struct milter_env *env;
	char *path;
	struct ctl_server *server; /* NULL: no milter-control-socket */
	int64_t started_us;
	unsigned failed_reloads;
};

/* What a reload cannot change keeps working as it was; it is said so. */
static void
warn_restart(const struct milter_ctl *c, const struct milter_conf *fresh,
    struct conf_errors *errs)
{
	struct milter_conf *old = current_get(c->env->conf);
	const struct global_conf *a = snapshot_global(old->snapshot);
	const struct global_conf *b = snapshot_global(fresh->snapshot);

	if (strcmp(a->milter_listener, b->milter_listener) != 0 ||
	    strcmp(a->milter_control, b->milter_control) != 0 ||
	    strcmp(a->suppression_dir, b->suppression_dir) != 0)
		conf_warning(errs, c->path, 0,
		    "milter-listener, milter-control-socket and suppression-dir "
		    "change with a restart only");
	milter_conf_unref(&old);
}

/* The new generation, or 0 with the reasons in errs. */
static uint64_t
reload(struct milter_ctl *c, struct conf_errors *errs)
{
	struct milter_conf *fresh;
	uint64_t generation = 0;
	struct err e;

	daemon_reloading();
	if (log_reopen(&e) == -1)
		log_note(LOG_L_ERROR, "log", "%s", e.text);
	fresh = milter_conf_load(c->path, errs);
	if (fresh != NULL) {
		generation = snapshot_generation(fresh->snapshot);
		warn_restart(c, fresh, errs);
		log_set_level(
		    log_level_of(snapshot_global(fresh->snapshot)->log_level));
		milter_suppress_set(c->env->suppress, fresh->snapshot);
		current_set_take(c->env->conf, fresh);
	} else {
		c->failed_reloads++;
	}
	daemon_ready();
	return generation;
}

static void
log_reload(const struct conf_errors *errs, uint64_t generation)
{
	for (size_t i = 0; i < errs->n; i++)
		log_note(errs->v[i].warning ? LOG_L_WARN : LOG_L_ERROR,
		    "reload", "%s", errs->v[i].text);
	if (generation == 0)
		log_note(LOG_L_ERROR, "reload",
		    "the old configuration stays in force");
	else
		log_note(LOG_L_INFO, "reload", "generation %" PRIu64,
		    generation);
}

void
milter_ctl_reload(struct milter_ctl *c)
{
	struct conf_errors errs = { 0 };

	log_reload(&errs, reload(c, &errs));
	conf_errors_fini(&errs);
}

static void
answer_reload(struct milter_ctl *c, struct ctl_request *r)
{
	struct conf_errors errs = { 0 };
	uint64_t generation = reload(c, &errs);

	log_reload(&errs, generation);
	for (size_t i = 0; i < errs.n; i++)
		ctl_item(r,
		    json_pack("{s:o,s:b}", "text", ctl_string(errs.v[i].text),
			"warning", (int)errs.v[i].warning));
	if (generation == 0)
		ctl_fail(r,
		    "%zu mistakes in the configuration; the old one stays in "
		    "force",
		    errs.fatal);
	else
		ctl_done(r,
		    json_pack("{s:I}", "generation", (json_int_t)generation));
	conf_errors_fini(&errs);
}

static json_int_t
number(struct count *c)
{
	return (json_int_t)count_read(c);
}

static void
answer_status(struct milter_ctl *c, struct ctl_request *r)
{
	struct milter_env *env = c->env;
	struct milter_conf *conf = current_get(env->conf);

	ctl_done(r,
	    json_pack(
		"{s:s,s:s,s:i,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:i}",
		"program", "mailrace-milter", "version", PACKAGE_VERSION, "pid",
		(int)getpid(), "uptime",
		(json_int_t)((clock_us() - c->started_us) / US_PER_S),
		"generation", (json_int_t)snapshot_generation(conf->snapshot),
		"configured_at", (json_int_t)(conf->loaded_us / US_PER_S),
		"sessions", number(&env->sessions), "messages",
		number(&env->messages), "signatures", number(&env->signatures),
		"seals", number(&env->seals), "tempfailed",
		number(&env->tempfailed), "denied", number(&env->denied),
		"limited", number(&env->limited), "suppressed",
		number(&env->suppressed), "failed_reloads",
		(int)c->failed_reloads));
	milter_conf_unref(&conf);
}

/* Those that there is room for, the fullest first. */
static void
answer_senders(struct milter_ctl *c, struct ctl_request *r, const json_t *args)
{
	const json_t *items = json_object_get(args, "maxitems");
	json_int_t max = json_is_integer(items) ? json_integer_value(items) :
						  SENDERS_SHOWN;
	int64_t now_us = clock_us();
	struct rate_in_list list;
	size_t shown;

	rate_in_list_take(&list, shared_enter(c->env->shared), now_us);
	shared_leave(c->env->shared);
	rate_in_list_sort(&list);
	shown = max > 0 && (size_t)max < list.n ? (size_t)max : list.n;
	for (size_t i = 0; i < shown; i++)
		ctl_item(r, rate_in_row_json(&list.v[i], now_us));
	ctl_done(r,
	    json_pack("{s:I,s:I}", "shown", (json_int_t)shown, "matched",
		(json_int_t)list.n));
	rate_in_list_fini(&list);
}

static void
on_request(void *ctx, struct ctl_request *r, const char *command,
    const json_t *args)
{
	if (strcmp(command, "reload") == 0)
		answer_reload(ctx, r);
	else if (strcmp(command, "show senders") == 0)
		answer_senders(ctx, r, args);
	else if (strcmp(command, "show status") == 0)
		answer_status(ctx, r);
	else
		ctl_fail(r,
		    "unknown command \"%s\"; there are reload, "
		    "show senders and show status",
		    command);
}

int
milter_ctl_new(struct worker *w, struct milter_env *env, const char *path,
    struct milter_ctl **ctl_r, struct err *e)
{
	struct milter_ctl *c = mem_new(struct milter_ctl);
	struct milter_conf *conf = current_get(env->conf);
	const struct global_conf *global = snapshot_global(conf->snapshot);
	const struct ctl_server_options opt = { .path = global->milter_control,
		.group = global->control_group,
		.fn = on_request,
		.ctx = c };
	int rc = 0;

	c->env = env;
	c->path = mem_strdup(path);
	c->started_us = clock_us();
	if (opt.path[0] != '\0')
		rc = ctl_server_new(w, &opt, &c->server, e);
	milter_conf_unref(&conf);
	if (rc == -1)
		milter_ctl_free(&c);
	*ctl_r = c;
	return rc;
}

void
milter_ctl_free(struct milter_ctl **cp)
{
	struct milter_ctl *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	if (c->server != NULL)
		ctl_server_free(&c->server);
	free(c->path);
	free(c);
}
