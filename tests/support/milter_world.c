/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/milter_world.h"

#include <inttypes.h>

#include "lib/check.h"
#include "mail/dkim_verify.h"
#include "milter/milter_conf.h"
#include "milter/milter_packet.h"
#include "milter/milter_senders.h"
#include "tests/conf_file.h"

/* With the folder in place of DIR. */
static void
put_conf(const char *conf)
{
	struct buf text = { 0 };
	const char *dir;

	for (; (dir = strstr(conf, "DIR")) != NULL; conf = dir + 3) {
		buf_add(&text, conf, (size_t)(dir - conf));
		buf_str(&text, conf_file_dir);
	}
	buf_str(&text, conf);
	conf_file_put("main", buf_cstr(&text));
	buf_fini(&text);
}

void
milter_world_init(struct milter_env *env, const char *conf)
{
	struct conf_errors errs = { 0 };
	struct milter_conf *c;
	struct err e;

	conf_file_begin();
	conf_file_put("mark.key", "0123456789abcdef0123456789abcdef");
	put_conf(conf);
	c = milter_conf_load(conf_file_path("main"), &errs);
	for (size_t i = 0; i < errs.n; i++)
		(void)printf("# %s\n", errs.v[i].text);
	CHECK(c != NULL);
	conf_errors_fini(&errs);
	*env = (struct milter_env){ .unix_socket = true };
	env->conf = milter_conf_current_take(c);
	CHECK(dkim_verifier_new(&env->verifier, &e) == 0);
	milter_senders_init(env);
}

void
milter_world_fini(struct milter_env *env)
{
	CHECK(count_read(&env->sessions) == 0);
	milter_senders_fini(env);
	dkim_verifier_free(&env->verifier);
	current_free(&env->conf);
	conf_file_end();
}

const char *
milter_world_path(const char *name)
{
	return conf_file_path(name);
}

/* ---- the host MTA -------------------------------------------------------- */

void
host_says(struct buf *b, char command, const void *p, size_t len)
{
	char head[5];

	put_be32(head, (uint32_t)len + 1);
	head[4] = command;
	buf_add(b, head, sizeof(head));
	buf_add(b, p, len);
}

void
host_options(struct buf *b)
{
	HOST_SAYS(b, MILTER_OPTIONS, "\0\0\0\6\0\0\1\xff\0\x1f\xff\xff");
}

void
host_message(struct buf *b, const char *ip)
{
	struct buf client = { 0 };

	HOST_SAYS(b, MILTER_MACRO,
	    "Cj\0mail.example\0{client_port}\0004321\0{daemon_addr}\0"
	    "127.0.0.1\0");
	buf_add(&client, "client.example\0004\x10\xe1", 18);
	buf_add(&client, ip, strlen(ip) + 1);
	host_says(b, MILTER_CONNECT, client.p, client.len);
	buf_fini(&client);
	HOST_SAYS(b, MILTER_MACRO, "M{mail_addr}\0a@example.net\0");
	HOST_SAYS(b, MILTER_MAIL, "<a@example.net>\0SIZE=100\0");
	HOST_SAYS(b, MILTER_MACRO, "R{rcpt_mailer}\0mailrace\0");
	HOST_SAYS(b, MILTER_RCPT, "<x@sign.example>\0");
	HOST_SAYS(b, MILTER_MACRO, "Ri\0004ZqXyz\0{rcpt_mailer}\0local\0");
	HOST_SAYS(b, MILTER_RCPT, "<root@localhost>\0");
	HOST_SAYS(b, MILTER_HEADER,
	    "Received\0 from client.example\n\tby mail.example\0");
	HOST_SAYS(b, MILTER_HEADER, "From\0 A <a@example.net>\0");
	HOST_SAYS(b, MILTER_HEADER, "X-Job\0 news-7\0");
	HOST_SAYS(b, MILTER_HEADER,
	    "ARC-Seal\0 i=1; a=rsa-sha256; cv=none; d=a.test; s=s1; b=AAAA\0");
	HOST_SAYS(b, MILTER_HEADER,
	    "ARC-Message-Signature\0 i=1; a=rsa-sha256; c=relaxed/relaxed;\n"
	    "\td=a.test; s=s1; h=from; bh=AAAA; b=AAAA\0");
	HOST_SAYS(b, MILTER_HEADER,
	    "ARC-Authentication-Results\0 i=1; a.test; none\0");
	HOST_SAYS(b, MILTER_BODY, "hello,\r\nworld\r\n");
	HOST_SAYS(b, MILTER_MACRO, "Ei\0004ZqXyz\0");
	HOST_SAYS(b, MILTER_END, "");
	HOST_SAYS(b, MILTER_ABORT, "");
}

static void
hear(const struct milter_packet *p, struct buf *words)
{
	struct slice args = p->args;
	struct milter_options o;

	if (words->len > 0)
		buf_byte(words, ' ');
	buf_byte(words, p->command);
	if (p->command == MILTER_OPTIONS) {
		CHECK(milter_options_read(args, &o) == 0);
		buf_printf(words, "%" PRIu32 ":%" PRIx32 ":%" PRIx32, o.version,
		    o.actions, o.steps);
	} else if (p->command == MILTER_SAY_CHANGE ||
	    p->command == MILTER_SAY_INSERT) {
		buf_printf(words, "%" PRIu32 ":%s", get_be32(args.p),
		    args.p + 4);
	} else if (args.len > 0) {
		buf_printf(words, ":%s", args.p);
	}
}

void
host_heard(const struct buf *out, struct buf *words)
{
	struct slice in = { out->p, out->len };
	struct milter_packet p;

	buf_clear(words);
	while (in.len > 0) {
		CHECK(milter_packet_find(in, &p) == MILTER_FOUND);
		hear(&p, words);
		in.p += p.len;
		in.len -= p.len;
	}
	(void)buf_cstr(words);
}
