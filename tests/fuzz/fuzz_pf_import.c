/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What postconf and tables of Postfix say, as a configuration of ours: whatever
 * they say, the result with its passwords can be loaded but for what this host
 * lacks, has no control character, and is the same when it is made again.
 *
 * A line "=== NAME" begins a part: set, values, defaults, services, overrides,
 * main, master; one of any other name is a table.
 */
#include <string.h>

#include "compat/postfix/pf_import.h"
#include "lib/check.h"
#include "tests/fuzz/import_result.h"
#include "tests/fuzz/parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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

static int
fetch(void *ctx, enum pf_fetch how, const char *table, struct slice *text_r,
    struct err *e)
{
	const struct parts *in = ctx;
	const char *colon = how == PF_FETCH_ROWS ? strchr(table, ':') : NULL;

	for (size_t i = 0; i < in->n; i++)
		if (slice_eq(in->names[i], colon == NULL ? table : colon + 1)) {
			*text_r = in->texts[i];
			return 0;
		}
	return err_set(e, "no such table");
}

static void
make(struct parts *in, struct buf *text, struct buf *told)
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
	import_conf_print(out, true, text);
	import_report_print(report, told);
	json_decref(import_report_json(report));
	import_conf_free(&out);
	pf_conf_free(&conf);
	region_free(&rg);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf text = { 0 }, told = { 0 }, again = { 0 };
	struct region *rg = region_new();
	struct parts in = { 0 };
	const char *copy;

	/* A NUL is the end of a text to everybody. */
	copy = region_strndup(rg, (const char *)data, size);
	parts_split(&in, copy, strlen(copy));
	make(&in, &text, &told);
	import_result_is_plain(&text);
	import_result_is_plain(&told);
	import_result_loads(&text);
	buf_clear(&told);
	make(&in, &again, &told);
	CHECK(again.len == text.len && memcmp(again.p, text.p, text.len) == 0);
	buf_fini(&text);
	buf_fini(&told);
	buf_fini(&again);
	region_free(&rg);
	return 0;
}
