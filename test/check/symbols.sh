#!/bin/sh
# SPDX-License-Identifier: ISC
# symbols - what leaves the shared library is leat_, what the static archive
# shows is leat_ or lt_
set -u
: "${builddir:=.}" "${NM:=nm}"
shared=$builddir/.libs/libleat.so
static=$builddir/.libs/libleat.a
broken=0

# Sanitizers add names of their own to every object.
ours() { grep -Ev '^(__odr_asan|__asan|__ubsan|__lsan|___asan)'; }
exported() { $NM -D --defined-only -P "$shared" | awk '$2 != "A" { print $1 }' | sed 's/@.*//' | ours; }
archived() { $NM -g --defined-only -P "$static" | awk 'NF > 1 { print $1 }' | ours; }

# none WHAT LIST: the list must be empty.
none() {
	[ -z "$2" ] && return 0
	printf '%s:\n%s\n' "$1" "$2"
	broken=1
}

if [ -f "$shared" ]; then
	[ -n "$(exported)" ] || none 'the shared library exports' nothing
	none 'exported, but not leat_' "$(exported | grep -v '^leat_')"
fi
if [ -f "$static" ]; then
	[ -n "$(archived)" ] || none 'the archive shows' nothing
	none 'in the archive, but neither leat_ nor lt_' "$(archived | grep -Ev '^(leat|lt)_')"
fi
[ -f "$shared" ] || [ -f "$static" ] || none 'built' 'neither a shared library nor an archive'
exit $broken
