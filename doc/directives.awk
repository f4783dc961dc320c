# SPDX-License-Identifier: Apache-2.0
# directives - the sections of mailrace.conf(5) that list directives, from the
# tables that the programs themselves are built from.
#
#	awk -f directives.awk vmta/global.def vmta/domain.def ... page.5.in
#
# In the page, a line "@TABLE global@" is replaced by an mdoc list of what
# vmta/global.def holds.

BEGIN {
	type["BOOL"] = "yes | no"
	type["UINT"] = "number"
	type["INTERVAL"] = "interval"
	type["INTERVALS"] = "interval, ..."
	type["RATE"] = "rate"
	type["SIZE"] = "size"
	type["STR"] = "text"
	type["STRS"] = "text, ..."
	type["HOSTS"] = "host, ...; ..."
	type["SOURCES"] = "address name"
	type["DOMAINS"] = "domain, ..."
	type["DKEYS"] = "selector, domain, file"
}

FNR == 1 {
	table = FILENAME
	sub(/.*\//, "", table)
	is_table = sub(/\.def$/, "", table)
	pending = ""
}

is_table && /^D\("/ { pending = ""; collecting = 1 }
is_table && collecting {
	line = $0
	sub(/^[ \t]+/, "", line)
	pending = pending (pending == "" ? "" : " ") line
	if (pending ~ /"\)$/) {
		entry(pending)
		collecting = 0
	}
}

# mdoc takes a leading dot or quote, and a backslash, for its own.
function plain(text) {
	gsub(/\\"/, "\"", text)
	gsub(/\\/, "\\e", text)
	gsub(/\.  +/, ".\n", text)
	if (text ~ /^[.']/)
		text = "\\&" text
	return text
}

# D("name", field, TYPE, "default", min, max, LIVE, "sentence")
function entry(text,    quoted, plainly, n, name, kind, preset, doc, out) {
	n = split(text, quoted, "\"")
	name = quoted[2]
	split(quoted[3], plainly, ",")
	kind = plainly[3]
	gsub(/ /, "", kind)
	preset = quoted[4]
	doc = quoted[6]
	for (i = 7; i < n; i++)
		doc = doc "\"" quoted[i]
	if (!(kind in type)) {
		print "directives.awk: unknown type " kind " of " name \
		    >"/dev/stderr"
		failed = 1
	}
	out = ".It Ic " name " Ar " type[kind] "\n" plain(doc)
	if (preset != "")
		out = out "\nThe default is\n.Ql " plain(preset) " ."
	if (text ~ /, RESTART, "/)
		out = out "\nTakes effect at the next start."
	list[table] = list[table] out "\n"
}

!is_table && /^@TABLE [a-z]+@$/ {
	name = $2
	sub(/@$/, "", name)
	if (!(name in list)) {
		print "directives.awk: no table " name >"/dev/stderr"
		failed = 1
	}
	printf ".Bl -tag -width Ds\n%s.El\n", list[name]
	next
}
!is_table { print }
END { exit failed }
