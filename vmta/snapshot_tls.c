/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates for clients: that of the top level, and one of each listener
 * that says anything about TLS itself; what it does not say is as at the top
 * level.  They are read here, so that a reload has new ones or says what is
 * wrong, and a session goes on with those of its snapshot.
 */
#include "lib/tls_server.h"
#include "vmta/snapshot_priv.h"

/* Names in <smtp-listener>; at the top level this stands before them. */
#define GLOBAL_FRONT "smtp-server-"

static const char *const names[] = { "tls-allow-tlsv1", "tls-allow-tlsv1.1",
	"tls-allow-tlsv1.2", "tls-allow-tlsv1.3", "tls-ca-file",
	"tls-certificate", "tls-ciphers", "tls-key",
	"tls-tlsv1.3-ciphersuites" };

static const char *const blamed[TLS_FAULTS] = {
	[TLS_FAULT_CERT] = "tls-certificate",
	[TLS_FAULT_KEY] = "tls-key",
	[TLS_FAULT_VERSIONS] = "tls-allow-tlsv1.2",
	[TLS_FAULT_CIPHERS] = "tls-ciphers",
	[TLS_FAULT_SUITES] = "tls-tlsv1.3-ciphersuites",
	[TLS_FAULT_AUTHORITIES] = "tls-ca-file",
};

/* One certificate; l NULL: that of the top level. */
struct making {
	const struct snapshot *s;
	const struct listener_entry *l;
	struct conf_errors *errs;
	const struct conf_node *node; /* the line of the certificate */
};

/* Is it set in the listener itself? */
static bool
is_own(const struct making *m, const char *name)
{
	return m->l != NULL && conf_is_set(&table_listener, &m->l->set, name);
}

/* The line that sets it, or NULL. */
static const struct conf_node *
line_of(const struct making *m, const char *name)
{
	char global[64];

	if (is_own(m, name))
		return conf_set_node(&table_listener, &m->l->set, name);
	(void)STR_JOIN(global, sizeof(global), GLOBAL_FRONT, name);
	return conf_set_node(&table_global, &m->s->global_set, global);
}

static void
tell(void *ctx, const char *doubt)
{
	const struct making *m = ctx;

	conf_warning(m->errs, m->node->file, m->node->line, "%s: %s",
	    m->node->name, doubt);
}

#define PICK(m, name, field) \
	(is_own(m, name) ? (m)->l->values.field : (m)->s->global.field)

/* Is one asked for, whether or not it can be read? */
static bool
names_cert(const struct snapshot *s, const struct listener_entry *l)
{
	struct making m = { .s = s, .l = l };

	return PICK(&m, "tls-certificate", tls_cert).path[0] != '\0';
}

static const char *
file_of(const struct tls_server_options *opt, enum tls_fault fault)
{
	if (fault == TLS_FAULT_AUTHORITIES)
		return opt->authorities;
	return fault == TLS_FAULT_KEY && opt->key[0] != '\0' ? opt->key :
							       opt->cert;
}

/* NULL: there is none, or it cannot be. */
static struct tls_server *
make(struct making *m)
{
	struct conf_key_file cert = PICK(m, "tls-certificate", tls_cert);
	struct conf_key_file key = PICK(m, "tls-key", tls_key);
	struct tls_server_options opt = { .cert = cert.path,
		.key = key.path,
		.password = key.path[0] == '\0' ? cert.password : key.password,
		.tls10 = PICK(m, "tls-allow-tlsv1", tls10),
		.tls11 = PICK(m, "tls-allow-tlsv1.1", tls11),
		.tls12 = PICK(m, "tls-allow-tlsv1.2", tls12),
		.tls13 = PICK(m, "tls-allow-tlsv1.3", tls13),
		.ciphers = PICK(m, "tls-ciphers", tls_ciphers),
		.suites = PICK(m, "tls-tlsv1.3-ciphersuites", tls_suites),
		.authorities = PICK(m, "tls-ca-file", tls_authorities) };
	const struct conf_node *n;
	struct tls_server *t;
	enum tls_fault fault;
	struct err e;

	if (cert.path[0] == '\0')
		return NULL;
	m->node = line_of(m, "tls-certificate");
	t = tls_server_new(&opt, &fault, &e);
	if (t != NULL) {
		tls_server_doubts(t, tell, m);
		return t;
	}
	n = line_of(m, blamed[fault]);
	if (n == NULL) /* the key is in the certificate's file */
		n = m->node;
	conf_file_error(m->errs, n->file, n->line, file_of(&opt, fault),
	    "%s: %s", n->name, e.text);
	return NULL;
}

static bool
speaks_of_tls(const struct making *m)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (is_own(m, names[i]))
			return true;
	return false;
}

static void
join_listener(struct snapshot *s, struct listener_entry *l,
    struct conf_errors *errs)
{
	struct making m = { .s = s, .l = l, .errs = errs };

	l->own_tls = speaks_of_tls(&m);
	l->tls = l->own_tls ? make(&m) : s->tls;
	if (l->values.immediate_tls && !names_cert(s, l)) {
		const struct conf_node *n = conf_set_node(&table_listener,
		    &l->set, "immediate-tls");

		conf_error(errs, n->file, n->line,
		    "immediate-tls: there is no tls-certificate, nor "
		    "smtp-server-tls-certificate at the top level");
	}
}

/* Clients of such a source would be promised what nobody has. */
static void
check_source(const struct snapshot *s, const struct source_entry *src,
    struct conf_errors *errs)
{
	const struct conf_node *n = conf_set_node(&table_source, &src->set,
	    "allow-starttls");

	if (n == NULL || !src->values.allow_starttls)
		return;
	for (const struct listener_entry *l = s->listeners; l != NULL;
	     l = l->next)
		if (names_cert(s, l))
			return;
	conf_warning(errs, n->file, n->line,
	    "allow-starttls: no listener has a certificate "
	    "(smtp-server-tls-certificate), so STARTTLS is not offered");
}

void
snapshot_tls_join(struct snapshot *s, struct conf_errors *errs)
{
	struct making m = { .s = s, .errs = errs };

	s->tls = make(&m);
	for (struct listener_entry *l = s->listeners; l != NULL; l = l->next)
		join_listener(s, l, errs);
	for (size_t i = 0; i < strmap_count(s->named_sources); i++)
		check_source(s, strmap_at(s->named_sources, i), errs);
	for (const struct source_entry *src = s->sources; src != NULL;
	     src = src->next)
		check_source(s, src, errs);
}

void
snapshot_tls_free(struct snapshot *s)
{
	for (struct listener_entry *l = s->listeners; l != NULL; l = l->next)
		if (l->own_tls)
			tls_server_free(&l->tls);
	tls_server_free(&s->tls);
}
