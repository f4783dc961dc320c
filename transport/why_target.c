/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/why_target.h"

#include <stdlib.h>
#include <string.h>

#include "lib/conf_known.h"
#include "lib/mem.h"
#include "mail/envelope.h"
#include "transport/select.h"

static const struct {
	const char *word, *words;
} kinds[OF_COUNT] = {
	[OF_QUEUE] = { "queue", "queue" },
	[OF_MESSAGE] = { "message", "message" },
	[OF_IP] = { "ip", "address" },
	[OF_VMTA] = { "vmta", "virtual MTA" },
	[OF_POOL] = { "pool", "pool" },
	[OF_PROVIDER] = { "provider", "provider" },
	[OF_JOB] = { "job", "job" },
	[OF_USER] = { "user", "SMTP user" },
};

const char *
why_of_word(enum why_of of)
{
	return kinds[of].word;
}

const char *
why_of_words(enum why_of of)
{
	return kinds[of].words;
}

/* ---- forms --------------------------------------------------------------- */

static bool
is_addr(const char *text, struct net_addr *a_r)
{
	struct err e;

	return net_addr_parse(slice_of(text), a_r, &e) == 0;
}

/* ---- names of the configuration ------------------------------------------ */

/* As it is written there; NULL: it is none of that kind. */
static const char *
known_name(const struct snapshot *conf, enum why_of of, const char *name)
{
	const struct vmta *v;
	const struct pool *p;
	const struct provider *r;
	const struct user_conf *u;

	switch (of) {
	case OF_VMTA:
		v = name[0] == '\0' ? NULL : snapshot_vmta(conf, name);
		return v == NULL ? NULL : v->name;
	case OF_POOL:
		p = snapshot_pool(conf, name);
		return p == NULL ? NULL : p->name;
	case OF_PROVIDER:
		r = snapshot_provider_named(conf, name);
		return r == NULL ? NULL : r->name;
	case OF_USER:
		u = snapshot_user(conf, name);
		return u == NULL ? NULL : name;
	case OF_QUEUE:
	case OF_MESSAGE:
	case OF_IP:
	case OF_JOB:
		return NULL;
	}
	return NULL;
}

static const enum why_of named[] = { OF_VMTA, OF_POOL, OF_PROVIDER, OF_USER };
enum { NAMED = sizeof(named) / sizeof(named[0]) };

/* The nearer of two; best may be NULL, and stays when both are far away. */
static const char *
nearer(const char *wanted, const char *best, const char *name)
{
	const char *const both[] = { name, best };
	const char *found = conf_nearest(wanted, both, best == NULL ? 1 : 2);

	return found == NULL ? best : found;
}

const char *
why_target_nearest(const struct snapshot *conf, const char *name,
    const char *best)
{
	for (size_t i = 0; i < snapshot_vmta_count(conf); i++)
		best = nearer(name, best, snapshot_vmta_at(conf, i)->name);
	for (size_t i = 0; i < snapshot_pool_count(conf); i++)
		best = nearer(name, best, snapshot_pool_at(conf, i)->name);
	for (size_t i = 0; i < snapshot_provider_count(conf); i++)
		best = nearer(name, best, snapshot_provider_at(conf, i)->name);
	return best;
}

/* ---- the word ------------------------------------------------------------ */

static int
take_queue(const char *text, struct why_target *t, struct err *e)
{
	t->of = OF_QUEUE;
	queue_pattern_fini(&t->queue);
	return queue_pattern_parse(text, &t->queue, e);
}

static int
unknown(const struct snapshot *conf, enum why_of of, const char *name,
    struct err *e)
{
	const char *near = why_target_nearest(conf, name, NULL);

	if (near != NULL)
		return err_set(e, "there is no %s %s; the nearest name is %s",
		    why_of_words(of), name, near);
	return err_set(e, "there is no %s %s", why_of_words(of), name);
}

/* KIND:NAME. */
static int
take_kind(enum why_of of, const char *name, const struct snapshot *conf,
    struct why_target *t, struct err *e)
{
	char addr[NET_ADDR_TEXT];
	const char *known;

