/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/postfix/pf_cat.h"

#include <inttypes.h>
#include <string.h>

#include "compat/log_text.h"
#include "compat/postfix/pf_listing.h"
#include "lib/check.h"
#include "mail/message.h"

static void
add(struct buf *out, const char *name, const char *value)
{
	buf_str(out, name);
	log_text(out, value, SIZE_MAX, LOG_AS_POSTFIX);
	buf_byte(out, '\n');
}

/* One that has no value has no record. */
static void
add_named(struct buf *out, const char *name, const char *value)
{
	if (value[0] == '\0')
		return;
	buf_str(out, "named_attribute: ");
	add(out, name, value);
}

static void
add_flags(struct buf *out, const char *name, unsigned flags)
{
	if (flags != 0)
		buf_printf(out, "named_attribute: %s=%u\n", name, flags);
}

void
pf_cat_mark(const struct pf_cat *m, const char *what, struct buf *out)
{
	char id[MESSAGE_ID_TEXT];

	buf_printf(out, "*** %s %s/%s ***\n", what, pf_state_name(m->state),
	    message_id_text(m->id, id));
}

void
pf_cat_envelope(const struct pf_cat *m, const struct tm *tm, struct buf *out)
{
	const struct envelope *env = m->env;
	char when[32];

	CHECK(strftime(when, sizeof(when), "%a %b %e %H:%M:%S %Y", tm) > 0);
	pf_cat_mark(m, "ENVELOPE RECORDS", out);
	buf_printf(out,
	    "message_size: %15" PRIu64 " %15u %15" PRIu32 " %15u %15" PRIu64
	    " %15u\n",
	    m->size, 0u, env->rcpt_count, 0u, m->size, 0u);
	add(out, "message_arrival_time: ", when);
	add_named(out, "log_ident=", env->host_id);
	add_named(out, "envelope_id=", env->envid);
	add_flags(out, "ret_flags", env->ret);
	add(out, "sender: ", env->sender);
	add_named(out, "log_message_origin=", env->src_mta);
	add_named(out, "sasl_username=", env->auth_user);
	add_named(out,
	    "encoding=", (env->flags & ENVELOPE_8BIT) != 0 ? "8bit" : "");
	add_named(out, "mailrace_job=", env->job);
}

void
pf_cat_rcpt(const struct env_rcpt *r, bool queued, struct buf *out)
{
	static const char type[] = "rfc822;";
	bool known = strncmp(r->orcpt, type, sizeof(type) - 1) == 0;

	add_named(out, "dsn_orig_rcpt=", r->orcpt);
	add_flags(out, "notify_flags", r->notify);
	add_named(out, "mailrace_vmta=", r->vmta);
	add(out, "original_recipient: ",
	    known ? r->orcpt + sizeof(type) - 1 : r->addr);
	add(out, queued ? "recipient: " : "done_recipient: ", r->addr);
}
