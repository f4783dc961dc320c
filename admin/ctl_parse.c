/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/ctl_parse.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/acct_match.h"
#include "admin/ctl_help.h"
#include "admin/ctl_table.h"
#include "lib/check.h"
#include "lib/clock.h"
#include "lib/ctl_proto.h"
#include "lib/daemon.h"
#include "lib/net.h"
#include "lib/str.h"
#include "mail/suppress_input.h"

/* ---- words --------------------------------------------------------------- */

/* Word k of a command; its length, 0 if it has no more. */
static size_t
word_at(const struct ctl_command *c, int k, const char **word_r)
{
	const char *p = c->words;

	while (k-- > 0) {
		p += strcspn(p, " ");
		p += *p == ' ';
	}
	*word_r = p;
	return strcspn(p, " ");
}

/* How well a word fits: 0 not, 1 cut short, 2 in full. */
static int
fit(const struct ctl_command *c, int k, const char *given)
{
	const char *word;
	size_t len = word_at(c, k, &word), n = strlen(given);

	if (n == 0 || n > len || strncmp(word, given, n) != 0)
		return 0;
	return n == len ? 2 : 1;
}

/* Leaves those that fit word k best; returns how many. */
static int
narrow(bool *in, int k, const char *given)
{
	int best = 0, count = 0;

	for (size_t i = 0; i < CTL_COMMANDS; i++) {
		int f = in[i] ? fit(&ctl_commands[i], k, given) : 0;

		best = f > best ? f : best;
	}
	for (size_t i = 0; i < CTL_COMMANDS; i++) {
		in[i] = in[i] && best > 0 &&
		    fit(&ctl_commands[i], k, given) == best;
		count += in[i];
	}
	return count;
}

static void
tell_which(const char *what, const char *given, const bool *in)
{
	(void)fprintf(stderr, "mailrace: %s \"%s\"", what, given);
	for (size_t i = 0, n = 0; i < CTL_COMMANDS; i++)
		if (in[i])
			(void)fprintf(stderr, "%s%s", n++ == 0 ? ": " : ", ",
			    ctl_commands[i].words);
	(void)fprintf(stderr, "; see --help\n");
}

static const struct ctl_command *
first_in(const bool *in)
{
	size_t i = 0;

	while (!in[i])
		i++;
	return &ctl_commands[i];
}

/*
 * The command that the words mean, and how many of them.  NULL: told why, with
 * *rc_r 2, or, to who asks for help, which they may mean, with 0.
 */
static const struct ctl_command *
find(int argc, char **argv, bool help, int *used_r, int *rc_r)
{
	bool in[CTL_COMMANDS], before[CTL_COMMANDS];
	int count = 0;

	*rc_r = 2;
	memset(in, true, sizeof(in));
	for (int k = 0; k < argc; k++) {
		const char *word;

		memcpy(before, in, sizeof(in));
		count = narrow(in, k, argv[k]);
		if (count == 0) {
			if (k == 0)
				memset(before, false, sizeof(before));
			tell_which("unknown command", argv[k], before);
			return NULL;
		}
		*used_r = k + 1;
		if (count == 1 && word_at(first_in(in), k + 1, &word) == 0)
			return first_in(in);
	}
	if (help && count == 1)
		return first_in(in);
	if (help) {
		*rc_r = 0;
		ctl_help_several(in);
		return NULL;
	}
	tell_which(count == 1 ? "more is needed than" :
				"not clear what is meant by",
	    argv[argc - 1], in);
	return NULL;
}

/* ---- values -------------------------------------------------------------- */

static bool
is_number(const char *text)
{
	struct err e;
	uint64_t v;

	return str_to_u64(slice_of(text), &v, &e) == 0 && v >= 1 &&
	    v <= 1000000;
}

static bool
is_time(const char *text)
{
	struct err e;
	int64_t us;

	return str_to_interval(slice_of(text), &us, &e) == 0 && us > 0 &&
	    us != INTERVAL_NEVER;
}

/* False: it is not what the option takes; e says more, or nothing. */
static bool
is_value(const struct ctl_option_row *o, const char *text, struct err *e)
{
	int64_t until_s;

	switch (o->kind) {
	case KIND_FLAG:
		return true;
	case KIND_TEXT:
		return text[0] != '\0';
	case KIND_NUMBER:
		return is_number(text);
	case KIND_TIME:
		return is_time(text);
	case KIND_YESNO:
		return ctl_has_word("yes no", text);
	case KIND_MODE:
		return ctl_has_word("normal backoff", text);
	case KIND_PART:
		return ctl_has_word("envelope header body", text);
	case KIND_SORT:
		return ctl_has_word("name rcpt size", text);
	case KIND_TYPES:
		return acct_match_check_types(text, e) == 0;
	case KIND_PATTERN:
		return acct_match_check_pattern(text, e) == 0;
	case KIND_HEADER:
		return acct_match_check_header(text, e) == 0;
	case KIND_WHEN:
		return acct_match_check_time(text, e) == 0;
	case KIND_UNTIL:
		return suppress_until(slice_of(text),
			   clock_wall_us() / US_PER_S, &until_s, e) == 0;
	}
	CHECK_NEVER("a kind of option");
}

