/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The byte form, version 2 (strings as in mail/packed.h), where all recipients
 * have their virtual MTA from the same pool, or all from none, and nothing is
 * left to be signed:
 *
 *	version(1) ret(1) flags(1) arrival(8) rcpt_count(4)
 *	sender envid job pool auth_user host_id src_mta
 *	header_count(1) header_count times: name value
 *	rcpt_count times: notify(1) priority(1) addr domain vmta orcpt
 *
 * Version 3, where pools differ: pool is empty there, and each recipient has its
 * own behind vmta.  Version 4 is as 3, with what is to be signed before
 * rcpt_count times, and in front of each recipient its number of signatures:
 *
 *	text room(4) relaxed and before it simple: body_len(8) body_hash(32)
 *
 * Version 5 is as 4, with lists behind src_mta, and a byte in front of what is to
 * be signed: 0, and there is nothing; 1.
 *
 * Version 6 is as 5, with spans (mail/spans.h) behind lists.
 *
 * Version 1 has no header fields, nor their count.
 */
#include "mail/envelope.h"

#include <string.h>

#include "lib/check.h"
#include "mail/packed.h"

enum {
	VERSION_1 = 1,
	VERSION_2 = 2,
	VERSION_3 = 3,
	VERSION_4 = 4,
	VERSION_5 = 5,
	VERSION_6 = 6,
	FIXED = 15,
	RCPT_MIN = 2 + 4 * PACKED_STRING_MIN
};

const struct envelope envelope_blank = {
	.sender = "",
	.envid = "",
	.job = "",
	.auth_user = "",
	.host_id = "",
	.src_mta = "",
	.lists = "",
};

const char *
envelope_vmta_shown(const char *vmta)
{
	return vmta[0] == '\0' ? VMTA_DEFAULT : vmta;
}

static bool
has_one_pool(const struct envelope *env)
{
	for (uint32_t i = 1; i < env->rcpt_count; i++)
		if (strcmp(env->rcpts[i].pool, env->rcpts[0].pool) != 0)
			return false;
	return true;
}

static unsigned
version_of(const struct envelope *env)
{
	if (env->spans.n > 0)
		return VERSION_6;
	if (env->lists != NULL && env->lists[0] != '\0')
		return VERSION_5;
	if (env->signing != NULL)
		return VERSION_4;
	return has_one_pool(env) ? VERSION_2 : VERSION_3;
}

static void
add_signing(const struct env_signing *s, struct buf *out)
{
	packed_add_str(out, s->text);
	packed_add_u32(out, s->room);
	for (int i = 0; i < 2; i++) {
		packed_add_u64(out, s->body_len[i]);
		buf_add(out, s->body_hash[i], sizeof(s->body_hash[i]));
	}
}

void
envelope_pack(const struct envelope *env, struct buf *out)
{
	unsigned version = version_of(env);
	bool one_pool = version == VERSION_2;

	CHECK(env->rcpt_count > 0 && env->rcpt_count <= ENVELOPE_RCPT_MAX);
	packed_add_byte(out, (uint8_t)version);
	packed_add_byte(out, env->ret);
	packed_add_byte(out, env->flags);
	packed_add_u64(out, (uint64_t)env->arrival_us);
	packed_add_u32(out, env->rcpt_count);
	packed_add_str(out, env->sender);
	packed_add_str(out, env->envid);
	packed_add_str(out, env->job);
	packed_add_str(out, one_pool ? env->rcpts[0].pool : "");
	packed_add_str(out, env->auth_user);
	packed_add_str(out, env->host_id);
	packed_add_str(out, env->src_mta);
	if (version >= VERSION_5)
		packed_add_str(out, env->lists);
	if (version == VERSION_6)
		spans_pack(&env->spans, out);
	packed_add_byte(out, env->header_count);
	for (size_t i = 0; i < env->header_count; i++) {
		packed_add_str(out, env->headers[i].name);
		packed_add_str(out, env->headers[i].value);
	}
	if (version >= VERSION_5)
		packed_add_byte(out, env->signing != NULL);
	if (env->signing != NULL)
		add_signing(env->signing, out);
	for (uint32_t i = 0; i < env->rcpt_count; i++) {
		const struct env_rcpt *r = &env->rcpts[i];

		if (version >= VERSION_4)
			packed_add_byte(out, r->signatures);
		packed_add_byte(out, r->notify);
		packed_add_byte(out, r->priority);
		packed_add_str(out, r->addr);
		packed_add_str(out, r->domain);
		packed_add_str(out, r->vmta);
		if (!one_pool)
			packed_add_str(out, r->pool);
		packed_add_str(out, r->orcpt);
	}
}

