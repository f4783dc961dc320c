#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tables - tables of directives (D), known names (K) and blocks (B) are in
# alphabetical order, without doubles, and each entry has its sentence.
#
#	tables.sh ROOT

. "$(dirname "$0")/common.sh"
ROOT=${1:-.}

sources "$ROOT" '*.def' | (cd "$ROOT" && xargs -r awk '
function complain(what) {
	printf "%s:%d: %s\n", FILENAME, FNR, what
	bad = 1
}
FNR == 1 { last = ""; pending = "" }
/^[BDK]\("/ {
	split($0, part, "\"")
	# A known name may stand once for each set of places.
	key = part[2] (/^K/ ? "\t" part[4] : "")
	if (last != "" && key <= last)
		complain(part[2] " comes after " last)
	last = key
	pending = part[2] == "" ? "the row without name" : part[2]
	text = ""
}
pending != "" {
	text = text $0
	if (text ~ /\)[ \t]*$/) {
		if (text !~ /[a-z0-9:=;.] ?[^"]*\."\)[ \t]*$/)
			complain(pending " has no sentence")
		pending = ""
	}
}
END { exit bad }')
