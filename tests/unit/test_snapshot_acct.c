/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An <acct-file> is a file, a command, a webhook or a stream, with the columns
 * and the filter that its lines say; mistakes are errors with their line, what
 * is legal and yet not what it seems is a warning.
 */
#include "mail/privacy.h"
#include "tests/conf_file.h"
#include "vmta/acct_filter.h"
#include "vmta/acct_layout.h"
#include "vmta/acct_target.h"
#include "vmta/snapshot.h"

static struct snapshot *
load(const char *text, struct conf_errors *errs)
{
	conf_file_put("main", text);
	return snapshot_load(conf_file_path("main"), errs);
}

static struct snapshot *
load_good(const char *text)
{
	struct conf_errors errs = { 0 };
	struct snapshot *s = load(text, &errs);

	for (size_t i = 0; s == NULL && i < errs.n; i++)
		(void)printf("# %s\n", errs.v[i].text);
	if (s == NULL)
		abort();
	conf_errors_fini(&errs);
	return s;
}

/* ---- kinds and formats --------------------------------------------------- */

#define HOOK "http-webhook-url http://a.example/\n"
#define STREAM "redis-stream-url redis://a.example\n"

static const struct {
	const char *path, *inside;
	enum acct_kind kind;
	bool json;
	uint64_t max_size;
} kinds[] = {
	{ "/a/acct.csv", "", ACCT_FILE, false, 250 << 20 },
	{ "/a/acct.json", "", ACCT_FILE, true, 250 << 20 },
	{ "/a/acct", "format json\n", ACCT_FILE, true, 250 << 20 },
	{ "/a/acct.json", "format csv\n", ACCT_FILE, false, 250 << 20 },
	{ "/a/acct.json", "max-size 1M\n", ACCT_FILE, true, 1 << 20 },
	{ "|/bin/feed x.json", "", ACCT_PIPE, false, 250 << 20 },
	{ "|/bin/feed /tmp/", "", ACCT_PIPE, false, 250 << 20 },
	{ "|/bin/feed", "format json\n", ACCT_PIPE, true, 250 << 20 },
	{ "/a/hook.csv", HOOK, ACCT_WEBHOOK, false, 5 << 20 },
	{ "/a/hook.json", HOOK, ACCT_WEBHOOK, true, 5 << 20 },
	{ "/a/hook.csv", HOOK "max-size 2M\n", ACCT_WEBHOOK, false, 2 << 20 },
	{ "/a/hook.csv", HOOK "http-webhook-url \"\"\n", ACCT_FILE, false,
	    250 << 20 },
	{ "/a/stream", STREAM, ACCT_REDIS, true, 250 << 20 },
};

static void
test_kinds(void)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const struct acct_conf *a;
		struct snapshot *s;
		char text[300];

		(void)snprintf(text, sizeof(text),
		    "<acct-file %s>\n%s</acct-file>\n", kinds[i].path,
		    kinds[i].inside);
		s = load_good(text);
		a = snapshot_acct_at(s, 0);
		ok(a->kind == kinds[i].kind &&
			a->layout->json == kinds[i].json &&
			a->max_size == kinds[i].max_size &&
			strcmp(a->path, kinds[i].path) == 0,
		    "%s; %.*s: its kind, format and size", kinds[i].path,
		    (int)strcspn(kinds[i].inside, "\n"), kinds[i].inside);
		ok((a->webhook != NULL) == (a->kind == ACCT_WEBHOOK) &&
			(a->redis != NULL) == (a->kind == ACCT_REDIS),
		    "... and where to");
		snapshot_unref(&s);
	}
}

/* However a path is written, it is one file. */
static void
test_paths(void)
{
	struct snapshot *s;

	s = load_good("<acct-file /a/b.csv>\n</acct-file>\n"
		      "<acct-file //a///b.csv>\nrecords t\n</acct-file>\n"
		      "<acct-file /./a/././b.csv>\n</acct-file>\n"
		      "<acct-file /a/.b.csv>\n</acct-file>\n"
		      "<acct-file |/a//b>\n</acct-file>\n");
	is_int((int64_t)snapshot_acct_count(s), 3, "files and commands");
	is_str(snapshot_acct_at(s, 0)->path, "/a/b.csv", "the first");
	is_int(snapshot_acct_at(s, 0)->types, ACCT_BIT(ACCT_T),
	    "with what the second says");
	is_str(snapshot_acct_at(s, 1)->path, "/a/.b.csv", "a name with a dot");
	is_str(snapshot_acct_at(s, 2)->path, "|/a//b",
	    "a command stays as it is");
	snapshot_unref(&s);
}

