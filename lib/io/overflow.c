/* SPDX-License-Identifier: ISC */
/* overflow - which fiber it was that ran over the end of its stack
 *
 * Only for who asks: signals belong to the program, and so there is state here
 * that belongs to no loop.  The process has one handler, which is set once and
 * passes every fault on to the one before it; each thread has the list of its
 * loops that asked.  A fault is the faulting thread's own, so no lock is needed,
 * and it arises in a fiber's code, so what is looked at here is whole.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "io/fiber.h"

enum { SIGNAL_STACK_BYTES = 65536 };

/* A loop that asked. */
typedef struct watch {
	struct watch *next; /* of this thread */
	leat_loop *loop;
	bool lends; /* the thread had no stack for signals: it may have this one */
	_Alignas(16) unsigned char stack[];
} watch;

static _Thread_local watch *watched;
static struct sigaction before;
static atomic_flag installed = ATOMIC_FLAG_INIT;

/* ---- when it has happened: only what a handler may call ---- */

static size_t add(char *line, size_t used, size_t room, const char *text)
{
	while (*text && used + 1 < room)
		line[used++] = *text++;
	return used;
}

static size_t add_number(char *line, size_t used, size_t room, size_t number)
{
	char digits[24];
	size_t n = sizeof digits - 1;

	digits[n] = '\0';
	do
		digits[--n] = (char)('0' + number % 10);
	while ((number /= 10) > 0);
	return add(line, used, room, digits + n);
}

static void explain(const lt_fiber *fiber)
{
	char line[512];
	size_t room = sizeof line, used = add(line, 0, room, "leat: the fiber made at ");

	used = add(line, used, room, fiber->self->where);
	used = add(line, used, room, " has overflowed its stack of ");
	used = add_number(line, used, room, lt_stack_room(fiber->class));
	used = add(line, used, room, " bytes");
	line[used++] = '\n';
	if (write(STDERR_FILENO, line, used) < 0)
		return;
}

static bool is_guard(const lt_stack *stack, const void *address)
{
	uintptr_t at = (uintptr_t)address, low = (uintptr_t)stack->low;

	return at < low && at >= low - LT_STACK_GUARD_BYTES;
}

static void pass_on(int number, siginfo_t *info, void *context)
{
	bool sent = info->si_code <= 0;

	if (before.sa_flags & SA_SIGINFO) {
		before.sa_sigaction(number, info, context);
	} else if (before.sa_handler == SIG_IGN && sent) {
		return;
	} else if (before.sa_handler == SIG_DFL || before.sa_handler == SIG_IGN) {
		signal(number, SIG_DFL); /* and it faults again */
		if (sent)
			raise(number);
	} else {
		before.sa_handler(number);
	}
}

static void on_fault(int number, siginfo_t *info, void *context)
{
	int saved = errno;

	for (const watch *at = info->si_code > 0 ? watched : NULL; at; at = at->next) {
		const lt_fiber *fiber = at->loop->fiber;

		if (fiber && is_guard(fiber->stack, info->si_addr))
			explain(fiber);
	}
	errno = saved;
	pass_on(number, info, context);
}

/* ---- asking ---- */

static bool install(void)
{
	struct sigaction action;

	if (atomic_flag_test_and_set(&installed))
		return true;
	if (sigaction(SIGSEGV, NULL, &before) == 0) {
		action = before;
		action.sa_flags = (before.sa_flags & SA_NODEFER) | SA_SIGINFO | SA_ONSTACK;
		action.sa_sigaction = on_fault;
		if (sigaction(SIGSEGV, &action, NULL) == 0)
			return true;
	}
	atomic_flag_clear(&installed);
	return false;
}

/* A handler cannot run on the stack that has no room left. */
static bool lend_stack(watch *self)
{
	stack_t stack;

	if (sigaltstack(NULL, &stack) < 0)
		return false;
	self->lends = stack.ss_flags & SS_DISABLE;
	if (!self->lends)
		return true;
	stack = (stack_t){ .ss_sp = self->stack, .ss_size = SIGNAL_STACK_BYTES };
	return sigaltstack(&stack, NULL) == 0;
}

static void take_stack_back(const watch *self)
{
	stack_t stack;

	if (!self->lends || sigaltstack(NULL, &stack) < 0 || stack.ss_sp != self->stack)
		return;
	stack = (stack_t){ .ss_flags = SS_DISABLE, .ss_size = SIGNAL_STACK_BYTES };
	sigaltstack(&stack, NULL);
	for (watch *other = watched; other; other = other->next)
		lend_stack(other);
}

static void end_watch(leat_loop *loop, void *data)
{
	watch *self = data, **at = &watched;

	while (*at && *at != self)
		at = &(*at)->next;
	if (*at)
		*at = self->next;
	take_stack_back(self);
	lt_mem_release(&loop->mem, self);
}

leat_error leat_fiber_explain_overflow(leat_loop *loop)
{
	lt_slot *slot = &loop->slots[LT_SLOT_OVERFLOW];
	watch *self;

	lt_loop_check_thread(loop);
	if (slot->data)
		return (leat_error){ 0 };
	self = loop->closing ? NULL : lt_mem_alloc(&loop->mem, sizeof *self + SIGNAL_STACK_BYTES);
	if (!self)
		return leat_error_core(loop->closing ? LEAT_CLOSED : LEAT_NOMEM);
	*self = (watch){ .next = watched, .loop = loop };
	watched = self;
	*slot = (lt_slot){ .data = self, .end = end_watch };
	if (lend_stack(self) && install())
		return (leat_error){ 0 };
	slot->data = NULL;
	end_watch(loop, self);
	return leat_error_errno(errno);
}