static void
read_headers(struct packed *r, struct region *rg, struct envelope *env_r)
{
	uint8_t count = packed_byte(r);
	struct env_header *list;

	if (count == 0)
		return;
	list = region_array(rg, count, sizeof(*list));
	for (uint8_t i = 0; i < count; i++) {
		list[i].name = packed_str(r);
		list[i].value = packed_str(r);
	}
	env_r->headers = list;
	env_r->header_count = count;
}

static void
read_signing(struct packed *r, struct region *rg, struct envelope *env_r)
{
	struct env_signing *s = region_new_obj(rg, struct env_signing);

	s->text = packed_str(r);
	s->room = packed_u32(r);
	for (int i = 0; i < 2; i++) {
		s->body_len[i] = packed_u64(r);
		for (size_t k = 0; k < sizeof(s->body_hash[i]); k++)
			s->body_hash[i][k] = packed_byte(r);
	}
	env_r->signing = s;
}

static void
read_rcpt(struct packed *r, unsigned version, const char *pool,
    struct env_rcpt *rcpt)
{
	rcpt->signatures = version >= VERSION_4 ? packed_byte(r) : 0;
	rcpt->notify = packed_byte(r);
	rcpt->priority = packed_byte(r);
	rcpt->addr = packed_str(r);
	rcpt->domain = packed_str(r);
	rcpt->vmta = packed_str(r);
	rcpt->pool = version <= VERSION_2 ? pool : packed_str(r);
	rcpt->orcpt = packed_str(r);
}

int
envelope_unpack(const void *p, size_t len, struct region *rg,
    struct envelope *env_r, struct err *e)
{
	struct packed r = { p, len, false };
	unsigned version = packed_byte(&r);
	const char *pool;

	*env_r = (struct envelope){ 0 };
	if (len < FIXED)
		return err_set(e, "envelope record cut short");
	if (version < VERSION_1 || version > VERSION_6)
		return err_set(e, "envelope record of unknown version %u",
		    version);
	env_r->ret = packed_byte(&r);
	env_r->flags = packed_byte(&r);
	env_r->arrival_us = (int64_t)packed_u64(&r);
	env_r->rcpt_count = packed_u32(&r);
	/* No huge array for a broken count. */
	if (env_r->rcpt_count == 0 || env_r->rcpt_count > r.left / RCPT_MIN)
		return err_set(e, "envelope record with a bad count");
	env_r->sender = packed_str(&r);
	env_r->envid = packed_str(&r);
	env_r->job = packed_str(&r);
	pool = packed_str(&r);
	env_r->auth_user = packed_str(&r);
	env_r->host_id = packed_str(&r);
	env_r->src_mta = packed_str(&r);
	env_r->lists = version >= VERSION_5 ? packed_str(&r) : "";
	if (version == VERSION_6)
		spans_unpack(&r, rg, &env_r->spans);
	if (version != VERSION_1)
		read_headers(&r, rg, env_r);
	if (version == VERSION_4 ||
	    (version >= VERSION_5 && packed_byte(&r) != 0))
		read_signing(&r, rg, env_r);
	env_r->rcpts = region_array(rg, env_r->rcpt_count,
	    sizeof(struct env_rcpt));
	for (uint32_t i = 0; i < env_r->rcpt_count && !r.bad; i++)
		read_rcpt(&r, version, pool, &env_r->rcpts[i]);
	if (r.bad || r.left != 0)
		return err_set(e, "envelope record does not add up");
	return 0;
}
