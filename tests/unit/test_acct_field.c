/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of types and columns are PowerMTA's, numbers on disk are used
 * once, and each default column is one that its records have.
 */
#include "mail/acct_field.h"

#include "tests/tap.h"

static const struct {
	const char *name;
	int type; /* -1: none */
} types[] = {
	{ "d", ACCT_D },
	{ "D", ACCT_D },
	{ "delivery", ACCT_D },
	{ "b", ACCT_B },
	{ "Bounce", ACCT_B },
	{ "t", ACCT_T },
	{ "transient", ACCT_T },
	{ "tq", ACCT_TQ },
	{ "TRANSIENT-QUEUE", ACCT_TQ },
	{ "r", ACCT_R },
	{ "receipt", ACCT_R },
	{ "rb", ACCT_RB },
	{ "remote-bounce", ACCT_RB },
	{ "rs", ACCT_RS },
	{ "remote-status", ACCT_RS },
	{ "f", ACCT_F },
	{ "fbl", ACCT_F },
	{ "FBL", ACCT_F },
	{ "feedback-loop", ACCT_F },
	{ "", -1 },
	{ "x", -1 },
	{ "dd", -1 },
	{ "deliver", -1 },
};

static void
test_types(void)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		enum acct_type t;
		bool found = acct_type_find(slice_of(types[i].name), &t);

		ok(types[i].type == -1 ? !found :
					 found && (int)t == types[i].type,
		    "type \"%s\"", types[i].name);
	}
	for (enum acct_type t = 0; t < ACCT_TYPES; t++) {
		enum acct_type back;

		ok(acct_type_find(slice_of(acct_type_letter(t)), &back) &&
			back == t,
		    "%s is itself", acct_type_letter(t));
	}
}

static void
test_fields(void)
{
	enum acct_field f;

	ok(acct_field_find(SLICE_LIT("timeLogged"), &f) &&
		f == ACCT_TIME_LOGGED,
	    "the first");
	ok(acct_field_find(SLICE_LIT("RECORDID"), &f) && f == ACCT_RECORD_ID,
	    "the last, in capitals");
	ok(!acct_field_find(SLICE_LIT("type"), &f), "type is none");
	ok(!acct_field_find(SLICE_LIT("header_From"), &f), "an extra is none");
	ok(!acct_field_find(SLICE_LIT(""), &f), "nothing is none");
	for (enum acct_field i = 0; i < ACCT_FIELDS; i++)
		ok(acct_field_find(slice_of(acct_field_column(i)), &f) &&
			f == i,
		    "%s is itself", acct_field_column(i));
}

/* As the reference lists them, by letter. */
static const struct {
	const char *column, *types;
} members[] = {
	{ "timeLogged", "d b t tq r rb rs f" },
	{ "timeQueued", "d b t" },
	{ "rcpt", "d b t r rb rs f" },
	{ "dsnStatus", "d b t tq rb rs" },
	{ "dsnAction", "d b t rb rs" },
	{ "vmtaPool", "d b t r" },
	{ "rcvSourceIp", "r" },
	{ "rcvSmtpUser", "d b t r" },
	{ "dsnReportingMta", "rb rs" },
	{ "format", "rb rs f" },
	{ "reportedDomain", "f" },
	{ "dlvTlsProtocol", "d b t" },
	{ "timeFirstAttempt", "d b t" },
	{ "totalSecondsQueued", "d b t" },
	{ "userString", "d b t tq r rb rs f" },
	{ "spoolId", "d b t r" },
	{ "recordId", "d b t tq r rb rs f" },
};

static void
test_members(void)
{
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		char got[64] = "";
		enum acct_field f;

		if (!ok(acct_field_find(slice_of(members[i].column), &f), "%s",
			members[i].column))
			continue;
		for (enum acct_type t = 0; t < ACCT_TYPES; t++)
			if (acct_field_in(f, t)) {
				size_t len = strlen(got);

				(void)snprintf(got + len, sizeof(got) - len,
				    "%s%s", len == 0 ? "" : " ",
				    acct_type_letter(t));
			}
		is_str(got, members[i].types, "the records that have it");
	}
}

/* Returns how many there are; each must be one that the type may have. */
static int
check_columns(enum acct_type t)
{
	int count = 0;

	for (const char *p = acct_type_columns(t); *p != '\0'; count++) {
		struct slice name = { p, strcspn(p, ",") };
		enum acct_field f;

		if (!acct_is_extra(name))
			ok(acct_field_find(name, &f) && acct_field_in(f, t),
			    "%s has %.*s", acct_type_letter(t), (int)name.len,
			    name.p);
		p += name.len + (p[name.len] == ',');
	}
	return count;
}

static void
test_columns(void)
{
	static const int counts[ACCT_TYPES] = {
		[ACCT_D] = 22,
		[ACCT_B] = 22,
		[ACCT_T] = 22,
		[ACCT_TQ] = 9,
		[ACCT_R] = 11,
		[ACCT_RB] = 13,
		[ACCT_RS] = 13,
		[ACCT_F] = 15,
	};

	for (enum acct_type t = 0; t < ACCT_TYPES; t++)
		is_int(check_columns(t), counts[t], acct_type_letter(t));
}

static void
test_numbers(void)
{
	static const struct {
		int number;
		const char *column;
	} rows[] = {
#define A(number, name, column, member, kind, types) { number, column },
#include "mail/acct_fields.def"
#undef A
	};
	bool used[128] = { false };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int n = rows[i].number;

		if (!ok(n >= 1 && n <= 127 && !used[n], "%s is number %d alone",
			rows[i].column, n))
			continue;
		used[n] = true;
	}
}

static void
test_extras(void)
{
	ok(acct_is_extra(SLICE_LIT("header_X-Job")), "a header field");
	ok(acct_is_extra(SLICE_LIT("HEADER_from")), "in capitals");
	ok(acct_is_extra(SLICE_LIT("arf_Source-IP")), "a field of a report");
	ok(!acct_is_extra(SLICE_LIT("header_")), "without a name it is none");
	ok(!acct_is_extra(SLICE_LIT("arf_")), "nor that");
	ok(!acct_is_extra(SLICE_LIT("headerFrom")), "nor that");
	ok(!acct_is_extra(SLICE_LIT("rcpt")), "a field is none");
}

int
main(void)
{
	test_types();
	test_fields();
	test_members();
	test_columns();
	test_numbers();
	test_extras();
	return done_testing();
}
