/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order: settings of the source, assignment and X-Schedule, who may send,
 * header fields and sender as the source says, fields about lists, wishes,
 * signatures.
 */
#include "vmta/policy.h"

#include <string.h>

#include "mail/canon.h"
#include "mail/dkim_key.h"
#include "mail/dkim_sign.h"
#include "vmta/assign.h"
#include "vmta/header_work.h"
#include "vmta/list_fields.h"
#include "vmta/opendkim.h"
#include "vmta/rewrite.h"
#include "vmta/signing.h"
#include "vmta/snapshot_signing.h"
#include "vmta/ways.h"

/* ---- fields that go ------------------------------------------------------ */

/*
 * The same message may pass twice (postsuper -r): a signature of the same key
 * is replaced, not doubled, be it here or at delivery.  Those of others stay.
 */
static void
remove_old_signatures(const struct policy_in *in, const struct signing *s,
    struct region *rg, struct policy_out *out)
{
	for (size_t i = 0; i < in->headers->n; i++)
		for (size_t k = 0; k < s->n; k++)
			if (dkim_sign_is_of(&in->headers->v[i], s->v[k].domain,
				s->v[k].selector, rg))
				out->remove[i] = true;
}

/* ---- the signatures ------------------------------------------------------- */

/* The value of the first field with that name, if it counts; else NULL. */
static const char *
control_value(const struct policy_in *in, bool honoured, const char *name,
    struct region *rg)
{
	size_t at = honoured ? header_find(in->headers, name, 0) :
			       in->headers->n;

	return at == in->headers->n ? NULL :
				      header_value(&in->headers->v[at], rg);
}

/* Would a signature prove fields about lists? */
static bool
covers_lists(const struct signing *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (list_unsubscribe_is_in(s->v[i].opts.fields))
			return true;
	return false;
}

struct choice {
	struct signing now;   /* the signatures that it is to get here */
	bool lists;           /* all recipients can trust fields about lists */
	struct dkim_key *own; /* that came with it, or NULL */
	const struct header_list *seen; /* From is as the source wants it */
	struct signing_facts facts;
	struct header_wish_by by;
	struct header_wish wish; /* that is granted here */
	bool later;              /* it is not: at delivery */
};

/* How far recipients and carriers agree. */
struct agreement {
	bool any, signing, wishes;
};

static void
agree(const struct signing *one, const struct header_wish *wish,
    struct region *rg, struct choice *c, struct agreement *a)
{
	if (a->any) {
		a->signing = a->signing && signing_equal(&c->now, one);
		a->wishes = a->wishes && header_wish_equal(&c->wish, wish);
		header_wish_merge(&c->wish, wish, rg);
	} else {
		c->wish = *wish;
	}
	if (!a->any || c->now.n == 0)
		c->now = *one;
	a->any = true;
}

/* Of mail that goes by somebody whose From is another one. */
static const struct signing_facts *
facts_by(const struct choice *c, const struct rewrite_list *from,
    struct region *rg, struct signing_facts *room)
{
	if (from == NULL)
		return &c->facts;
	*room = c->facts;
	signing_facts_from(rewrite_from_seen(from, c->seen, rg), rg, room);
	return room;
}

/*
 * What recipients and carriers agree on.  If they do not: the signing of the
 * first that wants any, and wishes merged.
 */
static struct agreement
find_signing(const struct policy_in *in, const struct policy_out *out,
    struct region *rg, struct choice *c)
{
	bool wishes = snapshot_has_wishes(in->conf) && header_work_is_ours(in);
	struct agreement a = { .signing = true, .wishes = true };
	struct signing_in find = { .conf = in->conf };
	struct header_wish wish = { .date = false };
	struct signing_facts facts;
	struct signing one = { .n = 0 };
	struct ways w;

