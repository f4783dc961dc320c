#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# gcc's analyser on everything that is linked into the programs:
# analyzer.sh ROOT BUILD.  BUILD is made, and is for this alone: the warnings
# of a file come when it is compiled.  Part of ./bootstrap nightly.

ROOT=$(cd "$1" && pwd) || exit 2
mkdir -p "$2" && cd "$2" || exit 2
LOG=analyzer.log

"$ROOT/configure" -q CFLAGS="-O2 -fanalyzer" || exit 2
make -s clean
make -s -j"$(nproc)" all >$LOG 2>&1 || {
	tail -5 $LOG
	exit 2
}

# Not true: uthash, when it makes its table larger, hands the new buckets to
# the table; the analyser loses them on the way.  clang does not know the
# warning's name, so it cannot be switched off beside the line.
FALSE="lib/\(crowd\|dns_cache\|failures\).c:.*leak of .<unknown>.*-Wanalyzer-malloc-leak"

FOUND=$(grep 'warning:.*-Wanalyzer' $LOG | grep -v "$FALSE" | sort -u)
[ -z "$FOUND" ] || {
	echo "$FOUND"
	echo "how: $PWD/$LOG"
	exit 1
}
