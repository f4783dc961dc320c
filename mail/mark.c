/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/mark.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base64.h"
#include "lib/check.h"
#include "lib/clock.h"
#include "lib/str.h"
#include "mail/canon.h"
#include "mail/header.h"

#define KEY_MAX 4096
#define MAC_LEN 32
#define BODY_HASH_LEN 32
#define MARK_TEXT_MAX 16384 /* what we would ever make, and more */
#define LINE_COLS 75

struct mark_key {
	size_t len;
	unsigned char bytes[];
};

int
mark_key_read(const char *path, struct mark_key **key_r, struct err *e)
{
	struct mark_key *key = mem_zalloc(sizeof(*key) + KEY_MAX);
	int rc = -1, fd;
	ssize_t n;

	*key_r = NULL;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1) {
		(void)err_sys(e, "%s", path);
		goto out;
	}
	while ((n = read(fd, key->bytes + key->len, KEY_MAX - key->len)) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			(void)err_sys(e, "%s", path);
			goto out;
		}
		key->len += (size_t)n;
	}
	if (key->len < MARK_KEY_MIN) {
		(void)err_set(e, "%s: %zu bytes; a key has at least %d", path,
		    key->len, MARK_KEY_MIN);
		goto out;
	}
	*key_r = key; /* moved */
	key = NULL;
	rc = 0;
out:
	mark_key_free(&key);
	if (fd != -1)
		(void)close(fd);
	return rc;
}

void
mark_key_free(struct mark_key **keyp)
{
	struct mark_key *key = *keyp;

	*keyp = NULL;
	if (key == NULL)
		return;
	OPENSSL_cleanse(key->bytes, key->len);
	free(key);
}

/* ---- the HMAC ------------------------------------------------------------ */

/* With its length in front, so that no two lists of fields look alike. */
static void
add_field(struct buf *b, const void *p, size_t len)
{
	unsigned char be[4];

	put_be32(be, (uint32_t)len);
	buf_add(b, be, sizeof(be));
	buf_add(b, p, len);
}

enum { VERSION_1 = 1, VERSION_2, VERSION_3, VERSION_4 };

static unsigned
version_of(const struct mark *m)
{
	if (m->spans.n > 0)
		return VERSION_4;
	return m->later != NULL ? VERSION_3 : VERSION_2;
}

static void
add_spans(struct buf *b, const struct mark *m)
{
	struct buf text = { 0 };
	const unsigned char later = m->later != NULL;

	spans_print(&m->spans, &text);
	add_field(b, text.p, text.len);
	add_field(b, &later, 1);
	buf_fini(&text);
}

static void
compute_mac(const struct mark_key *key, const struct mark *m, unsigned version,
    unsigned char out[MAC_LEN])
{
	static const char *const labels[] = { [VERSION_1] = "mailrace mark v1",
		[VERSION_2] = "mailrace mark v2",
		[VERSION_3] = "mailrace mark v3",
		[VERSION_4] = "mailrace mark v4" };
	const unsigned char dflt = m->dflt;
	struct buf b = { 0 };
	unsigned len = 0;

	add_field(&b, labels[version], strlen(labels[version]));
	add_field(&b, m->vmta, strlen(m->vmta));
	if (version >= VERSION_2)
		add_field(&b, &dflt, 1);
	if (version == VERSION_4)
		add_spans(&b, m);
	if (version >= VERSION_3 && m->later != NULL)
		add_field(&b, m->later, strlen(m->later));
	add_field(&b, m->job, strlen(m->job));
	add_field(&b, m->user, strlen(m->user));
	add_field(&b, m->sender, strlen(m->sender));
	add_field(&b, m->queue_id, strlen(m->queue_id));
	add_field(&b, &m->priority, 1);
	add_field(&b, m->body_hash, sizeof(m->body_hash));
	CHECK(HMAC(EVP_sha256(), key->bytes, (int)key->len,
		  (unsigned char *)b.p, b.len, out, &len) != NULL &&
	    len == MAC_LEN);
	buf_fini(&b);
}

/* ---- writing ------------------------------------------------------------- */

