/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever a client says, AUTH ends, with one who is known or with a reply,
 * and nobody without the password gets in.  The first byte is the mechanism,
 * the lines of the rest are the client's; the first is AUTH's argument, if
 * there is one.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/check.h"
#include "transport/sasl_server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct password password;

static const struct password *
find(void *ctx, const char *user)
{
	(void)ctx;
	return strcmp(user, "tim") == 0 ? &password : NULL;
}

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

static void
run(struct sasl_server *s, struct slice rest)
{
	struct slice line = next_line(&rest);
	enum sasl_status status;

	if (line.len == 0)
		line.p = NULL;
	status = sasl_server_begin(s, line);
	while (status == SASL_CHECK ||
	    (status == SASL_CHALLENGE && rest.len > 0)) {
		if (status == SASL_CHECK) {
			sasl_server_check(s);
			status = sasl_server_checked(s);
		} else {
			status = sasl_server_step(s, next_line(&rest));
		}
	}
	if (status == SASL_DONE)
		CHECK(strcmp(sasl_server_user(s), "tim") == 0);
	if (status == SASL_FAILED)
		CHECK(sasl_failure_reply(sasl_server_failure(s))[0] == '5');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sasl_users users = { .find = find, .decoy = &password };
	struct sasl_library *library;
	struct sasl_server *s;
	struct err e;

	if (size == 0)
		return 0;
	CHECK(password_read(&password, slice_of("tanstaaftanstaaf"), &e) == 0);
	library = sasl_library_new(&e);
	CHECK(library != NULL);
	s = sasl_server_new(library, &users,
	    (enum sasl_mech)(data[0] % SASL_MECHS));
	run(s, (struct slice){ (const char *)data + 1, size - 1 });
	sasl_server_free(&s);
	sasl_library_free(&library);
	password_fini(&password);
	return 0;
}
