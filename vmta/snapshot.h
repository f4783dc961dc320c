/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot - one configuration, read whole, immutable and counted.
 *
 * A session holds one reference from birth to death, so a reload never
 * changes a running session.  Everything returned belongs to the snapshot.
 * Any thread may read it; DKIM keys and certificates in it are read once, at
 * load.
 */

#ifndef VMTA_SNAPSHOT_H
#define VMTA_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/conf_types.h"
#include "lib/crowd.h"
#include "lib/err.h"
#include "lib/mem.h"
#include "lib/net.h"
#include "mail/acct_field.h"
#include "mail/dsn_form.h"
#include "vmta/warmup.h"

struct acct_filter;
struct acct_layout;
struct acct_redis;
struct acct_webhook;
struct count;
struct password;
struct reply_rules;
struct rewrite_list;
struct tls_server;
struct tls_trust;

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): by name */
struct global_conf {
#define D(name, field, type, def, min, max, reload, doc) \
	CONF_CTYPE_##type field;
#include "vmta/global.def"
#undef D
};

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): by name */
struct queue_conf {
#define D(name, field, type, def, min, max, reload, doc) \
	CONF_CTYPE_##type field;
#include "vmta/domain.def"
#undef D
};

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): by name, few */
struct source_conf {
#define D(name, field, type, def, min, max, reload, doc) \
	CONF_CTYPE_##type field;
#include "vmta/source.def"
#undef D
};

struct user_conf {
#define D(name, field, type, def, min, max, reload, doc) \
	CONF_CTYPE_##type field;
#include "vmta/user.def"
#undef D
};

/*
 * Of so many <acct-file> the writer's state has room for all entries
 * (transport/acct_state.h); of so many header fields an envelope.
 */
enum { ACCT_CONFS_MAX = 64, ACCT_PATH_MAX = 500, ACCT_HEADERS_MAX = 255 };

enum acct_kind { ACCT_FILE, ACCT_PIPE, ACCT_WEBHOOK, ACCT_REDIS };

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): by name, few */
struct acct_conf {
	const char *path; /* the tag: absolute, or "|COMMAND" */
	const char *file; /* where it stands first, for messages */
	unsigned line;
	enum acct_kind kind;
	unsigned types; /* ACCT_BIT() of each; from `records` */
	const struct acct_layout *layout;
	const struct acct_filter *filter;   /* NULL: takes all */
	const struct acct_webhook *webhook; /* of that kind; else NULL */
	const struct acct_redis *redis;     /* likewise */
#define D(name, field, type, def, min, max, reload, doc) \
	CONF_CTYPE_##type field;
#include "vmta/acct.def"
#undef D
};

/* What all <acct-file> together have a use for. */
struct acct_wants {
	unsigned types;             /* ACCT_BIT() of each */
	const char *const *headers; /* in lower case, without "header_" */
	size_t header_count;
};

struct listener_conf {
#define D(name, field, type, def, min, max, reload, doc) \
	CONF_CTYPE_##type field;
#include "vmta/listener.def"
#undef D
};

struct source_group {
	const char *name;
#define D(name, field, type, def, min, max, reload, doc) \
	CONF_CTYPE_##type field;
#include "vmta/group.def"
#undef D
};

struct vmta {
	const char *name; /* "{default}" for the built-in one */
#define D(name, field, type, def, min, max, reload, doc) \
	CONF_CTYPE_##type field;
#include "vmta/vmta.def"
#undef D
};

/* Whose turn is it, as numbers of members: pool.h. */
struct pool_round {
	size_t n;
	uint16_t *v;
};

struct pool {
	const char *name;
#define D(name, field, type, def, min, max, reload, doc) \
	CONF_CTYPE_##type field;
#include "vmta/pool.def"
#undef D
	const struct vmta **vmtas; /* members.n of them */
	struct pool_round round;
	struct count *turns; /* that were taken, in all threads */
};

/* Limits over all queues of some domains, whatever their virtual MTA. */
struct provider {
	const char *name;
#define D(name, field, type, def, min, max, reload, doc) \
	CONF_CTYPE_##type field;
#include "vmta/provider.def"
#undef D
};

/* What each job whose name fits has for itself. */
struct job_conf {
	const char *pattern; /* glob.h */
#define D(name, field, type, def, min, max, reload, doc) \
	CONF_CTYPE_##type field;
#include "vmta/job.def"
#undef D
};

/* New source addresses at some providers. */
struct warmup_conf {
	const char *name;
#define D(name, field, type, def, min, max, reload, doc) \
	CONF_CTYPE_##type field;
#include "vmta/warmup.def"
#undef D
	struct net_prefix *prefixes;   /* sources.n of them */
	const struct provider **named; /* named_n of them; 0: all there are */
	size_t named_n;
	struct warmup_plan plan;
};

/*
 * The queue of notifications to senders, which go to dsn-host.  Of the <domain>
 * blocks only <domain {dsn}> is about it.
 */
