/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot_priv - what the files that make up the snapshot share.
 *
 * snapshot_load.c, snapshot_assign.c, snapshot_limits.c, snapshot_replies.c,
 * snapshot_rollup.c, snapshot_rewrite.c, snapshot_cold.c, snapshot_warmup.c, snapshot_suppress.c, snapshot_tls.c, snapshot_tls_policy.c and snapshot_acct.c read the tree and
 * join the parts, snapshot_check.c and snapshot_reroute.c look across
 * directives, snapshot_sources.c at the host, snapshot.c and settings.c answer
 * questions; tables.c has the
 * tables.  While it is built a snapshot belongs to the loading thread;
 * afterwards nothing in it changes but the count.
 */

#ifndef VMTA_SNAPSHOT_PRIV_H
#define VMTA_SNAPSHOT_PRIV_H

#include "lib/conf_known.h"
#include "lib/mem.h"
#include "lib/ref.h"
#include "lib/strmap.h"
#include "mail/envelope.h"
#include "vmta/domain_map.h"
#include "vmta/extra_fields.h"
#include "vmta/password.h"
#include "vmta/pattern_list.h"
#include "vmta/snapshot.h"
#include "vmta/suppress.h"

#define NAME_KEY_MAX 255

extern const struct conf_table table_global, table_domain, table_vmta,
    table_pool, table_source, table_user, table_acct, table_provider, table_job,
    table_listener, table_group, table_spool, table_suppress, table_warmup;
extern const struct conf_schema conf_schema;
extern const struct conf_form_types known_types;

/* What one <domain> block sets; a macro gives it to many names. */
struct layer {
	const struct conf_node *node;
	struct conf_strs patterns;
	const struct vmta_entry *vmta; /* the block around it, or NULL */
	const struct pool_entry *pool;
	struct queue_conf values;
	struct conf_set set;
	struct layer *next; /* of the snapshot, in file order */
};

struct reply_lists; /* what rows and rules say about replies */
struct rollup_rows; /* what MX hosts say about domains */

struct key_index;        /* which domain-key comes first for a domain */
struct snapshot_signing; /* keys, lists of them, sets of fields */
struct snapshot_sealing; /* keys of ARC sets */

/* What header work depends on; snapshot_headers.c. */
struct headers_conf {
	struct extra_fields include; /* of the top level */
	bool wishes, by_vmta;        /* snapshot_headers.h */
	bool by_source, names_vmta;  /* some <source> asks for it */
};

struct vmta_entry {
	struct vmta pub;
	struct conf_set set;
	const struct conf_node *node;
	struct domain_map *domains;
	const struct pool_entry *domain_pool; /* whose settings count */
	const struct pool *first_pool;        /* in the file; or NULL */
	struct key_index *keys;
	struct extra_fields include;
	const struct rewrite_list *rewrites; /* its own, else its pool's */
	/* It has keys, says how queues are signed, or changes fields. */
	bool signs_alone;
	char *key; /* the name in lower case */
};

struct conf_nodes {
	size_t n;
	const struct conf_node **v;
};

struct pool_entry {
	struct pool pub;
	struct conf_set set;
	struct conf_nodes member_nodes; /* the line of each of pub.members */
	const struct conf_node *node;
	struct domain_map *domains;
	struct key_index *keys;
	const struct vmta **signers; /* members that sign differently */
	size_t signer_count;
	const char *list_unsubscribe, *feedback_id; /* of all members */
	struct extra_fields include;
	const struct rewrite_list *rewrites;
	char *key;
};

struct source_entry {
	const char *name; /* NULL: by address */
	struct net_prefix prefix;
	struct source_conf values;
	struct conf_set set;
	const char *key;
	struct source_entry *next; /* by address, shortest prefix first */
};

struct user_entry {
	const char *name;
	struct user_conf values;
	struct conf_set set;
	bool has_password;
	struct password stored; /* if it has one */
};

struct provider_entry {
	struct provider pub;
	struct conf_set set;
	struct conf_nodes domain_lines; /* the line of each of pub.domains */
	struct conf_nodes mx_lines;     /* likewise */
	const struct conf_node *node;   /* its first block */
	char *key;
};

struct job_entry {
	struct job_conf pub;
	struct conf_set set;
	const struct conf_node *node;
	struct job_entry *next;
};