static void
test_targets(void)
{
	const struct acct_webhook *hook;
	const struct acct_redis *redis;
	struct snapshot *s;

	conf_file_put("headers", "Authorization: x\n");
	conf_file_put("cert.pem", "");
	conf_file_put("ca.pem", "");
	s = load_good("<acct-file /a/hook.json>\n"
		      "http-webhook-url https://a.example/x\n"
		      "http-webhook-extra-headers headers\n"
		      "http-webhook-certificate cert.pem \"a b\"\n"
		      "http-webhook-ca-file ca.pem\n</acct-file>\n"
		      "<acct-file /a/plain.json>\n"
		      "http-webhook-url http://b.example\n</acct-file>\n"
		      "<acct-file /a/stream>\n"
		      "redis-stream-url redis://:p@c.example:7/1\n"
		      "</acct-file>\n");
	hook = snapshot_acct_at(s, 0)->webhook;
	is_str(hook->url, "https://a.example/x", "the URL");
	is_str(hook->headers[0].name, "Authorization", "a header");
	is_str(hook->certificate, conf_file_path("cert.pem"),
	    "a certificate beside the configuration");
	is_str(hook->password, "a b", "its password");
	is_str(hook->ca_file, conf_file_path("ca.pem"), "an authority");
	hook = snapshot_acct_at(s, 1)->webhook;
	ok(hook->certificate == NULL && hook->password == NULL &&
		hook->ca_file == NULL && hook->header_count == 0,
	    "a plain one has none of these");
	redis = snapshot_acct_at(s, 2)->redis;
	ok(strcmp(redis->host, "c.example") == 0 && redis->port == 7 &&
		redis->db == 1 && strcmp(redis->password, "p") == 0,
	    "a stream of Redis");
	snapshot_unref(&s);
}

/* ---- rows ---------------------------------------------------------------- */

static void
test_layout(void)
{
	const struct acct_layout *l;
	const struct acct_conf *a;
	struct snapshot *s;

	s = load_good("<acct-file /a/x>\nrecords t, bounce\n"
		      "record-fields transient rcpt, userString\n"
		      "record-fields b jobId\n"
		      "map-header-to-field b header_X-One jobId\n"
		      "map-header-to-field b Header_x-two jobId\n"
		      "user-string \"from here\"\niso-times no\n"
		      "privacy-policy redact \"x y\"\n"
		      "queue-filter gmail.com/*, !*/v1\n"
		      "queue-filter */*\n</acct-file>\n"
		      "<acct-file /a/x>\nrecords d\n</acct-file>\n");
	is_int((int64_t)snapshot_acct_count(s), 1, "one file of two blocks");
	a = snapshot_acct_at(s, 0);
	l = a->layout;
	is_int(a->types, ACCT_BIT(ACCT_D) | ACCT_BIT(ACCT_B) | ACCT_BIT(ACCT_T),
	    "its types");
	ok(strcmp(l->columns[0].name, "rcpt") == 0 &&
		strcmp(l->columns[1].name, "userString") == 0 &&
		strcmp(l->columns[2].name, "jobId") == 0 &&
		strcmp(l->columns[3].name, "timeLogged") == 0,
	    "columns of its lists, then of the type without one");
	is_str(l->columns[2].by_type[ACCT_B].mapped[1], "header_x-two",
	    "a second header for a field");
	ok(!l->iso && !l->json, "Unix times");
	is_str(l->user_string, "from here", "the string");
	ok(l->privacy->kind == PRIVACY_REDACT &&
		strcmp(l->privacy->text, "x y") == 0,
	    "what stands for recipients");
	ok(acct_filter_takes(a->filter, ACCT_T, "gmail.com/v1") &&
		!acct_filter_takes(a->filter, ACCT_T, "yahoo.com/v1") &&
		acct_filter_takes(a->filter, ACCT_T, "yahoo.com/v2"),
	    "the patterns of both lines");
	snapshot_unref(&s);
}

