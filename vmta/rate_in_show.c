/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/rate_in_show.h"

#include <stdlib.h>

#include "lib/clock.h"
#include "lib/ctl_proto.h"

static const char *const whos[] = { [RATE_IN_SOURCE] = "source",
	[RATE_IN_USER] = "user",
	[RATE_IN_CLIENT] = "client" };
static const char *const whats
    [] = { [RATE_IN_MESSAGES] = "messages", [RATE_IN_RCPTS] = "recipients" };

/* ---- rows ------------------------------------------------------------------- */

static void
copy(void *ctx, const struct rate_in_row *row)
{
	struct rate_in_list *l = ctx;

	/* Room for twice as many, each time that there is none. */
	if ((l->n & (l->n - 1)) == 0)
		l->v = mem_realloc(l->v,
		    (l->n == 0 ? 1 : 2 * l->n) * sizeof(*l->v));
	l->v[l->n] = *row;
	l->v[l->n].name = mem_strdup(row->name);
	l->n++;
}

void
rate_in_list_take(struct rate_in_list *l, struct rate_in *r, int64_t now_us)
{
	*l = (struct rate_in_list){ 0 };
	rate_in_each(r, now_us, copy, l);
}

void
rate_in_list_fini(struct rate_in_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		union {
			const char *in;
			char *out;
		} name = { .in = l->v[i].name };

		free(name.out);
	}
	free(l->v);
	*l = (struct rate_in_list){ 0 };
}

static double
fullness(const struct rate_in_row *row)
{
	return (double)row->used / (double)row->rate.count;
}

static int
compare(const void *a, const void *b)
{
	double x = fullness(a), y = fullness(b);

	return x > y ? -1 : x < y ? 1 : 0;
}

void
rate_in_list_sort(struct rate_in_list *l)
{
	if (l->n > 1)
		qsort(l->v, l->n, sizeof(*l->v), compare);
}

json_t *
rate_in_row_json(const struct rate_in_row *row, int64_t now_us)
{
	char text[NET_ADDR_TEXT];
	struct buf rate = { 0 };
	json_t *out;

	str_rate(&rate, &row->rate);
	out = json_pack("{s:s,s:o,s:s,s:s,s:I,s:I,s:o,s:I,s:I}", "of",
	    whos[row->who], "name", ctl_string(row->name), "client",
	    row->who != RATE_IN_CLIENT  ? "" :
		row->client.family == 0 ? "several" :
					  net_addr_text(&row->client, text),
	    "what", whats[row->what], "used", (json_int_t)row->used, "max",
	    (json_int_t)row->rate.count, "rate", ctl_string(buf_cstr(&rate)),
	    "refused", (json_int_t)row->refused, "empty_in_s",
	    (json_int_t)(row->used == 0 || row->until_us <= now_us ?
		    0 :
		    (row->until_us - now_us + US_PER_S - 1) / US_PER_S));
	buf_fini(&rate);
	return out;
}

/* ---- texts -------------------------------------------------------------------- */

/*
 * The client's own limit is no secret, and others' names and numbers are.
 */
const char *
rate_in_reply(const struct rate_in_no *no, int64_t now_us, struct region *rg)
{
	const char *what = whats[no->limit->what];
	int64_t wait_us = no->until_us - now_us;

	if (no->until_us == INT64_MAX)
		return region_printf(rg,
		    "450 4.7.1 more %s at once than may come in a period",
		    what);
	return region_printf(rg,
	    "450 4.7.1 too many %s for now, come again in %lld s", what,
	    (long long)((wait_us + US_PER_S - 1) / US_PER_S));
}

const char *
rate_in_limit_text(const struct rate_in_limit *l, struct region *rg)
{
	struct buf rate = { 0 };
	const char *text;

	str_rate(&rate, &l->rate);
	text = region_printf(rg, "%s %s, %s %s%s",
	    l->who == RATE_IN_CLIENT ? "source" : whos[l->who], l->name,
	    buf_cstr(&rate), whats[l->what],
	    l->who == RATE_IN_CLIENT ? " by client" : "");
	buf_fini(&rate);
	return text;
}
