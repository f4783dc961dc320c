/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run_scenario - plays tests/scenario/NAME.scn on a virtual clock: mail is
 * submitted, scripted servers answer, what is expected is compared.
 *
 *	config LINE            see config.h; then `reload` once it runs
 *	config without NAME    this virtual MTA is gone
 *	server DOMAIN { ... }  how its servers behave; see server.h
 *	mx DOMAIN HOST[=ADDR]  what DNS says; also `none`, `fails`; ttl TIME,
 *	                       answers-after TIME; "*" is the others
 *	submit N to DOMAIN [via VMTA] [recipients N] [priority N] [age TIME]
 *	       [job NAME] [user NAME] [size BYTES] [times N] (a # in the
 *	       domain is 1 to N)
 *	run TIME
 *	restart                ends and starts anew; crash: without an end
 *	pause, schedule, mode, source, lose ...  orders; see orders.h
 *	forget most            starts to look for most connections anew
 *	expect ...             see expectations[] of expect.c
 *
 * A value that is expected is N or N..M.  DOMAIN is a name, name/vmta, or "*".
 *
 * Limits are compared by tests/support/sim.c, which sees nothing but the time
 * stamps of RCPTs and shares no code with the limits.
 */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"
#include "tests/scenario/config.h"
#include "tests/scenario/expect.h"
#include "tests/scenario/orders.h"
#include "tests/scenario/play.h"
#include "tests/scenario/server.h"
#include "tests/support/sim.h"
#include "tests/tap.h"

/* To the domain, or to each of several. */
static void
submit_each(struct play *p, struct sim_submit *what, unsigned times)
{
	const char *domain = what->domain, *hash = strchr(domain, '#');

	if (hash == NULL || times == 0) {
		sim_submit(p->sim, what);
		return;
	}
	for (unsigned i = 1; i <= times; i++) {
		what->domain = region_printf(p->rg, "%.*s%u%s",
		    (int)(hash - domain), domain, i, hash + 1);
		sim_submit(p->sim, what);
	}
}

static void
play_submit(struct play *p, struct words *w)
{
	struct sim_submit what = { .vmta = "", .rcpts = 1, .priority = 50 };
	const char *name, *value;
	unsigned times = 0;

	what.messages = (uint32_t)play_number(p, words_next(w));
	while (w->at < w->n) {
		name = words_next(w);
		value = words_next(w);
		if (strcmp(name, "to") == 0)
			what.domain = value;
		else if (strcmp(name, "via") == 0)
			what.vmta = value;
		else if (strcmp(name, "recipients") == 0)
			what.rcpts = (uint32_t)play_number(p, value);
		else if (strcmp(name, "priority") == 0)
			what.priority = (uint8_t)play_number(p, value);
		else if (strcmp(name, "age") == 0)
			what.age_us = play_duration(p, value);
		else if (strcmp(name, "job") == 0)
			what.job = region_strdup(p->rg, value);
		else if (strcmp(name, "user") == 0)
			what.user = region_strdup(p->rg, value);
		else if (strcmp(name, "size") == 0)
			what.size = (uint32_t)play_number(p, value);
		else if (strcmp(name, "room") == 0)
			what.room = (uint32_t)play_number(p, value);
		else if (strcmp(name, "one-by-one") == 0)
			what.one_by_one = play_number(p, value) != 0;
		else if (strcmp(name, "times") == 0)
			times = (unsigned)play_number(p, value);
		else
			play_complain(p, "submit knows no \"%s\"", name);
	}
	if (what.domain == NULL || what.rcpts == 0 || what.rcpts > 255)
		play_complain(p, "submit N to DOMAIN, up to 255 recipients");
	else
		submit_each(p, &what, times);
}

/* mx DOMAIN HOST ... [ttl TIME] [answers-after TIME]; none; fails */
static void
play_mx(struct play *p, struct words *w)
{
	struct sim_mx_says says = { .domain = words_next(w) };
	const char *word;

	while (w->at < w->n) {
		word = words_next(w);
		if (strcmp(word, "ttl") == 0)
			says.ttl_us = play_duration(p, words_next(w));
		else if (strcmp(word, "answers-after") == 0)
			says.after_us = play_duration(p, words_next(w));
		else if (strcmp(word, "fails") == 0)
			says.fails = true;
		else if (strcmp(word, "none") != 0 && says.n < SIM_MX_HOSTS)
			says.hosts[says.n++] = word;
	}
	sim_mx_set(&p->sim->mx, &says);
}

