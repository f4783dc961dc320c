/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/sasl_text.h"

#include <stdint.h>
#include <string.h>

#include "lib/base64.h"

bool
sasl_text_read(struct slice line, struct buf *out)
{
	size_t pad = 0, len;

	while (pad < 2 && pad < line.len && line.p[line.len - pad - 1] == '=')
		pad++;
	if (line.len % 4 != 0)
		return false;
	len = line.len / 4 * 3 - pad;
	buf_reserve(out, len + 1);
	if (!base64_read(line, out->p + out->len, len))
		return false;
	out->len += len;
	out->p[out->len] = '\0';
	return true;
}

void
sasl_text_wipe(struct buf *b)
{
	if (b->p != NULL)
		explicit_bzero(b->p, b->cap);
	buf_fini(b);
}

void
sasl_text_wipe_property(Gsasl_session *session, Gsasl_property what)
{
	const char *copy = gsasl_property_fast(session, what);
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): it is its session's */
	char *p = (char *)(uintptr_t)copy;

	if (p != NULL)
		explicit_bzero(p, strlen(p));
}
