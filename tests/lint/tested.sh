#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tested - for each directive that takes effect, a test says that it would
# fail without it; deleted_lines.py, nightly, sees whether that is true.
#
#	tested.sh ROOT

MAILRACE_TOP=${1:-.} exec /usr/bin/python3 "$(dirname "$0")/deleted_lines.py" \
    --unproven
