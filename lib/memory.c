/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/memory.h"

#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_MAX = 4096, PATH_CAP = 2048 };

/* A small file as a string. */
static int
read_text(const char *root, const char *path, char text[TEXT_MAX],
    struct err *e)
{
	char full[PATH_CAP];
	ssize_t n;
	int fd;

	if (snprintf(full, sizeof(full), "%s%s", root, path) >=
	    (int)sizeof(full))
		return err_set(e, "%s: the path is too long", path);
	fd = open(full, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return err_sys(e, "%s", full);
	n = read(fd, text, TEXT_MAX - 1);
	if (n == -1)
		(void)err_sys(e, "%s", full);
	(void)close(fd);
	if (n == -1)
		return -1;
	text[n] = '\0';
	return 0;
}

static int
read_used(const char *root, uint64_t *used_r, struct err *e)
{
	char text[TEXT_MAX], *end;
	uint64_t pages;

	if (read_text(root, "/proc/self/statm", text, e) == -1)
		return -1;
	(void)strtoull(text, &end, 10);
	pages = strtoull(end, &end, 10);
	if (pages == 0)
		return err_set(e, "/proc/self/statm: cannot be understood");
	*used_r = pages * (uint64_t)sysconf(_SC_PAGESIZE);
	return 0;
}

static int
read_machine(const char *root, uint64_t *all_r, struct err *e)
{
	static const char word[] = "MemTotal:";
	char text[TEXT_MAX];
	const char *at;

	if (read_text(root, "/proc/meminfo", text, e) == -1)
		return -1;
	at = strstr(text, word);
	*all_r = at == NULL ? 0 : strtoull(at + strlen(word), NULL, 10) * 1024;
	if (*all_r == 0)
		return err_set(e, "/proc/meminfo: no %s", word);
	return 0;
}

/*
 * A line of /proc/self/cgroup is NUMBER:CONTROLLERS:PATH; version 2 names no
 * controllers.  The path within our hierarchy, cut off behind itself.
 */
static char *
group_path(char *text, const char *controllers)
{
	char key[64], *at;
	int len = snprintf(key, sizeof(key), ":%s:/", controllers);

	at = strstr(text, key);
	if (at == NULL)
		return NULL;
	at += len - 1;
	at[strcspn(at, "\n")] = '\0';
	return at;
}

/* The smallest limit of a group and those above it; "max" is none. */
static void
lower_by_groups(const char *root, const char *folder, char *path,
    const char *file, uint64_t *all)
{
	for (;;) {
		char name[PATH_CAP], text[TEXT_MAX], *slash;
		struct err e;
		uint64_t max;

		/* Which there is not in the root, and none in a container. */
		if (snprintf(name, sizeof(name), "%s%s/%s", folder, path,
			file) < (int)sizeof(name) &&
		    read_text(root, name, text, &e) == 0) {
			max = strtoull(text, NULL, 10);
			if (max > 0 && max < *all)
				*all = max;
		}
		slash = strrchr(path, '/');
		if (slash == NULL)
			return;
		*slash = '\0';
	}
}

static void
lower(const char *root, uint64_t *all)
{
	static const struct {
		const char *controllers, *folder, *file;
	} versions[] = {
		{ "", "/sys/fs/cgroup", "memory.max" },
		{ "memory", "/sys/fs/cgroup/memory", "memory.limit_in_bytes" },
	};
	struct err e;

	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		char text[TEXT_MAX], *path;

		if (read_text(root, "/proc/self/cgroup", text, &e) == -1)
			return; /* a kernel without groups */
		path = group_path(text, versions[i].controllers);
		if (path != NULL)
			lower_by_groups(root, versions[i].folder, path,
			    versions[i].file, all);
	}
}

int
memory_read_at(const char *root, struct memory_use *m, struct err *e)
{
	if (read_used(root, &m->used, e) == -1 ||
	    read_machine(root, &m->all, e) == -1)
		return -1;
	lower(root, &m->all);
	return 0;
}

int
memory_read(struct memory_use *m, struct err *e)
{
	return memory_read_at("", m, e);
}

void
memory_trim(void)
{
	(void)malloc_trim(0);
}