	t->of = of;
	switch (of) {
	case OF_QUEUE:
		return take_queue(name, t, e);
	case OF_MESSAGE:
		if (!select_read_id(name, &t->id))
			return err_set(e, "a message is %d hex digits",
			    MESSAGE_ID_TEXT - 1);
		break;
	case OF_IP:
		if (!is_addr(name, &t->addr))
			return err_set(e, "%s is no address", name);
		name = net_addr_text(&t->addr, addr); /* as scopes have it */
		break;
	case OF_JOB:
		break;
	case OF_VMTA:
	case OF_POOL:
	case OF_PROVIDER:
	case OF_USER:
		known = known_name(conf, of, name);
		if (known == NULL)
			return unknown(conf, of, name, e);
		name = known;
		break;
	}
	t->name = mem_strdup(name);
	return 0;
}

/* The kind before the colon; false: there is none. */
static bool
split(const char *text, enum why_of *of_r, const char **name_r)
{
	const char *colon = strchr(text, ':');

	for (unsigned i = 0; colon != NULL && i < OF_COUNT; i++) {
		size_t len = strlen(kinds[i].word);

		if (len == (size_t)(colon - text) &&
		    strncmp(text, kinds[i].word, len) == 0) {
			*of_r = (enum why_of)i;
			*name_r = colon + 1;
			return true;
		}
	}
	return false;
}

/* So many kinds have this name; of_r is the last of them. */
static unsigned
count_kinds(const char *text, const struct snapshot *conf, struct buf *words,
    enum why_of *of_r)
{
	unsigned n = 0;

	for (size_t i = 0; i < NAMED; i++)
		if (known_name(conf, named[i], text) != NULL) {
			buf_printf(words, "%s%s:%s", n == 0 ? "" : " or ",
			    why_of_word(named[i]), text);
			*of_r = named[i];
			n++;
		}
	if (n > 0 && strchr(text, '.') != NULL) {
		buf_printf(words, " or queue:%s", text);
		n++;
	}
	return n;
}

static int
take_name(const char *text, const struct snapshot *conf, struct why_target *t,
    struct err *e)
{
	struct buf words = { 0 };
	enum why_of of = OF_JOB;
	unsigned n = count_kinds(text, conf, &words, &of);
	int rc;

	if (n > 1)
		rc = err_set(e, "\"%s\" could be several things: say %s", text,
		    buf_cstr(&words));
	else if (n == 1 || strpbrk(text, ".*?") == NULL)
		rc = take_kind(of, text, conf, t, e);
	else
		rc = take_queue(text, t, e);
	buf_fini(&words);
	return rc;
}

static int
take(const char *text, const struct snapshot *conf, struct why_target *t,
    struct err *e)
{
	const char *name;
	enum why_of of;

	if (!queue_pattern_is_word(text))
		return err_set(e,
		    "a queue, message, address, virtual MTA, pool, provider, "
		    "job or user is needed");
	if (split(text, &of, &name))
		return queue_pattern_is_word(name) ?
		    take_kind(of, name, conf, t, e) :
		    err_set(e, "a name is needed after %s:", why_of_word(of));
	if (strchr(text, '/') != NULL)
		return take_queue(text, t, e);
	if (is_addr(text, &t->addr))
		return take_kind(OF_IP, text, conf, t, e);
	if (select_read_id(text, &t->id))
		return take_kind(OF_MESSAGE, text, conf, t, e);
	return take_name(text, conf, t, e);
}

int
why_target_parse(const char *text, const struct snapshot *conf,
    struct why_target *t_r, struct err *e)
{
	*t_r = (struct why_target){ .of = OF_QUEUE };
	if (queue_pattern_parse(NULL, &t_r->queue, e) == 0 &&
	    take(text == NULL ? "" : text, conf, t_r, e) == 0) {
		if (t_r->name == NULL)
			t_r->name = mem_strdup(text);
		return 0;
	}
	why_target_fini(t_r);
	return -1;
}

void
why_target_fini(struct why_target *t)
{
	queue_pattern_fini(&t->queue);
	free(t->name);
	t->name = NULL;
}
