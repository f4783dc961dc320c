/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/postfix/pf_site.h"

#include <string.h>

#include "lib/run_command.h"

/* The way to a service, the service. */
static const char *const files[] = { "main.cf", "master.cf" };

#define ARGV(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* ---- programs of Postfix ------------------------------------------------- */

/* What it printed; it must end with status 0. */
static int
ask(const char *const *argv, struct buf *out, struct err *e)
{
	const struct command c = { .argv = argv };
	struct command_end end;
	int rc = command_must(&c, &end, e);

	if (rc == 0 && out != NULL)
		buf_add(out, end.out.p, end.out.len);
	command_end_fini(&end);
	return rc;
}

/* ---- the place ----------------------------------------------------------- */

int
pf_site_init(struct pf_site *s, const char *dir, struct err *e)
{
	struct buf out = { .p = NULL };
	int rc = 0;

	*s = (struct pf_site){ .files = { .rg = NULL } };
	if (dir == NULL) {
		rc = ask(ARGV("postconf", "-h", "config_directory"), &out, e);
		out.len = strcspn(buf_cstr(&out), "\n");
		dir = buf_cstr(&out);
	}
	host_files_init(&s->files, dir);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		(void)host_files_add(&s->files, files[i]);
	s->rg = s->files.rg;
	s->dir = s->files.dir;
	buf_fini(&out);
	return rc;
}

void
pf_site_fini(struct pf_site *s)
{
	host_files_fini(&s->files);
}

/* ---- asking -------------------------------------------------------------- */

typedef void read_fn(struct pf_conf *c, struct slice text);

static int
ask_postconf(const char *const *argv, read_fn *read, struct pf_conf *c,
    struct err *e)
{
	struct buf said = { .p = NULL };
	int rc = ask(argv, &said, e);

	if (rc == 0)
		read(c, (struct slice){ said.p, said.len });
	buf_fini(&said);
	return rc;
}

int
pf_site_read(const struct pf_site *s, struct pf_conf *c, struct err *e)
{
	if (ask_postconf(ARGV("postconf", "-c", s->dir, "-x"),
		pf_conf_read_values, c, e) == -1 ||
	    ask_postconf(ARGV("postconf", "-c", s->dir, "-n"), pf_conf_read_set,
		c, e) == -1)
		return -1;
	return ask_postconf(ARGV("postconf", "-c", s->dir, "-M"),
	    pf_conf_read_services, c, e);
}

int
pf_site_read_copies(const struct pf_site *s, struct pf_conf *c, struct err *e)
{
	/* What names the folder will name the one that the copies go to. */
	const char *folder = REGION_JOIN(s->rg, "config_directory=", s->dir);

	return ask_postconf(
	    ARGV("postconf", "-c", s->files.work, "-o", folder, "-x"),
	    pf_conf_read_values, c, e);
}

bool
pf_site_runs(const struct pf_site *s)
{
	struct err e;

	return ask(ARGV("postfix", "-c", s->dir, "status"), NULL, &e) == 0;
}

int
pf_site_list(const struct pf_site *s, const char *table, struct buf *out,
    struct err *e)
{
	return ask(ARGV("postmap", "-c", s->dir, "-s", table), out, e);
}

int
pf_site_get(const struct pf_site *s, const char *table, const char *key,
    struct buf *value, struct err *e)
{
	const struct command c = { .argv = ARGV("postmap", "-c", s->dir, "-q",
				       key, table),
		.timeout_s = 10 };
	struct command_end end;
	int rc = command_must(&c, &end, e);

	/* Status 1 is "no", and whatever it could not do. */
	if (rc == 0) {
		buf_add(value, end.out.p, end.out.len);
		rc = 1;
	} else if (end.code == 1 && !end.killed &&
	    (end.err.len == 0 ||
		memmem(end.err.p, end.err.len, "fatal:", 6) == NULL))
		rc = 0;
	command_end_fini(&end);
	return rc;
}

int
pf_site_has(const struct pf_site *s, const char *table, const char *key,
    struct err *e)
{
	struct buf value = { .p = NULL };
	int has = pf_site_get(s, table, key, &value, e);

	buf_fini(&value);
	return has;
}

/* ---- changing ------------------------------------------------------------ */

static int
edit(const struct pf_site *s, const struct host_change *c, struct err *e)
{
	static const char *const set[] = { [PF_PARAMETER] = "-e",
		[PF_SERVICE] = "-Me",
		[PF_OPTION] = "-Pe" };
	static const char *const remove[] = { [PF_PARAMETER] = "-X",
		[PF_SERVICE] = "-MX",
		[PF_OPTION] = "-PX" };
	const char *what = c->name;

	if (c->value != NULL)
		what = REGION_JOIN(s->rg, c->name, "=", c->value);
	return ask(ARGV("postconf", "-c", s->files.work,
		       c->value == NULL ? remove[c->kind] : set[c->kind], what),
	    NULL, e);
}

int
pf_site_edit(const struct pf_site *s, const struct host_plan *p, struct err *e)
{
	for (size_t i = 0; i < p->count; i++)
		if (edit(s, &p->changes[i], e) == -1)
			return err_where(e, "%s", p->changes[i].name);
	return host_files_keep_modes(&s->files, e);
}

int
pf_site_check(const struct pf_site *s, struct err *e)
{
	/* It looks at each file of the queue. */
	const struct command c = { .argv = ARGV("postfix", "-c", s->dir,
				       "check"),
		.timeout_s = 60 };
	struct command_end end;
	int rc = command_must(&c, &end, e);

	if (rc == -1 && (end.killed || end.code == 0))
		rc = 1;
	command_end_fini(&end);
	return rc;
}

int
pf_site_reload(const struct pf_site *s, struct err *e)
{
	return ask(ARGV("postfix", "-c", s->dir, "reload"), NULL, e);
}
