/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a standing (strings as in mail/packed.h, numbers big-endian):
 *
 *	version(1) mode(1) age(8) left(8) why wait(8) position(4)
 *	sources(2) times: family(1) address(4 or 16) left(8) why
 *	minutes(1) times: ago(1) attempts(4) errors(4)
 *
 * family is 4 or 6; `left` and `wait` are what is left of a time, all ones for
 * one without an end.  The highest bit of position: it is in the list of waits
 * that is not that of the mode, but of backoff, or not.  Sources are those that are off, by address; minutes are
 * those in which something was tried, oldest first.
 */
#include "vmta/standing.h"

#include <string.h>

#include "lib/mem.h"
#include "mail/packed.h"

#define OTHER_LIST (1U << 31)

enum { FORM = 1, MINUTE_LEN = 9, SOURCE_MIN = 13 + PACKED_STRING_MIN };

/* No sum of some times of a record must overflow in who computes with it. */
#define TIME_MAX (INT64_MAX / 4)

static size_t
addr_len(const struct net_addr *a)
{
	return a->family == AF_INET ? 4 : sizeof(a->a);
}

/* ---- to bytes ------------------------------------------------------------ */

static void
add_u16(struct buf *out, uint16_t v)
{
	unsigned char b[2];

	put_be16(b, v);
	buf_add(out, b, sizeof(b));
}

static void
add_span(struct buf *out, int64_t us)
{
	us = us < 0 ? 0 : us;
	packed_add_u64(out, (uint64_t)(us > TIME_MAX ? TIME_MAX : us));
}

static void
add_left(struct buf *out, int64_t until_us, int64_t now_us)
{
	if (until_us == INT64_MAX)
		packed_add_u64(out, UINT64_MAX);
	else
		add_span(out, until_us - now_us);
}

static void
pack_mode(const struct standing *st, int64_t now_us, struct buf *out)
{
	const struct backoff *b = &st->backoff;
	bool is_normal = b->mode == MODE_NORMAL;

	packed_add_byte(out, (uint8_t)b->mode);
	add_span(out, is_normal ? 0 : now_us - b->since_us);
	add_left(out, is_normal ? now_us : b->until_us, now_us);
	packed_add_str(out, st->why);
}

static void
pack_sources(const struct standing *st, int64_t now_us, struct buf *out)
{
	add_u16(out, (uint16_t)standing_sources_off(st, now_us));
	for (uint32_t i = 0; i < st->count; i++) {
		const struct standing_source *src = &st->sources[i];

		if (src->until_us == 0 || src->until_us <= now_us)
			continue;
		packed_add_byte(out, src->addr.family == AF_INET ? 4 : 6);
		buf_add(out, src->addr.a, addr_len(&src->addr));
		add_left(out, src->until_us, now_us);
		packed_add_str(out, src->why);
	}
}

/* How many minutes. */
static uint8_t
pack_errors(struct errors_lately *errors, int64_t now_us, struct buf *out)
{
	uint8_t n = 0;

	for (uint32_t ago = ERRORS_MINUTES; errors != NULL && ago-- > 0;) {
		struct errors_count c = errors_lately_at(errors, ago, now_us);

		if (c.attempts == 0)
			continue;
		packed_add_byte(out, (uint8_t)ago);
		packed_add_u32(out, c.attempts);
		packed_add_u32(out, c.errors);
		n++;
	}
	return n;
}

/* With the list that it is in; that of a group's member is the group's. */
static uint32_t
position_of(const struct standing *st, const struct retry *wait)
{
	bool other = wait->slow != (st->backoff.mode == MODE_BACKOFF);

	return wait->position | (wait->position > 0 && other ? OTHER_LIST : 0);
}

void
standing_pack(struct standing *st, const struct retry *wait, int64_t now_us,
    struct buf *out)
{
	static const struct retry no_wait;
	struct standing plain = { .backoff = { .mode = MODE_NORMAL } };
	struct buf minutes = { 0 };
	uint8_t n;

	st = st == NULL ? &plain : st;
	wait = wait == NULL ? &no_wait : wait;
	n = pack_errors(st->errors, now_us, &minutes);
	if (st->backoff.mode != MODE_NORMAL ||
	    standing_sources_off(st, now_us) > 0 || n > 0 ||
	    wait->position > 0 || retry_waits(wait, now_us)) {
		packed_add_byte(out, FORM);
		pack_mode(st, now_us, out);
		add_left(out, wait->until_us, now_us);
		packed_add_u32(out, position_of(st, wait));
		pack_sources(st, now_us, out);
		packed_add_byte(out, n);
		buf_add(out, minutes.p, minutes.len);
	}
	buf_fini(&minutes);
}

/* ---- from bytes ---------------------------------------------------------- */

struct reading {
	struct packed in;
	int64_t made_us; /* when, on our clock */
	struct standing *st;
	struct retry *wait;
};

