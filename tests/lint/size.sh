#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# size - no file over 700 lines, no function of 80 lines or more, none with
# more than 6 parameters; the tests as well, of whose Python only the files
# are measured.
#
#	size.sh ROOT
#
# A comment with "lint-ok:" and the reason in the four lines before a function
# lets it pass (the prototype of a library's callback).

. "$(dirname "$0")/common.sh"
ROOT=${1:-.}

{
	sources "$ROOT" '*.[ch]'
	(cd "$ROOT" && find tests -name '*.[ch]' -o -name '*.py' 2>/dev/null | sort)
} | (cd "$ROOT" && xargs -r awk '
function complain(file, line, what) {
	if (line - excused <= 4 && line >= excused)
		return
	printf "%s:%d: %s\n", file, line, what
	bad = 1
}
# Commas of the outermost parentheses.
function parameters(text,    i, c, depth, n) {
	n = 1
	for (i = 1; i <= length(text); i++) {
		c = substr(text, i, 1)
		if (c == "(")
			depth++
		else if (c == ")" && --depth == 0)
			break
		else if (c == "," && depth == 1)
			n++
	}
	return n
}
FNR == 1 {
	if (previous != "" && lines > 700)
		complain(previous, lines, "a file of " lines " lines")
	previous = FILENAME
	fn = ""
	excused = -9
}
{ lines = FNR }
FILENAME ~ /\.py$/ { next }
/lint-ok: [a-z]/ { excused = FNR }
/^[a-z_][a-zA-Z0-9_]*\(/ {
	fn = $0
	sub(/\(.*/, "", fn)
	begin = FNR
	signature = ""
	in_signature = 1
}
in_signature {
	signature = signature $0
	if ($0 ~ /;[ \t]*$/ || $0 ~ /^{/ || $0 ~ /\)[ \t]*$/) {
		in_signature = 0
		n = parameters(signature)
		if (n > 6)
			complain(FILENAME, begin, fn "() has " n " parameters")
	}
}
/^}/ && fn != "" {
	if (FNR - begin >= 80)
		complain(FILENAME, begin, fn "() has " FNR - begin + 1 " lines")
	fn = ""
}
END {
	if (lines > 700)
		complain(previous, lines, "a file of " lines " lines")
	exit bad
}')
