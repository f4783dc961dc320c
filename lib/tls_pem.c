/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/tls_pem.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/tls_words.h"

/* Of a file with a certificate, its chain and a key; of a host's authorities. */
#define PEM_MAX 1048576

void
tls_pem_forget(struct buf *text)
{
	if (text->cap > 0)
		explicit_bzero(text->p, text->cap);
	buf_fini(text);
}

/* In one piece of memory, so that it can be forgotten. */
static int
read_all(int fd, size_t size, struct buf *text, struct err *e)
{
	char piece[4096];
	ssize_t n;

	if (size > PEM_MAX)
		return err_set(e, "more than %d bytes", PEM_MAX);
	buf_reserve(text, size + 1);
	while (text->len < size && (n = read(fd, piece, sizeof(piece))) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return err_sys(e, "read");
		if ((size_t)n > size - text->len)
			n = (ssize_t)(size - text->len);
		buf_add(text, piece, (size_t)n);
		explicit_bzero(piece, sizeof(piece));
	}
	return 0;
}

int
tls_pem_read(const char *path, struct buf *text, bool *shown_r, struct err *e)
{
	/* Not a pipe that nobody writes to. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), rc;
	struct stat st;

	if (fd == -1)
		return err_sys(e, "%s", path);
	rc = fstat(fd, &st) == -1 ? err_sys(e, "stat") : 0;
	if (rc == 0 && !S_ISREG(st.st_mode))
		rc = err_set(e, "not a regular file");
	if (rc == 0)
		rc = read_all(fd, (size_t)st.st_size, text, e);
	*shown_r = rc == 0 && (st.st_mode & S_IROTH) != 0;
	(void)close(fd);
	return rc == 0 ? 0 : err_where(e, "%s", path);
}

BIO *
tls_pem_open(const struct buf *text)
{
	BIO *pem = BIO_new_mem_buf(text->len == 0 ? "" : text->p,
	    (int)text->len);

	CHECK(pem != NULL);
	return pem;
}

int
tls_pem_password(char *out, int cap, int for_writing, void *ctx)
{
	const struct tls_secret *password = ctx;
	size_t len = password == NULL ? 0 : strlen(password->text);

	(void)for_writing;
	if (len == 0 || len > (size_t)cap)
		return -1;
	memcpy(out, password->text, len);
	return (int)len;
}

X509 *
tls_pem_next(BIO *pem)
{
	return PEM_read_bio_X509(pem, NULL, tls_pem_password, NULL);
}

int
tls_pem_ends_well(struct err *e)
{
	unsigned long code = ERR_peek_last_error();
	bool well = ERR_GET_LIB(code) == ERR_LIB_PEM &&
	    ERR_GET_REASON(code) == PEM_R_NO_START_LINE;

	if (!well)
		return err_tls(e, "a certificate in it cannot be read");
	ERR_clear_error();
	return 0;
}
