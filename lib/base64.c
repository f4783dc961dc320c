/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base64.h"

#include <limits.h>
#include <openssl/evp.h>
#include <string.h>

#include "lib/check.h"

void
base64_add(struct buf *out, const void *p, size_t len)
{
	size_t need = (len + 2) / 3 * 4;

	CHECK(len < INT_MAX / 2);
	buf_reserve(out, need + 1); /* EVP_EncodeBlock() adds a NUL */
	(void)EVP_EncodeBlock((unsigned char *)out->p + out->len, p, (int)len);
	out->len += need;
}

bool
base64_read(struct slice s, void *out, size_t len)
{
	struct buf bytes = { 0 }, again = { 0 };
	bool good = false;

	if (s.len != (len + 2) / 3 * 4 || s.len > INT_MAX / 2)
		return false;
	if (len == 0)
		return true;
	buf_reserve(&bytes, s.len);
	if (EVP_DecodeBlock((unsigned char *)bytes.p,
		(const unsigned char *)s.p, (int)s.len) >= (int)len) {
		/* OpenSSL takes blanks and stray bits: only one form is ours. */
		base64_add(&again, bytes.p, len);
		good = again.len == s.len && memcmp(again.p, s.p, s.len) == 0;
	}
	if (good)
		memcpy(out, bytes.p, len);
	/* It may have been a password. */
	explicit_bzero(bytes.p, bytes.cap);
	if (again.p != NULL)
		explicit_bzero(again.p, again.cap);
	buf_fini(&bytes);
	buf_fini(&again);
	return good;
}
