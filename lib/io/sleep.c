/* SPDX-License-Identifier: ISC */
/* sleep - nothing, after a while */
#include "io/io.h"

static_assert(sizeof(lt_timer) <= 24, "a timer fits a cell");

static leat_io *cell_of(lt_timer *timer)
{
	return (leat_io *)(void *)((char *)timer - offsetof(leat_io, u.leaf.state));
}

static void on_slept(lt_timer *timer)
{
	leat_io *io = cell_of(timer);

	lt_settle(lt_cell_loop(io), io, &(lt_outcome){ 0 });
}

static void sleep_cancel(void *state)
{
	lt_timer_stop(lt_cell_loop(cell_of(state)), state);
}

static int sleep_describe(const void *state, char *out, size_t room)
{
	return lt_timer_describe(lt_cell_loop(state), state, out, room);
}

static const leat_leaf sleep_leaf = {
	.size = sizeof(leat_leaf), .name = "sleep", .state_bytes = sizeof(lt_timer), .cancel = sleep_cancel,
	.describe = sleep_describe
};

leat_io *leat_sleep_at(leat_loop *loop, int64_t ms, const char *where)
{
	leat_maker maker;
	void *state;
	leat_io *io = leat_io_new_at(loop, &maker, &sleep_leaf, &state, where);
	lt_timer *timer = state;

	if (!timer)
		return io;
	timer->fire = on_slept;
	if (ms == 0) {
		lt_settle(loop, io, &(lt_outcome){ 0 });
	} else if (!lt_timer_start(loop, timer, lt_loop_after_ms(loop, ms))) {
		lt_io_cancel(io);
		io = lt_io_nomem(loop);
	}
	return io;
}
