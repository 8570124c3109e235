/* SPDX-License-Identifier: ISC */
/* child - another program, its standard streams as flows, its end as an io
 *
 * Its making, its handle and the end of its loop; who watches it is child_watch.c, who
 * waits for it child_wait.c.
 */
#include <errno.h>
#include <unistd.h>

#include "flow/flow.h"
#include "net/child.h"
#include "net/net.h"
#include "net/spawn.h"

/* ---- the end of all ---- */

static void unref_flows(leat_child *c)
{
	for (int i = 0; i < 3; i++) {
		leat_flow *flow = c->flows[i];

		c->flows[i] = NULL;
		leat_flow_unref(flow);
	}
}

static void release(leat_child *c)
{
	leat_loop *loop = c->loop;

	if (c->refs > 0 || c->watch || c->spare)
		return;
	lt_mem_release(lt_loop_mem(loop), c);
	lt_loop_release(loop);
}

/* ---- starting ---- */

static void end_children(leat_loop *loop, void *data);

static void join(leat_child *c)
{
	lt_slot *slot = lt_loop_slot(c->loop, LT_SLOT_CHILDREN);

	slot->end = end_children;
	c->next = slot->data;
	c->link = &slot->data;
	if (c->next)
		((leat_child *)c->next)->link = &c->next;
	slot->data = c;
}

static leat_error error_of(int number, const char *where)
{
	if (number == EAGAIN) /* processes ran out */
		return leat_error_make_at(&leat_core_errors, LEAT_LIMIT, where);
	return leat_error_make_at(&leat_errno_errors, number, where);
}

/* Takes our ends. */
static leat_error make_flows(leat_child *c, int ours[3])
{
	leat_error error = { .domain = NULL };

	for (int i = 0; i < 3; i++) {
		if (ours[i] < 0)
			continue;
		c->flows[i] = leat_flow_from_fd_at(c->loop, ours[i], c->where);
		if (c->flows[i]->bits & LT_F_STILLBORN)
			error = lt_flow_refusal(c->flows[i]);
	}
	return error;
}

static leat_error run(leat_child *c, const char *const *argv, const leat_child_options *options, const int theirs[3])
{
	int error = lt_spawn(argv, options, theirs, &c->pid);

	if (error)
		return error_of(error, c->where);
	c->owner = getpid();
	c->group = options->new_session || options->group < 0;
	c->drop_signal = options->drop_signal;
	lt_child_watch(c);
	join(c);
	lt_child_attend(c);
	return (leat_error){ .domain = NULL };
}

static leat_error start(leat_child *c, const char *const *argv, const leat_child_options *options)
{
	lt_streams streams;
	leat_error error;
	int number;

	lt_orphans_reap();
	if (lt_loop_closing(c->loop))
		return leat_error_make_at(&leat_core_errors, LEAT_CLOSED, c->where);
	number = lt_streams_open(&streams, options);
	if (number)
		return error_of(number, c->where);
	error = make_flows(c, streams.ours);
	if (!leat_error_set(error))
		error = run(c, argv, options, streams.theirs);
	lt_streams_close(streams.theirs);
	return error;
}

static leat_child *spare(leat_loop *loop)
{
	leat_child *c = lt_loop_spare(loop, LT_SPARE_CHILD);

	static_assert(sizeof(leat_child) <= LT_SPARE_BYTES, "fits");
	if (c->refs > 0)
		return leat_child_ref(c);
	lt_loop_hold(loop);
	*c = (leat_child){ .loop = loop, .spare = true, .refs = 1, .unborn = leat_error_core(LEAT_NOMEM) };
	return c;
}

static leat_child *allocate(leat_loop *loop, const char *where)
{
	leat_child *c = lt_mem_zalloc(lt_loop_mem(loop), sizeof *c);
	lt_child_watcher *w = lt_mem_zalloc(lt_loop_mem(loop), sizeof *w);

	if (!c || !w) {
		lt_mem_release(lt_loop_mem(loop), c);
		lt_mem_release(lt_loop_mem(loop), w);
		return NULL;
	}
	*c = (leat_child){ .loop = loop, .where = where, .watch = w, .refs = 1 };
	lt_child_watcher_init(w, c);
	lt_loop_hold(loop);
	return c;
}

leat_child *leat_child_new_at(leat_loop *loop, const char *const *argv, const leat_child_options *given,
                              const char *where)
{
	leat_child *c = allocate(loop, where);
	leat_child_options options;

	if (!c)
		return spare(loop);
	leat_options_take_at(&options, sizeof options, given, "leat_child_options", where);
	c->unborn = start(c, argv, &options);
	if (leat_error_set(c->unborn)) {
		unref_flows(c);
		lt_mem_release(lt_loop_mem(loop), c->watch);
		c->watch = NULL;
		c->pid = 0;
	}
	return c;
}

/* ---- the handle ---- */

leat_child *leat_child_ref(leat_child *c)
{
	c->refs++;
	return c;
}

void leat_child_unref(leat_child *c)
{
	if (!c || --c->refs > 0)
		return;
	if (c->spare) {
		unref_flows(c);
		lt_loop_release(c->loop);
		return;
	}
	lt_child_dropped(c);
	unref_flows(c);
	if (!lt_child_attend(c)) {
		lt_orphans_add(c->pid);
		lt_child_end_watch(c);
	}
	release(c);
}

leat_error leat_child_error(const leat_child *c)
{
	return c->unborn;
}

int leat_child_pid(const leat_child *c)
{
	return c->pid;
}

leat_error leat_child_kill(leat_child *c, int number)
{
	int error;

	if (!c->watch)
		return leat_error_set(c->unborn) ? c->unborn : leat_error_core(LEAT_CLOSED);
	error = lt_child_signal(c, number);
	return error ? leat_error_errno(error) : (leat_error){ .domain = NULL };
}

static leat_flow *stream(leat_child *c, int i)
{
	if (!c->flows[i] && c->spare)
		c->flows[i] = lt_flow_spare(c->loop);
	if (!c->flows[i])
		c->flows[i] = leat_flow_stillborn(c->loop, leat_error_set(c->unborn) ? c->unborn :
		                                           leat_error_make_at(&leat_core_errors, LEAT_INVALID, c->where));
	return c->flows[i];
}

leat_flow *leat_child_in(leat_child *c)
{
	return stream(c, 0);
}

leat_flow *leat_child_out(leat_child *c)
{
	return stream(c, 1);
}

leat_flow *leat_child_err(leat_child *c)
{
	return stream(c, 2);
}

/* ---- the loop ends ---- */

static void orphan(leat_child *c)
{
	pid_t pid = c->pid;
	bool ours = getpid() == c->owner;

	if (c->refs > 0)
		lt_loop_report(c->loop, "still held at the end of the loop: a child made at %s", c->where);
	lt_child_dropped(c);
	c->error = leat_error_make_at(&leat_core_errors, LEAT_CLOSED, c->where);
	if (ours && !lt_child_reap(c))
		lt_orphans_add(pid);
	lt_child_end_watch(c);
	release(c);
}

static void end_children(leat_loop *loop, void *data)
{
	leat_child *c = data;

	(void)loop;
	while (c) {
		leat_child *next = c->next;

		orphan(c);
		c = next;
	}
	lt_orphans_reap();
}
