/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/suppress_secret.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/mem.h"
#include "lib/str.h"
#include "queue/suppress_write.h"

static char *
path_of(const char *dir, const char *name)
{
	size_t cap = strlen(dir) + strlen(name) + 2;
	char *path = mem_alloc(cap);

	(void)STR_JOIN(path, cap, dir, "/", name, NULL);
	return path;
}

static int
read_secret(int fd, const char *path, unsigned char *secret, struct err *e)
{
	unsigned char bytes[SUPPRESS_SECRET_LEN + 1];
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) == -1)
		return err_sys(e, "%s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, "%s: not a file", path);
	if ((st.st_mode & (S_IROTH | S_IWOTH)) != 0)
		return err_set(e, "%s: every user can read or write it", path);
	n = pread(fd, bytes, sizeof(bytes), 0);
	if (n == -1)
		return err_sys(e, "%s", path);
	if (n != SUPPRESS_SECRET_LEN)
		return err_set(e, "%s: it has not %d bytes", path,
		    SUPPRESS_SECRET_LEN);
	memcpy(secret, bytes, SUPPRESS_SECRET_LEN);
	OPENSSL_cleanse(bytes, sizeof(bytes));
	return 0;
}

int
suppress_secret_read(const char *dir, unsigned char secret[SUPPRESS_SECRET_LEN],
    bool *found_r, struct err *e)
{
	char *path = path_of(dir, "secret");
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), rc = 0;

	*found_r = fd != -1;
	if (fd != -1) {
		rc = read_secret(fd, path, secret, e);
		(void)close(fd);
	} else if (errno != ENOENT) {
		rc = err_sys(e, "%s", path);
	}
	free(path);
	return rc;
}

static int
sync_folder(const char *dir, struct err *e)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

	if (fd == -1)
		return err_sys(e, "%s", dir);
	rc = fsync(fd) == -1 ? err_sys(e, "%s: fsync", dir) : 0;
	(void)close(fd);
	return rc;
}

static int
make_secret(const char *dir, const char *new, const char *path,
    unsigned char *secret, struct err *e)
{
	int fd = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600),
	    rc = 0;

	if (fd == -1)
		return err_sys(e, "%s", new);
	if (RAND_bytes(secret, SUPPRESS_SECRET_LEN) != 1)
		rc = err_set(e, "OpenSSL gives no random bytes");
	else if (suppress_write_at(fd, secret, SUPPRESS_SECRET_LEN, 0) == -1 ||
	    fsync(fd) == -1)
		rc = err_sys(e, "%s", new);
	(void)close(fd);
	if (rc == 0 && rename(new, path) == -1)
		rc = err_sys(e, "%s", path);
	if (rc == -1)
		(void)unlink(new);
	return rc == 0 ? sync_folder(dir, e) : -1;
}

int
suppress_secret_get(const char *dir, unsigned char secret[SUPPRESS_SECRET_LEN],
    struct err *e)
{
	char *new, *path;
	bool found;
	int rc;

	if (suppress_secret_read(dir, secret, &found, e) == -1)
		return -1;
	if (found)
		return 0;
	new = path_of(dir, "secret.new");
	path = path_of(dir, "secret");
	rc = make_secret(dir, new, path, secret, e);
	free(new);
	free(path);
	return rc;
}
