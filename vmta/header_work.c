/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order: what the message brings and the source does not want goes, then
 * Date and Message-ID come; behind the fields about lists, wishes.
 */
#include "vmta/header_work.h"

#include <inttypes.h>
#include <string.h>
#include <sys/random.h>

#include "lib/clock.h"
#include "lib/str.h"
#include "mail/envelope.h"
#include "mail/mark.h"
#include "mail/spans.h"
#include "vmta/assign.h"
#include "vmta/rewrite.h"
#include "vmta/signing.h"

#define DATE_HEADER "Date"
#define MESSAGE_ID_HEADER "Message-ID"
#define RECEIVED_HEADER "Received"

enum { DATE_TEXT = 64 };

static bool
has_name(const struct conf_strs *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++)
		if (str_eq_nocase(names->v[i], name))
			return true;
	return false;
}

/* ---- fields that go --------------------------------------------------------- */

/* What becomes of a control field of ours. */
struct control {
	const char *name;
	bool honoured, retained;
};

/*
 * Controls of ours never leave, whoever sent them, unless the source says so:
 * honoured or not, they are nobody's business behind us.  A mark is only ever
 * our own, and a private key that was used never goes on.  But where the
 * transport will decide again, it needs those that are honoured.
 */
static void
remove_controls(const struct policy_in *in, const struct source_conf *source,
    struct header_edit *edit)
{
	const struct control controls[] = {
		{ VMTA_HEADER, source->process_x_vmta, source->retain_x_vmta },
		{ JOB_HEADER, source->process_x_job, source->retain_x_job },
		{ ENVID_HEADER, source->process_x_envid,
		    !source->process_x_envid },
		{ SCHEDULE_HEADER, source->process_x_schedule,
		    source->retain_x_schedule },
		{ DKIM_OPTIONS_HEADER, source->process_dkim_options,
		    source->retain_dkim_options },
		{ DKIM_KEY_HEADER, source->process_dkim_key,
		    source->retain_dkim_key && !source->process_dkim_key },
		{ AUTH_HEADER, false, false },
		{ EXIM_HEADER, false, false },
		{ MARK_HEADER, false, false },
		{ MARK_ARRIVAL_HEADER, false, false },
	};

	for (size_t i = 0; i < in->headers->n; i++)
		for (size_t k = 0; k < sizeof(controls) / sizeof(*controls);
		     k++) {
			const struct control *c = &controls[k];

			if (slice_eq_nocase(in->headers->v[i].name, c->name))
				edit->remove[i] = !c->retained &&
				    !(c->honoured && in->again);
		}
}

/*
 * Where the message begins its way here: what no receiver is to see, as
 * Postfix's message_drop_headers (RFC 5322 section 3.6.3; RFC 5321 section
 * 4.4: whoever delivers a message adds Return-Path).
 */
static void
remove_private(struct header_edit *edit)
{
	static const char *const names[] = { "Bcc", "Content-Length",
		"Resent-Bcc", "Return-Path" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		header_edit_remove(edit, names[i]);
}

/* ---- Date and Message-ID ---------------------------------------------------- */

static const char *
date_text(int64_t now_s, struct region *rg)
{
	char text[DATE_TEXT];

	(void)clock_rfc5322(text, sizeof(text), now_s * US_PER_S);
	return region_strdup(rg, text);
}

/* Time, host and chance: unique over restarts and clock steps. */
static const char *
message_id_text(const struct policy_in *in, struct region *rg)
{
	const struct global_conf *global = snapshot_global(in->conf);
	uint64_t chance = 0;

	if (getrandom(&chance, sizeof(chance), GRND_NONBLOCK) !=
	    (ssize_t)sizeof(chance))
		chance = (uint64_t)clock_us();
	return region_printf(rg, "<%" PRIx64 ".%u.%016" PRIx64 "@%s>",
	    (uint64_t)in->now_s, global->host_id, chance, global->host_name);
}

/* Is there to be a Date of ours? */
static bool
wants_date(const struct policy_in *in, const struct source_conf *source,
    const struct header_edit *edit)
{
	if (strcmp(source->add_date, "override") == 0)
		return true;
	return (in->submission || strcmp(source->add_date, "no") != 0) &&
	    !header_edit_has(edit, DATE_HEADER);
}

/* ---- the source --------------------------------------------------------------- */

static void
remove_all(const struct source_conf *source, struct header_edit *edit)
{
	for (size_t i = 0; i < source->remove_headers.n; i++)
		header_edit_remove(edit, source->remove_headers.v[i]);
	if (source->remove_received)
		header_edit_remove(edit, RECEIVED_HEADER);
}

void
header_work_source(const struct policy_in *in, const struct source_conf *source,
    struct region *rg, struct header_edit *edit, struct header_wish_by *by)
{
	*by = (struct header_wish_by){ .add_vmta = source->add_vmta_header };
	remove_controls(in, source, edit);
	if (!header_work_is_ours(in))
		return;
	if (in->submission)
		remove_private(edit);
	remove_all(source, edit);
	if (wants_date(in, source, edit)) {
		by->date = strcmp(source->date_time, "delivery") == 0;
		header_edit_remove(edit, DATE_HEADER);
		header_edit_add(edit, DATE_HEADER, date_text(in->now_s, rg),
		    rg);
	}
	if ((in->submission || source->add_message_id) &&
	    !header_edit_has(edit, MESSAGE_ID_HEADER))
		header_edit_add(edit, MESSAGE_ID_HEADER,
		    message_id_text(in, rg), rg);
}

bool
header_work_is_ours(const struct policy_in *in)
{
	return !in->again && (in->rcpt_count > 0 || in->others == 0);
}

bool
header_work_drops_received(const struct source_conf *source)
{
	if (source->remove_received)
		return true;
	return has_name(&source->remove_headers, RECEIVED_HEADER);
}

/* ---- wishes ------------------------------------------------------------------- */

void
header_wish_find(const struct snapshot *conf, const struct header_wish_by *by,
    const char *domain, const char *vmta, struct header_wish *out)
{
	struct queue_conf q;

	snapshot_queue_conf(conf, domain, vmta, &q);
	out->remove = q.remove_headers;
	snapshot_includes(conf, vmta, &out->include);
	out->vmta = by->add_vmta ? envelope_vmta_shown(vmta) : NULL;
	out->date = by->date;
	out->from = snapshot_vmta_rewrites(conf, vmta);
	if (!rewrite_is_about_from(out->from))
		out->from = NULL;
}

static bool
equal_names(const struct conf_strs *a, const struct conf_strs *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; a->v != b->v && i < a->n; i++)
		if (!str_eq_nocase(a->v[i], b->v[i]))
			return false;
	return true;
}

