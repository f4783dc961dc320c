/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration as text, through lexer, parser, binding and checks, as
 * mailraced loads it: it is taken, or refused with mistakes that can be
 * printed; both the same when it is read again.  Of one that is taken, values
 * are within their limits and every question about it has an answer.  As
 * PowerMTA's it becomes one text, which says of each line what became of it.
 *
 * A line "=== NAME" begins another file, for include; NAME "key.pem" is there
 * already.  No other file of the machine is seen (see __wrap_open()).
 */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "compat/pmta/pm_import.h"
#include "lib/check.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "vmta/acct_filter.h"
#include "vmta/acct_layout.h"
#include "vmta/lint.h"
#include "vmta/opendkim.h"
#include "vmta/snapshot.h"
#include "vmta/snapshot_signing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_glob(const char *pattern, int flags,
    int (*on_error)(const char *path, int code), glob_t *g);

enum { FILES = 5, NAME_CAP = 32, WORK_MAX = 16384 };

/* Signs for nobody. */
static const char key_text[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIMdJNOG/B0CAwnO00Bb2fbNmIdb0Nl7ntlHlyCieuCwH\n"
    "-----END PRIVATE KEY-----\n";

/* The first is the configuration, the last the key. */
static struct file {
	char name[NAME_CAP]; /* "" is none */
	int fd;
} files[FILES];

static bool inside; /* a load, not the fuzzer's own work */

/* ---- the files of the input ---------------------------------------------- */

static const struct file *
file_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash == NULL ? path : slash + 1;

	for (size_t i = 0; i < FILES; i++)
		if (name[0] != '\0' && strcmp(files[i].name, name) == 0)
			return &files[i];
	return NULL;
}

/* Linked in place of open(2) of all that is tested. */
int
__wrap_open(const char *path, int flags, ...)
{
	const struct file *f;
	char fd_path[40];
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = (flags & O_CREAT) != 0 ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	if (!inside)
		return __real_open(path, flags, mode);
	CHECK((flags & (O_ACCMODE | O_CREAT | O_TRUNC)) == O_RDONLY);
	f = file_of(path);
	if (f == NULL) {
		errno = ENOENT;
		return -1;
	}
	(void)snprintf(fd_path, sizeof(fd_path), "/proc/self/fd/%d", f->fd);
	return __real_open(fd_path, flags);
}

/* The same for glob(3): globfree() frees what it is given. */
int
__wrap_glob(const char *pattern, int flags,
    int (*on_error)(const char *path, int code), glob_t *g)
{
	const char *slash = strrchr(pattern, '/');
	int front = slash == NULL ? 0 : (int)(slash + 1 - pattern);

	(void)on_error;
	CHECK(inside && flags == 0);
	*g = (glob_t){ .gl_pathv = mem_array(FILES + 1, sizeof(char *)) };
	for (size_t i = 0; i < FILES; i++) {
		struct buf path = { 0 };

		if (files[i].name[0] == '\0' ||
		    fnmatch(pattern + front, files[i].name, 0) != 0)
			continue;
		buf_printf(&path, "%.*s%s", front, pattern, files[i].name);
		g->gl_pathv[g->gl_pathc++] = mem_strdup(buf_cstr(&path));
		buf_fini(&path);
	}
	if (g->gl_pathc > 0)
		return 0;
	globfree(g);
	return GLOB_NOMATCH;
}

static void
put_file(struct file *f, const char *name, size_t name_len, struct slice text)
{
	if (f->fd == 0)
		f->fd = memfd_create("fuzz_conf", MFD_CLOEXEC);
	CHECK(f->fd > 0 && name_len < NAME_CAP);
	memcpy(f->name, name, name_len);
	f->name[name_len] = '\0';
	CHECK(ftruncate(f->fd, 0) == 0);
	CHECK(pwrite(f->fd, text.p, text.len, 0) == (ssize_t)text.len);
}

/* Cuts the input at its "=== NAME" lines. */
static void
put_files(const char *p, size_t len)
{
	static const char mark[] = "\n=== ";
	const char *name = "conf", *end = p + len;
	size_t name_len = 4;

	for (size_t i = 0; i < FILES - 1; i++)
		files[i].name[0] = '\0';
	for (size_t i = 0; i < FILES - 1; i++) {
		const char *cut = memmem(p, (size_t)(end - p), mark, 5);
		const char *nl;

		put_file(&files[i], name, name_len,
		    (struct slice){ p,
			(size_t)((cut == NULL ? end : cut + 1) - p) });
		if (cut == NULL)
			return;
		name = cut + 5;
		nl = memchr(name, '\n', (size_t)(end - name));
		if (nl == NULL || nl - name >= NAME_CAP)
			return;
		name_len = (size_t)(nl - name);
		p = nl + 1;
	}
}

/* ---- one configuration --------------------------------------------------- */

static void
check_text(const char *s)
{
	CHECK(s[0] != '\0');
	for (; *s != '\0'; s++)
		CHECK((unsigned char)*s >= ' ' && *s != 0x7f);
}