static int64_t
get_span(struct packed *in)
{
	uint64_t us = packed_u64(in);

	in->bad = in->bad || us > (uint64_t)TIME_MAX;
	return in->bad ? 0 : (int64_t)us;
}

static int64_t
get_until(struct reading *r)
{
	if (r->in.left >= 8 && get_be64(r->in.p) == UINT64_MAX) {
		(void)packed_u64(&r->in);
		return INT64_MAX;
	}
	return r->made_us + get_span(&r->in);
}

/* Borrowed. */
static const char *
get_why(struct reading *r)
{
	const char *why = packed_str(&r->in);

	if (strnlen(why, STANDING_WHY_MAX + 1) > STANDING_WHY_MAX)
		r->in.bad = true;
	return why;
}

static void
read_mode(struct reading *r)
{
	uint8_t mode = packed_byte(&r->in);
	struct backoff b;
	const char *why;

	b.since_us = r->made_us - get_span(&r->in);
	b.until_us = get_until(r);
	why = get_why(r);
	if (r->in.bad)
		return;
	switch (mode) {
	case MODE_NORMAL:
		r->in.bad = b.since_us != r->made_us ||
		    b.until_us != r->made_us || why[0] != '\0';
		return;
	case MODE_RETURN:
		r->in.bad = b.until_us == INT64_MAX || why[0] != '\0';
		break;
	case MODE_BACKOFF:
		r->st->why = mem_strdup(why);
		break;
	default:
		r->in.bad = true;
		return;
	}
	b.mode = mode;
	r->st->backoff = b;
}

static void
read_wait(struct reading *r)
{
	uint32_t position;
	bool other;

	r->wait->until_us = get_until(r);
	position = packed_u32(&r->in);
	other = (position & OTHER_LIST) != 0;
	position &= ~OTHER_LIST;
	if (position > UINT16_MAX || (other && position == 0))
		r->in.bad = true;
	r->wait->position = position;
	r->wait->slow = other != (r->st->backoff.mode == MODE_BACKOFF);
}

static void
read_source(struct reading *r)
{
	static const uint8_t families[] = { [4] = AF_INET, [6] = AF_INET6 };
	struct standing *st = r->st;
	struct net_addr addr = { .family = 0 };
	uint8_t family = packed_byte(&r->in);
	int64_t until;
	const char *why;

	if (family < sizeof(families))
		addr.family = families[family];
	if (addr.family == 0 || r->in.left < addr_len(&addr)) {
		r->in.bad = true;
		return;
	}
	for (size_t i = 0; i < addr_len(&addr); i++)
		addr.a[i] = packed_byte(&r->in);
	until = get_until(r);
	why = get_why(r);
	/* It comes behind the others, or they are not in order. */
	if (r->in.bad ||
	    !standing_source_off(st, &addr, until, why, r->made_us) ||
	    !net_addr_eq(&st->sources[st->count - 1].addr, &addr))
		r->in.bad = true;
}

static void
read_sources(struct reading *r)
{
	uint32_t n = packed_byte(&r->in) * 256U;

	n += packed_byte(&r->in);
	if (n > STANDING_SOURCES_MAX || n > r->in.left / SOURCE_MIN)
		r->in.bad = true;
	for (uint32_t i = 0; i < n && !r->in.bad; i++)
		read_source(r);
}

static void
read_minutes(struct reading *r)
{
	uint8_t n = packed_byte(&r->in), last = ERRORS_MINUTES;

	if (r->in.bad || r->in.left != (size_t)n * MINUTE_LEN) {
		r->in.bad = true;
		return;
	}
	for (uint8_t i = 0; i < n; i++) {
		uint8_t ago = packed_byte(&r->in);
		uint32_t attempts = packed_u32(&r->in);
		uint32_t errors = packed_u32(&r->in);

		if (ago >= last || attempts == 0 || errors > attempts) {
			r->in.bad = true;
			return;
		}
		errors_lately_add(standing_errors(r->st), attempts, errors,
		    r->made_us - ago * ERRORS_MINUTE_US);
		last = ago;
	}
}

int
standing_unpack(struct slice bytes, int64_t elapsed_us, int64_t now_us,
    struct standing *st_r, struct retry *wait_r, struct err *e)
{
	struct reading r = { .in = { bytes.p, bytes.len, false },
		.made_us = now_us,
		.st = st_r,
		.wait = wait_r };

	/* Nothing was made before 1970: what is older is over as well. */
	if (elapsed_us > 0)
		r.made_us -= elapsed_us < now_us ? elapsed_us : now_us;
	*st_r = (struct standing){ .backoff = { .mode = MODE_NORMAL } };
	*wait_r = (struct retry){ .until_us = 0 };
	if (packed_byte(&r.in) != FORM)
		return err_set(e, "a standing of another version");
	read_mode(&r);
	read_wait(&r);
	read_sources(&r);
	read_minutes(&r);
	if (!r.in.bad)
		return 0;
	standing_fini(st_r);
	*wait_r = (struct retry){ .until_us = 0 };
	return err_set(e, "a standing that is damaged");
}
