/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/letter.h"

#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "mail/canon.h"
#include "mail/dsn_text.h"
#include "mail/header.h"
#include "mail/line_fold.h"
#include "mail/mark.h"
#include "mail/verp.h"
#include "mail/xtext.h"
#include "transport/letter_body.h"
#include "transport/sign_later.h"
#include "transport/trace.h"
#include "vmta/assign.h"
#include "vmta/header_edit.h"
#include "vmta/header_work.h"
#include "vmta/policy.h"
#include "vmta/pool.h"
#include "vmta/sealing_run.h"
#include "vmta/sender_rules.h"

enum { MARKS_MAX = 4 /* more are somebody's game */ };

/* A name of a VMTA or pool, and what came of it. */
struct way {
	const char *name; /* the snapshot's, or "" */
	struct letter_way way;
	struct way *next;
};

struct letter_work {
	const struct letter_in *in;
	struct region *rg;
	struct slice text;       /* of in, with long lines folded */
	struct header_list all;  /* as it came, folded */
	struct header_list kept; /* what policy sees, additions included */
	size_t body_off;
	struct canon_body *hash;
	struct policy_out out; /* of policy; zero when the mark was believed */
	struct way *found;     /* names that this message has used */
	const char *refused;   /* NULL, or the reply */
	bool marked;           /* the mark is believed: */
	struct mark mark;
	size_t mark_at; /* its field in all */
	struct policy_in pin;
	struct source_conf source;
	bool has_results;             /* of ours: the first field of kept */
	struct auth_results results;  /* those */
	struct header_list came;      /* for seal: not folded */
	struct sealing_run *seal;     /* NULL: nothing to do */
	struct dkim_answers *answers; /* of seal; NULL: nothing to ask */
};

/* ---- header fields ------------------------------------------------------- */

static size_t
count_fields(const struct header_list *list, const char *name)
{
	size_t n = 0;

	for (size_t i = header_find(list, name, 0); i < list->n;
	     i = header_find(list, name, i + 1))
		n++;
	return n;
}

/*
 * As they came, before policy takes any away, in one line of valid UTF-8: a
 * record has to outlive the body.  Not more than can stand in the records of
 * ten thousand recipients.
 */
static void
copy_headers(const struct letter_work *w, struct letter *l)
{
	const struct acct_wants *wants = snapshot_acct_wants(w->in->conf);
	struct env_header *list;
	size_t left = LETTER_COPIES_MAX;

	if (wants->header_count == 0)
		return;
	list = region_array(w->rg, wants->header_count, sizeof(*list));
	l->headers = list;
	for (size_t i = 0; i < wants->header_count; i++) {
		const char *name = wants->headers[i], *value;
		size_t at = header_find(&w->all, name, 0);

		if (at == w->all.n)
			continue;
		value = dsn_text_safe(header_value(&w->all.v[at], w->rg),
		    LETTER_COPY_MAX, true, w->rg);
		if (strlen(name) + strlen(value) > left ||
		    l->header_count == UINT8_MAX)
			return;
		left -= strlen(name) + strlen(value);
		list[l->header_count++] = (struct env_header){ name, value };
	}
}

/* ---- mark or policy ------------------------------------------------------ */

/*
 * Where the host takes its own Received away (header_checks) the field is the
 * sender's to write.
 */
static const char *
received_id(const struct letter_work *w, size_t from)
{
	size_t i = header_find(&w->all, "Received", from);
	struct slice id;

	if (i == w->all.n)
		return "";
	id = trace_queue_id(slice_of(header_value(&w->all.v[i], w->rg)));
	return region_strndup(w->rg, id.p, id.len);
}

/*
 * The id under which the host MTA had the message when the header began at
 * field `from`.  Postfix names it in XFORWARD, and there it is the first one
 * also after postsuper -r; but not for mail of sendmail(1), where each
 * requeueing has put a Received with a new id on top.
 */
static const char *
host_queue_id(const struct letter_work *w, size_t from)
{
	if (w->in->queue_id[0] != '\0' || !w->in->id_in_trace)
		return w->in->queue_id;
	return received_id(w, from);
}

/*
 * Behind a content filter that passes XFORWARD on, the id there is the one
 * that the message had before it; the milter behind it has seen the next one.
 */
static const char *
filtered_id(const struct letter_work *w, size_t from)
{
	return w->in->id_in_trace ? received_id(w, from) : "";
}

