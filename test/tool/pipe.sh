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
{ leat pipe exec:cat <"$work/data" 2>"$work/err"; echo $? >"$work/status"; } | head -c 1 >/dev/null
like 'nobody reads on' "$(cat "$work/status" "$work/err")" '1
leat: standard input or output: Broken pipe'

# Streams that are closed.
same 'a closed standard input is at its end' "$(leat pipe 'exec:wc -c' <&- | tr -d ' ')" 0
leat pipe 'exec:echo hello' </dev/null >&-
same 'what goes to a closed standard output is gone' $? 0
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
finish
