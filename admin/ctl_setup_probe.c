/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/ctl_setup.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "admin/ctl_setup_talk.h"
#include "admin/setup_probe.h"
#include "admin/setup_socket.h"
#include "lib/clock.h"
#include "lib/run_command.h"

enum {
	PROBE_S = 30, /* through a content filter, too */
	FAST_S = 5,
	LOOKS = 10 /* at mailraced, for one at the queue of Postfix */
};

/* ---- before anything changes --------------------------------------------- */

/* "127.0.0.1:10028/inet", "10587/inet" of a service that is new. */
static int
check_free(const struct host_change *c, struct err *e)
{
	const char *type = strrchr(c->name, '/');
	char where[128];

	if (c->kind != PF_SERVICE || c->before != NULL || type == NULL ||
	    strcmp(type, "/inet") != 0)
		return 0;
	(void)snprintf(where, sizeof(where), "%s%.*s",
	    memchr(c->name, ':', (size_t)(type - c->name)) == NULL ? "0/0:" :
								     "",
	    (int)(type - c->name), c->name);
	if (setup_address_is_free(where, e) == -1)
		return err_where(e, "Postfix cannot listen there");
	return 0;
}

int
ctl_setup_ready(const struct pf_wish *w, const struct host_plan *p,
    struct err *e)
{
	if (setup_ask_socket(w->lmtp, true, e) == -1)
		return err_where(e, "mailraced does not answer");
	if (w->fast != NULL && setup_ask_socket(w->inject, true, e) == -1)
		return err_where(e, "mailraced does not answer");
	if (w->milter != NULL && setup_ask_socket(w->milter, false, e) == -1)
		return err_where(e, "mailrace-milter does not answer");
	for (size_t i = 0; i < p->count; i++)
		if (check_free(&p->changes[i], e) == -1)
			return -1;
	return 0;
}

/* ---- the probe ----------------------------------------------------------- */

struct probe {
	struct setup_probe here;
	const struct pf_site *site;
};

static int
send_probe(const struct probe *p, const char *sender, struct err *e)
{
	struct buf text = { .p = NULL };
	const char *const argv[] = { "sendmail", "-C", p->site->dir, "-i", "-f",
		sender, "--", p->here.rcpt, NULL };
	struct command_end end;
	struct command c;
	int rc;

	setup_probe_text(&p->here, "\n", &text);
	c = (struct command){ .argv = argv, .input = { text.p, text.len } };
	rc = command_must(&c, &end, e);
	command_end_fini(&end);
	buf_fini(&text);
	return rc;
}

/* Where the probe is in Postfix. */
enum held { HELD_NOT, HELD_ACTIVE, HELD_DEFERRED };

/* One message of postqueue -j; why_r in the region of the site. */
static enum held
look_at(const struct probe *p, const json_t *message, const char **id_r,
    const char **why_r)
{
	const json_t *rcpts = json_object_get(message, "recipients"), *r;
	const char *id = json_string_value(
	    json_object_get(message, "queue_id"));
	size_t i;

	json_array_foreach(rcpts, i, r)
	{
		const char *rcpt = json_string_value(
		    json_object_get(r, "address"));
		const char *why = json_string_value(
		    json_object_get(r, "delay_reason"));

		if (id == NULL || rcpt == NULL ||
		    strcmp(rcpt, p->here.rcpt) != 0)
			continue;
		*id_r = region_strdup(p->site->rg, id);
		*why_r = why == NULL ? NULL : region_strdup(p->site->rg, why);
		return why == NULL ? HELD_ACTIVE : HELD_DEFERRED;
	}
	return HELD_NOT;
}

static enum held
look_in_queue(const struct probe *p, const char **id_r, const char **why_r)
{
	const char *const argv[] = { "postqueue", "-c", p->site->dir, "-j",
		NULL };
	enum held held = HELD_ACTIVE; /* where it cannot be known */
	struct command_end end;
	struct err ignored;

	if (command_run(&(struct command){ .argv = argv }, &end, &ignored) ==
		0 &&
	    end.code == 0) {
		const char *from = buf_cstr(&end.out);

		for (held = HELD_NOT; *from != '\0' && held == HELD_NOT;) {
			const size_t len = strcspn(from, "\n");
			json_t *message = json_loadb(from, len, 0, NULL);

			held = look_at(p, message, id_r, why_r);
			json_decref(message);
			from += len + (from[len] == '\n');
		}
	}
	command_end_fini(&end);
	return held;
}

/* What does not come is taken out of Postfix. */
static int
give_up(const struct probe *p, const char *id, const char *why, struct err *e)
{
	const char *const argv[] = { "postsuper", "-c", p->site->dir, "-d", id,
		NULL };
	struct command_end end;
	struct err ignored;

	if (id == NULL)
		return err_set(e,
		    "a probe did not come to Mailrace, and Postfix does not "
		    "have it any more: see its log");
	(void)command_run(&(struct command){ .argv = argv }, &end, &ignored);
	command_end_fini(&end);
	return err_set(e, "a probe did not come to Mailrace: %s",
	    why == NULL ? "it still waits in Postfix" : why);
}

/*
 * Until mailraced lists it, or Postfix has deferred it, or has it no more: of
 * two looks, since it may be on its way during one.
 */
static int
wait_for(const struct probe *p, struct err *e)
{
	const int64_t until_us = clock_us() + PROBE_S * US_PER_S;
	const char *id = NULL, *why = NULL;
	unsigned gone = 0;

	for (unsigned n = 1; !setup_probe_is_here(&p->here); n++) {
		enum held held = HELD_ACTIVE;

		if (n % LOOKS == 0) {
			id = NULL;
			held = look_in_queue(p, &id, &why);
			gone = held == HELD_NOT ? gone + 1 : 0;
		}
		if (held == HELD_DEFERRED || gone == 2 || clock_us() > until_us)
			return give_up(p, id, why, e);
		setup_probe_wait();
	}
	return 0;
}

/* ---- by the fast path ---------------------------------------------------- */

/* Who was told that it is taken must find it there. */
static int
wait_fast(const struct probe *p, struct err *e)
{
	const int64_t until_us = clock_us() + FAST_S * US_PER_S;

	while (!setup_probe_is_here(&p->here)) {
		if (clock_us() > until_us)
			return err_set(e,
			    "the fast path: a probe was taken, and did not "
			    "come to Mailrace");
		setup_probe_wait();
	}
	return 0;
}

static int
probe_fast(struct probe *p, const struct ctl_setup_probe *of, struct buf *told,
    struct err *e)
{
	struct buf text = { .p = NULL };
	enum talk_end end;

	setup_probe_name(&p->here);
	setup_probe_text(&p->here, "\r\n", &text);
	end = ctl_setup_talk(&(struct talk_mail){ .port = of->fast,
				 .sender = of->sender,
				 .rcpt = p->here.rcpt,
				 .text = buf_cstr(&text) },
	    told, e);
	buf_fini(&text);
	if (end == TALK_TAKEN)
		return wait_fast(p, e);
	return end == TALK_REFUSED ? 0 : -1;
}

/* ---- all ----------------------------------------------------------------- */

int
ctl_setup_probe(const struct ctl_setup_probe *of, struct buf *told,
    struct err *e)
{
	struct probe p = { .site = of->site };
	int rc;

	if (setup_probe_begin(&p.here, of->opt, e) == -1)
		return -1;
	rc = send_probe(&p, of->sender, e);
	if (rc == 0)
		rc = wait_for(&p, e);
	if (rc == 0 && of->fast != NULL)
		rc = probe_fast(&p, of, told, e);
	setup_probe_end(&p.here);
	return rc;
}
