/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/setup_left.h"

#include "admin/ctl_ask.h"

void
setup_left_tell(const struct ctl_options *opt, struct host_plan *p)
{
	json_t *request = json_pack("{s:s}", "command", "show status");
	json_int_t left = 0;
	struct answer a;

	if (ctl_ask_this(opt, request, &a) == 0)
		left = json_integer_value(json_object_get(
		    json_object_get(a.done, "queue"), "recipients"));
	else
		host_note(p,
		    "how many recipients wait in the queue of Mailrace is not "
		    "known: before it is taken away, start it and call "
		    "mailrace drain");
	if (left > 0)
		host_note(p,
		    "%" JSON_INTEGER_FORMAT
		    " recipients wait in the queue of Mailrace.  Before it is "
		    "stopped for good call mailrace drain, which waits until "
		    "they are delivered, or mailrace drain --to-host, which "
		    "gives them back to the host: the service by which "
		    "Mailrace tells senders of what fails goes now, where "
		    "set-up has made it",
		    left);
	ctl_answer_fini(&a);
	json_decref(request);
}
