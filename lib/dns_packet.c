/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Message (RFC 1035 section 4.1):
 *	header 12 bytes: id, flags, counts of question, answer, authority,
 *	additional; then these sections.
 *	question: NAME TYPE CLASS
 *	record:   NAME TYPE CLASS TTL(4) RDLENGTH RDATA
 *	NAME:     (length 1..63, bytes)* then 0, or 11xxxxxx xxxxxxxx: go on at
 *	          that offset
 */
#include "lib/dns_packet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/dns_answer.h"
#include "lib/dns_name.h"
#include "lib/mem.h"
#include "lib/str.h"

#define HEADER 12
#define FLAG_QR 0x8000U
#define FLAG_TC 0x0200U
#define FLAG_RD 0x0100U
#define FLAG_AD 0x0020U
#define RCODE 0x000fU
#define CLASS_IN 1
#define TYPE_CNAME 5
#define TYPE_SOA 6
#define TYPE_OPT 41
#define RCODE_NXDOMAIN 3

/* 128 labels fit into 255 bytes, so no honest name jumps more often. */
#define JUMPS_MAX 128
#define TTL_NONE UINT32_MAX

struct packet {
	const uint8_t *p;
	size_t len;
};

struct rr {
	size_t owner; /* offset of its name */
	uint16_t type, class;
	uint32_t ttl;
	size_t data; /* offset */
	uint16_t data_len;
};

/* What the answer section holds. */
struct section {
	size_t count;
	struct rr *rrs; /* in memory of its own */
};

/* ---- writing ------------------------------------------------------------- */

static size_t
put_name(uint8_t *out, const char *name)
{
	size_t at = 0;

	while (*name != '\0') {
		size_t len = strcspn(name, ".");

		CHECK(len > 0 && len < 64 && at + len < DNS_NAME_CAP + 1);
		out[at++] = (uint8_t)len;
		memcpy(out + at, name, len);
		at += len;
		name += len;
		if (*name == '.')
			name++;
	}
	out[at++] = 0;
	return at;
}

size_t
dns_packet_query(uint8_t out[DNS_QUERY_CAP], const char *name,
    enum dns_type type, uint16_t id, bool edns)
{
	size_t at = HEADER;

	CHECK(strlen(name) < DNS_NAME_CAP);
	memset(out, 0, DNS_QUERY_CAP);
	put_be16(out, id);
	put_be16(out + 2, FLAG_RD | FLAG_AD);
	put_be16(out + 4, 1);
	at += put_name(out + at, name);
	put_be16(out + at, (uint16_t)type);
	put_be16(out + at + 2, CLASS_IN);
	at += 4;
	if (!edns)
		return at;
	put_be16(out + 10, 1);
	out[at] = 0; /* the root */
	put_be16(out + at + 1, TYPE_OPT);
	put_be16(out + at + 3, DNS_PAYLOAD);
	return at + 11; /* extended flags and length stay 0 */
}

/* ---- names --------------------------------------------------------------- */

/* Bytes that have no place in a host name must not make a second label. */
static char
shown_byte(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c + ('a' - 'A'));
	return (char)(c <= 0x20 || c >= 0x7f || c == '.' ? '?' : c);
}

/* Appends a label and, between labels, a dot.  -1: too long, or not there. */
static int
add_label(const struct packet *pk, size_t pos, uint8_t label_len,
    char out[DNS_NAME_CAP], size_t *len)
{
	if (label_len > 63 || label_len > pk->len - pos ||
	    *len + label_len + (*len > 0) >= DNS_NAME_CAP)
		return -1;
	if (*len > 0)
		out[(*len)++] = '.';
	for (uint8_t i = 0; i < label_len; i++)
		out[(*len)++] = shown_byte(pk->p[pos + i]);
	return 0;
}

/*
 * The name at pos in lower case, "" for the root.  Each jump must go to before
 * the place where the name or the last jump began, so circles end; end_r is
 * where the name's own bytes end.  -1: not a name.
 */
