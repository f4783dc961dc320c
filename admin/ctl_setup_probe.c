/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/ctl_setup.h"

#include <inttypes.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "admin/ctl_ask.h"
#include "admin/ctl_setup_talk.h"
#include "lib/check.h"
#include "lib/clock.h"
#include "lib/net.h"
#include "lib/run_command.h"

enum {
	GREETING_MS = 5000,
	PROBE_S = 30, /* through a content filter, too */
	FAST_S = 5,
	LOOK_MS = 50,
	LOOKS = 10 /* at mailraced, for one at the queue of Postfix */
};

/* ---- before anything changes --------------------------------------------- */

/* Connects; greeting: waits for its "220". */
static int
ask_socket(const char *path, bool greeting, struct err *e)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	char line[512] = "";
	struct pollfd p;
	int fd, rc = 0;

	if (strlen(path) >= sizeof(sa.sun_path))
		return err_set(e, "%s: too long for a socket", path);
	memcpy(sa.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return err_sys(e, "socket");
	p = (struct pollfd){ .fd = fd, .events = POLLIN };
	if (connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) == -1)
		rc = err_sys(e, "%s", path);
	else if (greeting &&
	    (poll(&p, 1, GREETING_MS) != 1 ||
		recv(fd, line, sizeof(line) - 1, 0) < 3 ||
		strncmp(line, "220", 3) != 0))
		rc = err_set(e, "%s: no greeting", path);
	(void)close(fd);
	return rc;
}

/* "127.0.0.1:10028/inet", "10587/inet" of a service that is new. */
static int
check_free(const struct pf_change *c, struct err *e)
{
	const char *type = strrchr(c->name, '/');
	char where[128];
	int fd;

	if (c->kind != PF_SERVICE || c->before != NULL || type == NULL ||
	    strcmp(type, "/inet") != 0)
		return 0;
	(void)snprintf(where, sizeof(where), "%s%.*s",
	    memchr(c->name, ':', (size_t)(type - c->name)) == NULL ? "0/0:" :
								     "",
	    (int)(type - c->name), c->name);
	fd = net_listen(where, e);
	if (fd == -1)
		return err_where(e, "Postfix cannot listen there");
	(void)close(fd);
	return 0;
}

int
ctl_setup_ready(const struct pf_wish *w, const struct pf_plan *p, struct err *e)
{
	if (ask_socket(w->lmtp, true, e) == -1)
		return err_where(e, "mailraced does not answer");
	if (w->fast != NULL && ask_socket(w->inject, true, e) == -1)
		return err_where(e, "mailraced does not answer");
	if (w->milter != NULL && ask_socket(w->milter, false, e) == -1)
		return err_where(e, "mailrace-milter does not answer");
	for (size_t i = 0; i < p->count; i++)
		if (check_free(&p->changes[i], e) == -1)
			return -1;
	return 0;
}

/* ---- the probe ----------------------------------------------------------- */

struct probe {
	const struct ctl_options *opt;
	const struct pf_site *site;
	char rcpt[80];
};

static void
name_rcpt(struct probe *p)
{
	uint64_t id;

	CHECK(getrandom(&id, sizeof(id), 0) == (ssize_t)sizeof(id));
	(void)snprintf(p->rcpt, sizeof(p->rcpt), "probe-%016" PRIx64 "@%s", id,
	    PF_PROBE_DOMAIN);
}

/* What mailraced answers; 0: it did as it was told. */
static int
ask(const struct probe *p, const char *command, json_t *more, size_t *items_r)
{
	struct answer a;
	int rc;

	(void)json_object_set_new(more, "command", json_string(command));
	(void)json_object_set_new(more, "queue", json_string(PF_PROBE_DOMAIN));
	rc = ctl_ask_this(p->opt, more, &a);
	if (items_r != NULL)
		*items_r = json_array_size(a.items);
	ctl_answer_fini(&a);
	json_decref(more);
	return rc;
}

