/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The columns of an accounting file are those of its record-fields, in the
 * order of first mention; a cell shows the field that its type has, a header,
 * or what is mapped to it; and the checksum differs where rows would.
 */
#include "vmta/acct_layout.h"

#include <stdlib.h>
#include <string.h>

#include "lib/conf_parse.h"
#include "mail/privacy.h"
#include "tests/tap.h"

#define OUTCOME \
	"timeLogged,timeQueued,orig,rcpt,orcpt,dsnAction,dsnStatus,dsnDiag," \
	"dsnMta,bounceCat,srcType,srcMta,dlvType,dlvSourceIp," \
	"dlvDestinationIp,dlvEsmtpAvailable,dlvSize,vmta,jobId,envId,queue," \
	"vmtaPool"

static struct region *rg;

/* One list or mapping in each item; the types of `records`. */
struct source {
	const char *records, *lists, *maps;
	struct acct_layout_of of;
	enum acct_type types[ACCT_TYPES];
	struct acct_list list[ACCT_TYPES];
	struct acct_mapping map[4];
};

static struct slice
take(const char **p, char c)
{
	size_t len = strcspn(*p, (char[]){ c, '\0' });
	struct slice s = { *p, len };

	*p += len + ((*p)[len] == c);
	return s;
}

static enum acct_type
type_of(struct slice s)
{
	enum acct_type t;

	if (!acct_type_find(s, &t))
		abort();
	return t;
}

/* "d *,!orcpt;b timeLogged" */
static void
read_lists(struct source *s)
{
	for (const char *p = s->lists; *p != '\0';) {
		struct slice line = take(&p, ';');
		const char *text = region_strndup(rg, line.p, line.len);
		struct acct_list *l = &s->list[s->of.list_count++];

		l->type = type_of(take(&text, ' '));
		while (*text != '\0') {
			struct slice name = take(&text, ',');

			conf_strs_add(&l->names, rg,
			    region_strndup(rg, name.p, name.len));
		}
	}
}

/* "d header_x-job jobId;d header_y jobId" */
static void
read_maps(struct source *s)
{
	for (const char *p = s->maps; *p != '\0';) {
		struct slice line = take(&p, ';'), header;
		const char *text = region_strndup(rg, line.p, line.len);
		struct acct_mapping *m = &s->map[s->of.map_count++];

		m->type = type_of(take(&text, ' '));
		header = take(&text, ' ');
		m->header = region_strndup(rg, header.p, header.len);
		m->field = text;
	}
}

static const struct acct_layout *
make(struct source *s)
{
	const struct acct_layout *l;
	struct err e;

	for (const char *p = s->records; *p != '\0';)
		s->types[s->of.type_count++] = type_of(take(&p, ','));
	read_lists(s);
	read_maps(s);
	s->of.types = s->types;
	s->of.lists = s->list;
	s->of.maps = s->map;
	if (s->of.user_string == NULL)
		s->of.user_string = "";
	if (acct_layout_make(rg, &s->of, &l, &e) == -1)
		abort();
	return l;
}

/* ---- columns ------------------------------------------------------------- */