bool
header_wish_equal(const struct header_wish *a, const struct header_wish *b)
{
	for (size_t i = 0; i < HEADER_LEVELS; i++)
		if (a->include.v[i] != b->include.v[i])
			return false;
	return a->date == b->date && a->from == b->from &&
	    equal_names(&a->remove, &b->remove) &&
	    (a->vmta == NULL) == (b->vmta == NULL) &&
	    (a->vmta == NULL || strcmp(a->vmta, b->vmta) == 0);
}

/* May mail go by another virtual MTA than was chosen for it? */
static bool
may_move(const struct snapshot *conf)
{
	return snapshot_has_reroutes(conf) || snapshot_has_colds(conf) ||
	    snapshot_has_overflow(conf);
}

bool
header_wish_is_late(const struct snapshot *conf, const struct header_wish *w)
{
	/* The host MTA's own Received is none of those that the milter sees. */
	return w->date || has_name(&w->remove, RECEIVED_HEADER) ||
	    ((w->vmta != NULL || snapshot_includes_by_vmta(conf)) &&
		may_move(conf));
}

/* The lists are the snapshot's: one that grows is copied first. */
static void
merge_names(struct conf_strs *to, const struct conf_strs *from,
    struct region *rg)
{
	struct conf_strs all = { .n = to->n };

	for (size_t i = 0; i < from->n; i++) {
		if (has_name(to, from->v[i]))
			continue;
		all.v = region_array(rg, to->n + 1, sizeof(*all.v));
		if (to->n > 0)
			memcpy(all.v, to->v, to->n * sizeof(*all.v));
		all.v[to->n] = from->v[i];
		all.n = to->n + 1;
		*to = all;
	}
}

void
header_wish_merge(struct header_wish *w, const struct header_wish *other,
    struct region *rg)
{
	merge_names(&w->remove, &other->remove, rg);
	for (size_t i = 0; i < HEADER_LEVELS; i++)
		if (w->include.v[i] != other->include.v[i])
			w->include.v[i] = NULL;
	if (w->vmta != NULL && strcmp(w->vmta, other->vmta) != 0)
		w->vmta = NULL;
}

/* ---- granted ------------------------------------------------------------------ */

/* The same message may pass twice (postsuper -r): it has them already. */
static bool
is_there(const struct extra_field *f, const struct header_edit *edit,
    struct region *rg)
{
	if (f->single)
		return header_edit_has(edit, f->name);
	return header_edit_brings(edit, f->name, f->value, rg);
}

void
header_wish_grant(const struct header_wish *w, int64_t now_s, struct region *rg,
    struct header_edit *edit)
{
	size_t before;

	for (size_t i = 0; i < w->remove.n; i++)
		header_edit_remove(edit, w->remove.v[i]);
	if (w->date)
		header_edit_remove(edit, DATE_HEADER);
	if (w->vmta != NULL)
		header_edit_remove(edit, VMTA_HEADER);
	before = edit->add_count;
	(void)rewrite_edit(w->from, rg, edit);
	for (size_t k = 0; k < HEADER_LEVELS; k++) {
		const struct extra_fields *f = w->include.v[k];

		for (size_t i = 0; f != NULL && i < f->n; i++)
			if (!is_there(&f->v[i], edit, rg))
				header_edit_add(edit, f->v[i].name,
				    f->v[i].value, rg);
	}
	if (w->vmta != NULL)
		header_edit_add(edit, VMTA_HEADER, w->vmta, rg);
	if (w->date)
		header_edit_add(edit, DATE_HEADER, date_text(now_s, rg), rg);
	header_edit_put_first(edit, before, rg);
}

static size_t
field_room(const char *name, const char *value)
{
	return strlen(name) + strlen(": ") + strlen(value) + strlen("\r\n");
}

size_t
header_wish_room(const struct header_wish *w,
    const struct header_list *outgoing)
{
	size_t n = w->date ? sizeof(DATE_HEADER) + DATE_TEXT : 0, at;

	for (at = header_find(outgoing, "From", 0);
	     w->from != NULL && at < outgoing->n;
	     at = header_find(outgoing, "From", at + 1))
		n += outgoing->v[at].whole.len + strlen("\r\n");
	if (w->vmta != NULL)
		n += field_room(VMTA_HEADER, w->vmta);
	for (size_t k = 0; k < HEADER_LEVELS; k++) {
		const struct extra_fields *f = w->include.v[k];

		for (size_t i = 0; f != NULL && i < f->n; i++)
			n += field_room(f->v[i].name, f->v[i].value);
	}
	return n;
}