#define SNAPSHOT_DSN_DOMAIN "{dsn}"

struct snapshot;

/*
 * Reads and checks the file.  All mistakes are added to errs as
 * "FILE:LINE: what is wrong"; NULL when there is one that is an error.
 */
struct snapshot *snapshot_load(const char *path, struct conf_errors *errs);
struct snapshot *snapshot_ref(const struct snapshot *s);
void snapshot_unref(struct snapshot **sp);

/* Warns of directives that differ and count from the next start only. */
void snapshot_check_reload(const struct snapshot *old,
    const struct snapshot *new, const char *path, struct conf_errors *errs);

/*
 * Are the source addresses on this host?  A line with one that is not, or with
 * a block none of which is, is an error; with a block of which some are, a
 * warning.  With errs->portable all are warnings.
 */
typedef bool snapshot_can_bind_fn(void *ctx, const struct net_addr *a);
void snapshot_check_sources(const struct snapshot *s,
    snapshot_can_bind_fn *can_bind, void *ctx, struct conf_errors *errs);

/* Each of them, those at the top level first; one may come again. */
typedef void snapshot_source_fn(void *ctx, const struct net_addr *a);
void snapshot_each_source(const struct snapshot *s, snapshot_source_fn *fn,
    void *ctx);

uint64_t snapshot_generation(const struct snapshot *s); /* grows by load */
const struct global_conf *snapshot_global(const struct snapshot *s);

/* By name, without regard to case; "" and "{default}" give the built-in. */
const struct vmta *snapshot_vmta(const struct snapshot *s, const char *name);
const struct pool *snapshot_pool(const struct snapshot *s, const char *name);
/*
 * The first one in the file that has the address among its own
 * smtp-source-host; NULL: none, or no <source> asks for it by
 * by-smtp-source-ip.
 */
const struct vmta *snapshot_vmta_at_ip(const struct snapshot *s,
    const struct net_addr *a);
/* Does any <domain> name a virtual MTA? */
bool snapshot_assigns_domains(const struct snapshot *s);
/* The built-in one is number 0; then in the order of the file. */
size_t snapshot_vmta_count(const struct snapshot *s);
const struct vmta *snapshot_vmta_at(const struct snapshot *s, size_t i);
const struct user_conf *snapshot_user(const struct snapshot *s,
    const char *name); /* NULL: no such <smtp-user> */
/* NULL: nobody signs in as that user. */
const struct password *snapshot_password(const struct snapshot *s,
    const char *user);
/* That of some user; NULL: nobody has one. */
const struct password *snapshot_any_password(const struct snapshot *s);
/* A bit, 1 << enum password_form, for each form that some user's has. */
unsigned snapshot_password_forms(const struct snapshot *s);
/* Does who has a good certificate of that name sign in as that user? */
bool snapshot_signs_in_by_cert(const struct snapshot *s, const char *user);
/* Has any of them, or any <source>, rules about senders (sender_rules.h)? */
bool snapshot_judges_senders(const struct snapshot *s);
/* Or limits on what comes in (sender_rates.h)? */
bool snapshot_limits_senders(const struct snapshot *s);
/* Does any <source> have its clients, or their mail, checked by DNS? */
bool snapshot_checks_clients(const struct snapshot *s);
/*
 * The provider that names the domain, the most specific pattern first; NULL:
 * none, as for the queue of notifications.
 */
const struct provider *snapshot_provider(const struct snapshot *s,
    const char *domain);
const struct provider *snapshot_provider_named(const struct snapshot *s,
    const char *name); /* without regard to case */
size_t snapshot_provider_count(const struct snapshot *s);
const struct provider *snapshot_provider_at(const struct snapshot *s, size_t i);
/*
 * The first <warmup>, in the order of the file, that the address is new by at
 * the provider; p NULL: at domains without one.  NULL: none.
 */
const struct warmup_conf *snapshot_warmup(const struct snapshot *s,
    const struct net_addr *source, const struct provider *p);
size_t snapshot_warmup_count(const struct snapshot *s);
const struct warmup_conf *snapshot_warmup_at(const struct snapshot *s,
    size_t i);
/* Has any <job> or <smtp-user> a rate? */
bool snapshot_has_payers(const struct snapshot *s);
/* The first <job>, in the order of the file, that fits; NULL: none. */
const struct job_conf *snapshot_job(const struct snapshot *s, const char *job);
/* Of list_fields.h; "": none. */
struct list_templates {
	const char *list_unsubscribe, *feedback_id;
};

/* Of the job, else of the virtual MTA, or of all members of the pool alike. */
void snapshot_list_templates(const struct snapshot *s, const char *vmta,
    const char *job, struct list_templates *t);
/*
 * The pool whose limits and <domain> blocks count for the virtual MTA; NULL:
 * it is in none that has any.
 */
