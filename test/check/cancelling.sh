#!/bin/sh
# SPDX-License-Identifier: ISC
# cancelling - what a cancel does is proved and said, for each function that gives
# an io: it is in a row of a sweep, and its contract and its page say it
set -u
: "${srcdir:=.}"
broken=0

fail() { printf '%s\n' "$*"; broken=1; }

# What cannot be in a row, and why: "leat_x reason".
exempt() {
	cat <<-END
	leat_io_then_parts leat_io_then is nothing else
	END
}

# The functions that give an io, by the names they are called by.
givers() {
	sed -n 's/.*leat_io \*\(leat_[a-z0-9_]*\)(.*/\1/p' "$srcdir"/include/leat/*.h | sed 's/_at$//' | sort -u
}

# The names that rows of sweeps begin with, up to a colon.
rows() {
	find "$srcdir/test" -name '*.c' -exec \
		sed -n 's/.*{ \(\.name = \)\{0,1\}"\(leat_[a-z0-9_ ]*\)[":].*/\2/p' {} + | tr -s ' ' '\n' | sort -u
}

# Those of a header whose contract - the comment above them, or the one that begins
# their section - does not say "cancel".
untold() {
	awk '
		/^\/\*/ { comment = ""; inside = 1; begins = /^\/\* ----/ }
		inside { comment = comment tolower($0) }
		/\*\// { if (begins) section = comment; inside = begins = 0; next }
		!inside && match($0, /leat_io \*leat_[a-z0-9_]*\(/) {
			name = substr($0, RSTART + 9, RLENGTH - 10)
			sub(/_at$/, "", name)
			if (comment !~ /cancel|dropped/ && section !~ /cancel/)
				print name
		}' "$1"
}

# Those of a page for which it does not say "cancel": in the item of a list that names
# it; or beside the lists of a section that names it. One that is alone on its page, and those of a
# page with a section of that title, need not be named.
unwritten() {
	awk -v names="$2" '
		/^\.Ss Cancelling/ { all = 1 }
		/^\.S[sh] / { section++; part = 0 }
		/^\.It / { part = ++items }
		/^\.El/ { part = 0 }
		{ said[section, part] = said[section, part] " " tolower($0); whole[section] = whole[section] " " $0 " " }
		function tells(name,    s, i) {
			for (s = 0; s <= section; s++) {
				if ((count == 1 || whole[s] ~ (name "[^a-z_]")) && said[s, 0] ~ /cancel/)
					return 1
				for (i = 1; i <= items; i++)
					if ((said[s, i] " ") ~ (name "[^a-z_]") && said[s, i] ~ /cancel/)
						return 1
			}
			return 0
		}
		END {
			count = split(names, name, " ")
			for (i = 1; i <= count && !all; i++)
				if (!tells(name[i]))
					print name[i]
		}' "$1"
}

all=$(givers)
[ -n "$all" ] || fail 'no function gives an io: is this script right?'
rows=$(rows)
for name in $all; do
	printf '%s\n' "$rows" | grep -qx "$name" || exempt | grep -q "^$name " ||
		fail "$name is in no row of a sweep: see test/support/sweep.h"
done
for name in $rows $(exempt | sed 's/ .*//'); do
	grep -qw "$name\(_at\)\{0,1\}" "$srcdir"/include/leat/*.h || fail "a row or an exemption names $name, which is not there"
done
for header in "$srcdir"/include/leat/*.h; do
	for name in $(untold "$header"); do
		fail "${header##*/} does not say what a cancel does to $name"
	done
done
for page in "$srcdir"/doc/man/*.3; do
	mine=$(printf '%s\n' "$all" | while read -r name; do
		sed -n '/^\.Sh SYNOPSIS/,/^\.Sh DESCRIPTION/p' "$page" | grep -q "^\.F[no] \"\{0,1\}$name\b" && echo "$name"
	done | tr '\n' ' ')
	for name in $(unwritten "$page" "$mine"); do
		fail "${page##*/} does not say what a cancel does to $name"
	done
done
exit $broken
