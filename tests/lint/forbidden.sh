#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# forbidden - calls that are not made, or only in one place.
#
#	forbidden.sh ROOT
#
# Comments and the insides of strings do not count.  A comment with "lint-ok:"
# and the reason, on the line or the one before, lets a line pass.
#
# free() is not looked for: without malloc() there is no raw memory to free,
# and whether what mem_new() gave is freed once is for ASan to say.

. "$(dirname "$0")/common.sh"
ROOT=${1:-.}

sources "$ROOT" '*.[ch]' | (cd "$ROOT" && xargs -r awk '
BEGIN {
	list("sprintf vsprintf strcpy strcat strtok gets atoi atol system", "")
	list("popen alloca setjmp longjmp rand srand localtime gmtime", "")
	list("inet_ntoa gethostbyname strerror", "")
	list("malloc calloc realloc strdup strndup asprintf", "^lib/mem\\.c$")
	list("time clock_gettime gettimeofday", "^lib/clock\\.c$")
	list("db_create db_env_create db_strerror", "^queue/")
}
function list(names, where,    part, n, i) {
	n = split(names, part, " ")
	for (i = 1; i <= n; i++)
		only[part[i]] = where
}
function complain(what) {
	if (FNR - excused <= 1)
		return
	printf "%s:%d: %s\n", FILENAME, FNR, what
	bad = 1
}
# Without comments, and strings emptied.
function code(line,    out, c, i, n) {
	out = ""
	n = length(line)
	for (i = 1; i <= n; i++) {
		c = substr(line, i, 1)
		if (in_comment) {
			if (substr(line, i, 2) == "*/") {
				in_comment = 0
				i++
			}
		} else if (substr(line, i, 2) == "/*") {
			in_comment = 1
			i++
		} else if (substr(line, i, 2) == "//") {
			break
		} else if (c == "\"" || c == "\047") {
			out = out c c
			for (i++; i <= n && substr(line, i, 1) != c; i++)
				if (substr(line, i, 1) == "\\")
					i++
		} else {
			out = out c
		}
	}
	return out
}
FNR == 1 { in_comment = 0; excused = -9 }
/lint-ok: [a-z]/ { excused = FNR }
{
	line = code($0)
	if (line ~ /^[ \t]*#/)
		next
	rest = line
	while (match(rest, /[A-Za-z_][A-Za-z0-9_]*[ \t]*\(/)) {
		name = substr(rest, RSTART, RLENGTH - 1)
		sub(/[ \t]+$/, "", name)
		before = substr(rest, 1, RSTART - 1)
		rest = substr(rest, RSTART + RLENGTH)
		# A member of ours may be called as it likes.
		if (before ~ /(->|\.)$/)
			continue
		if (name in only &&
		    (only[name] == "" || FILENAME !~ only[name]))
			complain(name "() is not used" \
			    (only[name] == "" ? "" : " outside " only[name]))
		if (name ~ /^pthread_/ && FILENAME !~ /^lib\//)
			complain(name "() is not used outside lib/")
		if (name ~ /^SSL_/ && FILENAME !~ /^lib\/tls[a-z_]*\.[ch]$/)
			complain(name "() is not used outside lib/tls.c")
		if (name ~ /^ares_/ && FILENAME !~ /^lib\/dns[a-z_]*\.[ch]$/)
			complain(name "() is not used outside lib/dns.c")
		if (name ~ /^curl_/ && FILENAME !~ /^lib\/http[a-z_]*\.[ch]$/)
			complain(name "() is not used outside lib/http_*.c")
		if (name ~ /^redis[A-Z]/ && FILENAME !~ /^lib\/redis[a-z_]*\.[ch]$/)
			complain(name "() is not used outside lib/redis.c")
	}
	if (FILENAME !~ /^queue\// &&
	    line ~ /(^|[^A-Za-z0-9_])(DB|DB_ENV|DB_TXN|DBC|DBT)[ \t]+\**[a-z]/)
		complain("Berkeley DB is not used outside queue/")
}
END { exit bad }')