	c->lists = true;
	ways_find(in, out, rg, &w);
	for (size_t i = 0; i < w.domain_count; i++)
		for (size_t k = 0; k < w.v[w.of_domain[i]].n; k++) {
			find.vmta = w.v[w.of_domain[i]].v[k]->name;
			find.domain = w.domains[i];
			if (wishes)
				header_wish_find(in->conf, &c->by, find.domain,
				    find.vmta, &wish);
			find.facts = facts_by(c, wish.from, rg, &facts);
			if (snapshot_signs(in->conf))
				signing_find(&find, rg, &one);
			c->lists = c->lists && covers_lists(&one);
			agree(&one, &wish, rg, c, &a);
			if (!a.signing && c->now.n > 0 && !c->lists && !wishes)
				return a;
		}
	return a;
}

/* The signatures go on top of what else is added, and cover it. */
static void
add_signatures(const struct policy_in *in, const struct signing *s,
    const struct header_edit *edit, struct region *rg, struct policy_out *out)
{
	struct header_list all;
	struct signing_make_in make = {
		.headers = in->headers,
		.skip = edit->remove,
		.now_s = in->now_s,
	};
	const char *values[SIGNATURES_MAX];
	struct policy_add *add;
	struct err e;

	if (edit->add_count > 0) {
		header_edit_outgoing(edit, rg, &all);
		make.headers = &all;
		make.skip = NULL;
	}
	for (int how = CANON_SIMPLE; how <= CANON_RELAXED; how++)
		if (signing_needs(s, (enum canon)how)) {
			make.body_hash[how] = canon_body_hash(in->body,
			    (enum canon)how);
			make.body_len[how] = canon_body_len(in->body,
			    (enum canon)how);
		}
	if (signing_make(s, &make, rg, values, &e) == -1) {
		out->trouble = region_strdup(rg, e.text);
		return;
	}
	add = region_array(rg, s->n + edit->add_count, sizeof(*add));
	for (size_t i = 0; i < s->n; i++)
		add[i] = (struct policy_add){ DKIM_HEADER, values[i] };
	for (size_t i = 0; i < edit->add_count; i++)
		add[s->n + i] = edit->add[i];
	out->add = add;
	out->add_count = s->n + edit->add_count;
}

/* The message's own key; one that is none is noted and passed over. */
static struct dkim_key *
own_key(const struct policy_in *in, const struct source_conf *source,
    struct region *rg, struct policy_out *out)
{
	const char *pem = control_value(in, source->process_dkim_key,
	    DKIM_KEY_HEADER, rg);
	struct dkim_key *key = NULL;
	struct err e;
	bool weak;

	if (pem != NULL &&
	    dkim_key_of_text(pem, strlen(pem), &key, &weak, &e) == -1)
		out->dkim_note = region_printf(rg, DKIM_KEY_HEADER ": %s",
		    e.text);
	return key;
}

/* As OpenDKIM: who has signed in is inside, wherever that was. */
static bool
is_outside(const struct policy_in *in)
{
	const struct opendkim *tables = snapshot_opendkim(in->conf);
	bool user = in->auth_user != NULL && in->auth_user[0] != '\0';

	return tables != NULL && !user &&
	    !opendkim_is_inside(tables, &in->client);
}

static void
choose_signing(const struct policy_in *in, const struct source_conf *source,
    struct region *rg, struct policy_out *out, struct choice *c)
{
	struct header_later later = { .by = c->by };
	struct agreement a;
	const char *text = signing_text(control_value(in,
					    source->process_dkim_options,
					    DKIM_OPTIONS_HEADER, rg),
	    is_outside(in), rg);

	signing_facts_read(in->headers, text, rg, &c->facts);
	signing_facts_from(c->seen, rg, &c->facts);
	if (snapshot_signs(in->conf))
		c->own = own_key(in, source, rg, out);
	c->facts.key = c->own;
	a = find_signing(in, out, rg, c);
	/*
	 * A key that came with the message is not kept for later, and a seal
	 * is over the header as it is now.
	 */
	if (in->can_sign_later && c->own == NULL) {
		later.wishes = !in->sealed &&
		    (!a.wishes || header_wish_is_late(in->conf, &c->wish));
		out->sign_later = !a.signing || later.wishes;
	}
	c->later = later.wishes;
	out->later_text = header_later_text(&later, text, rg);
	remove_old_signatures(in, &c->now, rg, out);
	if (out->sign_later)
		c->now.n = 0;
	else
		c->lists = covers_lists(&c->now);
}

/* ---- fields about lists ---------------------------------------------------- */

