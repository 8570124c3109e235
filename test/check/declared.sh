#!/bin/sh
# SPDX-License-Identifier: ISC
# declared - what a public header declares is in the library
set -u
: "${srcdir:=.}" "${builddir:=.}" "${NM:=nm}"
shared=$builddir/.libs/libleat.so
static=$builddir/.libs/libleat.a
broken=0

# The functions and objects after LEAT_API, one name a line; comments are cut
# out first, since a contract may speak of a declaration.
declared() {
	cat "$srcdir"/include/leat/*.h | awk '
		!/^#/ { text = text " " $0 }
		END {
			while ((start = index(text, "/*")) > 0) {
				rest = substr(text, start)
				text = substr(text, 1, start - 1) substr(rest, index(rest, "*/") + 2)
			}
			count = split(text, parts, /LEAT_API/)
			for (i = 2; i <= count; i++)
				if (match(parts[i], /leat_[a-z0-9_]*[ ]*[(;]/))
					print substr(parts[i], RSTART, RLENGTH - 1)
		}' | tr -d ' ' | sort -u
}

there() {
	if [ -f "$shared" ]; then
		$NM -D --defined-only -P "$shared" | sed 's/[@ ].*//'
	else
		$NM -g --defined-only -P "$static" | sed 's/ .*//'
	fi
}

names=$(there)
[ -n "$(declared)" ] || { echo 'no declarations found: is this script right?'; exit 1; }
for name in $(declared); do
	printf '%s\n' "$names" | grep -qx "$name" || {
		printf 'declared, but not in the library: %s\n' "$name"
		broken=1
	}
done
exit $broken
