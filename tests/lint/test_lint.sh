#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The tree keeps the house rules, and each lint finds what breaks them: a
# lint that never fails proves nothing.

HERE=$(cd "$(dirname "$0")" && pwd)
ROOT=${top_srcdir:-$(cd "$HERE/../.." && pwd)}
BAD=$(mktemp -d) || exit 1
trap 'rm -rf "$BAD"' EXIT

result() { # STATUS TEXT
	if [ "$1" = 0 ]; then
		echo "ok - $2"
	else
		echo "not ok - $2"
	fi
}

keeps() { # LINT
	out=$("$HERE/$1.sh" "$ROOT" 2>&1)
	result $? "the tree keeps $1"
	[ -z "$out" ] || echo "$out" | head -40 | sed 's/^/# /'
}

# finds LINT FILE "PART OF WHAT IT SAYS": the file's text is standard input.
finds() {
	rm -rf "${BAD:?}"/*
	mkdir -p "$BAD/$(dirname "$2")"
	cat >"$BAD/$2"
	cp "$ROOT/.clang-format" "$BAD/"
	out=$("$HERE/$1.sh" "$BAD" 2>&1)
	rc=$?
	case $rc:$out in
	0:*) result 1 "$1 finds $3 in $2" ;;
	*"$3"*) result 0 "$1 finds $3 in $2" ;;
	*)
		result 1 "$1 finds $3 in $2"
		echo "# it said: $out"
		;;
	esac
}

passes() { # LINT FILE
	rm -rf "${BAD:?}"/*
	mkdir -p "$BAD/$(dirname "$2")"
	cat >"$BAD/$2"
	out=$("$HERE/$1.sh" "$BAD" 2>&1)
	result $? "$1 lets $2 pass${3:+: $3}"
	[ -z "$out" ] || echo "# it said: $out"
}

all() {
for lint in events forbidden layers size tables tested units; do
	keeps $lint
done
if command -v clang-format >/dev/null; then
	keeps format
	printf 'int  x;\n' | finds format lib/bad.c 'lib/bad.c:1'
else
	echo "ok - format # SKIP clang-format is not installed"
fi
if command -v pyflakes3 >/dev/null; then
	keeps python
	printf 'shutil.rmtree("x")\n' |
	    finds python tests/bad.py "undefined name 'shutil'"
else
	echo "ok - python # SKIP pyflakes3 is not installed"
fi

printf 'E("zz", "Z.")\nE("aa", "A.")\n' |
    finds events mail/event.def 'not in alphabetical order'
printf 'E("unused", "Never.")\n' |
    finds events mail/event.def '"unused" is never written'
printf 'D("never-tested", n, UINT, "0", 0, 0, LIVE,\n\t"N.")\n' |
    finds tested vmta/bad.def 'never-tested: no test proves it'

printf '[Socket]\nSocketGroup=nobody-made\n' |
    finds units etc/bad.socket 'group nobody-made is not in sysusers.d'
printf 'd /run/x 0750 root nobody-made -\n' |
    finds units etc/bad.tmpfiles 'group nobody-made is not in sysusers.d'

echo '#include "vmta/rate.h"' |
    finds layers lib/bad.c 'lib/bad.c:1: lib may not include vmta/rate.h'
echo '#include "queue/store.h"' |
    finds layers milter/bad.c 'milter may not include queue/store.h'
echo '#include "rate.h"' | finds layers vmta/bad.c 'write "vmta/rate.h"'
echo '#include "vmta/rate.h"' |
    finds layers queue/domain.c 'queue may not include'
echo '#include "vmta/rate.h"' | finds layers lib/xmain.c 'lib may not include'
echo '#include "queue/suppress_index.h"' | passes layers milter/good.c
echo '#include "queue/store.h"' | passes layers admin/ctl_main.c

echo '	sprintf(a, "b");' | finds forbidden mail/bad.c 'sprintf()'
echo '	p = malloc (3);' | finds forbidden mail/bad.c 'malloc()'
echo '	t = time(NULL);' | finds forbidden vmta/bad.c 'time()'
echo '	pthread_mutex_lock(&m);' |
    finds forbidden transport/bad.c 'pthread_mutex_lock()'
echo '	SSL_read(s, b, n);' | finds forbidden transport/bad.c 'SSL_read()'
echo '	ares_query(c);' | finds forbidden transport/bad.c 'ares_query()'
echo '	curl_multi_init();' | finds forbidden transport/bad.c 'curl_multi_init()'
echo '	redisAsyncFree(c);' | finds forbidden transport/bad.c 'redisAsyncFree()'
echo '	DB *db;' | finds forbidden transport/bad.c 'Berkeley DB'
passes forbidden mail/good.c "comments, strings, members" <<'X'
/* sprintf(x) and
 * system(y) */
const char *s = "strcpy(a, b)";
x_free(struct x **xp)
{
	free(*xp);
	p->time(now);
}
X

awk 'BEGIN { print "int\nlong_one(void)\n{"
	for (i = 0; i < 80; i++) print "\tx();"; print "}" }' |
    finds size lib/bad.c 'long_one() has'
