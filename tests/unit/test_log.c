/* SPDX-License-Identifier: Apache-2.0 */
/* One event is one line, whatever a remote server has put into its text. */
#include "lib/log.h"

#include <stdlib.h>

#include "tests/tap.h"
#include "tests/unit/tmpdir.h"

static const struct {
	const char *label, *value, *shown;
} cases[] = {
	{ "a word", "vmta1", "k=vmta1" },
	{ "nothing", "", "k=\"\"" },
	{ "blanks", "try later", "k=\"try later\"" },
	{ "quotes and backslashes", "a\"b\\c", "k=\"a\\\"b\\\\c\"" },
	{ "an end of line", "x\r\nk2=v", "k=\"x\\x0d\\x0ak2=v\"" },
	{ "an escape sequence", "\033[2J", "k=\"\\x1b[2J\"" },
};

/* The last line of the file. */
static const char *
last_line(const char *path)
{
	static char line[LOG_LINE_MAX + 200];
	FILE *f = fopen(path, "r");

	line[0] = '\0';
	if (f == NULL)
		return line;
	while (fgets(line, sizeof(line), f) != NULL)
		continue;
	(void)fclose(f);
	return line;
}

static bool
ends_with(const char *line, const char *end)
{
	size_t n = strlen(line), m = strlen(end);

	return n > m && line[n - 1] == '\n' &&
	    memcmp(line + n - 1 - m, end, m) == 0;
}

static void
write_value(const char *value)
{
	struct log_line l;

	log_begin(&l, LOG_L_INFO, "17F3", "attempt");
	log_str(&l, "k", value);
	log_end(&l);
}

static void
test_cut(const char *path)
{
	static char big[20000];
	const char *line;

	memset(big, 'x', sizeof(big) - 1);
	write_value(big);
	line = last_line(path);
	ok(ends_with(line, "xxx...\"") && strlen(line) < 700,
	    "text from elsewhere is cut at 500 bytes");
}

static void
test_levels(const char *path)
{
	struct log_line l;

	log_set_level(LOG_L_WARN);
	log_begin(&l, LOG_L_INFO, NULL, "attempt");
	log_str(&l, "k", "unseen");
	log_end(&l);
	ok(strstr(last_line(path), "unseen") == NULL,
	    "below the level nothing is written");
	ok(log_wants(LOG_L_ERROR) && !log_wants(LOG_L_DEBUG), "levels");
	ok(log_level_of("debug") == LOG_L_DEBUG &&
		log_level_of("what") == LOG_L_INFO,
	    "names of levels");
	log_note(LOG_L_ERROR, "store-failed", "%s: %d", "disk", 5);
	ok(ends_with(last_line(path), "store-failed text=\"disk: 5\""),
	    "a whole line in one call");
}

int
main(void)
{
	char *path;
	struct err e;

	(void)tmpdir_make();
	path = strdup(tmpdir_path("log"));
	ok(log_open(path, &e) == 0, "the file is opened");
	log_set_level(LOG_L_INFO);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		write_value(cases[i].value);
		if (!ok(ends_with(last_line(path), cases[i].shown), "%s",
			cases[i].label))
			(void)printf("#   %s", last_line(path));
	}
	ok(strstr(last_line(path), "17F3 attempt ") != NULL, "id and event");
	test_cut(path);
	test_levels(path);
	tmpdir_remove();
	free(path);
	return done_testing();
}
