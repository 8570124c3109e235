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

static leat_io *wait_at(void *event, leat_result *result)
{
	(void)result;
	return leat_event_wait(event);
}

static leat_io *make(void *event, leat_loop *of, size_t index)
{
	(void)of;
	return index < 3 ? leat_event_wait(event) : NULL;
}

static const leat_type plain = { .size = sizeof plain, .name = "plain" };

static void wait_at_objects(leat_loop *of)
{
	leat_event *event = leat_event_new(of);
	leat_mutex *mutex = leat_mutex_new(of);
	leat_semaphore *semaphore = leat_semaphore_new(of, 1);
	leat_queue *full = leat_queue_new(of, 0), *empty = leat_queue_new(of, 2);
	leat_scope *scope = leat_scope_new(of, NULL);

	leat_await(leat_mutex_lock(mutex), NULL);
	leat_io_detach(leat_mutex_lock(mutex));
	leat_await(leat_semaphore_acquire(semaphore), NULL);
	leat_io_detach(leat_semaphore_acquire(semaphore));
	leat_io_detach(leat_queue_put(full, mutex, &plain));
	leat_io_detach(leat_queue_take(empty));
	leat_queue_close(full);
	leat_scope_add(scope, leat_event_wait(event));
	leat_io_detach(leat_scope_wait(scope));
	leat_io_detach(leat_map_all(of, 2, make, leat_ctx_borrow(event)));
	leat_io_detach(leat_map_each(of, 0, make, leat_ctx_borrow(event)));
	leat_io_detach(leat_retry(of, NULL, wait_at, leat_ctx_borrow(event)));
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
	wait_at_objects(loop);
	leat_loop_run_ready(loop);
	failed = leat_io_fail(loop, leat_error_core(LEAT_RESET));
	leat_io_cancel(failed);
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
expect ', of a mutex stuck.c:'
expect ', 0 of 0 inside, 1 to put, 0 to take, closed'
expect ', detached, 2 of at most 2 under way, 2 made'
expect ', detached, tried 1 of 5 times'
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
