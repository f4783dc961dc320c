/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf_file - configuration texts of tests, as files in a folder of their own;
 * header only.
 *
 *	conf_file_begin();
 *	conf_file_put("main", "max-smtp-out 3\n");
 *	s = snapshot_load(conf_file_path("main"), &errs);
 *	conf_file_end();
 */

#ifndef TESTS_CONF_FILE_H
#define TESTS_CONF_FILE_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/conf_types.h"
#include "tests/tap.h"

static char conf_file_dir[] = "/tmp/mailrace-test.XXXXXX";

static inline void
conf_file_begin(void)
{
	/* Keys among them: it is warned of those that others can read. */
	(void)umask(077);
	if (mkdtemp(conf_file_dir) == NULL)
		abort();
}

/* The path is good until the call after next. */
static inline const char *
conf_file_path(const char *name)
{
	static char paths[2][400];
	static int turn;

	turn = !turn;
	(void)snprintf(paths[turn], sizeof(paths[turn]), "%s/%s", conf_file_dir,
	    name);
	return paths[turn];
}

static inline void
conf_file_put(const char *name, const char *text)
{
	FILE *f = fopen(conf_file_path(name), "w");

	if (f == NULL || fputs(text, f) == EOF || fclose(f) == EOF)
		abort();
}

/* Is the text part of one of the messages? */
static inline bool
conf_file_said(const struct conf_errors *errs, const char *text)
{
	for (size_t i = 0; i < errs->n; i++)
		if (strstr(errs->v[i].text, text) != NULL)
			return true;
	(void)printf("# wanted: %s\n", text);
	for (size_t i = 0; i < errs->n; i++)
		(void)printf("# said: %s\n", errs->v[i].text);
	return false;
}

static inline void
conf_file_end(void)
{
	DIR *d = opendir(conf_file_dir);
	struct dirent *entry;

	while (d != NULL && (entry = readdir(d)) != NULL)
		(void)unlink(conf_file_path(entry->d_name));
	if (d != NULL)
		(void)closedir(d);
	(void)rmdir(conf_file_dir);
}

#endif
