/* SPDX-License-Identifier: Apache-2.0 */
/* Words of requests and answers that commands share. */
#include "lib/clock.h"
#include "transport/control_priv.h"
#include "transport/replies.h"
#include "vmta/sched.h"

#define MAXITEMS_MAX 1000000

const char *
control_text(const json_t *args, const char *key)
{
	return json_string_value(json_object_get(args, key));
}

size_t
control_maxitems(const json_t *args, size_t fallback)
{
	json_int_t max = json_integer_value(json_object_get(args, "maxitems"));

	if (max <= 0)
		return fallback;
	return max > MAXITEMS_MAX ? MAXITEMS_MAX : (size_t)max;
}

json_t *
control_said(const struct said *s)
{
	char addr[NET_ADDR_TEXT] = "", when[40];

	if (s->peer.family != 0)
		(void)net_addr_text(&s->peer, addr);
	(void)clock_iso(when, sizeof(when), s->wall_us);
	return json_pack("{s:s,s:i,s:s,s:s,s:o,s:o,s:s,s:s}", "of", "recipient",
	    "code", s->code, "kind", outcome_kind_name(s->kind), "phase",
	    outcome_phase_name(s->phase), "text", ctl_string(s->text), "host",
	    ctl_string(s->host), "address", addr, "when", when);
}

json_t *
control_due(int64_t due_us)
{
	return due_us == SCHED_ON_HOLD ? json_string("hold") :
					 control_when(due_us);
}

json_t *
control_when(int64_t engine_us)
{
	char text[40];

	if (engine_us == 0)
		return json_null();
	if (engine_us == INT64_MAX)
		return json_string("never");
	(void)clock_iso(text, sizeof(text),
	    engine_us - clock_us() + clock_wall_us());
	return json_string(text);
}
