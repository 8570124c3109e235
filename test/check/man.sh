#!/bin/sh
# SPDX-License-Identifier: ISC
# man - the pages are well-formed, installed, and name every exported symbol
set -u
: "${srcdir:=.}" "${builddir:=.}" "${NM:=nm}" "${MANDOC:=mandoc}"
libs=$builddir/.libs
broken=0

fail() { printf '%s\n' "$*"; broken=1; }
pages() { ls "$srcdir"/doc/man/*.[1-9] 2>/dev/null; }

# The names that the pages document.
documented() {
	# shellcheck disable=SC2046 # our own file names have no blanks
	sed -n -E 's/^\.(Nm|Fn|Fo|Vt "extern [^"]*|Va) +"?(leat_[a-z0-9_]+).*/\2/p' $(pages) | sort -u
}

exported() {
	if [ -f "$libs/libleat.so" ]; then
		$NM -D --defined-only -P "$libs"/libleat*.so | awk '$2 != "A" { print $1 }' | sed 's/@.*//'
	else
		$NM -g --defined-only -P "$libs"/libleat*.a | awk 'NF > 1 { print $1 }'
	fi | grep '^leat_'
}

command -v "$MANDOC" >/dev/null || { echo 'no mandoc'; exit 77; }
[ -n "$(pages)" ] || { fail 'there are no pages'; exit 1; }
names=$(documented)

for page in $(pages); do
	file=${page##*/}
	# A page of ours that another refers to may not be installed yet.
	complaints=$($MANDOC -T lint "$page" 2>&1 | grep -v 'referenced manual not found: Xr leat')
	[ -z "$complaints" ] || fail "$complaints"
	grep -qE "^	doc/man/$file( \\\\)?$" "$srcdir/doc/man/Makefile.inc" ||
		fail "$file is not in doc/man/Makefile.inc: nobody would install it"
	for other in $(sed -n 's/^\.Xr \(leat[a-z0-9_]*\) .*/\1/p' "$page" | sort -u); do
		[ -n "$(find "$srcdir/doc/man" -name "$other.[1-9]")" ] ||
			printf '%s\n' "$names" | grep -qx "$other" ||
			fail "$file refers to $other, which has no page"
	done
done

# leat_x_at is what the macro leat_x calls with the place of the call.
for name in $(exported); do
	printf '%s\n' "$names" | grep -qxE "$name|${name%_at}" || fail "exported, but in no page: $name"
done
for name in $names; do
	grep -qw "$name" "$srcdir"/include/leat/*.h || fail "in a page, but in no header: $name"
done
exit $broken