static const struct {
	const char *records, *lists, *header;
} cases[] = {
	{ "d,b", "", OUTCOME },
	{ "d", "d timeLogged,rcpt", "timeLogged,rcpt" },
	{ "d", "d RCPT,rcpt,TimeLogged", "rcpt,timeLogged" },
	{ "d", "d rcpt,type", "rcpt" },
	{ "d", "d rcpt,!type", "rcpt" },
	{ "d", "d *", OUTCOME },
	{ "d", "d", OUTCOME },
	{ "d", "d !vmtaPool",
	    "timeLogged,timeQueued,orig,rcpt,orcpt,dsnAction,dsnStatus,dsnDiag,"
	    "dsnMta,bounceCat,srcType,srcMta,dlvType,dlvSourceIp,"
	    "dlvDestinationIp,dlvEsmtpAvailable,dlvSize,vmta,jobId,envId,"
	    "queue" },
	{ "tq", "tq !dsnDiag,*,!timelogged",
	    "dsnStatus,dsnMta,dlvType,dlvSourceIp,dlvDestinationIp,vmta,"
	    "queue" },
	{ "tq", "tq queue,*",
	    "queue,timeLogged,dsnStatus,dsnDiag,dsnMta,dlvType,dlvSourceIp,"
	    "dlvDestinationIp,vmta" },
	{ "d", "d rcpt,header_X-Job,header_x-job,header_y",
	    "rcpt,header_X-Job,header_y" },
	{ "d", "d rcpt,!userString", "rcpt" },
	{ "d", "d rcpt,proxyName", "rcpt,proxyName" },
	/* what the reference shows of d and b in one file */
	{ "d,b", "d timeLogged,rcpt;b timeLogged,rcpt,bounceCat",
	    "timeLogged,rcpt,bounceCat" },
	{ "d,b", "b rcpt,bounceCat;d timeLogged,rcpt",
	    "rcpt,bounceCat,timeLogged" },
	{ "d,b", "b rcpt,bounceCat",
	    "rcpt,bounceCat,timeLogged,timeQueued,orig,"
	    "orcpt,dsnAction,dsnStatus,dsnDiag,dsnMta,srcType,srcMta,dlvType,"
	    "dlvSourceIp,dlvDestinationIp,dlvEsmtpAvailable,dlvSize,vmta,jobId,"
	    "envId,queue,vmtaPool" },
	{ "d", "d rcpt;t jobId", "rcpt" },
	{ "r,d", "",
	    "timeLogged,orig,rcpt,orcpt,srcType,srcMta,rcvSourceIp,"
	    "rcvDestinationIp,vmta,jobId,envId,timeQueued,dsnAction,dsnStatus,"
	    "dsnDiag,dsnMta,bounceCat,dlvType,dlvSourceIp,dlvDestinationIp,"
	    "dlvEsmtpAvailable,dlvSize,queue,vmtaPool" },
	{ "", "", "" },
};

static void
test_columns(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct source s = { .records = cases[i].records,
			.lists = cases[i].lists,
			.maps = "" };
		const struct acct_layout *l = make(&s);
		struct buf got = { 0 };
		char label[200];

		for (size_t c = 0; c < l->count; c++)
			buf_printf(&got, "%s%s", c > 0 ? "," : "",
			    l->columns[c].name);
		(void)snprintf(label, sizeof(label), "records %s; %s",
		    cases[i].records, cases[i].lists);
		is_str(buf_cstr(&got), cases[i].header, label);
		buf_fini(&got);
	}
}

/* ---- cells --------------------------------------------------------------- */

/* What a cell is made of, as text. */
static const char *
cell_text(const struct acct_cell *c)
{
	struct buf out = { 0 };
	const char *text;

	if (c == NULL)
		return "no column";
	for (size_t i = 0; i < c->mapped_count; i++)
		buf_printf(&out, "%s or ", c->mapped[i]);
	buf_str(&out,
	    c->kind == ACCT_CELL_FIELD     ? acct_field_column(c->field) :
		c->kind == ACCT_CELL_EXTRA ? c->extra :
					     "nothing");
	text = region_strdup(rg, buf_cstr(&out));
	buf_fini(&out);
	return text;
}

static const struct {
	const char *records, *lists, *maps, *type, *column, *cell;
} cells[] = {
	{ "d", "", "", "d", "RCPT", "rcpt" },
	{ "d", "", "", "d", "userString", "no column" },
	{ "d", "d *,userString", "", "d", "userString", "userString" },
	{ "d", "d header_X-Job", "", "d", "header_x-job", "header_x-job" },
	{ "d", "d header_X Job", "", "d", "header_X Job", "nothing" },
	{ "d", "d header_", "", "d", "header_", "nothing" },
	{ "d", "d arf_Source-IP", "", "d", "arf_source-ip", "nothing" },
	{ "f", "f arf_Source-IP", "", "f", "arf_source-ip", "arf_source-ip" },
	{ "f", "", "", "f", "header_subject", "header_subject" },
	{ "tq", "tq header_X", "", "tq", "header_X", "nothing" },
	{ "tq", "tq rcpt", "", "tq", "rcpt", "nothing" },
	{ "d", "d proxyName", "", "d", "proxyName", "nothing" },
	{ "d,b", "d rcpt;b jobId", "", "d", "jobId", "nothing" },
	{ "d,b", "d rcpt;b jobId", "", "b", "jobId", "jobId" },
	{ "d", "", "d header_x jobId", "d", "jobId", "header_x or jobId" },
	{ "d", "", "d header_x JOBID;d header_y jobid", "d", "jobId",
	    "header_x or header_y or jobId" },
	{ "d,b", "", "d header_x jobId", "b", "jobId", "jobId" },
	{ "d", "d rcpt", "d header_x jobId", "d", "jobId", "no column" },
	{ "d,b", "d rcpt;b jobId", "d header_x jobId", "d", "jobId",
	    "nothing" },
	{ "d", "d proxyName", "d header_x proxyname", "d", "proxyName",
	    "header_x or nothing" },
};

