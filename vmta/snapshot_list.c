/* SPDX-License-Identifier: Apache-2.0 */
/* Templates of list-unsubscribe and feedback-id: checked, and which one counts. */
#include <string.h>

#include "vmta/list_fields.h"
#include "vmta/snapshot_priv.h"

typedef int check_fn(const char *text, struct err *e);

/* ---- at load ----------------------------------------------------------------- */

static void
check(const struct conf_table *table, const struct conf_set *set,
    const char *name, const char *text, check_fn *fn, struct conf_errors *errs)
{
	const struct conf_node *n = conf_set_node(table, set, name);
	struct err e;

	if (n != NULL && text[0] != '\0' && fn(text, &e) == -1)
		conf_error(errs, n->file, n->line, "%s: %s", name, e.text);
}

/* What all members of a pool have; "" where they differ. */
static const char *
common(const struct pool_entry *p, size_t offset)
{
	const char *first = NULL;

	for (size_t i = 0; i < p->pub.members.n; i++) {
		const char *text;

		if (p->pub.vmtas[i] == NULL)
			continue;
		memcpy(&text, (const char *)p->pub.vmtas[i] + offset,
		    sizeof(text));
		if (first != NULL && strcmp(text, first) != 0)
			return "";
		first = text;
	}
	return first == NULL ? "" : first;
}

static void
check_source(const struct source_entry *src, struct conf_errors *errs)
{
	check(&table_source, &src->set, "list-unsubscribe",
	    src->values.list_unsubscribe, list_unsubscribe_check, errs);
}

void
snapshot_list_join(struct snapshot *s, struct conf_errors *errs)
{
	for (size_t i = 0; i < strmap_count(s->named_sources); i++)
		check_source(strmap_at(s->named_sources, i), errs);
	for (size_t i = 0; i < strmap_count(s->addr_sources); i++)
		check_source(strmap_at(s->addr_sources, i), errs);
	for (size_t i = 0; i < strmap_count(s->vmtas); i++) {
		const struct vmta_entry *v = strmap_at(s->vmtas, i);

		check(&table_vmta, &v->set, "list-unsubscribe",
		    v->pub.list_unsubscribe, list_unsubscribe_check, errs);
		check(&table_vmta, &v->set, "feedback-id", v->pub.feedback_id,
		    feedback_id_check, errs);
	}
	for (const struct job_entry *j = s->jobs; j != NULL; j = j->next) {
		check(&table_job, &j->set, "list-unsubscribe",
		    j->pub.list_unsubscribe, list_unsubscribe_check, errs);
		check(&table_job, &j->set, "feedback-id", j->pub.feedback_id,
		    feedback_id_check, errs);
	}
	for (size_t i = 0; i < strmap_count(s->pools); i++) {
		struct pool_entry *p = strmap_at(s->pools, i);

		p->list_unsubscribe = common(p,
		    offsetof(struct vmta, list_unsubscribe));
		p->feedback_id = common(p, offsetof(struct vmta, feedback_id));
	}
}

/* ---- asked by others ------------------------------------------------------------ */

static const char *
first_of(const char *a, const char *b)
{
	return a[0] != '\0' ? a : b;
}

void
snapshot_list_templates(const struct snapshot *s, const char *vmta,
    const char *job, struct list_templates *t)
{
	const struct vmta_entry *v = snapshot_find_vmta(s, vmta);
	const struct pool_entry *p = v == NULL ? snapshot_find_pool(s, vmta) :
						 NULL;
	const struct job_conf *j = job[0] == '\0' ? NULL : snapshot_job(s, job);

	*t = (struct list_templates){ "", "" };
	if (v != NULL)
		*t = (struct list_templates){ v->pub.list_unsubscribe,
			v->pub.feedback_id };
	else if (p != NULL)
		*t = (struct list_templates){ p->list_unsubscribe,
			p->feedback_id };
	if (j != NULL) {
		t->list_unsubscribe = first_of(j->list_unsubscribe,
		    t->list_unsubscribe);
		t->feedback_id = first_of(j->feedback_id, t->feedback_id);
	}
}
