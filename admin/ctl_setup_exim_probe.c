/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/ctl_setup_exim.h"
#include "admin/setup_probe.h"

#include <string.h>

#include "lib/clock.h"
#include "lib/run_command.h"

enum {
	DELIVERY_S = 60,
	ARGS = 12,
	LOOKS = 200,
	MOMENT_LOOKS = 20,
	LOOKS_A_TRY = 10,
};

/* As ex_site_ask(), with an input and more time. */
static int
run_exim(const struct ex_site *s, const char *const *argv, struct slice input,
    struct buf *out, struct err *e)
{
	const char *all[ARGS] = { s->program };
	struct command_end end;
	struct command c;
	size_t n = 1;
	int rc;

	if (s->config != NULL) {
		all[n++] = "-C";
		all[n++] = s->config;
	}
	while (*argv != NULL && n < ARGS - 1)
		all[n++] = *argv++;
	c = (struct command){ .argv = all,
		.input = input,
		.timeout_s = DELIVERY_S };
	rc = command_must(&c, &end, e);
	if (rc == 0)
		buf_add(out, end.out.p, end.out.len);
	command_end_fini(&end);
	return rc;
}

#define RUN(s, input, out, e, ...) \
	run_exim((s), (const char *const[]){ __VA_ARGS__, NULL }, (input), \
	    (out), (e))

static struct slice
nothing(void)
{
	return (struct slice){ NULL, 0 };
}

/* Of a line the n-th word, from 0; "": it has fewer. */
static const char *
word_of(struct region *rg, const char *line, size_t n)
{
	size_t len = 0;

	do {
		line += len;
		line += strspn(line, " ");
		len = strcspn(line, " \n");
	} while (n-- > 0);
	return region_strndup(rg, line, len);
}

/*
 * The id of the message to this recipient in what exim -bp printed, which has
 * a line "AGE SIZE ID <SENDER>" before those of recipients; "": it is none.
 */
static const char *
find_id(struct region *rg, const char *list, const char *rcpt)
{
	enum { ID = 2 };
	const char *id = "";

	while (*list != '\0') {
		if (strcmp(word_of(rg, list, 0), rcpt) == 0)
			return id;
		if (word_of(rg, list, ID)[0] != '\0')
			id = word_of(rg, list, ID);
		list += strcspn(list, "\n");
		list += *list == '\n';
	}
	return "";
}

static int
queued_id(const struct ex_site *s, const char *rcpt, const char **id_r,
    struct err *e)
{
	struct buf list = { .p = NULL };
	int rc = RUN(s, nothing(), &list, e, "-bpr");

	if (rc == 0)
		*id_r = find_id(s->rg, buf_cstr(&list), rcpt);
	buf_fini(&list);
	return rc;
}

/* The last line of the message's own log. */
static const char *
last_word(const struct ex_site *s, const char *id)
{
	struct buf log = { .p = NULL };
	const char *said = "it still waits in Exim";
	struct err ignored;

	if (RUN(s, nothing(), &log, &ignored, "-Mvl", id) == 0) {
		while (log.len > 0 && log.p[log.len - 1] == '\n')
			log.len--;
		if (log.len > 0) {
			const char *nl = memrchr(log.p, '\n', log.len);
			const size_t at = nl == NULL ? 0 :
						       (size_t)(nl - log.p) + 1;

			said = region_strndup(s->rg, log.p + at, log.len - at);
		}
	}
	buf_fini(&log);
	return said;
}

/* Told to deliver or remove it; -1: it cannot, or another process has it. */
static int
act(const struct ex_site *s, const char *action, const char *id)
{
	struct buf said = { .p = NULL };
	struct err ignored;
	int rc = RUN(s, nothing(), &said, &ignored, action, id);

	buf_fini(&said);
	return rc;
}

/*
 * Delivered mail is listed a moment after Exim was told that it is taken.  As long
 * as a queue runner has it, what we ask Exim to do with it is not done: the
 * daemon starts one when it begins anew.  So it is tried again, until Exim says
 * of that recipient why it failed.  id_r: it is left in Exim.
 */
static bool
has_come(const struct ex_site *s, const struct setup_probe *p,
    const char **id_r)
{
	const int64_t until_us = clock_us() + DELIVERY_S * US_PER_S;
	struct err ignored;

	for (int i = 0; i < LOOKS; i++) {
		*id_r = "";
		if (setup_probe_is_here(p))
			return true;
		if (queued_id(s, p->rcpt, id_r, &ignored) == -1 ||
		    ((*id_r)[0] != '\0' && i >= MOMENT_LOOKS &&
			strstr(last_word(s, *id_r), p->rcpt) != NULL))
			return false;
		if ((*id_r)[0] != '\0' && i % LOOKS_A_TRY == 0 &&
		    clock_us() < until_us)
			(void)act(s, "-M", *id_r);
		setup_probe_wait();
	}
	return false;
}

/*
 * A probe that is given up must not come later, and fail here: who stands in it
 * would be told.  Where another process had it until it was gone, it may have
 * come, and is waited for a moment.  -1: it is still in Exim.
 */
static int
take_out(const struct ex_site *s, const struct setup_probe *p)
{
	bool removed = true, gone = false;
	struct err ignored;

	for (int i = 0; i < LOOKS && !gone; i++) {
		const char *left = "";

		if (queued_id(s, p->rcpt, &left, &ignored) == 0 &&
		    left[0] == '\0') {
			gone = true;
		} else {
			removed = left[0] != '\0' && act(s, "-Mrm", left) == 0;
			setup_probe_wait();
		}
	}
	for (int i = 0; i < MOMENT_LOOKS && !removed; i++) {
		if (setup_probe_is_here(p))
			break;
		setup_probe_wait();
	}
	return gone ? 0 : -1;
}

/* Queued, so that its id can be found; then tried while we wait. */
static int
send_probe(const struct ex_site *s, const struct setup_probe *p,
    const char *sender, struct err *e)
{
	struct buf text = { .p = NULL }, said = { .p = NULL };
	const char *id = "";
	int rc;

	setup_probe_text(p, "\n", &text);
	rc = RUN(s, ((struct slice){ text.p, text.len }), &said, e, "-odq",
	    "-i", "-f", sender[0] == '\0' ? "<>" : sender, "--", p->rcpt);
	if (rc == 0 && !has_come(s, p, &id))
		rc = err_set(e, "a probe did not come to Mailrace: %s",
		    id[0] == '\0' ? "it is not in Exim any more: see its log" :
				    last_word(s, id));
	if (rc == -1 && take_out(s, p) == -1)
		(void)err_where(e,
		    "the probe is still in Exim, remove it (exim -Mrm)");
	buf_fini(&text);
	buf_fini(&said);
	return rc;
}

int
ctl_setup_exim_probe(const struct ctl_options *opt, const struct ex_site *s,
    const char *sender, struct err *e)
{
	struct setup_probe p;
	int rc;

	if (setup_probe_begin(&p, opt, e) == -1)
		return -1;
	rc = send_probe(s, &p, sender, e);
	setup_probe_end(&p);
	return rc;
}
