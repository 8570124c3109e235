/* SPDX-License-Identifier: ISC */
/* error - domains, kinds, and the words for them */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <leat/error.h>
#include <leat/options.h>

/* What a user's domain may be too short to have. */
#define HAS(domain, member) \
	((domain)->size >= offsetof(leat_error_domain, member) + sizeof((domain)->member) && (domain)->member)

static const struct {
	const char *name;
	const char *words;
} kinds[LEAT_KINDS] = {
	[LEAT_NONE] = { "none", "no error" },
	[LEAT_OTHER] = { "other", "something went wrong" },
	[LEAT_CLOSED] = { "closed", "the stream is closed" },
	[LEAT_CANCELLED] = { "cancelled", "cancelled" },
	[LEAT_TIMEOUT] = { "timeout", "time ran out" },
	[LEAT_RESET] = { "reset", "the peer cut the stream" },
	[LEAT_REFUSED] = { "refused", "nobody listens there" },
	[LEAT_UNREACHABLE] = { "unreachable", "no way to the peer" },
	[LEAT_NOMEM] = { "no memory", "no memory" },
	[LEAT_LIMIT] = { "limit", "a limit was reached" },
	[LEAT_PROTOCOL] = { "protocol", "the peer does not speak as agreed" },
	[LEAT_TRUNCATED] = { "truncated", "the stream ended too early" },
	[LEAT_BUSY] = { "busy", "one of these is under way already" },
	[LEAT_NESTED] = { "nested", "waiting in place inside a callback" },
	[LEAT_DEADLOCK] = { "deadlock", "nothing is left to wait for" },
	[LEAT_INTERRUPTED] = { "interrupted", "the loop was broken" },
	[LEAT_BROKEN] = { "broken", "the promise was dropped without an answer" },
	[LEAT_INVALID] = { "invalid", "an argument makes no sense" },
	[LEAT_UNSUPPORTED] = { "unsupported", "not supported" },
	[LEAT_DENIED] = { "denied", "not allowed" },
	[LEAT_IN_USE] = { "in use", "the address is in use" },
	[LEAT_NOT_FOUND] = { "not found", "not found" },
};

/* ---- the library's own domain: a code is a kind ---- */

static bool kind_known(int code)
{
	return code > LEAT_NONE && code < LEAT_KINDS;
}

static leat_kind core_kind(int code)
{
	return kind_known(code) ? (leat_kind)code : LEAT_OTHER;
}

static int core_print(int code, char *out, size_t room)
{
	return snprintf(out, room, "%s", kinds[core_kind(code)].words);
}

const leat_error_domain leat_core_errors = {
	.size = sizeof(leat_error_domain),
	.name = "leat",
	.kind = core_kind,
	.print = core_print,
};

/* ---- errno ---- */

/* Left out, and so LEAT_OTHER: what no stream should meet (EDOM, ECHILD), and
 * what is handled where it arises (EAGAIN, EINTR). */
