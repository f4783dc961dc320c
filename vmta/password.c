/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/password.h"

#include <crypt.h>
#include <gsasl.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base64.h"
#include "lib/check.h"
#include "lib/mem.h"

#define CRYPT_LETTERS \
	"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghi" \
	"jklmnopqrstuvwxyz"

/*
 * Methods of crypt(3) that are taken, and how long what follows the last $ is:
 * those that crypt_checksalt() does not call legacy, as it does $5$ and $1$.
 */
static const struct {
	const char *prefix;
	size_t len;
} methods[] = {
	{ "$y$", 43 },
	{ "$gy$", 43 },
	{ "$7$", 43 },
	{ "$6$", 86 },
	{ "$2b$", 53 },
	{ "$2y$", 53 },
};

static int
read_plain(struct password *p, struct slice text, struct err *e)
{
	if (text.len == 0)
		return err_set(e, "the password is empty");
	if (text.len > PASSWORD_MAX)
		return err_set(e, "the password is longer than %d bytes",
		    PASSWORD_MAX);
	if (memchr(text.p, '\0', text.len) != NULL)
		return err_set(e, "the password has a NUL");
	p->text = mem_strndup(text.p, text.len);
	return 0;
}

/*
 * What cannot be the result of crypt(3) would be a user who never gets in, and
 * a cut hash is the likeliest mistake.
 */
static int
read_crypt(struct password *p, struct slice text, struct err *e)
{
	char hash[CRYPT_OUTPUT_SIZE];
	const char *last;

	if (text.len >= sizeof(hash) || memchr(text.p, '\0', text.len) != NULL)
		return err_set(e, "{CRYPT}: not a hash of crypt(3)");
	memcpy(hash, text.p, text.len);
	hash[text.len] = '\0';
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (strncmp(hash, methods[i].prefix,
			strlen(methods[i].prefix)) != 0)
			continue;
		last = strrchr(hash, '$') + 1;
		if (strlen(last) != methods[i].len ||
		    strspn(last, CRYPT_LETTERS) != methods[i].len ||
		    crypt_checksalt(hash) != CRYPT_SALT_OK)
			return err_set(e,
			    "{CRYPT}: not a whole hash of crypt(3)'s %s",
			    methods[i].prefix);
		p->text = mem_strdup(hash);
		return 0;
	}
	return err_set(e,
	    "{CRYPT}: not a method of crypt(3) that is taken: $y$, $gy$, $7$, "
	    "$6$, $2b$ or $2y$");
}

/* Up to the next comma; false: there is none. */
static bool
next_part(struct slice *rest, struct slice *part_r)
{
	const char *comma = memchr(rest->p, ',', rest->len);

	if (comma == NULL)
		return false;
	*part_r = (struct slice){ rest->p, (size_t)(comma - rest->p) };
	rest->len -= part_r->len + 1;
	rest->p = comma + 1;
	return true;
}

static int
read_salt(struct password_scram *s, struct slice text, struct err *e)
{
	size_t pad = 0;

	while (pad < 2 && pad < text.len && text.p[text.len - pad - 1] == '=')
		pad++;
	s->salt_len = (uint32_t)(text.len / 4 * 3 - pad);
	if (text.len == 0 || text.len > (size_t)PASSWORD_SALT_MAX / 3 * 4 ||
	    !base64_read(text, s->salt, s->salt_len))
		return err_set(e,
		    "{SCRAM-SHA-256}: the salt is not base64 of 1 to %d bytes",
		    PASSWORD_SALT_MAX / 3 * 3);
	return 0;
}

static int
read_scram(struct password *p, struct slice text, struct err *e)
{
	struct password_scram *s = &p->scram;
	struct slice count, salt, stored;
	uint64_t n;

	if (!next_part(&text, &count) || !next_part(&text, &salt) ||
	    !next_part(&text, &stored))
		return err_set(e,
		    "{SCRAM-SHA-256}: not iterations,salt,StoredKey,ServerKey");
	if (count.len > 7 || str_to_u64(count, &n, e) == -1 ||
	    n < PASSWORD_ITERATIONS || n > PASSWORD_ITERATIONS_MAX)
		return err_set(e,
		    "{SCRAM-SHA-256}: the iterations are not from %d to %d",
		    PASSWORD_ITERATIONS, PASSWORD_ITERATIONS_MAX);
	s->iterations = (uint32_t)n;
	if (read_salt(s, salt, e) == -1)
		return -1;
	if (!base64_read(stored, s->stored_key, sizeof(s->stored_key)))
		return err_set(e,
		    "{SCRAM-SHA-256}: StoredKey is not base64 of 32 bytes");
	if (!base64_read(text, s->server_key, sizeof(s->server_key)))
		return err_set(e,
		    "{SCRAM-SHA-256}: ServerKey is not base64 of 32 bytes");
	return 0;
}

