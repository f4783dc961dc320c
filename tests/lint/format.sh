#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# format - every C file is as clang-format leaves it (.def tables are not).
#
#	format.sh ROOT

. "$(dirname "$0")/common.sh"
ROOT=${1:-.}

{
	sources "$ROOT" '*.[ch]'
	(cd "$ROOT" && find tests -name '*.[ch]' -type f 2>/dev/null | sort)
} | (cd "$ROOT" && xargs -r clang-format --dry-run -Werror 2>&1) |
    grep -E 'error:' >"${TMPDIR:-/tmp}/format.$$"
cat "${TMPDIR:-/tmp}/format.$$"
[ ! -s "${TMPDIR:-/tmp}/format.$$" ]
rc=$?
rm -f "${TMPDIR:-/tmp}/format.$$"
exit $rc
