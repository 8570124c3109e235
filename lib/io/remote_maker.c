/* SPDX-License-Identifier: ISC */
/* remote_maker - makers that any thread may settle
 *
 * The cell of one is a post that is there from the start, so settling asks for
 * no memory; it is used again when the loop has got the outcome, and stays good
 * to look at as long as the mailbox, so that a second settling is seen.
 */
#include <leat/buf.h>

#include "io/remote.h"

/* ---- bytes on their way ---- */

typedef struct parcel {
	leat_memory memory;
	size_t bytes;
	unsigned char data[];
} parcel;

static void parcel_end(void *ctx)
{
	parcel *p = ctx;
	leat_memory memory = p->memory;

	memory.release(memory.ctx, p);
}

static const leat_type parcel_type = { .size = sizeof(leat_type), .name = "bytes", .destroy = parcel_end };

static lt_outcome pack(const leat_memory *memory, const void *data, size_t bytes, const char *where)
{
	parcel *p = bytes > SIZE_MAX - sizeof *p ? NULL : memory->alloc(memory->ctx, sizeof *p + bytes);

	if (!p)
		return lt_failure(leat_error_make_at(&leat_core_errors, LEAT_NOMEM, where));
	p->memory = *memory;
	p->bytes = bytes;
	if (bytes)
		memcpy(p->data, data, bytes);
	return (lt_outcome){ .type = &parcel_type, .as.value.pointer = p };
}

static lt_outcome unpack(leat_loop *loop, parcel *p)
{
	leat_buf *buf = leat_buf_wrap(loop, p->data, p->bytes, parcel_end, p);

	if (leat_buf_failed(buf))
		return lt_failure(leat_error_core(LEAT_NOMEM));
	return (lt_outcome){ .type = &leat_buf_type, .as.value.pointer = buf };
}

void lt_remote_outcome(leat_loop *loop, lt_remote_cell *cell, lt_outcome *out)
{
	*out = cell->outcome;
	if (out->type == &parcel_type)
		*out = unpack(loop, out->as.value.pointer);
}

/* ---- cells ---- */

lt_remote_cell *lt_remote_cell_take(leat_remote *remote, leat_post_fn fn, void *data, const char *where)
{
	lt_remote_cell *cell = remote->cells;

	if (cell) {
		remote->cells = cell->next;
	} else {
		cell = remote->memory.alloc(remote->memory.ctx, sizeof *cell);
		if (!cell)
			return NULL;
		atomic_init(&cell->generation, 1);
		cell->remote = remote;
		cell->elder = remote->youngest;
		remote->youngest = cell;
		lt_seen_atomic(&cell->generation);
		lt_seen_atomic(&cell->dropped);
		lt_seen_atomic(&cell->settled_at);
	}
	cell->post = (lt_post){ .link = LT_POST_KEPT, .fn = fn, .data = data ? data : cell };
	cell->held = cell->come = false;
	cell->maker = (leat_maker){ 0 };
	cell->made_at = where;
	cell->outcome = (lt_outcome){ 0 };
	atomic_store_explicit(&cell->dropped, false, memory_order_relaxed);
	atomic_store_explicit(&cell->settled_at, NULL, memory_order_relaxed);
	lt_remote_hold(remote);
	return cell;
}

void lt_remote_cell_give(leat_remote *remote, lt_remote_cell *cell)
{
	atomic_fetch_add_explicit(&cell->generation, 1, memory_order_relaxed);
	cell->next = remote->cells;
	remote->cells = cell;
}

void lt_remote_cells_free(leat_remote *remote)
{
	while (remote->youngest) {
		lt_remote_cell *cell = remote->youngest;

		remote->youngest = cell->elder;
		remote->memory.release(remote->memory.ctx, cell);
	}
}

void lt_remote_cells_lose(leat_loop *loop, leat_remote *remote)
{
	for (lt_remote_cell *cell = remote->youngest; cell; cell = cell->elder) {
		if (cell->come || cell->held || !leat_maker_live(cell->maker))
			continue;
		atomic_store_explicit(&cell->dropped, true, memory_order_relaxed);
		lt_settle_error(loop, cell->maker.io, leat_error_core(LEAT_BROKEN));
	}
}

/* ---- the io ---- */

static void on_settled(void *data, leat_loop *loop)
{
	lt_remote_cell *cell = data;
	leat_remote *remote = cell->remote;
	leat_maker maker = cell->maker;
	lt_outcome outcome;

	lt_remote_outcome(loop, cell, &outcome);
	if (!atomic_load_explicit(&cell->dropped, memory_order_relaxed))
		lt_remote_waits_less(remote);
	lt_remote_cell_give(remote, cell);
	if (leat_maker_live(maker))
		lt_settle(loop, maker.io, &outcome);
	else
		lt_outcome_drop(&outcome);
}

static void remote_cancel(void *state)
{
	lt_remote_cell *cell = *(lt_remote_cell **)state;

	atomic_store_explicit(&cell->dropped, true, memory_order_relaxed);
	lt_remote_waits_less(cell->remote);
}

static const leat_leaf remote_leaf = {
	.size = sizeof(leat_leaf), .name = "remote", .state_bytes = sizeof(void *), .cancel = remote_cancel
};

