#!/bin/sh
# SPDX-License-Identifier: ISC
# relay - what goes in comes out, all of it, each way, whichever side ends first
set -u
. "${srcdir:-.}/test/support/tool.sh"

much "$work/data"
data=$(cksum <"$work/data")
bytes=$(echo "$data" | wc -c)
socat=$(command -v socat)

# As socat writes an address.
foreign() {
	case $1 in
	tcp:*) echo "TCP:${1#tcp:}" ;;
	unix:*) echo "UNIX-CONNECT:${1#unix:}" ;;
	esac
}

# Both sides say much, at once: through two relays, TCP and Unix.
start 3 echo "unix:$work/echo"
start 4 relay tcp:127.0.0.1:0 "$where"
start 5 relay "unix:$work/relay" "$where"
same 'through TCP and Unix to an echo and back' "$(leat pipe "$where" <"$work/data" | cksum)" "$data"
if [ -n "$socat" ]; then
	same 'the same from socat' "$(socat -t 60 - "$(foreign "$where")" <"$work/data" | cksum)" "$data"
fi
stop 5
stop 4
stop 3
same 'no socket is left behind' "$(ls "$work" | grep -E '^(echo|relay)$')" ''

# The client ends first; the target answers only then.
start 3 relay --stats tcp:127.0.0.1:0 exec:cksum
same 'the client ends first: cksum answers' "$(leat pipe "$where" <"$work/data")" "$data"
hear 3 'leat: 1 *'
like 'and the line says so' "$heard" "leat: 1 tcp:127.0.0.1:*: 4194304 there, $bytes back, * s: in order"
if [ -n "$socat" ]; then
	same 'the same from socat' "$(socat -t 60 - "$(foreign "$where")" <"$work/data")" "$data"
fi
stop 3

# The target ends first; the client sends on, and the target hears all of it.
start 3 relay tcp:127.0.0.1:0 "exec:echo I have said it; exec >&-; cksum >'$work/heard'"
mkfifo "$work/in" "$work/out"
leat_bg pipe "$where" <"$work/in" >"$work/out" &
client=$!
exec 6>"$work/in" 7<"$work/out"
same 'the target ends first' "$(cat <&7)" 'I have said it'
cat "$work/data" >&6
exec 6>&-
wait $client
same 'and the client ends in order' $? 0
stop 3
same 'the target has heard the rest' "$(cat "$work/heard")" "$data"

# The same with socat as the target.
if [ -n "$socat" ]; then
	run 3 socat -d -d -t 60 "UNIX-LISTEN:$work/socat" SYSTEM:cksum
	hear 3 '*listening on*'
	start 4 relay tcp:127.0.0.1:0 "unix:$work/socat"
	same 'socat answers when we have ended' "$(leat pipe "$where" <"$work/data")" "$data"
	ended 3 0
	stop 4
fi

# A target that nobody can reach is the client's end, and the relay goes on.
start 3 relay tcp:127.0.0.1:0 "unix:$work/nobody"
echo hello | leat pipe "$where" >"$work/out.txt" 2>/dev/null
same 'nothing comes from a target that is not there' "$(cat "$work/out.txt")" ''
hear 3 'leat: 1 *'
like 'the line names the part of the address' "$heard" "leat: 1 tcp:127.0.0.1:*: unix:$work/nobody: No such file or directory"
stop 3

# What is not seen in a folder, and a number that is longer.
start 3 echo "unix:@leat-test-$$"
same 'an abstract name' "$(echo hello | leat pipe "$where")" hello
stop 3
if [ -e /proc/net/if_inet6 ] && grep -q ' lo$' /proc/net/if_inet6; then
	start 3 echo 'tcp:[::1]:0'
	like 'an IPv6 address is in brackets' "$where" 'tcp:\[::1\]:*'
	same 'and reached' "$(echo hello | leat pipe "$where")" hello
	stop 3
fi
start 3 echo tcp::0
same 'everywhere is here, too' "$(echo hello | leat pipe "tcp:127.0.0.1:${where##*:}")" hello
stop 3

# A socket that somebody else has bound.
if command -v perl >/dev/null; then
	run 3 perl -MSocket -MPOSIX -e '$^F = 9; socket(S, PF_INET, SOCK_STREAM, 0);
		bind(S, sockaddr_in(0, INADDR_LOOPBACK)); listen(S, 5);
		POSIX::dup2(fileno(S), 5); exec @ARGV' -- "$program" echo fd:5
	hear 3 'leat: listening on *'
	like 'a descriptor that listens' "$heard" 'leat: listening on tcp:127.0.0.1:*'
	same 'and serves' "$(echo hello | leat pipe "${heard#leat: listening on }")" hello
	stop 3
fi

# A name is looked up, and its addresses are tried in turn.
start 3 echo tcp:127.0.0.1:0
start 4 relay tcp:localhost:0 "tcp:localhost:${where##*:}"
same 'names on both sides' "$(echo hello | leat pipe "$where")" hello
stop 4
stop 3
finish
