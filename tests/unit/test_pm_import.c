/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tree of files becomes one, in its order: what has no effect is a comment
 * that says why, paths stay what they were, and all is told with its place.
 */
#include "compat/pmta/pm_import.h"

#include "compat/pmta/pm_paths.h"
#include "tests/conf_file.h"

struct world {
	struct region *rg;
	struct conf_tree tree;
	struct conf_errors errs;
	struct pm_import *import;
};

static void
world_init(struct world *w, const char *path)
{
	*w = (struct world){ .rg = region_new() };
	conf_parse(&w->tree, path, w->rg, &w->errs);
	conf_errors_finish(&w->errs, 0);
	w->import = pm_import_new(&w->tree, w->rg);
}

static void
world_fini(struct world *w)
{
	conf_tree_fini(&w->tree);
	conf_errors_fini(&w->errs);
	region_free(&w->rg);
}

/* ---- paths ------------------------------------------------------------------ */

static const struct {
	const char *block, *name, *value, *wanted; /* NULL: as it is */
} paths[] = {
	{ "", "domain-key", "s, d.example, k.pem", "s, d.example, /c/k.pem" },
	{ "", "domain-key", "s,*,\"a b.pem\"", "s, *, \"/c/a b.pem\"" },
	{ "", "domain-key", "s, d.example, /k.pem", NULL },
	{ "", "domain-key", "s, d.example", NULL },
	{ "", "domain-key", "s, \"d", NULL },
	{ "", "smtp-server-tls-certificate", "c.pem \"p w\"",
	    "/c/c.pem \"p w\"" },
	{ "", "smtp-server-tls-certificate", "c.pem", "/c/c.pem" },
	{ "", "smtp-server-tls-certificate", "\"c", NULL },
	{ "", "smtp-server-tls-ca-file", "ca.pem", "/c/ca.pem" },
	{ "", "smtp-server-tls-ca-file", "\"\"", NULL },
	{ "", "log-file", "log", "/c/log" },
	{ "", "dsn-failed-body-template-from", "t.txt", "/c/t.txt" },
	{ "", "host-name", "a.example", NULL },
	{ "", "nothing-known", "a.pem", NULL },
	{ "virtual-mta", "include-headers-from", "a, /b", "/c/a, /b" },
	{ "acct-file", "http-webhook-certificate", "a.pem x", "/c/a.pem x" },
	{ "address-list", "address-file", "a b", "\"/c/a b\"" },
	{ "address-list", "address", "a", NULL },
};

static void
test_paths(struct region *rg)
{
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		const struct conf_node n = { .name = paths[i].name,
			.value = paths[i].value,
			.file = "/c/config" };
		struct effect_rows rows;

		effect_look_up(paths[i].block, n.name, &rows);
		is_str(pm_paths_value(rg, &n, &rows),
		    paths[i].wanted == NULL ? n.value : paths[i].wanted,
		    n.value);
	}
}

/* ---- one out of several ----------------------------------------------------- */

static const char first[] =
    "host-name a.example # its name\n"
    "<VIRTUAL-MTA v>\n"
    "  include two\n"
    "</virtual-mta>\n"
    "http-mgmt-port 8080\n"
    "http-api-key 0123456789abcdef0123456789s3cret\n"
    "<domain $m> use-dane yes </domain>\n"
    "<domain x>\n"
    " use-mta-sts no\n"
    " max-smtp-out many\n"
    " max-msg-per-hour 5\n"
    "</domain>\n"
    "<proxy p>\n server h:1\n</proxy>\n"
    "<smtp-user u>\n password s3cret\n pasword s3cret\n</smtp-user>\n"
    "<pattern-list l>\n header X /y/ <pattern-list>\n  * virtual-mta=v\n"
    " </pattern-list>\n</pattern-list>\n"
    "<acct-file \"|cmd\">\n</acct-file>\n"
    "domain-macro m $n,b.example\n"
    "domain-macro n c.example\n"
    "<domain *>\n bounce-upon-5xx-greeting no\n</domain>\n"
    "<virtual-mta v>\n<domain *>\n bounce-upon-no-mx no\n</domain>\n"
    "</virtual-mta>\n"
    "{{x}} 1\n";

