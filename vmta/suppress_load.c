/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/suppress_load.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 1 << 16 };

static int
read_all(int fd, size_t max, struct buf *out, struct stat *st, struct err *e)
{
	ssize_t n;

	if (fstat(fd, st) == -1)
		return err_sys(e, "fstat");
	if (!S_ISREG(st->st_mode))
		return err_set(e, "not a file");
	if (st->st_size > (off_t)max)
		return err_set(e, "more than %zu bytes", max);
	for (size_t left = max;; left -= (size_t)n) {
		buf_reserve(out, PIECE);
		n = read(fd, out->p + out->len, left < PIECE ? left : PIECE);
		if (n == -1 && errno == EINTR)
			n = 0;
		else if (n == -1)
			return err_sys(e, "read");
		else if (n == 0)
			return 0;
		out->len += (size_t)n;
	}
}

static int
load(const char *path, size_t max, struct buf *out, struct stat *st,
    struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), rc;

	if (fd == -1)
		return err_sys(e, "%s", path);
	buf_reserve(out, 1); /* what is empty is no NULL */
	rc = read_all(fd, max, out, st, e);
	(void)close(fd);
	return rc == -1 ? err_where(e, "%s", path) : 0;
}

static bool
is_printable(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] < ' ' || p[i] > '~')
			return false;
	return true;
}

int
suppress_key_load(const char *path, struct buf *key, bool *open_r,
    struct err *e)
{
	struct stat st = { 0 };
	size_t len;

	*open_r = false;
	if (load(path, SUPPRESS_KEY_MAX, key, &st, e) == -1)
		return -1;
	*open_r = (st.st_mode & (S_IROTH | S_IWOTH)) != 0;
	len = key->len;
	if (len > 0 && key->p[len - 1] == '\n')
		len--;
	if (len > 0 && len < key->len && key->p[len - 1] == '\r')
		len--;
	if (is_printable(key->p, len))
		key->len = len;
	return key->len > 0 ? 0 : err_set(e, "%s: it is empty", path);
}

int
suppress_text_load(const char *path, struct buf *text, struct err *e)
{
	struct stat st;

	return load(path, SUPPRESS_TEXT_MAX, text, &st, e);
}