/* From as in notifications of the host, whose senders nobody judges. */
static void
add_message(const struct probe *p, const char *end, struct buf *out)
{
	buf_printf(out,
	    "From: MAILER-DAEMON (Mailrace)%sTo: %s%s"
	    "Subject: mailrace setup%s%s"
	    "This message was to be seen in the queue of Mailrace, and is "
	    "deleted there.%s",
	    end, p->rcpt, end, end, end, end);
}

static int
send_probe(const struct probe *p, const char *sender, struct err *e)
{
	struct buf text = { .p = NULL };
	const char *const argv[] = { "sendmail", "-C", p->site->dir, "-i", "-f",
		sender, "--", p->rcpt, NULL };
	struct command_end end;
	struct command c;
	int rc;

	add_message(p, "\n", &text);
	c = (struct command){ .argv = argv, .input = { text.p, text.len } };
	rc = command_must(&c, &end, e);
	command_end_fini(&end);
	buf_fini(&text);
	return rc;
}

static void
wait_a_little(void)
{
	const struct timespec t = { .tv_nsec = LOOK_MS * 1000000L };

	(void)nanosleep(&t, NULL);
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

		if (id == NULL || rcpt == NULL || strcmp(rcpt, p->rcpt) != 0)
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

static bool
is_listed(const struct probe *p)
{
	size_t items = 0;

	return ask(p, "list", json_pack("{s:s}", "rcpt", p->rcpt), &items) ==
	    0 &&
	    items > 0;
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

	for (unsigned n = 1; !is_listed(p); n++) {
		enum held held = HELD_ACTIVE;

		if (n % LOOKS == 0) {
			id = NULL;
			held = look_in_queue(p, &id, &why);
			gone = held == HELD_NOT ? gone + 1 : 0;
		}
		if (held == HELD_DEFERRED || gone == 2 || clock_us() > until_us)
			return give_up(p, id, why, e);
		wait_a_little();
	}
	return 0;
}

/* ---- by the fast path ------------------------------------------------------ */

/* Who was told that it is taken must find it there. */
static int
wait_fast(const struct probe *p, struct err *e)
{
	const int64_t until_us = clock_us() + FAST_S * US_PER_S;

	while (!is_listed(p)) {
		if (clock_us() > until_us)
			return err_set(e,
			    "the fast path: a probe was taken, and did not "
			    "come to Mailrace");
		wait_a_little();
	}
	return 0;
}

static int
probe_fast(struct probe *p, const struct ctl_setup_probe *of, struct buf *told,
    struct err *e)
{
	struct buf text = { .p = NULL };
	enum talk_end end;

	name_rcpt(p);
	add_message(p, "\r\n", &text);
	end = ctl_setup_talk(&(struct talk_mail){ .port = of->fast,
				 .sender = of->sender,
				 .rcpt = p->rcpt,
				 .text = buf_cstr(&text) },
	    told, e);
	buf_fini(&text);
	if (end == TALK_TAKEN)
		return wait_fast(p, e);
	return end == TALK_REFUSED ? 0 : -1;
}

/* ---- all ------------------------------------------------------------------- */

int
ctl_setup_probe(const struct ctl_setup_probe *of, struct buf *told,
    struct err *e)
{
	struct probe p = { .opt = of->opt, .site = of->site };
	int rc;

	name_rcpt(&p);
	if (ask(&p, "pause queue", json_object(), NULL) != 0)
		return err_set(e, "mailraced does not pause a queue");
	rc = send_probe(&p, of->sender, e);
	if (rc == 0)
		rc = wait_for(&p, e);
	if (rc == 0 && of->fast != NULL)
		rc = probe_fast(&p, of, told, e);
	(void)ask(&p, "delete", json_pack("{s:b}", "no-accounting", 1), NULL);
	(void)ask(&p, "resume queue", json_object(), NULL);
	return rc;
}