const struct pool *snapshot_pool_of(const struct snapshot *s, const char *vmta);
size_t snapshot_pool_count(const struct snapshot *s);
const struct pool *snapshot_pool_at(const struct snapshot *s, size_t i);
/* The first one in the file that has it; NULL: it is in none. */
const struct pool *snapshot_first_pool(const struct snapshot *s,
    const char *vmta);
/*
 * The <rewrite-list> of that name, in any case; of what a virtual MTA sends.
 * NULL: none.
 */
const struct rewrite_list *snapshot_rewrites(const struct snapshot *s,
    const char *name);
const struct rewrite_list *snapshot_vmta_rewrites(const struct snapshot *s,
    const char *vmta);
/* May From of mail from a source with that list ("": none) be rewritten? */
bool snapshot_rewrites_from(const struct snapshot *s, const char *source_list);
/* Has any virtual MTA or pool a cold-virtual-mta? */
bool snapshot_has_colds(const struct snapshot *s);
/*
 * The pool whose other members take what the virtual MTA cannot send, the first
 * one that has it; NULL: it is in none, or that one does not want it.
 */
const struct pool *snapshot_overflow_pool(const struct snapshot *s,
    const char *vmta);
bool snapshot_has_overflow(const struct snapshot *s); /* some pool has */
/* Does any mail go by another virtual MTA than its own, now or in backoff? */
bool snapshot_has_reroutes(const struct snapshot *s);
/* mx-connection-limit and ip-connection-limit; 0: there is none. */
uint32_t snapshot_mx_limit(const struct snapshot *s, const char *host);
uint32_t snapshot_ip_limit(const struct snapshot *s, const struct net_addr *a);
/*
 * What is said about replies (reply_rules.h) by the <smtp-pattern-list> of that
 * name, in any case, and by the <dsn-rule> blocks; by the latter alone for "" or
 * when there is no such list; NULL: nothing is.
 */
const struct reply_rules *snapshot_replies(const struct snapshot *s,
    const char *list);
size_t snapshot_acct_count(const struct snapshot *s);
const struct acct_conf *snapshot_acct_at(const struct snapshot *s, size_t i);
/* Without "//" and "/./": two spellings of a path are not two writers of it. */
const char *acct_plain_path(struct region *rg, const char *path);
const struct acct_wants *snapshot_acct_wants(const struct snapshot *s);

/* Does disable-acct-records of the queue name the type? */
bool acct_is_disabled(const struct queue_conf *c, enum acct_type t);

/*
 * The effective settings of a queue: built-in, global <domain> by
 * specificity, the pool's, the VMTA's (for the name of a pool: only the
 * pool's).  Pointers inside go on pointing into
 * the snapshot.
 */
/* Both NULL: there is no pickup directory. */
struct pickup_dirs {
	const char *dir, *bad_dir;
};
const struct pickup_dirs *snapshot_pickup(const struct snapshot *s);

/* What of notifications the operator words; NULL: what we say. */
struct dsn_forms {
	const struct dsn_from *from, *failed_from;
	const struct dsn_template *failed_subject, *failed_body;
};
const struct dsn_forms *snapshot_dsn(const struct snapshot *s);

void snapshot_queue_conf(const struct snapshot *s, const char *domain,
    const char *vmta, struct queue_conf *out);

/*
 * Settings of a client: CIDR sources general to specific, overridden by the
 * named source (of the user, of the listener) if there is one.  name may be
 * NULL.  A client without an address (family 0: a unix socket, a local
 * submission) counts as 127.0.0.1, a mapped one (::ffff:192.0.2.1) as IPv4;
 * <source 0/0> is every client.
 */
void snapshot_source_conf(const struct snapshot *s,
    const struct net_addr *client, const char *name, struct source_conf *out);

/* An entry of global's smtp_listeners; NULL: there is none such. */
const struct listener_conf *snapshot_listener(const struct snapshot *s,
    const char *where);
/* TLS for clients there; NULL: there is no certificate. */
const struct tls_server *snapshot_listener_tls(const struct snapshot *s,
    const char *where);

/*
 * The authorities of an smtp-tls-ca-file of a <domain>, read at load; NULL for
 * "".
 */
const struct tls_trust *snapshot_tls_trust(const struct snapshot *s,
    const char *file);

/* Does any client ever wait for a place? */
bool snapshot_awaits_slots(const struct snapshot *s);

/* Every <source-group>, for those who count. */
const struct crowd_group *snapshot_source_groups(const struct snapshot *s,
    size_t *n_r);

/* The source=NAME of an entry of global's smtp_listeners; NULL: none. */
const char *snapshot_listener_source(const struct snapshot *s,
    const char *where);

/*
 * Is a recipient's domain one of relay-domain's patterns, or his address one
 * of relay-address?
 */
bool snapshot_relays_to(const struct snapshot *s, const char *addr,
    const char *domain);

/* Is it one of host-domain's patterns: the host MTA's own? */
bool snapshot_is_host_domain(const struct snapshot *s, const char *domain);

#endif
