/* SPDX-License-Identifier: Apache-2.0 */
/* What the log is told of files. */
#include <string.h>

#include "lib/log.h"
#include "transport/pickup_priv.h"

void
pickup_log_trouble(const struct pickup *p, const char *name, const char *why)
{
	struct log_line l;

	log_begin(&l, LOG_L_ERROR, NULL, "pickup");
	log_str(&l, "dir", p->folders.dir);
	if (name != NULL)
		log_str(&l, "file", name);
	log_str(&l, "text", why);
	log_end(&l);
}

void
pickup_log_bad(const struct pickup_item *item, const char *why)
{
	struct log_line l;

	log_begin(&l, LOG_L_WARN, NULL, "pickup-bad");
	log_str(&l, "file", item->name);
	log_str(&l, "why", why);
	log_end(&l);
}

static size_t
count_fate(const struct pickup_item *item, enum pickup_fate fate)
{
	size_t n = 0;

	for (size_t i = 0; i < item->file.rcpt_count; i++)
		n += item->fates[i] == fate;
	return n;
}

void
pickup_log_done(const struct pickup_item *item)
{
	size_t refused = count_fate(item, PICKUP_REFUSED);
	const char *why = "";
	struct log_line l;

	for (size_t i = 0; i < item->file.rcpt_count; i++)
		if (item->fates[i] == PICKUP_REFUSED)
			why = item->why[i];
	log_begin(&l, refused == 0 ? LOG_L_INFO : LOG_L_WARN, NULL,
	    "picked-up");
	log_str(&l, "file", item->name);
	log_int(&l, "rcpts", (int64_t)count_fate(item, PICKUP_TAKEN));
	if (refused > 0) {
		log_int(&l, "refused", (int64_t)refused);
		log_str(&l, "why", why);
	}
	log_end(&l);
}

/* How much of it is "450", or "450 4.7.1". */
static size_t
codes_len(const char *why)
{
	size_t len = strspn(why, "0123456789");

	return why[len] != ' ' ? len :
				 len + 1 + strspn(why + len + 1, "0123456789.");
}

/* What is the same when all that differs is a number: "come again in 9 s". */
static void
kind_of(const char *why, char out[PICKUP_SAID])
{
	size_t codes = codes_len(why), n = 0;

	for (size_t i = 0; why[i] != '\0' && n + 1 < PICKUP_SAID; i++)
		if (i < codes || why[i] < '0' || why[i] > '9')
			out[n++] = why[i];
	out[n] = '\0';
}

void
pickup_log_waits(struct pickup_item *item, const char *why, bool ours)
{
	char kind[PICKUP_SAID] = { 0 };
	struct log_line l;

	kind_of(why, kind);
	if (strcmp(item->said, kind) == 0)
		return;
	memcpy(item->said, kind, sizeof(kind));
	log_begin(&l, ours ? LOG_L_ERROR : LOG_L_WARN, NULL, "pickup-waits");
	log_str(&l, "file", item->name);
	if (item->rg != NULL && item->fates != NULL)
		log_int(&l, "rcpts", (int64_t)count_fate(item, PICKUP_OPEN));
	log_str(&l, "why", why);
	log_end(&l);
}