/*
 * The world begins with the first line that is not configuration; without one
 * that could be read there is none.
 */
static void
start(struct play *p)
{
	struct snapshot *conf;

	if (p->running || p->hopeless)
		return;
	conf = config_load(p->config, p);
	p->hopeless = conf == NULL;
	p->running = conf != NULL;
	if (p->running)
		sim_init(p->sim, conf, 1);
}

static void
reload(struct play *p)
{
	struct snapshot *conf = config_load(p->config, p);

	if (conf != NULL)
		sim_reload(p->sim, conf);
}

static void
play_line(struct play *p, char *text)
{
	struct words w;
	const char *verb;

	if (strncmp(text, "config without ", 15) == 0) {
		if (!config_drop_vmta(p->config, text + 15))
			play_complain(p, "there is none of that name");
		return;
	}
	if (strncmp(text, "config ", 7) == 0) {
		config_add(p->config, text + 7, p->line);
		return;
	}
	words_split(text, &w);
	verb = words_next(&w);
	if (verb[0] == '\0' || verb[0] == '#')
		return;
	start(p);
	if (p->hopeless)
		return;
	if (strcmp(verb, "server") == 0) {
		play_server(p, &w);
	} else if (strcmp(verb, "mx") == 0) {
		play_mx(p, &w);
	} else if (strcmp(verb, "submit") == 0) {
		play_submit(p, &w);
	} else if (strcmp(verb, "run") == 0) {
		p->run_from_us = p->sim->now_us;
		sim_run(p->sim, play_duration(p, words_next(&w)));
	} else if (strcmp(verb, "reload") == 0) {
		reload(p);
	} else if (strcmp(verb, "restart") == 0) {
		sim_restart(p->sim, false);
	} else if (strcmp(verb, "crash") == 0) {
		sim_restart(p->sim, true);
	} else if (strcmp(verb, "forget") == 0) {
		sim_forget_most(p->sim);
	} else if (strcmp(verb, "expect") == 0) {
		play_expect(p, &w);
	} else if (!play_order(p, verb, &w)) {
		play_complain(p, "unknown word \"%s\"", verb);
	}
}

static void
play(const char *path)
{
	const char *slash = strrchr(path, '/');
	struct play p = { .file = slash == NULL ? path : slash + 1 };
	char line[PLAY_LINE], label[PLAY_LINE] = "";
	FILE *f = fopen(path, "re");

	if (f == NULL) {
		(void)ok(false, "%s cannot be read", path);
		return;
	}
	p.sim = mem_new(struct sim);
	p.rg = region_new();
	p.config = config_new();
	while (fgets(line, sizeof(line), f) != NULL) {
		p.line++;
		line[strcspn(line, "\n")] = '\0';
		if (label[0] == '\0' && line[0] == '#')
			(void)snprintf(label, sizeof(label), "%s", line + 2);
		play_line(&p, line);
	}
	(void)fclose(f);
	start(&p);
	if (p.running)
		sim_fini(p.sim);
	config_free(&p.config);
	free(p.sim);
	region_free(&p.rg);
	(void)ok(p.bad == 0, "%s: %s", p.file, label);
}

int
main(int argc, char **argv)
{
	const char *top = getenv("top_srcdir");
	char pattern[4096];
	glob_t found;

	for (int i = 1; i < argc; i++)
		play(argv[i]);
	if (argc > 1) {
		config_end();
		return done_testing();
	}
	(void)snprintf(pattern, sizeof(pattern), "%s/tests/scenario/*.scn",
	    top == NULL ? "." : top);
	if (glob(pattern, 0, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc; i++)
			play(found.gl_pathv[i]);
		globfree(&found);
	}
	config_end();
	return done_testing();
}
