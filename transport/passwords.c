/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/passwords.h"

#include <stdlib.h>
#include <sys/random.h>

#include "lib/clock.h"
#include "lib/gauge.h"
#include "lib/mem.h"
#include "transport/sasl_server.h"

struct passwords {
	struct worker *worker;
	struct gauge *waiting;
	unsigned char secret[PASSWORDS_SECRET_LEN];
};

struct passwords *
passwords_new(struct err *e)
{
	struct passwords *p = mem_new(struct passwords);

	p->waiting = gauge_new();
	if (getrandom(p->secret, sizeof(p->secret), 0) !=
	    (ssize_t)sizeof(p->secret)) {
		(void)err_sys(e, "getrandom");
		passwords_free(&p);
		return NULL;
	}
	p->worker = worker_new("passwords", e);
	if (p->worker == NULL || worker_start(p->worker, e) == -1)
		passwords_free(&p);
	return p;
}

void
passwords_stop(struct passwords *p)
{
	if (p == NULL)
		return;
	worker_stop(p->worker);
	worker_join(p->worker);
}

void
passwords_free(struct passwords **pp)
{
	struct passwords *p = *pp;

	*pp = NULL;
	if (p == NULL)
		return;
	worker_free(&p->worker);
	gauge_unref(&p->waiting);
	free(p);
}

int64_t
passwords_penalty_us(const struct passwords *p)
{
	(void)p;
	return US_PER_S;
}

const unsigned char *
passwords_secret(const struct passwords *p)
{
	return p->secret;
}

/* On the asker's thread again. */
static void
on_checked(struct post *post)
{
	struct password_task *t = post_owner(post, struct password_task, post);

	t->done(t);
}

static void
check(struct post *post)
{
	struct password_task *t = post_owner(post, struct password_task, post);

	sasl_server_check(t->server);
	gauge_leave(t->by->waiting);
	t->post.fn = on_checked;
	worker_post(t->back, &t->post);
}

bool
passwords_check(struct passwords *p, struct password_task *t)
{
	if (!gauge_enter(p->waiting, PASSWORDS_WAITING_MAX))
		return false;
	t->by = p;
	t->post.fn = check;
	worker_post(p->worker, &t->post);
	return true;
}