static void
test_emptied(void)
{
	struct snapshot *s;

	s = load_good("domain-macro big gmail.com, yahoo.com\n"
		      "<acct-file /a/x>\nrecords t\nrecords \"\"\nrecords b\n"
		      "privacy-policy redact\nprivacy-policy retain\n"
		      "queue-filter a/b\nqueue-filter \"\"\n</acct-file>\n"
		      "<acct-file /a/y>\nqueue-filter $big/*\n</acct-file>\n"
		      "<acct-file /a/z>\n</acct-file>\n");
	is_int(snapshot_acct_at(s, 0)->types, ACCT_BIT(ACCT_B),
	    "types behind \"\"");
	ok(snapshot_acct_at(s, 0)->filter == NULL, "no filter any more");
	ok(snapshot_acct_at(s, 0)->layout->privacy == NULL,
	    "addresses are retained");
	ok(acct_filter_takes(snapshot_acct_at(s, 1)->filter, ACCT_D,
	       "yahoo.com/v1"),
	    "a macro in a filter");
	is_int(snapshot_acct_at(s, 2)->types,
	    ACCT_BIT(ACCT_D) | ACCT_BIT(ACCT_B), "d and b if nothing is said");
	snapshot_unref(&s);
}

static void
test_wants(void)
{
	const struct acct_wants *w;
	struct buf names = { 0 };
	struct snapshot *s;

	s = load_good("<acct-file /a/x>\nrecords d,f\n"
		      "record-fields d *, header_X-B, header_x-b\n"
		      "record-fields f header_Subject, arf_Y\n"
		      "record-fields t header_X-None\n</acct-file>\n"
		      "<acct-file /a/y>\nrecords r\n"
		      "record-fields r header_X-A, jobId\n"
		      "map-header-to-field r header_X-C jobId\n"
		      "map-header-to-field r header_X-D envId\n"
		      "</acct-file>\n");
	w = snapshot_acct_wants(s);
	is_int(w->types, ACCT_BIT(ACCT_D) | ACCT_BIT(ACCT_R) | ACCT_BIT(ACCT_F),
	    "types that any file takes");
	for (size_t i = 0; i < w->header_count; i++)
		buf_printf(&names, "%s ", w->headers[i]);
	is_str(buf_cstr(&names), "x-b x-a x-c ",
	    "headers of messages that any column shows");
	buf_fini(&names);
	snapshot_unref(&s);
	s = load_good("");
	w = snapshot_acct_wants(s);
	ok(w->types == 0 && w->header_count == 0, "nothing, without any");
	snapshot_unref(&s);
}

static void
test_disabled(void)
{
	struct queue_conf q;
	struct snapshot *s;

	s = load_good("<domain *>\ndisable-acct-records t, delivery\n"
		      "</domain>\n<virtual-mta v>\n<domain x.com>\n"
		      "disable-acct-records FBL\n</domain>\n</virtual-mta>\n"
		      "<domain y.com>\ndisable-acct-records \"\"\n"
		      "</domain>\n");
	snapshot_queue_conf(s, "x.com", "", &q);
	ok(acct_is_disabled(&q, ACCT_T) && acct_is_disabled(&q, ACCT_D) &&
		!acct_is_disabled(&q, ACCT_B) && !acct_is_disabled(&q, ACCT_TQ),
	    "types by letter and by name");
	snapshot_queue_conf(s, "x.com", "v", &q);
	ok(acct_is_disabled(&q, ACCT_F) && !acct_is_disabled(&q, ACCT_T),
	    "a narrower list takes the place of the other");
	snapshot_queue_conf(s, "y.com", "", &q);
	ok(!acct_is_disabled(&q, ACCT_T), "an empty one, too");
	snapshot_unref(&s);
}

/* ---- mistakes ------------------------------------------------------------ */

#define IN(rows) "<acct-file /a/x>\n" rows "\n</acct-file>"

