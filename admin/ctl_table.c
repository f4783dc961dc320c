/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/ctl_table.h"

#include <stdint.h>
#include <string.h>

#include "admin/acct_match.h"
#include "admin/ctl_cmds.h"

const struct ctl_command ctl_commands[CTL_COMMANDS] = {
#define M(words, fn, argument, options, doc, example) \
	{ words, fn, ARG_##argument, options, doc, example },
#include "admin/commands.def"
#undef M
};

#define A_LIST "a suppression list"
#define A_QUEUE "a queue, DOMAIN or DOMAIN/VMTA; * is all of them"

const struct ctl_form ctl_forms[] = {
	[ARG_NONE] = { "", NULL, "queue", false, 0, 0 },
	[ARG_ACCT_FILE] = { " [ACCT-FILE]",
	    "the path or command of an acct-file", "path", false, 0, 0 },
	[ARG_ADDRESS_LIST] = { " ADDRESS [LIST]",
	    "an address, and a suppression list if you like", "address", true,
	    0, 1 },
	[ARG_CANON_NEEDED] = { " simple|relaxed", "simple or relaxed", "queue",
	    true, 0, 0 },
	[ARG_CONFIG] = { " [FILE]", "a file", "queue", false, 0, 0 },
	[ARG_FILES] = { " [FILE...]", NULL, "queue", false, 0, 0 },
	[ARG_JOB_NEEDED] = { " JOB", "a job; * is all", "job", true, 0, 0 },
	[ARG_FILE_NEEDED] = { " FILE|-", "a file, or -", "queue", true, 0, 0 },
	[ARG_LIST] = { " [LIST]", A_LIST, "list", false, 0, 0 },
	[ARG_LIST_ADDRESSES] = { " LIST [ADDRESS...|-]",
	    A_LIST " and addresses, or --file", "list", true, 0, SIZE_MAX },
	[ARG_LIST_FILE] = { " LIST FILE|-",
	    A_LIST " and a file, or - for standard input", "list", true, 1, 1 },
	[ARG_LIST_NEEDED] = { " LIST", A_LIST, "list", true, 0, 0 },
	[ARG_SETTINGS] = { " [DOMAIN[/VMTA]|ACCT-FILE]", A_QUEUE, "queue",
	    false, 0, 0 },
	[ARG_MESSAGE_NEEDED] = { " MESSAGE",
	    "the id of a message, as mailq or list shows it", "id", true, 0,
	    0 },
	[ARG_MESSAGES] = { " [MESSAGE...|ALL|-]", NULL, "id", false, 0, 0 },
	[ARG_QUEUE] = { " [DOMAIN[/VMTA]]", A_QUEUE, "queue", false, 0, 0 },
	[ARG_QUEUE_NEEDED] = { " DOMAIN[/VMTA]", A_QUEUE, "queue", true, 0, 0 },
	[ARG_STATES] = { " [active|deferred|hold|incoming...]", NULL, "queue",
	    false, 0, 0 },
	[ARG_SOURCE_QUEUE] = { " IP DOMAIN[/VMTA]", "an address and " A_QUEUE,
	    "queue", true, 0, 0 },
	[ARG_TEXT_NEEDED] = { " STRING", "a string", "queue", true, 0, 0 },
	[ARG_WHY_NEEDED] = { " DOMAIN[/VMTA]|MESSAGE|IP|[KIND:]NAME",
	    "a queue, a message, an address or a name; see mailrace why --help",
	    "of", true, 0, 0 },
};

const struct ctl_option_row ctl_option_rows[OPT_COUNT] = {
#define O(name, text, kind, value, doc) \
	[OPT_##name] = { text, KIND_##kind, value, doc },
#include "admin/options.def"
#undef O
};

static const struct special {
	const char *words;
	enum ctl_option option;
	struct ctl_option_text text;
} specials[] = {
#define W(words, name, value, doc) { words, OPT_##name, { value, doc } },
#include "admin/option_texts.def"
#undef W
};

struct ctl_option_text
ctl_option_text(const struct ctl_command *c, enum ctl_option option)
{
	for (size_t i = 0; i < sizeof(specials) / sizeof(specials[0]); i++)
		if (specials[i].option == option &&
		    strncmp(c->words, specials[i].words,
			strlen(specials[i].words)) == 0)
			return specials[i].text;
	if (option == OPT_JSON)
		return (struct ctl_option_text){ "", "The answer as JSON." };
	return (struct ctl_option_text){ ctl_option_rows[option].value,
		ctl_option_rows[option].doc };
}

bool
ctl_has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	while (*list != '\0') {
		size_t n = strcspn(list, " ");

		if (n == len && strncmp(list, word, len) == 0)
			return true;
		list += n;
		list += *list == ' ';
	}
	return false;
}

bool
ctl_takes(const struct ctl_command *c, enum ctl_option option)
{
	return ctl_has_word(c->options, ctl_option_rows[option].name);
}
