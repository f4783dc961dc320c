/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/assign.h"

#include <string.h>

#include "lib/check.h"
#include "mail/envelope.h"
#include "vmta/pattern.h"

/* Reserved: users without a <smtp-user> of their own. */
#define SOURCE_AUTH "{auth}"

const char *
assign_source_name(const struct policy_in *in)
{
	const struct user_conf *user;

	if (in->auth_user == NULL || in->auth_user[0] == '\0')
		return in->source;
	user = snapshot_user(in->conf, in->auth_user);
	return user != NULL && user->source[0] != '\0' ? user->source :
							 SOURCE_AUTH;
}

void
assign_source(const struct policy_in *in, struct source_conf *out)
{
	if (in->settings != NULL)
		*out = *in->settings;
	else
		snapshot_source_conf(in->conf, &in->client,
		    assign_source_name(in), out);
}

static const struct policy_given *
given(const struct policy_in *in)
{
	static const struct policy_given nothing;

	return in->given == NULL ? &nothing : in->given;
}

/* The value of the first field with that name, or NULL. */
static const char *
first_value(const struct policy_in *in, const char *name, struct region *rg)
{
	size_t i = header_find(in->headers, name, 0);

	return i == in->headers->n ? NULL :
				     header_value(&in->headers->v[i], rg);
}

/* A name as the configuration spells it; false and noted if unknown. */
static bool
use_vmta(const struct policy_in *in, const char *name, struct region *rg,
    struct assignment *out)
{
	const struct pool *pool;
	const struct vmta *vmta;

	if (str_eq_nocase(name, VMTA_DEFAULT)) {
		out->vmta = "";
		return true;
	}
	pool = snapshot_pool(in->conf, name);
	vmta = pool == NULL ? snapshot_vmta(in->conf, name) : NULL;
	if (pool == NULL && vmta == NULL) {
		out->unknown = region_strdup(rg, name);
		return false;
	}
	out->vmta = region_strdup(rg, pool != NULL ? pool->name : vmta->name);
	return true;
}

enum { NAME_SHOWN = 80 }; /* of a name, in a reply */

/* Of the name what fits into a reply, and means nothing to a milter (%). */
static const char *
no_such_vmta(const char *name, struct region *rg)
{
	char *shown = region_strndup(rg, name, strnlen(name, NAME_SHOWN));

	for (char *p = shown; *p != '\0'; p++)
		if (*p < ' ' || *p > '~' || *p == '%')
			*p = '?';
	return REGION_JOIN(rg, "5.5.0 there is no virtual MTA or pool '", shown,
	    "'");
}

/* True: the virtual MTA is settled by that, or the message is refused. */
static bool
use_asked(const struct policy_in *in, const struct source_conf *source,
    const char *asked, struct region *rg, struct assignment *out)
{
	const char *fallback = snapshot_global(in->conf)->vmta_fallback;

	if (asked[0] == '\0' && source->allow_empty_vmta)
		asked = VMTA_DEFAULT;
	if (asked[0] != '\0' && use_vmta(in, asked, rg, out))
		return true;
	if (fallback[0] != '\0')
		return use_vmta(in, fallback, rg, out);
	if (source->reject_vmta)
		out->refused = asked[0] == '\0' ? "5.5.0 " VMTA_HEADER
						  " is empty" :
						  no_such_vmta(asked, rg);
	return source->reject_vmta;
}

static void
use_local(const struct policy_in *in, struct assignment *out)
{
	const struct vmta *vmta = snapshot_vmta_at_ip(in->conf, &in->local);

	if (vmta != NULL)
		out->vmta = vmta->name;
}

#define PREFIX_AUTH "{auth}"

static const char *
job_prefix(const struct policy_in *in, const struct source_conf *source)
{
	if (!str_eq_nocase(source->jobid_prefix, PREFIX_AUTH))
		return source->jobid_prefix;
	return in->auth_user == NULL ? "" : in->auth_user;
}

/*
 * A job is one word of printable text: it stands in logs and in columns.  Of what
 * a field says the first word is taken; a user may have any name.
 */
static const char *
job_name(const char *prefix, const char *value, struct region *rg)
{
	char *job = region_printf(rg, "%s%.*s", prefix,
	    (int)strcspn(value, " \t"), value);

	for (char *p = job; *p != '\0'; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			*p = '?';
	if (strlen(job) > JOB_MAX)
		job[JOB_MAX] = '\0';
	return job;
}

static const char *
find_job(const struct policy_in *in, const struct source_conf *source,
    struct region *rg)
{
	const char *value = given(in)->job;

	if (value == NULL && source->process_x_job)
		value = first_value(in, JOB_HEADER, rg);
	if ((value == NULL || value[0] == '\0') &&
	    source->jobid_header[0] != '\0')
		value = first_value(in, source->jobid_header, rg);
	return value == NULL || value[0] == '\0' ?
	    "" :
	    job_name(job_prefix(in, source), value, rg);
}

static void
assign_vmta(const struct policy_in *in, const struct source_conf *source,
    struct region *rg, struct assignment *out)
{
	const struct pattern_subject subject = { in->sender, in->rcpts,
		in->rcpt_count, in->headers };
	struct pattern_match match = { 0 };
	const char *asked = NULL;
	bool matched = false;

	if (source->pattern_list[0] != '\0')
		matched = pattern_list_match(in->conf, source->pattern_list,
		    &subject, &match);
	if (matched && match.has_priority)
		out->priority = match.priority;
	if (given(in)->vmta != NULL)
		asked = given(in)->vmta;
	else if (source->process_x_vmta)
		asked = first_value(in, VMTA_HEADER, rg);
	if (asked != NULL && use_asked(in, source, asked, rg, out))
		return;
	if (matched && match.vmta != NULL && match.vmta[0] != '\0' &&
	    use_vmta(in, match.vmta, rg, out))
		return;
	out->dflt = true;
	if (str_eq_nocase(source->default_vmta, ASSIGN_BY_IP))
		use_local(in, out);
	else if (source->default_vmta[0] != '\0')
		(void)use_vmta(in, source->default_vmta, rg, out);
}

const char *
assign_rcpt(const struct snapshot *conf, const char *dflt, const char *domain)
{
	struct queue_conf q;
	const struct pool *pool;
	const struct vmta *vmta;

	if (!snapshot_assigns_domains(conf))
		return dflt;
	snapshot_queue_conf(conf, domain, dflt, &q);
	if (q.vmta[0] == '\0')
		return dflt;
	pool = snapshot_pool(conf, q.vmta);
	if (pool != NULL)
		return pool->name;
	vmta = snapshot_vmta(conf, q.vmta);
	CHECK(vmta != NULL); /* the load makes one of each name */
	return strcmp(vmta->name, VMTA_DEFAULT) == 0 ? "" : vmta->name;
}

void
assign_run(const struct policy_in *in, const struct source_conf *source,
    struct region *rg, struct assignment *out)
{
	*out = (struct assignment){
		.vmta = "",
		.job = "",
		.unknown = "",
		.priority = PRIORITY_DEFAULT,
	};
	assign_vmta(in, source, rg, out);
	if (given(in)->priority != 0)
		out->priority = given(in)->priority;
	out->job = find_job(in, source, rg);
}
