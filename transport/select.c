/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/select.h"

#include <stdlib.h>
#include <string.h>

#include "compat/exim/ex_log.h"
#include "lib/clock.h"
#include "lib/glob.h"
#include "lib/mem.h"
#include "mail/xtext.h"
#include "transport/control_priv.h"

#define TEXT_MAX 1000
#define OLDEST_S INT64_C(3153600000) /* a hundred years */

/* ---- parsing ------------------------------------------------------------- */

/* A word of the request, kept if it is there. */
static int
take_text(const json_t *args, const char *key, char **text_r, struct err *e)
{
	const char *text = control_text(args, key);

	if (text == NULL)
		return json_object_get(args, key) == NULL ?
		    0 :
		    err_set(e, "--%s takes a text", key);
	if (text[0] == '\0' || strlen(text) > TEXT_MAX)
		return err_set(e, "--%s takes 1 to %d octets", key, TEXT_MAX);
	for (const char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return err_set(e, "--%s: control character", key);
	*text_r = mem_strdup(text);
	return 0;
}

static int
take_age(const json_t *args, int64_t *us_r, struct err *e)
{
	const json_t *age = json_object_get(args, "older-than");
	json_int_t s = json_integer_value(age);

	if (age == NULL)
		return 0;
	if (!json_is_integer(age) || s < 0 || s > OLDEST_S)
		return err_set(e, "--older-than takes a time such as 1d12h");
	*us_r = s * US_PER_S;
	return 0;
}

bool
select_read_id(const char *text, uint64_t *id_r)
{
	return message_id_read(text, id_r) || ex_log_read_id(text, id_r);
}

int
select_parse_id(const json_t *args, uint64_t *id_r, struct err *e)
{
	const char *text = control_text(args, "id");

	if (json_object_get(args, "id") == NULL ||
	    (text != NULL && select_read_id(text, id_r)))
		return 0;
	return err_set(e,
	    "--id takes the id of a message, as mailq or list shows it");
}

int
select_parse(const json_t *args, struct select *s_r, struct err *e)
{
	const char *queue = control_text(args, "queue");

	*s_r = (struct select){ 0 };
	if (queue_pattern_parse(queue, &s_r->queue, e) == -1 ||
	    take_text(args, "orig", &s_r->orig, e) == -1 ||
	    take_text(args, "rcpt", &s_r->rcpt, e) == -1 ||
	    take_text(args, "jobId", &s_r->job, e) == -1 ||
	    take_text(args, "envId", &s_r->envid, e) == -1 ||
	    take_age(args, &s_r->older_us, e) == -1 ||
	    select_parse_id(args, &s_r->id, e) == -1) {
		select_fini(s_r);
		return -1;
	}
	s_r->is_bounded = queue != NULL || s_r->job != NULL || s_r->id != 0;
	return 0;
}

void
select_fini(struct select *s)
{
	queue_pattern_fini(&s->queue);
	free(s->job);
	free(s->orig);
	free(s->rcpt);
	free(s->envid);
	*s = (struct select){ 0 };
}

/* ---- matching ------------------------------------------------------------ */

bool
select_fits(const struct select *s, const struct sched_rcpt_info *info,
    int64_t now_us)
{
	return now_us - info->queued_us >= s->older_us &&
	    (s->id == 0 || s->id == info->id) &&
	    (s->job == NULL || strcmp(s->job, info->job) == 0);
}

bool
select_wants_envelope(const struct select *s)
{
	return s->orig != NULL || s->rcpt != NULL || s->envid != NULL;
}

static bool
fits_sender(const char *wanted, const char *sender)
{
	if (strcmp(wanted, "<>") == 0)
		return sender[0] == '\0';
	return sender[0] != '\0' && glob_match(wanted, sender);
}

/* ENVID travels as xtext (RFC 3461, 4.4); either form will do. */
static bool
fits_envid(const char *wanted, const char *envid, struct region *rg)
{
	const char *text;

	if (strcmp(wanted, envid) == 0)
		return true;
	text = xtext_decode(slice_of(envid), rg);
	return text != NULL && strcmp(wanted, text) == 0;
}

bool
select_fits_envelope(const struct select *s, const struct envelope *env,
    uint32_t n, struct region *rg)
{
	if (n >= env->rcpt_count)
		return false;
	return (s->orig == NULL || fits_sender(s->orig, env->sender)) &&
	    (s->rcpt == NULL || glob_match(s->rcpt, env->rcpts[n].addr)) &&
	    (s->envid == NULL || fits_envid(s->envid, env->envid, rg));
}
