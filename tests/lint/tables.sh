#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Tables of directives (D and K rows of *.def): alphabetical order, and a
# sentence that ends in a period for each.  Each directive that takes effect
# is named in some test; what is not is listed, and an error when
# TABLES_STRICT=1.  TABLES_DIR names another folder with tables.
top=${top_srcdir:-.}
dir=${TABLES_DIR:-$top/vmta}
count=0
failed=0

report() { # STATUS TEXT MISTAKES
	count=$((count + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $count - $2"
	else
		failed=1
		echo "not ok $count - $2"
	fi
	[ -z "$3" ] || printf '%s\n' "$3" | sed 's/^/# /'
}

# Rows may go over several lines: from D(" or K(" to a ) at the end.
check_rows() {
	LC_ALL=C awk '
	function row(text,    name, doc) {
		name = text
		sub(/^[DK]\("/, "", name)
		sub(/".*/, "", name)
		if (name <= last)
			print FILENAME ":" start ": " name " stands behind " last
		last = name
		rows++
		doc = text
		sub(/"\)[ \t]*$/, "", doc)
		sub(/.*"/, "", doc)
		if (text !~ /"\)[ \t]*$/ || doc !~ /^[A-Z].*[^.]\.$/)
			print FILENAME ":" start ": " name \
			    " lacks a sentence that ends in a period"
	}
	/^[DK]\("/ { start = FNR; open = 1; text = "" }
	open { text = text $0; if ($0 ~ /\)[ \t]*$/) { row(text); open = 0 } }
	END {
		if (open)
			print FILENAME ":" start ": the row does not end"
		if (rows == 0)
			print FILENAME ": no rows"
	}' "$1"
}

# Directives that no file below tests/ names.
check_tested() {
	names=$(sed -n 's/^D("\([^"]*\)".*/\1/p' "$dir"/*.def | sort -u)
	for name in $names; do
		# Not within another name; behind "\n" in a C string is fine.
		grep -rqE -e "(^|\\\\n|[^a-z0-9-])$name([^a-z0-9-]|\$)" \
		    --include='*.c' --include='*.scn' --include='*.py' \
		    --include='*.sh' --include='*.conf' \
		    "$top/tests" || echo "$name is in no test"
	done
}

for def in "$dir"/*.def; do
	mistakes=$(check_rows "$def")
	[ -z "$mistakes" ]
	report $? "${def##*/}: order and sentences" "$mistakes"
done
untested=$(check_tested)
[ -z "$untested" ] || [ "${TABLES_STRICT:-0}" != 1 ]
report $? "each directive is in some test" "$untested"
echo "1..$count"
exit $failed