static const char wanted[] =
    "# ---- PowerMTA's defaults\n"
    "<domain *>\n"
    "    bounce-upon-no-mx no\n"
    "</domain>\n"
    "\n"
    "# ---- main\n"
    "domain-macro m $n, b.example  # main:27\n"
    "domain-macro n c.example  # main:28\n"
    "host-name a.example  # main:1\n"
    "<VIRTUAL-MTA v>  # main:2\n"
    "\n# ---- two\n"
    "    domain-key s, a.example, DIR/k.pem  # two:1\n"
    "</VIRTUAL-MTA>\n"
    "\n# ---- main\n"
    "#http-mgmt-port 8080  # main:5, left out: http-mgmt-port has no effect "
    "yet\n"
    "#http-api-key (hidden)  # main:6, left out: http-api-key has no effect "
    "yet\n"
    "<domain $m>  # main:7\n"
    "    #use-dane yes  # main:7, left out: use-dane has no effect yet\n"
    "</domain>\n"
    "<domain x>  # main:8\n"
    "    use-mta-sts no  # main:9\n"
    "    max-smtp-out many  # main:10\n"
    "    max-msg-per-hour 5  # main:11\n"
    "</domain>\n"
    "#<proxy p>  # main:13, left out: <proxy> has no effect yet\n"
    "    #server h:1  # main:14\n"
    "#</proxy>\n"
    "<smtp-user u>  # main:16\n"
    "    #password (only with --output)  # main:17\n"
    "    #pasword (only with --output)  # main:18\n"
    "</smtp-user>\n"
    "<pattern-list l>  # main:20\n"
    "    header X /y/ <pattern-list>  # main:21\n"
    "        * virtual-mta=v  # main:22\n"
    "    </pattern-list>\n"
    "</pattern-list>\n"
    "<acct-file \"|cmd\">  # main:25\n"
    "</acct-file>\n"
    "<domain *>  # main:29\n"
    "    bounce-upon-5xx-greeting no  # main:30\n"
    "</domain>\n"
    "<virtual-mta v>  # main:32\n"
    "    <domain *>  # main:33\n"
    "        bounce-upon-no-mx no  # main:34\n"
    "    </domain>\n"
    "</virtual-mta>\n";

static const char told[] =
    "Not taken over, and mail is less safe without it: 6\n"
    "  line  (main:37)\n"
    "      a placeholder of a template that was not filled in\n"
    "  domain-macro = n c.example  (main:28)\n"
    "      a loop\n"
    "  use-dane = yes  (main:7)\n"
    "      in <domain $m>: use-dane has no effect yet\n"
    "  max-smtp-out = many  (main:10)\n"
    "      in <domain x>: no number\n"
    "  password = (hidden)  (main:17)\n"
    "      in <smtp-user u>: its value is none that is taken\n"
    "  <pattern-list> = l  (main:20)\n"
    "      not wanted; nor all that is in it\n"
    "\nNot taken over: 3\n"
    "  http-mgmt-port = 8080  (main:5)\n"
    "      http-mgmt-port has no effect yet\n"
    "  http-api-key = (hidden)  (main:6)\n"
    "      http-api-key has no effect yet\n"
    "  <proxy> = p  (main:13)\n"
    "      <proxy> has no effect yet; nor all that is in it\n"
    "\nDifferently expressed: 2\n"
    "  domain-key = s, a.example, k.pem  (two:1)\n"
    "      in <VIRTUAL-MTA v>: the path is taken from the folder of its "
    "file: s, a.example, DIR/k.pem\n"
    "  max-msg-per-hour = 5  (main:11)\n"
    "      in <domain x>: as it is, and means max-msg-rate\n"
    "\nTaken over: 7\n"
    "  bounce-upon-no-mx = no  (PowerMTA's default)\n"
    "      in <domain *>: without it mail fails at once\n"
    "  domain-macro = m $n, b.example  (main:27)\n"
    "      as it is\n"
    "  host-name = a.example  (main:1)\n"
    "      as it is\n"
    "  use-mta-sts = no  (main:9)\n"
    "      in <domain x>: as it is\n"
    "  pasword = (hidden)  (main:18)\n"
    "      in <smtp-user u>: as it is\n"
    "  bounce-upon-5xx-greeting = no  (main:30)\n"
    "      in <domain *>: as it is\n"
    "  bounce-upon-no-mx = no  (main:34)\n"
    "      in <domain *> of <virtual-mta v>: as it is\n";

/* With the folder of the test in the place of DIR, and without it in titles. */
static void
is_text(struct buf *got, const char *text, const char *label)
{
	struct buf plain = { 0 };
	const char *p = buf_cstr(got);
	char title[64];

	(void)snprintf(title, sizeof(title), "# ---- %s/", conf_file_dir);
	while (*p != '\0')
		if (strncmp(p, title, strlen(title)) == 0) {
			buf_str(&plain, "# ---- ");
			p += strlen(title);
		} else if (strncmp(p, conf_file_dir, strlen(conf_file_dir)) ==
		    0) {
			buf_str(&plain, "DIR");
			p += strlen(conf_file_dir);
		} else {
			buf_byte(&plain, *p++);
		}
	is_str(buf_cstr(&plain), text, label);
	buf_fini(&plain);
}

