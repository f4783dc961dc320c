/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crash/badio.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { CONTROL = 256 };

struct order {
	char call[16], pattern[128];
	int code, count, delay_ms;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char current[CONTROL]; /* what used_up counts for */
static int used_up;
static int control_fd = -1, log_fd = -1;

static void start(void) __attribute__((constructor));

static void
start(void)
{
	const char *control = getenv("BADIO_CONTROL");
	const char *log = getenv("BADIO_LOG");

	if (control != NULL)
		control_fd = (int)syscall(SYS_openat, AT_FDCWD, control,
		    O_RDONLY | O_CLOEXEC, 0);
	if (log != NULL)
		log_fd = (int)syscall(SYS_openat, AT_FDCWD, log,
		    O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if ((control != NULL && control_fd == -1) ||
	    (log != NULL && log_fd == -1)) {
		(void)dprintf(2, "badio: errno %d\n", errno);
		abort();
	}
}

long long
badio_now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (long long)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void
path_of(int fd, char out[512])
{
	char link[64];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, out, 511);
	out[n < 0 ? 0 : n] = '\0';
}

/* False: nothing is ordered. */
static bool
read_order(struct order *o)
{
	char text[CONTROL];
	ssize_t n;

	if (control_fd == -1)
		return false;
	n = pread(control_fd, text, sizeof(text) - 1, 0);
	if (n <= 0)
		return false;
	text[n] = '\0';
	if (sscanf(text, "%15s %d %d %d %127s", o->call, &o->code, &o->count,
		&o->delay_ms, o->pattern) != 5)
		return false;
	(void)pthread_mutex_lock(&lock);
	if (strcmp(text, current) != 0) {
		(void)snprintf(current, sizeof(current), "%s", text);
		used_up = 0;
	}
	(void)pthread_mutex_unlock(&lock);
	return true;
}

/* True with errno set when this call is one of those that are to fail. */
static bool
fails(const struct order *o, const char *call)
{
	bool yes;

	if (strcmp(o->call, call) != 0)
		return false;
	(void)pthread_mutex_lock(&lock);
	yes = o->count < 0 || used_up < o->count;
	used_up += yes ? 1 : 0;
	(void)pthread_mutex_unlock(&lock);
	if (yes)
		errno = o->code;
	return yes;
}

bool
badio_sync_begin(int fd, struct badio_sync *s)
{
	struct order o;
	bool ordered = read_order(&o);

	s->path[0] = '\0';
	s->begin = badio_now_us();
	if (!ordered && log_fd == -1)
		return false;
	path_of(fd, s->path);
	if (!ordered || strstr(s->path, o.pattern) == NULL)
		return false;
	if (o.delay_ms > 0)
		(void)usleep((unsigned)o.delay_ms * 1000);
	return fails(&o, "sync");
}

void
badio_sync_end(const struct badio_sync *s, int rc)
{
	char line[700];
	int code = errno, len;

	if (log_fd == -1)
		return;
	len = snprintf(line, sizeof(line), "%lld %lld %d %s\n", s->begin,
	    badio_now_us(), rc, s->path);
	(void)!syscall(SYS_write, log_fd, line, (size_t)len);
	errno = code;
}

bool
badio_write(int fd)
{
	char path[512];
	struct order o;
	int code = errno;

	if (!read_order(&o) || strcmp(o.call, "write") != 0) {
		errno = code;
		return false;
	}
	path_of(fd, path);
	return strstr(path, o.pattern) != NULL && fails(&o, "write");
}