static struct snapshot *
load(struct conf_errors *errs)
{
	struct snapshot *s;

	inside = true;
	s = snapshot_load("/fuzz/conf", errs);
	inside = false;
	CHECK((s == NULL) == (errs->fatal > 0) && errs->fatal <= errs->n);
	for (size_t i = 0; i < errs->n; i++)
		check_text(errs->v[i].text);
	return s;
}

static void
check_queue(const struct snapshot *s, const char *domain, const char *vmta)
{
	struct queue_conf c;

	snapshot_queue_conf(s, domain, vmta, &c);
	CHECK(c.bounce_after_us > 0 && c.connect_timeout_us > 0);
	CHECK(c.data_timeout_us > 0 && c.dot_timeout_us > 0);
	CHECK(c.greeting_timeout_us > 0 && c.idle_timeout_us >= 0);
	CHECK(c.smtp_port >= 1 && c.smtp_port <= 65535);
	CHECK(c.max_conns >= 1 && c.retry_after.n >= 1);
	CHECK(c.max_rcpt_per_msg >= 1 && c.max_rcpt_per_msg <= 1000);
}

static void
check_vmta(const struct snapshot *s, const struct vmta *v)
{
	static const char *const domains[] = { "example.net", "a.example.net",
		"xn--bcher-kva.example" };
	struct key_found k;

	CHECK(snapshot_vmta(s, v->name) == v);
	for (size_t i = 0; i < sizeof(domains) / sizeof(domains[0]); i++) {
		check_queue(s, domains[i], v->name);
		if (snapshot_key(s, v->name,
			&(struct key_wish){ .domain = domains[i] }, &k))
			CHECK(k.selector[0] != '\0' && k.domain[0] != '\0');
		(void)snapshot_relays_to(s, "", domains[i]);
	}
	for (size_t i = 0; i < v->sources.n; i++)
		CHECK(v->sources.v[i].name != NULL);
}

static void
check_acct(const struct acct_conf *a)
{
	const struct acct_layout *l = a->layout;

	CHECK(a->path[0] != '\0' && l != NULL && l->count <= ACCT_COLUMNS_MAX);
	CHECK((a->kind == ACCT_WEBHOOK) == (a->webhook != NULL));
	CHECK((a->kind == ACCT_REDIS) == (a->redis != NULL));
	for (size_t i = 0; i < l->count; i++)
		for (enum acct_type t = 0; t < ACCT_TYPES; t++)
			CHECK((a->types & ACCT_BIT(t)) != 0 ||
			    !acct_cell_has_value(&l->columns[i].by_type[t]));
	for (enum acct_type t = 0; t < ACCT_TYPES; t++)
		CHECK((acct_filter_takes(a->filter, t, "example.net/v1") &&
			  acct_filter_takes(a->filter, t, "a.b/{default}")) ||
		    a->filter != NULL);
}

/* What one shows, all together keep. */
static void
check_wants(const struct snapshot *s)
{
	const struct acct_wants *w = snapshot_acct_wants(s);
	unsigned types = 0;

	for (size_t i = 0; i < snapshot_acct_count(s); i++) {
		check_acct(snapshot_acct_at(s, i));
		types |= snapshot_acct_at(s, i)->types;
	}
	CHECK(w->types == types);
	for (size_t i = 0; i < w->header_count; i++)
		CHECK(w->headers[i][0] != '\0' &&
		    strpbrk(w->headers[i], "ABCDEFGHIJKLMNOPQRSTUVWXYZ") ==
			NULL);
}

/* Whoever the author is, each signature has what it needs. */
static void
check_opendkim(const struct snapshot *s)
{
	static const char *const authors[] = { "ann@example.net",
		"@a.example.net", "bob@two.example", NULL };
	const struct opendkim *o = snapshot_opendkim(s);
	struct region *rg = region_new();

	for (size_t i = 0; o != NULL && i < 4; i++) {
		struct signing_facts facts = { .sender = authors[3 - i],
			.from = authors[i] };
		struct signing found = { 0 };

		opendkim_find(o, &facts, rg, &found);
		CHECK(found.n <= SIGNATURES_MAX);
		for (size_t k = 0; k < found.n; k++)
			CHECK(found.v[k].key != NULL &&
			    found.v[k].domain[0] != '\0' &&
			    found.v[k].selector[0] != '\0');
	}
	region_free(&rg);
}