static int
check_option(const struct ctl_command *c, const struct ctl_given *g)
{
	const struct ctl_option_row *o = &ctl_option_rows[g->option];
	const struct ctl_option_text text = ctl_option_text(c, g->option);
	struct err e = { "" };

	if (!ctl_takes(c, g->option)) {
		(void)fprintf(stderr,
		    "mailrace: %s takes no --%s; see mailrace %s --help\n",
		    c->words, o->name, c->words);
		return 2;
	}
	if (!is_value(o, g->value, &e)) {
		(void)fprintf(stderr, "mailrace: --%s takes %s: %s\n", o->name,
		    text.value, e.text[0] == '\0' ? text.doc : e.text);
		return 2;
	}
	return 0;
}

static int
check_options(const struct ctl_command *c, const struct ctl_options *opt)
{
	int rc = 0;

	for (size_t i = 0; i < opt->given_count && rc == 0; i++)
		rc = check_option(c, &opt->given[i]);
	return rc;
}

/* Says what is wanted. */
static int
needs(const struct ctl_command *c)
{
	(void)fprintf(stderr, "mailrace: %s needs %s\n", c->words,
	    ctl_forms[c->argument].wanted);
	return 2;
}

static int
check_source(const struct ctl_command *c, int argc, char **argv,
    struct ctl_options *opt)
{
	struct net_addr addr;
	struct err e;

	if (argc != 2 || argv[1][0] == '\0')
		return needs(c);
	if (net_addr_parse(slice_of(argv[0]), &addr, &e) == -1) {
		(void)fprintf(stderr, "mailrace: %s\n", e.text);
		return 2;
	}
	opt->source = argv[0];
	opt->argument = argv[1];
	opt->argument_key = "queue";
	return 0;
}

/* given: NULL if there is none. */
static bool
is_wanting(const struct ctl_command *c, const char *given)
{
	if (given == NULL)
		return ctl_forms[c->argument].needed;
	if (c->argument == ARG_CANON_NEEDED)
		return !ctl_has_word("simple relaxed", given);
	return given[0] == '\0' && c->argument != ARG_TEXT_NEEDED;
}

static int
check_argument(const struct ctl_command *c, int argc, char **argv,
    struct ctl_options *opt)
{
	const char *given = argc == 0 ? NULL : argv[0];

	if (c->argument == ARG_FILES || c->argument == ARG_STATES ||
	    c->argument == ARG_MESSAGES) {
		opt->files = argv;
		opt->file_count = (size_t)argc;
		return 0;
	}
	if (c->argument == ARG_SOURCE_QUEUE)
		return check_source(c, argc, argv, opt);
	if (argc > 0 &&
	    (c->argument == ARG_NONE ||
		(size_t)(argc - 1) > ctl_forms[c->argument].further_max)) {
		(void)fprintf(stderr,
		    "mailrace: \"%s\" is too much; see "
		    "mailrace %s --help\n",
		    argv[argc - 1], c->words);
		return 2;
	}
	if (is_wanting(c, given))
		return needs(c);
	if (argc > 0) {
		opt->files = argv + 1;
		opt->file_count = (size_t)argc - 1;
	}
	if (opt->file_count < ctl_forms[c->argument].further_min)
		return needs(c);
	if (given != NULL && opt->values[OPT_QUEUE] != NULL) {
		(void)fprintf(stderr,
		    "mailrace: \"%s\" or --queue=%s, not both\n", given,
		    opt->values[OPT_QUEUE]);
		return 2;
	}
	opt->argument = given;
	opt->argument_key = ctl_forms[c->argument].key;
	return 0;
}

/* ---- the command line ---------------------------------------------------- */

enum { LONG_OPTION = 256 }; /* behind all letters */

static int
keep_option(struct ctl_options *opt, enum ctl_option option, const char *value)
{
	if (opt->given_count == CTL_GIVEN_MAX) {
		(void)fprintf(stderr, "mailrace: more than %d options\n",
		    CTL_GIVEN_MAX);
		return 2;
	}
	opt->values[option] = value == NULL ? "" : value;
	opt->given[opt->given_count++] = (struct ctl_given){ option,
		opt->values[option] };
	return 0;
}

/* Letters that qshape(1) has, of which ours has -c. */
#define SHORT_OPTIONS "b:lm:pst:w:"

static const struct {
	char letter;
	enum ctl_option option;
} letters[] = {
	{ 'b', OPT_BUCKETS },
	{ 'l', OPT_LINEAR },
	{ 'm', OPT_MIN_BELOW },
	{ 'p', OPT_PARENTS },
	{ 's', OPT_SENDER_DOMAINS },
	{ 't', OPT_BUCKET_TIME },
	{ 'w', OPT_WIDTH },
};

/* That of a letter; OPT_COUNT: it has none. */
static enum ctl_option
option_of(int c)
{
	for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
		if (letters[i].letter == c)
			return letters[i].option;
	return OPT_COUNT;
}

