# SPDX-License-Identifier: ISC
# shellcheck shell=sh
# flows.sh - a server of ours, clients of ours and socat, over TCP and over Unix sockets

# The address of a service: address echo tcp
address() { sed -n "s/^$1 \($2:.*\)/\1/p" server.said; }

# As socat writes it.
foreign() {
	case $1 in
	tcp:*) echo "TCP:${1#tcp:}" ;;
	unix:*) echo "UNIX-CONNECT:${1#unix:}" ;;
	esac
}

hear_socat() { socat -t 30 - "$(foreign "$1")"; }
hear_client() { "$client" talk "$1" | cat; }

# both_ways VOICE TRANSPORT NAME: a word, then megabytes, there and back
both_ways() {
	to=$(address echo "$2")
	same "a word to echo and back, $3" "$(echo 'hello, leat' | "hear_$1" "$to")" 'hello, leat'
	same "$mib MiB there and back, $3" "$(cat data | "hear_$1" "$to" | cksum)" "$(cksum <data)"
}

# The server lives as long as its standard input.
start_server() {
	mkfifo stop
	"$server" "$work" <stop >server.pipe 2>&1 &
	server_pid=$!
	pids="$pids $server_pid"
	exec 6>stop 3<server.pipe
}

# said PATTERN: reads what the server says up to such a line, left in $heard
said() {
	while IFS= read -r heard <&3; do
		printf '%s\n' "$heard" >>server.said
		# shellcheck disable=SC2254 # a pattern
		case $heard in $1) return 0 ;; esac
	done
	return 1
}

chapter 'One server, in one thread, on an event_base'
mkfifo server.pipe
start_server
said 'ready *' || { cat server.said; echo 'the server did not start'; exit 1; }
for service in echo sum greet; do
	printf '  %-6s %-28s %s\n' $service "$(address $service tcp)" "$(address $service unix)"
done

chapter 'Talking'
both_ways socat tcp 'socat over TCP'
both_ways socat unix 'socat over Unix'
both_ways client tcp 'our client over TCP'
both_ways client unix 'our client over Unix'

chapter 'Half-closed: the client ends first, the server still answers'
for transport in tcp unix; do
	same "socat over $transport" "$(cat data | hear_socat "$(address sum $transport)")" "$(cksum <data)"
done

chapter 'Half-closed: the server ends first, the client still sends'
for transport in tcp unix; do
	to=$(address greet $transport)
	same "our client over $transport hears to the end" "$(cat data | "$client" listen "$to" | cat)" \
		'welcome; I have said all I had to say'
	said "heard $to *"
	same 'and then the server hears' "${heard#"heard $to "}" "$(cksum <data)"
done

chapter 'Cut: a client is gone in the middle'
to=$(address echo tcp)
echo | "$client" cut "$to" | cat
said "lost $to *"
tell $? 'the server says so' "${heard#"lost $to "}"
same 'and serves on' "$(echo 'still there?' | hear_socat "$to")" 'still there?'

chapter 'Ending'
exec 6>&-
cat <&3 >>server.said
wait "$server_pid"
tell $? 'the server ends when told to' "$(tail -n 1 server.said)"
[ ! -e echo ] && [ ! -e sum ] && [ ! -e greet ]
tell $? 'and leaves no socket behind' ''