struct acct_entry {
	struct acct_conf pub;
	struct conf_set set;
	struct conf_nodes lines;          /* of its blocks, without bad ones */
	enum acct_type types[ACCT_TYPES]; /* in the order of `records` */
	size_t type_count;
};

struct listener_entry {
	const char *where;
	struct listener_conf values;
	struct conf_set set;
	const struct conf_node *node;
	struct tls_server *tls; /* NULL: there is no certificate */
	bool own_tls;           /* else it is the snapshot's */
	struct listener_entry *next;
};

struct group_entry {
	struct source_group pub;
	struct conf_set set;
	const struct conf_node *node; /* its first block */
};

struct suppress_entry {
	struct suppress_list pub;
	struct conf_set set;
	const struct conf_node *node;
	struct buf key; /* of key-file */
	bool named;     /* by some suppression-lists */
};

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): by what it is for */
struct snapshot {
	struct ref refs;
	struct snapshot *self; /* to count through a const pointer */
	uint64_t generation;
	struct region *rg;
	struct global_conf global;
	struct conf_set global_set;
	struct queue_conf queue_defaults;
	struct source_conf source_defaults;
	struct domain_map *domains;
	struct domain_map *relay, *host_domains;
	struct snapshot_signing *signing;
	struct snapshot_sealing *sealing;
	struct headers_conf headers;
	struct dsn_forms dsn;
	struct pickup_dirs pickup;
	struct layer *layers, **layers_end;
	struct strmap *vmtas; /* of vmta_entry; the built-in one first */
	struct strmap *by_ip; /* of struct vmta; NULL: nobody asks for it */
	bool assigns_domains; /* some layer names a virtual MTA */
	struct strmap *pools; /* of pool_entry */
	struct strmap *named_sources; /* of source_entry */
	struct strmap *addr_sources;  /* of source_entry, by "IP/BITS" */
	struct source_entry *sources; /* the latter, in order */
	struct strmap *users;         /* of user_entry */
	bool has_cert_users;
	const struct password *any_password; /* of a user; NULL: none has one */
	unsigned password_forms;             /* a bit for each that is there */
	struct sender_patterns **senders;    /* of sources and users */
	size_t sender_count;
	bool judges_senders, limits_senders, checks_clients;
	struct strmap *providers;           /* of provider_entry */
	struct domain_map *provided;        /* provider_entry by its domains */
	struct job_entry *jobs, **jobs_end; /* in the order of the file */
	size_t job_count;
	struct strmap *rewrites;          /* of rewrite_list */
	struct strmap *warmups;           /* of warmup_entry */
	struct strmap *suppress;          /* of suppress_entry */
	struct suppress_watched *watched; /* the published ones */
	size_t watched_count;
	struct domain_map *mx_limits; /* of struct conf_domain_count */
	struct strmap *accts;         /* of acct_entry, by path */
	bool too_many_accts;          /* said */
	struct acct_wants acct_wants;
	struct pattern_lists *patterns;
	struct reply_lists *reply_lists;
	struct rollup_rows *rollups;
	bool has_queue_to; /* some <domain> says where its mail goes */
	bool has_groups;   /* some <provider> has a rollup */
	struct listener_entry *listeners; /* smtp-listener only */
	struct strmap *groups;            /* of group_entry, by name */
	struct crowd_group *crowd_groups; /* the same, as they are asked for */
	struct tls_server *tls; /* of listeners without settings of their own */
	struct strmap *trusts;  /* of struct tls_trust, by smtp-tls-ca-file */
};

/* A name as it is looked up; false if it is too long to be one. */
bool name_key(const char *name, char out[NAME_KEY_MAX + 1]);

struct vmta_entry *snapshot_find_vmta(const struct snapshot *s,
    const char *name);
struct pool_entry *snapshot_find_pool(const struct snapshot *s,
    const char *name);
struct source_entry *snapshot_find_source(const struct snapshot *s,
    const char *name);

/* Appends in the region, as conf_strs_add(). */
void conf_nodes_add(struct conf_nodes *list, struct region *rg,
    const struct conf_node *n);

/* snapshot_load.c: the strings are the snapshot's. */
struct vmta_entry *snapshot_add_vmta(struct snapshot *s,
    const struct conf_tree *tree, const char *name, char *key,
    const struct conf_node *n);