static int
parse_options(int argc, char **argv, struct ctl_options *opt)
{
	struct option longs[OPT_COUNT + 4] = {
		{ "help", no_argument, NULL, 'h' },
		{ "json", no_argument, NULL, 'j' },
		{ "version", no_argument, NULL, 'V' },
	};
	int c, rc = 0;

	for (int i = 0; i < OPT_COUNT; i++)
		longs[i + 3] = (struct option){ .name = ctl_option_rows[i].name,
			.has_arg = ctl_option_rows[i].kind == KIND_FLAG ?
			    no_argument :
			    required_argument,
			.val = LONG_OPTION + i };
	/* One thread: getopt's state is nobody else's. */
	while (rc == 0 &&
	    /* NOLINTNEXTLINE(concurrency-mt-unsafe) */
	    (c = getopt_long(argc, argv, "c:hj" SHORT_OPTIONS, longs, NULL)) !=
		-1) {
		if (c >= LONG_OPTION && c < LONG_OPTION + OPT_COUNT)
			rc = keep_option(opt,
			    (enum ctl_option)(c - LONG_OPTION), optarg);
		else if (c == 'c')
			opt->config = optarg;
		else if (c == 'j')
			opt->json = true;
		else if (c == 'h')
			opt->help = true;
		else if (c == 'V')
			opt->command = "version";
		else if (option_of(c) != OPT_COUNT)
			rc = keep_option(opt, option_of(c), optarg);
		else
			rc = 2;
	}
	return rc;
}

/* By the name of the host MTA's command: its queue is asked for as well. */
static const struct ctl_command *
find_called(const char *path, struct ctl_options *opt)
{
	const char *slash = path == NULL ? NULL : strrchr(path, '/');
	char name[] = "mailq";
	char *words[] = { name };
	int used, rc;

	if (path == NULL || strcmp(slash == NULL ? path : slash + 1, name) != 0)
		return NULL;
	(void)keep_option(opt, OPT_HOST, NULL);
	return find(1, words, false, &used, &rc);
}

static int
take_words(const struct ctl_command *c, int argc, char **argv,
    struct ctl_options *opt)
{
	int rc;

	opt->command = c->words;
	rc = check_argument(c, argc, argv, opt);
	return rc != 0 ? rc : check_options(c, opt);
}

int
ctl_parse(int argc, char **argv, struct ctl_options *opt, ctl_cmd_fn **fn_r)
{
	const struct ctl_command *c;
	int used = 0, rc = 2;

	*fn_r = NULL;
	*opt = (struct ctl_options){ .config = DAEMON_CONFIG };
	c = find_called(argv[0], opt);
	if (parse_options(argc, argv, opt) != 0)
		return 2;
	argc -= optind;
	argv += optind;
	if (opt->command != NULL) {
		(void)printf("mailrace %s\n", PACKAGE_VERSION);
		return 0;
	}
	if (c == NULL && argc > 0 && strcmp(argv[0], "help") == 0) {
		opt->help = true;
		argc--;
		argv++;
	}
	if (c == NULL && argc == 0) {
		ctl_help();
		return opt->help ? 0 : 2;
	}
	if (c == NULL)
		c = find(argc, argv, opt->help, &used, &rc);
	if (c == NULL)
		return rc;
	if (opt->help) {
		ctl_help_command(c);
		return 0;
	}
	rc = take_words(c, argc - used, argv + used, opt);
	if (rc == 0)
		*fn_r = c->fn;
	return rc;
}

static json_t *
value_json(const struct ctl_option_row *o, const char *text)
{
	int64_t us = 0;
	uint64_t v = 0;
	struct err e;

	switch (o->kind) {
	case KIND_FLAG:
		return json_true();
	case KIND_NUMBER:
		CHECK(str_to_u64(slice_of(text), &v, &e) == 0);
		return json_integer((json_int_t)v);
	case KIND_TIME:
		CHECK(str_to_interval(slice_of(text), &us, &e) == 0);
		return json_integer(us / US_PER_S);
	case KIND_WHEN:
		return json_integer(acct_match_time(text));
	case KIND_UNTIL:
		/* A moment ago it was after now. */
		(void)suppress_until(slice_of(text), clock_wall_us() / US_PER_S,
		    &us, &e);
		return us == SUPPRESS_FOREVER ? json_null() : json_integer(us);
	case KIND_TEXT:
	case KIND_YESNO:
	case KIND_MODE:
	case KIND_PART:
	case KIND_SORT:
	case KIND_TYPES:
	case KIND_PATTERN:
	case KIND_HEADER:
		break;
	}
	return ctl_string(text);
}

json_t *
ctl_request(const struct ctl_options *opt)
{
	json_t *r = json_pack("{s:s}", "command", opt->command);

	if (opt->argument != NULL)
		(void)json_object_set_new(r, opt->argument_key,
		    ctl_string(opt->argument));
	if (opt->source != NULL)
		(void)json_object_set_new(r, "source", ctl_string(opt->source));
	for (size_t i = 0; i < OPT_COUNT; i++)
		if (opt->values[i] != NULL)
			(void)json_object_set_new(r, ctl_option_rows[i].name,
			    value_json(&ctl_option_rows[i], opt->values[i]));
	return r;
}