static void
add_text(struct buf *b, const char *tag, const char *value)
{
	buf_str(b, tag);
	for (const unsigned char *p = (const unsigned char *)value; *p != '\0';
	     p++)
		if (*p <= ' ' || *p >= 0x7f || *p == ';' || *p == '%' ||
		    *p == '"')
			buf_printf(b, "%%%02X", *p);
		else
			buf_byte(b, (char)*p);
	buf_byte(b, ';');
}

static void
add_hex(struct buf *b, const char *tag, const char *value)
{
	buf_str(b, tag);
	for (const unsigned char *p = (const unsigned char *)value; *p != '\0';
	     p++)
		buf_printf(b, "%02X", *p);
	buf_byte(b, ';');
}

/*
 * Lines end behind a tag where they can, inside a value where they must: a
 * reader drops all blanks, since no value holds any.
 */
static const char *
fold(const char *p, size_t len, struct region *rg)
{
	struct buf out = { 0 };
	size_t col = sizeof(MARK_HEADER ":"), at = 0;
	const char *text;

	while (at < len) {
		const char *semi = memchr(p + at, ';', len - at);
		size_t n = semi == NULL ? len - at :
					  (size_t)(semi - p) + 1 - at;

		if (col + 1 + n > LINE_COLS && at > 0) {
			buf_str(&out, "\r\n\t");
			col = 8;
		} else if (at > 0) {
			buf_byte(&out, ' ');
			col++;
		}
		for (; n > 0; n--, at++, col++) {
			if (col >= 10 * (size_t)LINE_COLS) {
				buf_str(&out, "\r\n\t");
				col = 8;
			}
			buf_byte(&out, p[at]);
		}
	}
	text = region_strndup(rg, out.p, out.len);
	buf_fini(&out);
	return text;
}

const char *
mark_make(const struct mark_key *key, const struct mark *m, struct region *rg)
{
	struct buf b = { 0 };
	unsigned char mac[MAC_LEN];
	const char *text;

	compute_mac(key, m, version_of(m), mac);
	buf_printf(&b, "v=%u;", version_of(m));
	add_text(&b, "vmta=", m->vmta);
	buf_str(&b, m->dflt ? "dflt=1;" : "dflt=0;");
	if (m->spans.n > 0) {
		buf_str(&b, "spans=");
		spans_print(&m->spans, &b);
		buf_byte(&b, ';');
	}
	if (m->later != NULL)
		add_text(&b, "later=", m->later);
	add_text(&b, "job=", m->job);
	buf_printf(&b, "prio=%u;", m->priority);
	add_text(&b, "user=", m->user);
	add_hex(&b, "from=", m->sender);
	add_text(&b, "id=", m->queue_id);
	buf_str(&b, "bh=");
	base64_add(&b, m->body_hash, sizeof(m->body_hash));
	buf_str(&b, ";h=");
	base64_add(&b, mac, sizeof(mac));
	text = fold(b.p, b.len, rg);
	buf_fini(&b);
	return text;
}

/* ---- reading ------------------------------------------------------------- */

/* One form only, capitals, so that a changed byte is a changed mark. */
static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* One byte of two hex digits; 0, which no value holds, if they are none. */
static char
hex_byte(const char *p)
{
	int high = hex_digit(p[0]), low = high < 0 ? -1 : hex_digit(p[1]);

	return low < 0 ? '\0' : (char)(high * 16 + low);
}

static const char *
read_text(struct slice s, struct region *rg)
{
	char *out = region_alloc(rg, s.len + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] != '%') {
			out[n++] = s.p[i];
			continue;
		}
		if (s.len - i < 3 || (out[n] = hex_byte(s.p + i + 1)) == '\0')
			return NULL;
		n++;
		i += 2;
	}
	out[n] = '\0';
	return out;
}

static const char *
read_hex(struct slice s, struct region *rg)
{
	char *out = region_alloc(rg, s.len / 2 + 1);

	if (s.len % 2 != 0)
		return NULL;
	for (size_t i = 0; i < s.len / 2; i++) {
		out[i] = hex_byte(s.p + 2 * i);
		if (out[i] == '\0')
			return NULL;
	}
	out[s.len / 2] = '\0';
	return out;
}