/* Who shares a limit is found from either side. */
static void
check_limits(const struct snapshot *s)
{
	const struct provider *p = snapshot_provider(s, "example.net");
	const struct job_conf *j = snapshot_job(s, "bulk-1");
	struct net_addr a;
	struct err e;

	CHECK(p == NULL || snapshot_provider_named(s, p->name) == p);
	for (size_t i = 0; i < snapshot_provider_count(s); i++)
		CHECK(snapshot_provider_at(s, i)->domains.n > 0);
	CHECK(j == NULL || (j->fair_share >= 1 && j->fair_share <= 1000));
	for (size_t i = 0; i < snapshot_pool_count(s); i++)
		for (size_t k = 0; k < snapshot_pool_at(s, i)->members.n; k++)
			CHECK(snapshot_pool_at(s, i)->vmtas[k] != NULL);
	for (size_t i = 0; i < snapshot_vmta_count(s); i++)
		(void)snapshot_pool_of(s, snapshot_vmta_at(s, i)->name);
	CHECK(net_addr_parse(slice_of("192.0.2.1"), &a, &e) == 0);
	CHECK(snapshot_ip_limit(s, &a) <= 100000);
	CHECK(snapshot_mx_limit(s, "mx.example.net") <= 100000);
}

/* Only what was written is told, and with its line. */
static void
check_finding(void *ctx, const struct lint_finding *f)
{
	size_t *count = ctx;

	++*count;
	CHECK(f->limit.file != NULL && f->limit.line > 0);
	CHECK((f->limit.directive == NULL) == (f->limit.value == NULL));
	CHECK((f->by.directive == NULL) == (f->by.value == NULL));
	CHECK(f->word[0] != '\0' && f->what[0] != '\0' && f->advice[0] != '\0');
}

static void
check_lint(const struct snapshot *s)
{
	size_t once = 0, twice = 0;
	bool whole = lint_run(s, check_finding, &once);

	CHECK(lint_run(s, check_finding, &twice) == whole && once == twice);
}

static void
check_snapshot(const struct snapshot *s)
{
	static const char *const clients[] = { "127.0.0.1", "192.0.2.200",
		"2001:db8::7" };
	const struct global_conf *g = snapshot_global(s);
	struct source_conf source;
	struct net_addr a;
	struct err e;

	for (size_t i = 0; i < snapshot_vmta_count(s); i++)
		check_vmta(s, snapshot_vmta_at(s, i));
	for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++) {
		CHECK(net_addr_parse(slice_of(clients[i]), &a, &e) == 0);
		snapshot_source_conf(s, &a, i == 0 ? "apps" : NULL, &source);
	}
	for (size_t i = 0; i < g->smtp_listeners.n; i++)
		(void)snapshot_listener_source(s, g->smtp_listeners.v[i]);
	check_wants(s);
	check_limits(s);
	check_opendkim(s);
	check_lint(s);
	(void)snapshot_pool(s, "p");
	(void)snapshot_user(s, "joe");
}

static void
check_same(const struct conf_errors *a, const struct conf_errors *b)
{
	CHECK(a->n == b->n && a->fatal == b->fatal);
	for (size_t i = 0; i < a->n; i++)
		CHECK(strcmp(a->v[i].text, b->v[i].text) == 0);
}

/* Nothing of a block that is left out can be left out once more. */
static void
check_import(void)
{
	struct region *rg = region_new();
	struct import_report *report = import_report_new(rg);
	struct conf_errors errs = { 0 };
	struct conf_tree tree;
	struct pm_import *import;
	struct buf text = { 0 };
	size_t told = 0;

	inside = true;
	conf_parse(&tree, "/fuzz/conf", rg, &errs);
	inside = false;
	conf_errors_finish(&errs, 0);
	import = pm_import_new(&tree, rg);
	pm_import_print(import, true, &text);
	for (unsigned i = 1, n = 0; n < 100 && i < text.len; i++) {
		if (!pm_import_leave_out(import, i, "why"))
			continue;
		CHECK(!pm_import_leave_out(import, i, "why"));
		n++;
	}
	pm_import_tell(import, &errs, report);
	for (int fate = 0; fate < IMPORT_FATES; fate++)
		told += import_report_count(report, (enum import_fate)fate);
	CHECK(told > 0 ||
	    (tree.root->first == NULL || tree.root->first->is_block));
	buf_fini(&text);
	conf_tree_fini(&tree);
	conf_errors_fini(&errs);
	region_free(&rg);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf_errors errs = { 0 }, again = { 0 };
	struct snapshot *s, *t = NULL;
	bool twice;

	if (size > WORK_MAX)
		return 0;
	log_set_level(LOG_L_ERROR);
	if (files[FILES - 1].fd == 0)
		put_file(&files[FILES - 1], "key.pem", 7, SLICE_LIT(key_text));
	put_files((const char *)data, size);
	check_import();
	s = load(&errs);
	/* Mistakes cost a search for what was meant: not always twice. */
	twice = s != NULL || size % 8 == 0;
	if (twice) {
		t = load(&again);
		check_same(&errs, &again);
	}
	if (s != NULL) {
		size_t before = errs.n;

		check_snapshot(s);
		snapshot_check_reload(s, t, "/fuzz/conf", &errs);
		CHECK(errs.n == before);
	}
	snapshot_unref(&s);
	snapshot_unref(&t);
	conf_errors_fini(&errs);
	conf_errors_fini(&again);
	return 0;
}
