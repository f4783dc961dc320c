/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of any configuration lint tells those lines of <domain> that can never be
 * reached, and no other: each queue is asked, one by one, which line counts
 * for it and what else it is within.
 */
#include <string.h>

#include "lib/clock.h"
#include "tests/conf_file.h"
#include "vmta/explain.h"
#include "vmta/lint.h"

enum { CONFIGS = 400, LINES_MAX = 400 };

static uint64_t seed;

/* 0 to n - 1 (splitmix64). */
static unsigned
pick(unsigned n)
{
	uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (unsigned)((z ^ z >> 31) % n);
}

/* ---- a configuration ------------------------------------------------------ */

/* Each stands for some of the domains below. */
static const char *const patterns[] = { "*", "[*.]x.example", "*.x.example",
	"x.example", "a.x.example", "y.example", "$both" };
static const char *const domains[] = { "x.example", "a.x.example",
	"any.x.example", "b.a.x.example", "y.example", "z.example",
	"any.invalid" };
static const char *const vmtas[] = { "{default}", "a", "b", "c" };
static const char *const rates[] = { "1/20m", "5/m", "10/m", "300/h", "1/s",
	"2000/d", "unlimited" };

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Each of the two, or not. */
static void
put_limits(struct buf *out, const char *conns, const char *rate)
{
	if (pick(2) == 0)
		buf_printf(out, " %s %u\n", conns, 1 + pick(6));
	if (pick(2) == 0)
		buf_printf(out, " %s %s\n", rate, rates[pick(COUNT(rates))]);
}

static void
put_domains(struct buf *out, unsigned most)
{
	for (unsigned n = pick(most + 1); n > 0; n--) {
		buf_printf(out, "<domain %s>\n",
		    patterns[pick(COUNT(patterns))]);
		put_limits(out, "max-smtp-out", "max-msg-rate");
		buf_str(out, "</domain>\n");
	}
}

static void
put_config(struct buf *out)
{
	buf_clear(out);
	buf_str(out, "domain-macro both x.example, y.example\n");
	if (pick(2) == 0)
		buf_str(out,
		    "<source 0/0>\n default-virtual-mta a\n</source>\n");
	if (pick(3) == 0)
		buf_printf(out, "total-max-smtp-out %u\n", 1 + pick(6));
	for (size_t i = 1; i < COUNT(vmtas); i++) {
		buf_printf(out, "<virtual-mta %s>\n", vmtas[i]);
		put_limits(out, "max-smtp-out", "max-smtp-msg-rate");
		put_domains(out, 2);
		buf_str(out, "</virtual-mta>\n");
	}
	if (pick(2) == 0) {
		buf_printf(out, "<virtual-mta-pool p>\n virtual-mta %s\n",
		    pick(2) == 0 ? "a, b" : "a, b, c");
		put_limits(out, "max-smtp-out", "max-smtp-msg-rate");
		put_domains(out, 2);
		buf_str(out, "</virtual-mta-pool>\n");
	}
	if (pick(2) == 0) {
		static const char *const of[] = { "$both", "a.x.example",
			"*.x.example" };

		buf_printf(out, "<provider p>\n domain %s\n",
		    of[pick(COUNT(of))]);
		put_limits(out, "max-smtp-out", "max-msg-rate");
		buf_str(out,
		    "</provider>\n<provider q>\n"
		    " domain b.a.x.example\n</provider>\n");
	}
	put_domains(out, 6);
}

/* ---- each queue, one by one ----------------------------------------------- */

/* Of a line: in how many queues it counts, and is beaten. */
struct tally {
	unsigned counts, beaten;
};

struct limits {
	struct tally lines[LINES_MAX];
	bool told[LINES_MAX];
};

static void
keep_line(void *ctx, const struct setting *s)
{
	*(unsigned *)ctx = s->file == NULL ? 0 : s->line;
}

static double
per_second(const struct rate *r)
{
	return r->period_us == 0 ?
	    1e18 :
	    (double)r->count * US_PER_S / (double)r->period_us;
}

static double
at_once(uint32_t max)
{
	return max == 0 ? 1e18 : max;
}

static double
lower(double a, double b)
{
	return a < b ? a : b;
}

/* What is around a queue allows so many connections, and so much a second. */
static void
ask_around(const struct snapshot *s, const char *domain, const char *vmta,
    double *conns_r, double *rate_r)
{
	const struct vmta *v = snapshot_vmta(s, vmta);
	const struct pool *p = snapshot_pool_of(s, vmta);
	const struct provider *r = snapshot_provider(s, domain);

	*conns_r = lower(at_once(v->max_conns),
	    at_once(snapshot_global(s)->max_conns_out));
	*rate_r = per_second(&v->msg_rate);
	if (p != NULL) {
		*conns_r = lower(*conns_r, at_once(p->max_conns));
		*rate_r = lower(*rate_r, per_second(&p->msg_rate));
	}
	if (r != NULL) {
		*conns_r = lower(*conns_r, at_once(r->max_conns));
		*rate_r = lower(*rate_r, per_second(&r->msg_rate));
	}
}

