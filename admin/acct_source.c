/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/acct_source.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/acct_json.h"
#include "lib/mem.h"

struct acct_source {
	int fd;
	struct input in;
	struct csv *csv; /* one of the two */
	struct acct_json *json;
};

/* -1: it cannot be read. */
static int
choose_form(struct acct_source *s, struct err *e)
{
	struct input *in = &s->in;
	size_t mark = 0;

	if (input_more(in, e) == INPUT_FAILED)
		return -1;
	if (in->end >= 2 && memcmp(in->mem, "\x1f\x8b", 2) == 0)
		return err_set(e,
		    "compressed: zcat it into mailrace, and name -");
	if (in->end >= 3 && memcmp(in->mem, "\xef\xbb\xbf", 3) == 0)
		mark = 3;
	if (mark < in->end && in->mem[mark] == '{') {
		in->start = mark;
		s->json = acct_json_new(in);
	} else {
		s->csv = csv_new(in, "type");
	}
	return 0;
}

int
acct_source_open(const char *path, struct acct_source **s_r, struct err *e)
{
	struct acct_source *s;
	int fd = strcmp(path, "-") == 0 ? STDIN_FILENO :
					  open(path, O_RDONLY | O_CLOEXEC);

	*s_r = NULL;
	if (fd == -1)
		return err_sys(e, "%s", path);
	s = mem_new(struct acct_source);
	s->fd = fd;
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	input_init(&s->in, input_read_fd, &s->fd, CSV_LINE_MAX);
	if (choose_form(s, e) == -1) {
		(void)err_where(e, "%s", path);
		acct_source_close(&s);
		return -1;
	}
	*s_r = s;
	return 0;
}

void
acct_source_close(struct acct_source **sp)
{
	struct acct_source *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	csv_free(&s->csv);
	acct_json_free(&s->json);
	input_fini(&s->in);
	if (s->fd != STDIN_FILENO)
		(void)close(s->fd);
	free(s);
}

enum csv_next
acct_source_next(struct acct_source *s, struct err *e)
{
	return s->csv != NULL ? csv_next(s->csv, e) :
				acct_json_next(s->json, e);
}

size_t
acct_source_columns(const struct acct_source *s)
{
	return s->csv != NULL ? csv_columns(s->csv) :
				acct_json_columns(s->json);
}

const char *
acct_source_name(const struct acct_source *s, size_t column)
{
	return s->csv != NULL ? csv_name(s->csv, column) :
				acct_json_name(s->json, column);
}

const struct slice *
acct_source_cells(const struct acct_source *s)
{
	return s->csv != NULL ? csv_cells(s->csv) : acct_json_cells(s->json);
}

bool
acct_source_is_json(const struct acct_source *s)
{
	return s->json != NULL;
}

uint64_t
acct_source_bytes(const struct acct_source *s)
{
	return s->in.total;
}

const struct csv_counts *
acct_source_counts(const struct acct_source *s)
{
	return s->csv != NULL ? csv_counts(s->csv) : acct_json_counts(s->json);
}
