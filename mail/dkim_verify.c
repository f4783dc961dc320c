/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/dkim_verify.h"

#include <opendkim/dkim.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "mail/tag_list.h"

struct dkim_verifier {
	DKIM_LIB *lib;
};

/* One signature field, as the library and we see it. */
struct sig {
	struct tag_list tags; /* empty: it is no tag list */
	bool ignored, ascii;
};

struct dkim_verify {
	DKIM *dkim; /* NULL: there was trouble */
	struct region *rg;
	const char *trouble; /* NULL, or why nothing can be verified */
	struct sig *sigs;
	size_t sig_count;
	const struct dkim_answers *answers;
	char last[2]; /* bytes of the body so far */
	bool any;     /* there is a body */
};

static const char *
region_slice(struct region *rg, const struct slice *s)
{
	return s == NULL ? "" : region_strndup(rg, s->p, s->len);
}

/* The library has no words for some of its own errors. */
static const char *
words(const char *text)
{
	return text == NULL ? "libopendkim does not say why" : text;
}

/* ---- what the library asks ----------------------------------------------- */

static struct slice
text_of(const unsigned char *s)
{
	return slice_of(s == NULL ? "" : (const char *)s);
}

/* It gives a buffer without saying that it wants a NUL at its end. */
static DKIM_CBSTAT
on_key(DKIM *dkim, DKIM_SIGINFO *sig, unsigned char *out, size_t cap)
{
	const struct dkim_verify *v = dkim_get_user_context(dkim);
	struct slice text = { 0 };

	switch (
	    dkim_answers_find(v->answers, text_of(dkim_sig_getselector(sig)),
		text_of(dkim_sig_getdomain(sig)), &text)) {
	case DKIM_ANSWER_TROUBLE:
		return DKIM_CBSTAT_ERROR;
	case DKIM_ANSWER_NONE:
		return DKIM_CBSTAT_NOTFOUND;
	case DKIM_ANSWER_RECORD:
		break;
	}
	if (text.len >= cap)
		return DKIM_CBSTAT_NOTFOUND;
	memcpy(out, text.p, text.len);
	out[text.len] = '\0';
	return DKIM_CBSTAT_CONTINUE;
}

static DKIM_CBSTAT
on_prescreen(DKIM *dkim, DKIM_SIGINFO **sigs, int count)
{
	(void)dkim;
	for (int i = DKIM_VERIFY_MAX; i < count; i++)
		dkim_sig_ignore(sigs[i]);
	return DKIM_CBSTAT_CONTINUE;
}

/* ---- the library --------------------------------------------------------- */

int
dkim_verifier_new(struct dkim_verifier **v_r, struct err *e)
{
	/* Keys at the end of the body; handles also for what is malformed. */
	unsigned flags = DKIM_LIBFLAGS_DELAYSIGPROC |
	    DKIM_LIBFLAGS_BADSIGHANDLES;
	DKIM_LIB *lib = dkim_init(NULL, NULL);

	*v_r = NULL;
	if (lib == NULL)
		return err_set(e, "libopendkim cannot be used");
	if (dkim_options(lib, DKIM_OP_SETOPT, DKIM_OPTS_FLAGS, &flags,
		sizeof(flags)) != DKIM_STAT_OK ||
	    dkim_set_key_lookup(lib, on_key) != DKIM_STAT_OK ||
	    dkim_set_prescreen(lib, on_prescreen) != DKIM_STAT_OK) {
		dkim_close(lib);
		return err_set(e, "libopendkim cannot be used");
	}
	*v_r = mem_new(struct dkim_verifier);
	(*v_r)->lib = lib;
	return 0;
}

void
dkim_verifier_free(struct dkim_verifier **vp)
{
	struct dkim_verifier *v = *vp;

	*vp = NULL;
	if (v == NULL)
		return;
	dkim_close(v->lib);
	free(v);
}

/* ---- a message ----------------------------------------------------------- */