static void
count_line(const struct snapshot *s, struct limits *l,
    const struct explain_ask *ask, bool beaten)
{
	unsigned line = 0;

	if (!explain_one(s, ask, keep_line, &line) || line >= LINES_MAX)
		abort();
	l->lines[line].counts++;
	l->lines[line].beaten += beaten;
}

static void
count_queue(const struct snapshot *s, struct limits *l, const char *domain,
    const char *vmta)
{
	struct explain_ask ask = { EXPLAIN_QUEUE, vmta, domain, NULL,
		"max-smtp-out" };
	struct queue_conf q;
	double conns, rate;

	snapshot_queue_conf(s, domain, vmta, &q);
	ask_around(s, domain, vmta, &conns, &rate);
	count_line(s, l, &ask, q.max_conns > conns);
	ask.directive = "max-msg-rate";
	count_line(s, l, &ask,
	    q.msg_rate.period_us > 0 &&
		per_second(&q.msg_rate) > rate * (1 + 1e-12));
}

static void
note(void *ctx, const struct lint_finding *f)
{
	struct limits *l = ctx;

	if (f->kind == LINT_UNREACHABLE &&
	    strncmp(f->limit.block, "<domain ", 8) == 0)
		l->told[f->limit.line] = true;
}

/* Which lines stand for domains that are all in the list above. */
static bool
is_listed(const char *text, unsigned line)
{
	const char *p = text, *block = "";

	for (; line > 1; line--) {
		if (strncmp(p, "<domain ", 8) == 0)
			block = p;
		p = strchr(p, '\n') + 1;
	}
	return strchr("xay$", block[8]) != NULL;
}

/* Prints the configuration when something is wrong with it. */
static unsigned
compare(const char *text, const struct limits *l)
{
	unsigned wrong = 0, lines = 0;

	for (const char *p = text; *p != '\0'; p++)
		lines += *p == '\n';
	for (unsigned i = 1; i <= lines; i++) {
		const struct tally *t = &l->lines[i];
		bool in_vain = t->counts > 0 && t->beaten == t->counts;

		/* A pattern is about more domains: it may be right to say no. */
		if (l->told[i] ? !in_vain : in_vain && is_listed(text, i)) {
			(void)printf("# line %u: told %d, counts %u, beaten %u"
				     "\n",
			    i, l->told[i], t->counts, t->beaten);
			wrong++;
		}
	}
	for (const char *p = text; wrong > 0 && *p != '\0';) {
		(void)printf("# %.*s\n", (int)strcspn(p, "\n"), p);
		p += strcspn(p, "\n") + 1;
	}
	return wrong;
}

static unsigned
try_config(const char *text, unsigned *told)
{
	struct conf_errors errs = { 0 };
	struct limits l = { 0 };
	struct snapshot *s;
	unsigned wrong;

	conf_file_put("main", text);
	s = snapshot_load(conf_file_path("main"), &errs);
	if (s == NULL) {
		(void)conf_file_said(&errs, "");
		abort();
	}
	/* Nothing is the built-in one's where all mail is assigned. */
	for (size_t i = strstr(text, "<source") != NULL; i < COUNT(vmtas); i++)
		for (size_t k = 0; k < COUNT(domains); k++)
			count_queue(s, &l, domains[k], vmtas[i]);
	(void)lint_run(s, note, &l);
	wrong = compare(text, &l);
	for (size_t i = 0; i < LINES_MAX; i++)
		*told += l.told[i];
	snapshot_unref(&s);
	conf_errors_fini(&errs);
	return wrong;
}

int
main(void)
{
	struct buf text = { 0 };
	unsigned told = 0, wrong = 0;

	conf_file_begin();
	for (seed = 1; seed <= CONFIGS && wrong == 0; seed++) {
		uint64_t kept = seed;

		put_config(&text);
		wrong = try_config(buf_cstr(&text), &told);
		if (wrong > 0)
			(void)printf("# seed %llu\n", (unsigned long long)kept);
		seed = kept;
	}
	ok(wrong == 0,
	    "%d configurations: what is told is in vain, and the other way "
	    "round",
	    CONFIGS);
	ok(told > CONFIGS / 4, "%u lines were told", told);
	buf_fini(&text);
	conf_file_end();
	return done_testing();
}
