/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cat: a queued message, in the form of postcat.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "admin/cat_lines.h"
#include "admin/ctl_ask.h"
#include "admin/ctl_cmds.h"
#include "compat/postfix/pf_cat.h"
#include "compat/postfix/pf_listing.h"
#include "mail/message.h"

struct cat {
	const char *part; /* envelope, header, body; NULL: all, with marks */
	bool json;
	json_t *whole; /* with json */
	struct buf message, out;
	struct pf_cat head;
	struct envelope env; /* of head; its texts are the owner's */
	json_t *envelope;    /* that has them */
	struct cat_lines lines;
	bool begun; /* some octet has come */
};

static bool
wants(const struct cat *c, const char *part)
{
	return c->part == NULL || strcmp(c->part, part) == 0;
}

static const char *
text(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s == NULL ? "" : s;
}

static int
number(const json_t *object, const char *key)
{
	return (int)json_integer_value(json_object_get(object, key));
}

static void
print(struct cat *c)
{
	if (c->out.len > 0)
		(void)fwrite(c->out.p, 1, c->out.len, stdout);
	buf_clear(&c->out);
}

/* ---- the envelope -------------------------------------------------------- */

static void
on_envelope(struct cat *c, const json_t *item)
{
	time_t s = (time_t)json_integer_value(json_object_get(item, "arrival"));
	struct tm tm;

	c->envelope = json_deep_copy(item);
	item = c->envelope;
	c->env = envelope_blank;
	c->env.sender = text(item, "from");
	c->env.envid = text(item, "envid");
	c->env.job = text(item, "job");
	c->env.auth_user = text(item, "user");
	c->env.host_id = text(item, "host_id");
	c->env.src_mta = text(item, "client");
	c->env.ret = (uint8_t)number(item, "ret");
	c->env.flags = json_is_true(json_object_get(item, "8bit")) ?
	    ENVELOPE_8BIT :
	    0;
	c->env.rcpt_count = (uint32_t)number(item, "recipients");
	c->head.env = &c->env;
	(void)pf_state_read(text(item, "state"), &c->head.state);
	c->head.size = (uint64_t)json_integer_value(
	    json_object_get(item, "size"));
	(void)message_id_read(text(item, "id"), &c->head.id);
	if (wants(c, "envelope"))
		pf_cat_envelope(&c->head, localtime_r(&s, &tm), &c->out);
}

static void
on_rcpt(struct cat *c, const json_t *item)
{
	const char *vmta = text(item, "vmta");
	const struct env_rcpt r = { .addr = text(item, "to"),
		.orcpt = text(item, "orcpt"),
		.vmta = strcmp(vmta, VMTA_DEFAULT) == 0 ? "" : vmta,
		.notify = (uint8_t)number(item, "notify") };

	if (wants(c, "envelope"))
		pf_cat_rcpt(&r, json_is_true(json_object_get(item, "queued")),
		    &c->out);
}

/* ---- the message --------------------------------------------------------- */

/* What is not wanted is dropped. */
static void
on_piece(struct cat *c, const json_t *item)
{
	struct buf dropped = { 0 };

	if (!c->begun && wants(c, "envelope"))
		pf_cat_mark(&c->head, "MESSAGE CONTENTS", &c->out);
	c->begun = true;
	cat_lines_add(&c->lines, item, wants(c, "header") ? &c->out : &dropped,
	    wants(c, "body") ? &c->out : &dropped);
	buf_fini(&dropped);
}

/* ---- the command --------------------------------------------------------- */

/* The same items as one object. */
static void
add_json(struct cat *c, const json_t *item)
{
	if (json_object_get(item, "from") != NULL) {
		json_decref(c->whole);
		c->whole = json_deep_copy(item);
		(void)json_object_set_new(c->whole, "recipients", json_array());
	} else if (json_object_get(item, "to") != NULL) {
		(void)json_array_append_new(
		    json_object_get(c->whole, "recipients"),
		    json_deep_copy(item));
	} else {
		buf_str(&c->message, text(item, "base64"));
	}
}

static void
on_item(void *ctx, const json_t *item)
{
	struct cat *c = ctx;

	if (c->json)
		add_json(c, item);
	else if (json_object_get(item, "from") != NULL)
		on_envelope(c, item);
	else if (json_object_get(item, "to") != NULL)
		on_rcpt(c, item);
	else
		on_piece(c, item);
	print(c);
}

static void
end(struct cat *c)
{
	if (c->json) {
		(void)json_object_set_new(c->whole, "base64",
		    json_string(buf_cstr(&c->message)));
		ctl_print_json(c->whole);
	} else if (wants(c, "envelope")) {
		if (!c->begun)
			pf_cat_mark(&c->head, "MESSAGE CONTENTS", &c->out);
		pf_cat_mark(&c->head, "HEADER EXTRACTED", &c->out);
		pf_cat_mark(&c->head, "MESSAGE FILE END", &c->out);
	}
	print(c);
}

int
cmd_cat(const struct ctl_options *opt)
{
	struct cat c = { .part = opt->values[OPT_PART], .json = opt->json };
	json_t *done;
	int rc;

	if (c.json && c.part != NULL) {
		(void)fprintf(stderr,
		    "mailrace: cat takes --json or --part, not both\n");
		return 2;
	}
	rc = ctl_ask_each(opt, on_item, &c, &done);
	if (rc == 0)
		end(&c);
	json_decref(done);
	json_decref(c.whole);
	json_decref(c.envelope);
	buf_fini(&c.message);
	buf_fini(&c.out);
	return rc;
}
