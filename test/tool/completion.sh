#!/bin/sh
# SPDX-License-Identifier: ISC
# completion - what bash offers for a command line that has been begun
set -u
. "${srcdir:-.}/test/support/tool.sh"
command -v bash >/dev/null || exit 77

mkdir "$work/here" && cd "$work/here" || exit 1
: >site.pem
: >site.key
mkdir run
case $srcdir in /*) ;; *) srcdir=$OLDPWD/$srcdir ;; esac

# offer LINE: what is offered for its end, one a line; bash breaks words at : and = too
cat >offer <<'END'
source "$1"
COMP_LINE=$2
COMP_POINT=${#2}
read -ra COMP_WORDS <<<"$2"
[[ $2 == *' ' ]] && COMP_WORDS+=('')
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_leat
printf '%s\n' "${COMPREPLY[@]}" | sort | tr '\n' ' '
END
offer() { bash offer "$srcdir/tool/bash/leat" "$1" | sed 's/ *$//'; }

same 'commands' "$(offer 'leat ')" '--help --version echo pipe relay'
same 'one of them' "$(offer 'leat r')" relay
same 'options' "$(offer 'leat relay --st')" --stats
same 'options that take something' "$(offer 'leat echo --con')" '--connect= --connections='
same 'where one can listen' "$(offer 'leat echo ')" 'fd: gzip gzip: tcp: tls tls: unix:'
same 'a target may be a program' "$(offer 'leat pipe e')" exec:
same 'also after where one listens' "$(offer 'leat relay tcp::0 ex')" exec:
same 'after a layer comes another address' "$(offer 'leat pipe tls:t')" 'tcp: tls tls:'
same 'options of a layer' "$(offer 'leat pipe tls,ver')" 'tls,verify='
same 'its own only' "$(offer 'leat pipe gzip,')" 'gzip,level= gzip,limit='
same 'what an option can be' "$(offer 'leat pipe tls,verify=')" 'no yes'
same 'nothing for what is free' "$(offer 'leat pipe tls,name=')" ''
same 'files of certificates' "$(offer 'leat echo tls,cert=site.p')" site.pem
same 'the second one, too' "$(offer 'leat echo tls,cert=site.pem,key=site.k')" site.key
same 'paths of sockets' "$(offer 'leat echo unix:r')" run
same 'also under a layer' "$(offer 'leat echo gzip:unix:r')" run
same 'an echo has no target' "$(offer 'leat echo -s -n 5 e')" ''
same 'nor has a relay before it listens' "$(offer 'leat relay -n 5 e')" ''
same 'but then' "$(offer 'leat relay -n 5 --stats tcp::0 e')" exec:
cd "$builddir" || exit 1
finish
