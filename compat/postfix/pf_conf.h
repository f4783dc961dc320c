/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pf_conf - what a Postfix says of its own configuration, as structs: the
 * output of postconf(1), and in which line of main.cf and master.cf it stands.
 * Set-up and the importer ask it.
 *
 * Pure: texts in, structs out; who runs postconf is pf_host.h.  Everything is
 * in the region given.  One thread.  Of the readers each is called once or not
 * at all: what it would have said is not known then.
 */

#ifndef COMPAT_POSTFIX_PF_CONF_H
#define COMPAT_POSTFIX_PF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/mem.h"
#include "lib/str.h"

/* A line of master.cf. */
struct pf_service {
	const char *name, *type; /* "smtp", "inet" */
	const char *chroot;      /* "y", "n", "-" */
	const char *maxproc;     /* "-": default_process_limit */
	const char *command;     /* "smtp", "smtpd", ... */
	const char *key;         /* "smtp/inet" */
	const char *text;        /* all of it, one blank between words */
	unsigned line;           /* 0: not known */
	struct pf_service *next;
};

struct pf_conf;

struct pf_conf *pf_conf_new(struct region *rg);
void pf_conf_free(struct pf_conf **cp);

/* Lines "name = value" of postconf -n: what main.cf sets, as it stands. */
void pf_conf_read_set(struct pf_conf *c, struct slice text);
/* Of postconf -x: all that there is, with what it names in place of names. */
void pf_conf_read_values(struct pf_conf *c, struct slice text);
/* Of postconf -d. */
void pf_conf_read_defaults(struct pf_conf *c, struct slice text);
/* Of postconf -M. */
void pf_conf_read_services(struct pf_conf *c, struct slice text);
/* Of postconf -P -x: "service/type/name = value". */
void pf_conf_read_overrides(struct pf_conf *c, struct slice text);
/* The files themselves, for the numbers of their lines. */
void pf_conf_read_main(struct pf_conf *c, struct slice text);
void pf_conf_read_master(struct pf_conf *c, struct slice text);

const struct pf_service *pf_services(const struct pf_conf *c);
/* The unix one of that name; NULL: none. */
const struct pf_service *pf_service(const struct pf_conf *c, const char *name);
/* That of a key; NULL: none. */
const struct pf_service *pf_entry(const struct pf_conf *c, struct slice key);

/*
 * `-o name=value` of a service, as it stands there; NULL: it has none.  In the
 * region.
 */
const char *pf_option(const struct pf_conf *c, const struct pf_service *s,
    const char *name);

/*
 * The next "-o" of a service, of whose text rest is what was not looked at yet:
 * the option as it stands, in braces or not, and its name.  False: no more.
 */
bool pf_next_option(struct slice *rest, struct slice *text_r,
    struct slice *name_r);

/*
 * The value that holds for a service, or for all (NULL): never NULL, "" if
 * nothing is known of it.
 */
const char *pf_value(const struct pf_conf *c, const struct pf_service *s,
    const char *name);
/* Does the service itself set it? */
bool pf_is_own(const struct pf_conf *c, const struct pf_service *s,
    const char *name);
/* Names that the service sets; NULL behind the last. */
const char *pf_own_at(const struct pf_conf *c, const struct pf_service *s,
    size_t i);
/* Does main.cf set it, to something else than Postfix's default? */
bool pf_is_changed(const struct pf_conf *c, const char *name);
/* "main.cf:12", "master.cf:40", "Postfix's default". */
const char *pf_where(const struct pf_conf *c, const struct pf_service *s,
    const char *name);

/* What main.cf sets, as it stands there; NULL: nothing. */
const char *pf_set(const struct pf_conf *c, const char *name);
/* Names that main.cf sets, in postconf's order; NULL behind the last. */
const char *pf_set_at(const struct pf_conf *c, size_t i);
/* Is it a parameter of Postfix, rather than a name of the site's own? */
bool pf_is_known(const struct pf_conf *c, const char *name);

/*
 * The next item of a list: commas or blanks between them, {...} is one.  Of
 * length 0: no more.
 */
struct slice pf_list_item(struct slice *rest);

/*
 * "30s", "5d": seconds; a bare number is in the unit given.  -1: it is not a
 * time.
 */
int64_t pf_time_s(const char *text, char unit);

#endif
