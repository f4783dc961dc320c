/* SPDX-License-Identifier: Apache-2.0 */
/* acct: which acct-files there are - at start, after a reload, no more. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "transport/acct_priv.h"
#include "transport/acct_rotate.h"

#define ORPHAN_US (INT64_C(8) * 86400 * US_PER_S)

struct acct_sink *
acct_find(struct acct *a, const char *tag)
{
	struct acct_sink *s;

	STAILQ_FOREACH(s, &a->sinks, link)
	if (strcmp(s->tag, tag) == 0)
		return s;
	return NULL;
}

/* ---- can they be written? ------------------------------------------------ */

/* Write and search, as the user that the process runs as. */
static int
check_folder(const char *path, const char *folder, dev_t *device_r,
    struct err *e)
{
	struct stat st;

	if (stat(folder, &st) == -1 ||
	    faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == -1)
		return err_sys(e, "acct-file %s: %s", path, folder);
	if (!S_ISDIR(st.st_mode))
		return err_set(e, "acct-file %s: %s is no folder", path,
		    folder);
	*device_r = st.st_dev;
	return 0;
}

static int
check_file(const struct acct_conf *c, struct err *e)
{
	struct buf folder = { 0 };
	dev_t here = 0, there = 0;
	int rc;

	acct_rotate_folder(c->path, &folder);
	rc = check_folder(c->path, buf_cstr(&folder), &here, e);
	if (rc == 0 && c->move_to[0] != '\0') {
		rc = check_folder(c->path, c->move_to, &there, e);
		if (rc == 0 && here != there)
			rc = err_set(e,
			    "acct-file %s: move-to %s is another file system",
			    c->path, c->move_to);
	}
	buf_fini(&folder);
	return rc;
}

int
acct_check(const struct snapshot *conf, struct err *e)
{
	for (size_t i = 0; i < snapshot_acct_count(conf); i++) {
		const struct acct_conf *c = snapshot_acct_at(conf, i);

		if (c->kind == ACCT_FILE && check_file(c, e) == -1)
			return -1;
	}
	return 0;
}

/* ---- at start ------------------------------------------------------------ */

/* Buffers are kept only if somebody reads them. */
static bool
is_served(const struct acct *a, const struct acct_conf *c)
{
	return c->kind == ACCT_FILE || a->owner->grown != NULL;
}

/* A file and a buffer may have had the same tag. */
static bool
fits(const struct acct_state_entry *en, const struct acct_conf *c)
{
	char name[ACCT_NAME_MAX];

	if (en->name_len >= sizeof(name))
		return false;
	memcpy(name, en->name, en->name_len);
	name[en->name_len] = '\0';
	return name[0] == '\0' ||
	    (acct_buffer_number(name) != 0) == (c->kind != ACCT_FILE);
}

static int
open_sink(struct acct *a, const struct acct_conf *c,
    const struct acct_state_entry *en, struct err *e)
{
	struct acct_sink *s = acct_sink_new(++a->numbers, c->path, a->seen);
	struct err why;

	acct_sink_set_conf(s, a->conf, c);
	if (acct_sink_resume(s, en, a->spool_dir, e) == -1) {
		acct_sink_free(&s);
		return -1;
	}
	STAILQ_INSERT_TAIL(&a->sinks, s, link);
	/* A full disk is no reason not to deliver mail. */
	if (s->file.fd == -1 && acct_sink_open_next(s, &why) == -1)
		acct_sink_fail(s, why.text);
	return 0;
}

static bool
is_there(const char *folder)
{
	return access(folder, F_OK) == 0;
}

/* A buffer that the configuration no longer has: where its sender was. */
static void
keep_orphan(struct acct *a, const struct acct_state_entry *en)
{
	char *tag = mem_strndup(en->tag, en->tag_len);
	char id[ACCT_BUFFER_ID];
	struct buf folder = { 0 };
	struct acct_sink *s;

	acct_buffer_id(id, tag);
	buf_printf(&folder, "%s/acct/%s", a->spool_dir, id);
	if (acct_find(a, tag) == NULL && is_there(buf_cstr(&folder)) &&
	    en->name_len < ACCT_NAME_MAX) {
		s = acct_sink_new(++a->numbers, tag, en->next);
		s->kept = s->now = *en;
		memcpy(s->name, en->name, en->name_len);
		s->until = 0;
		STAILQ_INSERT_TAIL(&a->sinks, s, link);
	}
	buf_fini(&folder);
	free(tag);
}

int
acct_open_sinks(struct acct *a, const struct snapshot *conf, struct err *e)
{
	struct acct_state_entry en;
	size_t at = 0;

	if (acct_check(conf, e) == -1)
		return -1;
	a->conf = snapshot_ref(conf);
	for (size_t i = 0; i < snapshot_acct_count(conf); i++) {
		const struct acct_conf *c = snapshot_acct_at(conf, i);
		bool known = acct_state_find(a->state, c->path, &en) &&
		    fits(&en, c);

		if (is_served(a, c) &&
		    open_sink(a, c, known ? &en : NULL, e) == -1)
			return -1;
	}
	while (acct_state_each(a->state, &at, &en))
		keep_orphan(a, &en);
	acct_look_for_orphans(a);
	return 0;
}

