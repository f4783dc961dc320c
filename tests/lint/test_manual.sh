#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The manual pages are good mdoc, and every directive stands in one of them.

TOP=${top_srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
DIR=$(mktemp -d) || exit 1
PAGE=$DIR/mailrace.conf.5
trap 'rm -rf "$DIR"' EXIT

result() { # STATUS TEXT
	if [ "$1" = 0 ]; then
		echo "ok - $2"
	else
		echo "not ok - $2"
	fi
}

lint() { # FILE NAME
	if ! command -v mandoc >/dev/null; then
		echo "ok - mandoc likes $2 # SKIP mandoc is not installed"
		return
	fi
	out=$(mandoc -T lint -W warning "$1" 2>&1)
	result $? "mandoc likes $2"
	[ -z "$out" ] || echo "$out" | sed 's/^/# /'
}

all() {
	(cd "$TOP" && awk -f doc/directives.awk vmta/*.def \
	    doc/mailrace.conf.5.in) >"$PAGE"
	result $? "mailrace.conf.5 can be made from the tables"
	lint "$PAGE" mailrace.conf.5
	for page in "$TOP"/doc/*.[18]; do
		lint "$page" "$(basename "$page")"
	done
	missing=$(sed -n -e 's/^D("\([^"]*\)".*/\1/p' \
	    -e '/, READ, /d' -e 's/^K("\([^"]\{1,\}\)".*/\1/p' \
	    "$TOP"/vmta/*.def | sort -u |
	    while read -r name; do
		grep -q "^\.It Ic $name " "$PAGE" || echo "$name"
	    done)
	[ -z "$missing" ]
	result $? "every directive is in mailrace.conf.5"
	[ -z "$missing" ] || echo "$missing" | sed 's/^/# /'
	commands
}

# Of mailrace.8: each command has its paragraph, each option is named.
commands() {
	missing=$({
		sed -n 's/^M("\([^"]*\)".*/^\\.It Ic \1/p' "$TOP/admin/commands.def"
		sed -n 's/^O([^"]*"\([^"]*\)".*/Fl -\1\\>/p' "$TOP/admin/options.def"
	} | while read -r line; do
		grep -q -e "$line" "$TOP/doc/mailrace.8" || echo "$line"
	done)
	[ -z "$missing" ]
	result $? "every command and option is in mailrace.8"
	[ -z "$missing" ] || echo "$missing" | sed 's/^/# /'
}

all | awk '
/^(not )?ok - / { sub(/ok -/, "ok " ++n " -") }
{ print }
END { print "1.." n }'
