/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/message.h"

#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"
#include "lib/str.h"

struct body *
body_new(uint32_t len)
{
	struct body *b = mem_alloc(sizeof(*b) + len);

	ref_init(&b->refs);
	b->len = len;
	return b;
}

struct body *
body_ref(struct body *b)
{
	ref_get(&b->refs);
	return b;
}

void
body_unref(struct body **bp)
{
	struct body *b = *bp;

	*bp = NULL;
	if (b != NULL && ref_put(&b->refs))
		free(b);
}

bool
body_has_8bit(const struct body *b)
{
	const char *p = b->bytes;
	uint64_t words[4], all = 0;
	size_t i = 0;

	for (; i + sizeof(words) <= b->len; i += sizeof(words)) {
		memcpy(words, p + i, sizeof(words));
		all |= words[0] | words[1] | words[2] | words[3];
	}
	for (; i < b->len; i++)
		all |= (uint64_t)(unsigned char)p[i] << 56;
	return (all & UINT64_C(0x8080808080808080)) != 0;
}

struct message *
message_new(const void *env, uint32_t env_len)
{
	struct message *m = mem_alloc(sizeof(*m) + env_len);

	memset(m, 0, sizeof(*m));
	ref_init(&m->refs);
	m->env_len = env_len;
	memcpy(m->env, env, env_len);
	return m;
}

struct message *
message_at(uint64_t id, const struct message_loc *loc)
{
	struct message *m = message_new("", 0);

	m->id = id;
	m->loc = *loc;
	return m;
}

struct message *
message_ref(struct message *m)
{
	ref_get(&m->refs);
	return m;
}

void
message_unref(struct message **mp)
{
	struct message *m = *mp;

	*mp = NULL;
	if (m == NULL || !ref_put(&m->refs))
		return;
	body_unref(&m->body);
	free(m);
}

const char *
message_id_text(uint64_t id, char out[MESSAGE_ID_TEXT])
{
	static const char digits[] = "0123456789ABCDEF";

	/* Not snprintf(): each message has it written several times. */
	for (size_t i = MESSAGE_ID_TEXT - 1; i-- > 0; id >>= 4)
		out[i] = digits[id & 15];
	out[MESSAGE_ID_TEXT - 1] = '\0';
	return out;
}

bool
message_id_read(const char *text, uint64_t *id_r)
{
	uint64_t id = 0;
	size_t n = 0;

	for (; n < MESSAGE_ID_TEXT && text[n] != '\0'; n++) {
		int digit = str_hex_digit(text[n]);

		if (digit == -1)
			return false;
		id = id << 4 | (uint64_t)digit;
	}
	*id_r = id;
	return n == MESSAGE_ID_TEXT - 1 && id != 0;
}
