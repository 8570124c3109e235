/* SPDX-License-Identifier: ISC */
/* bridge_errno - leat's errors for code that knows errno only */
#include <errno.h>

#include "flow/bridge_errno.h"

static const int number_of[LEAT_KINDS] = {
	[LEAT_CLOSED] = EPIPE,
	[LEAT_CANCELLED] = ECANCELED,
	[LEAT_TIMEOUT] = ETIMEDOUT,
	[LEAT_RESET] = ECONNRESET,
	[LEAT_REFUSED] = ECONNREFUSED,
	[LEAT_UNREACHABLE] = ENETUNREACH,
	[LEAT_NOMEM] = ENOMEM,
	[LEAT_LIMIT] = ENOBUFS,
	[LEAT_PROTOCOL] = EPROTO,
	[LEAT_TRUNCATED] = ECONNABORTED,
	[LEAT_BUSY] = EBUSY,
	[LEAT_DEADLOCK] = EDEADLK,
	[LEAT_INTERRUPTED] = EINTR,
	[LEAT_INVALID] = EINVAL,
	[LEAT_UNSUPPORTED] = EOPNOTSUPP,
	[LEAT_DENIED] = EACCES,
	[LEAT_IN_USE] = EADDRINUSE,
	[LEAT_NOT_FOUND] = ENOENT,
};

int lt_bridge_errno(leat_error error)
{
	int number;

	if (!leat_error_set(error))
		return 0;
	if (error.domain == &leat_errno_errors)
		return error.code;
	number = number_of[leat_error_kind(error)];
	return number ? number : EIO;
}
