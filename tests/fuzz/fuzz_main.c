/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target without libFuzzer on every file of its folders, as a TAP
 * test: NAME.in (the corpus) and NAME.repro (what once crashed, if there is
 * such a folder), beside the sources, where NAME is that of the program.
 * Given arguments, it runs those files instead.
 */
#include <dirent.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>

#include "tests/tap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX ((size_t)4 << 20)

static void
run_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	unsigned char *bytes;
	size_t len;

	if (!ok(f != NULL, "%s can be read", path))
		return;
	bytes = malloc(INPUT_MAX);
	len = fread(bytes, 1, INPUT_MAX, f);
	(void)fclose(f);
	/* The exact size, so that the sanitizers see a step beyond it. */
	bytes = realloc(bytes, len + (len == 0));
	ok(LLVMFuzzerTestOneInput(bytes, len) == 0, "%s", path);
	free(bytes);
}

static int
no_dot_files(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static int
run_folder(const char *name, const char *kind)
{
	const char *top = getenv("top_srcdir");
	char dir[PATH_MAX], path[2 * PATH_MAX];
	struct dirent **files;
	int count;

	(void)snprintf(dir, sizeof(dir), "%s/tests/fuzz/%s.%s",
	    top == NULL ? "." : top, name, kind);
	count = scandir(dir, &files, no_dot_files, alphasort);
	for (int i = 0; i < count; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir,
		    files[i]->d_name);
		run_file(path);
		free(files[i]);
	}
	if (count >= 0)
		free(files);
	return count;
}

int
main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/');
	const char *name = slash == NULL ? argv[0] : slash + 1;

	for (int i = 1; i < argc; i++)
		run_file(argv[i]);
	if (argc > 1)
		return done_testing();
	ok(run_folder(name, "in") > 0, "%s has a corpus", name);
	(void)run_folder(name, "repro");
	return done_testing();
}
