/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/host_check.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/mem.h"
#include "lib/net.h"
#include "vmta/explain.h"

/* ---- one value each; -1: the host does not have it, and why -------------- */

static int
group_exists(const char *value, struct err *e)
{
	struct group g, *found;
	char text[4096];

	if (strcmp(value, "\"\"") == 0 ||
	    (getgrnam_r(value, &g, text, sizeof(text), &found) == 0 &&
		found != NULL))
		return 0;
	return err_set(e, "there is no group \"%s\" on this host", value);
}

/* The folder in which a file is to be made. */
static int
folder_exists(const char *value, struct err *e)
{
	const char *slash = strrchr(value, '/');
	struct region *rg;
	struct stat st;
	int rc = 0;

	if (value[0] != '/' || slash == value)
		return 0;
	rg = region_new();
	value = region_strndup(rg, value, (size_t)(slash - value));
	if (stat(value, &st) == -1)
		rc = err_set(e, "there is no folder %s on this host", value);
	else if (!S_ISDIR(st.st_mode))
		rc = err_set(e, "%s is not a folder", value);
	region_free(&rg);
	return rc;
}

static int
address_is_here(const struct net_addr *a, struct err *e)
{
	char text[NET_ADDR_TEXT];

	if (net_addr_is_local(a))
		return 0;
	return err_set(e, "the address %s is not on this host",
	    net_addr_text(a, text));
}

static int
listener_is_here(const char *value, struct err *e)
{
	char where[128]; /* without source=NAME */
	struct net_addr a;
	struct err ignored;
	uint16_t port;

	if (value[0] == '/')
		return 0; /* folder_exists() */
	(void)snprintf(where, sizeof(where), "%.*s", (int)strcspn(value, " "),
	    value);
	if (net_endpoint_parse(where, &a, &port, &ignored) == -1)
		return 0; /* said at load, or `""` */
	return address_is_here(&a, e);
}

/* ---- all of them --------------------------------------------------------- */

static const struct {
	const char *name;
	int (*check)(const char *value, struct err *e);
	bool needed; /* a daemon does not start; systemd makes folders */
} checks[] = {
	{ "control-group", group_exists, true },
	{ "control-socket", folder_exists, false },
	{ "lmtp-listener", folder_exists, false },
	{ "lmtp-listener", listener_is_here, true },
	{ "log-file", folder_exists, false },
	{ "mail-log-file", folder_exists, false },
	{ "milter-control-socket", folder_exists, false },
	{ "milter-listener", folder_exists, false },
	{ "smtp-listener", folder_exists, false },
	{ "smtp-listener", listener_is_here, true },
	{ "spool", folder_exists, false },
};

static void
check_setting(void *ctx, const struct setting *s)
{
	struct conf_errors *errs = ctx;
	struct err e;

	if (s->file == NULL)
		return;
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		if (strcmp(checks[i].name, s->name) != 0 ||
		    checks[i].check(s->value, &e) == 0)
			continue;
		if (checks[i].needed)
			conf_lacking(errs, s->file, s->line, "%s: %s", s->name,
			    e.text);
		else
			conf_warning(errs, s->file, s->line, "%s: %s", s->name,
			    e.text);
	}
}

/* ---- accounting ---------------------------------------------------------- */

/* An <acct-file> and the folders that its files go to. */
struct acct_checker {
	struct conf_errors *errs;
	const struct acct_conf *a;
};

static int
stat_folder(const char *path, struct stat *st, struct err *e)
{
	if (stat(path, st) == -1)
		return err_set(e, "there is no folder %s on this host", path);
	if (!S_ISDIR(st->st_mode))
		return err_set(e, "%s is not a folder", path);
	return 0;
}

static int
may_write(const char *folder, struct err *e)
{
	if (access(folder, W_OK | X_OK) == 0)
		return 0;
	return err_set(e, "%s cannot be written by this user", folder);
}

/* The folder of a path that has a slash: its own memory. */
static char *
parent_of(const char *path)
{
	char *parent = mem_strdup(path), *slash = strrchr(parent, '/');

	slash[slash == parent] = '\0';
	return parent;
}