static const struct {
	const char *text, *said;
} bad[] = {
	{ "<acct-file x>\n</acct-file>", "main:1: <acct-file x>: an absolute" },
	{ "<acct-file /a/>\n</acct-file>", "main:1: <acct-file /a/>: an abs" },
	{ "<acct-file | >\n</acct-file>",
	    "main:1: <acct-file |>: an absolute" },
	{ "<acct-file \"| \">\n</acct-file>",
	    "main:1: <acct-file \"| \">: an" },
	{ IN("records d\nrecords x, t"),
	    "main:3: records: \"x\" is no type of record" },
	{ "<virtual-mta v>\n<domain *>\nmax-smtp-out 2\n"
	  "disable-acct-records d,x\n</domain>\n</virtual-mta>",
	    "main:4: disable-acct-records: \"x\" is no type of record" },
	{ IN("records d\nmap-header-to-field tq header_x jobId"),
	    "main:3: map-header-to-field: a tq record has no header" },
	{ IN("map-header-to-field d x-job jobId"),
	    "main:2: map-header-to-field: behind the type there is header_" },
	{ IN("queue-filter a/b\nqueue-filter a/b/c"),
	    "main:3: queue-filter: \"a/b/c\" has two slashes" },
	{ IN("queue-filter $none/*"), "main:2: queue-filter: " },
	{ IN("privacy-policy siphash 12345678901234567"),
	    "main:2: privacy-policy: " },
	{ IN("privacy-policy siphash\nprivacy-policy retain"),
	    "main:2: privacy-policy: siphash: a key is missing" },
	{ IN("move-to done"), "main:2: move-to: an absolute path" },
	{ IN("move-to //a/."),
	    "main:2: move-to: the files are in that folder" },
	{ "<acct-file /tmp/x>\n</acct-file>\n"
	  "<acct-file /tmp/../tmp/x>\n</acct-file>",
	    "main:3: <acct-file /tmp/../tmp/x> is the same file as <acct-file "
	    "/tmp/x>" },
	{ IN("move-to /done") "\n<acct-file /b/x>\nmove-to /done/\n"
			      "</acct-file>",
	    "main:5: move-to: files of <acct-file /a/x> and "
	    "<acct-file /b/x> would have" },
	{ IN("move-to /b") "\n<acct-file /b/x>\n</acct-file>",
	    "main:2: move-to: files of <acct-file /a/x> and <acct-file /b/x>" },
	{ IN("http-webhook-url ftp://a.example"),
	    "main:2: http-webhook-url: neither http:// nor https://" },
	{ IN(HOOK "http-webhook-extra-headers none"),
	    "main:3: http-webhook-extra-headers: " },
	{ IN(HOOK "http-webhook-extra-headers bad-headers"),
	    "bad-headers:2: not \"Name: value\"" },
	{ IN(HOOK "http-webhook-certificate none"),
	    "main:3: http-webhook-certificate: " },
	{ IN(HOOK "http-webhook-ca-file none"),
	    "main:3: http-webhook-ca-file: " },
	{ IN(HOOK STREAM), "main:3: redis-stream-url: the <acct-file> is for" },
	{ "<acct-file |/bin/cat>\n" HOOK "</acct-file>",
	    "main:2: http-webhook-url: the <acct-file> is for a command" },
	{ IN("redis-stream-url a.example"), "main:2: redis-stream-url: " },
};

static void
test_bad(void)
{
	conf_file_put("bad-headers", "A: b\nno\n");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct conf_errors errs = { 0 };
		struct snapshot *s = load(bad[i].text, &errs);

		ok(s == NULL && errs.fatal == 1 &&
			conf_file_said(&errs, bad[i].said),
		    "said, and nothing else: %s", bad[i].said);
		snapshot_unref(&s);
		conf_errors_fini(&errs);
	}
}

