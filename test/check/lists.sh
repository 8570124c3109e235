#!/bin/sh
# SPDX-License-Identifier: ISC
# lists - every file is in the list of its folder, once:
# a test that no list names would never run, and nobody would miss it
set -u
: "${srcdir:=.}"
broken=0

fail() { printf '%s\n' "$*"; broken=1; }

# The names in a folder's Makefile.inc but for what is built there, and those that stand
# on a line alone.
named() { grep -v '^#' "$srcdir/$1/Makefile.inc" | tr -s ' \t\\' '\n' | grep "^$1/" | grep -v '\.la$'; }
lines() { sed -n 's/^	\([a-z][A-Za-z0-9_./-]*\)\( \\\)\{0,1\}$/\1/p' "$srcdir/$1/Makefile.inc"; }

for list in "$srcdir"/*/*/Makefile.inc; do
	folder=${list#"$srcdir/"}
	folder=${folder%/Makefile.inc}
	for file in "$srcdir/$folder"/*.[ch] "$srcdir/$folder"/*.sh "$srcdir/$folder"/*.[1-9]; do
		[ -f "$file" ] || continue
		name=$folder/${file##*/}
		named "$folder" | grep -qxE "$name|${name%.c}" || fail "$name is not in $folder/Makefile.inc"
	done
	twice=$(lines "$folder" | sort | uniq -d)
	[ -z "$twice" ] || fail "twice in $folder/Makefile.inc: $twice"
	for name in $(named "$folder"); do
		[ -e "$srcdir/$name" ] || [ -f "$srcdir/$name.c" ] || fail "$folder/Makefile.inc lists $name, which is not there"
	done
done
exit $broken
