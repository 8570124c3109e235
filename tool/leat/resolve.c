/* SPDX-License-Identifier: ISC */
/* resolve - the addresses behind a name */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "resolve.h"

static leat_kind kind_of(int code)
{
	switch (code) {
	case EAI_MEMORY:
		return LEAT_NOMEM;
	case EAI_AGAIN:
		return LEAT_UNREACHABLE;
	case EAI_NONAME:
	case EAI_SERVICE:
#ifdef EAI_NODATA
	case EAI_NODATA:
#endif
		return LEAT_NOT_FOUND;
	default:
		return LEAT_OTHER;
	}
}

static int print(int code, char *out, size_t room)
{
	return snprintf(out, room, "%s", code == EAI_SERVICE ? "there is no service of that name" : gai_strerror(code));
}

const leat_error_domain resolve_errors = {
	.size = sizeof(leat_error_domain),
	.name = "getaddrinfo",
	.kind = kind_of,
	.print = print,
};

bool resolve_blames_port(leat_error error)
{
	return error.domain == &resolve_errors && error.code == EAI_SERVICE;
}

const leat_type places_type = { .size = sizeof(leat_type), .name = "places", .destroy = free };

/* NULL without memory. */
static struct places *copy(const struct addrinfo *list)
{
	struct places *places;
	size_t count = 0;

	for (const struct addrinfo *i = list; i; i = i->ai_next)
		count++;
	places = malloc(sizeof *places + count * sizeof *places->at);
	if (!places)
		return NULL;
	places->count = 0;
	for (const struct addrinfo *i = list; i; i = i->ai_next)
		places->at[places->count++] = leat_addr_from(i->ai_addr, i->ai_addrlen);
	return places;
}

/* On any thread. */
static leat_error look_up(const char *host, const char *port, int flags, struct places **places)
{
	struct addrinfo wanted = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags };
	struct addrinfo *list = NULL;
	int code = getaddrinfo(host, port, &wanted, &list);

	*places = NULL;
	if (code == EAI_SYSTEM)
		return leat_error_errno(errno);
	if (code != 0)
		return leat_error_make(&resolve_errors, code);
	*places = copy(list);
	freeaddrinfo(list);
	if (!*places)
		return leat_error_core(LEAT_NOMEM);
	return (leat_error){ .domain = NULL };
}

bool resolve_number(const char *host, const char *port, struct places **places)
{
	return !leat_error_set(look_up(host, port, AI_NUMERICHOST, places));
}

leat_error resolve_now(const char *host, const char *port, struct places **places)
{
	leat_error error;

	if (*host)
		return look_up(host, port, AI_PASSIVE, places);
	error = look_up("::", port, AI_PASSIVE, places); /* takes IPv4 as well, where there is IPv6 */
	return leat_error_set(error) ? look_up("0.0.0.0", port, AI_PASSIVE, places) : error;
}

/* ---- on a thread ---- */

struct question {
	char *host, *port;
};

static unsigned asked; /* and not answered, or given up by the thread that had it */

static void free_question(void *ctx)
{
	asked--;
	free(ctx);
}

/* Both strings behind the struct. */
static struct question *ask(const char *host, const char *port)
{
	size_t bytes = strlen(host) + 1;
	struct question *q = malloc(sizeof *q + bytes + strlen(port) + 1);

	if (!q)
		return NULL;
	asked++;
	q->host = strcpy((char *)(q + 1), host);
	q->port = strcpy(q->host + bytes, port);
	return q;
}

bool resolve_is_at_work(void)
{
	return asked > 0;
}

static void answer(void *ctx, leat_remote_maker maker)
{
	const struct question *q = ctx;
	struct places *places;
	leat_error error = look_up(q->host, q->port, AI_ADDRCONFIG, &places);

	if (leat_error_set(error))
		leat_remote_reject(maker, error);
	else
		leat_remote_resolve_ptr(maker, places, &places_type);
}

leat_io *resolve(leat_loop *loop, const char *host, const char *port)
{
	struct question *q = ask(host, port);

	if (!q)
		return leat_io_fail(loop, leat_error_core(LEAT_NOMEM));
	return leat_offload(loop, answer, leat_ctx_own(q, free_question));
}
