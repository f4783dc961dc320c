/* SPDX-License-Identifier: Apache-2.0 */
/* Of vmta/snapshot.h: checks of log-style and of where its lines go. */
#include <string.h>
#include <sys/un.h>

#include "vmta/snapshot_priv.h"

static const struct conf_node *
line_of(const struct snapshot *s, const char *name)
{
	return conf_set_node(&table_global, &s->global_set, name);
}

static void
complain(const struct snapshot *s, const char *name, const char *what,
    struct conf_errors *errs)
{
	const struct conf_node *n = line_of(s, name);

	if (n != NULL)
		conf_error(errs, n->file, n->line, "%s: %s", name, what);
}

/* One part of a tag: tools take "postfix/bulk" apart. */
static bool
is_name(const char *s)
{
	return s[strspn(s,
		   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		   "0123456789-_.")] == '\0' &&
	    strlen(s) <= 32;
}

/* What says where lines go, and there are none. */
static void
check_unused(const struct snapshot *s, struct conf_errors *errs)
{
	static const char *const names[] = { "mail-log-file", "mail-log-name",
		"mail-log-socket" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct conf_node *n = line_of(s, names[i]);

		if (n != NULL)
			conf_warning(errs, n->file, n->line,
			    "%s has no effect while log-style is native",
			    names[i]);
	}
}

void
snapshot_log_check(const struct snapshot *s, struct conf_errors *errs)
{
	const struct global_conf *g = &s->global;
	bool file = g->mail_log_file[0] != '\0';

	if (strcmp(g->log_style, "native") == 0) {
		check_unused(s, errs);
		return;
	}
	if (!file && g->mail_log_socket[0] == '\0')
		complain(s, "log-style",
		    "neither mail-log-file nor mail-log-socket says where its "
		    "lines go",
		    errs);
	if (file && strcmp(g->mail_log_file, g->log_file) == 0)
		complain(s, "mail-log-file", "that is the log-file", errs);
	if (strlen(g->mail_log_socket) >=
	    sizeof(((struct sockaddr_un *)NULL)->sun_path))
		complain(s, "mail-log-socket",
		    "the path of a socket has no more than 107 bytes", errs);
	if (!is_name(g->mail_log_name))
		complain(s, "mail-log-name",
		    "letters, digits, -, _ and . are possible, 32 at most",
		    errs);
}
