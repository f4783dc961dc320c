/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pf_tls_lines - what a level of TLS in Postfix asks beside TLS itself, from the
 * attributes of its policy and the parameters behind them (TLS_README), as
 * directives of <domain>: authorities, names in certificates, versions, ciphers.
 *
 * Pure; texts are in the region.  One thread.
 */

#ifndef COMPAT_POSTFIX_PF_TLS_LINES_H
#define COMPAT_POSTFIX_PF_TLS_LINES_H

#include <stdbool.h>

#include "compat/postfix/pf_conf.h"
#include "lib/mem.h"

enum pf_tls_line {
	PF_TLS_AUTHORITIES,
	PF_TLS_MATCH,
	PF_TLS_10,
	PF_TLS_11,
	PF_TLS_12,
	PF_TLS_13,
	PF_TLS_CIPHERS,
	PF_TLS_LINES
};

extern const char *const pf_tls_directives[PF_TLS_LINES];

struct pf_tls_asked {
	struct region *rg;
	const struct pf_conf *conf;
	const struct pf_service *service; /* NULL: of all mail */
	const char *attributes;           /* behind the level */
	bool mandatory; /* by the parameters for encrypt and what is above it */
	const char *match; /* verify, secure: the parameter; or NULL */
};

struct pf_tls_lines {
	const char *values[PF_TLS_LINES];
	const char *left; /* what nothing here is like; "": nothing */
	/* What of the certificate's check is missing, and why; NULL: nothing. */
	const char *lost;
};

/* Where nothing is asked for. */
void pf_tls_lines_default(struct pf_tls_lines *out);
void pf_tls_lines_make(const struct pf_tls_asked *asked,
    struct pf_tls_lines *out);

#endif