/*
 * Postfix's qmgr gives each recipient a sender of its own behind the milter's
 * back: local@domain becomes local+rcpt=its.domain@domain (VERP), with '-',
 * '=' or '+' for both delimiters (verp_delimiter_filter).  What stands
 * between them may be an address that an alias has hidden from us.
 */
static bool
is_verp_of(const struct letter_work *w, const char *sender)
{
	static const char both[][3] = { "+=", "--", "-=", "-+", "=-",
		"==", "=+", "+-", "++" };

	if (w->in->named_count != 1)
		return false;
	for (size_t i = 0; i < sizeof(both) / sizeof(*both); i++)
		if (verp_split(w->in->sender, sender, both[i], w->rg) != NULL)
			return true;
	return false;
}

/* The milter saw what the client wrote, and we the quotes of the host MTA. */
static bool
is_same_sender(const struct letter_work *w, const char *sender)
{
	return strcmp(sender_plain(w->in->sender, w->rg),
		   sender_plain(sender, w->rg)) == 0;
}

static bool
mark_is_ours(const struct letter_work *w, const struct mark *m,
    const char *queue_id)
{
	/* No queue id, no proof that the mark was made for this message. */
	return queue_id[0] != '\0' && strcmp(m->queue_id, queue_id) == 0 &&
	    (is_same_sender(w, m->sender) || is_verp_of(w, m->sender)) &&
	    memcmp(m->body_hash, canon_body_hash(w->hash, CANON_SIMPLE),
		sizeof(m->body_hash)) == 0;
}

static bool
find_mark(struct letter_work *w, struct mark *m_r)
{
	const struct mark_key *key = w->in->env->mark_key;
	size_t i = header_find(&w->all, MARK_HEADER, 0);

	if (key == NULL)
		return false;
	for (int tries = 0; tries < MARKS_MAX && i < w->all.n; tries++) {
		const char *value = header_value(&w->all.v[i], w->rg);

		w->mark_at = i;
		if (mark_read(key, value, w->rg, m_r) &&
		    (mark_is_ours(w, m_r, host_queue_id(w, i)) ||
			mark_is_ours(w, m_r, filtered_id(w, i))))
			return true;
		i = header_find(&w->all, MARK_HEADER, i + 1);
	}
	return false;
}

/* ---- what goes in any case ------------------------------------------------ */

/*
 * Where the Received fields end that the host MTA has put there: the milter has
 * not seen its first one, nor those of requeueing above it.
 */
static size_t
host_fields(const struct letter_work *w)
{
	size_t at = header_find(&w->all, "Received",
	    w->marked ? w->mark_at : 0);

	if ((!w->marked && !w->in->relayed) || at == w->all.n)
		return 0;
	return at + 1;
}

static void
keep_hidden(struct letter_work *w, const struct header *h)
{
	struct slice value = trace_hidden(h->value);

	if (value.len > 0)
		header_list_add(&w->kept, w->rg, h->name, value);
}

/*
 * Marks go, and whose it is said to be.  Of the rest, where it is marked,
 * only what the milter cannot do.
 */
static void
make_kept(struct letter_work *w)
{
	size_t top = host_fields(w);
	bool envid = w->marked && w->source.process_x_envid;
	bool drops = w->marked && header_work_drops_received(&w->source);

	w->kept.cap = w->all.n;
	w->kept.v = region_array(w->rg, w->kept.cap, sizeof(struct header));
	for (size_t i = 0; i < w->all.n; i++) {
		const struct header *h = &w->all.v[i];
		bool trace = i < top && slice_eq_nocase(h->name, "Received");

		if (mark_is_field(h->name) || (trace && drops) ||
		    (envid && slice_eq_nocase(h->name, ENVID_HEADER)))
			continue;
		if (trace && w->source.hide_source)
			keep_hidden(w, h);
		else
			w->kept.v[w->kept.n++] = *h;
	}
}

/* ---- mark or policy, applied ------------------------------------------------ */

/* Is there a VMTA or pool of that name here and now?  "" is {default}. */
static bool
is_known(const struct snapshot *conf, const char *name)
{
	return name[0] == '\0' || snapshot_pool(conf, name) != NULL ||
	    snapshot_vmta(conf, name) != NULL;
}

