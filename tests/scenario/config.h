/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config - the configuration of a scenario: its lines become a file as a
 * mailraced has one, which is read and checked as that one is.
 *
 *	NAME VALUE
 *	BLOCK NAME { ROW ; ROW }
 *	include PATH           from the top of the source tree
 *
 * A ";" parts rows before a blank or at the end; a row such as <domain NAME>
 * or </domain> stands for itself, so that blocks nest.  Blocks of one name add
 * up as they do in a file.
 *
 * The file lies in a folder of its own, which goes with the last scenario.
 */

#ifndef TESTS_SCENARIO_CONFIG_H
#define TESTS_SCENARIO_CONFIG_H

#include <stdbool.h>

struct config;
struct play;

struct config *config_new(void);
void config_free(struct config **cp);

/* One line of the scenario, behind "config"; where is its number. */
void config_add(struct config *c, const char *text, unsigned where);
/* The virtual MTA is gone; false: there is none. */
bool config_drop_vmta(struct config *c, const char *name);

/*
 * What the lines so far say; what is wrong with them is a complaint with the
 * number of the line, and so is what a reader would be warned of.  NULL: there
 * is no configuration in it.
 */
struct snapshot *config_load(struct config *c, struct play *p);

/* When all scenarios have ended. */
void config_end(void);

#endif