/* ---- no more ------------------------------------------------------------- */

static bool
is_known(void *ctx, const char *id)
{
	char its[ACCT_BUFFER_ID];
	const struct acct *a = ctx;
	const struct acct_sink *s;

	STAILQ_FOREACH(s, &a->sinks, link)
	{
		acct_buffer_id(its, s->tag);
		if (s->buffer != NULL && strcmp(its, id) == 0)
			return true;
	}
	return false;
}

void
acct_look_for_orphans(struct acct *a)
{
	acct_buffer_orphans(a->spool_dir, is_known, a, ORPHAN_US);
}

/* Its files stay, and where its sender was. */
static void
make_orphan(struct acct_sink *s)
{
	acct_file_close(&s->file);
	acct_buffer_free(&s->buffer);
	acct_sink_set_conf(s, NULL, NULL);
	s->until = 0;
	s->failed = false;
}

void
acct_drop_left(struct acct *a)
{
	STAILQ_HEAD(, acct_sink) all = STAILQ_HEAD_INITIALIZER(all);
	struct acct_sink *s;
	bool orphaned = false;

	STAILQ_CONCAT(&all, &a->sinks);
	while ((s = STAILQ_FIRST(&all)) != NULL) {
		bool left = s->conf != NULL && s->kept.next >= s->until;

		STAILQ_REMOVE_HEAD(&all, link);
		if (left && s->buffer == NULL) {
			acct_sink_free(&s);
			continue;
		}
		if (left) {
			make_orphan(s);
			orphaned = true;
		}
		STAILQ_INSERT_TAIL(&a->sinks, s, link);
	}
	if (orphaned)
		acct_look_for_orphans(a);
}

/* ---- a reload ------------------------------------------------------------ */

struct reload {
	struct post post;
	struct acct *acct;
	struct snapshot *conf;
};

static const struct acct_conf *
conf_of(const struct acct *a, const struct snapshot *conf,
    const struct acct_sink *s)
{
	for (size_t i = 0; i < snapshot_acct_count(conf); i++) {
		const struct acct_conf *c = snapshot_acct_at(conf, i);

		if (strcmp(c->path, s->tag) == 0 && is_served(a, c) &&
		    (s->conf == NULL || s->conf->kind == c->kind))
			return c;
	}
	return NULL;
}

/*
 * A file that cannot be written goes on to be tried, until what came before
 * the reload is in it.
 */
static void
leave_old(struct acct *a, const struct snapshot *conf)
{
	struct acct_sink *s;

	STAILQ_FOREACH(s, &a->sinks, link)
	{
		s->failed = false; /* tried at once: the cause may be gone */
		if (s->conf != NULL && conf_of(a, conf, s) == NULL &&
		    s->until == UINT64_MAX)
			s->until = a->seen;
	}
	acct_drop_left(a);
}

/* An orphan is wanted again: it goes on behind what it had. */
static int
revive(struct acct *a, struct acct_sink *s, const struct acct_conf *c,
    struct err *e)
{
	struct acct_state_entry en = s->kept;

	en.next = a->seen;
	en.takes = 0; /* what came meanwhile is not in it */
	en.name = s->name;
	en.name_len = strlen(s->name);
	STAILQ_REMOVE(&a->sinks, s, acct_sink, link);
	if (open_sink(a, c, &en, e) == -1) {
		STAILQ_INSERT_TAIL(&a->sinks, s, link);
		return -1;
	}
	acct_sink_free(&s);
	return 0;
}

static int
take_one(struct acct *a, const struct acct_conf *c, struct err *e)
{
	struct acct_sink *s = acct_find(a, c->path);

	if (s == NULL)
		return open_sink(a, c, NULL, e);
	if (s->conf == NULL)
		return revive(a, s, c, e);
	if (s->conf->kind != c->kind)
		return err_set(e,
		    "acct-file %s: what it was before still waits to be "
		    "written; it changes with a later reload",
		    c->path);
	acct_sink_set_conf(s, a->conf, c);
	if (s->file.fd != -1)
		(void)fchmod(s->file.fd, acct_sink_mode(s));
	return 0;
}

static void
on_reload(struct post *p)
{
	struct reload *r = post_owner(p, struct reload, post);
	struct acct *a = r->acct;
	struct err e;

	acct_commit(a);
	leave_old(a, r->conf);
	snapshot_unref(&a->conf);
	a->conf = r->conf;
	for (size_t i = 0; i < snapshot_acct_count(a->conf); i++) {
		const struct acct_conf *c = snapshot_acct_at(a->conf, i);

		if (is_served(a, c) && take_one(a, c, &e) == -1)
			log_note(LOG_L_ERROR, "acct", "%s", e.text);
	}
	/* New files are in it before they get rows. */
	(void)acct_keep_state(a);
	a->tidy_us = 0;
	free(r);
}

void
acct_reload(struct acct *a, const struct snapshot *conf)
{
	struct reload *r = mem_new(struct reload);

	r->post.fn = on_reload;
	r->acct = a;
	r->conf = snapshot_ref(conf);
	worker_post(a->worker, &r->post);
}
