/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/files.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/str.h"

#define LOG_AGAIN_US (60 * US_PER_S)

/* ---- at start ------------------------------------------------------------ */

/* With the privilege (root has it) the hard limit goes up too. */
static int
raise_limit(rlim_t n, rlim_t *may_r)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) == -1)
		lim = (struct rlimit){ 0, 0 };
	*may_r = lim.rlim_max;
	if (lim.rlim_cur >= n)
		return 0;
	lim.rlim_cur = n;
	if (lim.rlim_max < n)
		lim.rlim_max = n;
	return setrlimit(RLIMIT_NOFILE, &lim);
}

static const struct files_need *
largest(const struct files_need *needs, size_t count)
{
	const struct files_need *most = needs;

	for (size_t i = 1; i < count; i++)
		if (needs[i].count > most->count)
			most = &needs[i];
	return most;
}

int
files_raise(const struct files_need *needs, size_t count, uint32_t others,
    struct err *e)
{
	struct buf list = { 0 };
	uint64_t total = others;
	rlim_t may;
	int rc = 0;

	for (size_t i = 0; i < count; i++) {
		total += needs[i].count;
		buf_printf(&list, "%s %" PRIu32 ", ", needs[i].directive,
		    needs[i].count);
	}
	buf_byte(&list, '\0');
	if (raise_limit((rlim_t)total, &may) == -1)
		rc = err_set(e,
		    "%" PRIu64 " open files are needed (%sthe rest %" PRIu32
		    ") and this process may have %" PRIu64
		    ": set LimitNOFILE=%" PRIu64
		    " in the systemd unit, or lower %s",
		    total, list.p, others, (uint64_t)may, total,
		    largest(needs, count)->directive);
	buf_fini(&list);
	return rc;
}

int
files_raise_to(uint32_t least, uint32_t most, struct err *e)
{
	rlim_t may;

	if (raise_limit(most, &may) == 0)
		return 0;
	if (may < least || raise_limit(may, &may) == -1)
		return err_set(e,
		    "%" PRIu32 " open files are needed and this process may "
		    "have %" PRIu64 ": set LimitNOFILE=%" PRIu32
		    " in the systemd unit",
		    least, (uint64_t)may, most);
	return 0;
}

/* ---- while it runs ------------------------------------------------------- */

/* Asked anew each time: prlimit(1) changes it from outside. */
static rlim_t
limit_now(void)
{
	struct rlimit lim;

	return getrlimit(RLIMIT_NOFILE, &lim) == -1 ? 0 : lim.rlim_cur;
}

/* The kernel gives the lowest number that is free. */
bool
files_is_spare(int fd)
{
	return (rlim_t)fd + FILES_SPARE >= limit_now();
}

bool
files_are_low(void)
{
	int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
	bool low = fd == -1 || files_is_spare(fd);

	if (fd != -1)
		(void)close(fd);
	return low;
}

void
files_log_low(void)
{
	static _Atomic int64_t next_us;
	int64_t now_us = clock_us(), due_us = atomic_load(&next_us);

	if (now_us < due_us ||
	    !atomic_compare_exchange_strong(&next_us, &due_us,
		now_us + LOG_AGAIN_US))
		return;
	log_note(LOG_L_ERROR, "files",
	    "of %" PRIu64 " file descriptors the last %d are left: nothing is "
	    "delivered before others are free",
	    (uint64_t)limit_now(), FILES_SPARE);
}