/* snapshot_tls.c: certificates for clients. */
void snapshot_tls_join(struct snapshot *s, struct conf_errors *errs);
void snapshot_tls_free(struct snapshot *s);

/* snapshot_tls_policy.c: TLS with servers; what levels of <domain> come to. */
void snapshot_tls_policy_join(struct snapshot *s, struct conf_errors *errs);
void snapshot_tls_policy_free(struct snapshot *s);
void snapshot_tls_policy_check(const struct snapshot *s,
    struct conf_errors *errs);

/* snapshot_users.c: passwords. */
void snapshot_users_join(struct snapshot *s, struct conf_errors *errs);
void snapshot_users_free(struct snapshot *s);

/* snapshot_assign.c: virtual MTAs that only a <domain> names; addresses. */
void snapshot_assign_read(struct snapshot *s, const struct conf_tree *tree,
    struct conf_errors *errs);
void snapshot_assign_join(struct snapshot *s);

/* snapshot_join.c: names to pointers, inherited values, keys. */
void snapshot_join(struct snapshot *s, struct conf_errors *errs);

/* snapshot_clients.c: <source-group>. */
void snapshot_group_read(struct snapshot *s, const struct conf_binder *b,
    const struct conf_node *n, const char *name, const char *key);
void snapshot_groups_join(struct snapshot *s, struct conf_errors *errs);
void snapshot_listeners_check(const struct snapshot *s,
    struct conf_errors *errs);
void snapshot_exim_listeners_check(const struct snapshot *s,
    const struct conf_tree *tree, struct conf_errors *errs);

/* snapshot_check.c: what is wrong across directives. */
void snapshot_check(const struct snapshot *s, const struct conf_tree *tree,
    struct conf_errors *errs);
/* A domain that the pattern stands for. */
const char *snapshot_sample_domain(struct region *rg, const char *pattern);

/* snapshot_limits.c: <provider> and <job>; then what needs all of them. */
void snapshot_provider_read(struct snapshot *s, const struct conf_binder *b,
    const struct conf_node *n, const char *name);
void snapshot_job_read(struct snapshot *s, const struct conf_binder *b,
    const struct conf_node *n, const char *pattern);
void snapshot_limits_join(struct snapshot *s, struct conf_errors *errs);
void snapshot_limits_free(struct snapshot *s);
struct provider_entry *snapshot_find_provider(const struct snapshot *s,
    const char *name);
/* Of the job; NULL: none fits. */
const struct job_entry *snapshot_find_job(const struct snapshot *s,
    const char *job);
/* The item that counts for the host; NULL: none. */
const struct conf_domain_count *snapshot_find_mx_limit(const struct snapshot *s,
    const char *host);
/* Has the pool limits of its own? */
bool pool_has_limits(const struct pool_entry *p);

/* explain.c */
/* The line of a value: the last one; of an item of a list the one it is in. */
const struct conf_node *explain_item_line(const struct conf_table *table,
    const struct conf_set *set, const struct conf_directive *row, size_t item);
/* "<domain *> of <virtual-mta news>", from the inside. */
void explain_block_name(struct buf *out, const struct conf_node *line);

/*
 * snapshot_replies.c: <smtp-pattern-list> and <dsn-rule>, whose lines were
 * checked against their forms; then what needs all of them.
 */
struct reply_lists *reply_lists_new(void);
void reply_lists_free(struct reply_lists **rp);
void reply_lists_read(struct reply_lists *r, const struct conf_binder *b,
    const struct conf_node *block, const char *key);
void reply_lists_read_rule(struct reply_lists *r, const struct conf_binder *b,
    const struct conf_node *block, const char *name, const char *key);
/* Is there a <smtp-pattern-list> of that name? */
bool reply_lists_has(const struct reply_lists *r, const char *name);
void reply_lists_join(struct reply_lists *r, struct conf_errors *errs);

/* snapshot_rollup.c: <mx-rollup-list>, likewise; queue-to, MX of providers. */
void snapshot_rollup_read(struct snapshot *s, const struct conf_binder *b,
    const struct conf_node *block);
void snapshot_rollup_join(struct snapshot *s, struct conf_errors *errs);

