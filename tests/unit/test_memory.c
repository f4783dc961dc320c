/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What there is of memory for us is the machine's, or the least that a control
 * group above us allows; read from files as kernels write them.
 */
#include "lib/memory.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/check.h"
#include "tests/tap.h"
#include "tests/unit/tmpdir.h"

#define KB UINT64_C(1024)

/* Makes the folders of a path and the file. */
static void
put(const char *path, const char *text)
{
	char full[512];
	FILE *f;

	(void)snprintf(full, sizeof(full), "%s%s", tmpdir, path);
	for (char *p = full + strlen(tmpdir) + 1; *p != '\0'; p++)
		if (*p == '/') {
			*p = '\0';
			(void)mkdir(full, 0700);
			*p = '/';
		}
	f = fopen(full, "w");
	CHECK(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

static uint64_t
all_of(void)
{
	struct memory_use m;
	struct err e;

	return memory_read_at(tmpdir, &m, &e) == 0 ? m.all : 0;
}

static void
test_machine(void)
{
	struct memory_use m;
	struct err e;

	ok(memory_read_at(tmpdir, &m, &e) == -1, "nothing to read");
	put("/proc/self/statm", "9000 250 30 1 0 500 0\n");
	ok(memory_read_at(tmpdir, &m, &e) == -1, "half of it");
	put("/proc/meminfo", "MemTotal:       2000 kB\nMemFree: 7 kB\n");
	ok(memory_read_at(tmpdir, &m, &e) == 0, "a kernel without groups");
	is_int((int64_t)m.used, 250 * sysconf(_SC_PAGESIZE), "resident pages");
	is_int((int64_t)m.all, 2000 * KB, "the machine's");
	put("/proc/self/statm", "9000\n");
	ok(memory_read_at(tmpdir, &m, &e) == -1, "without its numbers");
	put("/proc/self/statm", "9000 250 30 1 0 500 0\n");
}

static void
test_version_2(void)
{
	put("/proc/self/cgroup", "0::/system.slice/mailraced.service\n");
	is_int((int64_t)all_of(), 2000 * KB, "a group without limits");
	put("/sys/fs/cgroup/system.slice/mailraced.service/memory.max",
	    "max\n");
	is_int((int64_t)all_of(), 2000 * KB, "with none");
	put("/sys/fs/cgroup/system.slice/mailraced.service/memory.max",
	    "1048576\n");
	is_int((int64_t)all_of(), 1024 * KB, "with one");
	put("/sys/fs/cgroup/system.slice/memory.max", "524288\n");
	is_int((int64_t)all_of(), 512 * KB, "a lower one above it");
	put("/proc/self/cgroup", "0::/\n");
	is_int((int64_t)all_of(), 2000 * KB, "the root group");
	put("/sys/fs/cgroup/memory.max", "262144\n");
	is_int((int64_t)all_of(), 256 * KB, "as a container sees it");
	put("/sys/fs/cgroup/memory.max", "max\n");
}

static void
test_version_1(void)
{
	put("/proc/self/cgroup",
	    "5:devices:/\n4:memory:/jobs/one\n3:cpu:/\n0::/\n");
	put("/sys/fs/cgroup/memory/jobs/one/memory.limit_in_bytes",
	    "9223372036854771712\n");
	is_int((int64_t)all_of(), 2000 * KB, "version 1 without a limit");
	put("/sys/fs/cgroup/memory/jobs/memory.limit_in_bytes", "131072\n");
	is_int((int64_t)all_of(), 128 * KB, "and with one above");
}

static void
test_here(void)
{
	struct memory_use m;
	struct err e;

	ok(memory_read(&m, &e) == 0 && m.used > 0 && m.used < m.all,
	    "this machine");
	memory_trim();
	ok(memory_read(&m, &e) == 0, "and after a trim");
}

int
main(void)
{
	(void)tmpdir_make();
	test_machine();
	test_version_2();
	test_version_1();
	test_here();
	return done_testing();
}