awk 'BEGIN { for (i = 0; i < 701; i++) print "/* */" }' |
    finds size lib/bad.c 'a file of 701 lines'
awk 'BEGIN { for (i = 0; i < 701; i++) print "/* */" }' |
    finds size tests/unit/bad.c 'a file of 701 lines'
awk 'BEGIN { for (i = 0; i < 701; i++) print "# x" }' |
    finds size tests/system/bad.py 'a file of 701 lines'
printf 'many(1, 2, 3, 4, 5,\n    6, 7)\n' | passes size tests/system/good.py
printf 'int\nmany(int a, int b, int c,\n    int d, int e, int f, int g)\n{\n}\n' |
    finds size lib/bad.c 'many() has 7 parameters'
printf '/* lint-ok: their prototype */\nint\nmany(int a, int b, int c,\n    int d, int e, int f, int g)\n{\n}\n' |
    passes size lib/excused.c
printf 'int\nfew(int a, int (*b)(int, int), int c, int d, int e, int f)\n{\n}\n' |
    passes size lib/good.c

printf 'D("b", b, UINT, "0", 0, 0, LIVE,\n\t"B.")\nD("a", a, UINT, "0", 0, 0, LIVE,\n\t"A.")\n' |
    finds tables vmta/bad.def 'a comes after b'
printf 'D("b", b, UINT, "0", 0, 0, LIVE,\n\t"")\n' |
    finds tables vmta/bad.def 'b has no sentence'
printf 'K("b", "D", "UINT", 0, 0, LATER, "",\n\t"")\n' |
    finds tables vmta/bad.def 'b has no sentence'
printf 'K("b", "D", "UINT", 0, 0, OLD, "use a",\n\t"No full stop")\n' |
    finds tables vmta/bad.def 'b has no sentence'
printf 'K("", "c", "REGEX", 0, 0, LATER, "",\n\t"")\n' |
    finds tables vmta/bad.def 'the row without name has no sentence'
printf 'B("b", "G", 0, "", LATER,\n\t"")\n' |
    finds tables vmta/bad.def 'b has no sentence'
printf 'K("b", "D", "UINT", 0, 0, LATER, "",\n\t"B.")\nK("b", "D", "BOOL", 0, 0, LATER, "",\n\t"B.")\n' |
    finds tables vmta/bad.def 'b comes after b'
printf 'K("b", "D", "UINT", 0, 0, LATER, "",\n\t"Does b.")\nK("b", "G", "UINT", 0, 0, LATER, "",\n\t"Does b.")\n' |
    passes tables vmta/good.def 'a name in two places'
}

# Numbers and plan: most of it runs in subshells.
all | awk '
/^(not )?ok - / { sub(/ok -/, "ok " ++n " -") }
{ print }
END { print "1.." n }'
