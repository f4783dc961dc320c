/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/reply_actions.h"

#include <string.h>

#include "lib/conf_lex.h"

static int
set_flag(bool *flag, const char *item, struct err *e)
{
	if (*flag)
		return err_set(e, "%s is there twice", item);
	*flag = true;
	return 0;
}

/* An action with a time, behind the one that it belongs to. */
static int
set_time(bool owner, bool *has, int64_t *us, const char *item, struct err *e)
{
	const char *value = strchr(item, '=') + 1;

	if (!owner)
		return err_set(e,
		    "%s does not stand behind the action it belongs to", item);
	if (set_flag(has, item, e) == -1)
		return -1;
	return str_to_interval(slice_of(value), us, e);
}

static bool
starts_with(const char *s, const char *front)
{
	return str_eq_nocase(s, front) ||
	    slice_eq_nocase((struct slice){ s, strnlen(s, strlen(front)) },
		front);
}

static int
read_action(const char *item, struct reply_actions *a, struct err *e)
{
	const struct {
		const char *name;
		bool *flag;
	} plain[] = {
		{ "mode=backoff", &a->backoff },
		{ "mode=normal", &a->normal },
		{ "skip-mx", &a->skip_mx },
		{ "bounce-queue", &a->bounce_queue },
		{ "bounce-rcpt", &a->bounce_rcpt },
		{ "disable-source-ip", &a->disable_source },
		{ "defer-queue", &a->defer_queue },
	};

	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		if (str_eq_nocase(item, plain[i].name))
			return set_flag(plain[i].flag, item, e);
	if (starts_with(item, "backoff-to-normal-after="))
		return set_time(a->backoff, &a->has_normal_after,
		    &a->normal_after_us, item, e);
	if (starts_with(item, "reenable-after="))
		return set_time(a->disable_source, &a->has_reenable_after,
		    &a->reenable_after_us, item, e);
	return err_set(e, "\"%s\" is no action", item);
}

int
reply_actions_parse(struct slice list, struct region *rg,
    struct reply_actions *out, struct err *e)
{
	const char *item;
	bool any = false;

	*out = (struct reply_actions){ .normal_after_us = INTERVAL_NEVER,
		.reenable_after_us = INTERVAL_NEVER };
	for (;;) {
		if (conf_item(&list, rg, &item, e) == -1)
			return -1;
		if (item == NULL)
			break;
		if (read_action(item, out, e) == -1)
			return -1;
		any = true;
	}
	if (!any)
		return err_set(e, "an action is missing");
	if (out->backoff && out->normal)
		return err_set(e, "mode=backoff and mode=normal in one row");
	if (out->skip_mx && out->bounce_queue)
		return err_set(e, "skip-mx and bounce-queue in one row");
	return 0;
}
