/* SPDX-License-Identifier: Apache-2.0 */
#include "milter/milter_cb.h"

#include <libmilter/mfapi.h>

#include "lib/log.h"
#include "milter/milter_msg.h"

#define ACTIONS (SMFIF_ADDHDRS | SMFIF_CHGHDRS)
#define MORE_ACTIONS SMFIF_CHGFROM /* of which not each message needs one */

/* Steps that tell us nothing. */
#define SKIPPED (SMFIP_NOHELO | SMFIP_NODATA | SMFIP_NOUNKNOWN | SMFIP_NOEOH)

#define NO_REPLY \
	(SMFIP_NR_CONN | SMFIP_NR_MAIL | SMFIP_NR_RCPT | SMFIP_NR_HDR | \
	    SMFIP_NR_BODY)

/* Set by milter_cb_register(), before there are threads, and never again. */
static struct milter_env *the_env;

static struct milter_msg *
msg_of(SMFICTX *ctx)
{
	struct milter_msg *m = smfi_getpriv(ctx);

	if (m == NULL) {
		m = milter_msg_new(the_env);
		(void)smfi_setpriv(ctx, m);
	}
	return m;
}

/* So that main.cf needs no milter_*_macros of ours. */
static void
ask_for_macros(SMFICTX *ctx)
{
	static const struct {
		int stage;
		char names[96];
	} wanted[] = {
		{ SMFIM_CONNECT,
		    "j {client_addr} {client_name} {client_port} "
		    "{daemon_addr} {daemon_name} {daemon_port}" },
		{ SMFIM_ENVFROM, "i {auth_type} {auth_authen} {mail_addr}" },
		{ SMFIM_ENVRCPT, "i {rcpt_addr} {rcpt_host} {rcpt_mailer}" },
		{ SMFIM_EOM, "i" },
	};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		char names[sizeof(wanted[0].names)];

		for (size_t k = 0; k < sizeof(names); k++)
			names[k] = wanted[i].names[k];
		(void)smfi_setsymlist(ctx, wanted[i].stage, names);
	}
}

/*
 * Steps without a reply save a round trip each over a unix socket.  Over TCP
 * they make Nagle's algorithm wait for delayed ACKs, 88 ms a message.
 * lint-ok: libmilter's prototype has nine parameters.
 */
static sfsistat
/* NOLINTNEXTLINE(readability-function-size) */
on_negotiate(SMFICTX *ctx, unsigned long f0, unsigned long f1, unsigned long f2,
    unsigned long f3, unsigned long *pf0, unsigned long *pf1,
    unsigned long *pf2, unsigned long *pf3)
{
	unsigned long wanted = SMFIP_HDR_LEADSPC | SKIPPED;

	(void)f2;
	(void)f3;
	if ((f0 & ACTIONS) != ACTIONS) {
		log_note(LOG_L_ERROR, "milter",
		    "the host MTA offers no changes of header fields");
		return SMFIS_REJECT;
	}
	if (the_env->unix_socket)
		wanted |= NO_REPLY & ~milter_msg_replies(the_env);
	*pf0 = ACTIONS | (f0 & MORE_ACTIONS);
	if ((f0 & SMFIF_SETSYMLIST) != 0) {
		*pf0 |= SMFIF_SETSYMLIST;
		ask_for_macros(ctx);
	}
	*pf1 = f1 & wanted;
	*pf2 = *pf3 = 0;
	milter_msg_negotiated(msg_of(ctx), *pf1);
	return SMFIS_CONTINUE;
}

static sfsistat
/* NOLINTNEXTLINE(readability-non-const-parameter): libmilter's prototype */
on_connect(SMFICTX *ctx, char *host, _SOCK_ADDR *peer)
{
	(void)host;
	milter_msg_connect(msg_of(ctx), ctx, peer);
	return milter_msg_reply(msg_of(ctx), SMFIP_NR_CONN);
}

static sfsistat
on_mail(SMFICTX *ctx, char **args)
{
	return milter_msg_mail(msg_of(ctx), ctx, args[0]);
}

static sfsistat
on_rcpt(SMFICTX *ctx, char **args)
{
	return milter_msg_rcpt(msg_of(ctx), ctx, args[0]);
}

static sfsistat
on_header(SMFICTX *ctx, char *name, char *value)
{
	milter_msg_header(msg_of(ctx), name, value);
	return milter_msg_reply(msg_of(ctx), SMFIP_NR_HDR);
}

static sfsistat
on_body(SMFICTX *ctx, unsigned char *p, size_t len)
{
	milter_msg_body(msg_of(ctx), p, len);
	return milter_msg_reply(msg_of(ctx), SMFIP_NR_BODY);
}

static sfsistat
on_end(SMFICTX *ctx)
{
	return milter_msg_end(msg_of(ctx), ctx);
}

static sfsistat
on_abort(SMFICTX *ctx)
{
	milter_msg_abort(msg_of(ctx));
	return SMFIS_CONTINUE;
}

static sfsistat
on_close(SMFICTX *ctx)
{
	struct milter_msg *m = smfi_getpriv(ctx);

	(void)smfi_setpriv(ctx, NULL);
	milter_msg_free(&m);
	return SMFIS_CONTINUE;
}

int
milter_cb_register(struct milter_env *env, struct err *e)
{
	static char name[] = "mailrace-milter";
	struct smfiDesc desc = {
		.xxfi_name = name,
		.xxfi_version = SMFI_VERSION,
		.xxfi_flags = ACTIONS | MORE_ACTIONS | SMFIF_SETSYMLIST,
		.xxfi_connect = on_connect,
		.xxfi_envfrom = on_mail,
		.xxfi_envrcpt = on_rcpt,
		.xxfi_header = on_header,
		.xxfi_body = on_body,
		.xxfi_eom = on_end,
		.xxfi_abort = on_abort,
		.xxfi_close = on_close,
		.xxfi_negotiate = on_negotiate,
	};

	the_env = env;
	if (smfi_register(desc) == MI_FAILURE)
		return err_set(e, "libmilter does not take our callbacks");
	return 0;
}