static int
get_name(const struct packet *pk, size_t pos, char out[DNS_NAME_CAP],
    size_t *end_r)
{
	size_t len = 0, before = pos, end = 0;
	unsigned jumps = 0;

	for (;;) {
		uint8_t c;

		if (pos >= pk->len)
			return -1;
		c = pk->p[pos++];
		if ((c & 0xc0) == 0xc0) {
			if (pos >= pk->len || ++jumps > JUMPS_MAX)
				return -1;
			if (end == 0)
				end = pos + 1;
			pos = (size_t)(c & 0x3f) << 8 | pk->p[pos];
			if (pos >= before)
				return -1;
			before = pos;
			continue;
		}
		if (c == 0)
			break;
		if (add_label(pk, pos, c, out, &len) == -1)
			return -1;
		pos += c;
	}
	out[len] = '\0';
	*end_r = end == 0 ? pos : end;
	return 0;
}

/* ---- records ------------------------------------------------------------- */

static int
get_rr(const struct packet *pk, size_t *pos, struct rr *rr_r)
{
	char name[DNS_NAME_CAP];
	const uint8_t *p;
	size_t at;

	rr_r->owner = *pos;
	if (get_name(pk, *pos, name, &at) == -1 || pk->len - at < 10)
		return -1;
	p = pk->p + at;
	rr_r->type = get_be16(p);
	rr_r->class = get_be16(p + 2);
	rr_r->ttl = get_be32(p + 4);
	if (rr_r->ttl > INT32_MAX) /* RFC 2181 section 8 */
		rr_r->ttl = 0;
	rr_r->data_len = get_be16(p + 8);
	rr_r->data = at + 10;
	if (pk->len - rr_r->data < rr_r->data_len)
		return -1;
	*pos = rr_r->data + rr_r->data_len;
	return 0;
}

/* All answer records; the count in the header is believed to nobody's cost. */
static int
get_section(const struct packet *pk, size_t *pos, unsigned count,
    struct section *s)
{
	if (count > DNS_RECORDS_MAX)
		return -1;
	s->rrs = mem_array(count, sizeof(*s->rrs));
	for (s->count = 0; s->count < count; s->count++)
		if (get_rr(pk, pos, &s->rrs[s->count]) == -1)
			return -1;
	return 0;
}

static void
section_free(struct section *s)
{
	free(s->rrs);
	s->rrs = NULL;
}

static bool
is_owned_by(const struct packet *pk, const struct rr *rr, const char *name)
{
	char owner[DNS_NAME_CAP];
	size_t end;

	return get_name(pk, rr->owner, owner, &end) == 0 &&
	    strcmp(owner, name) == 0;
}

static int
add_mx(const struct packet *pk, const struct rr *rr, struct dns_answer *a)
{
	char host[DNS_NAME_CAP];
	size_t end;

	if (rr->data_len < 3 || get_name(pk, rr->data + 2, host, &end) == -1 ||
	    end != rr->data + rr->data_len)
		return -1;
	a->mx[a->count].pref = get_be16(pk->p + rr->data);
	a->mx[a->count].host = mem_strdup(host);
	a->count++;
	return 0;
}

static int
add_addr(const struct packet *pk, const struct rr *rr, struct dns_answer *a)
{
	bool v4 = rr->type == DNS_A;
	struct net_addr *addr = &a->addrs[a->count];

	if (rr->data_len != (v4 ? 4 : 16))
		return -1;
	addr->family = v4 ? AF_INET : AF_INET6;
	memcpy(addr->a, pk->p + rr->data, rr->data_len);
	a->count++;
	return 0;
}

/*
 * Strings of up to 255 bytes, one behind the other; the text ends at a NUL.
 * What is longer than any key is not kept for its TTL.
 */
static int
add_txt(const struct packet *pk, const struct rr *rr, struct dns_answer *a)
{
	size_t at = rr->data, end = at + rr->data_len;
	struct buf text = { 0 };

	while (at < end) {
		size_t len = pk->p[at];

		if (len > end - at - 1) {
			buf_fini(&text);
			return -1;
		}
		buf_add(&text, pk->p + at + 1, len);
		at += 1 + len;
	}
	if (rr->data_len <= DNS_TXT_MAX)
		a->txt[a->count++] = mem_strdup(buf_cstr(&text));
	buf_fini(&text);
	return 0;
}

