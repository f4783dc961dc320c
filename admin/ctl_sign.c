/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sign: a message from standard input as policy would send it on.  No daemon is
 * asked and no mark is made; the client is 127.0.0.1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/ctl_ask.h"
#include "admin/ctl_cmds.h"
#include "admin/ctl_format.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "mail/canon.h"
#include "mail/dkim_sign.h"
#include "mail/header.h"
#include "mail/line_fold.h"
#include "mail/mailbox.h"
#include "vmta/policy.h"

/* As the spool's: an offset in a message has 32 bits. */
#define MESSAGE_MAX UINT32_MAX

struct letter {
	struct region *rg;
	struct slice text; /* with CRLF, long lines folded */
	struct header_list headers;
	size_t body_off;
	const char *sender;
	const char *rcpts[CTL_GIVEN_MAX];
	size_t rcpt_count;
};

static int
read_all(struct buf *out, struct err *e)
{
	char part[8192];
	ssize_t n;

	while ((n = read(STDIN_FILENO, part, sizeof(part))) > 0) {
		if (out->len + (size_t)n > MESSAGE_MAX)
			return err_set(e, "the message is too large");
		buf_add(out, part, (size_t)n);
	}
	return n == -1 ? err_sys(e, "standard input") : 0;
}

/* A file on disk has LF where mail has CRLF. */
static struct slice
with_crlf(const struct buf *in, struct region *rg)
{
	char *out = region_alloc(rg, 2 * in->len + 1);
	size_t n = 0;

	for (size_t i = 0; i < in->len; i++) {
		if (in->p[i] == '\n' && (i == 0 || in->p[i - 1] != '\r'))
			out[n++] = '\r';
		out[n++] = in->p[i];
	}
	return (struct slice){ out, n };
}

static const char *
address_in(const struct letter *l, const char *field)
{
	size_t at = header_find(&l->headers, field, 0);
	const char *address = at == l->headers.n ?
	    NULL :
	    mailbox_address(l->headers.v[at].value, l->rg);

	return address == NULL ? "" : address;
}

/* What the command line does not say is taken from the message. */
static void
find_envelope(const struct ctl_options *opt, struct letter *l)
{
	const char *from = opt->values[OPT_FROM];

	l->sender = from == NULL    ? address_in(l, "From") :
	    strcmp(from, "<>") == 0 ? "" :
				      from;
	for (size_t i = 0; i < opt->given_count; i++)
		if (opt->given[i].option == OPT_RCPT)
			l->rcpts[l->rcpt_count++] = opt->given[i].value;
	if (l->rcpt_count == 0)
		l->rcpts[l->rcpt_count++] = address_in(l, "To");
	if (l->rcpts[0][0] == '\0')
		l->rcpts[0] = "somebody@somewhere.invalid";
}

static void
run_policy(const struct ctl_options *opt, const struct snapshot *conf,
    const struct letter *l, struct policy_out *out)
{
	struct canon_body *body = canon_body_of(l->text.p + l->body_off,
	    l->text.len - l->body_off);
	const struct policy_given given = { .vmta = opt->values[OPT_VMTA] };
	struct policy_in in = {
		.conf = conf,
		.can_sign_later = true,
		.given = &given,
		.sender = l->sender,
		.rcpts = l->rcpts,
		.rcpt_count = l->rcpt_count,
		.headers = &l->headers,
		.body = body,
		.now_s = clock_wall_us() / US_PER_S,
	};

	policy_run(&in, l->rg, out);
	if (out->sign_later) {
		(void)fprintf(stderr,
		    "mailrace: not all are signed for in the same way: this "
		    "is how the first would be\n");
		in.can_sign_later = false;
		policy_run(&in, l->rg, out);
	}
	canon_body_free(&body);
}

static void
print(const struct letter *l, const struct policy_out *out)
{
	for (size_t i = 0; i < out->add_count; i++)
		(void)printf("%s: %s\r\n", out->add[i].name, out->add[i].value);
	for (size_t i = 0; i < l->headers.n; i++) {
		const struct slice *whole = &l->headers.v[i].whole;

		if (!out->remove[i])
			(void)printf("%.*s\r\n", (int)whole->len, whole->p);
	}
	(void)printf("\r\n");
	(void)fwrite(l->text.p + l->body_off, 1, l->text.len - l->body_off,
	    stdout);
}

static bool
is_signed(const struct policy_out *out)
{
	for (size_t i = 0; i < out->add_count; i++)
		if (strcmp(out->add[i].name, DKIM_HEADER) == 0)
			return true;
	return false;
}

/* What was not done, on standard error. */
static int
judge(const struct ctl_options *opt, const struct policy_out *out)
{
	if (out->unknown_vmta[0] != '\0')
		(void)fprintf(stderr,
		    "mailrace: there is no virtual MTA or pool \"%s\"\n",
		    out->unknown_vmta);
	if (out->dkim_note != NULL)
		(void)fprintf(stderr, "mailrace: %s\n", out->dkim_note);
	if (out->refused != NULL) {
		(void)fprintf(stderr, "mailrace: it would be refused: 550 %s\n",
		    out->refused);
		return 1;
	}
	if (out->trouble != NULL) {
		(void)fprintf(stderr, "mailrace: %s\n", out->trouble);
		return 1;
	}
	if (!is_signed(out)) {
		(void)fprintf(stderr,
		    "mailrace: not signed: no key fits, or dkim-sign is not "
		    "set for the recipient\n");
		return 1;
	}
	return opt->values[OPT_VMTA] != NULL && out->unknown_vmta[0] != '\0';
}

static int
sign(const struct ctl_options *opt, const struct snapshot *conf)
{
	struct letter l = { .rg = region_new() };
	struct policy_out out;
	struct buf in = { 0 };
	struct err e;
	int rc = 2;

	if (read_all(&in, &e) == -1) {
		(void)fprintf(stderr, "mailrace: %s\n", e.text);
	} else {
		l.text = line_fold_text(with_crlf(&in, l.rg), 0, l.rg);
		header_parse(l.text.p, l.text.len, l.rg, &l.headers,
		    &l.body_off);
		find_envelope(opt, &l);
		run_policy(opt, conf, &l, &out);
		rc = judge(opt, &out);
		if (out.trouble == NULL && out.refused == NULL)
			print(&l, &out);
	}
	buf_fini(&in);
	region_free(&l.rg);
	return rc;
}

int
cmd_sign(const struct ctl_options *opt)
{
	struct conf_errors errs = { .portable = true };
	struct snapshot *conf = snapshot_load(opt->config, &errs);
	int rc = 2;

	if (conf == NULL)
		ctl_print_errors(&errs);
	else
		rc = sign(opt, conf);
	conf_errors_fini(&errs);
	snapshot_unref(&conf);
	return rc;
}
