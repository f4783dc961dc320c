/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/exim/ex_rcpt.h"

#include <string.h>

#include "compat/exim/ex_list.h"

/*
 * Is it only for domains that it names?  What is expanded may be anything; a
 * list that ends with what it is not for is for all others.
 */
static bool
names_domains(struct ex_setup *s, const char *list)
{
	struct ex_cursor at = ex_cursor_of(list);
	const char *item, *last = NULL;

	if (list[0] == '<' || strpbrk(list, "${}\"\n") != NULL)
		return false;
	while ((item = ex_cursor_next(&at, s->p->rg)) != NULL)
		last = item;
	return last != NULL && last[0] != '!' && strcmp(last, "*") != 0;
}

/*
 * Where the router of all other mail says itself which domains are not its own
 * our router says the same.  Else those before it take their mail: conditions
 * by which nobody asks about that.  NULL: it cannot be told, and nobody does.
 */
static const char *
own_mail(struct ex_setup *s)
{
	const char *all = "";

	if (ex_conf_value(s->last, "domains")[0] != '\0')
		return all;
	for (const struct ex_instance *r = s->f->conf->first[EX_ROUTER];
	     r != s->last; r = r->next) {
		const char *list = ex_conf_value(r, "domains");
		const char *line = REGION_JOIN(s->p->rg,
		    "  condition = ${if !match_domain{$domain}{", list, "}}\n");

		if (strcmp(r->name, EX_OUR_ROUTER) == 0)
			continue;
		if (!names_domains(s, list)) {
			host_note(s->p,
			    "routers %s and %s do not say for which domains "
			    "they are: which mail is this host's own cannot be "
			    "told at RCPT, so who is in a suppression list is "
			    "refused at the hand-over, and Exim sends bounces",
			    r->name, s->last->name);
			return NULL;
		}
		if (strstr(all, line) == NULL)
			all = REGION_JOIN(s->p->rg, all, line);
	}
	return all;
}

/*
 * Of mail that would come to us: other mail needs nobody's answer.  And of those
 * who may relay here: no stranger is told who is in a list.
 */
const char *
ex_rcpt_question(struct ex_setup *s, const char *which)
{
	const bool named = ex_named_list(s->f->conf, "hostlist",
			       "relay_from_hosts") != NULL;
	const char *own = own_mail(s);

	if (own == NULL)
		return "";
	if (!named)
		host_note(s->p,
		    "there is no hostlist relay_from_hosts: who is in a "
		    "suppression list is refused at RCPT to clients who have "
		    "signed in; of mail of others, Exim sends bounces");
	return REGION_JOIN(s->p->rg,
	    "  warn    set acl_m_mailrace = OK\n"
	    "  warn    authenticated = *\n"
	    "          set acl_m_mailrace = OK ask\n"
	    "  warn    hosts = :",
	    named ? " +relay_from_hosts" : "",
	    "\n"
	    "          set acl_m_mailrace = OK ask\n"
	    "  warn    condition = ${if eq{$acl_m_mailrace}{OK ask}}\n",
	    which, own, "  set acl_m_mailrace = ${readsocket{",
	    s->wish->suppress[0] == '/' ? "" : "inet:", s->wish->suppress,
	    "}{<$local_part@$domain> <$sender_address> "
	    "$sender_host_address\\n}{3s}{}{DEFER suppression lists cannot be "
	    "asked now}}\n"
	    "  deny    condition = ${if match{$acl_m_mailrace}"
	    "{\\N^DENY \\N}}\n"
	    "          message   = 5.7.1 ${sg{$acl_m_mailrace}"
	    "{\\N^DENY \\N}{}}\n"
	    "  defer   condition = ${if !match{$acl_m_mailrace}"
	    "{\\N^OK\\N}}\n"
	    "          message   = 4.3.0 ${sg{$acl_m_mailrace}"
	    "{\\N^DEFER \\N}{}}\n");
}