static int
add_name(const struct packet *pk, const struct rr *rr, struct dns_answer *a)
{
	char name[DNS_NAME_CAP];
	size_t end;

	if (get_name(pk, rr->data, name, &end) == -1 ||
	    end != rr->data + rr->data_len)
		return -1;
	a->names[a->count++] = mem_strdup(name);
	return 0;
}

static int
add_record(const struct packet *pk, const struct rr *rr, struct dns_answer *a)
{
	switch (rr->type) {
	case DNS_PTR:
		return add_name(pk, rr, a);
	case DNS_MX:
		return add_mx(pk, rr, a);
	case DNS_TXT:
		return add_txt(pk, rr, a);
	default:
		return add_addr(pk, rr, a);
	}
}

/* The records of the type that belong to name.  -1: one of them is broken. */
static int
collect(const struct packet *pk, const struct section *s, const char *name,
    enum dns_type type, struct dns_answer *a, uint32_t *ttl)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct rr *rr = &s->rrs[i];
		if (rr->type != type || rr->class != CLASS_IN ||
		    !is_owned_by(pk, rr, name))
			continue;
		if (add_record(pk, rr, a) == -1)
			return -1;
		if (rr->ttl < *ttl)
			*ttl = rr->ttl;
	}
	return 0;
}

static const struct rr *
find_cname(const struct packet *pk, const struct section *s, const char *name)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->rrs[i].type == TYPE_CNAME &&
		    s->rrs[i].class == CLASS_IN &&
		    is_owned_by(pk, &s->rrs[i], name))
			return &s->rrs[i];
	return NULL;
}

/*
 * Follows aliases from name to the records of the type.  Returns NULL, or
 * what is wrong.
 */
static const char *
resolve(const struct packet *pk, const struct section *s, const char *name,
    enum dns_type type, struct dns_answer *a, uint32_t *ttl)
{
	char at[DNS_NAME_CAP];

	(void)snprintf(at, sizeof(at), "%s", name);
	for (unsigned i = 0; i <= DNS_CNAME_CHAIN_MAX; i++) {
		const struct rr *alias;
		size_t end;

		if (collect(pk, s, at, type, a, ttl) == -1)
			return "malformed record";
		if (a->count > 0)
			return NULL;
		alias = find_cname(pk, s, at);
		if (alias == NULL)
			return NULL;
		if (get_name(pk, alias->data, at, &end) == -1 ||
		    end != alias->data + alias->data_len)
			return "malformed record";
		if (alias->ttl < *ttl)
			*ttl = alias->ttl;
	}
	return "its aliases (CNAME) do not end";
}

/* min(SOA minimum, TTL of the SOA): RFC 2308 section 5.  Or TTL_NONE. */
static uint32_t
negative_ttl(const struct packet *pk, size_t pos, unsigned count)
{
	for (unsigned i = 0; i < count && i < DNS_RECORDS_MAX; i++) {
		char name[DNS_NAME_CAP];
		struct rr rr;
		uint32_t minimum;
		size_t at;

		if (get_rr(pk, &pos, &rr) == -1)
			return TTL_NONE;
		if (rr.type != TYPE_SOA || rr.class != CLASS_IN)
			continue;
		if (get_name(pk, rr.data, name, &at) == -1 ||
		    get_name(pk, at, name, &at) == -1 ||
		    at + 20 != rr.data + rr.data_len)
			return TTL_NONE;
		minimum = get_be32(pk->p + at + 16);
		return minimum < rr.ttl ? minimum : rr.ttl;
	}
	return TTL_NONE;
}

/* ---- replies ------------------------------------------------------------- */

bool
dns_packet_head(const uint8_t *p, size_t len, struct dns_packet_head *h_r)
{
	uint16_t flags;

	*h_r = (struct dns_packet_head){ 0 };
	if (len < HEADER)
		return false;
	flags = get_be16(p + 2);
	h_r->id = get_be16(p);
	h_r->rcode = (uint8_t)(flags & RCODE);
	h_r->truncated = (flags & FLAG_TC) != 0;
	return (flags & FLAG_QR) != 0;
}

