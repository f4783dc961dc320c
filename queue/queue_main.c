/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mailrace-queue: verifies, dumps and loads a spool that no daemon has open.
 *
 * `mailrace queue` runs it: the command itself never opens the database.
 */
#include <getopt.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "queue/dump.h"
#include "queue/verify.h"

enum {
	STATUS_GOOD,
	STATUS_BAD,
	STATUS_TROUBLE,
	RCPTS_SHOWN = 3,
	PROGRESS_US = 2 * US_PER_S
};

struct options {
	bool json, recover, dry_run;
	const char *dir, *file;
};

/* ---- telling ------------------------------------------------------------- */

static int
trouble(const struct err *e)
{
	(void)fprintf(stderr, "mailrace queue: %s\n", e->text);
	return STATUS_TROUBLE;
}

/* For people who wait: a line now and then. */
static void
on_progress(void *ctx, uint64_t messages)
{
	static int64_t told_us;
	int64_t now_us = clock_us();

	(void)ctx;
	if (told_us == 0)
		told_us = now_us;
	if (now_us - told_us < PROGRESS_US)
		return;
	told_us = now_us;
	(void)fprintf(stderr, "mailrace queue: %llu messages so far\n",
	    (unsigned long long)messages);
}

static void
print_json(json_t *answer)
{
	(void)json_dumpf(answer, stdout, JSON_INDENT(2));
	(void)printf("\n");
	json_decref(answer);
}

