# SPDX-License-Identifier: Apache-2.0
# directives - the sections of mailrace.conf(5) that list directives, from the
# tables that the programs themselves are built from.
#
#	awk -f directives.awk vmta/global.def vmta/known.def ... page.5.in
#
# In the page, a line "@TABLE global@" is replaced by an mdoc list of what
# vmta/global.def holds, "@KNOWN G@" by a list of what vmta/known.def has with
# that letter, and "@BLOCKS@" by the blocks of vmta/blocks.def that no code
# reads, each with its rows.

BEGIN {
	type["ADDRS"] = "address, ..."
	type["BOOL"] = "yes | no"
	type["SENDERS"] = "pattern, ..."
	type["FIELDS"] = "name | /regex/, ..."
	type["BOOL_INTERVAL"] = "yes | no | interval"
	type["CIDR"] = "range"
	type["CIDR_COUNTS"] = "range number"
	type["CIDR_DATA_RATES"] = "range data-rate"
	type["CIDR_RATES"] = "range rate"
	type["DOMAIN_COUNTS"] = "domain number"
	type["DATA_RATE"] = "data-rate"
	type["COUNT_SHARE"] = "number | percentage"
	type["RATE_SHARE"] = "rate | percentage"
	type["DATA_SHARE"] = "data-rate | percentage"
	type["ERROR_RATE"] = "percentage number/interval | none"
	type["PERCENT"] = "percentage"
	type["UINT"] = "number"
	type["INTERVAL"] = "interval"
	type["INTERVALS"] = "interval, ..."
	type["RATE"] = "rate"
	type["RATES"] = "rate, ..."
	type["SHARE"] = "percentage"
	type["SIZE"] = "size"
	type["SECRET"] = "text"
	type["KEY_FILE"] = "file [password]"
	type["STR"] = "text"
	type["STRS"] = "text, ..."
	type["HOSTS"] = "host, ...; ..."
	type["SOURCES"] = "address name"
	type["DOMAINS"] = "domain, ..."
	type["DKEYS"] = "selector, domain, file"
	type["MEMBERS"] = "name weight, ..."
}

function fail(what) {
	print "directives.awk: " what >"/dev/stderr"
	failed = 1
}

FNR == 1 {
	table = FILENAME
	sub(/.*\//, "", table)
	is_table = sub(/\.def$/, "", table)
	pending = ""
}

is_table && /^[BDK]\("/ { pending = ""; collecting = substr($0, 1, 1) }
is_table && collecting {
	line = $0
	sub(/^[ \t]+/, "", line)
	pending = pending (pending == "" ? "" : " ") line
	if (pending ~ /"\)$/) {
		if (collecting == "D")
			directive(pending)
		else if (collecting == "K")
			known(pending)
		else
			block(pending)
		collecting = ""
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

# The last string of an entry, which may hold quotes.
function last_string(quoted, from, n,    doc, i) {
	doc = quoted[from]
	for (i = from + 1; i < n; i++)
		doc = doc "\"" quoted[i]
	return plain(doc)
}

# D("name", field, TYPE, "default", min, max, LIVE, "sentence")
function directive(text,    quoted, plainly, n, name, kind, preset, shown, words,
    out) {
	n = split(text, quoted, "\"")
	name = quoted[2]
	split(quoted[3], plainly, ",")
	kind = plainly[3]
	gsub(/ /, "", kind)
	preset = quoted[4]
	shown = type[kind]
	if (kind == "WORD" || kind == "BOOL_WORD") {
		shown = preset
		gsub(/\|/, " | ", shown)
		sub(/\|.*/, "", preset)
	} else if (!(kind in type)) {
		fail("unknown type " kind " of " name)
	} else if (preset ~ /\|/) {
		# Words that are values as well stand behind the default.
		words = preset
		sub(/[^|]*/, "", words)
		gsub(/\|/, " | ", words)
		shown = shown words
		sub(/\|.*/, "", preset)
	}
	out = ".It Ic " name " Ar " shown "\n" last_string(quoted, 6, n)
	if (preset != "")
		out = out "\nThe default is\n.Ql " plain(preset) " ."
	if (text ~ /, RESTART, "/)
		out = out "\nTakes effect at the next start."
	list[table] = list[table] out "\n"
}

# A form (lib/conf_form.h) as people read it: a list ends in dots.
function form_of(text) {
	gsub(/,\]/, ", ...]", text)
	sub(/,$/, ", ...", text)
	return text
}

# K("name", where, "form", min, max, FATE, "advice", "sentence")
function known(text,    quoted, n, name, part, fate, advice, out, i) {
	n = split(text, quoted, "\"")
	name = quoted[2]
	split(quoted[7], part, /, */)
	fate = part[4]
	advice = plain(quoted[8])
	if (fate == "READ")
		return
	out = ".It " (name == "" ? "" : "Ic " name " ") "Ar " \
	    form_of(quoted[6]) "\n" last_string(quoted, 10, n)
	if (fate == "OLD")
		out = out "\nAn old name without effect: " advice "."
	else if (fate == "NEVER")
		out = out "\nWithout effect here: " advice "."
	else if (fate == "PROTECTS")
		out = out "\nThis protects, and so it is an error until it " \
		    "takes effect."
	else if (fate !~ /^(ALIAS|ANY_IP|HOURLY|LATER|SAME)$/)
		fail("unknown fate " fate " of " name)
	for (i = 1; i <= length(quoted[4]); i++)
		rows[substr(quoted[4], i, 1)] = \
		    rows[substr(quoted[4], i, 1)] out "\n"
}

# B("name", where, letter, "form", FATE, "sentence")
function block(text,    quoted, n, letter, form) {
	n = split(text, quoted, "\"")
	if (quoted[7] ~ /READ/)
		return
	letter = quoted[5]
	gsub(/[^A-Za-z]/, "", letter)
	form = quoted[6] == "" ? "" : " " form_of(quoted[6])
	block_count++
	block_text[block_count] = ".Ss <" quoted[2] form ">\n" \
	    last_string(quoted, 8, n)
	block_letter[block_count] = letter
}

function print_list(text) {
	printf ".Bl -tag -width Ds\n%s.El\n", text
}

!is_table && /^@TABLE [a-z_]+@$/ {
	name = $2
	sub(/@$/, "", name)
	if (!(name in list))
		fail("no table " name)
	print_list(list[name])
	next
}
!is_table && /^@KNOWN [A-Za-z]@$/ {
	letter = substr($2, 1, 1)
	if (!(letter in rows))
		fail("nothing known with the letter " letter)
	print ".Pp"
	print "Known, and without effect so far where nothing else is said:"
	print_list(rows[letter])
	next
}
!is_table && /^@BLOCKS@$/ {
	for (i = 1; i <= block_count; i++) {
		print block_text[i]
		if (block_letter[i] in rows)
			print_list(rows[block_letter[i]])
	}
	next
}
!is_table { print }
END { exit failed }
