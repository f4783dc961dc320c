/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suppress import: the file is read here, as whoever gives the command, and
 * goes to the daemon as it stands.
 */
#include "admin/ctl_cmds.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/ctl_ask.h"
#include "admin/progress.h"

struct sending {
	const struct ctl_options *opt;
	const char *name;
	int fd;
	struct progress progress;
	uint64_t bytes, rows; /* sent, and read by the daemon */
	json_t *refused;
};

static ssize_t
read_file(void *ctx, void *p, size_t len)
{
	struct sending *s = ctx;
	ssize_t n = input_read_fd(&s->fd, p, len);

	if (n > 0)
		s->bytes += (uint64_t)n;
	progress_tick(&s->progress, s->bytes, s->rows);
	return n;
}

/* What the daemon does once it has all. */
static void
tell_rest(struct sending *s, const json_t *item)
{
	json_int_t done = json_integer_value(json_object_get(item, "done"));
	json_int_t all = json_integer_value(json_object_get(item, "all"));

	if (!s->progress.on || !s->progress.terminal || all <= 0)
		return;
	(void)fprintf(stderr, "\rputting them in order: %d%%\033[K",
	    (int)(100.0 * (double)done / (double)all));
	s->progress.shown = true;
}

static void
on_item(void *ctx, const json_t *item)
{
	struct sending *s = ctx;
	const char *doing = json_string_value(json_object_get(item, "doing"));

	if (json_object_get(item, "refused") != NULL)
		(void)json_array_append_new(s->refused, json_deep_copy(item));
	else if (doing != NULL && strcmp(doing, "read") == 0)
		s->rows = (uint64_t)json_integer_value(
		    json_object_get(item, "done"));
	else
		tell_rest(s, item);
}

static void
print_refused(const struct sending *s)
{
	const json_t *item;
	size_t i;

	json_array_foreach(s->refused, i, item)
	{
		(void)fprintf(stderr, "mailrace: %s:%lld: ", s->name,
		    (long long)json_integer_value(
			json_object_get(item, "line")));
		(void)fprintf(stderr, "%s\n",
		    json_string_value(json_object_get(item, "refused")));
	}
}

static void
print_text(const struct sending *s, const json_t *done)
{
	bool dry = s->opt->values[OPT_DRY_RUN] != NULL;
	char rows[32], added[32], there[32], refused[32], entries[32];

	(void)printf("%s rows: %s %s %s, %s %s there already or twice in the "
		     "file, %s refused.\n",
	    ctl_text(done, "rows", rows, sizeof(rows)),
	    ctl_text(done, "added", added, sizeof(added)),
	    dry ? "would be added to" : "added to", s->opt->argument,
	    ctl_text(done, "there", there, sizeof(there)), dry ? "are" : "were",
	    ctl_text(done, "refused", refused, sizeof(refused)));
	(void)printf("%s has %s entries.\n", s->opt->argument,
	    ctl_text(done, "entries", entries, sizeof(entries)));
}

static int
send_file(struct sending *s, const char *socket)
{
	const struct ctl_client client = { .path = socket,
		.item = on_item,
		.read = read_file,
		.ctx = s };
	json_t *request = ctl_request(s->opt), *done;
	struct err e;
	int rc = ctl_send(&client, request, &done, &e);

	progress_hide(&s->progress);
	if (!s->opt->json || rc != 0)
		print_refused(s);
	if (rc == -1) {
		(void)fprintf(stderr, "mailrace: %s\n", e.text);
		rc = done == NULL ? 2 : 1;
	} else if (s->opt->json) {
		(void)json_object_set(done, "refusals", s->refused);
		ctl_print_json(done);
	} else {
		print_text(s, done);
	}
	json_decref(request);
	json_decref(done);
	return rc;
}

/* Its size, if it is known. */
static uint64_t
size_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ?
	    (uint64_t)st.st_size :
	    0;
}

int
cmd_suppress_import(const struct ctl_options *opt)
{
	struct sending s = { .opt = opt, .name = opt->files[0] };
	bool is_input = strcmp(s.name, "-") == 0;
	struct places at;
	struct err e;
	int rc;

	s.fd = is_input ? STDIN_FILENO : open(s.name, O_RDONLY | O_CLOEXEC);
	if (s.fd == -1) {
		(void)err_sys(&e, "%s", s.name);
		(void)fprintf(stderr, "mailrace: %s\n", e.text);
		return 2;
	}
	rc = ctl_places(opt, &at) == -1 ? 2 : 0;
	if (rc == 0) {
		s.refused = json_array();
		progress_begin(&s.progress, true, size_of(s.fd));
		rc = send_file(&s, at.control);
		json_decref(s.refused);
		places_fini(&at);
	}
	if (!is_input)
		(void)close(s.fd);
	return rc;
}
