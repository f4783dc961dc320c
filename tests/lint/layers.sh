#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# layers - which folder may include which (doc/ARCHITECTURE.md).
#
#	layers.sh ROOT
#
# Prints "lib/bad.c:1: lib may not include vmta/rate.h" for each offence and
# fails.  main.c and ..._main.c wire all parts together and may include any.

. "$(dirname "$0")/common.sh"
ROOT=${1:-.}

sources "$ROOT" '*.[ch]' '*.def' | (cd "$ROOT" && xargs -r awk '
BEGIN {
	may["lib"] = "lib"
	may["mail"] = "mail lib"
	may["vmta"] = "vmta mail lib"
	may["queue"] = "queue mail lib"
	may["transport"] = "transport compat queue vmta mail lib"
	may["milter"] = "milter vmta mail lib"
	may["compat"] = "compat vmta mail lib"
	may["admin"] = "admin compat vmta mail lib"
	header["milter queue/suppress_index.h"] = 1
	header["milter queue/suppress_watch.h"] = 1
}
FNR == 1 {
	folder = FILENAME
	sub("/.*", "", folder)
	base = FILENAME
	sub(".*/", "", base)
	exempt = base == "main.c" || base ~ /_main\.c$/
}
!exempt && /^[ \t]*#[ \t]*include[ \t]*"/ {
	split($0, part, "\"")
	target = part[2]
	if (target !~ "/") {
		printf "%s:%d: write \"%s/%s\"\n", FILENAME, FNR, folder, target
		bad = 1
		next
	}
	top = target
	sub("/.*", "", top)
	if (index(" " may[folder] " ", " " top " ") ||
	    (folder " " target) in header)
		next
	printf "%s:%d: %s may not include %s\n", FILENAME, FNR, folder, target
	bad = 1
}
END { exit bad }')
