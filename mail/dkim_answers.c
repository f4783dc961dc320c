/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/dkim_answers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dns.h"
#include "lib/dns_name.h"
#include "lib/mem.h"
#include "lib/strmap.h"

struct answer {
	const char *name;
	enum dkim_answer what;
	struct slice text;
};

struct dkim_answers {
	struct region *rg;
	struct strmap *by_name; /* of struct answer */
	bool complete;          /* from a file: there are no others */
};

struct dkim_answers *
dkim_answers_new(void)
{
	struct dkim_answers *a = mem_new(struct dkim_answers);

	a->rg = region_new();
	a->by_name = strmap_new();
	return a;
}

void
dkim_answers_free(struct dkim_answers **ap)
{
	struct dkim_answers *a = *ap;

	*ap = NULL;
	if (a == NULL)
		return;
	strmap_free(&a->by_name);
	region_free(&a->rg);
	free(a);
}

static struct answer *
add(struct dkim_answers *a, const char *name)
{
	struct answer *x = region_new_obj(a->rg, struct answer);

	x->name = region_strdup(a->rg, name);
	strmap_put(a->by_name, x->name, x);
	return x;
}

/* ---- names --------------------------------------------------------------- */

static bool
make_name(struct slice selector, struct slice domain, char out[DNS_NAME_CAP])
{
	char name[2 * DNS_NAME_CAP];
	int len;

	if (selector.len == 0 || domain.len == 0 ||
	    selector.len >= DNS_NAME_CAP || domain.len >= DNS_NAME_CAP ||
	    memchr(selector.p, '\0', selector.len) != NULL ||
	    memchr(domain.p, '\0', domain.len) != NULL)
		return false;
	len = snprintf(name, sizeof(name), "%.*s._domainkey.%.*s",
	    (int)selector.len, selector.p, (int)domain.len, domain.p);
	return len > 0 && (size_t)len < sizeof(name) &&
	    dns_name_clean(name, out) == 0;
}

bool
dkim_answers_want(struct dkim_answers *a, struct slice selector,
    struct slice domain)
{
	char name[DNS_NAME_CAP];

	if (!make_name(selector, domain, name))
		return false;
	if (strmap_get(a->by_name, name) == NULL)
		(void)add(a, name);
	return true;
}

size_t
dkim_answers_count(const struct dkim_answers *a)
{
	return strmap_count(a->by_name);
}

const char *
dkim_answers_name(const struct dkim_answers *a, size_t i)
{
	const struct answer *x = strmap_at(a->by_name, i);

	return x->name;
}

void
dkim_answers_set(struct dkim_answers *a, size_t i, enum dkim_answer what,
    struct slice text)
{
	struct answer *x = strmap_at(a->by_name, i);

	x->what = what;
	if (what == DKIM_ANSWER_RECORD)
		x->text = (struct slice){
			region_strndup(a->rg, text.p, text.len), text.len
		};
}

/* RFC 6376 section 3.6.2.2: with several records nobody can say which. */
void
dkim_answers_take(struct dkim_answers *a, size_t i,
    const struct dns_answer *answer)
{
	if (answer == NULL || answer->status == DNS_TEMP)
		dkim_answers_set(a, i, DKIM_ANSWER_TROUBLE, SLICE_LIT(""));
	else if (answer->status != DNS_OK || answer->count != 1)
		dkim_answers_set(a, i, DKIM_ANSWER_NONE, SLICE_LIT(""));
	else
		dkim_answers_set(a, i, DKIM_ANSWER_RECORD,
		    slice_of(answer->txt[0]));
}

enum dkim_answer
dkim_answers_find(const struct dkim_answers *a, struct slice selector,
    struct slice domain, struct slice *text_r)
{
	char name[DNS_NAME_CAP];
	const struct answer *x;

	if (!make_name(selector, domain, name))
		return DKIM_ANSWER_NONE;
	x = strmap_get(a->by_name, name);
	if (x == NULL)
		return a->complete ? DKIM_ANSWER_NONE : DKIM_ANSWER_TROUBLE;
	if (x->what == DKIM_ANSWER_RECORD)
		*text_r = x->text;
	return x->what;
}

/* ---- a file -------------------------------------------------------------- */

/* NAME 1*WSP RECORD */
static int
read_line(struct dkim_answers *a, char *line, struct err *e)
{
	size_t len = strcspn(line, " \t\r\n");
	struct slice record = slice_trim(
	    (struct slice){ line + len, strcspn(line + len, "\r\n") });
	char name[DNS_NAME_CAP];
	struct answer *x;

	if (len == 0 && record.len == 0)
		return 0;
	if (line[0] == '#')
		return 0;
	line[len] = '\0';
	if (dns_name_clean(line, name) == -1)
		return err_set(e, "\"%.100s\" is no domain name", line);
	if (record.len == 0)
		return err_set(e, "no record behind %s", name);
	if (strmap_get(a->by_name, name) != NULL)
		return err_set(e, "a second record for %s", name);
	x = add(a, name);
	x->what = DKIM_ANSWER_RECORD;
	x->text = (struct slice){ region_strndup(a->rg, record.p, record.len),
		record.len };
	return 0;
}

int
dkim_answers_read(const char *path, struct dkim_answers **answers_r,
    struct err *e)
{
	struct dkim_answers *a;
	FILE *f = fopen(path, "re");
	unsigned number = 0;
	char *line = NULL;
	size_t cap = 0;
	int rc = 0;

	*answers_r = NULL;
	if (f == NULL)
		return err_sys(e, "%s", path);
	a = dkim_answers_new();
	a->complete = true;
	while (rc == 0 && getline(&line, &cap, f) != -1) {
		number++;
		if (read_line(a, line, e) == -1)
			rc = err_where(e, "%s:%u", path, number);
	}
	if (rc == 0 && ferror(f) != 0)
		rc = err_sys(e, "%s", path);
	free(line);
	(void)fclose(f);
	if (rc == -1)
		dkim_answers_free(&a);
	*answers_r = a;
	return rc;
}
