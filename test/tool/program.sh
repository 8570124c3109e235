#!/bin/sh
# SPDX-License-Identifier: ISC
# program - exec: a program's two halves, its end and its status
set -u
. "${srcdir:-.}/test/support/tool.sh"

much "$work/data"
data=$(cksum <"$work/data")
mkfifo "$work/hold"

# One that does not listen may speak.
same 'it has closed its input' "$(printf 'x' | leat pipe 'exec:exec <&-; echo early; echo late')" 'early
late'
same 'it takes a part, and answers' "$(leat pipe 'exec:head -c 5 >/dev/null; echo enough' <"$work/data"; echo $?)" 'enough
0'
same 'it takes nothing at all' "$(leat pipe 'exec:echo hello' <"$work/data"; echo $?)" 'hello
0'

# Its end is the end of all, though the other side has not ended.
leat_bg pipe 'exec:echo over' <"$work/hold" >"$work/out" &
client=$!
exec 6>"$work/hold"
wait $client
same 'the program is over' "$? $(cat "$work/out")" '0 over'
exec 6>&-
start 3 relay --stats tcp:127.0.0.1:0 "exec:cat '$work/data'"
leat_bg pipe "$where" <"$work/hold" >"$work/out" &
client=$!
exec 6>"$work/hold"
hear 3 'leat: 1 *'
like 'a relay does not wait for the client either' "$heard" '* 0 there, 4194304 back, * s: in order'
exec 6>&-
wait $client
same 'who has got all of it' "$? $(cksum <"$work/out")" "0 $data"
stop 3

# That it only says no more is half an end.
same 'it says no more and listens on' "$(leat pipe "exec:exec >&-; cksum >'$work/heard'" <"$work/data"; cat "$work/heard")" "$data"

# What a program that failed has said is no whole.
start 3 relay --stats tcp:127.0.0.1:0 "exec:cat '$work/data'; exit 3"
leat pipe "$where" </dev/null >"$work/out" 2>"$work/err"
like 'one that failed is a stream that broke' "$? $(cat "$work/err")" '1 leat: *reset*'
hear 3 'leat: 1 *the program ended with status 3'
hear 3 'leat: 1 *'
stop 3
leat pipe "exec:exec >&-; cat >/dev/null; exit 3" </dev/null 2>"$work/err"
like 'one that fails behind its last word, too' "$? $(cat "$work/err")" '1 leat: the program ended with status 3*'

mkfifo "$work/said" "$work/go"
leat_bg pipe "exec:exec >&-; read -r line <'$work/go'; exit 3" <"$work/hold" >"$work/said" 2>"$work/err" &
client=$!
exec 6>"$work/hold"
cat "$work/said" # to its end, which has been passed on
echo >"$work/go"
wait $client
like 'nor does that wait for who still speaks' "$? $(cat "$work/err")" '1 leat: the program ended with status 3*'
exec 6>&-

# A client that broke: the program is told by a signal, before its input ends.
if command -v perl >/dev/null; then
	start 3 relay tcp:127.0.0.1:0 "exec:trap 'exit 1' TERM; echo ready; while read -r line; do echo \"\$line\"; done; echo whole >&2"
	for _ in 1 2 3 4 5 6 7 8; do
		perl -MSocket -e '
			socket(S, PF_INET, SOCK_STREAM, 0);
			connect(S, sockaddr_in($ARGV[0], INADDR_LOOPBACK)) or die;
			sysread(S, $_, 1);
			setsockopt(S, SOL_SOCKET, SO_LINGER, pack("ii", 1, 0));
			close(S)' "${where##*:}"
		hear 3 'leat: * Connection reset by peer'
	done
	stop 3
	same 'no program took the part for the whole' "$(grep -c whole "$work/3.said")" 0
fi
finish
