/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import: a configuration out of that of another system, with a report of what
 * became of each of its settings.  Needs no daemon, and changes nothing of the
 * other system.
 */
#include "admin/ctl_cmds.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/ctl_ask.h"
#include "admin/host_check.h"
#include "compat/exim/ex_ask.h"
#include "compat/exim/ex_import.h"
#include "compat/import_conf.h"
#include "compat/opendkim_import.h"
#include "compat/pmta/pm_import.h"
#include "compat/postfix/pf_host.h"
#include "compat/postfix/pf_import.h"
#include "lib/mem.h"
#include "vmta/snapshot.h"

#define DAEMON_GROUP "mailrace"
#define OPENDKIM_CONF "/etc/opendkim.conf"
#define PMTA_CONF "/etc/pmta/config"
#define PMTA_ROUNDS 100            /* of leaving out; few are needed */
#define FD_FOLDER "/proc/self/fd/" /* where a result is read from */
#define TEXT_MAX ((size_t)16 << 20)

struct made {
	const struct ctl_options *opt;
	struct region *rg;
	struct import_report *report;
	struct import_conf *conf;
	struct pm_import *pmta; /* in place of conf, or NULL */
	struct buf said;        /* by programs of the other system */
};

static void
made_init(struct made *m, const struct ctl_options *opt)
{
	*m = (struct made){ .opt = opt, .rg = region_new() };
	m->report = import_report_new(m->rg);
	m->conf = import_conf_new(m->rg, m->report);
}

static void
made_fini(struct made *m)
{
	buf_fini(&m->said);
	import_conf_free(&m->conf);
	region_free(&m->rg);
}

static int
fail(const struct err *e)
{
	(void)fprintf(stderr, "mailrace: %s\n", e->text);
	return 2;
}

/* ---- the result ------------------------------------------------------------ */

static int
write_all(int fd, const struct buf *text, const char *path, struct err *e)
{
	for (size_t at = 0; at < text->len;) {
		ssize_t n = write(fd, text->p + at, text->len - at);

		if (n == -1 && errno != EINTR)
			return err_sys(e, "%s", path);
		at += n == -1 ? 0 : (size_t)n;
	}
	return 0;
}

/* The text with what is above it. */
static void
make_text(const struct made *m, const char *from, bool with_secrets,
    struct buf *text)
{
	buf_printf(text, "# Made by `mailrace import` from %s.\n\n", from);
	if (m->pmta != NULL)
		pm_import_print(m->pmta, with_secrets, text);
	else
		import_conf_print(m->conf, with_secrets, text);
}

/* What `test config` would say of it; here too, or only what it says. */
static bool
check(const struct buf *text, bool here, struct conf_errors *errs)
{
	struct snapshot *conf = NULL;
	int fd = memfd_create("import", MFD_CLOEXEC);
	char path[64];
	struct err e;

	(void)snprintf(path, sizeof(path), FD_FOLDER "%d", fd);
	if (fd == -1 || write_all(fd, text, path, &e) == -1)
		conf_error(errs, path, 0, "the result cannot be checked");
	else
		conf = snapshot_load(path, errs);
	if (conf != NULL && here)
		host_check(conf, errs);
	if (fd != -1)
		(void)close(fd);
	snapshot_unref(&conf);
	return errs->fatal == 0;
}

/* What root writes is for the daemons, whose user has a group of its own. */
static int
let_daemons_read(int fd, const char *path, struct err *e)
{
	struct group entry, *found = NULL;
	char scratch[4096];

	if (geteuid() != 0 ||
	    getgrnam_r(DAEMON_GROUP, &entry, scratch, sizeof(scratch),
		&found) != 0 ||
	    found == NULL)
		return 0;
	if (fchown(fd, (uid_t)-1, found->gr_gid) == -1 ||
	    fchmod(fd, 0640) == -1)
		return err_sys(e, "%s", path);
	return 0;
}

/*
 * All of it or nothing, and for nobody but its owner and the daemons, since
 * passwords may be in it.  A file that is there stays, unless --force.
 */
static int
write_file(const struct ctl_options *opt, const struct buf *text, struct err *e)
{
	const char *path = opt->values[OPT_OUTPUT];
	bool force = opt->values[OPT_FORCE] != NULL;
	struct buf made = { 0 };
	const char *new;
	int fd, rc = -1;

	buf_printf(&made, "%s.new", path);
	new = buf_cstr(&made);
	fd = open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd == -1) {
		(void)err_sys(e, "%s", new);
		buf_fini(&made);
		return -1;
	}
	if (let_daemons_read(fd, new, e) == -1 ||
	    write_all(fd, text, new, e) == -1)
		goto out;
	if (fsync(fd) == -1) {
		(void)err_sys(e, "%s", new);
		goto out;
	}
	if (force ? rename(new, path) == -1 : link(new, path) == -1) {
		(void)err_sys(e, "%s", path);
		goto out;
	}
	rc = 0;