/* One that is not there (is_known() was not asked) is {default}: no bounce. */
static struct letter_way
resolve(const struct snapshot *conf, const char *name)
{
	const struct pool *pool = name[0] == '\0' ? NULL :
						    snapshot_pool(conf, name);
	const struct vmta *v = pool != NULL ? pool_next(pool) :
					      snapshot_vmta(conf, name);

	return (struct letter_way){
		.vmta = v == NULL || strcmp(v->name, VMTA_DEFAULT) == 0 ?
		    "" :
		    v->name,
		.pool = pool != NULL ? pool->name : "",
	};
}

/* A pool is asked for a member once, and only if somebody needs one. */
static const struct letter_way *
way_by(struct letter_work *w, const char *name)
{
	struct way *way;

	for (way = w->found; way != NULL; way = way->next)
		if (strcmp(way->name, name) == 0)
			return &way->way;
	way = region_new_obj(w->rg, struct way);
	way->name = name;
	way->way = resolve(w->in->conf, name);
	way->next = w->found;
	w->found = way;
	return &way->way;
}

/* To the host MTA itself all goes by the same one, whoever asks. */
static const char *
name_for(const struct letter_work *w, const char *name, bool dflt,
    const char *domain)
{
	if (strcmp(domain, SNAPSHOT_DSN_DOMAIN) == 0)
		return "";
	return dflt ? assign_rcpt(w->in->conf, name, domain) : name;
}

/* The virtual MTA of each recipient; dflt: nobody asked for the name. */
static void
find_ways(struct letter_work *w, const char *name, bool dflt, struct letter *l)
{
	const struct letter_in *in = w->in;
	const struct letter_way **v = region_array(w->rg, in->rcpt_count,
	    sizeof(const struct letter_way *));

	l->ways = v;
	for (size_t i = 0; i < in->rcpt_count; i++) {
		const char *domain = in->domains[i];

		/* Neighbours mostly are of one domain. */
		if (i > 0 && strcmp(domain, in->domains[i - 1]) == 0)
			v[i] = v[i - 1];
		else
			v[i] = way_by(w, name_for(w, name, dflt, domain));
	}
}

/* An envelope string has a limit, and names are shown in tables. */
static const char *
cut_name(struct letter_work *w, const char *name)
{
	size_t len = strlen(name);

	return region_strndup(w->rg, name,
	    len > LETTER_NAME_MAX ? LETTER_NAME_MAX : len);
}

/*
 * The mark may name what a reload has taken away since: it is assigned as if
 * it were new then, and if need be to the built-in one.  Never a bounce.
 */
static void
take_mark(struct letter_work *w, const struct mark *m, struct policy_in *pin,
    struct letter *l)
{
	struct policy_out again;

	l->marked = true;
	l->job = cut_name(w, m->job);
	l->auth_user = cut_name(w, m->user);
	l->priority = m->priority;
	l->spans = m->spans;
	if (is_known(w->in->conf, m->vmta)) {
		find_ways(w, m->vmta, m->dflt, l);
		return;
	}
	l->unknown_vmta = m->vmta;
	pin->auth_user = m->user;
	policy_assign(pin, w->rg, &again);
	find_ways(w, again.vmta, again.dflt, l);
}

/* The header behind policy, but for our Received. */
static const struct header_list *
outgoing(struct letter_work *w)
{
	const struct header_edit edit = { .headers = &w->kept,
		.remove = w->out.remove,
		.add_count = w->out.add_count,
		.add = w->out.add };
	struct header_list *out;

	if (w->out.remove == NULL)
		return &w->kept;
	out = region_new_obj(w->rg, struct header_list);
	header_edit_outgoing(&edit, w->rg, out);
	return out;
}

/* Unless its source has the field removed, whoever wrote it. */
static bool
tells_results(const struct letter_work *w)
{
	return w->has_results && (w->out.remove == NULL || !w->out.remove[0]);
}

static void
keep_for_later(struct letter_work *w, const char *text, struct letter *l)
{
	const struct letter_in *in = w->in;
	struct header_later later;
	size_t letters = header_later_read(text, &later);
	struct sign_later_keep keep = { .conf = in->conf,
		.headers = outgoing(w),
		.body = w->hash,
		.domains = in->domains,
		.ways = l->ways,
		.rcpt_count = in->rcpt_count };
	uint8_t *counts;

	later.trace = (w->source.add_received ? 1U : 0U) +
	    (tells_results(w) ? 1U : 0U);
	keep.text = header_later_text(&later, text + letters, w->rg);
	counts = region_array(w->rg, in->rcpt_count, sizeof(*counts));
	l->signing = sign_later_keep(&keep, w->rg, counts);
	l->signatures = counts;
}