leat_io *leat_io_new_remote_at(leat_loop *loop, leat_remote_maker *maker, const char *where)
{
	leat_kind why;
	leat_remote *remote = lt_remote_open(loop, &why);
	lt_remote_cell *cell = NULL;
	leat_maker own;
	void *state;
	leat_io *io;

	*maker = (leat_remote_maker){ 0 };
	if (!remote)
		return leat_io_fail_at(loop, leat_error_make_at(&leat_core_errors, (int)why, where), where);
	remote->waiting++;
	io = leat_io_new_at(loop, &own, &remote_leaf, &state, where);
	if (state)
		cell = lt_remote_cell_take(remote, on_settled, NULL, where);
	if (!cell) {
		if (state)
			lt_settle_error(loop, io, leat_error_make_at(&leat_core_errors, LEAT_NOMEM, where));
		lt_remote_waits_less(remote);
		return io;
	}
	*(lt_remote_cell **)state = cell;
	cell->maker = own;
	*maker = lt_remote_maker_of(cell);
	return io;
}

/* ---- settling, on any thread ---- */

_Noreturn static void is_twice(leat_remote_maker maker, const char *settled_at, const char *where)
{
	uint32_t generation = atomic_load(&maker.cell->generation);

	if (settled_at && generation - maker.generation <= 1)
		lt_abort("%s: an io is settled twice (made at %s, settled at %s)", where, maker.cell->made_at, settled_at);
	lt_abort("%s: an io is settled twice", where);
}

/* Whether it was not settled yet; then it is the caller's to settle. */
static bool claim(leat_remote_maker maker, const char *where, const char **settled_at)
{
	lt_remote_cell *cell = maker.cell;

	*settled_at = atomic_load_explicit(&cell->settled_at, memory_order_relaxed);
	if (atomic_load_explicit(&cell->generation, memory_order_relaxed) != maker.generation || *settled_at)
		return false;
	return atomic_compare_exchange_strong_explicit(&cell->settled_at, settled_at, where, memory_order_relaxed,
	                                               memory_order_relaxed);
}

/* The outcome stands in the cell. */
static void deliver(lt_remote_cell *cell)
{
	leat_remote *remote = cell->remote;

	if (atomic_load_explicit(&cell->dropped, memory_order_relaxed))
		lt_outcome_drop(&cell->outcome);
	if (!lt_remote_throw(remote, &cell->post, LT_POST_KEPT, 0))
		lt_outcome_drop(&cell->outcome);
	lt_remote_release(remote);
}

static void settle(leat_remote_maker maker, lt_outcome outcome, const char *where)
{
	const char *settled_at;

	if (!maker.cell) {
		lt_outcome_drop(&outcome);
		return;
	}
	if (!claim(maker, where, &settled_at))
		is_twice(maker, settled_at, where);
	maker.cell->outcome = outcome;
	if (!maker.cell->held)
		deliver(maker.cell);
}

/* An outcome that nobody waits for any more is destroyed on the loop's thread. */
void lt_remote_finish(lt_remote_cell *cell)
{
	leat_remote *remote = cell->remote;
	const char *settled_at;

	claim(lt_remote_maker_of(cell), cell->made_at, &settled_at);
	lt_remote_throw(remote, &cell->post, LT_POST_KEPT, 0);
	lt_remote_release(remote);
}

void leat_remote_resolve_at(leat_remote_maker maker, const char *where)
{
	settle(maker, (lt_outcome){ 0 }, where);
}

void leat_remote_resolve_int_at(leat_remote_maker maker, int64_t value, const char *where)
{
	settle(maker, (lt_outcome){ .type = &leat_int_type, .as.value.integer = value }, where);
}

void leat_remote_resolve_ptr_at(leat_remote_maker maker, void *pointer, const leat_type *type, const char *where)
{
	if (type && type->local)
		lt_abort("%s: a %s stays with its loop: it cannot be a value for another thread (made at %s)", where,
		         type->name, maker.cell ? maker.cell->made_at : "?");
	settle(maker, (lt_outcome){ .type = type, .as.value.pointer = pointer }, where);
}

void leat_remote_resolve_bytes_at(leat_remote_maker maker, const void *data, size_t bytes, const char *where)
{
	if (maker.cell)
		settle(maker, pack(&maker.cell->remote->memory, data, bytes, where), where);
}

void leat_remote_reject_at(leat_remote_maker maker, leat_error error, const char *where)
{
	leat_error set = leat_error_set(error) ? error : leat_error_make_at(&leat_core_errors, LEAT_OTHER, where);

	settle(maker, lt_failure(set), where);
}

void leat_remote_drop_at(leat_remote_maker maker, const char *where)
{
	const char *settled_at;

	if (!maker.cell || !claim(maker, where, &settled_at))
		return;
	maker.cell->outcome = lt_failure(leat_error_make_at(&leat_core_errors, LEAT_BROKEN, where));
	if (!maker.cell->held)
		deliver(maker.cell);
}

bool leat_remote_live(leat_remote_maker maker)
{
	lt_remote_cell *cell = maker.cell;

	return cell && atomic_load_explicit(&cell->generation, memory_order_relaxed) == maker.generation &&
	       !atomic_load_explicit(&cell->settled_at, memory_order_relaxed) &&
	       !atomic_load_explicit(&cell->dropped, memory_order_relaxed) &&
	       !(atomic_load_explicit(&cell->remote->head, memory_order_relaxed) & LT_MAIL_CLOSED);
}
