#!/bin/sh
# SPDX-License-Identifier: ISC
# ending - signals: draining, its grace, the second one, and what is alive
set -u
. "${srcdir:-.}/test/support/tool.sh"

# opened FD ARGUMENTS...: an echo with a connection that has been answered, on 6 and 7
opened() {
	start "$@"
	rm -f "$work/in" "$work/out"
	mkfifo "$work/in" "$work/out"
	leat_bg pipe "$where" <"$work/in" >"$work/out" 2>/dev/null &
	client=$!
	exec 6>"$work/in" 7<"$work/out"
	echo hello >&6
	IFS= read -r line <&7
	same 'the connection is there' "$line" hello
}

# The end of the client, and its status.
close_client() {
	exec 6>&-
	cat <&7
	wait $client
	same "the client's status" $? "$1"
}

opened 3 echo tcp:127.0.0.1:0
tell 3 TERM
hear 3 'leat: ending; connections open: 1'
leat pipe "$where" </dev/null 2>/dev/null
same 'nobody new is taken' $? 1
echo 'the old one goes on' >&6
IFS= read -r line <&7
same 'while it drains' "$line" 'the old one goes on'
close_client 0
ended 3 0

opened 3 echo --stats --grace=100ms tcp:127.0.0.1:0
tell 3 INT
hear 3 'leat: ending; connections open: 1'
hear 3 'leat: the grace is over; connections cut: 1'
hear 3 'leat: 1 tcp:127.0.0.1:*: 6 there, 6 back, * s: it was cut, since we were told to end'
hear 3 'leat: 1 taken, 1 failed, 0 open, at most 1 at once: 6 there, 6 back, * s'
ended 3 3
same 'who was cut has no end in order' "$(cat <&7)" ''
close_client 1

opened 3 echo --grace=never tcp:127.0.0.1:0
tell 3 TERM
hear 3 'leat: ending; connections open: 1'
tell 3 TERM
ended 3 3
close_client 1

opened 3 echo tcp:127.0.0.1:0
tell 3 USR1
hear 3 'leat: that was all'
like 'the sum so far' "$(cat "$work/3.said")" '*leat: 1 taken, 0 failed, 1 open, *'
like 'the promises' "$(cat "$work/3.said")" '*ios*flows*serve*'
tell 3 USR1
hear 3 'leat: that was all'
close_client 0
stop 3

# The program of a connection that is cut is told to end.
start 3 relay --grace=0 tcp:127.0.0.1:0 "exec:trap 'echo gone >&2; exit 0' TERM; echo ready; while :; do read line || :; done"
rm -f "$work/in" "$work/out"
mkfifo "$work/in" "$work/out"
leat_bg pipe "$where" <"$work/in" >"$work/out" 2>/dev/null &
client=$!
exec 6>"$work/in" 7<"$work/out"
IFS= read -r line <&7
same 'the program runs' "$line" ready
tell 3 TERM
hear 3 'leat: the grace is over; connections cut: 1'
hear 3 gone
ended 3 3
close_client 1

# pipe: the signal does what it does to any program.
mkfifo "$work/hold"
leat_bg pipe exec:cat <"$work/hold" >/dev/null 2>&1 &
client=$!
exec 8>"$work/hold"
kill -TERM $client
wait $client
same 'pipe is ended by SIGTERM' $? 143
exec 8>&-

# SIGHUP ends as SIGTERM does, but for who has seen to it that it does not.
start 3 echo "unix:$work/path"
tell 3 HUP
ended 3 0
same 'the path of a socket is gone' "$(ls "$work/path" 2>/dev/null)" ''
start 3 echo tcp:127.0.0.1:0
stop 3
trap '' HUP
start 3 echo tcp:127.0.0.1:0
trap - HUP
tell 3 HUP
same 'as nohup' "$(echo hello | leat pipe "$where")" hello
stop 3
finish
