#!/bin/sh
# SPDX-License-Identifier: ISC
# headers - each public header compiles alone, as C11 and as C++11
set -u
: "${srcdir:=.}" "${CC:=cc}" "${CXX:=no}"
strict='-Wall -Wextra -Wshadow -pedantic -Werror -fsyntax-only'
broken=0

# alone "COMPILER FLAGS" LANGUAGE HEADER
alone() {
	# shellcheck disable=SC2086 # a compiler with its flags
	printf '#include <leat/%s>\n' "$3" | $1 $strict -I"$srcdir/include" -x "$2" - || {
		printf '%s does not compile alone: %s\n' "$3" "$1"
		broken=1
	}
}

for header in "$srcdir"/include/leat/*.h; do
	header=${header##*/}
	alone "$CC -std=c11" c "$header"
	[ "$CXX" = no ] || alone "$CXX -std=c++11 -Wold-style-cast" c++ "$header"
	grep -qx "	include/leat/$header\( \\\\\)\?" "$srcdir/include/leat/Makefile.inc" || {
		printf '%s is not in include/leat/Makefile.inc: nobody would install it\n' "$header"
		broken=1
	}
done
exit $broken
