#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# units.sh ROOT - each group that a unit or tmpfiles.d names is one that
# sysusers.d makes: systemd starts nothing for a group that is not there, and a
# host with Exim has no group postfix.  postdrop is named for a socket alone that
# no host without Postfix wants.

cd "${1:-.}" || exit 2
made=$(cat etc/*.sysusers 2>/dev/null | awk '$1 == "u" || $1 == "g" { print $2 }')
{
	grep -EHo '^(Group|SupplementaryGroups|SocketGroup)=.*' \
	    etc/*.service etc/*.socket 2>/dev/null | sed 's/:.*=/ /'
	awk '$1 ~ /^[a-z]/ { print FILENAME, $5 }' etc/*.tmpfiles 2>/dev/null
} | awk -v made="$made" '
	BEGIN {
		n = split(made, v, "\n")
		for (i = 1; i <= n; i++)
			is[v[i]] = 1
		is["postdrop"] = is["root"] = is["-"] = 1
	}
	{
		for (i = 2; i <= NF; i++)
			if (!($i in is)) {
				print $1 ": group " $i " is not in sysusers.d"
				bad = 1
			}
	}
	END { exit bad }'
