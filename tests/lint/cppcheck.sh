#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# cppcheck on the product's folders: cppcheck.sh ROOT.  Part of ./bootstrap
# nightly.  What it finds is fixed, or suppressed beside the line.

HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/common.sh"
cd "$1" || exit 2
DIRS=$(sources . '*.c' | sed 's,/.*,,' | sort -u)
# shellcheck disable=SC2086
exec cppcheck --std=c11 --language=c \
    --enable=warning,performance,portability --inline-suppr --inconclusive \
    --library=posix --library="$HERE/cppcheck.cfg" \
    --suppress=missingIncludeSystem --error-exitcode=1 -q -j "$(nproc)" \
    -I. $DIRS
