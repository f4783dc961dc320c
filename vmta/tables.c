/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of directives, made from the .def files. */
#include "vmta/snapshot_priv.h"

static const struct conf_directive global_rows[] = {
#define D(name, field, type, def, min, max, reload, doc) \
	CONF_ROW(global_conf, name, field, type, def, min, max, reload, doc),
#include "vmta/global.def"
#undef D
};

static const struct conf_directive domain_rows[] = {
#define D(name, field, type, def, min, max, reload, doc) \
	CONF_ROW(queue_conf, name, field, type, def, min, max, reload, doc),
#include "vmta/domain.def"
#undef D
};

static const struct conf_directive vmta_rows[] = {
#define D(name, field, type, def, min, max, reload, doc) \
	CONF_ROW(vmta, name, field, type, def, min, max, reload, doc),
#include "vmta/vmta.def"
#undef D
};

static const struct conf_directive pool_rows[] = {
#define D(name, field, type, def, min, max, reload, doc) \
	CONF_ROW(pool, name, field, type, def, min, max, reload, doc),
#include "vmta/pool.def"
#undef D
};

static const struct conf_directive source_rows[] = {
#define D(name, field, type, def, min, max, reload, doc) \
	CONF_ROW(source_conf, name, field, type, def, min, max, reload, doc),
#include "vmta/source.def"
#undef D
};

static const struct conf_directive user_rows[] = {
#define D(name, field, type, def, min, max, reload, doc) \
	CONF_ROW(user_conf, name, field, type, def, min, max, reload, doc),
#include "vmta/user.def"
#undef D
};

static const struct conf_directive acct_rows[] = {
#define D(name, field, type, def, min, max, reload, doc) \
	CONF_ROW(acct_conf, name, field, type, def, min, max, reload, doc),
#include "vmta/acct.def"
#undef D
};

static const struct conf_directive provider_rows[] = {
#define D(name, field, type, def, min, max, reload, doc) \
	CONF_ROW(provider, name, field, type, def, min, max, reload, doc),
#include "vmta/provider.def"
#undef D
};

static const struct conf_directive job_rows[] = {
#define D(name, field, type, def, min, max, reload, doc) \
	CONF_ROW(job_conf, name, field, type, def, min, max, reload, doc),
#include "vmta/job.def"
#undef D
};

static const struct conf_directive listener_rows[] = {
#define D(name, field, type, def, min, max, reload, doc) \
	CONF_ROW(listener_conf, name, field, type, def, min, max, reload, doc),
#include "vmta/listener.def"
#undef D
};

static const struct conf_directive group_rows[] = {
#define D(name, field, type, def, min, max, reload, doc) \
	CONF_ROW(source_group, name, field, type, def, min, max, reload, doc),
#include "vmta/group.def"
#undef D
};

static const struct conf_directive warmup_rows[] = {
#define D(name, field, type, def, min, max, reload, doc) \
	CONF_ROW(warmup_conf, name, field, type, def, min, max, reload, doc),
#include "vmta/warmup.def"
#undef D
};

static const struct conf_directive suppress_rows[] = {
#define D(name, field, type, def, min, max, reload, doc) \
	CONF_ROW(suppress_conf, name, field, type, def, min, max, reload, doc),
#include "vmta/suppress_list.def"
#undef D
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const struct conf_table table_global = { "at the top level", 'G', global_rows,
	COUNT(global_rows) };
const struct conf_table table_domain = { "in <domain>", 'D', domain_rows,
	COUNT(domain_rows) };
const struct conf_table table_vmta = { "in <virtual-mta>", 'V', vmta_rows,
	COUNT(vmta_rows) };
const struct conf_table table_pool = { "in <virtual-mta-pool>", 'P', pool_rows,
	COUNT(pool_rows) };
const struct conf_table table_source = { "in <source>", 'S', source_rows,
	COUNT(source_rows) };
const struct conf_table table_user = { "in <smtp-user>", 'U', user_rows,
	COUNT(user_rows) };
const struct conf_table table_acct = { "in <acct-file>", 'A', acct_rows,
	COUNT(acct_rows) };
const struct conf_table table_provider = { "in <provider>", 'O', provider_rows,
	COUNT(provider_rows) };
const struct conf_table table_job = { "in <job>", 'J', job_rows,
	COUNT(job_rows) };
const struct conf_table table_listener = { "in <smtp-listener>", 'L',
	listener_rows, COUNT(listener_rows) };
const struct conf_table table_group = { "in <source-group>", 'g', group_rows,
	COUNT(group_rows) };
const struct conf_table table_warmup = { "in <warmup>", 'W', warmup_rows,
	COUNT(warmup_rows) };
const struct conf_table table_suppress = { "in <suppression-list>", 'X',
	suppress_rows, COUNT(suppress_rows) };
/* The block form has nothing of its own beside the directory. */
const struct conf_table table_spool = { "in <spool>", 'Q', NULL, 0 };

static const struct conf_table *const tables[] = { &table_global, &table_domain,
	&table_vmta, &table_pool, &table_source, &table_user, &table_acct,
	&table_provider, &table_job, &table_listener, &table_spool,
	&table_group, &table_suppress, &table_warmup };

static const struct conf_block blocks[] = {
#define B(name, where, letter, form, fate, doc) \
	CONF_BLOCK(name, where, letter, form, fate, doc),
#include "vmta/blocks.def"
#undef B
};

static const struct conf_known known[] = {
#define K(name, where, form, min, max, fate, advice, doc) \
	{ name, where, form, min, max, CONF_FATE_##fate, advice, doc },
#include "vmta/known.def"
#undef K
};

const struct conf_schema conf_schema = {
	.tables = tables,
	.table_count = COUNT(tables),
	.blocks = blocks,
	.block_count = COUNT(blocks),
	.known = known,
	.known_count = COUNT(known),
	.types = &known_types,
};
