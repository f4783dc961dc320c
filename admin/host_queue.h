/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host_queue - what the host MTA's own command lists, passed on as it stands,
 * but for its last line, which the caller prints with ours in it.
 *
 * Blocks until that command has ended.  One thread.
 */

#ifndef ADMIN_HOST_QUEUE_H
#define ADMIN_HOST_QUEUE_H

#include <stdint.h>

#include "lib/err.h"

enum queue_form {
	QUEUE_FORM_POSTFIX, /* postqueue -p */
	QUEUE_FORM_JSON,    /* postqueue -j */
	QUEUE_FORM_EXIM,    /* exim -bp */
	QUEUE_FORM_SHOWQ    /* of ours alone */
};

struct host_queue {
	uint64_t kbytes, requests; /* as its last line said, if it has one */
};

/*
 * On a host without Postfix *form becomes QUEUE_FORM_EXIM, unless it is JSON.
 * -1: there is no such command, or it has failed.
 */
int host_queue_print(enum queue_form *form, struct host_queue *h_r,
    struct err *e);

#endif