out:
	(void)close(fd);
	if (rc == -1 || !force)
		(void)unlink(new);
	buf_fini(&made);
	return rc;
}

/* Before anything is asked: is there a file already? */
static int
check_output(const struct ctl_options *opt, struct err *e)
{
	const char *path = opt->values[OPT_OUTPUT];
	struct stat st;

	if (path == NULL || opt->values[OPT_FORCE] != NULL ||
	    lstat(path, &st) == -1)
		return 0;
	return err_set(e, "%s is there already; --force writes over it", path);
}

/* ---- told ------------------------------------------------------------------ */

/* Without the name of a file that is none. */
static void
print_errors(const struct conf_errors *errs, FILE *to)
{
	for (size_t i = 0; i < errs->n; i++)
		(void)fprintf(to, "%s in the result, %s%s\n",
		    errs->v[i].warning ? "warning" : "error",
		    errs->v[i].line == 0 ? "" : "line ",
		    errs->v[i].text + errs->v[i].file_len + 1);
}

static json_t *
errors_json(const struct conf_errors *errs)
{
	json_t *list = json_array();

	for (size_t i = 0; i < errs->n; i++)
		(void)json_array_append_new(list,
		    json_pack("{s:b,s:i,s:o}", "warning", errs->v[i].warning,
			"line", (int)errs->v[i].line, "text",
			ctl_string(errs->v[i].text + errs->v[i].file_len + 1)));
	return list;
}

static void
print_json(const struct made *m, struct buf *text,
    const struct conf_errors *errs, bool good)
{
	const char *path = m->opt->values[OPT_OUTPUT];
	json_t *answer = json_pack("{s:b,s:o,s:o,s:o}", "good", good, "errors",
	    errors_json(errs), "report", import_report_json(m->report),
	    path == NULL ? "configuration" : "output",
	    ctl_string(path == NULL ? buf_cstr(text) : path));

	ctl_print_json(answer);
	json_decref(answer);
}

static void
print_text(struct made *m, const struct buf *text,
    const struct conf_errors *errs)
{
	const char *path = m->opt->values[OPT_OUTPUT];
	FILE *to = path == NULL ? stderr : stdout;
	struct buf report = { 0 };

	if (path == NULL)
		(void)fwrite(text->p, 1, text->len, stdout);
	(void)fflush(stdout);
	import_report_print(m->report, &report);
	if (m->said.len > 0)
		(void)fprintf(to, "%s\n", buf_cstr(&m->said));
	(void)fprintf(to, "%s", buf_cstr(&report));
	print_errors(errs, to);
	buf_fini(&report);
}

/* 0: all of it is as safe as it was. */
static int
finish(struct made *m, const char *from)
{
	struct buf text = { 0 }, shown = { 0 };
	struct conf_errors errs = {
		.portable = m->opt->values[OPT_PORTABLE] != NULL,
	};
	bool good;
	struct err e;
	int rc = 0;

	make_text(m, from, true, &text);
	make_text(m, from, false, &shown);
	good = check(&text, true, &errs);
	if (m->opt->values[OPT_OUTPUT] != NULL &&
	    write_file(m->opt, &text, &e) == -1)
		rc = fail(&e);
	if (rc == 0) {
		if (m->opt->json)
			print_json(m, &shown, &errs, good);
		else
			print_text(m, &shown, &errs);
		if (!good || import_report_count(m->report, IMPORT_UNSAFE) > 0)
			rc = 1;
	}
	conf_errors_fini(&errs);
	buf_fini(&text);
	buf_fini(&shown);
	return rc;
}

/* ---- postfix --------------------------------------------------------------- */

static int
import_postfix(struct made *m, struct pf_host *host, struct err *e)
{
	struct pf_conf *conf = pf_conf_new(m->rg);
	const struct pf_import_source from = { conf, pf_host_fetch, host };
	int rc = pf_host_read(host, conf, e);

	if (rc == 0) {
		pf_import(&from, m->rg, m->conf, m->report);
		buf_add(&m->said, host->complaints.p, host->complaints.len);
	}
	pf_conf_free(&conf);
	return rc;
}

int
cmd_import_postfix(const struct ctl_options *opt)
{
	struct pf_host host = { 0 };
	struct made m;
	struct err e;
	int rc;

	made_init(&m, opt);
	if (check_output(opt, &e) == -1 ||
	    pf_host_open(&host, m.rg, opt->values[OPT_CONFIG_DIR], &e) == -1 ||
	    import_postfix(&m, &host, &e) == -1)
		rc = fail(&e);
	else
		rc = finish(&m, host.folder);
	pf_host_close(&host);
	made_fini(&m);
	return rc;
}

/* ---- exim ------------------------------------------------------------------ */

