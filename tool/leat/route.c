/* SPDX-License-Identifier: ISC */
/* route - an address made ready */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "route.h"

/* ---- making ---- */

static bool check_descriptor(const struct address *a, int fd, int refused, struct piece at, struct complaint *why)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return complain(why, a->text, at, "descriptor %d is not open", fd);
	if ((flags & O_ACCMODE) == refused)
		return complain(why, a->text, at, "descriptor %d is open for %s only", fd,
			refused == O_RDONLY ? "reading" : "writing");
	return true;
}

static bool make_fd(const struct route *route, struct complaint *why)
{
	const struct address *a = &route->address;
	size_t first = strcspn(a->text + a->rest.at, ",");
	struct piece in = { a->rest.at, first }, out = in;

	if (first < a->rest.bytes)
		out = (struct piece){ a->rest.at + first + 1, a->rest.bytes - first - 1 };
	if (route->role == ROLE_LISTEN) /* what it is, the library sees */
		return check_descriptor(a, a->in, -1, in, why);
	return check_descriptor(a, a->in, O_WRONLY, in, why) && check_descriptor(a, a->out, O_RDONLY, out, why);
}

static bool make_end(struct route *route, struct complaint *why)
{
	const struct address *a = &route->address;

	switch (address_end(a)->kind) {
	case KIND_FD:
		return make_fd(route, why);
	case KIND_TCP:
		if (route->role == ROLE_TARGET)
			resolve_number(a->host, a->port, &route->places);
		return true;
	default:
		return true;
	}
}

static bool make_layer(struct route *route, size_t i, struct complaint *why)
{
	const struct part *part = &route->address.parts[i];
	const struct layer *layer = layer_of(part->kind);

	if (!layer)
		return complain(why, route->address.text, part->at, "this leat was built without %s", part->name);
	return layer->prepare(&route->address, part, route->role, &route->layers[i], why);
}

static bool make(struct route *route, struct complaint *why)
{
	for (size_t i = 0; i + 1 < route->address.count; i++)
		if (!make_layer(route, i, why))
			return false;
	return make_end(route, why);
}

bool route_make(const char *text, enum role role, struct route *route, struct complaint *why)
{
	*route = (struct route){ .role = role };
	return address_parse(text, role, &route->address, why) && make(route, why);
}

void route_free(struct route *route)
{
	for (size_t i = 0; i + 1 < route->address.count; i++)
		if (route->layers[i])
			layer_of(route->address.parts[i].kind)->end(route->layers[i]);
	free(route->places);
	address_free(&route->address);
}

struct piece route_end(const struct route *route)
{
	size_t at = address_end(&route->address)->at.at;

	return (struct piece){ at, strlen(route->address.text + at) };
}

bool route_has_descriptor(const struct route *route, int fd, struct complaint *why)
{
	const struct address *a = &route->address;

	if (address_end(a)->kind != KIND_FD || (a->in != fd && a->out != fd))
		return false;
	complain(why, a->text, a->rest, "descriptor %d is in use already, as the other side", fd);
	return true;
}

bool route_is_lasting(const struct route *route)
{
	return address_end(&route->address)->kind != KIND_FD || route->role == ROLE_LISTEN;
}

/* ---- using ---- */

struct wrapping {
	const struct route *route;
	struct blame *blame;
	size_t left; /* layers that are still to be put on */
};

static leat_io *wrap_next(struct wrapping *w, leat_flow *flow);

static leat_io *on_wrapped(void *ctx, leat_result *result)
{
	return wrap_next(ctx, leat_result_flow(result));
}

/* From the end outwards. */
static leat_io *wrap_next(struct wrapping *w, leat_flow *flow)
{
	const struct part *part;

	if (w->left == 0)
		return leat_io_flow(leat_flow_loop(flow), flow);
	part = &w->route->address.parts[--w->left];
	*w->blame = (struct blame){ .route = w->route, .at = part->at };
	return leat_io_then(layer_of(part->kind)->wrap(flow, w->route->layers[w->left], w->blame->words), on_wrapped,
		leat_ctx_borrow(w));
}

leat_io *route_wrap(const struct route *route, leat_flow *flow, struct blame *blame)
{
	leat_loop *loop = leat_flow_loop(flow);
	struct wrapping *w;

	if (route->address.count == 1)
		return leat_io_flow(loop, flow);
	w = malloc(sizeof *w);
	if (!w) {
		leat_flow_unref(flow);
		return leat_io_fail(loop, leat_error_core(LEAT_NOMEM));
	}
	*w = (struct wrapping){ route, blame, route->address.count - 1 };
	return leat_io_attach(wrap_next(w, flow), leat_ctx_own(w, free));
}
