/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suppress_judge - what a configuration says of an address, and of its
 * published lists as they stand, without a daemon:
 *
 *	suppress_judge CONF publish LIST ADDRESS...
 *	suppress_judge CONF fill LIST COUNT	0@filled.example and so on
 *	suppress_judge CONF ask ADDRESS [source=N] [vmta=N] [pool=N] [job=N]
 *
 * ask prints "clear", "listed LIST", "listed LIST FILE:LINE", or "unsure LIST:
 * why".  Ends with 1 on an error.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "lib/mem.h"
#include "queue/suppress_build.h"
#include "queue/suppress_secret.h"
#include "queue/suppress_watch.h"
#include "vmta/suppress.h"

static struct snapshot *
load(const char *path)
{
	struct conf_errors errs = { 0 };
	struct snapshot *s = snapshot_load(path, &errs);

	for (size_t i = 0; i < errs.n; i++)
		(void)fprintf(stderr, "%s\n", errs.v[i].text);
	conf_errors_fini(&errs);
	return s;
}

static int
digest_of(const struct suppress_norm *n, const char *address,
    unsigned char *digest, struct err *e)
{
	struct region *rg = region_new();
	const char *text;
	int rc = suppress_norm_address(n, slice_of(address), rg, &text, e);

	if (rc == 0)
		rc = suppress_norm_digest(n, text, digest, e);
	region_free(&rg);
	return rc;
}

static int
add(struct suppress_build *b, const struct suppress_norm *n,
    const char *address, struct err *e)
{
	unsigned char digest[SUPPRESS_DIGEST_MAX];

	if (digest_of(n, address, digest, e) == -1)
		return -1;
	return suppress_build_add(b, digest, e);
}

static int
add_all(struct suppress_build *b, const struct suppress_norm *n, char **address,
    struct err *e)
{
	int rc = 0;

	for (; *address != NULL && rc == 0; address++)
		rc = add(b, n, *address, e);
	return rc;
}

static int
add_numbers(struct suppress_build *b, const struct suppress_norm *n,
    unsigned long count, struct err *e)
{
	int rc = 0;

	for (unsigned long i = 0; i < count && rc == 0; i++) {
		char address[64];

		(void)snprintf(address, sizeof(address), "%lu@filled.example",
		    i);
		rc = add(b, n, address, e);
	}
	return rc;
}

static int
publish(const struct snapshot *s, const struct suppress_list *l, char **argv,
    struct err *e)
{
	const char *dir = snapshot_global(s)->suppression_dir;
	const struct suppress_build_conf conf = { .list = l->id,
		.generation = 1,
		.digest_len = (uint32_t)suppress_digest_len(l->norm.hash),
		.memory = 64 << 20 };
	unsigned char secret[SUPPRESS_SECRET_LEN];
	struct suppress_norm n = l->norm;
	struct suppress_build *b;
	char path[500];
	int rc;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, l->store);
	if (n.hash == SUPPRESS_PLAIN) {
		if (suppress_secret_get(dir, secret, e) == -1)
			return -1;
		n.key = (struct slice){ (char *)secret, sizeof(secret) };
	}
	rc = suppress_build_new(path, &conf, &b, e);
	if (rc == 0)
		rc = strcmp(argv[2], "fill") != 0 ?
		    add_all(b, &n, argv + 4, e) :
		    add_numbers(b, &n, strtoul(argv[4], NULL, 10), e);
	if (rc == 0)
		rc = suppress_build_publish(b, e);
	suppress_build_free(&b);
	return rc;
}

static int
has(void *ctx, const struct suppress_list *l, const unsigned char *digest,
    struct err *e)
{
	return suppress_views_has(ctx, l->id, digest, e);
}

static void
follow(struct suppress_watch *w, const struct snapshot *s)
{
	size_t n;
	const struct suppress_watched *lists = snapshot_suppress_watched(s, &n);

	suppress_watch_set(w, lists, n);
}

static const char *
option(char **argv, const char *name)
{
	size_t len = strlen(name);

	for (; *argv != NULL; argv++)
		if (strncmp(*argv, name, len) == 0 && (*argv)[len] == '=')
			return *argv + len + 1;
	return NULL;
}

static void
tell(enum suppress_state state, const struct suppress_found *f)
{
	if (state == SUPPRESS_CLEAR)
		(void)printf("clear\n");
	else if (state == SUPPRESS_UNSURE)
		(void)printf("unsure %s: %s\n", f->list->name, f->error.text);
	else if (f->file == NULL)
		(void)printf("listed %s\n", f->list->name);
	else
		(void)printf("listed %s %s:%u\n", f->list->name, f->file,
		    f->line);
}

static int
ask(const struct snapshot *s, char **argv, struct err *e)
{
	struct suppress_scope c = { NULL, option(argv, "vmta"),
		option(argv, "pool"), option(argv, "job") };
	struct source_conf source;
	struct suppress_watch *w;
	struct suppress_views *v;
	struct suppress_ask how = { .has = has };
	struct suppress_found found;
	struct suppress_set set;
	struct region *rg;

	if (suppress_watch_new(snapshot_global(s)->suppression_dir, &w, e) ==
	    -1)
		return -1;
	if (option(argv, "source") != NULL) {
		snapshot_source_conf(s, &(struct net_addr){ 0 },
		    option(argv, "source"), &source);
		c.source = &source;
	}
	rg = region_new();
	follow(w, s);
	v = suppress_watch_get(w);
	how.ctx = v;
	how.secret = suppress_views_secret(v);
	suppress_set_of(s, &c, &set);
	tell(suppress_check(s, &set, &how, slice_of(*argv), rg, &found),
	    &found);
	suppress_views_unref(&v);
	suppress_watch_free(&w);
	region_free(&rg);
	return 0;
}

int
main(int argc, char **argv)
{
	const struct suppress_list *l;
	struct snapshot *s;
	struct err e;
	int rc = -1;

	log_set_program("suppress_judge");
	if (argc < (strcmp(argv[argc > 2 ? 2 : 0], "fill") == 0 ? 5 : 4))
		return 2;
	s = load(argv[1]);
	if (s == NULL)
		return 1;
	l = snapshot_suppress(s, argv[3]);
	if (strcmp(argv[2], "ask") == 0)
		rc = ask(s, argv + 3, &e);
	else if (l == NULL || !l->published)
		err_set(&e, "no <suppression-list %s>", argv[3]);
	else
		rc = publish(s, l, argv, &e);
	if (rc == -1)
		(void)fprintf(stderr, "suppress_judge: %s\n", e.text);
	snapshot_unref(&s);
	return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