static int
import_exim(struct made *m, struct ex_host *host, const char **path_r,
    struct err *e)
{
	struct ex_conf *conf = ex_conf_new(m->rg);
	const struct ex_import_source from = { conf, ex_host_fetch,
		ex_host_list, ex_host_expand, host };
	int rc = ex_host_read(host, conf, e);

	if (rc == 0)
		ex_import(&from, m->rg, m->conf, m->report);
	*path_r = conf->path;
	ex_conf_free(&conf);
	return rc;
}

int
cmd_import_exim(const struct ctl_options *opt)
{
	const char *path;
	struct ex_host host;
	struct made m;
	struct err e;
	int rc;

	made_init(&m, opt);
	ex_host_open(&host, m.rg, opt->argument);
	if (check_output(opt, &e) == -1 ||
	    import_exim(&m, &host, &path, &e) == -1)
		rc = fail(&e);
	else
		rc = finish(&m, path);
	made_fini(&m);
	return rc;
}

/* ---- opendkim -------------------------------------------------------------- */

static int
read_text(const char *path, struct buf *text, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char piece[8192];
	ssize_t n = 0;

	if (fd == -1)
		return err_sys(e, "%s", path);
	while (
	    text->len <= TEXT_MAX && (n = read(fd, piece, sizeof(piece))) > 0)
		buf_add(text, piece, (size_t)n);
	(void)close(fd);
	if (n == -1)
		return err_sys(e, "%s", path);
	return text->len > TEXT_MAX ? err_set(e, "%s: too large", path) : 0;
}

static int
real_path(const char *given, char *path, struct err *e)
{
	return realpath(given, path) == NULL ? err_sys(e, "%s", given) : 0;
}

int
cmd_import_opendkim(const struct ctl_options *opt)
{
	const char *given = opt->argument == NULL ? OPENDKIM_CONF :
						    opt->argument;
	char path[PATH_MAX];
	struct buf text = { 0 };
	struct made m;
	struct err e;
	int rc;

	made_init(&m, opt);
	if (check_output(opt, &e) == -1 || real_path(given, path, &e) == -1 ||
	    read_text(path, &text, &e) == -1) {
		rc = fail(&e);
	} else {
		opendkim_import(path, (struct slice){ text.p, text.len },
		    m.conf, m.report);
		rc = finish(&m, path);
	}
	buf_fini(&text);
	made_fini(&m);
	return rc;
}

/* ---- pmta ------------------------------------------------------------------ */

/* Leaves out each line that is an error; false: no line was. */
static bool
leave_out_errors(struct pm_import *pmta, const struct conf_errors *errs)
{
	bool some = false;

	for (size_t i = 0; i < errs->n; i++) {
		const struct conf_error *e = &errs->v[i];
		const char *text = strchr(e->text + e->file_len, ' ');

		/* A list that a line names has lines of its own. */
		if (!e->warning && text != NULL &&
		    strncmp(e->text, FD_FOLDER, strlen(FD_FOLDER)) == 0)
			some |= pm_import_leave_out(pmta, e->line, text + 1);
	}
	return some;
}

/*
 * Until what is left can be loaded.  What this host alone lacks, a file or an
 * address, is no reason.
 */
static void
settle(const struct made *m, const char *from)
{
	bool again = true;

	for (int i = 0; again && i < PMTA_ROUNDS; i++) {
		struct conf_errors errs = { .portable = true };
		struct buf text = { 0 };

		make_text(m, from, true, &text);
		again = !check(&text, false, &errs) &&
		    leave_out_errors(m->pmta, &errs);
		conf_errors_fini(&errs);
		buf_fini(&text);
	}
}

/* A file, or PowerMTA's folder. */
static int
pmta_path(const char *given, char *path, struct err *e)
{
	struct stat st;
	struct buf file = { 0 };
	int rc;

	buf_str(&file, given == NULL ? PMTA_CONF : given);
	if (stat(buf_cstr(&file), &st) == 0 && S_ISDIR(st.st_mode))
		buf_str(&file, "/config");
	rc = real_path(buf_cstr(&file), path, e);
	buf_fini(&file);
	if (rc == 0 && access(path, R_OK) == -1)
		rc = err_sys(e, "%s", path);
	return rc;
}

int
cmd_import_pmta(const struct ctl_options *opt)
{
	struct conf_errors errs = { 0 };
	struct conf_tree tree = { 0 };
	char path[PATH_MAX];
	struct made m;
	struct err e;
	int rc;

	made_init(&m, opt);
	if (check_output(opt, &e) == -1 ||
	    pmta_path(opt->argument, path, &e) == -1) {
		rc = fail(&e);
	} else {
		conf_parse(&tree, path, m.rg, &errs);
		conf_errors_finish(&errs, 0);
		m.pmta = pm_import_new(&tree, m.rg);
		settle(&m, path);
		pm_import_tell(m.pmta, &errs, m.report);
		rc = finish(&m, path);
		conf_tree_fini(&tree);
	}
	conf_errors_fini(&errs);
	made_fini(&m);
	return rc;
}
