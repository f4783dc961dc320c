/* SPDX-License-Identifier: Apache-2.0 */
/*
 * URLs of webhooks and of Redis, and files of extra headers: what is right is
 * taken apart, what is wrong is said, and never with a password.
 */
#include "vmta/acct_target.h"

#include "tests/conf_file.h"

static const struct {
	const char *url, *said; /* NULL: good */
} urls[] = {
	{ "http://a.example", NULL },
	{ "https://a.example/", NULL },
	{ "HTTPS://a.example:8443/x/y?z=%20&w=1", NULL },
	{ "http://192.0.2.1:80/", NULL },
	{ "http://[2001:db8::1]/x", NULL },
	{ "http://[2001:db8::1]:8080?x", NULL },
	{ "http://localhost:1/a@b", NULL },
	{ "ftp://a.example/", "neither http:// nor https://" },
	{ "a.example", "neither http:// nor https://" },
	{ "http://", "is not a host" },
	{ "http:///x", "is not a host" },
	{ "http://a..b/", "is not a host" },
	{ "http://a.example:0/", "is not a port" },
	{ "http://a.example:65536/", "is not a port" },
	{ "http://a.example:/", "is not a port" },
	{ "http://[2001:db8::1", "is not HOST:PORT" },
	{ "http://[2001:db8::1]x", "is not HOST:PORT" },
	{ "http://[a.example]/", "is not HOST:PORT" },
	{ "http://2001:db8::1/", "is not a port" },
	{ "http://joe:secret@a.example/", "belong into" },
	{ "http://joe:secret word@a.example/", "writes as %XX" },
	{ "redis://joe:secret@a.example/", "neither http:// nor https://" },
	{ "http://a.example/a b", "writes as %XX" },
	{ "http://a.example/\xc3\xa4", "writes as %XX" },
	{ "http://a.example/\"", "writes as %XX" },
};

static void
test_urls(void)
{
	struct err e;

	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		int rc = acct_url_check(urls[i].url, &e);

		if (urls[i].said == NULL)
			is_int(rc, 0, urls[i].url);
		else if (!ok(rc == -1 && strstr(e.text, urls[i].said) != NULL &&
				 strstr(e.text, "secret") == NULL,
			     "%s: %s", urls[i].url, urls[i].said))
			(void)printf("# said: %s\n", rc == 0 ? "" : e.text);
	}
}

/* ---- Redis --------------------------------------------------------------- */

static const struct {
	const char *url, *parts; /* "user|password|host|port|db|path" */
} redis[] = {
	{ "redis://a.example", "-|-|a.example|6379|0|-" },
	{ "redis://a.example/", "-|-|a.example|6379|0|-" },
	{ "REDIS://127.0.0.1:7000/3", "-|-|127.0.0.1|7000|3|-" },
	{ "redis://[2001:db8::1]:7000", "-|-|2001:db8::1|7000|0|-" },
	{ "redis://[2001:db8::1]/1", "-|-|2001:db8::1|6379|1|-" },
	{ "redis://:secret@a.example", "-|secret|a.example|6379|0|-" },
	{ "redis://joe:se%63ret%2F@a.example/2",
	    "joe|secret/|a.example|6379|2|-" },
	{ "redis://joe:s@cret@a.example", "joe|s@cret|a.example|6379|0|-" },
	{ "redis://joe:@a.example", "joe||a.example|6379|0|-" },
	{ "unix:/run/redis.sock", "-|-|-|6379|0|/run/redis.sock" },
};

static const struct {
	const char *url, *said;
} bad_redis[] = {
	{ "rediss://a.example", "neither redis://HOST nor unix:PATH" },
	{ "a.example:6379", "neither redis://HOST nor unix:PATH" },
	{ "unix:run/redis", "an absolute path" },
	{ "redis://", "is not a host" },
	{ "redis://a.example:0", "is not a port" },
	{ "redis://a.example/x", "is not the number of a database" },
	{ "redis://a.example/65536", "is not the number of a database" },
	{ "redis://a.example/1/2", "is not the number of a database" },
	{ "redis://secret@a.example", "USER:PASSWORD" },
	{ "redis://:secret%@a.example", "% without two digits" },
	{ "redis://:secret%4@a.example", "% without two digits" },
	{ "redis://:secret%4g@a.example", "% without two digits" },
	{ "redis://:secret%00@a.example", "% without two digits" },
	{ "redis://:secret@a..b", "is not a host" },
};

