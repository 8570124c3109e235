dnl SPDX-License-Identifier: ISC
dnl leat.m4 - what the compiler and the linker take

dnl LEAT_TRY_CFLAG(VARIABLE, FLAG): append FLAG where the compiler takes it.
dnl -Werror, since clang only warns about flags it does not know.
AC_DEFUN([LEAT_TRY_CFLAG],[LEAT_TRY_CFLAGS([$1],[$2])])
AC_DEFUN([LEAT_TRY_CFLAGS],[
for leat_flag in $2; do
	AC_MSG_CHECKING([whether $CC takes $leat_flag])
	leat_saved=$CFLAGS
	CFLAGS="$CFLAGS -Werror $leat_flag"
	AC_COMPILE_IFELSE([AC_LANG_SOURCE([[int leat_dummy;]])],
		[AC_MSG_RESULT([yes]); $1="$$1 $leat_flag"],
		[AC_MSG_RESULT([no])])
	CFLAGS=$leat_saved
done])

dnl LEAT_VERSION_SCRIPT: does the linker know version scripts?
AC_DEFUN([LEAT_VERSION_SCRIPT],[
AC_MSG_CHECKING([whether the linker takes a version script])
leat_saved=$LDFLAGS
LDFLAGS="$LDFLAGS -Wl,--version-script=$srcdir/lib/leat.map"
AC_LINK_IFELSE([AC_LANG_PROGRAM([],[])],[leat_map=yes],[leat_map=no])
LDFLAGS=$leat_saved
AC_MSG_RESULT([$leat_map])
AM_CONDITIONAL([HAVE_VERSION_SCRIPT],[test $leat_map = yes])])

dnl LEAT_NO_SHADOW_STACK(VARIABLE): our objects must not say that they can stand a
dnl shadow stack, since fibers cannot; compilers that say so by default are told.
AC_DEFUN([LEAT_NO_SHADOW_STACK],[
AC_MSG_CHECKING([whether $CC says that objects can stand a shadow stack])
AC_COMPILE_IFELSE([AC_LANG_SOURCE([[
#if !defined __CET__ || !(__CET__ & 2)
#error it does not
#endif
int leat_dummy;]])],
	[AC_MSG_RESULT([yes]); $1="$$1 -fcf-protection=branch"],
	[AC_MSG_RESULT([no])])])

dnl LEAT_OPTIONAL(NAME, MODULE): what is used where it is there, unless --without-NAME.
dnl Sets have_NAME, the conditional HAVE_NAME, NAME_CFLAGS and NAME_LIBS, in capitals.
AC_DEFUN([LEAT_OPTIONAL],[
	AC_ARG_WITH([$1],[AS_HELP_STRING([--without-$1],[do not use $2])],,[with_$1=auto])
	AS_VAR_IF([with_$1],[no],[have_$1=no],
		[PKG_CHECK_MODULES(m4_toupper([$1]),[$2],[have_$1=yes],[have_$1=no])])
	AS_IF([test "$with_$1$have_$1" = yesno],[AC_MSG_ERROR([--with-$1 needs $2])])
	AM_CONDITIONAL([HAVE_]m4_toupper([$1]),[test $have_$1 = yes])
])
