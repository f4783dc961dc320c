#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# python - every Python file names what it uses, and uses what it imports
# (pyflakes).
#
#	python.sh ROOT

ROOT=${1:-.}

cd "$ROOT" || exit 2
find tests -name '*.py' -type f | sort | xargs -r pyflakes3 2>&1
