/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What postconf and tables of Postfix say, as a configuration of ours: whatever
 * they say, the result has no mistake but names of things that another line
 * lacks, no control character, and is the same when it is made again.
 *
 * A line "=== NAME" begins a part: set, values, defaults, services, overrides,
 * main, master; one of any other name is a table.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "compat/postfix/pf_import.h"
#include "lib/check.h"
#include "vmta/snapshot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PARTS = 12 };

struct input {
	size_t n;
	struct slice names[PARTS], texts[PARTS];
};

static const struct {
	const char *name;
	void (*read)(struct pf_conf *c, struct slice text);
} readers[] = {
	{ "set", pf_conf_read_set },
	{ "values", pf_conf_read_values },
	{ "defaults", pf_conf_read_defaults },
	{ "services", pf_conf_read_services },
	{ "overrides", pf_conf_read_overrides },
	{ "main", pf_conf_read_main },
	{ "master", pf_conf_read_master },
};

static void
split(struct input *in, const char *p, size_t size)
{
	const char *end = p + size, *lf;

	for (; p < end; p = lf + (lf < end)) {
		size_t len;

		lf = memchr(p, '\n', (size_t)(end - p));
		lf = lf == NULL ? end : lf;
		len = (size_t)(lf - p);
		if (len > 4 && memcmp(p, "=== ", 4) == 0 && in->n < PARTS) {
			in->names[in->n] = (struct slice){ p + 4, len - 4 };
			in->texts[in->n++] = (struct slice){ lf + (lf < end),
				0 };
		} else if (in->n > 0) {
			in->texts[in->n - 1].len = (size_t)(lf + (lf < end) -
			    in->texts[in->n - 1].p);
		}
	}
}

static int
fetch(void *ctx, enum pf_fetch how, const char *table, struct slice *text_r,
    struct err *e)
{
	const struct input *in = ctx;
	const char *colon = how == PF_FETCH_ROWS ? strchr(table, ':') : NULL;

	for (size_t i = 0; i < in->n; i++)
		if (slice_eq(in->names[i], colon == NULL ? table : colon + 1)) {
			*text_r = in->texts[i];
			return 0;
		}
	return err_set(e, "no such table");
}

static void
make(struct input *in, struct buf *text, struct buf *told)
{
	struct region *rg = region_new();
	struct pf_conf *conf = pf_conf_new(rg);
	struct import_report *report = import_report_new(rg);
	struct import_conf *out = import_conf_new(rg, report);
	const struct pf_import_source from = { conf, fetch, in };

	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++)
		for (size_t j = 0; j < in->n; j++)
			if (slice_eq(in->names[j], readers[i].name))
				readers[i].read(conf, in->texts[j]);
	pf_import(&from, rg, out, report);
	import_conf_print(out, false, text);
	import_report_print(report, told);
	json_decref(import_report_json(report));
	import_conf_free(&out);
	pf_conf_free(&conf);
	region_free(&rg);
}

static void
check_plain(const struct buf *text)
{
	for (size_t i = 0; i < text->len; i++)
		CHECK((unsigned char)text->p[i] >= ' ' || text->p[i] == '\n');
}

static void
check_loads(const struct buf *text)
{
	struct conf_errors errs = { .portable = true };
	int fd = memfd_create("result", MFD_CLOEXEC);
	struct snapshot *conf;
	char path[40];

	CHECK(fd != -1 && write(fd, text->p, text->len) == (ssize_t)text->len);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	conf = snapshot_load(path, &errs);
	for (size_t i = 0; i < errs.n; i++)
		if (!errs.v[i].warning)
			(void)fprintf(stderr, "%s\n", errs.v[i].text);
	CHECK(conf != NULL);
	(void)close(fd);
	conf_errors_fini(&errs);
	snapshot_unref(&conf);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf text = { 0 }, told = { 0 }, again = { 0 };
	struct region *rg = region_new();
	struct input in = { 0 };
	const char *copy;

	/* A NUL is the end of a text to everybody. */
	copy = region_strndup(rg, (const char *)data, size);
	split(&in, copy, strlen(copy));
	make(&in, &text, &told);
	check_plain(&text);
	check_plain(&told);
	check_loads(&text);
	buf_clear(&told);
	make(&in, &again, &told);
	CHECK(again.len == text.len && memcmp(again.p, text.p, text.len) == 0);
	buf_fini(&text);
	buf_fini(&told);
	buf_fini(&again);
	region_free(&rg);
	return 0;
}
