/* SPDX-License-Identifier: ISC */
/* scope - what must end before I do
 *
 * A member is a cell that waits for the io and belongs to nobody but its scope: so
 * it costs no malloc, has a place of its own, and whoever razes it - we, or
 * the end of the loop - has it leave the scope.
 *
 * Whatever runs a user's code may free the scope.  So the books are closed first: a
 * member leaves, waits are settled, and only then its value is destroyed; all that is
 * cancelled leaves at once, before the first destructor runs.  The scope has ended
 * when what was cancelled has unwound: then waits are settled, and one that was
 * freed meanwhile goes.
 */
#include <stdio.h>

#include <leat/options.h>

#include "io/scope.h"
#include "io/unwind.h"

/* ---- members: word 0 the scope (NULL: it has left), 1 the next, 2 the one before ---- */

static leat_scope *scope_of(const leat_io *member)
{
	return member->u.custom.word[0];
}

static leat_io *next_of(const leat_io *member)
{
	return member->u.custom.word[1];
}

static void enter(leat_scope *scope, leat_io *member)
{
	leat_io *next = scope->members;

	member->u.custom.word[0] = scope;
	member->u.custom.word[1] = next;
	member->u.custom.word[2] = NULL;
	if (next)
		next->u.custom.word[2] = member;
	scope->members = member;
	scope->count++;
}

static void leave(leat_scope *scope, leat_io *member)
{
	leat_io *next = next_of(member), *prev = member->u.custom.word[2];

	if (next)
		next->u.custom.word[2] = prev;
	if (prev)
		prev->u.custom.word[1] = next;
	else
		scope->members = next;
	member->u.custom.word[0] = NULL;
	scope->count--;
}

/* All of them, still linked; gives the newest. */
static leat_io *leave_all(leat_scope *scope)
{
	leat_io *members = scope->members;

	for (leat_io *at = members; at; at = next_of(at))
		at->u.custom.word[0] = NULL;
	scope->members = NULL;
	scope->count = 0;
	return members;
}

/* The last to join the doomed is the first to go, so the oldest joins first; they
 * gather until all have joined. */
static void raze_all(leat_loop *loop, leat_io *newest)
{
	bool razing = loop->razing;
	leat_io *member = newest, *newer;

	while (next_of(member))
		member = next_of(member);
	for (; member; member = newer) {
		newer = member->u.custom.word[2];
		loop->razing = razing || newer;
		lt_io_raze(loop, member);
	}
}

/* ---- what becomes of the scope ---- */

static void release(leat_scope *scope)
{
	leat_loop *loop = scope->loop;
	leat_error error = scope->error;

	if (!loop->closing && !scope->told && leat_error_set(error) && !leat_error_is(error, LEAT_CANCELLED))
		leat_io_detach(leat_io_fail_at(loop, error, scope->where));
	if (!scope->spare) {
		lt_loop_move_out(&scope->resident);
		lt_mem_release(&loop->mem, scope);
	}
	lt_loop_release(loop);
}

static void look_around(leat_scope *scope)
{
	if (!lt_scope_has_ended(scope))
		return;
	lt_scope_settle_waits(scope);
	if (scope->freed)
		release(scope);
}

static void on_unwound(lt_watch *watch, leat_loop *loop, leat_result *result)
{
	leat_scope *scope = (leat_scope *)(void *)((char *)watch - offsetof(leat_scope, unwound));

	(void)loop;
	(void)result;
	scope->unwinding = false;
	look_around(scope);
}

static const lt_watch_ops unwound_ops = { .settled = on_unwound };

/* Takes no more, and will fail. */
static void give_up(leat_scope *scope, leat_error why)
{
	scope->over = true;
	if (!leat_error_set(scope->error))
		scope->error = why;
}

/* Gives what is to be cancelled, the newest first. */
static leat_io *begin_end(leat_scope *scope, leat_error why)
{
	give_up(scope, why);
	return leave_all(scope);
}

/* Hears of the end of what was cancelled; may have heard already. */
static void await_end(leat_scope *scope, leat_io *end)
{
	leat_result result;

	if (leat_io_try(end, &result))
		scope->unwinding = false;
	else
		lt_io_watch(end, &scope->unwound);
}

/* The others are cancelled; the scope may be gone afterwards. */
static void end_all(leat_scope *scope, leat_error why)
{
	leat_io *members = begin_end(scope, why), *end;

	if (members) {
		scope->unwinding = true;
		end = lt_unwind_wait(scope->loop, scope->where);
		raze_all(scope->loop, members);
		await_end(scope, end);
	}
	look_around(scope);
}

leat_io *lt_scope_give_up(leat_scope *scope)
{
	leat_io *members = begin_end(scope, leat_error_core(LEAT_CANCELLED));

	if (members) {
		scope->unwinding = true;
		await_end(scope, lt_unwind_wait(scope->loop, scope->where));
	}
	look_around(scope);
	return members;
}

leat_io *lt_scope_next(leat_io **list)
{
	leat_io *member = *list;

	if (member)
		*list = next_of(member);
	return member;
}

static void member_failed(leat_scope *scope, leat_error error, const char *where)
{
	if (leat_error_is(error, LEAT_CANCELLED)) {
		look_around(scope);
	} else if (leat_error_set(scope->error)) {
		look_around(scope);
		lt_io_unhandled(scope->loop, error, where);
	} else if (scope->keep_going) {
		scope->error = error;
		look_around(scope);
	} else {
		end_all(scope, error);
	}
}

