#!/bin/sh
# SPDX-License-Identifier: ISC
# words - what leat(1) says of itself, and of a command line that makes no sense
set -u
. "${srcdir:-.}/test/support/tool.sh"

version=$(sed -n 's/^AC_INIT(\[leat\],\[\(.*\)\])$/\1/p' "$srcdir/configure.ac")
same '--version' "$(leat --version)" "leat $version"
same '-V' "$(leat -V)" "leat $version"
same '--version of a command' "$(leat relay --version)" "leat $version"
same '--help says the same of each command' "$(leat pipe --help | cksum)" "$(leat --help | cksum)"
like '--help' "$(leat --help)" 'usage: leat relay*relay *pipe *echo *tcp:HOST:PORT*--grace=TIME*Examples:*'
same 'no line of --help is too wide' "$(leat --help | awk 'length > 90')" ''

# Each option of the page is in --help, in the completion, and the other way round.
page=$(sed -n 's/^\.It Fl . , Fl -\([a-z-]*\).*/\1/p' "$srcdir/doc/man/leat.1" | sort)
same 'the options of the page are those of --help' \
	"$(leat --help | sed -n 's/^  -., --\([a-z-]*\).*/\1/p' | sort)" "$page"
same 'and those of the completion' \
	"$(sed -n "s/.*'\(--connect= .*\)' .*/\1/p" "$srcdir/tool/bash/leat" | tr ' ' '\n' | sed 's/^--//; s/=$//' | sort)" "$page"

# refused STATUS WORDS ARGUMENTS...: that status, these words first, nothing on standard output
refused() {
	status=$1
	words=$2
	shift 2
	out=$(leat "$@" 2>"$work/err" </dev/null)
	same "the status of: leat $*" "$? $out" "$status "
	like "what is said of: leat $*" "$(cat "$work/err")" "$words"
}

usage='usage: leat relay*leat --help says more.'
refused 2 "$usage"
refused 2 "leat: no such command: reley
$usage" reley
refused 2 "*invalid*
$usage" -x
refused 2 "leat: -s: a command comes first, then its options
$usage" -s pipe tcp:a:1
leat --help >/dev/full 2>"$work/err"
same 'help that cannot be written' "$? $(cat "$work/err")" '1 leat: standard output: No space left on device'
refused 2 "*--fast*
$usage" relay --fast tcp::0 tcp:a:1
refused 2 "leat: an address is missing
$usage" relay tcp::0
refused 2 "leat: an address is missing
$usage" echo
refused 2 "leat: that is an address too many
$usage" pipe tcp:a:1 tcp:b:1
refused 2 "leat: --idle=soon: a time is 10, 10s, 500ms, 5m, 2h or never, and not 0
$usage" relay --idle=soon tcp::0 tcp:a:1
refused 2 "leat: --idle=0: a time is *" relay -i 0 tcp::0 tcp:a:1
refused 2 "leat: --connect=10d: a time is *" relay -c 10d tcp::0 tcp:a:1
refused 2 "leat: --grace=99999999999: a time is 0, 10, *" relay -g 99999999999 tcp::0 tcp:a:1
refused 2 "leat: --connections=0: a number from 1 to *" relay -n 0 tcp::0 tcp:a:1
refused 2 "leat: --connections=5x: a number from 1 to *" relay -n 5x tcp::0 tcp:a:1
refused 2 "leat: --connections=99999999999: a number from 1 to 2147483647*" relay -n 99999999999 tcp::0 tcp:a:1

# What is wrong with an address; test/tool/address.c has the rest.
refused 2 "leat: no such kind of address: 'tpc'; there are tcp, unix, fd, exec, tls, gzip
  tpc:a:1
  ^~~" relay tcp::0 tpc:a:1
refused 2 "leat: exec is a target; one cannot listen there
  exec:cat
  ^~~~" echo exec:cat

# What only the machine knows.
refused 2 "leat: descriptor 57 is not open
  fd:57
     ^~" pipe fd:57
refused 2 "leat: descriptor 1 is open for writing only
  fd:1,0
     ^" pipe fd:1,0
refused 2 "leat: descriptor 0 is in use already, as the other side
  fd:0,1
     ^~~" pipe fd:0,1
refused 2 "leat: descriptor 0 is in use already, as the other side
  fd:0,2
     ^~~" relay fd:0 fd:0,2
refused 1 "leat: cannot listen there: that is no stream socket that listens
  fd:0
  ^~~~" echo fd:0
refused 1 "leat: there is no service of that name
  tcp:127.0.0.1:no-such-service
                ^~*" pipe tcp:127.0.0.1:no-such-service
refused 1 "leat: cannot listen there: there is no service of that name
  tcp::no-such-service
       ^~*" echo tcp::no-such-service
refused 1 "leat: cannot listen there: No such file or directory
  unix:$work/none/x
  ^~*" echo "unix:$work/none/x"
refused 1 "leat: No such file or directory
  unix:$work/none
  ^~*" pipe "unix:$work/none"
refused 1 "leat: the program ended with status 3
  exec:exit 3
  ^~~~~~~~~~~" pipe 'exec:exit 3'
refused 1 "leat: the program was ended by signal 9 (Killed)
  *" pipe 'exec:kill -9 $$'
refused 1 "leat: *
  tcp:nobody.invalid:80
      ^~~~~~~~~~~~~~" pipe -c 20 tcp:nobody.invalid:80

start 3 echo tcp:127.0.0.1:0
refused 1 "leat: cannot listen there: Address already in use
  $where
  ^~*" echo "$where"
stop 3
refused 1 "leat: Connection refused
  $where
  ^~*" pipe "$where"
finish