/* Text of any origin for a terminal and for JSON. */
static const char *
clean(struct region *rg, const char *s)
{
	char *copy = region_strdup(rg, s);

	for (char *p = copy; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	return copy;
}

/* ---- verify -------------------------------------------------------------- */

struct verification {
	json_t *damages; /* NULL: text */
	struct region *rg;
};

static json_t *
clean_json(struct region *rg, const char *s)
{
	json_t *text = json_string(clean(rg, s));

	return text == NULL ? json_string("?") : text; /* no UTF-8 */
}

static void
damage_json(struct verification *v, const struct verify_damage *d)
{
	char id[MESSAGE_ID_TEXT];
	json_t *rcpts = json_array(), *queues = json_array();

	for (uint32_t i = 0; d->env != NULL && i < d->env->rcpt_count; i++)
		(void)json_array_append_new(rcpts,
		    clean_json(v->rg, d->env->rcpts[i].addr));
	for (uint32_t i = 0; d->waybill != NULL && i < d->waybill->run_count;
	     i++) {
		const struct waybill_run *run = &d->waybill->runs[i];

		(void)json_array_append_new(queues,
		    clean_json(v->rg,
			region_printf(v->rg, "%s/%s", run->domain,
			    run->vmta[0] == '\0' ? "{default}" : run->vmta)));
	}
	(void)json_array_append_new(v->damages,
	    json_pack("{s:o,s:s,s:o,s:o,s:o,s:o}", "what",
		clean_json(v->rg, d->what), "after", d->after, "id",
		d->id == 0 ? json_null() :
			     json_string(message_id_text(d->id, id)),
		"from",
		d->env == NULL ? json_null() :
				 clean_json(v->rg, d->env->sender),
		"to", rcpts, "queues", queues));
}

static void
damage_text(const struct verification *v, const struct verify_damage *d)
{
	char id[MESSAGE_ID_TEXT];

	if (d->id != 0)
		(void)printf("message %s: ", message_id_text(d->id, id));
	(void)printf("%s%s%s\n", clean(v->rg, d->what),
	    d->after[0] == '\0' ? "" : "; ", d->after);
	if (d->env != NULL)
		(void)printf("  from=<%s>\n", clean(v->rg, d->env->sender));
	for (uint32_t i = 0;
	     d->env != NULL && i < d->env->rcpt_count && i < RCPTS_SHOWN; i++)
		(void)printf("  to=<%s>\n",
		    clean(v->rg, d->env->rcpts[i].addr));
	if (d->env != NULL && d->env->rcpt_count > RCPTS_SHOWN)
		(void)printf("  and %u more\n",
		    d->env->rcpt_count - RCPTS_SHOWN);
	for (uint32_t i = 0;
	     d->waybill != NULL && i < d->waybill->run_count && i < RCPTS_SHOWN;
	     i++)
		(void)printf("  queue=%s/%s\n",
		    clean(v->rg, d->waybill->runs[i].domain),
		    d->waybill->runs[i].vmta[0] == '\0' ?
			"{default}" :
			clean(v->rg, d->waybill->runs[i].vmta));
}

static void
on_damage(void *ctx, const struct verify_damage *d)
{
	struct verification *v = ctx;

	v->rg = region_new();
	if (v->damages != NULL)
		damage_json(v, d);
	else
		damage_text(v, d);
	region_free(&v->rg);
}

static int
cmd_verify(const struct options *opt)
{
	static const struct verify_owner owner = { on_damage, on_progress };
	struct verification v = {
		.damages = opt->json ? json_array() : NULL,
	};
	struct verify_sums sums;
	struct offline sp;
	struct err e;

	if (offline_open(opt->dir, opt->recover, &sp, &e) == -1) {
		offline_close(&sp);
		json_decref(v.damages);
		return trouble(&e);
	}
	verify(&sp, &owner, &v, &sums);
	offline_close(&sp);
	if (opt->json)
		print_json(json_pack("{s:I,s:I,s:I,s:I,s:o}", "messages",
		    (json_int_t)sums.messages, "recipients",
		    (json_int_t)sums.recipients, "rows", (json_int_t)sums.rows,
		    "bytes", (json_int_t)sums.bytes, "damages", v.damages));
	else
		(void)printf("%llu messages, %llu recipients, %llu rows, "
			     "%llu bytes: %llu damages.\n",
		    (unsigned long long)sums.messages,
		    (unsigned long long)sums.recipients,
		    (unsigned long long)sums.rows,
		    (unsigned long long)sums.bytes,
		    (unsigned long long)sums.damages);
	return sums.damages == 0 ? STATUS_GOOD : STATUS_BAD;
}

/* ---- dump and load ------------------------------------------------------- */

static bool
is_stdio(const char *file)
{
	return strcmp(file, "-") == 0;
}

/* After a dump to standard output, that is not ours to write on. */
static void
print_sums(const struct options *opt, const struct dump_sums *sums,
    const char *done, FILE *out)
{
	if (opt->json && out == stdout)
		print_json(json_pack("{s:I,s:I,s:I}", "messages",
		    (json_int_t)sums->messages, "recipients",
		    (json_int_t)sums->recipients, "bytes",
		    (json_int_t)sums->bytes));
	else
		(void)fprintf(out,
		    "%llu messages, %llu recipients, %llu "
		    "bytes %s.\n",
		    (unsigned long long)sums->messages,
		    (unsigned long long)sums->recipients,
		    (unsigned long long)sums->bytes, done);
}

static int
dump_to(const struct options *opt, FILE *f, struct dump_sums *sums,
    struct err *e)
{
	struct offline sp;
	int rc = offline_open(opt->dir, opt->recover, &sp, e);

	if (rc == 0)
		rc = dump(&sp, f, on_progress, NULL, sums, e);
	offline_close(&sp);
	return rc;
}

/* Opened and put in place with our own rights, not the spool's. */
static int
dump_to_file(const struct options *opt, struct dump_sums *sums, struct err *e)
{
	struct buf part = { 0 };
	FILE *f;
	int rc;

	buf_printf(&part, "%s.part%c", opt->file, '\0');
	f = fopen(part.p, "we");
	rc = f == NULL ? err_sys(e, "%s", part.p) : dump_to(opt, f, sums, e);
	if (rc == 0 && fsync(fileno(f)) == -1)
		rc = err_sys(e, "%s", part.p);
	if (f != NULL && fclose(f) == EOF && rc == 0)
		rc = err_sys(e, "%s", part.p);
	if (rc == 0 && rename(part.p, opt->file) == -1)
		rc = err_sys(e, "%s", opt->file);
	if (rc == -1 && f != NULL)
		(void)unlink(part.p);
	buf_fini(&part);
	return rc;
}

static int
cmd_dump(const struct options *opt)
{
	bool to_stdout = is_stdio(opt->file);
	struct dump_sums sums = { 0 };
	struct err e;

	if ((to_stdout ? dump_to(opt, stdout, &sums, &e) :
			 dump_to_file(opt, &sums, &e)) == -1)
		return trouble(&e);
	print_sums(opt, &sums, "dumped", to_stdout ? stderr : stdout);
	return STATUS_GOOD;
}

static int
cmd_load(const struct options *opt)
{
	FILE *f = is_stdio(opt->file) ? stdin : fopen(opt->file, "re");
	struct dump_sums sums = { 0 };
	struct err e;
	int rc;

	if (f == NULL)
		rc = err_sys(&e, "%s", opt->file);
	else
		rc = dump_load(opt->dry_run ? NULL : opt->dir, f, on_progress,
		    NULL, &sums, &e);
	if (f != NULL && f != stdin)
		(void)fclose(f);
	if (rc == -1)
		return trouble(&e);
	print_sums(opt, &sums, opt->dry_run ? "could be loaded" : "loaded",
	    stdout);
	return STATUS_GOOD;
}

/* ---- main ---------------------------------------------------------------- */

static const struct {
	const char *name;
	int (*fn)(const struct options *opt);
	int arguments;
} commands[] = { { "dump", cmd_dump, 2 }, { "load", cmd_load, 2 },
	{ "verify", cmd_verify, 1 } };

static int
usage(void)
{
	(void)fprintf(stderr,
	    "usage: mailrace-queue verify [--json] [--recover] SPOOL\n"
	    "       mailrace-queue dump [--json] [--recover] SPOOL FILE|-\n"
	    "       mailrace-queue load [--json] [--dry-run] SPOOL FILE|-\n"
	    "`mailrace queue' takes the spool from the configuration.\n");
	return STATUS_TROUBLE;
}

int
main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "dry-run", no_argument, NULL, 'n' },
		{ "json", no_argument, NULL, 'j' },
		{ "recover", no_argument, NULL, 'r' },
		{ NULL, 0, NULL, 0 },
	};
	struct options opt = { 0 };
	int c;

	/* One thread: getopt's state is nobody else's. */
	/* NOLINTNEXTLINE(concurrency-mt-unsafe) */
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		opt.dry_run |= c == 'n';
		opt.json |= c == 'j';
		opt.recover |= c == 'r';
		if (c == '?')
			return usage();
	}
	argv += optind;
	argc -= optind + 1;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (argc != commands[i].arguments ||
		    strcmp(argv[0], commands[i].name) != 0)
			continue;
		opt.dir = argv[1];
		opt.file = argv[2];
		return commands[i].fn(&opt);
	}
	return usage();
}