/* Is this the question that we asked? */
static bool
get_question(const struct packet *pk, size_t *pos, const char *name,
    enum dns_type type)
{
	char asked[DNS_NAME_CAP];
	size_t at;

	if (get_be16(pk->p + 4) != 1 || get_name(pk, *pos, asked, &at) == -1 ||
	    pk->len - at < 4)
		return false;
	*pos = at + 4;
	return strcmp(asked, name) == 0 && get_be16(pk->p + at) == type &&
	    get_be16(pk->p + at + 2) == CLASS_IN;
}

static const char *
rcode_name(uint8_t rcode)
{
	static const char *const names[] = { "NOERROR", "FORMERR", "SERVFAIL",
		"NXDOMAIN", "NOTIMP", "REFUSED" };

	if (rcode < sizeof(names) / sizeof(names[0]))
		return names[rcode];
	return "the name server reports an unknown error";
}

static void
set_negative(struct dns_answer *a, const char *name, enum dns_type type)
{
	struct buf b = { 0 };

	if (a->status == DNS_NXDOMAIN)
		buf_printf(&b, "%s does not exist (%s)", name,
		    dns_type_name(type));
	else
		buf_printf(&b, "%s has no %s record", name,
		    dns_type_name(type));
	a->text = buf_take(&b, NULL);
}

/* Reads a reply with rcode NOERROR or NXDOMAIN; NULL, or what is wrong. */
static const char *
read_sections(const struct packet *pk, struct dns_answer *a, const char *name,
    enum dns_type type, int64_t now_us)
{
	struct section s = { 0 };
	size_t pos = HEADER;
	uint32_t ttl = TTL_NONE, negative;
	const char *wrong = "malformed reply";

	if (!get_question(pk, &pos, name, type) ||
	    get_section(pk, &pos, get_be16(pk->p + 6), &s) == -1)
		goto out;
	if (type == DNS_MX)
		a->mx = mem_array(s.count, sizeof(*a->mx));
	else if (type == DNS_TXT)
		a->txt = mem_array(s.count, sizeof(*a->txt));
	else if (type == DNS_PTR)
		a->names = mem_array(s.count, sizeof(*a->names));
	else
		a->addrs = mem_array(s.count, sizeof(*a->addrs));
	wrong = resolve(pk, &s, name, type, a, &ttl);
	if (wrong != NULL)
		goto out;
	if (a->count == 0) {
		if (a->status == DNS_OK)
			a->status = DNS_NODATA;
		set_negative(a, name, type);
		negative = negative_ttl(pk, pos, get_be16(pk->p + 8));
		if (negative == TTL_NONE)
			negative = DNS_TTL_NO_SOA_S;
		if (negative < ttl) /* an alias on the way may end sooner */
			ttl = negative;
	} else {
		a->status = DNS_OK;
	}
	dns_answer_set_ttl(a, ttl, now_us);
out:
	section_free(&s);
	return wrong;
}

struct dns_answer *
dns_packet_answer(const uint8_t *p, size_t len, const char *name,
    enum dns_type type, int64_t now_us)
{
	struct packet pk = { p, len };
	struct dns_packet_head h;
	struct dns_answer *a;
	const char *wrong;

	if (!dns_packet_head(p, len, &h))
		return dns_answer_temp(name, type, "malformed reply", now_us);
	if (h.truncated)
		return dns_answer_temp(name, type, "truncated reply", now_us);
	if (h.rcode != 0 && h.rcode != RCODE_NXDOMAIN)
		return dns_answer_temp(name, type, rcode_name(h.rcode), now_us);
	a = dns_answer_new(h.rcode == 0 ? DNS_OK : DNS_NXDOMAIN);
	a->ad = (get_be16(p + 2) & FLAG_AD) != 0;
	wrong = read_sections(&pk, a, name, type, now_us);
	if (wrong != NULL) {
		dns_answer_unref(&a);
		return dns_answer_temp(name, type, wrong, now_us);
	}
	return a;
}