static const char *
shown(const char *s)
{
	return s == NULL ? "-" : s;
}

static void
test_redis(void)
{
	struct region *rg = region_new();
	struct acct_redis r;
	char parts[200];
	struct err e;

	for (size_t i = 0; i < sizeof(redis) / sizeof(redis[0]); i++) {
		if (acct_redis_parse(redis[i].url, rg, &r, &e) == -1) {
			ok(false, "%s: %s", redis[i].url, e.text);
			continue;
		}
		(void)snprintf(parts, sizeof(parts), "%s|%s|%s|%u|%u|%s",
		    shown(r.user), shown(r.password), shown(r.host), r.port,
		    r.db, shown(r.path));
		is_str(parts, redis[i].parts, redis[i].url);
	}
	for (size_t i = 0; i < sizeof(bad_redis) / sizeof(bad_redis[0]); i++) {
		int rc = acct_redis_parse(bad_redis[i].url, rg, &r, &e);

		ok(rc == -1 && strstr(e.text, bad_redis[i].said) != NULL &&
			strstr(e.text, "secret") == NULL,
		    "%s: %s", bad_redis[i].url, bad_redis[i].said);
	}
	region_free(&rg);
}

/* ---- extra headers ------------------------------------------------------- */

static const struct {
	const char *line, *said; /* NULL: good */
} headers[] = {
	{ "Authorization: Bearer x:y", NULL },
	{ "X-A:b\r", NULL },
	{ "X-Empty:", NULL },
	{ "# a comment: it is", NULL },
	{ "  ", NULL },
	{ "no colon", "not \"Name: value\"" },
	{ ": x", "not \"Name: value\"" },
	{ "A B: x", "not \"Name: value\"" },
	{ " A: x", "not \"Name: value\"" },
	{ "content-TYPE: text/csv", "is not yours to set" },
	{ "X-Mailrace-Batch: 1", "is not yours to set" },
	{ "Transfer-Encoding: chunked", "is not yours to set" },
	{ "A: x\x01y", "control characters" },
};

static void
test_headers(void)
{
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		struct acct_webhook hook = { 0 };
		struct region *rg = region_new();
		struct conf_errors errs = { 0 };
		struct buf text = { 0 };
		struct err e;
		int rc;

		buf_printf(&text, "First: 1\n%s\nLast: 2", headers[i].line);
		conf_file_put("headers", buf_cstr(&text));
		rc = acct_headers_read(conf_file_path("headers"), rg, &hook,
		    &errs, &e);
		ok(rc == 0 && hook.header_count >= 2 &&
			strcmp(hook.headers[0].value, "1") == 0 &&
			strcmp(hook.headers[hook.header_count - 1].value,
			    "2") == 0,
		    "the lines around it: %s", headers[i].line);
		if (headers[i].said == NULL)
			is_int((int64_t)errs.n, 0, "... is good");
		else
			ok(conf_file_said(&errs, headers[i].said) &&
				conf_file_said(&errs, "headers:2: "),
			    "... %s", headers[i].said);
		conf_errors_fini(&errs);
		buf_fini(&text);
		region_free(&rg);
	}
}

static void
test_header_values(void)
{
	struct acct_webhook hook = { 0 };
	struct region *rg = region_new();
	struct conf_errors errs = { 0 };
	struct err e;

	conf_file_put("headers", "Authorization: \tBearer x:y \r\nX-A:\n");
	is_int(
	    acct_headers_read(conf_file_path("headers"), rg, &hook, &errs, &e),
	    0, "a file of headers");
	is_int((int64_t)hook.header_count, 2, "two of them");
	is_str(hook.headers[0].name, "Authorization", "the name");
	is_str(hook.headers[0].value, "Bearer x:y", "the value, trimmed");
	is_str(hook.headers[1].value, "", "an empty one");
	is_int(acct_headers_read(conf_file_path("none"), rg, &hook, &errs, &e),
	    -1, "a file that is not there");
	is_int(acct_headers_read("/dev/zero", rg, &hook, &errs, &e), -1,
	    "one that does not end");
	ok(strstr(e.text, "more than") != NULL, "is too large: %s", e.text);
	conf_errors_fini(&errs);
	region_free(&rg);
}

int
main(void)
{
	conf_file_begin();
	test_urls();
	test_redis();
	test_headers();
	test_header_values();
	conf_file_end();
	return done_testing();
}
