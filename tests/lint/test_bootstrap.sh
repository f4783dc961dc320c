#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The end of a run of ./bootstrap test or nightly names each step and each test
# that failed: with a step of prove, one of make check and one of neither.
# Packages that are only unpacked are fetched once, whole or not at all.

command -v prove >/dev/null || { echo "1..0 # SKIP no prove"; exit 0; }
TOP=$(cd "$(dirname "$0")/../.." && pwd)
SCRIPT=$TOP/bootstrap # which makes TOP its own
WORK=$(mktemp -d) || exit 1
trap 'rm -rf "$WORK"' EXIT
# shellcheck source=../../bootstrap
. "$TOP/bootstrap"
set +e
cd "$WORK" || exit 1
N=0

# is NAME COMMAND...: one TAP line.
is() {
	local name=$1
	shift
	N=$((N + 1))
	"$@" >/dev/null 2>&1 && echo "ok $N - $name" && return
	echo "not ok $N - $name"
	sed 's/^/# /' "$WORK/end"
}

# tap FILE STATUS LINE...: a test program that says these lines.
tap() {
	local file=$1 status=$2
	shift 2
	{ echo '#!/bin/sh'; printf "echo '%s'\n" "$@"; echo "exit $status"; } >"$file"
	chmod +x "$file"
}

checked() {
	echo '# FAIL:  1'
	echo 'FAIL: tests/unit/test_ring 7 - an empty ring'
	echo 'FAIL: tests/unit/test_ring' # the heading of its log
	return 2
}

# Functions of bootstrap that nothing in it calls: steps that never run.  Their
# names stand in one line only; cmd_NAME is called by what the user says.
uncalled() {
	local code f
	code=$(grep -v '^[[:space:]]*#' "$SCRIPT")
	for f in $(sed -n 's/^\([a-z_]*\)() [({]$/\1/p' <<<"$code"); do
		[[ $f == cmd_* ]] || [ "$(grep -cw -- "$f" <<<"$code")" -gt 1 ] ||
		    echo "$f"
	done
}

dies() {
	die "the build failed"
}

# The names of the failed steps and what is said below each.
end_of() {
	FAILED=""
	step "good" true
	step "proved" prove --merge --failures ./bad.t ./dead.t ./good.t
	step "checked" checked
	step "built" dies
	steps_done
}

# A system whose apt-get has the packages a and b.
packages() {
	mkdir -p bin
	cat >bin/apt-get <<-'A'
		#!/bin/sh
		shift 2
		for p in "$@"; do
			case $p in a | b) echo "$p" >"$p.deb" ;; *) exit 100 ;; esac
		done
		echo fetched >>"$FETCHED"
	A
	printf '#!/bin/sh\ncp "$2" "$3/$(cat "$2")"\n' >bin/dpkg
	chmod +x bin/apt-get bin/dpkg
}

tap bad.t 1 1..3 'ok 1 - fine' 'not ok 2 - the bad one' 'not ok 3 # TODO later'
tap dead.t 3 1..2 'ok 1 - fine'
tap good.t 0 1..1 'ok 1 - fine'
echo 1..17
uncalled >end
is "each function of bootstrap is called" [ ! -s end ]
end_of >all 2>&1
is "a failed step makes the run fail" [ $? = 1 ]
sed -n '/^=== done/,$p' all >end
is "the step of prove is named" grep -qx proved end
is "its failed test with its file" \
    grep -qx '    ./bad.t: not ok 2 - the bad one' end
is "a program that died" grep -q '^    ./dead.t: (Wstat: 768' end
is "a good program is not named" bash -c '! grep good end'
is "a test that was expected to fail is not" bash -c '! grep TODO end'
is "the step of make check is named" grep -qx checked end
is "its failed test once" \
    [ "$(grep -c 'FAIL: tests/unit/test_ring' end)" = 1 ]
is "of a step of neither, its last lines" \
    grep -qx '    bootstrap: the build failed' end

FAILED=$(seq 100)$'\n'
steps_done >end
is "no more than 40 lines of them" grep -qx '    ... and 60 lines more, above' end
is "and the first of them" grep -qx 40 end
FAILED=""
is "without a failure the run passes" steps_done

TOP=$WORK FETCHED=$WORK/fetched
export FETCHED
packages
PATH=$WORK/bin:$PATH
unpack some a b >end
unpack some a b >>end
is "packages are unpacked" [ -e build/some/a -a -e build/some/b ]
is "and fetched once" [ "$(cat fetched)" = fetched ]
unpack some a none >end
is "of one that is not there its name is said" \
    grep -qx 'a none cannot be had: their tests will fail' end
is "and what was there stays" [ -e build/some/b -a ! -e build/some.new ]