static int
check_parent(const char *path, struct err *e)
{
	char *parent = parent_of(path);
	struct stat ignored;
	int rc = stat_folder(parent, &ignored, e);

	if (rc == 0)
		rc = may_write(parent, e);
	free(parent);
	return rc;
}

/* Files are renamed, which no other volume allows. */
static bool
is_other_volume(const char *path, const struct stat *to)
{
	char *parent = parent_of(path);
	struct stat from;
	bool other = stat(parent, &from) == 0 && from.st_dev != to->st_dev;

	free(parent);
	return other;
}

static void
check_move_to(const struct acct_checker *c, const struct setting *s)
{
	const char *folder = c->a->move_to;
	struct stat st;
	struct err e;

	if (stat_folder(folder, &st, &e) == 0 &&
	    is_other_volume(c->a->path, &st))
		conf_lacking(c->errs, s->file, s->line,
		    "move-to: %s is on another volume than %s", folder,
		    c->a->path);
	else if (stat_folder(folder, &st, &e) == -1 ||
	    may_write(folder, &e) == -1)
		conf_warning(c->errs, s->file, s->line, "move-to: %s", e.text);
}

static void
check_acct_setting(void *ctx, const struct setting *s)
{
	const struct acct_checker *c = ctx;

	if (s->file != NULL && strcmp(s->name, "move-to") == 0 &&
	    c->a->kind == ACCT_FILE && c->a->move_to[0] != '\0')
		check_move_to(c, s);
}

static bool
is_in_path(const char *program, const char *path)
{
	while (path != NULL && *path != '\0') {
		size_t len = strcspn(path, ":");
		char file[4096];

		(void)snprintf(file, sizeof(file), "%.*s/%s", (int)len, path,
		    program);
		if (access(file, X_OK) == 0)
			return true;
		path += len + (path[len] == ':');
	}
	return false;
}

/* Those that a command for accounting may begin with. */
static bool
is_builtin(const char *word)
{
	static const char *const words[] = { ".", ":", "cd", "command", "eval",
		"exec", "export", "for", "if", "read", "set", "trap", "ulimit",
		"umask", "until", "while" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(word, words[i]) == 0)
			return true;
	return false;
}

/* The program of a command whose first word is nothing for the shell. */
static int
check_command(const char *command, struct err *e)
{
	static const char plain[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	    "/._+-";
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): a program of one thread */
	const char *path = getenv("PATH");
	size_t len;
	char *program;
	int rc = 0;

	command += strspn(command, " \t");
	len = strspn(command, plain);
	if (command[len] != '\0' && command[len] != ' ' && command[len] != '\t')
		return 0;
	program = mem_strndup(command, len);
	if (strchr(program, '/') != NULL ?
		access(program, X_OK) == -1 :
		!is_builtin(program) && !is_in_path(program, path))
		rc = err_set(e, "%s is no program on this host", program);
	free(program);
	return rc;
}

static void
check_acct(const struct snapshot *s, const struct acct_conf *a,
    struct conf_errors *errs)
{
	struct acct_checker c = { errs, a };
	struct err e;
	int rc = 0;

	if (a->kind == ACCT_FILE)
		rc = check_parent(a->path, &e);
	else if (a->kind == ACCT_PIPE)
		rc = check_command(a->path + 1, &e);
	if (rc == -1)
		conf_warning(errs, a->file, a->line, "<acct-file %s>: %s",
		    a->path, e.text);
	(void)explain_acct(s, a->path, check_acct_setting, &c, &e);
}

static bool
is_local(void *ctx, const struct net_addr *a)
{
	(void)ctx;
	return net_addr_is_local(a);
}

void
host_check(const struct snapshot *s, struct conf_errors *errs)
{
	explain_global(s, check_setting, errs);
	for (size_t i = 0; i < snapshot_acct_count(s); i++)
		check_acct(s, snapshot_acct_at(s, i), errs);
	snapshot_check_sources(s, is_local, NULL, errs); /* puts all in order */
}
