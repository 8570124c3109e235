# SPDX-License-Identifier: ISC
# shellcheck shell=sh
# program.sh - programs in the background: heard through a pipe each, ended by their pid

pids=

# background FD COMMAND...: its standard error is to be heard on descriptor FD
background() {
	fd=$1
	shift
	rm -f "$work/$fd.pipe"
	mkfifo "$work/$fd.pipe"
	: >"$work/$fd.said"
	"$@" 2>"$work/$fd.pipe" >"$work/$fd.out" &
	pid=$!
	pids="$pids $pid"
	eval "pid$fd=$pid"
	eval "exec $fd<'$work/$fd.pipe'"
}

# hear FD PATTERN: reads up to such a line, which is left in $heard
hear() {
	while IFS= read -r heard <&"$1"; do
		printf '%s\n' "$heard" >>"$work/$1.said"
		# shellcheck disable=SC2254 # a pattern
		case $heard in $2) return 0 ;; esac
	done
	return 1
}

# serve FD ARGUMENTS...: leat up to where it listens; that is left in $where
serve() {
	fd=$1
	shift
	command leat "$@"
	background "$fd" "$leat" "$@"
	hear "$fd" 'leat: listening on *' || { cat "$work/$fd.said"; echo 'it does not listen'; exit 1; }
	says "$heard"
	where=${heard#leat: listening on }
}

# over FD: waits until it has ended; gives its status
over() {
	cat <&"$1" >>"$work/$1.said"
	eval "wait \$pid$1"
}

# finish FD: told to end, it does; gives its status
finish() {
	eval "kill -TERM \$pid$1" 2>/dev/null
	over "$1"
}

# At the end, whatever happened.
end_all() {
	for pid in $pids; do
		kill -KILL "$pid" 2>/dev/null
	done
	:
}