static void
add_list_fields(const struct policy_in *in, const struct policy_out *out,
    const struct list_templates *t, bool is_signed, struct region *rg,
    struct header_edit *edit)
{
	struct header_list headers;
	const struct list_message m = {
		.job = out->job,
		.vmta = out->vmta,
		.rcpt = in->rcpt_count == 1 && in->others == 0 ? in->rcpts[0] :
								 NULL,
		.headers = &headers,
		.is_signed = is_signed,
	};
	struct list_field fields[LIST_FIELDS_MAX];
	size_t n;

	/* With a Message-ID of ours, without what does not go out. */
	header_edit_outgoing(edit, rg, &headers);
	n = list_unsubscribe_make(t->list_unsubscribe, &m, rg, fields);
	if (feedback_id_make(t->feedback_id, &m, rg, &fields[n]) > 0) {
		/* There is exactly one: whoever put another there is not us. */
		header_edit_remove(edit, FEEDBACK_ID_HEADER);
		n++;
	}
	for (size_t i = 0; i < n; i++)
		header_edit_add(edit, fields[i].name, fields[i].value, rg);
}

static void
add_lists(const struct policy_in *in, const struct source_conf *source,
    const struct policy_out *out, bool is_signed, struct region *rg,
    struct header_edit *edit)
{
	struct list_templates t;

	snapshot_list_templates(in->conf, out->vmta, out->job, &t);
	if (t.list_unsubscribe[0] == '\0')
		t.list_unsubscribe = source->list_unsubscribe;
	if (t.list_unsubscribe[0] != '\0' || t.feedback_id[0] != '\0')
		add_list_fields(in, out, &t, is_signed, rg, edit);
}

/* ---- all together ----------------------------------------------------------- */

/* Do the signatures of all recipients fit the From field, be it later? */
static bool
is_signed_well(const struct policy_in *in, const struct sender_rules *rules,
    const struct policy_out *out, const struct choice *c, struct region *rg)
{
	struct signing_in find = { .conf = in->conf };
	struct header_wish wish = c->wish;
	struct signing_facts facts;
	struct signing one;
	struct ways w;

	if (!out->sign_later)
		return sender_rules_signed(rules,
		    rewrite_from_seen(wish.from, c->seen, rg), &c->now, rg);
	ways_find(in, out, rg, &w);
	for (size_t i = 0; i < w.domain_count; i++)
		for (size_t k = 0; k < w.v[w.of_domain[i]].n; k++) {
			find.vmta = w.v[w.of_domain[i]].v[k]->name;
			find.domain = w.domains[i];
			if (c->later)
				header_wish_find(in->conf, &c->by, find.domain,
				    find.vmta, &wish);
			find.facts = facts_by(c, wish.from, rg, &facts);
			signing_find(&find, rg, &one);
			if (!sender_rules_signed(rules,
				rewrite_from_seen(wish.from, c->seen, rg), &one,
				rg))
				return false;
		}
	return true;
}

/* The host's own notification has to be from nobody (RFC 3464 section 2). */
static bool
is_notice(const struct policy_in *in, struct region *rg)
{
	return in->host_notice && sender_is_notice(in->headers, rg);
}

static void
rewrite(const struct policy_in *in, const struct rewrite_list *l,
    struct region *rg, struct header_edit *edit, struct policy_out *out)
{
	if (!is_notice(in, rg))
		out->sender = rewrite_sender(l, in->sender, rg);
	if (!rewrite_edit(l, rg, edit))
		out->from_note =
		    "it was not rewritten: it cannot be read or folded";
}

/*
 * The transport will do it again, and with another From: a signature of now
 * would not be replaced by the one of then, but be broken beside it.
 */
static bool
leaves_signing(const struct policy_in *in, const struct source_conf *source)
{
	return in->again && (in->rcpt_count > 0 || in->others == 0) &&
	    snapshot_rewrites_from(in->conf, source->rewrite_list);
}

