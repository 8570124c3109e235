#!/bin/sh
# SPDX-License-Identifier: ISC
# pipe - standard input and output, whatever they are, and descriptors
set -u
. "${srcdir:-.}/test/support/tool.sh"

much "$work/data"
data=$(cksum <"$work/data")

same 'pipes on both sides' "$(cat "$work/data" | leat pipe exec:cat | cksum)" "$data"
leat pipe exec:cat <"$work/data" >"$work/copy"
same 'files on both sides' "$? $(cksum <"$work/copy")" "0 $data"
same 'a file and a pipe' "$(leat pipe exec:cat <"$work/data" | cksum)" "$data"
cat "$work/data" | leat pipe exec:cat >"$work/copy"
same 'a pipe and a file' "$(cksum <"$work/copy")" "$data"
echo first >"$work/copy"
leat pipe 'exec:echo second' >>"$work/copy" </dev/null
same 'it is written where it stands' "$(cat "$work/copy")" "$(printf 'first\nsecond')"
{ read -r line; same 'it is read from where it stands' "$line $(leat pipe exec:cat)" 'one two'; } <<END
one
two
END
same 'nothing in' "$(leat pipe exec:cat </dev/null)" ''
leat pipe exec:cat <"$work/data" >/dev/null
same 'nothing out' $? 0
same 'the program ends first, and is heard to its end' \
	"$(leat pipe "exec:head -c 3; cat >/dev/null" <"$work/data" | cksum)" "$(head -c 3 "$work/data" | cksum)"
leat pipe exec:cat <"$work/data" >/dev/full 2>"$work/err"
like 'a full disk is an error' "$? $(cat "$work/err")" '1 leat: standard input or output: No space left on device'
leat pipe 'exec:echo little' </dev/null >/dev/full 2>"$work/err"
like 'also for the last bytes' "$? $(cat "$work/err")" '1 leat: standard input or output: No space left on device'
(ulimit -f 8; trap '' XFSZ; leat pipe "exec:head -c 60000 /dev/zero" </dev/null >"$work/copy" 2>"$work/err"; echo $? >"$work/status")
like 'and for a file that may not grow' "$(cat "$work/status" "$work/err")" '1
leat: standard input or output: File too large'
{ leat pipe exec:cat <"$work/data" 2>"$work/err"; echo $? >"$work/status"; } | head -c 1 >/dev/null
like 'nobody reads on' "$(cat "$work/status" "$work/err")" '1
leat: standard input or output: Broken pipe'

# Streams that are closed.
same 'a closed standard input is at its end' "$(leat pipe 'exec:wc -c' <&- | tr -d ' ')" 0
leat pipe 'exec:echo hello' </dev/null >&- 2>"$work/err"
same 'nothing is lost in a closed standard output' "$? $(cat "$work/err")" '2 leat: standard output cannot be written to'
leat pipe tcp:127.0.0.1:bad:port 2>&- </dev/null
same 'and so is a complaint' $? 2

# Descriptors of whoever started us.
same 'two descriptors' "$(leat pipe fd:3,4 </dev/null 3<"$work/data" 4>/dev/null | cksum)" "$data"
if command -v socat >/dev/null; then
	same 'a socket as standard input and output' \
		"$(socat -t 60 - "EXEC:$program pipe exec\:cat" <"$work/data" | cksum)" "$data"
	same 'a file in, a socket out' \
		"$(socat -t 60 - "SYSTEM:$program pipe exec\:cat <$work/data" </dev/null | cksum)" "$data"
	socat -t 60 - "SYSTEM:$program pipe exec\:cat >$work/copy" <"$work/data"
	same 'a socket in, a file out' "$(cksum <"$work/copy")" "$data"
fi

# One socket as both, as from inetd: the target says no more, and is heard of that; we go on.
if command -v perl >/dev/null; then
	perl -MSocket -e '
		socketpair(A, B, AF_UNIX, SOCK_STREAM, 0);
		if (!fork) {
			close(A);
			open(STDIN, "<&", \*B);
			open(STDOUT, ">&", \*B);
			close(B);
			exec @ARGV;
		}
		close(B);
		print while sysread(A, $_, 99);
		syswrite(A, "still here");
		shutdown(A, 1);
		wait;
		print "$?\n"' "$program" pipe "exec:echo over; exec >&-; cat >'$work/heard'" >"$work/out"
	same 'one socket as both has two halves' "$(cat "$work/out" "$work/heard")" 'over
0
still here'
fi
finish
