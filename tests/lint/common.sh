# SPDX-License-Identifier: Apache-2.0
# For the lints: every C file of the product under the folder $1, with paths
# relative to it.  Sourced, not run.

FOLDERS="lib mail vmta queue transport milter admin compat"

# sources ROOT PATTERN...
sources() {
	(
		cd "$1" || exit 1
		shift
		for folder in $FOLDERS; do
			[ -d "$folder" ] || continue
			for pattern; do
				find "$folder" -name "$pattern" -type f
			done
		done | sort
	)
}