static void
test_too_many(void)
{
	struct conf_errors errs = { 0 };
	struct buf text = { 0 };
	struct snapshot *s;

	for (unsigned i = 0; i < ACCT_CONFS_MAX; i++)
		buf_printf(&text, "<acct-file /a%u>\n</acct-file>\n", i);
	s = load_good(buf_cstr(&text));
	snapshot_unref(&s);
	buf_str(&text,
	    "<acct-file /b>\n</acct-file>\n<acct-file /c>\n"
	    "</acct-file>\n");
	s = load(buf_cstr(&text), &errs);
	ok(s == NULL && errs.fatal == 1 &&
		conf_file_said(&errs, "main:129: more than 64 <acct-file>"),
	    "too many, said once");
	conf_errors_fini(&errs);
	buf_fini(&text);
}

static void
test_too_long(void)
{
	for (int len = ACCT_PATH_MAX; len <= ACCT_PATH_MAX + 1; len++) {
		struct conf_errors errs = { 0 };
		char text[600];
		struct snapshot *s;

		(void)snprintf(text, sizeof(text),
		    "<acct-file |%0*d>\n</acct-file>\n", len - 1, 0);
		s = load(text, &errs);
		ok((s != NULL) == (len == ACCT_PATH_MAX), "%d bytes%s", len,
		    s == NULL ? " are too many" : "");
		snapshot_unref(&s);
		conf_errors_fini(&errs);
	}
}

/* Two files, each with half of so many header fields. */
static struct snapshot *
load_headers(unsigned count, struct conf_errors *errs)
{
	struct buf text = { 0 };
	struct snapshot *s;

	for (unsigned i = 0; i < count; i++)
		buf_printf(&text, "%sheader_X-%u",
		    i == 0             ? "<acct-file /a>\nrecord-fields d " :
			i == count / 2 ? "\n</acct-file>\n<acct-file /b>\n"
					 "record-fields b " :
					 ",",
		    i);
	buf_str(&text, "\n</acct-file>\n");
	s = load(buf_cstr(&text), errs);
	buf_fini(&text);
	return s;
}

static void
test_too_many_headers(void)
{
	struct conf_errors errs = { 0 };
	struct snapshot *s = load_headers(ACCT_HEADERS_MAX, &errs);

	ok(s != NULL &&
		snapshot_acct_wants(s)->header_count == ACCT_HEADERS_MAX,
	    "as many headers as may be");
	snapshot_unref(&s);
	s = load_headers(ACCT_HEADERS_MAX + 1, &errs);
	ok(s == NULL &&
		conf_file_said(&errs,
		    "main:4: <acct-file /b>, and those "
		    "before it: more than 255 header"),
	    "one more");
	snapshot_unref(&s);
	conf_errors_fini(&errs);
}