/* libopendkim takes other than const pointers and writes to none of them. */
static void
feed(struct dkim_verify *v, const struct header *h)
{
	unsigned char *copy = (unsigned char *)region_strndup(v->rg, h->whole.p,
	    h->whole.len);
	DKIM_STAT st = dkim_header(v->dkim, copy, h->whole.len);

	/* A malformed signature is told as such, with the others. */
	if (st != DKIM_STAT_OK && !slice_eq_nocase(h->name, DKIM_SIGNHEADER))
		v->trouble = words(dkim_getresultstr(st));
}

static bool
is_ascii(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] > 0x7f)
			return false;
	return true;
}

static void
find_sigs(struct dkim_verify *v, const struct header_list *headers)
{
	for (size_t i = 0; i < headers->n; i++) {
		struct sig *s;
		struct err e;

		if (!slice_eq_nocase(headers->v[i].name, DKIM_SIGNHEADER))
			continue;
		v->sigs = region_grow(v->rg, v->sigs, v->sig_count, sizeof(*s));
		s = &v->sigs[v->sig_count];
		*s = (struct sig){ .ignored = v->sig_count >= DKIM_VERIFY_MAX };
		s->ascii = is_ascii(headers->v[i].value);
		v->sig_count++;
		if (tag_list_parse(headers->v[i].value, v->rg, &s->tags, &e) ==
		    -1)
			s->tags = (struct tag_list){ 0 };
	}
}

struct dkim_verify *
dkim_verify_new(struct dkim_verifier *verifier,
    const struct header_list *headers)
{
	struct dkim_verify *v;
	DKIM_STAT st;

	if (header_find(headers, DKIM_SIGNHEADER, 0) == headers->n)
		return NULL;
	v = mem_new(struct dkim_verify);
	v->rg = region_new();
	find_sigs(v, headers);
	v->dkim = dkim_verify(verifier->lib, (const unsigned char *)"-", NULL,
	    &st);
	CHECK(v->dkim != NULL);
	(void)dkim_set_user_context(v->dkim, v);
	for (size_t i = 0; i < headers->n; i++)
		feed(v, &headers->v[i]);
	st = dkim_eoh(v->dkim);
	if (st != DKIM_STAT_OK && v->trouble == NULL)
		v->trouble = words(dkim_getresultstr(st));
	return v;
}

void
dkim_verify_free(struct dkim_verify **vp)
{
	struct dkim_verify *v = *vp;

	*vp = NULL;
	if (v == NULL)
		return;
	(void)dkim_free(v->dkim);
	region_free(&v->rg);
	free(v);
}

static void
feed_body(struct dkim_verify *v, const void *p, size_t len)
{
	unsigned char piece[4096];
	const char *from = p;

	while (len > 0 && v->trouble == NULL) {
		size_t n = len < sizeof(piece) ? len : sizeof(piece);
		DKIM_STAT st;

		memcpy(piece, from, n);
		st = dkim_body(v->dkim, piece, n);
		if (st != DKIM_STAT_OK)
			v->trouble = words(dkim_getresultstr(st));
		from += n;
		len -= n;
	}
}

void
dkim_verify_body(struct dkim_verify *v, const void *p, size_t len)
{
	const char *bytes = p;

	if (len == 0)
		return;
	v->any = true;
	v->last[0] = len > 1 ? bytes[len - 2] : v->last[1];
	v->last[1] = bytes[len - 1];
	feed_body(v, p, len);
}

void
dkim_verify_names(const struct dkim_verify *v, struct dkim_answers *wanted)
{
	for (size_t i = 0; i < v->sig_count; i++) {
		const struct slice *s = tag_list_get(&v->sigs[i].tags, "s");
		const struct slice *d = tag_list_get(&v->sigs[i].tags, "d");

		if (!v->sigs[i].ignored && s != NULL && d != NULL)
			(void)dkim_answers_want(wanted, *s, *d);
	}
}

/* ---- verdicts ------------------------------------------------------------ */

/* What is not here is a permerror. */
static const struct {
	DKIM_SIGERROR error;
	const char *result;
} results[] = {
	{ DKIM_SIGERROR_OK, "pass" },
	{ DKIM_SIGERROR_BADSIG, "fail" },
	{ DKIM_SIGERROR_EXPIRED, "fail" },
	{ DKIM_SIGERROR_FUTURE, "fail" },
	{ DKIM_SIGERROR_KEYTOOSMALL, "policy" },
};