static leat_kind errno_kind(int code)
{
	switch (code) {
	case EPIPE:
	case ESHUTDOWN:
	case ENOTCONN:
		return LEAT_CLOSED;
	case ECANCELED:
		return LEAT_CANCELLED;
	case ETIMEDOUT:
	case ETIME:
		return LEAT_TIMEOUT;
	case ECONNRESET:
	case ECONNABORTED:
	case ENETRESET:
		return LEAT_RESET;
	case ECONNREFUSED:
		return LEAT_REFUSED;
	case EHOSTUNREACH:
	case ENETUNREACH:
	case ENETDOWN:
#ifdef EHOSTDOWN
	case EHOSTDOWN:
#endif
#ifdef ENONET
	case ENONET:
#endif
		return LEAT_UNREACHABLE;
	case ENOMEM:
	case ENOBUFS:
		return LEAT_NOMEM;
	case EMFILE:
	case ENFILE:
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
	case EMSGSIZE:
	case EMLINK:
	case E2BIG:
	case EOVERFLOW:
#ifdef EUSERS
	case EUSERS:
#endif
		return LEAT_LIMIT;
	case EPROTO:
	case EBADMSG:
	case EILSEQ:
		return LEAT_PROTOCOL;
	case EBUSY:
	case EALREADY:
	case EINPROGRESS:
		return LEAT_BUSY;
	case EDEADLK:
		return LEAT_DEADLOCK;
	case EINVAL:
	case EBADF:
	case EFAULT:
	case ENOTSOCK:
	case EISCONN:
	case EDESTADDRREQ:
	case EADDRNOTAVAIL:
	case ENAMETOOLONG:
	case ENOTDIR:
	case EISDIR:
	case ELOOP:
		return LEAT_INVALID;
	case ENOSYS:
	case EOPNOTSUPP:
#if ENOTSUP != EOPNOTSUPP
	case ENOTSUP:
#endif
	case ENOTTY:
	case ESPIPE:
	case EAFNOSUPPORT:
	case EPROTONOSUPPORT:
	case EPROTOTYPE:
	case ENOPROTOOPT:
#ifdef ESOCKTNOSUPPORT
	case ESOCKTNOSUPPORT:
#endif
#ifdef EPFNOSUPPORT
	case EPFNOSUPPORT:
#endif
		return LEAT_UNSUPPORTED;
	case EACCES:
	case EPERM:
	case EROFS:
		return LEAT_DENIED;
	case EADDRINUSE:
	case EEXIST:
		return LEAT_IN_USE;
	case ENOENT:
	case ENODEV:
	case ENXIO:
	case ESRCH:
		return LEAT_NOT_FOUND;
	default:
		return LEAT_OTHER;
	}
}

/* The system's words, or NULL; never from a static buffer, as strerror's are. */
static const char *errno_words(int code, char *space, size_t room)
{
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 32)
	(void)space;
	(void)room;
	return strerrordesc_np(code);
#elif defined(__GLIBC__)
	return strerror_r(code, space, room); /* the GNU one: _GNU_SOURCE is set */
#else
	return strerror_r(code, space, room) == 0 ? space : NULL;
#endif
}

static int errno_print(int code, char *out, size_t room)
{
	char space[128];
	const char *words = errno_words(code, space, sizeof(space));

	return words ? snprintf(out, room, "%s", words) : snprintf(out, room, "errno %d", code);
}

const leat_error_domain leat_errno_errors = {
	.size = sizeof(leat_error_domain),
	.name = "errno",
	.kind = errno_kind,
	.print = errno_print,
};

/* ---- errors ---- */

leat_error leat_error_make_at(const leat_error_domain *domain, int code, const char *where)
{
	leat_options_check_at(domain, "leat_error_domain", where);
	return (leat_error){ .domain = domain, .code = code, .where = where ? where : "nowhere" };
}

bool leat_error_set(leat_error error)
{
	return error.domain != NULL;
}

/* An error stays one, whatever its domain thinks of the code. */
leat_kind leat_error_kind(leat_error error)
{
	leat_kind kind;

	if (!error.domain)
		return LEAT_NONE;
	kind = HAS(error.domain, kind) ? error.domain->kind(error.code) : LEAT_OTHER;
	return kind_known((int)kind) ? kind : LEAT_OTHER;
}

bool leat_error_is(leat_error error, leat_kind kind)
{
	return leat_error_kind(error) == kind;
}

const char *leat_kind_name(leat_kind kind)
{
	return kinds[(unsigned)kind < LEAT_KINDS ? kind : LEAT_OTHER].name;
}

int leat_error_print(leat_error error, char *out, size_t room)
{
	if (!error.domain)
		return snprintf(out, room, "no error");
	if (HAS(error.domain, print))
		return error.domain->print(error.code, out, room);
	return snprintf(out, room, "%s %d", error.domain->name, error.code);
}
