#!/bin/sh
# SPDX-License-Identifier: ISC
# limits - connections at once, one only, idle time, half-open time
set -u
. "${srcdir:-.}/test/support/tool.sh"

# client FD-IN FD-OUT: a connection to $where that stays until FD-IN is closed
client() {
	rm -f "$work/in" "$work/out"
	mkfifo "$work/in" "$work/out"
	leat_bg pipe "$where" <"$work/in" >"$work/out" 2>/dev/null &
	eval "exec $1>'$work/in' $2<'$work/out'"
}

# answer FD-IN FD-OUT: a line to it, and what comes back
answer() {
	echo hello >&"$1"
	IFS= read -r line <&"$2"
	echo "$line"
}

# The second one waits until the first has gone.
start 3 echo --stats --connections=1 tcp:127.0.0.1:0
client 6 7
same 'the first is served' "$(answer 6 7)" hello
client 8 9
echo 'I waited' >&8
tell 3 USR1
hear 3 'leat: that was all'
like 'the second is not taken yet' "$(cat "$work/3.said")" '*leat: 1 taken, 0 failed, 1 open, *'
exec 6>&-
cat <&7
IFS= read -r line <&9
same 'the second is served when the first has gone' "$line" 'I waited'
exec 8>&-
wait "$!"
stop 3
like 'never two at once' "$(tail -n 1 "$work/3.said")" 'leat: 2 taken, 0 failed, 0 open, at most 1 at once: *'

# One, and the end.
start 3 echo --once tcp:127.0.0.1:0
same 'the one is served' "$(echo hello | leat pipe "$where")" hello
ended 3 0
start 3 relay --once tcp:127.0.0.1:0 'exec:exit 5'
leat pipe "$where" </dev/null 2>/dev/null
ended 3 1
like 'the one that failed is shown on the address' "$(cat "$work/3.said")" '*leat: the program ended with status 5
  exec:exit 5
  ^~~*'

# A target that can be used once is.
start 3 relay tcp:127.0.0.1:0 fd:0,1 </dev/null >"$work/copy"
much "$work/data"
leat pipe "$where" <"$work/data"
ended 3 0
same 'what came was written to a file' "$(cksum <"$work/copy")" "$(cksum <"$work/data")"

# Nothing moves: the connection is ended, and the next is served.
start 3 relay --stats --idle=1s tcp:127.0.0.1:0 exec:cat
client 6 7
same 'something moves' "$(answer 6 7)" hello
hear 3 'leat: 1 *: * there, *'
like 'the idle one is ended' "$heard" 'leat: 1 tcp:127.0.0.1:*: 6 there, 6 back, * s: it was idle for too long'
same 'and its client hears the end' "$(cat <&7)" ''
exec 6>&-
same 'the next one is served' "$(echo hello | leat pipe "$where")" hello
stop 3

# One side has ended, and the other says nothing more; before that it may take its time.
start 3 relay --stats --half-open=300ms tcp:127.0.0.1:0 'exec:echo one; exec >&-; cat >/dev/null'
client 6 7
same 'what was said before the end' "$(cat <&7)" one
hear 3 'leat: 1 *: * there, *'
like 'the half-open one is ended' "$heard" \
	'leat: 1 tcp:127.0.0.1:*: 0 there, 4 back, * s: one side had ended, and the other was idle for too long'
exec 6>&-
stop 3
finish
