/* SPDX-License-Identifier: ISC */
/* error - a small value that says what went wrong, and where
 *
 * An open set, as write_error is an open row in Mirage_flow.S that always
 * contains `Closed: anybody may define a domain of codes.  Generic code asks
 * for the kind, of which there is a closed set.
 */
#ifndef LEAT_ERROR_H
#define LEAT_ERROR_H

#include <leat/api.h>

LEAT_BEGIN

typedef enum leat_kind {
	LEAT_NONE = 0,    /* no error */
	LEAT_OTHER,       /* what no other kind covers */
	LEAT_CLOSED,      /* the stream or the object has ended on our side, or the peer is known gone */
	LEAT_CANCELLED,   /* nobody wants it any more */
	LEAT_TIMEOUT,     /* time ran out */
	LEAT_RESET,       /* the peer cut the stream */
	LEAT_REFUSED,     /* nobody listens there */
	LEAT_UNREACHABLE, /* no way to the peer */
	LEAT_NOMEM,       /* no memory */
	LEAT_LIMIT,       /* a limit was reached: descriptors, sizes, counts */
	LEAT_PROTOCOL,    /* the peer does not speak as agreed */
	LEAT_TRUNCATED,   /* the stream ended before its own end mark */
	LEAT_BUSY,        /* one of these at a time */
	LEAT_NESTED,      /* waiting in place inside a callback */
	LEAT_DEADLOCK,    /* nothing is left that could settle it */
	LEAT_INTERRUPTED, /* the user broke the loop */
	LEAT_BROKEN,      /* the maker was dropped without an answer */
	LEAT_INVALID,     /* an argument or an address makes no sense */
	LEAT_UNSUPPORTED, /* this kind of object cannot do that */
	LEAT_DENIED,      /* not allowed */
	LEAT_IN_USE,      /* the address is taken */
	LEAT_NOT_FOUND,   /* no such name or path */
	LEAT_KINDS        /* how many */
} leat_kind;

/* A set of codes with one meaning each.  Static, compared by address. */
typedef struct leat_error_domain {
	size_t size;      /* sizeof(leat_error_domain) */
	const char *name; /* a short word: "errno" */
	/* the kind of a code; NULL: every code is LEAT_OTHER */
	leat_kind (*kind)(int code);
	/* writes the words for a code as snprintf would and gives its length;
	 * NULL: "NAME CODE" */
	int (*print)(int code, char *out, size_t room);
} leat_error_domain;

/* 24 bytes, frozen, passed by value.  `domain` is NULL where there is no
 * error.  `where` is the place where it arose ("file.c:12"), never NULL in an
 * error that this library made. */
typedef struct leat_error {
	const leat_error_domain *domain;
	const char *where;
	int code;
	int reserved;
} leat_error;

/* The domain of the library itself: its codes are the kinds. */
LEAT_API extern const leat_error_domain leat_core_errors;
/* The domain of errno values. */
LEAT_API extern const leat_error_domain leat_errno_errors;

/* An error of `domain` with `code`, made here. */
#define leat_error_make(...) leat_error_make_at(__VA_ARGS__, LEAT_HERE)
LEAT_API leat_error leat_error_make_at(const leat_error_domain *domain, int code, const char *where);
/* An error of the library's own domain. */
#define leat_error_core(kind) leat_error_make_at(&leat_core_errors, (int)(kind), LEAT_HERE)
/* An error of the errno domain. */
#define leat_error_errno(number) leat_error_make_at(&leat_errno_errors, (number), LEAT_HERE)

/* The kind; LEAT_NONE where there is no error. */
LEAT_API leat_kind leat_error_kind(leat_error error);
/* Whether it is of that kind. */
LEAT_API bool leat_error_is(leat_error error, leat_kind kind);
/* Whether it is one. */
LEAT_API bool leat_error_set(leat_error error);
/* The kind's word, as "closed". */
LEAT_API const char *leat_kind_name(leat_kind kind);
/* Mirage_flow's pp_error and pp_write_error: writes the words as snprintf
 * would - always terminated when room > 0 - and gives the length needed.
 * "no error" where there is none.  The place is not among the words: print
 * error.where beside them where it helps. */
LEAT_API int leat_error_print(leat_error error, char *out, size_t room);

LEAT_END
#endif