static void
finish(const struct policy_in *in, const struct source_conf *source,
    const struct sender_rules *rules, struct region *rg, struct policy_out *out)
{
	struct choice c = { .own = NULL, .seen = in->headers };
	struct header_edit edit = { .headers = in->headers,
		.remove = out->remove };
	const struct rewrite_list *l = snapshot_rewrites(in->conf,
	    source->rewrite_list);

	header_work_source(in, source, rg, &edit, &c.by);
	if (header_work_is_ours(in)) {
		c.seen = rewrite_from_seen(l, in->headers, rg);
		rewrite(in, l, rg, &edit, out);
	}
	if (leaves_signing(in, source))
		return;
	if (snapshot_signs(in->conf) || snapshot_has_wishes(in->conf))
		choose_signing(in, source, rg, out, &c);
	if (sender_rules_want_signature(rules) &&
	    !is_signed_well(in, rules, out, &c, rg)) {
		out->fault = SENDER_UNSIGNED;
		dkim_key_free(&c.own);
		return;
	}
	add_lists(in, source, out, c.lists, rg, &edit);
	if (!c.later)
		header_wish_grant(&c.wish, in->now_s, rg, &edit);
	out->add = edit.add;
	out->add_count = edit.add_count;
	if (c.now.n > 0)
		add_signatures(in, &c.now, &edit, rg, out);
	dkim_key_free(&c.own);
}

/*
 * With two of them nobody knows which one is meant, and a message must not go
 * earlier than planned: refused like one that cannot be read.
 */
static void
read_schedule(const struct policy_in *in, struct region *rg,
    struct policy_out *out)
{
	size_t at = header_find(in->headers, SCHEDULE_HEADER, 0);
	struct err e;

	if (at == in->headers->n)
		return;
	if (header_find(in->headers, SCHEDULE_HEADER, at + 1) < in->headers->n)
		(void)err_set(&e, "there is more than one");
	else if (spans_parse(in->headers->v[at].value, rg, &out->spans, &e) ==
	    0)
		return;
	out->refused = REGION_JOIN(rg, "5.6.0 " SCHEDULE_HEADER ": ", e.text);
}

static void
assign(const struct policy_in *in, const struct source_conf *source,
    struct region *rg, struct policy_out *out)
{
	struct assignment assigned;

	assign_run(in, source, rg, &assigned);
	*out = (struct policy_out){
		.sender = in->sender,
		.vmta = assigned.vmta,
		.dflt = assigned.dflt,
		.job = assigned.job,
		.priority = assigned.priority,
		.unknown_vmta = assigned.unknown,
		.refused = assigned.refused,
		.later_text = "",
		.remove = region_array(rg, in->headers->n, sizeof(bool)),
	};
	if (in->given != NULL && in->given->spans != NULL)
		out->spans = *in->given->spans;
	else if (source->process_x_schedule && out->refused == NULL)
		read_schedule(in, rg, out);
}

void
policy_assign(const struct policy_in *in, struct region *rg,
    struct policy_out *out)
{
	struct source_conf source;

	assign_source(in, &source);
	assign(in, &source, rg, out);
}

/* For the host's own notification there are none. */
static void
rules_of(const struct policy_in *in, const struct source_conf *source,
    struct region *rg, struct sender_rules *rules)
{
	const struct user_conf *user = in->auth_user == NULL ?
	    NULL :
	    snapshot_user(in->conf, in->auth_user);

	sender_rules_of(source, user, rules);
	if (is_notice(in, rg))
		rules->n = 0;
}

enum sender_fault
policy_mail(const struct policy_in *in, struct region *rg)
{
	struct source_conf source;
	struct sender_rules rules;

	if (in->host_notice)
		return SENDER_FINE; /* as far as can be seen */
	assign_source(in, &source);
	rules_of(in, &source, rg, &rules);
	return sender_rules_mail(&rules, in->sender, rg);
}

void
policy_run(const struct policy_in *in, struct region *rg,
    struct policy_out *out)
{
	struct source_conf source;
	struct sender_rules rules;

	assign_source(in, &source);
	rules_of(in, &source, rg, &rules);
	assign(in, &source, rg, out);
	out->fault = sender_rules_header(&rules, in->sender, in->headers, rg);
	if (out->fault != SENDER_FINE || out->refused != NULL)
		return;
	finish(in, &source, &rules, rg, out);
}
