/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/server.h"

#include <stdio.h>
#include <string.h>

#include "lib/err.h"

/* A server that is being described. */
struct described {
	struct play *p;
	struct words *w;
	struct sim_server *server;
	bool replies;          /* it has said what it replies */
	struct sim_reply only; /* from, on: for whom the next replies are */
};

static void
add_host(struct play *p, struct sim_server *s, const char *name,
    const char *addr)
{
	struct sim_host *h = &s->hosts[s->host_count];

	if (s->host_count == SIM_HOSTS) {
		play_complain(p, "too many hosts");
		return;
	}
	s->host_count++;
	(void)snprintf(h->name, sizeof(h->name), "%s", name);
	(void)snprintf(h->addr, sizeof(h->addr), "%s", addr);
}

/* ---- replies ------------------------------------------------------------- */

static bool
phase_of(const char *name, enum sim_phase *out)
{
	static const struct {
		const char *name;
		enum sim_phase phase;
	} phases[] = { { "greeting", SIM_GREETING }, { "mail", SIM_MAIL },
		{ "rcpt", SIM_RCPT }, { "reply", SIM_RCPT },
		{ "dot", SIM_DOT } };

	for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++) {
		if (strcmp(phases[i].name, name) != 0)
			continue;
		*out = phases[i].phase;
		return true;
	}
	return false;
}

/* The words between quotes, one blank between any two; "" if there are none. */
static void
quoted(struct words *w, char *out, size_t cap)
{
	const char *word = w->at < w->n ? w->v[w->at] : "";
	size_t len = 0;
	bool last = word[0] != '"';

	out[0] = '\0';
	for (word++; !last && w->at < w->n; word = w->v[w->at]) {
		size_t n = strlen(word);

		w->at++;
		last = n > 0 && word[n - 1] == '"';
		len += (size_t)snprintf(out + len, cap - len, "%s%.*s",
		    len == 0 ? "" : " ", (int)(last ? n - 1 : n), word);
		if (len >= cap || last)
			return;
	}
}

static void
add_reply(struct described *d, enum sim_phase at)
{
	struct sim_reply r = d->only;
	const char *code = words_next(d->w);
	char text[200];

	if (!d->replies)
		d->server->replies = NULL;
	d->replies = true;
	r.at = at;
	r.times = SIM_ALWAYS;
	r.code = strcmp(code, "hangs-up") == 0 ? SIM_HANGS_UP :
	    strcmp(code, "unresolved") == 0    ? SIM_UNRESOLVED :
						 (int)play_number(d->p, code);
	if (r.code > SIM_UNRESOLVED && (r.code < 200 || r.code > 599)) {
		play_complain(d->p, "%d is no code of a reply", r.code);
		return;
	}
	quoted(d->w, text, sizeof(text));
	r.text = text;
	if (d->w->at < d->w->n && strcmp(d->w->v[d->w->at], "for") == 0) {
		d->w->at++;
		r.times = (uint32_t)play_number(d->p, words_next(d->w));
	}
	sim_script_add(d->p->sim->rg, d->server, &r);
}

/* from ADDRESS { ... }, on MX { ... } */
static void
play_only(struct described *d, bool from)
{
	const char *who = words_next(d->w), *name;
	const struct sim_reply all = d->only;
	enum sim_phase at;
	struct err e;

	if (from && net_addr_parse(slice_of(who), &d->only.from, &e) == -1)
		play_complain(d->p, "%s", e.text);
	if (!from)
		d->only.host = who;
	if (strcmp(words_next(d->w), "{") != 0)
		play_complain(d->p, "from ADDRESS { ... }, on MX { ... }");
	while (
	    d->w->at < d->w->n && strcmp(name = words_next(d->w), "}") != 0) {
		if (strcmp(name, ";") == 0)
			continue;
		if (phase_of(name, &at))
			add_reply(d, at);
		else
			play_complain(d->p, "\"%s\" is no phase", name);
	}
	d->only = all;
}

/* ---- the others ---------------------------------------------------------- */

/* False: there is no such word. */
static bool
play_time(struct described *d, const char *name)
{
	struct sim_server *s = d->server;
	const struct {
		const char *name;
		int64_t *us;
	} times[] = { { "greeting-after", &s->greeting_us },
		{ "written-after", &s->write_us },
		{ "reply-after", &s->reply_us }, { "told-after", &s->told_us },
		{ "hangs-up-after", &s->hangs_up_us } };

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		if (strcmp(times[i].name, name) != 0)
			continue;
		*times[i].us = play_duration(d->p, words_next(d->w));
		return true;
	}
	return false;
}

static void
play_word(struct described *d, const char *name)
{
	enum sim_phase at;
	const char *value;

	if (play_time(d, name))
		return;
	if (phase_of(name, &at)) {
		add_reply(d, at);
	} else if (strcmp(name, "from") == 0) {
		play_only(d, true);
	} else if (strcmp(name, "on") == 0) {
		play_only(d, false);
	} else if (strcmp(name, "welcome") == 0) {
		d->server->welcome = (uint32_t)play_number(d->p,
		    words_next(d->w));
	} else if (strcmp(name, "suppress-every") == 0) {
		d->server->suppress_every = (unsigned)play_number(d->p,
		    words_next(d->w));
	} else if (strcmp(name, "at") == 0) {
		value = words_next(d->w);
		add_host(d->p, d->server, value, words_next(d->w));
	} else {
		play_complain(d->p, "a server knows no \"%s\"", name);
	}
}

void
play_server(struct play *p, struct words *w)
{
	struct described d = { .p = p,
		.w = w,
		.server = sim_server(p->sim, words_next(w)),
		.only = { .host = "" } };
	const char *name;

	if (strcmp(words_next(w), "{") != 0)
		play_complain(p, "server DOMAIN { ... }");
	while (w->at < w->n && strcmp(name = words_next(w), "}") != 0)
		if (strcmp(name, ";") != 0)
			play_word(&d, name);
}
