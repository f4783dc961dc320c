/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/effect.h"

#include <string.h>

#include "vmta/snapshot_priv.h"

/* Where a line of that block looks for its row; NULL: no such block. */
static const struct conf_table *
table_of(const char *block)
{
	char where[64];

	(void)STR_JOIN(where, sizeof(where), "in <", block, ">");
	for (size_t i = 0; i < conf_schema.table_count; i++)
		if (strcmp(conf_schema.tables[i]->where,
			block[0] == '\0' ? "at the top level" : where) == 0)
			return conf_schema.tables[i];
	for (size_t i = 0; i < conf_schema.block_count; i++)
		if (strcmp(conf_schema.blocks[i].name, block) == 0)
			return &conf_schema.blocks[i].inside;
	return NULL;
}

static enum effect
effect_of_known(const struct conf_known *k, struct err *why)
{
	if (k->fate == CONF_FATE_READ || conf_fate_renames(k->fate))
		return EFFECT_TAKES;
	if (k->fate == CONF_FATE_LATER || k->fate == CONF_FATE_PROTECTS)
		(void)err_set(why, "%s has no effect yet", k->name);
	else
		(void)err_set(why, "%s has no effect here: %s", k->name,
		    k->advice);
	return k->fate == CONF_FATE_PROTECTS ? EFFECT_PROTECTS : EFFECT_NONE;
}

/* As the loader would read it; what it makes of it is thrown away. */
static int
parse(const struct conf_directive *row, const char *value, struct err *why)
{
	struct region *rg = region_new();
	const struct conf_node node = { .name = row->name,
		.value = value,
		.file = "" };
	struct strmap *macros = strmap_new();
	const struct conf_tree tree = { .rg = rg,
		.macros = macros,
		.spent = region_new_obj(rg, struct conf_spent) };
	void *field = region_zalloc(rg, conf_type_size(row->type));
	int rc = conf_value_parse(&tree, row, &node, slice_of(value), field,
	    why);

	strmap_free(&macros);
	region_free(&rg);
	return rc;
}

enum effect
effect_of(const char *block, const char *name, const char *value,
    struct err *why)
{
	const struct conf_table *table = table_of(block);
	const struct conf_directive *row = NULL;
	const struct conf_known *k;

	if (strpbrk(value, "#\r\n") != NULL) {
		(void)err_set(why, "a value with a # cannot be written");
		return EFFECT_WRONG;
	}
	if (table != NULL && table->rows != NULL)
		row = conf_find_row(table, name);
	if (row != NULL)
		return parse(row, value, why) == -1 ? EFFECT_WRONG :
						      EFFECT_TAKES;
	k = table == NULL ? NULL :
			    conf_known_find(&conf_schema, name, table->letter);
	if (k != NULL)
		return effect_of_known(k, why);
	(void)err_set(why, "%s is not known here", name);
	return EFFECT_UNKNOWN;
}
