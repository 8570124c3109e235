#!/bin/sh
# SPDX-License-Identifier: ISC
# declared - what a public header declares is in the library, or in one beside it
set -u
: "${srcdir:=.}" "${builddir:=.}" "${NM:=nm}"
libs=$builddir/.libs
broken=0

# What is there only where configure found what it needs: "HEADER CONDITIONAL".
optional() {
	cat <<-END
	tls.h HAVE_TLS
	zlib.h HAVE_ZLIB
	zstd.h HAVE_ZSTD
	END
}
met() { grep -qF "S[\"$1_TRUE\"]=\"\"" "$builddir/config.status"; }

# The headers of what was built.
headers() {
	for header in "$srcdir"/include/leat/*.h; do
		condition=$(optional | sed -n "s/^${header##*/} //p")
		[ -z "$condition" ] || met "$condition" || continue
		printf '%s\n' "$header"
	done
}

# The functions and objects after LEAT_API, one name a line; comments are cut
# out first, since a contract may speak of a declaration.
declared() {
	# shellcheck disable=SC2046 # our own file names have no blanks
	cat $(headers) | awk '
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
	if [ -f "$libs/libleat.so" ]; then
		$NM -D --defined-only -P "$libs"/libleat*.so | sed 's/[@ ].*//'
	else
		$NM -g --defined-only -P "$libs"/libleat*.a | sed 's/ .*//'
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
