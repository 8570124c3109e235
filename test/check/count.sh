#!/bin/sh
# SPDX-License-Identifier: ISC
# count - the sum at the end of bootstrap check cannot look better than the run
set -u
: "${srcdir:=.}" "${builddir:=.}"
work=$builddir/test/check/count.dir
broken=0

# said NAME RESULT LOG: a test that ended so.
said() {
	printf ':global-test-result: %s\n' "$2" >"$work/$1.trs"
	printf '%s\n' "$3" >"$work/$1.log"
}

# expect STATUS LINE
expect() {
	line=$(sh "$srcdir/test/support/count" "$work" | tail -n 1)
	sh "$srcdir/test/support/count" "$work" >"$work/out"
	status=$?
	[ "$status" -eq "$1" ] && [ "$line" = "$2" ] && return
	printf 'wanted %s and "%s", got %s and "%s"\n' "$1" "$2" "$status" "$line"
	broken=1
}

rm -rf "$work" && mkdir -p "$work" || exit 1
expect 1 '0 passed, 0 failed'
said program PASS '100%: Checks: 12, Failures: 0, Errors: 0'
said halves PASS "$(printf '100%%: Checks: 3, Failures: 0, Errors: 0\n100%%: Checks: 1, Failures: 0, Errors: 0')"
said script PASS 'ok'
expect 0 '17 passed, 0 failed'
said missing SKIP 'no mandoc'
expect 0 '17 passed, 0 failed'
said leaks FAIL '100%: Checks: 2, Failures: 0, Errors: 0'
expect 1 '19 passed, 1 failed'
said fails FAIL '50%: Checks: 4, Failures: 1, Errors: 1'
expect 1 '21 passed, 3 failed'
said crashes FAIL ''
said hangs ERROR ''
expect 1 '21 passed, 5 failed'
rm -rf "$work"
exit $broken
