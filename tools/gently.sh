#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs a command with the processor time that nobody else wants.  Meant for a session of its own (setsid): where
# sessions are scheduled as groups, nice values are compared within one only; see sched(7), "The autogroup feature".
#
#   setsid tools/gently.sh COMMAND...
set -euo pipefail
[ $# -gt 0 ] || { echo "usage: setsid $0 COMMAND..." >&2; exit 2; }
[ ! -w /proc/self/autogroup ] || echo 19 >/proc/self/autogroup 2>/dev/null || true
exec nice -n 19 "$@"
