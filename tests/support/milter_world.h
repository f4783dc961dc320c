/* SPDX-License-Identifier: Apache-2.0 */
/*
 * milter_world - what sessions of the milter need, and the host MTA's words, for
 * tests.  One thread.
 */

#ifndef TESTS_SUPPORT_MILTER_WORLD_H
#define TESTS_SUPPORT_MILTER_WORLD_H

#include <stddef.h>

#include "lib/str.h"
#include "milter/milter_env.h"

/* Behind what a configuration of MILTER_WORLD_CONF says; DIR is put in. */
#define MILTER_WORLD_CONF \
	"mark-key-file DIR/mark.key\n" \
	"authserv-id mx.example\n" \
	"<virtual-mta ip1>\nsmtp-source-host 127.0.0.11 one.example\n" \
	"</virtual-mta>\n" \
	"<source 10.0.0.0/8>\nprocess-x-job yes\ndefault-virtual-mta ip1\n" \
	"</source>\n" \
	"<source 10.1.0.0/16>\ncheck-arc-inbound yes\n</source>\n"

/* Of files in a folder of its own; a mistake in conf ends the test. */
void milter_world_init(struct milter_env *env, const char *conf);
void milter_world_fini(struct milter_env *env);

/* Of a file in that folder; as conf_file_path(). */
const char *milter_world_path(const char *name);

/* A packet; literal texts have their NULs but the last. */
void host_says(struct buf *b, char command, const void *p, size_t len);
#define HOST_SAYS(b, command, text) \
	host_says((b), (command), (text), sizeof(text) - 1)

/* As Postfix begins: all that it can do. */
void host_options(struct buf *b);

/* Postfix hands in a message, between OPTIONS and QUIT. */
void host_message(struct buf *b, const char *ip);

/* What was said to it, a word for each packet: "O6:51:1055c2 c y:550 ..." */
void host_heard(const struct buf *out, struct buf *words);

#endif
