/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/setup_left.h"

#include <jansson.h>

#include "lib/ctl_proto.h"
#include "vmta/places.h"

/* Recipients that wait; -1: it is not known, which is no error here. */
static json_int_t
ask_left(const char *config)
{
	json_t *request = json_pack("{s:s}", "command", "show status");
	json_t *done = NULL;
	struct conf_errors errs = { 0 };
	json_int_t left = -1;
	struct places at;
	struct err ignored;

	if (places_read(config, &at, &errs) == 0) {
		if (ctl_call(at.control, request, NULL, NULL, &done,
			&ignored) == 0)
			left = json_integer_value(json_object_get(
			    json_object_get(done, "queue"), "recipients"));
		places_fini(&at);
	}
	conf_errors_fini(&errs);
	json_decref(done);
	json_decref(request);
	return left;
}

void
setup_left_tell(const struct ctl_options *opt, struct host_plan *p)
{
	const json_int_t left = ask_left(opt->config);

	if (left == -1)
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
}