static void
test_cells(void)
{
	for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		struct source s = { .records = cells[i].records,
			.lists = cells[i].lists,
			.maps = cells[i].maps };
		const struct acct_cell *c = acct_layout_cell(make(&s),
		    type_of(slice_of(cells[i].type)),
		    slice_of(cells[i].column));
		char label[200];

		(void)snprintf(label, sizeof(label), "%s; %s; %s of %s",
		    cells[i].lists, cells[i].maps, cells[i].column,
		    cells[i].type);
		is_str(cell_text(c), cells[i].cell, label);
		if (c != NULL)
			ok(acct_cell_has_value(c) ==
				(strcmp(cells[i].cell, "nothing") != 0),
			    "... is known to have a value, or not");
	}
}

/* ---- the checksum -------------------------------------------------------- */

static void
test_crc(void)
{
	static const struct {
		const char *label, *lists, *maps, *user_string;
		bool json, iso;
	} variants[] = {
		{ "two columns", "d rcpt,jobId", "", "", false, false },
		{ "the other way round", "d jobId,rcpt", "", "", false, false },
		{ "one of them for b only", "d rcpt;b rcpt,jobId", "", "",
		    false, false },
		{ "another for b", "d rcpt,jobId;b rcpt", "", "", false,
		    false },
		{ "a mapping", "d rcpt,jobId", "d header_x jobId", "", false,
		    false },
		{ "another header", "d rcpt,jobId", "d header_y jobId", "",
		    false, false },
		{ "for b", "d rcpt,jobId", "b header_x jobId", "", false,
		    false },
		{ "JSON", "d rcpt,jobId", "", "", true, false },
		{ "ISO times", "d rcpt,jobId", "", "", false, true },
		{ "a user string", "d rcpt,jobId", "", "x", false, false },
	};
	enum { COUNT = sizeof(variants) / sizeof(variants[0]) };
	uint32_t crc[COUNT];

	for (size_t i = 0; i < COUNT; i++) {
		struct source s = { .records = "d,b",
			.lists = variants[i].lists,
			.maps = variants[i].maps,
			.of = { .json = variants[i].json,
			    .iso = variants[i].iso,
			    .user_string = variants[i].user_string } };
		struct source again = s;
		bool alone = true;

		crc[i] = make(&s)->crc;
		for (size_t k = 0; k < i; k++)
			alone = alone && crc[k] != crc[i];
		ok(alone && make(&again)->crc == crc[i],
		    "%s: a checksum of its own, twice the same",
		    variants[i].label);
	}
}

/* As directives say it; the first is none. */
static void
test_crc_of_privacy(void)
{
	static const char *const policies[] = { "retain", "redact", "redact x",
		"siphash k", "hmac-sha256 k", "siphash l" };
	enum { COUNT = sizeof(policies) / sizeof(policies[0]) };
	uint32_t crc[COUNT];

	for (size_t i = 0; i < COUNT; i++) {
		struct source s = { .records = "d", .lists = "", .maps = "" };
		struct privacy p;
		bool alone = true;
		struct err e;

		if (privacy_parse(slice_of(policies[i]), rg, &p, &e) == -1)
			abort();
		s.of.privacy = i == 0 ? NULL : &p;
		crc[i] = make(&s)->crc;
		for (size_t k = 0; k < i; k++)
			alone = alone && crc[k] != crc[i];
		ok(alone, "privacy-policy %s: a checksum of its own",
		    policies[i]);
	}
}

static void
test_many(void)
{
	struct acct_list list = { .type = ACCT_D };
	enum acct_type types[] = { ACCT_D };
	const struct acct_layout_of of = { .types = types,
		.type_count = 1,
		.lists = &list,
		.list_count = 1,
		.user_string = "" };
	const struct acct_layout *l;
	struct err e;

	for (unsigned i = 0; i < ACCT_COLUMNS_MAX; i++)
		conf_strs_add(&list.names, rg, region_printf(rg, "f%u", i));
	is_int(acct_layout_make(rg, &of, &l, &e), 0, "as many as may be");
	conf_strs_add(&list.names, rg, "rcpt");
	is_int(acct_layout_make(rg, &of, &l, &e), -1, "one column more");
	is_str(e.text, "more than 256 columns", "is too many");
}

int
main(void)
{
	rg = region_new();
	test_columns();
	test_cells();
	test_crc();
	test_crc_of_privacy();
	test_many();
	region_free(&rg);
	return done_testing();
}
