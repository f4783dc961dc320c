/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each form in which a password may be stored is read, takes its password and
 * no other, and what is wrong with one is said without saying what it is.
 */
#include "vmta/password.h"

#include "tests/tap.h"

/* `gsasl --mkpasswd` with the password and salt of RFC 7677, 3 */
#define SALT "W22ZaJ0SNY7soEsUEjb6gQ=="
#define STORED "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY="
#define SERVER "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
/* `openssl passwd -6`, Python's crypt.crypt() */
#define SHA512 \
	"$6$abcdefgh$ltjgWl6579NluT/" \
	"Vi1nwEvcil.G5Nbc4NiXZaNGStk8PSwGfQv72N2CKPPrVA" \
	"CtLtip/cZ/1GM/O6IND4WQhG."
#define YESCRYPT \
	"$y$j9T$abcdefghijklmnop$3dL1LkYnZM.OVXuVdnnaKVDlLYT92dRwOzDZ5XiVCe."
#define SHA256 "$5$abcdefgh$gruCpC7VkOTspMQTTSAR8mtlO9Upms.fwqE5y16JVM."

static const struct {
	const char *stored;
	const char *is; /* the password */
	enum password_form form;
} good[] = {
	{ "secret", "secret", PASSWORD_PLAIN },
	{ "{PLAIN}{x}y", "{x}y", PASSWORD_PLAIN },
	{ "{unclosed", "{unclosed", PASSWORD_PLAIN },
	{ "{CRYPT}" SHA512, "secret", PASSWORD_CRYPT },
	{ "{crypt}" YESCRYPT, "secret", PASSWORD_CRYPT },
	{ "{SCRAM-SHA-256}4096," SALT "," STORED "," SERVER, "pencil",
	    PASSWORD_SCRAM },
};

static const struct {
	const char *stored;
	const char *says;
} bad[] = {
	{ "", "empty" },
	{ "{PLAIN}", "empty" },
	{ "{MD5}SeCrEt", "is none of {PLAIN}, {CRYPT} and {SCRAM-SHA-256}" },
	{ "{CRYPT}", "not a method" },
	{ "{CRYPT}SeCrEt", "not a method" },
	{ "{CRYPT}$1$SeCrEt$bogus", "not a method" },
	{ "{CRYPT}$6$SeCrEt", "not a whole hash of crypt(3)'s $6$" },
	{ "{CRYPT}$6$SeCrEt$cut", "not a whole hash of crypt(3)'s $6$" },
	{ "{CRYPT}" SHA256, "not a method" },
	{ "{CRYPT}" SHA512 "x", "not a whole hash" },
	{ "{SCRAM-SHA-256}SeCrEt", "not iterations,salt,StoredKey,ServerKey" },
	{ "{SCRAM-SHA-256}4095," SALT "," STORED "," SERVER,
	    "from 4096 to 1000000" },
	{ "{SCRAM-SHA-256}1000001," SALT "," STORED "," SERVER,
	    "from 4096 to 1000000" },
	{ "{SCRAM-SHA-256}SeCrEt," SALT "," STORED "," SERVER,
	    "from 4096 to 1000000" },
	{ "{SCRAM-SHA-256}4096,," STORED "," SERVER, "the salt" },
	{ "{SCRAM-SHA-256}4096,SeCrEt==," STORED "," SERVER, "the salt" },
	{ "{SCRAM-SHA-256}4096," SALT ",SeCrEt," SERVER, "StoredKey" },
	{ "{SCRAM-SHA-256}4096," SALT "," STORED ",SeCrEt", "ServerKey" },
	{ "{SCRAM-SHA-256}4096," SALT "," STORED "," SERVER ",", "ServerKey" },
};

static void
test_good(void)
{
	char longer[PASSWORD_MAX + 2];
	struct password p;
	struct err e = { "" };

	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (!ok(password_read(&p, slice_of(good[i].stored), &e) == 0,
			"%s: read %s", good[i].stored, e.text))
			continue;
		is_int(p.form, good[i].form, "its form");
		ok(password_is(&p, good[i].is), "the password");
		ok(!password_is(&p, "Secret"), "another of that length");
		ok(!password_is(&p, ""), "none");
		ok(!password_is(&p, longer), "one that is too long");
		password_fini(&p);
		ok(p.text == NULL, "nothing is left of it");
	}
}

static void
test_bad(void)
{
	struct password p;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err e = { "" };

		ok(password_read(&p, slice_of(bad[i].stored), &e) == -1,
		    "'%s' is not taken", bad[i].stored);
		ok(strstr(e.text, bad[i].says) != NULL, "because: %s", e.text);
		ok(strstr(e.text, "SeCrEt") == NULL, "and not what it is");
		ok(p.text == NULL, "and nothing is kept");
	}
}

static void
test_limits(void)
{
	char text[PASSWORD_MAX + 1];
	struct password p;
	struct err e = { "" };

	memset(text, 'x', sizeof(text));
	ok(password_read(&p, (struct slice){ text, PASSWORD_MAX }, &e) == 0,
	    "the longest is taken");
	password_fini(&p);
	ok(password_read(&p, (struct slice){ text, sizeof(text) }, &e) == -1,
	    "one more is not");
	ok(password_read(&p, SLICE_LIT("a\0b"), &e) == -1, "nor a NUL");
}

int
main(void)
{
	test_good();
	test_bad();
	test_limits();
	return done_testing();
}
