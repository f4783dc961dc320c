/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever a server asks, AUTH ends: with a response to each challenge, or with
 * a reason, and SCRAM is never content without the server's proof.  The first
 * byte is the mechanism, the lines of the rest are challenges: behind "!" as
 * they stand, else as text, in which % is the client's nonce.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/base64.h"
#include "lib/check.h"
#include "transport/sasl_client.h"
#include "transport/sasl_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROOM = 32, NONCE = sizeof("n,,n=tim,r=") - 1 };

static struct slice
next_line(struct slice *rest)
{
	const char *end = memchr(rest->p, '\n', rest->len);
	struct slice line = *rest;

	if (end == NULL) {
		rest->len = 0;
		return line;
	}
	line.len = (size_t)(end - line.p);
	*rest = (struct slice){ end + 1, rest->len - line.len - 1 };
	return line;
}

static bool
ask(struct sasl_client *c, struct slice line, const char *nonce)
{
	struct buf text = { 0 }, coded = { 0 };
	bool good;

	if (line.len > 0 && line.p[0] == '!')
		return sasl_client_step(c,
		    (struct slice){ line.p + 1, line.len - 1 });
	for (size_t i = 0; i < line.len; i++)
		if (line.p[i] == '%')
			buf_str(&text, nonce);
		else
			buf_byte(&text, line.p[i]);
	base64_add(&coded, text.p, text.len);
	good = sasl_client_step(c, (struct slice){ coded.p, coded.len });
	buf_fini(&text);
	buf_fini(&coded);
	return good;
}

/* It is a text of base64, on one line. */
static void
check_response(struct sasl_client *c)
{
	const char *response = sasl_client_response(c);
	struct buf bytes = { 0 };

	CHECK(response == NULL || sasl_text_read(slice_of(response), &bytes));
	sasl_text_wipe(&bytes);
}

static void
run(struct sasl_client *c, enum sasl_mech mech, struct slice rest)
{
	struct buf nonce = { 0 };
	bool good = sasl_client_begin(c, mech == SASL_PLAIN ? ROOM : 12288);

	CHECK(good);
	check_response(c);
	if (mech == SASL_SCRAM_SHA_256) {
		CHECK(
		    sasl_text_read(slice_of(sasl_client_response(c)), &nonce) &&
		    nonce.len > NONCE);
		buf_drop(&nonce, NONCE);
	}
	while (good && rest.len > 0) {
		good = ask(c, next_line(&rest), buf_cstr(&nonce));
		if (good)
			check_response(c);
		/* Nobody here can know the key: the password is in no input. */
		CHECK(mech != SASL_SCRAM_SHA_256 || !sasl_client_is_done(c));
	}
	CHECK(good || sasl_client_why(c)[0] != '\0');
	buf_fini(&nonce);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum sasl_mech mech;
	struct sasl_client *c;

	if (size == 0)
		return 0;
	mech = (enum sasl_mech)(data[0] % SASL_MECHS);
	c = sasl_client_new(mech, "tim", "tanstaaftanstaaf");
	run(c, mech, (struct slice){ (const char *)data + 1, size - 1 });
	sasl_client_free(&c);
	return 0;
}
