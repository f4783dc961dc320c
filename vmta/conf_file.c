/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/conf_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* More is nothing that anybody wrote. */
#define TEXT_MAX ((off_t)256 << 20)

static ssize_t
read_bytes(int fd, const char *path, struct buf *text, struct err *e)
{
	char part[8192];
	ssize_t n;

	while ((n = read(fd, part, sizeof(part))) > 0)
		buf_add(text, part, (size_t)n);
	return n == -1 ? err_sys(e, "%s", path) : 0;
}

int
conf_file_read(const struct conf_file_by *by, const char *path,
    struct slice *text_r)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	struct buf text = { 0 };
	struct err e;
	ssize_t n = -1;

	if (fd == -1 || fstat(fd, &st) == -1)
		(void)err_sys(&e, "%s", path);
	else if (!S_ISREG(st.st_mode) || st.st_size > TEXT_MAX)
		(void)err_set(&e, "%s: no file, or too large", path);
	else
		n = read_bytes(fd, path, &text, &e);
	if (n != 0) {
		conf_file_error(by->errs, by->file, by->line, path, "%s: %s",
		    by->directive, e.text);
	} else {
		text_r->p = region_strndup(by->rg, text.p, text.len);
		text_r->len = text.len;
	}
	if (fd != -1)
		(void)close(fd);
	buf_fini(&text);
	return n == 0 ? 0 : -1;
}