typedef int read_fn(struct password *p, struct slice text, struct err *e);

static const struct {
	const char *scheme;
	enum password_form form;
	read_fn *read;
} schemes[] = {
	{ "{PLAIN}", PASSWORD_PLAIN, read_plain },
	{ "{CRYPT}", PASSWORD_CRYPT, read_crypt },
	{ "{SCRAM-SHA-256}", PASSWORD_SCRAM, read_scram },
};

int
password_read(struct password *p, struct slice stored, struct err *e)
{
	const char *end;
	struct slice name;
	int rc = -1;

	*p = (struct password){ .form = PASSWORD_PLAIN };
	end = stored.len > 0 && stored.p[0] == '{' ?
	    memchr(stored.p, '}', stored.len) :
	    NULL;
	if (end == NULL)
		return read_plain(p, stored, e);
	name = (struct slice){ stored.p, (size_t)(end + 1 - stored.p) };
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		if (!slice_eq_nocase(name, schemes[i].scheme))
			continue;
		p->form = schemes[i].form;
		rc = schemes[i].read(p,
		    (struct slice){ end + 1, stored.len - name.len }, e);
		if (rc == -1)
			password_fini(p);
		return rc;
	}
	/* The name is not told: it may be the beginning of a password. */
	return err_set(e,
	    "the password's scheme is none of {PLAIN}, {CRYPT} and "
	    "{SCRAM-SHA-256}; if it is a part of the password, write {PLAIN} "
	    "before it");
}

void
password_fini(struct password *p)
{
	if (p->text != NULL)
		explicit_bzero(p->text, strlen(p->text));
	free(p->text);
	explicit_bzero(p, sizeof(*p));
}

/* Compared by their digests: neither length nor content shows in the time. */
static bool
is_plain(const char *text, const char *given)
{
	unsigned char a[SHA256_DIGEST_LENGTH], b[SHA256_DIGEST_LENGTH];
	bool same;

	(void)SHA256((const unsigned char *)text, strlen(text), a);
	(void)SHA256((const unsigned char *)given, strlen(given), b);
	same = CRYPTO_memcmp(a, b, sizeof(a)) == 0;
	explicit_bzero(a, sizeof(a));
	explicit_bzero(b, sizeof(b));
	return same;
}

static bool
is_crypt(const char *hash, const char *given)
{
	struct crypt_data *work = mem_new(struct crypt_data); /* 32 KB */
	const char *got = crypt_rn(given, hash, work, (int)sizeof(*work));
	bool same = got != NULL && strlen(got) == strlen(hash) &&
	    CRYPTO_memcmp(got, hash, strlen(hash)) == 0;

	explicit_bzero(work, sizeof(*work));
	free(work);
	return same;
}

bool
password_scram_keys(struct password_scram *s, const char *plain)
{
	char salted[GSASL_HASH_SHA256_SIZE], client[GSASL_HASH_SHA256_SIZE];
	int rc = gsasl_scram_secrets_from_password(GSASL_HASH_SHA256, plain,
	    s->iterations, s->salt, s->salt_len, salted, client, s->server_key,
	    s->stored_key);

	explicit_bzero(salted, sizeof(salted));
	explicit_bzero(client, sizeof(client));
	return rc == GSASL_OK;
}

static bool
is_scram(const struct password_scram *s, const char *given)
{
	struct password_scram made = *s;
	bool same = password_scram_keys(&made, given) &&
	    CRYPTO_memcmp(made.stored_key, s->stored_key,
		sizeof(made.stored_key)) == 0;

	explicit_bzero(&made, sizeof(made));
	return same;
}

bool
password_is(const struct password *p, const char *given)
{
	if (strlen(given) > PASSWORD_MAX)
		return false;
	switch (p->form) {
	case PASSWORD_PLAIN:
		return is_plain(p->text, given);
	case PASSWORD_CRYPT:
		return is_crypt(p->text, given);
	case PASSWORD_SCRAM:
		return is_scram(&p->scram, given);
	}
	CHECK(false);
	return false;
}
