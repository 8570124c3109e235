#!/bin/sh
# SPDX-License-Identifier: ISC
# gdb - the debugger shows of a core file what leat_dump wrote while it lived
set -u
: "${srcdir:=.}" "${builddir:=.}" "${CC:=cc}" "${CFLAGS:=}" "${LDFLAGS:=}" "${PKG_CONFIG:=pkg-config}"
work=$builddir/test/check/gdb.dir
script=$(cd "$srcdir" && pwd)/tool/gdb/leat-gdb.py
include=$(cd "$srcdir" && pwd)/include
broken=0

fail() { printf '%s\n' "$*"; broken=1; }
skip() { printf 'skipped: %s\n' "$*"; rm -rf "$work"; exit 77; }

# debug ARGUMENTS...: gdb with our script, in the library's environment.
debug() {
	ASAN_OPTIONS=detect_leaks=0 timeout 120 "$builddir/libtool" --silent --mode=execute \
		gdb -nx -q -batch -iex 'set debuginfod enabled off' -ex 'set confirm off' -ex 'set width 0' \
		-ex "source $script" "$@" 2>&1
}

command -v gdb >/dev/null || skip 'no gdb'
[ "$(gdb -nx -batch -ex 'python print(6 * 7)' 2>/dev/null)" = 42 ] || skip 'this gdb has no Python'

rm -rf "$work" && mkdir -p "$work" || exit 1
cat >"$work/stuck.c" <<'END'
#include <leat/leat.h>

#include <stdio.h>
#include <stdlib.h>

static leat_io *pass(void *ctx, leat_result *result)
{
	(void)ctx;
	return leat_result_pass(result);
}

static leat_io *deep(leat_io *io, int links)
{
	while (links-- > 0)
		io = leat_io_then(io, pass, leat_ctx_none());
	return io;
}

leat_loop *loop;
leat_io *stuck, *failed;
leat_flow *ends[2];
leat_buf *buf;
void *nothing;

static void give_up(void)
{
	FILE *said = fopen("said", "w");

	leat_dump(loop, said, NULL);
	fclose(said);
	abort();
}

int main(void)
{
	leat_maker maker;
	leat_io *ios[4];

	loop = leat_loop_new(NULL, NULL);
	leat_flow_pair(loop, ends);
	buf = leat_buf_copy(loop, "hay\033", 4);
	ios[0] = leat_io_new(loop, &maker, NULL, NULL);
	ios[1] = leat_flow_read(ends[1]);
	ios[2] = leat_io_race(loop, ios, 2);
	ios[0] = deep(leat_flow_read(ends[0]), 3000);
	ios[1] = leat_io_int(loop, 7);
	ios[3] = leat_io_finally(leat_io_new(loop, &maker, NULL, NULL), pass, leat_ctx_none());
	stuck = leat_io_all(loop, ios, 4);
	leat_io_detach(deep(leat_io_new(loop, &maker, NULL, NULL), 40));
	failed = leat_io_fail(loop, leat_error_core(LEAT_RESET));
	leat_io_cancel(failed);
	leat_loop_run_ready(loop);
	give_up();
}
END
# shellcheck disable=SC2086 # a compiler, flags
(cd "$work" && $CC $CFLAGS -g -O0 -I"$include" -c stuck.c) || exit 1
# shellcheck disable=SC2046,SC2086
"$builddir/libtool" --silent --tag=CC --mode=link $CC $CFLAGS -g $LDFLAGS -o "$work/stuck" "$work/stuck.o" \
	"$builddir/libleat.la" $($PKG_CONFIG --libs libevent_core) || exit 1

# A sanitizer's shadow is no matter for a core: there the living is looked at.
target=core
case $CFLAGS in *-fsanitize*) target=living ;; esac
cd "$work" || exit 1
builddir=../../..
core='generate-core-file core'
[ $target = core ] || core='printf "living\n"'
set -- -ex 'leat dump loop' -ex 'echo ==\n' -ex 'print stuck' -ex 'print failed' -ex 'print ends[0]' -ex 'print buf' \
	-ex 'print (leat_io *)nothing' -ex 'print (leat_io *)8' -ex 'leat dump nothing' -ex 'leat dump 5'
if [ $target = core ]; then
	debug -ex run -ex "$core" ./stuck >log
	[ -f core ] || skip "gdb could not run it or write its core: $(tail -n 1 log)"
	debug "$@" ./stuck core >got
else
	debug -ex run "$@" ./stuck >got
fi
[ -s said ] || skip "gdb could not run it: $(tail -n 1 got)"
grep -q 'no debug information\|No struct type named leat_io' got && skip 'the library has no debug information'

sed -n '/^leat: /,/^==$/p' got | sed '$d' >dumped
diff said dumped || fail 'gdb does not show what leat_dump wrote'
expect() { grep -qF -- "$1" got || fail "no \"$1\" in what gdb printed"; }
grep -q ', 3000 times$' dumped || fail 'the long chain is not there'
expect "all stuck.c:"
expect ', held, 3 of 4 left'
expect ' gone'
expect 'pair stuck.c:'
expect '2 references'
expect "4 bytes 'hay\\x1b'"
expect '(leat_io *) 0x0'
expect '(leat_io *) 0x8 (not readable)'
expect 'leat dump: that loop is NULL'
expect 'leat dump: that is not a leat_loop *'
cd - >/dev/null || exit 1
if [ $broken -eq 0 ]; then rm -rf "$work"; else cat "$work/got"; fi
exit $broken
