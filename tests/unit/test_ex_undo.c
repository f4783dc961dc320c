/* SPDX-License-Identifier: Apache-2.0 */
/* How what set-up did to an Exim is taken back, also of edited files. */
#include "tests/tap.h"
#include "tests/unit/ex_case.h"

/* ---- taking it back ------------------------------------------------------ */

static const struct host_change made[] = {
	{ EX_FILE, "new", "ours\n", NULL },
	{ EX_TEXT, "conf", "begin x\n# Mailrace\nours\n", "begin x\n" },
};

static const struct {
	const char *label, *conf, *new, *want;
} undone[] = {
	{ "as it was made", "# theirs\nbegin x\n# Mailrace\nours\nmore\n",
	    "ours\n", "text conf = begin x\nfile new = (null)" },
	{ "gone already", "begin x\n", NULL, "" },
	{ "changed", "begin x\n# Mailrace\ntheirs\n", "ours\ntheirs\n",
	    "no: conf: what set-up wrote there was changed since\n"
	    "no: new: what set-up wrote there was changed since\n" },
};

/* Of changes, with these files now; new NULL: that is not there. */
static void
judge_undo(const struct host_change *changes, size_t count, const char *conf,
    const char *new, struct buf *out)
{
	struct ex_source sources[] = {
		{ "conf", slice_of(conf) },
		{ "new", slice_of(new == NULL ? "" : new) },
	};
	const struct ex_text text = { sources, new == NULL ? 1 : 2 };
	struct host_plan p;

	host_plan_init(&p);
	ex_undo(changes, count, &text, &p);
	for (size_t k = 0; k < p.count; k++)
		if (p.changes[k].value == NULL)
			p.changes[k].value = "(null)";
	ex_case_print(&p, p.refusals.n > 0, out);
	host_plan_fini(&p);
}

static void
undo(void)
{
	for (size_t i = 0; i < sizeof(undone) / sizeof(undone[0]); i++) {
		struct buf out = { .p = NULL };

		judge_undo(made, sizeof(made) / sizeof(made[0]), undone[i].conf,
		    undone[i].new, &out);
		(void)is_str(buf_cstr(&out), undone[i].want, undone[i].label);
		buf_fini(&out);
	}
}

/* ---- taking an address back out of a list that was edited ---------------- */

#define LISTENS "# Mailrace (mailrace setup exim): where it listens, too\n"
#define LIST "local_interfaces = <; "
#define OURS "127.0.0.1.28"
#define STAYS "note: conf: of what was edited since this stays: "

static const struct host_change plain_list = { EX_TEXT, "conf",
	LIST "10.0.0.1 ; " OURS "\n", LIST "10.0.0.1\n" };
static const struct host_change new_list = { EX_TEXT, "conf",
	LISTENS LIST "0.0.0.0 ; ::0 ; " OURS "\n\nbegin acl\n", "begin acl\n" };
static const struct host_change debian_list = { EX_TEXT, "conf",
	"dc_local_interfaces='10.0.0.1 ; " OURS "'\n",
	"dc_local_interfaces='10.0.0.1'\n" };
static const struct host_change acl = { EX_TEXT, "conf",
	"rcpt:\n# Mailrace (mailrace setup exim): acl\n  accept\n"
	"  condition = ${if eq{$received_port}{28}}\n\n",
	"rcpt:\n" };

static const struct {
	const char *label;
	const struct host_change *change;
	const char *conf, *want;
} edited[] = {
	{ "nobody has edited it", &plain_list, LIST "10.0.0.1 ; " OURS "\n",
	    "text conf = " LIST "10.0.0.1\n" },
	{ "another address before ours", &plain_list,
	    LIST "10.0.0.9 ; " OURS "\nx = y\n",
	    STAYS LIST "10.0.0.9\ntext conf = " LIST "10.0.0.9\n" },
	{ "and behind it", &plain_list, LIST OURS " ; 10.0.0.9\n",
	    STAYS LIST "10.0.0.9\ntext conf = " LIST "10.0.0.9\n" },
	{ "with colons", &plain_list,
	    "local_interfaces=10.0.0.9:" OURS ":10.0.0.8\n",
	    STAYS "local_interfaces=10.0.0.9:10.0.0.8\n"
		  "text conf = local_interfaces=10.0.0.9:10.0.0.8\n" },
	{ "it is gone", &plain_list, "# not " OURS "\n" LIST "127.0.0.1.280\n",
	    "" },
	{ "nothing else is left", &plain_list, LIST OURS "\n",
	    "no: conf: " OURS " cannot be taken out of what was edited since: "
	    "its line has no other item\n" },
	{ "it is there twice", &plain_list,
	    LIST "10.0.0.9 ; " OURS "\nx = " OURS "\n",
	    "no: conf: " OURS " cannot be taken out of what was edited since: "
	    "it stands there more than once\n" },
	{ "in quotes", &plain_list,
	    "local_interfaces = \"<; 10.0.0.9 ; " OURS "\"\n",
	    STAYS "local_interfaces = \"<; 10.0.0.9\"\n"
		  "text conf = local_interfaces = \"<; 10.0.0.9\"\n" },
	{ "before a line that goes on", &plain_list,
	    LIST "10.0.0.9 ; " OURS "\\\n  ; 10.0.0.8\n",
	    STAYS LIST "10.0.0.9\\\ntext conf = " LIST "10.0.0.9\\\n" },
	{ "with its port behind brackets", &plain_list,
	    LIST "10.0.0.9 ; [127.0.0.1]:28\n",
	    "no: conf: " OURS " cannot be taken out of what was edited since: "
	    "it stands there otherwise than set-up wrote it\n" },
	{ "in what is no list", &plain_list,
	    LIST "10.0.0.9 ; ${if x{" OURS "}}\n",
	    "no: conf: " OURS " cannot be taken out of what was edited since: "
	    "it stands there otherwise than set-up wrote it\n" },
	{ "a list of our own", &new_list,
	    LISTENS LIST "10.0.0.9 ; " OURS "\nbegin acl\n",
	    STAYS LIST "10.0.0.9\ntext conf = " LIST "10.0.0.9\n"
		       "text conf = " },
	{ "Debian's", &debian_list, "dc_local_interfaces='10.0.0.9;" OURS "'\n",
	    STAYS "dc_local_interfaces='10.0.0.9'\n"
		  "text conf = dc_local_interfaces='10.0.0.9'\n" },
	{ "a block without its comment", &acl,
	    "rcpt:\n  accept\n  condition = ${if eq{$received_port}{28}}\n",
	    "no: conf: what set-up wrote there was changed since\n" },
};

static void
undo_edited(void)
{
	for (size_t i = 0; i < sizeof(edited) / sizeof(edited[0]); i++) {
		struct buf out = { .p = NULL };

		judge_undo(edited[i].change, 1, edited[i].conf, NULL, &out);
		(void)is_str(buf_cstr(&out), edited[i].want, edited[i].label);
		buf_fini(&out);
	}
}

int
main(void)
{
	undo();
	undo_edited();
	return done_testing();
}
