/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/offline.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/log.h"
#include "lib/str.h"
#include "queue/bytes.h"
#include "queue/leases.h"
#include "queue/lock.h"
#include "queue/store.h"

/* ---- open and close ------------------------------------------------------ */

/* As the daemon does it at its start, and then closes it well. */
static int
run_recovery(const char *dir, struct err *e)
{
	struct store_options opt = { .dir = dir, .workers = 1, .sessions = 1 };
	struct store_owner owner = { 0 };
	struct store *s;

	if (store_open(&opt, &owner, NULL, &s, e) == -1)
		return -1;
	store_close(&s);
	return 0;
}

/* lock_take() would make a folder's lock where there is no spool. */
static int
is_spool(const char *dir, struct stat *st_r, struct err *e)
{
	struct buf path = { 0 };
	int rc = 0;

	buf_printf(&path, "%s/db/ledger.db%c", dir, '\0');
	if (stat(path.p, st_r) == -1)
		rc = errno == ENOENT || errno == ENOTDIR ?
		    err_set(e, "%s is not a spool", dir) :
		    err_sys(e, "%s", path.p);
	buf_fini(&path);
	return rc;
}

static int
become_owner(const struct stat *st, struct err *e)
{
	if (geteuid() != 0 || st->st_uid == 0)
		return 0;
	if (setegid(st->st_gid) == -1 || seteuid(st->st_uid) == -1)
		return err_sys(e, "taking the rights of the spool's owner");
	return 0;
}

static void
become_self(void)
{
	/* What was real before is allowed again: this cannot fail. */
	CHECK(seteuid(getuid()) == 0 && setegid(getgid()) == 0);
}

static int
take_lock(const char *dir, bool recover, struct offline *sp, struct err *e)
{
	struct stat st;

	if (is_spool(dir, &st, e) == -1 || become_owner(&st, e) == -1 ||
	    lock_take(dir, &sp->lock, e) == -1)
		return -1;
	if (lock_was_ended_well(sp->lock))
		return 0;
	if (!recover)
		return err_set(e,
		    "%s was not closed well: start and stop mailraced, or use "
		    "--recover",
		    dir);
	lock_free(&sp->lock);
	if (run_recovery(dir, e) == -1)
		return -1;
	return lock_take(dir, &sp->lock, e);
}

static int
read_ledger(struct offline *sp, struct err *e)
{
	struct slice key = SLICE_LIT("ledger"), rec;

	switch (env_get(sp->env, TABLE_LEDGER, key, &rec, e)) {
	case ENV_OK:
		return record_ledger_unpack(key, rec, &sp->ledger, e);
	case ENV_ABSENT:
		return err_set(e, "the ledger has no row");
	case ENV_EXISTS:
	case ENV_NO_SPACE:
	case ENV_FAILED:
		break;
	}
	return -1;
}

int
offline_open(const char *dir, bool recover, struct offline *sp, struct err *e)
{
	*sp = (struct offline){ .dir = dir };
	if (take_lock(dir, recover, sp, e) == -1)
		return -1;
	if (env_open(dir, &sp->env, e) != ENV_OK)
		return err_where(e, "database");
	sp->reader = segment_reader_new(dir);
	return read_ledger(sp, e);
}

void
offline_close(struct offline *sp)
{
	bool well = sp->env != NULL;

	segment_reader_free(&sp->reader);
	if (env_close(&sp->env) == -1)
		well = false;
	/* What was found unclean stays so for the daemon. */
	if (well && sp->lock != NULL)
		lock_end_well(sp->lock);
	lock_free(&sp->lock);
	become_self();
}

/* ---- rows ---------------------------------------------------------------- */

static const struct table {
	const char *name;
	enum record_tag tag;
	size_t key_min, key_max;
} tables[TABLE_COUNT] = {
	[TABLE_MESSAGE] = { "message", RECORD_MESSAGE, KEY_ID, KEY_ID },
	[TABLE_STATE] = { "state", RECORD_STATE, KEY_STATE, KEY_STATE },
	[TABLE_LEDGER] = { "ledger", RECORD_LEDGER, 6, 6 },
	[TABLE_OUTBOX] = { "outbox", RECORD_OUTBOX, KEY_ID, KEY_ID },
	[TABLE_HANDOVER] = { "handover", RECORD_HANDOVER, 16, 16 },
	[TABLE_BUCKET] = { "bucket", RECORD_BUCKET, KEY_BUCKET, KEY_BUCKET },
	[TABLE_DOUBT] = { "doubt", RECORD_DOUBT, KEY_DOUBT, KEY_DOUBT },
	[TABLE_POLICY] = { "policy", RECORD_POLICY, 1, KEY_POLICY_MAX },
	[TABLE_LEASE] = { "lease", RECORD_LEASE, 1, LEASE_KEY_MAX },
};

int
offline_check_row(enum env_table t, struct slice key, struct slice rec,
    struct err *e)
{
	const struct table *table = &tables[t];
	struct record_outbox blob;
	struct lease_record lease;
	struct slice payload;

	if (key.len < table->key_min || key.len > table->key_max)
		return err_set(e, "a key of %zu bytes", key.len);
	if (t == TABLE_OUTBOX)
		return record_outbox_open(key, rec, &blob, e);
	if (t == TABLE_LEASE)
		return leases_unpack(key, rec, &lease, e);
	return record_open(table->tag, key, rec, &payload, e);
}

const char *
offline_table_name(enum env_table t)
{
	return tables[t].name;
}