static void member_arrive(leat_loop *loop, leat_io *self, leat_io *source)
{
	leat_scope *scope = scope_of(self);
	const char *where = source->where;
	lt_outcome outcome = lt_io_consume(loop, source);

	leave(scope, self);
	lt_cell_free(loop, self);
	if (lt_is_error(&outcome)) {
		member_failed(scope, outcome.as.error, where);
		return;
	}
	look_around(scope);
	if (outcome.type && outcome.type->plain && leat_error_set(outcome.as.error))
		lt_io_unhandled(loop, outcome.as.error, where); /* a close that was cut short */
	lt_delivered(&outcome);
	lt_outcome_destroy(&outcome);
}

static void member_drop(leat_loop *loop, leat_io *self)
{
	leat_scope *scope = scope_of(self);

	(void)loop;
	if (!scope)
		return;
	leave(scope, self);
	look_around(scope);
}

static int member_describe(const leat_io *self, char *out, size_t room)
{
	const leat_scope *scope = scope_of(self);

	return snprintf(out, room, "of a scope %s", scope ? scope->where : "that it has left");
}

static const lt_kind member_kind = {
	.name = "member", .arrive = member_arrive, .drop = member_drop, .describe = member_describe, .owned = true
};

/* ---- making ---- */

static leat_scope *of_resident(const lt_resident *resident)
{
	return (leat_scope *)((uintptr_t)resident - offsetof(leat_scope, resident));
}

static const char *resident_where(const lt_resident *resident)
{
	return of_resident(resident)->where;
}

/* The loop is being freed: its ios fail, members among them; no more come. */
static void resident_end(lt_resident *resident)
{
	leat_scope *scope = of_resident(resident);

	give_up(scope, leat_error_make_at(&leat_core_errors, LEAT_CANCELLED, scope->where));
	lt_loop_move_to_shells(scope->loop, LT_SCOPES, resident);
}

static void settle_in(leat_scope *scope)
{
	lt_residents *residents = lt_loop_residents(scope->loop, LT_SCOPES);

	residents->end = resident_end;
	residents->where = resident_where;
	residents->name = "a scope";
	lt_loop_move_in(scope->loop, LT_SCOPES, &scope->resident);
}

static leat_scope *stillborn(leat_loop *loop, const char *where)
{
	leat_scope *scope = lt_loop_spare(loop, LT_SPARE_SCOPE);

	static_assert(sizeof *scope <= LT_SPARE_BYTES, "fits");
	*scope = (leat_scope){ .loop = loop, .where = where, .over = true, .told = true, .spare = true,
		.error = leat_error_core(lt_loop_closing(loop) ? LEAT_CLOSED : LEAT_NOMEM) };
	return scope;
}

leat_scope *leat_scope_new_at(leat_loop *loop, const leat_scope_options *options, const char *where)
{
	leat_scope *scope = loop->closing ? NULL : lt_mem_alloc(&loop->mem, sizeof *scope);

	leat_options_check_at(options, "leat_scope_options", where);
	lt_loop_hold(loop);
	if (!scope)
		return stillborn(loop, where);
	*scope = (leat_scope){ .loop = loop, .where = where, .unwound.ops = &unwound_ops };
	scope->keep_going = options && lt_has(options, keep_going);
	settle_in(scope);
	return scope;
}

/* ---- using ---- */

static void check_member(const leat_scope *scope, const leat_io *io, const char *where)
{
	lt_io_check(io, "leat_scope_add", where);
	if (lt_cell_loop(io) != scope->loop)
		lt_abort("%s: leat_scope_add was given an io of another loop (made at %s; the scope at %s)", where,
		         io->where, scope->where);
	if (lt_scope_is_awaited_by(scope, io))
		lt_abort("%s: leat_scope_add was given an io that waits for the scope (made at %s; the scope at %s)", where,
		         io->where, scope->where);
}

static void take(leat_scope *scope, leat_io *io, const char *where)
{
	leat_io *member = lt_io_chain(io, LT_CUSTOM, where);

	if (!member) {
		member_failed(scope, leat_error_make_at(&leat_core_errors, LEAT_NOMEM, where), where);
		return;
	}
	member->u.custom.kind = &member_kind;
	enter(scope, member);
}

void leat_scope_add_at(leat_scope *scope, leat_io *io, const char *where)
{
	leat_loop *loop = scope->loop;

	check_member(scope, io, where);
	if (scope->over)
		lt_io_cancel(io);
	else
		take(scope, io, where);
	lt_loop_end_if_asked(loop);
}

void leat_scope_cancel(leat_scope *scope)
{
	leat_loop *loop = scope->loop;

	end_all(scope, leat_error_core(LEAT_CANCELLED));
	lt_loop_end_if_asked(loop);
}

size_t leat_scope_count(const leat_scope *scope)
{
	return scope->count;
}

leat_error leat_scope_error(const leat_scope *scope)
{
	return scope->error;
}

leat_loop *leat_scope_loop(const leat_scope *scope)
{
	return scope->loop;
}

/* ---- ending ---- */

static void check_empty(const leat_scope *scope, const char *where)
{
	if (scope->count > 0)
		lt_abort("%s: leat_scope_free was given a scope that holds %zu (the last one added at %s), made at %s",
		         where, scope->count, scope->members->where, scope->where);
}

void leat_scope_free_at(leat_scope *scope, const char *where)
{
	leat_loop *loop;

	if (!scope)
		return;
	loop = scope->loop;
	if (!loop->gone)
		check_empty(scope, where);
	scope->freed = !scope->spare; /* that one is others' too */
	if (loop->gone || lt_scope_has_ended(scope))
		release(scope);
}

static void end_scope(void *scope)
{
	leat_scope_cancel(scope);
	leat_scope_free(scope);
}

leat_ctx leat_ctx_scope(leat_scope *scope)
{
	return leat_ctx_own(scope, end_scope);
}