static void
tell(struct dkim_verdict *out, const char *result, const char *reason)
{
	out->result = result;
	out->reason = reason;
}

/* What the library made of it. */
static void
judge(DKIM_SIGINFO *info, struct dkim_verdict *out)
{
	DKIM_SIGERROR error = dkim_sig_geterror(info);

	if (DKIM_SIG_CHECK(info)) {
		tell(out, "pass", "");
		return;
	}
	if (dkim_sig_getbh(info) == DKIM_SIGBH_MISMATCH &&
	    (error == DKIM_SIGERROR_OK || error == DKIM_SIGERROR_BADSIG)) {
		tell(out, "fail", "the body has changed");
		return;
	}
	if (error == DKIM_SIGERROR_OK)
		error = DKIM_SIGERROR_BADSIG;
	tell(out, "permerror", words(dkim_sig_geterrorstr(error)));
	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++)
		if (results[i].error == error)
			out->result = results[i].result;
}

/* What we say whatever the library says; false: nothing. */
static bool
judge_ourselves(const struct dkim_verify *v, const struct sig *s,
    struct dkim_verdict *out)
{
	const struct slice *sel = tag_list_get(&s->tags, "s");
	const struct slice *dom = tag_list_get(&s->tags, "d");
	struct slice text;

	if (s->ignored)
		tell(out, "policy", "too many signatures");
	else if (v->trouble != NULL)
		tell(out, "permerror", v->trouble);
	else if (s->tags.n == 0 || sel == NULL || dom == NULL)
		tell(out, "permerror", "the field is malformed");
	else if (!s->ascii)
		tell(out, "permerror", "not ASCII");
	else if (strcmp(out->algorithm, "rsa-sha1") == 0)
		tell(out, "permerror", "rsa-sha1 is not accepted");
	else if (dkim_answers_find(v->answers, *sel, *dom, &text) ==
	    DKIM_ANSWER_TROUBLE)
		tell(out, "temperror", "DNS does not say its key");
	else
		return false;
	return true;
}

/* The library's handles, in the order of the fields; 0: it has none. */
static int
finish(struct dkim_verify *v, DKIM_SIGINFO ***infos_r)
{
	int n = 0;

	*infos_r = NULL;
	if (v->trouble != NULL)
		return 0;
	/* It takes no body whose last line has no end. */
	if (v->any && (v->last[0] != '\r' || v->last[1] != '\n'))
		feed_body(v, "\r\n", 2);
	(void)dkim_eom(v->dkim, NULL);
	if (dkim_getsiglist(v->dkim, infos_r, &n) != DKIM_STAT_OK)
		return 0;
	for (int i = 0; i < n; i++)
		if ((dkim_sig_getflags((*infos_r)[i]) &
			(DKIM_SIGFLAG_PROCESSED | DKIM_SIGFLAG_IGNORE)) == 0)
			(void)dkim_sig_process(v->dkim, (*infos_r)[i]);
	return n;
}

size_t
dkim_verify_end(struct dkim_verify *v, const struct dkim_answers *answers,
    struct region *rg, struct dkim_verdict **v_r)
{
	struct dkim_verdict *out = region_array(rg, v->sig_count, sizeof(*out));
	DKIM_SIGINFO **infos;
	size_t n;

	v->answers = answers;
	n = (size_t)finish(v, &infos);
	for (size_t i = 0; i < v->sig_count; i++) {
		const struct tag_list *tags = &v->sigs[i].tags;

		out[i].domain = region_slice(rg, tag_list_get(tags, "d"));
		out[i].selector = region_slice(rg, tag_list_get(tags, "s"));
		out[i].algorithm = region_slice(rg, tag_list_get(tags, "a"));
		out[i].identity = region_slice(rg, tag_list_get(tags, "i"));
		if (judge_ourselves(v, &v->sigs[i], &out[i]))
			continue;
		if (i < n)
			judge(infos[i], &out[i]);
		else
			tell(&out[i], "permerror", "the field is malformed");
	}
	*v_r = out;
	return v->sig_count;
}
