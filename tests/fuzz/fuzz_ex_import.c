/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What exim -bP and files of Exim say, as a configuration of ours: whatever
 * they say, the result with its passwords can be loaded but for what this host
 * lacks, has no control character, and is the same when it is made again.
 *
 * A line "=== NAME" begins a part: main, routers, transports, authenticators,
 * config, and expand, with lines of a text, a tab, and what Exim makes of it;
 * one of any other name is a file.
 */
#include <string.h>

#include "compat/exim/ex_import.h"
#include "lib/check.h"
#include "tests/fuzz/import_result.h"
#include "tests/fuzz/parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	struct region *rg; /* of who asks */
	struct parts parts;
};

static const struct {
	const char *name;
	enum ex_conf_kind kind;
} readers[] = {
	{ "main", EX_MAIN },
	{ "routers", EX_ROUTER },
	{ "transports", EX_TRANSPORT },
	{ "authenticators", EX_AUTHENTICATOR },
};

static int
fetch(void *ctx, const char *path, struct slice *text_r, struct err *e)
{
	const struct input *in = ctx;

	*text_r = parts_find(&in->parts, path);
	return text_r->p == NULL ? err_set(e, "no such file") : 0;
}

/* All files are in every folder. */
static int
list(void *ctx, const char *folder, const char ***names_r, size_t *n_r,
    struct err *e)
{
	const struct parts *in = &((const struct input *)ctx)->parts;
	struct region *rg = ((const struct input *)ctx)->rg;

	(void)folder;
	(void)e;
	*names_r = region_array(rg, PARTS_MAX, sizeof(**names_r));
	*n_r = in->n;
	for (size_t i = 0; i < in->n; i++)
		(*names_r)[i] = region_strndup(rg, in->names[i].p,
		    in->names[i].len);
	return 0;
}

/* The value of a text; NULL: it has none. */
static const char *
answer(struct region *rg, struct slice rows, const char *text)
{
	size_t len = strlen(text);

	while (rows.len > 0) {
		const char *lf = memchr(rows.p, '\n', rows.len);
		size_t n = lf == NULL ? rows.len : (size_t)(lf - rows.p);

		if (n > len && rows.p[len] == '\t' &&
		    memcmp(rows.p, text, len) == 0)
			return region_strndup(rg, rows.p + len + 1,
			    n - len - 1);
		rows.p += n + (lf != NULL);
		rows.len -= n + (lf != NULL);
	}
	return NULL;
}

static int
expand(void *ctx, const char *const *texts, size_t n, const char **values,
    struct err *e)
{
	struct input *in = ctx;
	const struct slice rows = parts_find(&in->parts, "expand");

	if (rows.p == NULL)
		return err_set(e, "nothing is expanded");
	for (size_t i = 0; i < n; i++)
		values[i] = answer(in->rg, rows, texts[i]);
	return 0;
}

static bool
read_parts(const struct input *in, struct ex_conf *conf)
{
	struct err e;

	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++)
		if (ex_conf_read(conf, readers[i].kind,
			parts_find(&in->parts, readers[i].name), &e) == -1)
			return false;
	return ex_conf_read_file(conf, parts_find(&in->parts, "config"), &e) ==
	    0;
}

static void
make(struct input *in, struct buf *text, struct buf *told)
{
	struct region *rg = region_new();
	struct ex_conf *conf = ex_conf_new(rg);
	struct import_report *report = import_report_new(rg);
	struct import_conf *out = import_conf_new(rg, report);
	const struct ex_import_source from = { conf, fetch, list, expand, in };

	in->rg = rg;
	if (read_parts(in, conf))
		ex_import(&from, rg, out, report);
	import_conf_print(out, true, text);
	import_report_print(report, told);
	json_decref(import_report_json(report));
	import_conf_free(&out);
	ex_conf_free(&conf);
	region_free(&rg);
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
	parts_split(&in.parts, copy, strlen(copy));
	make(&in, &text, &told);
	import_result_is_plain(&text);
	import_result_is_plain(&told);
	import_result_loads(&text);
	buf_clear(&told);
	make(&in, &again, &told);
	CHECK(strcmp(buf_cstr(&again), buf_cstr(&text)) == 0);
	buf_fini(&text);
	buf_fini(&told);
	buf_fini(&again);
	region_free(&rg);
	return 0;
}
