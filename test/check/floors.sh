#!/bin/sh
# SPDX-License-Identifier: ISC
# floors - each file includes its own floor and those below, and nothing else.
# The linker keeps the calls; this keeps the types.
set -u
: "${srcdir:=.}"

# The includes of the files in a folder: "FILE:LINE <name>" or "FILE:LINE "name"".
includes() {
	find "$srcdir/$1" -name '*.[ch]' -exec awk '
		match($0, /^[ \t]*#[ \t]*include[ \t]*[<"][^>"]*[>"]/) {
			what = substr($0, RSTART, RLENGTH)
			sub(/^[^<"]*/, "", what)
			print FILENAME ":" FNR, what
		}' {} +
}

# keep FOLDER PATTERN WHY: what does not match the pattern is a breach.
keep() {
	[ -d "$srcdir/$1" ] || return 0
	found=$(includes "$1")
	breaches=$(printf '%s\n' "$found" | grep . | grep -Ev " ($2)" | sed "s|^$srcdir/||")
	[ -z "$breaches" ] && return 0
	printf '%s: %s\n%s\n' "$1" "$3" "$breaches"
	broken=1
}

# C's own and the system's, but neither libevent nor OpenSSL.
system='<[a-z0-9_]+\.h>|<(sys|net|netinet|arpa|linux|sanitizer|valgrind)/[a-z0-9_]+\.h>'
broken=0

keep lib/base "$system|<leat/|\"base/" 'libc and base only'
keep lib/io "$system|<leat/|<event2/|\"(io|base)/" 'io and base, libevent'
keep lib/flow "$system|<leat/|<event2/|\"(flow|io|base)/" 'flow, io and base, libevent'
keep lib/net "$system|<leat/|<event2/|\"(net|flow|io|base)/" 'net, flow, io and base, libevent'
keep lib/sim "$system|<leat/|<event2/|\"(sim|flow|io|base)/" 'sim, flow, io and base, libevent'
keep lib/tls "$system|<leat/|<openssl/|\"tls/" 'public headers only, OpenSSL'
keep lib/zip "$system|<leat/|\"zip/" 'public headers, zlib and zstd'
keep lib/kit "$system|<leat/|<event2/|\"kit/" 'kit and public headers only'
keep include/leat '<[a-z0-9]+\.h>|<leat/' 'the standard library and <leat/...>'
keep doc/example "$system|<leat/|<event2/|<openssl/" 'public headers only'
keep tool/leat "$system|<leat/|\"[a-z]+\.h\"" 'public headers only'
keep test/bench "$system|<leat/|<event2/|<openssl/|<uv\.h>|\"bench/" 'public headers only'
exit $broken
