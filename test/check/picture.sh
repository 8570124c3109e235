#!/bin/sh
# SPDX-License-Identifier: ISC
# picture - the dump that the tour draws is the one that its program prints
set -u
: "${srcdir:=.}" "${builddir:=.}"
work=$builddir/test/check/picture.dir

rm -rf "$work" && mkdir -p "$work" || exit 1
# Places without folders, and ages of a machine that is not busy.
"$builddir/doc/example/12-stuck" 2>/dev/null |
	sed -e 's,[^ ]*/12-stuck,12-stuck,g' -e 's/, [0-9]* ms old/, 0 ms old/' -e 's/  *\(held\|of\|settled\|1 turns\)/  \1/' |
	sed '/^!/,$d' >"$work/printed"
sed -n '/^    leat: .* ios/,/^$/s/^    //p' "$srcdir/doc/tour.md" | sed 's/  *\(held\|of\|settled\|1 turns\)/  \1/' >"$work/drawn"
[ -s "$work/drawn" ] || { echo 'the tour has no picture'; exit 1; }
diff "$work/drawn" "$work/printed" || { echo 'doc/tour.md draws another dump than doc/example/12-stuck prints'; exit 1; }
rm -rf "$work"