/* A configuration without warnings is one of these with "" in its middle. */
static const struct {
	const char *text, *said; /* NULL: nothing */
} warned[] = {
	{ IN("records d\nqueue-filter */*"), NULL },
	{ IN("records f\nqueue-filter a/*"), "f has no effect yet" },
	{ IN("records d\nqueue-filter a/*"),
	    "main:3: queue-filter: d records that it leaves out may be lost" },
	{ IN("records d,t\nqueue-filter a/*\n</acct-file>\n<acct-file /y>"),
	    "main:3: queue-filter: t records that it leaves out may be lost" },
	{ IN("records d, b, tq\nqueue-filter a/*\n</acct-file>\n"
	     "<acct-file /y>\nrecords b"),
	    "main:3: queue-filter: d, tq records that it leaves out may" },
	{ IN("queue-filter a/*\n</acct-file>\n<acct-file /y>"), NULL },
	{ IN("queue-filter a/*\n</acct-file>\n<acct-file /y>\n"
	     "queue-filter !a/*, */*"),
	    NULL },
	{ IN("queue-filter !a/*\n</acct-file>\n<acct-file /y>"),
	    "main:2: queue-filter takes nothing" },
	{ IN("records \"\""), "main:1: <acct-file /a/x> takes no records" },
	{ IN("record-fields d rcpt\nrecord-fields delivery orig"),
	    "main:2: record-fields: a later line for d takes the place" },
	{ IN("record-fields t rcpt"),
	    "main:2: record-fields t has no effect: records does not" },
	{ IN("record-fields d *, proxyName, type, !rcpt, header_x"),
	    "main:2: record-fields: d records have no field proxyName" },
	{ IN("record-fields d rcvSourceIp"), "have no field rcvSourceIp" },
	{ IN("record-fields d *, !receipt"),
	    "main:2: record-fields: there is no field receipt" },
	{ IN("record-fields d *, !userString, !header_x"), NULL },
	{ IN("record-fields d *, !Type"), "main:2: record-fields: type is al" },
	{ IN("move-to /b") "\n<acct-file /b/y>\nmove-to /b2\n</acct-file>\n"
			   "<acct-file /c/x>\nmove-to /b2\n</acct-file>",
	    NULL },
	{ IN("record-fields d rcpt, rcvSourceIp\n"
	     "map-header-to-field d header_x rcvSourceIp"),
	    NULL },
	{ IN("record-fields d rcpt\nmap-header-to-field d header_x jobId"),
	    "main:3: map-header-to-field has no effect: d records have no "
	    "column jobId" },
	{ IN("map-header-to-field t header_x jobId"),
	    "main:2: map-header-to-field t has no effect: records does" },
	{ IN("record-fields d *, userString"),
	    "main:1: <acct-file /a/x>: userString without user-string" },
	{ IN("user-string x"), "main:2: user-string has no effect" },
	{ IN("record-fields d *, userString\nuser-string x"), NULL },
	{ IN("move-to /b\ndelete-after 9d"),
	    "main:3: delete-after has no effect beside move-to" },
	{ IN("move-to /b\ndelete-after never"), NULL },
	{ IN("move-to /b"), NULL },
	{ IN("write-timeout 1m"),
	    "main:2: write-timeout has no effect for a file" },
	{ IN("retry-interval 1m"), "retry-interval has no effect for a file" },
	{ IN("redis-stream-key x"), "redis-stream-key has no effect for a" },
	{ IN("http-webhook-certificate x"),
	    "http-webhook-certificate has no effect for a file" },
};

static void
test_warned(void)
{
	for (size_t i = 0; i < sizeof(warned) / sizeof(warned[0]); i++) {
		struct conf_errors errs = { 0 };
		struct snapshot *s = load(warned[i].text, &errs);
		const char *said = warned[i].said;

		for (size_t k = 0; said == NULL && k < errs.n; k++)
			(void)printf("# %s\n", errs.v[k].text);
		ok(s != NULL && errs.n == (said != NULL) &&
			(said == NULL || conf_file_said(&errs, said)),
		    "%s%s", said == NULL ? "nothing is said: " : "said: ",
		    said == NULL ? warned[i].text : said);
		snapshot_unref(&s);
		conf_errors_fini(&errs);
	}
}

/* What one kind has no use for. */
static const struct {
	const char *path, *inside, *said;
} useless[] = {
	{ "|/bin/cat", "max-size 1M", "max-size has no effect for a command" },
	{ "|/bin/cat", "world-readable yes",
	    "world-readable has no effect for a command" },
	{ "/a", HOOK "move-interval 1h",
	    "move-interval has no effect for a webhook" },
	{ "/a", HOOK "write-timeout 1h",
	    "write-timeout has no effect for a webhook" },
	{ "/a", STREAM "format csv",
	    "format has no effect for a stream of Redis" },
	{ "/a", STREAM "http-webhook-io-timeout 1s",
	    "http-webhook-io-timeout has no effect for a stream" },
};

static void
test_useless(void)
{
	for (size_t i = 0; i < sizeof(useless) / sizeof(useless[0]); i++) {
		struct conf_errors errs = { 0 };
		struct snapshot *s;
		char text[300];

		(void)snprintf(text, sizeof(text),
		    "<acct-file %s>\n%s\n</acct-file>\n", useless[i].path,
		    useless[i].inside);
		s = load(text, &errs);
		ok(s != NULL && conf_file_said(&errs, useless[i].said), "%s",
		    useless[i].said);
		snapshot_unref(&s);
		conf_errors_fini(&errs);
	}
}

int
main(void)
{
	conf_file_begin();
	test_kinds();
	test_paths();
	test_targets();
	test_layout();
	test_emptied();
	test_wants();
	test_disabled();
	test_bad();
	test_too_many();
	test_too_long();
	test_too_many_headers();
	test_warned();
	test_useless();
	conf_file_end();
	return done_testing();
}
