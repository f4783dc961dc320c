#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every event name given to the log is in mail/event.def, and every name there
# is used somewhere.
set -eu
cd "${1:-.}"
known=$(sed -n 's/^E("\([^"]*\)".*/\1/p' mail/event.def)
[ "$known" = "$(printf '%s\n' "$known" | LC_ALL=C sort)" ] || {
	echo "mail/event.def: not in alphabetical order"
	exit 1
}
# The name is the string after the level, which may stand on the next line.
used=$(find lib mail vmta queue transport milter admin compat -name '*.c' -exec cat {} + 2>/dev/null | tr '\n' ' ' |
	{ grep -oE 'log_(begin|note)\([^;"]*"[a-z][a-z-]*"' | sed 's/.*"\([a-z-]*\)"$/\1/' || :; } | sort -u)
status=0
for name in $used; do
	printf '%s\n' "$known" | grep -qx "$name" || {
		echo "mail/event.def: event \"$name\" is not there"
		status=1
	}
done
for name in $known; do
	printf '%s\n' "$used" | grep -qx "$name" || {
		echo "mail/event.def: event \"$name\" is never written"
		status=1
	}
done
exit $status