/* The value of the tag that must come next; false if another one does. */
static bool
take(struct slice *rest, const char *tag, struct slice *value_r)
{
	size_t tag_len = strlen(tag);
	const char *semi;

	if (rest->len < tag_len || memcmp(rest->p, tag, tag_len) != 0)
		return false;
	rest->p += tag_len;
	rest->len -= tag_len;
	semi = rest->len == 0 ? NULL : memchr(rest->p, ';', rest->len);
	value_r->p = rest->p;
	value_r->len = semi == NULL ? rest->len : (size_t)(semi - rest->p);
	rest->p += value_r->len;
	rest->len -= value_r->len;
	if (semi != NULL) {
		rest->p++;
		rest->len--;
	}
	return true;
}

static bool
take_dflt(struct slice *rest, bool *dflt_r)
{
	struct slice dflt;

	if (!take(rest, "dflt=", &dflt))
		return false;
	*dflt_r = slice_eq(dflt, "1");
	return *dflt_r || slice_eq(dflt, "0");
}

/* Version 3 has it, 4 may have. */
static bool
take_later(struct slice *rest, unsigned version, struct region *rg,
    struct mark *m)
{
	struct slice later;

	if (!take(rest, "later=", &later))
		return version == VERSION_4;
	m->later = read_text(later, rg);
	return m->later != NULL;
}

/* Of which version?  0: of none. */
static unsigned
take_decision(struct slice *rest, struct region *rg, struct mark *m)
{
	struct slice v, vmta, spans;
	unsigned version;

	if (!take(rest, "v=", &v) || v.len != 1 || v.p[0] < '1' ||
	    v.p[0] > '4' || !take(rest, "vmta=", &vmta))
		return 0;
	version = (unsigned)(v.p[0] - '0');
	m->vmta = read_text(vmta, rg);
	if (m->vmta == NULL ||
	    (version >= VERSION_2 && !take_dflt(rest, &m->dflt)))
		return 0;
	if (version == VERSION_4 &&
	    (!take(rest, "spans=", &spans) ||
		!spans_read(spans, rg, &m->spans)))
		return 0;
	if (version >= VERSION_3 && !take_later(rest, version, rg, m))
		return 0;
	return version;
}

/*
 * value = ( "v=1;" "vmta=" text ";" /
 *           "v=2;" "vmta=" text ";" "dflt=" ( "0" / "1" ) ";" /
 *           "v=3;" "vmta=" text ";" "dflt=" ( "0" / "1" ) ";"
 *                  "later=" text ";" /
 *           "v=4;" "vmta=" text ";" "dflt=" ( "0" / "1" ) ";"
 *                  "spans=" spans ";" [ "later=" text ";" ] )
 *         "job=" text ";" "prio=" 1*3DIGIT ";"
 *         "user=" text ";" "from=" hex ";" "id=" text ";" "bh=" base64 ";" "h=" base64
 * in this order, blanks and folds anywhere.
 */
static unsigned
parse(struct slice rest, struct region *rg, struct mark *m,
    unsigned char mac[MAC_LEN])
{
	unsigned version = take_decision(&rest, rg, m);
	struct slice job, prio, user, from, id, bh, h;
	struct err e;
	uint64_t n;

	if (version == 0 || !take(&rest, "job=", &job) ||
	    !take(&rest, "prio=", &prio) || !take(&rest, "user=", &user) ||
	    !take(&rest, "from=", &from) || !take(&rest, "id=", &id) ||
	    !take(&rest, "bh=", &bh) || !take(&rest, "h=", &h) || rest.len > 0)
		return 0;
	if (str_to_u64(prio, &n, &e) == -1 || n > 100)
		return 0;
	m->priority = (uint8_t)n;
	m->job = read_text(job, rg);
	m->user = read_text(user, rg);
	m->sender = read_hex(from, rg);
	m->queue_id = read_text(id, rg);
	return m->job != NULL && m->user != NULL && m->sender != NULL &&
		m->queue_id != NULL &&
		base64_read(bh, m->body_hash, sizeof(m->body_hash)) &&
		base64_read(h, mac, MAC_LEN) ?
	    version :
	    0;
}