/* ---- results of checks ---------------------------------------------------- */

static const char *
authserv_id(const struct letter_work *w)
{
	const char *id = snapshot_global(w->in->conf)->authserv_id;

	return id[0] == '\0' ? w->in->host : id;
}

static void
add_results(struct letter_work *w, struct letter *l)
{
	const struct auth_results *of_client = &w->in->results;

	if (of_client->n == 0 && !w->in->verify)
		return;
	for (size_t i = 0; i < of_client->n; i++)
		auth_results_add(&w->results, of_client->v[i], w->rg);
	if (w->in->verify)
		sealing_run_verdicts(w->seal, w->answers, &l->verdicts);
	l->trace_verdicts = w->source.trace_dkim;
	for (size_t i = 0; i < l->verdicts.n; i++)
		auth_results_add(&w->results, l->verdicts.v[i], w->rg);
	auth_results_replace(&w->results, authserv_id(w), w->rg, &w->kept);
	w->has_results = true;
}

/* ---- ARC ----------------------------------------------------------------- */

/* Signatures of others are over lines as they came: not over folded ones. */
static size_t
find_came(const struct letter_work *w, struct header_list *came)
{
	struct slice text = w->in->text;
	size_t off = w->body_off;

	*came = w->all;
	if (w->text.p != text.p) {
		*came = (struct header_list){ 0 };
		header_parse(text.p, text.len, w->rg, came, &off);
	}
	return off;
}

static void
begin_seal(struct letter_work *w)
{
	const struct auth_results *results = &w->in->results;
	struct sealing_run_in in = { .verifier = w->in->env->verifier,
		.verify = w->in->verify,
		.now_s = w->pin.now_s };
	struct slice text = w->in->text;
	struct policy_out assigned;
	struct sealing wanted = { .authserv_id = "" };
	size_t off;

	if (!w->marked && snapshot_seals(w->in->conf)) {
		policy_assign(&w->pin, w->rg, &assigned);
		sealing_find(&w->pin, &assigned, w->rg, &wanted);
	} else if (!in.verify) {
		return;
	}
	if (results->n > 0 || in.verify)
		in.results = results;
	off = find_came(w, &w->came);
	in.headers = &w->came;
	w->seal = sealing_run_new(&wanted, &in, w->rg);
	if (w->seal == NULL)
		return;
	sealing_run_body(w->seal, text.p + off, text.len - off);
	w->answers = dkim_answers_new();
	sealing_run_names(w->seal, w->answers);
}

static void
end_seal(struct letter_work *w, struct letter *l)
{
	const struct sealing_run_end end = { .answers = w->answers,
		.headers = &w->kept,
		.body = w->hash };

	if (w->seal != NULL)
		sealing_run_end(w->seal, &end, &w->out, &l->seal_note);
}

/* ---- mark or policy, decided --------------------------------------------- */

static void
make_policy_in(struct letter_work *w)
{
	const struct letter_in *in = w->in;

	w->pin = (struct policy_in){
		.conf = in->conf,
		.client = in->client,
		.local = in->local,
		.source = in->source,
		.settings = in->settings,
		.host_notice = in->host_notice,
		.auth_user = w->marked ? w->mark.user : in->auth_user,
		.submission = in->submission,
		.given = in->given,
		.sender = in->sender,
		.rcpts = in->rcpts,
		.rcpt_count = in->rcpt_count,
		.can_sign_later = true,
		.headers = &w->kept,
		.body = w->hash,
		.now_s = in->now_us / US_PER_S,
	};
}

