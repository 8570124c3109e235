#!/bin/sh
# SPDX-License-Identifier: ISC
# symbols - what leaves a shared library is leat_, what a static archive shows is
# leat_ or lt_
set -u
: "${builddir:=.}" "${NM:=nm}"
libs=$builddir/.libs
broken=0

# Sanitizers add names of their own to every object.
ours() { grep -Ev '^(__odr_asan|__asan|__ubsan|__lsan|___asan)'; }
exported() { $NM -D --defined-only -P "$1" | awk '$2 != "A" { print $1 }' | sed 's/@.*//' | ours; }
archived() { $NM -g --defined-only -P "$1" | awk 'NF > 1 { print $1 }' | ours; }

# none WHAT LIST: the list must be empty.
none() {
	[ -z "$2" ] && return 0
	printf '%s:\n%s\n' "$1" "$2"
	broken=1
}

found=
for library in "$libs"/libleat*.so; do
	[ -f "$library" ] || continue
	found=1
	[ -n "$(exported "$library")" ] || none "${library##*/} exports" nothing
	none "${library##*/} exports, but not leat_" "$(exported "$library" | grep -v '^leat_')"
done
for library in "$libs"/libleat*.a; do
	[ -f "$library" ] || continue
	found=1
	[ -n "$(archived "$library")" ] || none "${library##*/} shows" nothing
	none "${library##*/} shows, but neither leat_ nor lt_" "$(archived "$library" | grep -Ev '^(leat|lt)_')"
done
[ -n "$found" ] || none 'built' 'neither a shared library nor an archive'
exit $broken
