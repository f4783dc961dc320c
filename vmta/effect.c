/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/effect.h"

#include <string.h>

#include "lib/conf_lex.h"
#include "vmta/snapshot_priv.h"

/* Where a line of that block looks for its row; NULL: no such block. */
static const struct conf_table *
table_of(const char *block)
{
	char where[64];

	(void)STR_JOIN(where, sizeof(where), "in <", block, ">");
	for (size_t i = 0; i < conf_schema.table_count; i++)
		if (str_eq_nocase(conf_schema.tables[i]->where,
			block[0] == '\0' ? "at the top level" : where))
			return conf_schema.tables[i];
	for (size_t i = 0; i < conf_schema.block_count; i++)
		if (str_eq_nocase(conf_schema.blocks[i].name, block))
			return &conf_schema.blocks[i].inside;
	return NULL;
}

/* Where values are looked at that nobody keeps. */
struct scratch {
	struct conf_tree tree;
	struct conf_node node;
};

static void
scratch_init(struct scratch *s, const char *name, const char *value)
{
	struct region *rg = region_new();

	s->node =
	    (struct conf_node){ .name = name, .value = value, .file = "" };
	s->tree = (struct conf_tree){ .rg = rg,
		.macros = strmap_new(),
		.spent = region_new_obj(rg, struct conf_spent) };
}

static void
scratch_fini(struct scratch *s)
{
	strmap_free(&s->tree.macros);
	region_free(&s->tree.rg);
}

/* Has the value the form of the directive? */
static enum effect
check_form(const struct conf_known *k, const char *value, struct err *why)
{
	struct scratch s;
	int form;

	scratch_init(&s, k->name, value);
	form = conf_form_check(
	    &(struct conf_form_ctx){ &s.tree, &s.node, k->min, k->max },
	    conf_schema.types, k->form, slice_of(value), why);
	scratch_fini(&s);
	return form == -1 ? EFFECT_WRONG : EFFECT_TAKES;
}

static enum effect
effect_of_known(const struct conf_known *k, const char *value, struct err *why)
{
	if (k->fate == CONF_FATE_READ || conf_fate_renames(k->fate))
		return check_form(k, value, why);
	if (k->fate == CONF_FATE_LATER || k->fate == CONF_FATE_PROTECTS)
		(void)err_set(why, "%s has no effect yet", k->name);
	else
		(void)err_set(why, "%s has no effect here: %s", k->name,
		    k->advice);
	return k->fate == CONF_FATE_PROTECTS ? EFFECT_PROTECTS : EFFECT_NONE;
}

/* As the loader would read it. */
static enum effect
check_row(const struct conf_directive *row, const char *value, struct err *why)
{
	struct scratch s;
	int rc;

	scratch_init(&s, row->name, value);
	rc = conf_value_parse(&s.tree, row, &s.node, slice_of(value),
	    region_zalloc(s.tree.rg, conf_type_size(row->type)), why);
	scratch_fini(&s);
	return rc == -1 ? EFFECT_WRONG : EFFECT_TAKES;
}

void
effect_look_up(const char *block, const char *name, struct effect_rows *out)
{
	const struct conf_table *table = table_of(block);

	*out = (struct effect_rows){ 0 };
	if (table == NULL)
		return;
	if (table->rows != NULL)
		out->row = conf_find_row(table, name);
	if (table->letter == '\0')
		return; /* it would stand for any place */
	out->known = conf_known_find(&conf_schema, name, table->letter);
	out->inner = conf_block_find(&conf_schema, name, table->letter);
}

/* Would the loader take the line for one, whatever the directive? */
static int
check_line(const char *name, const char *value, struct err *why)
{
	struct region *rg;
	struct conf_lex lex;
	struct conf_token t;
	const char *line;
	int rc = 0;

	if (value[0] == '\0')
		return err_set(why, "there is no value");
	for (const char *p = value; *p != '\0'; p++)
		if (*p == '#' || (unsigned char)*p < ' ' || *p == 127)
			return err_set(why,
			    "a value with a # or a control character cannot "
			    "be written");
	rg = region_new();
	line = REGION_JOIN(rg, name, " ", value);
	conf_lex_init(&lex, rg, line, strlen(line));
	if (conf_lex_next(&lex, &t, why) == CONF_BAD)
		rc = -1;
	region_free(&rg);
	return rc;
}

enum effect
effect_of(const char *block, const char *name, const char *value,
    struct err *why)
{
	struct effect_rows rows;

	if (check_line(name, value, why) == -1)
		return EFFECT_WRONG;
	effect_look_up(block, name, &rows);
	if (rows.row != NULL)
		return check_row(rows.row, value, why);
	if (rows.known != NULL)
		return effect_of_known(rows.known, value, why);
	(void)err_set(why, "%s is not known here", name);
	return EFFECT_UNKNOWN;
}
