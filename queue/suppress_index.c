/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/suppress_index.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/current.h"
#include "lib/mem.h"
#include "lib/ref.h"
#include "queue/bytes.h"
#include "queue/suppress_file.h"

/* A base may be replaced between two looks: then once more. */
enum { TRIES = 5 };

/* A file as it was opened; its inode is not used again while it is mapped. */
struct mapped {
	struct ref ref;
	void *p;
	size_t len;
	dev_t dev;
	ino_t ino;
	struct suppress_file file;
};

struct suppress_view {
	struct ref ref;
	struct mapped *base, *delta; /* delta: NULL if there is no file */
};

struct suppress_index {
	char *base; /* its path */
	uint64_t list;
	uint32_t digest_len;
	struct current *current;
};

/* ---- one file ------------------------------------------------------------ */

static void
mapped_unref(struct mapped **mp)
{
	struct mapped *m = *mp;

	*mp = NULL;
	if (m == NULL || !ref_put(&m->ref))
		return;
	if (m->p != MAP_FAILED)
		(void)munmap(m->p, m->len);
	free(m);
}

static int
mapped_read(struct mapped *m, const struct suppress_index *ix, int fd,
    struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return err_sys(e, "fstat");
	if (!S_ISREG(st.st_mode) || st.st_size < SUPPRESS_HEAD)
		return err_set(e, "cut off: its head is not whole");
	m->dev = st.st_dev;
	m->ino = st.st_ino;
	m->len = (size_t)st.st_size;
	m->p = mmap(NULL, m->len, PROT_READ, MAP_SHARED, fd, 0);
	if (m->p == MAP_FAILED)
		return err_sys(e, "mmap");
	if (suppress_file_read(bytes(m->p, m->len), &m->file, e) == -1)
		return -1;
	if (m->file.head.list != ix->list ||
	    m->file.head.digest_len != ix->digest_len)
		return err_set(e,
		    "it is of another list, or was made by other choices: import it again");
	return 0;
}

/* The same mapping as held while the file is the same; NULL: no file. */
static int
mapped_get(const struct suppress_index *ix, const char *path,
    struct mapped *held, struct mapped **m_r, struct err *e)
{
	struct mapped *m;
	struct stat st;
	int fd, rc;

	*m_r = NULL;
	if (held != NULL && stat(path, &st) == 0 && st.st_dev == held->dev &&
	    st.st_ino == held->ino) {
		ref_get(&held->ref);
		*m_r = held;
		return 0;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return errno == ENOENT ? 0 : err_sys(e, "%s", path);
	m = mem_new(struct mapped);
	ref_init(&m->ref);
	m->p = MAP_FAILED;
	rc = mapped_read(m, ix, fd, e);
	(void)close(fd);
	if (rc == -1) {
		mapped_unref(&m);
		return err_where(e, "%s", path);
	}
	*m_r = m;
	return 0;
}

/* ---- a view -------------------------------------------------------------- */

static void *
view_ref(void *obj)
{
	struct suppress_view *v = obj;

	ref_get(&v->ref);
	return v;
}

static void
view_unref(void *obj)
{
	struct suppress_view *v = obj;

	if (!ref_put(&v->ref))
		return;
	mapped_unref(&v->base);
	mapped_unref(&v->delta);
	free(v);
}

void
suppress_view_unref(struct suppress_view **vp)
{
	struct suppress_view *v = *vp;

	*vp = NULL;
	if (v != NULL)
		view_unref(v);
}

/*
 * The delta of a base that has been replaced is gone, perhaps before we have
 * seen it: what is not the newest base is no view.
 */
static bool
is_base_still(const struct suppress_index *ix, const struct suppress_view *v)
{
	struct stat st;

	return stat(ix->base, &st) == 0 && st.st_dev == v->base->dev &&
	    st.st_ino == v->base->ino;
}

static int
delta_get(const struct suppress_index *ix, const struct suppress_view *held,
    struct suppress_view *v, struct err *e)
{
	uint64_t of = v->base->file.head.generation;
	char *path = suppress_file_beside(ix->base, "delta", of);
	int rc = mapped_get(ix, path, held == NULL ? NULL : held->delta,
	    &v->delta, e);

	if (rc == 0 && v->delta != NULL && v->delta->file.head.base != of)
		rc = err_set(e, "%s: it is of another base", path);
	free(path);
	return rc;
}

/* One look at both files; NULL: the base was replaced meanwhile. */
static int
view_look(const struct suppress_index *ix, const struct suppress_view *held,
    struct suppress_view **v_r, struct err *e)
{
	struct suppress_view *v = mem_new(struct suppress_view);
	int rc;

	ref_init(&v->ref);
	rc = mapped_get(ix, ix->base, held == NULL ? NULL : held->base,
	    &v->base, e);
	if (rc == 0 && v->base == NULL) {
		errno = ENOENT;
		err_sys(e, "%s", ix->base);
		rc = -1;
	}
	if (rc == 0)
		rc = delta_get(ix, held, v, e);
	if (rc != 0 || !is_base_still(ix, v))
		suppress_view_unref(&v);
	*v_r = v;
	return rc;
}

static int
view_load(const struct suppress_index *ix, const struct suppress_view *held,
    struct suppress_view **v_r, struct err *e)
{
	for (int i = 0; i < TRIES; i++) {
		if (view_look(ix, held, v_r, e) == -1)
			return -1;
		if (*v_r != NULL)
			return 0;
	}
	return err_set(e, "%s: it is replaced too often", ix->base);
}

bool
suppress_view_has(const struct suppress_view *v, const void *digest)
{
	if (v->delta != NULL) {
		if (suppress_file_lists(&v->delta->file, digest))
			return true;
		if (suppress_file_removes(&v->delta->file, digest))
			return false;
	}
	return suppress_file_lists(&v->base->file, digest);
}

uint64_t
suppress_view_generation(const struct suppress_view *v)
{
	return v->base->file.head.generation;
}

uint64_t
suppress_view_delta(const struct suppress_view *v)
{
	return v->delta != NULL ? v->delta->file.head.generation : 0;
}

/* ---- the index ----------------------------------------------------------- */

int
suppress_index_open(const char *path, uint64_t list, uint32_t digest_len,
    struct suppress_index **ix_r, struct err *e)
{
	struct suppress_index *ix = mem_new(struct suppress_index);
	struct suppress_view *v;

	*ix_r = NULL;
	ix->base = mem_strdup(path);
	ix->list = list;
	ix->digest_len = digest_len;
	if (view_load(ix, NULL, &v, e) == -1) {
		suppress_index_free(&ix);
		return -1;
	}
	ix->current = current_new_take(v, view_ref, view_unref);
	*ix_r = ix;
	return 0;
}

void
suppress_index_free(struct suppress_index **ixp)
{
	struct suppress_index *ix = *ixp;

	*ixp = NULL;
	if (ix == NULL)
		return;
	if (ix->current != NULL)
		current_free(&ix->current);
	free(ix->base);
	free(ix);
}

struct suppress_view *
suppress_index_get(struct suppress_index *ix)
{
	return current_get(ix->current);
}

int
suppress_index_follow(struct suppress_index *ix, bool *changed_r, struct err *e)
{
	struct suppress_view *held = suppress_index_get(ix), *v;
	int rc = view_load(ix, held, &v, e);

	*changed_r = rc == 0 &&
	    (v->base != held->base || v->delta != held->delta);
	if (*changed_r)
		current_set_take(ix->current, v);
	else if (rc == 0)
		suppress_view_unref(&v);
	suppress_view_unref(&held);
	return rc;
}
