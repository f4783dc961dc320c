/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/ctl_help.h"

#include <stdio.h>
#include <string.h>

#include "lib/daemon.h"

void
ctl_help(void)
{
	(void)printf("mailrace - asks and steers mailraced\n\n"
		     "usage: mailrace [-c FILE] [--json] COMMAND\n\n"
		     "  -c FILE  configuration (" DAEMON_CONFIG ")\n"
		     "  --json   answer as JSON\n\n"
		     "commands; their words may be cut short:\n");
	for (size_t i = 0; i < CTL_COMMANDS; i++)
		(void)printf("  %s%s%s\n        %s\n", ctl_commands[i].words,
		    ctl_forms[ctl_commands[i].argument].usage,
		    ctl_commands[i].options[0] == '\0' ? "" : " [OPTIONS]",
		    ctl_commands[i].doc);
	(void)printf("\n`mailrace COMMAND --help` tells more of one.\n"
		     "exit status: 0 well, 1 the answer is no, 2 the command "
		     "is wrong or nobody answers\n");
}

/* The length of a text up to its first stop. */
static int
first_part(const char *text)
{
	size_t n = strcspn(text, ".:;");

	while (text[n] != '\0' && text[n + 1] != ' ' && text[n + 1] != '\0')
		n += 1 + strcspn(text + n + 1, ".:;");
	return (int)n;
}

/* A line for each. */
void
ctl_help_several(const bool *in)
{
	size_t longest = 0;

	(void)printf("usage: mailrace [-c FILE] [--json] COMMAND\n\n");
	for (size_t i = 0; i < CTL_COMMANDS; i++)
		if (in[i] && strlen(ctl_commands[i].words) > longest)
			longest = strlen(ctl_commands[i].words);
	for (size_t i = 0; i < CTL_COMMANDS; i++)
		if (in[i])
			(void)printf("  %-*s  %.*s\n", (int)longest,
			    ctl_commands[i].words,
			    first_part(ctl_commands[i].doc),
			    ctl_commands[i].doc);
	(void)printf("\n`mailrace COMMAND --help` tells more of one.\n");
}

static void
print_option(const struct ctl_command *c, enum ctl_option option,
    const char *name)
{
	const struct ctl_option_text text = ctl_option_text(c, option);

	(void)printf("  --%s%s%s\n        %s\n", name,
	    text.value[0] == '\0' ? "" : "=", text.value, text.doc);
}

void
ctl_help_command(const struct ctl_command *c)
{
	(void)printf("usage: mailrace %s%s%s\n\n  %s\n", c->words,
	    ctl_forms[c->argument].usage,
	    c->options[0] == '\0' ? "" : " [OPTIONS]", c->doc);
	if (c->argument == ARG_QUEUE || c->argument == ARG_QUEUE_NEEDED ||
	    c->argument == ARG_SOURCE_QUEUE)
		(void)printf("  In DOMAIN and VMTA, * stands for any text and "
			     "? for one character;\n  DOMAIN alone means all "
			     "of its virtual MTAs.\n");
	if (c->argument == ARG_JOB_NEEDED)
		(void)printf("  In JOB, * stands for any text and ? for one "
			     "character.\n");
	if (c->argument == ARG_WHY_NEEDED)
		(void)printf("  KIND is queue, message, ip, vmta, pool, "
			     "provider, job or user; it may be left out\n"
			     "  where it is clear: DOMAIN/VMTA and DOMAIN are "
			     "queues, 16 hex digits a message,\n  a name of "
			     "the configuration what it is there, any other a "
			     "job.\n");
	(void)printf("\n");
	for (int i = 0; i < OPT_COUNT; i++)
		if (ctl_takes(c, (enum ctl_option)i))
			print_option(c, (enum ctl_option)i,
			    ctl_option_rows[i].name);
	print_option(c, OPT_JSON, "json");
	(void)printf("\nexample: mailrace %s\n", c->example);
}