/* NULL, or the reply: the message cannot be made ready now. */
static const char *
decide(struct letter_work *w, struct letter *l)
{
	add_results(w, l);
	if (w->marked) {
		take_mark(w, &w->mark, &w->pin, l);
		if (w->mark.later != NULL)
			keep_for_later(w, w->mark.later, l);
		return NULL;
	}
	w->pin.sealed = sealing_run_seals(w->seal);
	if (w->in->auth_user != NULL)
		l->auth_user = cut_name(w, w->in->auth_user);
	policy_run(&w->pin, w->rg, &w->out);
	l->fault = w->out.fault;
	if (l->fault != SENDER_FINE)
		return REGION_JOIN(w->rg, "550 5.7.1 ",
		    sender_fault_text(l->fault));
	if (w->out.refused != NULL)
		return REGION_JOIN(w->rg, "550 ", w->out.refused);
	l->spans = w->out.spans;
	end_seal(w, l);
	l->unknown_vmta = w->out.unknown_vmta;
	l->dkim_note = w->out.dkim_note;
	l->from_note = w->out.from_note;
	l->sender = w->out.sender;
	l->trouble = w->out.trouble;
	if (l->trouble != NULL)
		return "451 4.3.0 message cannot be prepared for delivery now";
	find_ways(w, w->out.vmta, w->out.dflt, l);
	l->job = cut_name(w, w->out.job);
	l->priority = w->out.priority;
	if (w->out.sign_later)
		keep_for_later(w, w->out.later_text, l);
	return NULL;
}

/* ---- the bytes that go out ----------------------------------------------- */

static const char *
received(const struct letter_work *w)
{
	const struct letter_in *in = w->in;
	const struct trace t = { w->source.hide_source ? NULL : in->from,
		in->host, in->with, in->now_us };

	return w->source.add_received ? trace_field(&t, w->rg) : "";
}

static struct body *
make_body(const struct letter_work *w)
{
	struct slice text = w->text;
	const struct letter_body_in in = { .received = received(w),
		.headers = &w->kept,
		.results = w->has_results,
		.remove = w->out.remove,
		.add = w->out.add,
		.add_count = w->out.add_count,
		.rest = { text.p + w->body_off, text.len - w->body_off } };

	return letter_body(&in);
}

/* "": the source does not read it, or it is not there. */
static const char *
find_envid(const struct letter_work *w)
{
	size_t at = w->source.process_x_envid ?
	    header_find(&w->all, ENVID_HEADER, 0) :
	    w->all.n;

	if (at == w->all.n)
		return "";
	return xtext_encode(dsn_text_safe(header_value(&w->all.v[at], w->rg),
				LETTER_COPY_MAX, true, w->rg),
	    ENVID_MAX, w->rg);
}

/* ---- all together -------------------------------------------------------- */

struct letter_work *
letter_begin(const struct letter_in *in, struct region *rg)
{
	struct letter_work *w = region_new_obj(rg, struct letter_work);

	w->in = in;
	w->rg = rg;
	w->text = line_fold_text(in->text, 0, rg);
	header_parse(w->text.p, w->text.len, rg, &w->all, &w->body_off);
	CHECK(w->body_off <= w->text.len);
	if (count_fields(&w->all, "Received") > in->hops_max) {
		w->refused = "554 5.4.6 too many hops, mail loop";
		return w;
	}
	w->hash = canon_body_of(w->text.p + w->body_off,
	    w->text.len - w->body_off);
	w->marked = find_mark(w, &w->mark);
	make_policy_in(w);
	assign_source(&w->pin, &w->source);
	w->pin.settings = &w->source;
	make_kept(w);
	begin_seal(w);
	return w;
}

struct dkim_answers *
letter_wants(const struct letter_work *w)
{
	return w->answers == NULL || dkim_answers_count(w->answers) == 0 ?
	    NULL :
	    w->answers;
}

void
letter_free(struct letter_work **wp)
{
	struct letter_work *w = *wp;

	*wp = NULL;
	if (w == NULL)
		return;
	canon_body_free(&w->hash);
	sealing_run_free(&w->seal);
	dkim_answers_free(&w->answers);
}

const char *
letter_end(struct letter_work *w, struct letter *l_r)
{
	*l_r = (struct letter){
		.job = "",
		.auth_user = "",
		.unknown_vmta = "",
		.sender = w->in->sender,
		.priority = PRIORITY_DEFAULT,
	};
	if (w->refused != NULL)
		return w->refused;
	l_r->header = (struct slice){ w->text.p, w->body_off };
	l_r->queue_id = host_queue_id(w, 0);
	w->refused = decide(w, l_r);
	if (w->refused != NULL)
		return w->refused;

	l_r->envid = find_envid(w);
	l_r->verp = w->source.verp;
	copy_headers(w, l_r);
	l_r->body = make_body(w);
	l_r->has_8bit = body_has_8bit(l_r->body);
	l_r->notice = w->in->host_notice && sender_is_notice(&w->all, w->rg);
	return NULL;
}
