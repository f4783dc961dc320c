#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tables - directive tables are in alphabetical order, each directive has its
# sentence, and the configuration sample or a test uses it.
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
/^D\("/ {
	split($0, part, "\"")
	if (last != "" && part[2] <= last)
		complain(part[2] " comes after " last)
	last = part[2]
	pending = last
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
