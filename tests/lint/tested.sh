#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tested - each directive that takes effect is named in some test.
#
#	tested.sh ROOT

ROOT=${1:-.}
status=0
for name in $(sed -n 's/^D("\([^"]*\)".*/\1/p' "$ROOT"/vmta/*.def | sort -u); do
	# Not within another name; behind "\n" in a C string is fine.
	grep -rqE -e "(^|\\\\n|[^a-z0-9-])$name([^a-z0-9-]|\$)" \
	    --include='*.c' --include='*.scn' --include='*.py' \
	    --include='*.conf' "$ROOT/tests" 2>/dev/null || {
		echo "$name: in no test"
		status=1
	}
done
exit $status
