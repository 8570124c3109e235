# SPDX-License-Identifier: ISC
# shellcheck shell=sh
# tool.sh - leat(1) as a script's test runs it: started, heard, ended by its pid
#
#	. "$srcdir/test/support/tool.sh"
#	start 3 relay tcp:127.0.0.1:0 exec:cat     hears it on descriptor 3, up to where it listens
#	same 'what comes back' "$(echo x | leat pipe "$where")" x
#	tell 3 TERM; ended 3 0                     wants that status
#	finish
#
# Nothing sleeps: a line that is waited for is read from a pipe, and the whole
# script has its time.
: "${srcdir:=.}" "${builddir:=.}"
program=$builddir/tool/leat/leat
broken=0

if [ -z "${TOOL_TIMED:-}" ]; then
	TOOL_TIMED=1
	export TOOL_TIMED
	exec timeout 300 "${SHELL:-/bin/sh}" "$0"
fi

# A short path: those of sockets may not be long.
work=$(mktemp -d "${TMPDIR:-/tmp}/leat-test.XXXXXX") || exit 1
trap 'kill_all; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

# LEAT_UNDER: what runs the program, as valgrind.
leat() {
	# shellcheck disable=SC2086 # words
	${LEAT_UNDER:-} "$program" "$@"
}

# The same as the process itself, for the background: leat_bg ARGUMENTS... <in >out &
# It keeps none of the pipes that the script holds to others, 6 to 9.
leat_bg() {
	exec 6>&- 7>&- 8>&- 9>&-
	# shellcheck disable=SC2086 # words
	exec ${LEAT_UNDER:-} "$program" "$@"
}

kill_all() {
	for file in "$work"/*.pid; do
		[ -f "$file" ] && kill -KILL "$(cat "$file")" 2>/dev/null
	done
	:
}

# same WHAT GOT WANTED
same() {
	if [ "$2" = "$3" ]; then
		printf 'ok: %s\n' "$1"
	else
		printf "WRONG: %s\n  got    '%s'\n  wanted '%s'\n" "$1" "$2" "$3"
		broken=1
	fi
}

# like WHAT GOT PATTERN: as case takes it
like() {
	# shellcheck disable=SC2254 # a pattern
	case $2 in
	$3) printf 'ok: %s\n' "$1" ;;
	*)
		printf "WRONG: %s\n  got    '%s'\n  wanted '%s'\n" "$1" "$2" "$3"
		broken=1
		;;
	esac
}

# hear FD PATTERN: reads what it says up to such a line, which is left in $heard.
hear() {
	while IFS= read -r heard <&"$1"; do
		printf '%s\n' "$heard" >>"$work/$1.said"
		# shellcheck disable=SC2254 # a pattern
		case $heard in $2) return ;; esac
	done
	printf "WRONG: never said '%s', but:\n" "$2"
	cat "$work/$1.said"
	broken=1
	exit 1
}

# run FD COMMAND...: in the background, its standard error to be heard on FD.
run() {
	fd=$1
	shift
	rm -f "$work/$fd.fifo"
	mkfifo "$work/$fd.fifo"
	: >"$work/$fd.said"
	"$@" 2>"$work/$fd.fifo" &
	echo $! >"$work/$fd.pid"
	eval "exec $fd<'$work/$fd.fifo'"
}

# start FD ARGUMENTS...: leat, up to where it listens; the address is left in $where.
start() {
	fd=$1
	shift
	# shellcheck disable=SC2086 # words
	run "$fd" ${LEAT_UNDER:-} "$program" "$@"
	hear "$fd" 'leat: listening on *'
	where=${heard#leat: listening on }
}

# tell FD SIGNAL
tell() { kill -s "$2" "$(cat "$work/$1.pid")"; }

# ended FD STATUS: it ends by itself, and gives that; what it said last is in FD.said.
ended() {
	cat <&"$1" >>"$work/$1.said"
	wait "$(cat "$work/$1.pid")"
	same "the status of '$1'" $? "$2"
	rm -f "$work/$1.pid"
	eval "exec $1<&-"
}

# stop FD: told to end, it does.
stop() {
	tell "$1" TERM
	ended "$1" 0
}

# much FILE: megabytes of noise
much() { dd if=/dev/urandom of="$1" bs=65536 count=64 2>/dev/null; }

finish() { exit $broken; }
