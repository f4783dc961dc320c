/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/queue_pattern.h"

#include <stdlib.h>
#include <string.h>

#include "lib/glob.h"
#include "lib/mem.h"
#include "mail/envelope.h"

/* A domain has at most 255 octets (RFC 5321, 4.5.3.1.2); so have our names. */
#define HALF_MAX ((size_t)255)

bool
queue_pattern_is_word(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	if (*p == '\0' || strlen(text) > 2 * HALF_MAX)
		return false;
	for (; *p != '\0'; p++)
		if (*p <= ' ' || *p == 0x7f)
			return false;
	return true;
}

static bool
is_half(const char *text)
{
	return queue_pattern_is_word(text) && strlen(text) <= HALF_MAX &&
	    strchr(text, '/') == NULL;
}

int
queue_pattern_parse(const char *text, struct queue_pattern *p_r, struct err *e)
{
	const char *slash;

	*p_r = (struct queue_pattern){ 0 };
	if (text == NULL)
		text = "*";
	slash = strchr(text, '/');
	p_r->domain = slash == NULL ? mem_strdup(text) :
				      mem_strndup(text, (size_t)(slash - text));
	p_r->vmta = mem_strdup(slash == NULL ? "*" : slash + 1);
	if (is_half(p_r->domain) && is_half(p_r->vmta))
		return 0;
	queue_pattern_fini(p_r);
	return err_set(e,
	    "a queue is DOMAIN or DOMAIN/VMTA, where * stands for anything");
}

void
queue_pattern_fini(struct queue_pattern *p)
{
	free(p->domain);
	free(p->vmta);
	*p = (struct queue_pattern){ 0 };
}

bool
queue_pattern_fits(const struct queue_pattern *p, const struct sched_queue *q)
{
	return glob_match(p->domain, sched_queue_domain(q)) &&
	    glob_match(p->vmta, envelope_vmta_shown(sched_queue_vmta(q)));
}

bool
queue_pattern_fits_group(const struct queue_pattern *p,
    const struct sched_queue *q)
{
	const char *name = sched_queue_group(q);
	const char *vmta = strchr(name, '/');
	char *domain;
	bool fits;

	if (vmta == NULL || !glob_match(p->vmta, vmta + 1))
		return false;
	domain = mem_strndup(name, (size_t)(vmta - name));
	fits = glob_match(p->domain, domain);
	free(domain);
	return fits;
}