/* snapshot_auth.c: who signs in at servers, and what shows his password. */
void snapshot_auth_check(const struct snapshot *s, struct conf_errors *errs);
/* snapshot_reroute.c: names that there are not, and ways that lead in a ring. */
void snapshot_reroute_check(const struct snapshot *s, struct conf_errors *errs);
/* snapshot_log.c: log-style, and where its lines go. */
void snapshot_log_check(const struct snapshot *s, struct conf_errors *errs);
/* snapshot_cold.c: cold-virtual-mta, as far as it needs all. */
void snapshot_cold_join(struct snapshot *s, struct conf_errors *errs);
/* snapshot_warmup.c: <warmup>, likewise. */
void snapshot_warmup_read(struct snapshot *s, const struct conf_binder *b,
    const struct conf_node *n, const char *name, const char *key);
void snapshot_warmup_join(struct snapshot *s, struct conf_errors *errs);

/* snapshot_acct.c: <acct-file>; then what needs all of them. */
void snapshot_acct_read(struct snapshot *s, const struct conf_binder *b,
    const struct conf_node *n, const char *path);
void snapshot_acct_join(struct snapshot *s, const struct conf_binder *b);
/* Its last line of that name; NULL: it has none. */
const struct conf_node *acct_entry_line(const struct acct_entry *a,
    const char *name);

/* snapshot_acct_check.c: what is legal there and yet not what it seems. */
void snapshot_acct_check(const struct snapshot *s, struct conf_errors *errs);
/* Has the directive a meaning for the kind? */
bool acct_kind_has(enum acct_kind kind, const char *name);

/* snapshot_list.c: templates of list_fields.h. */
void snapshot_list_join(struct snapshot *s, struct conf_errors *errs);

/* snapshot_headers.c: header fields that go and come; before what signs. */
void snapshot_dsn_join(struct snapshot *s, struct conf_errors *errs);
void snapshot_dsn_check_host(const struct snapshot *s,
    const struct conf_node *n, struct conf_errors *errs);
void snapshot_dummy_join(struct snapshot *s, struct conf_errors *errs);
void snapshot_pickup_join(struct snapshot *s, struct conf_errors *errs);
void snapshot_headers_join(struct snapshot *s, struct conf_errors *errs);

/*
 * snapshot_rewrite.c: <rewrite-list>, whose lines were checked against their
 * forms, by its name in lower case; then who names which, before the headers.
 */
void snapshot_rewrite_read(struct snapshot *s, const struct conf_binder *b,
    const struct conf_node *block, const char *key);
void snapshot_rewrite_join(struct snapshot *s, struct conf_errors *errs);

/* snapshot_senders.c: patterns of who may send as whom. */
void snapshot_senders_join(struct snapshot *s, struct conf_errors *errs);
void snapshot_senders_free(struct snapshot *s);

/*
 * snapshot_suppress.c: <suppression-list>, and <address-list>, whose lines were
 * checked against their forms; then what needs all of them.
 */
void snapshot_suppress_read(struct snapshot *s, const struct conf_binder *b,
    const struct conf_node *n, const char *name, char *key);
void snapshot_suppress_read_addresses(struct snapshot *s,
    const struct conf_binder *b, const struct conf_node *n, const char *name,
    char *key);
void snapshot_suppress_join(struct snapshot *s);
void snapshot_suppress_free(struct snapshot *s);
/* Of a line with suppression-lists. */
void snapshot_suppress_check_names(const struct snapshot *s,
    const struct conf_node *n, struct conf_errors *errs);

/* snapshot_signing.c: keys, and how queues are signed. */
struct snapshot_signing *snapshot_signing_new(void);
void snapshot_signing_free(struct snapshot_signing **gp);
/* <domain-key-list>; keeps the key, its name in lower case. */
void snapshot_signing_read_list(struct snapshot *s, const struct conf_binder *b,
    const struct conf_node *block, char *key);
void snapshot_signing_join(struct snapshot *s, struct conf_errors *errs);
/* Of that line, read once whatever names it; NULL: told. */
struct dkim_key *snapshot_key_file(struct snapshot *s,
    const struct conf_dkey *k, const char *directive, struct conf_errors *errs);

/* snapshot_sealing.c: keys of ARC sets; asked by vmta/sealing.h. */
struct snapshot_sealing *snapshot_sealing_new(struct region *rg);
void snapshot_sealing_free(struct snapshot_sealing **gp);
void snapshot_sealing_join(struct snapshot *s, struct conf_errors *errs);
/* Has the pool keys of its own? */
bool pool_has_keys(const struct pool_entry *p);

#endif
