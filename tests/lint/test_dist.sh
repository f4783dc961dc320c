#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# All that git tracks is in the release, but for what only a checkout needs.

root=$(cd "${top_srcdir:-.}" && pwd) || exit 1
if [ ! -e "$root/.git" ]; then
	echo "1..0 # SKIP this is a release, not a checkout"
	exit 0
fi
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
echo 1..2

git -C "$root" ls-files | grep -v -e '^\.ci/' -e '^\.gitignore$' |
	sort > "$work/tracked"
(cd "${top_builddir:-.}" && env -u MAKEFLAGS -u MFLAGS \
	make -s distdir distdir="$work/release") > "$work/log" 2>&1 ||
	sed 's/^/# /' "$work/log"
(cd "$work/release" && find . -type f | sed 's|^\./||' | sort) > "$work/there"

missing=$(comm -23 "$work/tracked" "$work/there")
if [ -s "$work/there" ] && [ -z "$missing" ]; then
	echo "ok 1 - what is tracked is in the release"
else
	echo "not ok 1 - what is tracked is in the release"
	echo "$missing" | sed 's/^/# missing: /'
fi

# The check itself: a file that no list names is found.
echo tests/not-in-any-list > "$work/more"
if sort "$work/tracked" "$work/more" | comm -23 - "$work/there" |
	grep -q not-in-any-list; then
	echo "ok 2 - a file that no list names is found"
else
	echo "not ok 2 - a file that no list names is found"
fi
