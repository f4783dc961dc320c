#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# cppcheck on the product's folders: cppcheck.sh ROOT.  Part of ./bootstrap
# test.  What it finds is fixed, or suppressed beside the line.
#
# Not asked: readdirCalled.  In glibc readdir() is safe as long as no two
# threads share a stream, and readdir_r(), which cppcheck wants, is deprecated.

HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/common.sh"
cd "$1" || exit 2
DIRS=$(sources . '*.c' | sed 's,/.*,,' | sort -u)
# shellcheck disable=SC2086
exec cppcheck --std=c11 --language=c \
    --enable=warning,performance,portability --inline-suppr --inconclusive \
    --library=posix --library="$HERE/cppcheck.cfg" \
    --suppress=missingIncludeSystem --suppress=readdirCalled \
    --error-exitcode=1 -q -j "$(nproc)" \
    -I. $DIRS
