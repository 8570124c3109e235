#!/bin/sh
# SPDX-License-Identifier: ISC
# install - a program finds the installed library by pkg-config alone: shared and
# static, in C and in C++, by every compiler that is here
set -u
: "${builddir:=.}" "${CC:=cc}" "${CXX:=no}" "${CFLAGS:=}" "${LDFLAGS:=}" "${MAKE:=make}" "${PKG_CONFIG:=pkg-config}"
work=$builddir/test/check/install.dir
broken=0
newline='
'

fail() { printf '%s\n' "$*"; broken=1; }

# A copy of the installation at $1 whose leat.pc says where it is, and those beside it.
relocate() {
	prefix=$(sed -n 's/^prefix=//p' "$builddir/leat.pc")
	pc=$(find "$1" -name leat.pc)
	sed -i "s|^\([a-z_]*\)=$prefix|\1=$1$prefix|" "${pc%/*}"/leat*.pc
	PKG_CONFIG_PATH=${pc%/*}${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
	export PKG_CONFIG_PATH
}

# try COMPILER LANGUAGE SUFFIX STATIC: builds and runs a user's program, with $library.
library=leat
try() {
	flags=$($PKG_CONFIG --cflags $library)
	# shellcheck disable=SC2086 # nothing, or --static
	libs=$($PKG_CONFIG $4 --libs $library)
	# shellcheck disable=SC2086 # flags
	$1 $CFLAGS -Wall -Wextra -Werror -o "$work/user" "$work/user.$3" $flags $LDFLAGS $libs || {
		fail "$1 $2 ${4:-shared}: does not build"
		return
	}
	LD_LIBRARY_PATH=$($PKG_CONFIG --variable=libdir leat) "$work/user" || {
		fail "$1 $2 ${4:-shared}: does not run"
		return
	}
	printf 'ok: %s, %s, %s, %s\n' "$library" "$1" "$2" "${4:-shared}"
}

# With a sanitizer in CFLAGS only the compiler that built the library can link it.
compilers() {
	printf '%s\n' "$1"
	case $CFLAGS in *-fsanitize*) return ;; esac
	for other in $2; do
		[ "$other" = "$1" ] || command -v "$other" || :
	done
}

# in_each "NAMES" LANGUAGE SUFFIX STATIC: by each compiler, one a line; a name may have words.
in_each() {
	rest=$1
	while [ -n "$rest" ]; do
		compiler=${rest%%"$newline"*}
		rest=${rest#"$compiler"}
		rest=${rest#"$newline"}
		try "$compiler" "$2" "$3" "$4"
	done
}

all_languages() {
	in_each "$(compilers "$CC" 'gcc clang')" C c "$1"
	[ "$CXX" != no ] || return 0
	case "$CC $CFLAGS" in clang*-fsanitize*) CXX=clang++ ;; esac
	in_each "$(compilers "$CXX" 'g++ clang++')" C++ cc "$1"
}

# A program for each library beside leat that is there: a header, what it has.
beside() {
	while read -r library header symbol; do
		"$PKG_CONFIG" --exists "$library" && [ -f "$1/leat/$header" ] || continue
		printf '#include <leat/leat.h>\n#include <leat/%s>\n\nint main(void)\n{\n\treturn %s;\n}\n' \
			"$header" "$symbol" >"$work/user.beside.c"
		try "$CC" C beside.c "$2"
	done <<-END
	leat-tls tls.h leat_tls_errors.size!=sizeof(leat_error_domain)
	leat-zip zlib.h leat_zlib_errors.size!=sizeof(leat_error_domain)
	leat-zip zstd.h leat_zstd_errors.size!=sizeof(leat_error_domain)
	END
	library=leat
}

rm -rf "$work" && mkdir -p "$work" || exit 1
unset MAKEFLAGS MFLAGS
$MAKE -C "$builddir" install DESTDIR="$work/shared" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
cp -R "$work/shared" "$work/static"
find "$work/static" -name 'libleat*.so*' -exec rm -f {} +
cat >"$work/user.c" <<END
#include <leat/leat.h>

int main(void)
{
	return leat_version() == LEAT_VERSION ? 0 : 1;
}
END
cp "$work/user.c" "$work/user.cc"

outer=${PKG_CONFIG_PATH:-}
if [ -n "$(find "$work/shared" -name 'libleat.so')" ]; then
	relocate "$work/shared"
	all_languages ''
	beside "$($PKG_CONFIG --variable=includedir leat)" ''
	case $($PKG_CONFIG --libs leat) in *-levent*) fail 'a shared link must not name libevent' ;; esac
	PKG_CONFIG_PATH=$outer
fi
if [ -n "$(find "$work/static" -name 'libleat.a')" ]; then
	relocate "$work/static"
	all_languages --static
	beside "$($PKG_CONFIG --variable=includedir leat)" --static
fi
[ $broken -eq 0 ] && rm -rf "$work"
exit $broken
