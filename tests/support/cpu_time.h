/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cpu_time - the processor's time that this process has used, so that other
 * work on the machine does not count; header only.
 */

#ifndef TESTS_SUPPORT_CPU_TIME_H
#define TESTS_SUPPORT_CPU_TIME_H

#include <sys/resource.h>

#include "lib/check.h"

/* In seconds, of all threads, ours and the kernel's for us. */
static inline double
cpu_time_s(void)
{
	struct rusage u;

	CHECK(getrusage(RUSAGE_SELF, &u) == 0);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	    (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

#endif
