/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/pause.h"

#include <stdlib.h>
#include <string.h>

#include "lib/glob.h"
#include "lib/mem.h"

static void
order_fini(struct pause_order *o)
{
	/* The analyser does not follow the items of the array. */
	free(o->domain); /* NOLINT(clang-analyzer-unix.Malloc) */
	free(o->vmta);
}

void
pause_fini(struct pause_list *l)
{
	for (size_t i = 0; i < l->count; i++)
		order_fini(&l->orders[i]);
	free(l->orders);
	*l = (struct pause_list){ 0 };
}

static void
drop(struct pause_list *l, size_t i)
{
	order_fini(&l->orders[i]);
	l->count--;
	memmove(&l->orders[i], &l->orders[i + 1],
	    (l->count - i) * sizeof(l->orders[0]));
}

/* What the last order makes needless. */
static void
tidy(struct pause_list *l)
{
	const struct pause_order *last = &l->orders[l->count - 1];

	for (size_t i = l->count - 1; i-- > 0;)
		if (glob_covers(last->domain, l->orders[i].domain) &&
		    glob_covers(last->vmta, l->orders[i].vmta)) {
			drop(l, i);
			last--;
		}
	while (l->count > 0 && !l->orders[0].paused) {
		l->floor = l->orders[0].seq;
		drop(l, 0);
	}
}

/* Takes the texts of the order. */
static void
append(struct pause_list *l, struct pause_order o)
{
	if (l->count == l->cap) {
		l->cap = l->cap == 0 ? 16 : l->cap * 2;
		l->orders = mem_realloc(l->orders,
		    l->cap * sizeof(l->orders[0]));
	}
	o.seq = ++l->seq;
	l->orders[l->count++] = o;
	tidy(l);
}

int
pause_give(struct pause_list *l, const char *domain, const char *vmta,
    bool paused, struct err *e)
{
	append(l,
	    (struct pause_order){ .paused = paused,
		.domain = mem_strdup(domain),
		.vmta = mem_strdup(vmta) });
	if (l->count <= PAUSE_ORDERS_MAX)
		return 0;
	drop(l, l->count - 1); /* it covered none, or there were room */
	return err_set(e,
	    "%d patterns are paused or resumed already; use wider ones",
	    PAUSE_ORDERS_MAX);
}

bool
pause_holds(const struct pause_list *l, struct pause_seen *seen,
    const char *domain, const char *vmta)
{
	uint64_t known = seen->seq;

	if (known == l->seq)
		return seen->paused;
	if (known < l->floor) {
		seen->paused = false;
		known = 0;
	}
	seen->seq = l->seq;
	for (size_t i = l->count; i-- > 0 && l->orders[i].seq > known;) {
		const struct pause_order *o = &l->orders[i];

		if (glob_match(o->domain, domain) &&
		    glob_match(o->vmta, vmta)) {
			seen->paused = o->paused;
			break;
		}
	}
	return seen->paused;
}

/* ---- as text ------------------------------------------------------------- */

void
pause_pack(const struct pause_list *l, struct buf *out)
{
	for (size_t i = 0; i < l->count; i++) {
		const struct pause_order *o = &l->orders[i];

		buf_printf(out, "%s %s/%s\n", o->paused ? "pause" : "resume",
		    o->domain, o->vmta);
	}
}

/* One line without its end: `pause DOMAIN/VMTA`. */
static int
unpack_line(struct pause_list *l, struct slice line, struct err *e)
{
	static const struct {
		struct slice word;
		bool paused;
	} words[] = { { SLICE_LIT("pause "), true },
		{ SLICE_LIT("resume "), false } };
	const char *slash;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct slice w = words[i].word, rest;

		if (line.len <= w.len || memcmp(line.p, w.p, w.len) != 0)
			continue;
		rest = (struct slice){ line.p + w.len, line.len - w.len };
		slash = memchr(rest.p, '/', rest.len);
		if (slash == NULL)
			break;
		append(l,
		    (struct pause_order){ .paused = words[i].paused,
			.domain = mem_strndup(rest.p, (size_t)(slash - rest.p)),
			.vmta = mem_strndup(slash + 1,
			    rest.len - (size_t)(slash + 1 - rest.p)) });
		return 0;
	}
	return err_set(e, "a pause that nobody understands");
}

int
pause_unpack(struct pause_list *l, struct slice text, struct err *e)
{
	while (text.len > 0) {
		const char *nl = memchr(text.p, '\n', text.len);
		struct slice line = text;

		if (nl == NULL || l->count == PAUSE_ORDERS_MAX)
			return err_set(e, "the list of pauses is damaged");
		line.len = (size_t)(nl - text.p);
		text = (struct slice){ nl + 1, text.len - line.len - 1 };
		if (unpack_line(l, line, e) == -1)
			return -1;
	}
	return 0;
}
