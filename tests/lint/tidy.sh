#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# clang-tidy with the checks of .clang-tidy on the product's C files, or on
# those named: tidy.sh ROOT BUILD [FILE...].  Part of ./bootstrap nightly.
#
# One file per process: clang-tidy 14 that is given several reports a false
# uninitialized va_list in the second.

HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/common.sh"
ROOT=$(cd "$1" && pwd) || exit 2
BUILD=$(cd "$2" && pwd) || exit 2
shift 2
make -s -C "$BUILD" Makefile >/dev/null || exit 2
FLAGS="-std=gnu11 $(make -s -C "$BUILD" print-cppflags)" || exit 2

[ $# -gt 0 ] || set -- $(sources "$ROOT" '*.c')
cd "$ROOT" || exit 2
printf '%s\n' "$@" |
    xargs -P "$(nproc)" -I FILE sh -c "clang-tidy -quiet FILE -- $FLAGS \
	2>/dev/null"
