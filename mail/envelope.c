/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The byte form, version 1: fixed part, then strings as be16 length, bytes
 * and a NUL (so that unpacked strings point into the bytes, which must live as long):
 *
 *	version(1) ret(1) flags(1) arrival(8) rcpt_count(4)
 *	sender envid job pool auth_user host_id src_mta
 *	rcpt_count times: notify(1) priority(1) addr domain vmta orcpt
 */
#include "mail/envelope.h"

#include <string.h>

#include "lib/check.h"

enum { FORMAT_VERSION = 1, FIXED = 15, STRING_MAX = 65535 };

static void
pack_str(struct buf *out, const char *s)
{
	size_t len = s == NULL ? 0 : strlen(s);
	unsigned char head[2];

	CHECK(len <= STRING_MAX);
	put_be16(head, (uint16_t)len);
	buf_add(out, head, 2);
	if (len > 0)
		buf_add(out, s, len);
	buf_byte(out, '\0');
}

void
envelope_pack(const struct envelope *env, struct buf *out)
{
	unsigned char head[FIXED];

	CHECK(env->rcpt_count > 0 && env->rcpt_count <= ENVELOPE_RCPT_MAX);
	head[0] = FORMAT_VERSION;
	head[1] = env->ret;
	head[2] = env->flags;
	put_be64(head + 3, (uint64_t)env->arrival_us);
	put_be32(head + 11, env->rcpt_count);
	buf_add(out, head, sizeof(head));
	pack_str(out, env->sender);
	pack_str(out, env->envid);
	pack_str(out, env->job);
	pack_str(out, env->pool);
	pack_str(out, env->auth_user);
	pack_str(out, env->host_id);
	pack_str(out, env->src_mta);
	for (uint32_t i = 0; i < env->rcpt_count; i++) {
		const struct env_rcpt *r = &env->rcpts[i];

		buf_byte(out, (char)r->notify);
		buf_byte(out, (char)r->priority);
		pack_str(out, r->addr);
		pack_str(out, r->domain);
		pack_str(out, r->vmta);
		pack_str(out, r->orcpt);
	}
}

struct reader {
	const char *p;
	size_t left;
	bool bad;
};

static const char *
read_str(struct reader *r)
{
	const char *s;
	size_t len;

	if (r->bad || r->left < 3) {
		r->bad = true;
		return "";
	}
	len = get_be16(r->p);
	if (r->left - 3 < len || r->p[2 + len] != '\0' ||
	    memchr(r->p + 2, '\0', len) != NULL) {
		r->bad = true;
		return "";
	}
	s = r->p + 2;
	r->p += len + 3;
	r->left -= len + 3;
	return s;
}

static void
read_rcpt(struct reader *r, struct env_rcpt *rcpt)
{
	if (r->bad || r->left < 2) {
		r->bad = true;
		return;
	}
	rcpt->notify = (uint8_t)r->p[0];
	rcpt->priority = (uint8_t)r->p[1];
	r->p += 2;
	r->left -= 2;
	rcpt->addr = read_str(r);
	rcpt->domain = read_str(r);
	rcpt->vmta = read_str(r);
	rcpt->orcpt = read_str(r);
}

int
envelope_unpack(const void *p, size_t len, struct region *rg,
    struct envelope *env_r, struct err *e)
{
	const unsigned char *head = p;
	struct reader r = { (const char *)p + FIXED, 0, false };

	*env_r = (struct envelope){ 0 };
	if (len < FIXED)
		return err_set(e, "envelope record cut short");
	if (head[0] != FORMAT_VERSION)
		return err_set(e, "envelope record of unknown version %u",
		    head[0]);
	r.left = len - FIXED;
	env_r->ret = head[1];
	env_r->flags = head[2];
	env_r->arrival_us = (int64_t)get_be64(head + 3);
	env_r->rcpt_count = get_be32(head + 11);
	/* Each takes 14 bytes at least: no huge array for a broken count. */
	if (env_r->rcpt_count == 0 || env_r->rcpt_count > r.left / 14)
		return err_set(e, "envelope record with a bad count");
	env_r->sender = read_str(&r);
	env_r->envid = read_str(&r);
	env_r->job = read_str(&r);
	env_r->pool = read_str(&r);
	env_r->auth_user = read_str(&r);
	env_r->host_id = read_str(&r);
	env_r->src_mta = read_str(&r);
	env_r->rcpts = region_array(rg, env_r->rcpt_count,
	    sizeof(struct env_rcpt));
	for (uint32_t i = 0; i < env_r->rcpt_count && !r.bad; i++)
		read_rcpt(&r, &env_r->rcpts[i]);
	if (r.bad || r.left != 0)
		return err_set(e, "envelope record does not add up");
	return 0;
}