/* Where that is in the text. */
static unsigned
line_of(struct buf *text, const char *part)
{
	const char *at = strstr(buf_cstr(text), part);
	unsigned line = 1;

	for (const char *p = text->p; at != NULL && p < at; p++)
		line += *p == '\n';
	return line;
}

static void
leave_out(struct world *w, struct buf *text, const char *part, const char *why)
{
	ok(pm_import_leave_out(w->import, line_of(text, part), why),
	    "%s is left out", part);
}

static void
test_import(void)
{
	struct buf shown = { 0 }, whole = { 0 }, report = { 0 };
	struct import_report *r;
	struct world w;

	conf_file_put("main", first);
	conf_file_put("two", "domain-key s, a.example, k.pem\n");
	world_init(&w, conf_file_path("main"));
	pm_import_print(w.import, false, &shown);
	is_text(&shown, wanted, "what is shown");
	buf_str(&whole, "# two lines\n\n");
	pm_import_print(w.import, true, &whole);
	ok(strstr(buf_cstr(&whole), "    password s3cret  #") != NULL &&
		strstr(buf_cstr(&whole), "789s3cret") == NULL,
	    "secrets are written, not in comments");
	leave_out(&w, &whole, "max-smtp-out many", "no number");
	leave_out(&w, &whole, "password s3cret", "s3cret is none");
	leave_out(&w, &whole, "<pattern-list l>", "not wanted");
	leave_out(&w, &whole, "domain-macro n", "a loop");
	ok(!pm_import_leave_out(w.import, line_of(&whole, "* virtual"), "x"),
	    "a line of a block that is left out");
	ok(!pm_import_leave_out(w.import, line_of(&whole, "#http-mgmt"), "x"),
	    "a comment");
	ok(!pm_import_leave_out(w.import, line_of(&whole, "</domain>"), "x"),
	    "the end of a block");
	ok(!pm_import_leave_out(w.import, 2, "x"), "nothing");
	r = import_report_new(w.rg);
	pm_import_tell(w.import, &w.errs, r);
	import_report_print(r, &report);
	is_text(&report, told, "what is told");
	buf_fini(&shown);
	buf_fini(&whole);
	buf_fini(&report);
	world_fini(&w);
}

/* ---- all that may stand there ----------------------------------------------- */

/* What takes effect, as text; a macro's name is the same in any case. */
static struct buf
imported(const char *path)
{
	struct buf text = { 0 };
	struct world w;

	world_init(&w, path);
	is_int((int64_t)w.errs.fatal, 0, path);
	pm_import_print(w.import, true, &text);
	world_fini(&w);
	return text;
}

/* The lines without their comments, and without those that are nothing else. */
static struct buf
bare(struct buf *text)
{
	struct buf out = { 0 };
	const char *p = buf_cstr(text), *nl;

	for (; (nl = strchr(p, '\n')) != NULL; p = nl + 1) {
		struct slice line = { p, (size_t)(nl - p) };
		const char *hash = memchr(p, '#', line.len);

		if (hash != NULL)
			line.len = (size_t)(hash - p);
		line = slice_trim(line);
		if (line.len > 0)
			buf_printf(&out, "%.*s\n", (int)line.len, line.p);
	}
	return out;
}

/* Made of what was made, it is the same. */
static void
test_again(const char *path)
{
	struct buf once = imported(path), twice, a, b;

	conf_file_put("once", buf_cstr(&once));
	twice = imported(conf_file_path("once"));
	a = bare(&once);
	b = bare(&twice);
	ok(a.len > 1000, "there is something");
	is_str(buf_cstr(&a), buf_cstr(&b), "the same");
	buf_fini(&once);
	buf_fini(&twice);
	buf_fini(&a);
	buf_fini(&b);
}

int
main(void)
{
	struct region *rg = region_new();
	const char *top = getenv("top_srcdir");
	char path[400];

	(void)snprintf(path, sizeof(path), "%s/tests/conf/powermta.conf",
	    top == NULL ? "." : top);
	conf_file_begin();
	test_paths(rg);
	test_import();
	test_again(path);
	conf_file_end();
	region_free(&rg);
	return done_testing();
}