bool
mark_read(const struct mark_key *key, const char *value, struct region *rg,
    struct mark *m_r)
{
	unsigned char mac[MAC_LEN], want[MAC_LEN];
	size_t len = strnlen(value, MARK_TEXT_MAX + 1), n = 0;
	unsigned version;
	char *text;

	*m_r = (struct mark){ 0 };
	if (len > MARK_TEXT_MAX)
		return false;
	text = region_alloc(rg, len + 1);
	for (size_t i = 0; i < len; i++)
		if (strchr(" \t\r\n", value[i]) == NULL)
			text[n++] = value[i];
	version = parse((struct slice){ text, n }, rg, m_r, mac);
	if (version == 0)
		return false;
	compute_mac(key, m_r, version, want);
	return CRYPTO_memcmp(mac, want, MAC_LEN) == 0;
}

/* ---- when it came -------------------------------------------------------- */

bool
mark_is_field(struct slice name)
{
	static const char *const ours[] = { MARK_HEADER, MARK_ARRIVAL_HEADER,
		AUTH_HEADER, EXIM_HEADER };

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (slice_eq_nocase(name, ours[i]))
			return true;
	return false;
}

void
mark_body_hash(struct slice message, struct region *rg, uint8_t hash_r[32])
{
	struct canon_body *body;
	struct header_list fields;
	size_t at;

	header_parse(message.p, message.len, rg, &fields, &at);
	body = canon_body_of(message.p + at, message.len - at);
	memcpy(hash_r, canon_body_hash(body, CANON_SIMPLE), BODY_HASH_LEN);
	canon_body_free(&body);
}

static void
arrival_mac(const struct mark_key *key, uint64_t arrival_s,
    const uint8_t *body_hash, unsigned char out[MAC_LEN])
{
	static const char label[] = "mailrace arrival v2";
	unsigned char be[8];
	struct buf b = { 0 };
	unsigned len = 0;

	put_be64(be, arrival_s);
	add_field(&b, label, sizeof(label) - 1);
	add_field(&b, be, sizeof(be));
	add_field(&b, body_hash, BODY_HASH_LEN);
	CHECK(HMAC(EVP_sha256(), key->bytes, (int)key->len,
		  (unsigned char *)b.p, b.len, out, &len) != NULL &&
	    len == MAC_LEN);
	buf_fini(&b);
}

const char *
mark_arrival_make(const struct mark_key *key, int64_t arrival_us,
    const uint8_t body_hash[32], struct region *rg)
{
	uint64_t arrival_s = (uint64_t)(arrival_us / US_PER_S);
	unsigned char mac[MAC_LEN];
	struct buf b = { 0 };
	const char *text;

	arrival_mac(key, arrival_s, body_hash, mac);
	buf_printf(&b, "v=2; t=%llu; h=", (unsigned long long)arrival_s);
	base64_add(&b, mac, sizeof(mac));
	text = region_strndup(rg, b.p, b.len);
	buf_fini(&b);
	return text;
}

bool
mark_arrival_read(const struct mark_key *key, const char *value,
    const uint8_t body_hash[32], int64_t *arrival_us_r)
{
	static const char before[] = "v=2; t=", behind[] = "; h=";
	unsigned char mac[MAC_LEN], want[MAC_LEN];
	const char *from, *end;
	uint64_t arrival_s;
	struct err e;

	if (strncmp(value, before, sizeof(before) - 1) != 0)
		return false;
	from = value + sizeof(before) - 1;
	end = strstr(from, behind);
	if (end == NULL ||
	    str_to_u64((struct slice){ from, (size_t)(end - from) }, &arrival_s,
		&e) == -1 ||
	    arrival_s > INT64_MAX / US_PER_S ||
	    !base64_read(slice_of(end + sizeof(behind) - 1), mac, MAC_LEN))
		return false;
	arrival_mac(key, arrival_s, body_hash, want);
	*arrival_us_r = (int64_t)arrival_s * US_PER_S;
	return CRYPTO_memcmp(mac, want, MAC_LEN) == 0;
}
