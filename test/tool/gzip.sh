#!/bin/sh
# SPDX-License-Identifier: ISC
# gzip - what gzip(1) writes is read, and what we write gzip(1) reads
set -u
. "${srcdir:-.}/test/support/tool.sh"
command -v gzip >/dev/null || exit 77
case $(leat pipe gzip:exec:true 2>&1) in *'built without'*) exit 77 ;; esac

# Half noise, half not: it can be compressed, but not into one packet.
much "$work/data"
dd if=/dev/zero bs=65536 count=64 2>/dev/null >>"$work/data"
data=$(cksum <"$work/data")

same 'there and back through gunzip and gzip' \
	"$(leat pipe 'gzip:exec:gzip -dc | gzip -c' <"$work/data" | cksum)" "$data"
same 'nothing is a stream, too' "$(leat pipe 'gzip:exec:gzip -dc | wc -c | gzip -c' </dev/null | tr -d ' ')" 0
leat pipe gzip,level=9:exec:"cat >'$work/nine'; gzip -c </dev/null" <"$work/data"
leat pipe gzip,level=1:exec:"cat >'$work/one'; gzip -c </dev/null" <"$work/data"
same 'the ninth level is what gzip reads' "$(gzip -dc <"$work/nine" | cksum)" "$data"
same 'and is no larger than the first' "$(($(wc -c <"$work/nine") <= $(wc -c <"$work/one")))" 1

# Over a socket, each side ending first.
start 3 relay gzip:tcp:127.0.0.1:0 exec:cksum
same 'the client ends first, and is answered' "$(leat pipe "gzip:tcp:${where##*tcp:}" <"$work/data")" "$data"
stop 3
start 3 relay "gzip:unix:$work/sock" "exec:echo I have said it; exec >&-; cksum >'$work/heard'"
same 'the server ends first' "$(leat pipe "$where" <"$work/data")" 'I have said it'
stop 3
same 'and hears the rest' "$(cat "$work/heard")" "$data"

# What is no gzip, or not all of it, or too much.
refused() {
	out=$(leat pipe "$2" </dev/null 2>"$work/err" | cksum)
	like "$1: $out" "$(cat "$work/err")" "$3"
}
refused 'not gzip' 'gzip:exec:echo hello' 'leat: *
  gzip:exec:echo hello
  ^~~~'
gzip -c <"$work/data" >"$work/data.gz"
refused 'half of it' "gzip:exec:head -c 100000 '$work/data.gz'" 'leat: *early
  gzip:exec:head*
  ^~~~'
refused 'more than is allowed' "gzip,limit=1000000:exec:cat '$work/data.gz'" 'leat: *limit*
  gzip,limit=1000000:exec:cat*
  ^~~~*'
same 'as much as is allowed' "$(leat pipe "gzip,limit=8388608:exec:cat '$work/data.gz'" </dev/null | cksum)" "$data"
finish
