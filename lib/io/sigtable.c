/* SPDX-License-Identifier: ISC */
/* sigtable - the process's side of signals: one handler, seats, counters
 *
 * Dispositions belong to the process, so this table does, too: it is the one
 * thing of the library that does not belong to a loop.  The handler walks the
 * seats, counts the arrival for each that wants it and pokes its eventfd, then
 * calls whoever had the signal before.  It takes no lock.  Everybody else
 * holds the lock, and waits until no handler is inside before a seat's
 * descriptor may be closed.
 *
 * Read on_signal first.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/sigtable.h"

enum { SEATS = 256, SIGNALS = 65 /* numbers under that */ };

struct seat {
	atomic_int fd; /* plus one; 0: nobody sits there */
	_Atomic uint64_t wants;
	_Atomic uint32_t count[SIGNALS];
	uint16_t users[SIGNALS]; /* of this seat, by number */
};

typedef void (*action)(int, siginfo_t *, void *);

struct disposition {
	struct sigaction before;
	_Atomic(action) next;   /* whom we call after us; NULL: nobody */
	atomic_bool is_default; /* it was, before */
	atomic_bool is_plain;   /* next takes the number only */
	atomic_bool buried;     /* somebody set another one over ours, and may call it still */
	unsigned users;
};

static struct seat seats[SEATS];
static atomic_int used; /* seats from here on were never taken */
static struct disposition dispositions[SIGNALS];
static atomic_int inside; /* handlers that look at seats */
static unsigned epoch;    /* how many forks lie between this table and the first */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static uint64_t bit(int number)
{
	return UINT64_C(1) << (number - 1);
}

/* ---- the handler ---- */

static bool tell_seats(int number)
{
	static const uint64_t one = 1;
	bool told = false;

	atomic_fetch_add(&inside, 1);
	for (int i = 0, n = atomic_load(&used); i < n; i++) {
		if (!(atomic_load(&seats[i].wants) & bit(number)))
			continue;
		atomic_fetch_add(&seats[i].count[number], 1);
		told = true;
		(void)!write(atomic_load(&seats[i].fd) - 1, &one, sizeof one); /* an eventfd takes more than there are */
	}
	atomic_fetch_sub(&inside, 1);
	return told;
}

/* It came when we had just stopped listening: as if we had never been there. */
static void do_default(int number)
{
	struct sigaction fallback = { .sa_handler = SIG_DFL };

	sigaction(number, &fallback, NULL);
	raise(number);
}

/* Whom we call may be one who calls us. */
static bool is_echo(int number, bool enter)
{
	static _Thread_local uint64_t under_way __attribute__((tls_model("initial-exec")));
	bool was = under_way & bit(number);

	under_way = enter ? under_way | bit(number) : under_way & ~bit(number);
	return was;
}

static void call_next(int number, siginfo_t *info, void *context)
{
	struct disposition *d = &dispositions[number];
	action next = atomic_load(&d->next);
	void (*plain)(int);

	if (atomic_load(&d->is_plain)) {
		memcpy(&plain, &next, sizeof plain);
		plain(number);
	} else {
		next(number, info, context);
	}
}

static void on_signal(int number, siginfo_t *info, void *context)
{
	struct disposition *d = &dispositions[number];
	int error = errno;
	bool told = tell_seats(number);

	if (atomic_load(&d->next)) {
		if (!atomic_load(&d->buried))
			call_next(number, info, context);
		else if (!is_echo(number, true)) {
			call_next(number, info, context);
			is_echo(number, false);
		}
	} else if (!told && atomic_load(&d->is_default)) {
		do_default(number);
	}
	errno = error;
}

/* ---- dispositions; the lock is held ---- */

static bool is_ours(const struct sigaction *at)
{
	return (at->sa_flags & SA_SIGINFO) && at->sa_sigaction == on_signal;
}

static void learn(struct disposition *d, const struct sigaction *before)
{
	bool plain = !(before->sa_flags & SA_SIGINFO);
	bool called = !plain || (before->sa_handler != SIG_DFL && before->sa_handler != SIG_IGN);
	action next = NULL;

	d->before = *before;
	atomic_store(&d->is_plain, plain);
	atomic_store(&d->is_default, plain && before->sa_handler == SIG_DFL);
	if (called && plain)
		memcpy(&next, &before->sa_handler, sizeof next);
	else if (called)
		next = before->sa_sigaction;
	atomic_store(&d->next, next);
}

/* Waiting calls go on after us as they would have before. */
static int flags_like(const struct disposition *d)
{
	int restart = atomic_load(&d->next) ? d->before.sa_flags & SA_RESTART : SA_RESTART;

	return SA_SIGINFO | SA_ONSTACK | restart | (d->before.sa_flags & (SA_NOCLDSTOP | SA_NOCLDWAIT));
}

static int install(int number)
{
	struct disposition *d = &dispositions[number];
	struct sigaction before, ours = { .sa_sigaction = on_signal };

	if (sigaction(number, NULL, &before) < 0)
		return errno;
	if (!is_ours(&before))
		learn(d, &before);
	ours.sa_mask = d->before.sa_mask;
	ours.sa_flags = flags_like(d);
	return sigaction(number, &ours, NULL) < 0 ? errno : 0;
}

static void uninstall(int number)
{
	struct disposition *d = &dispositions[number];
	struct sigaction now;

	if (sigaction(number, NULL, &now) < 0)
		return;
	if (is_ours(&now))
		sigaction(number, &d->before, NULL);
	else
		atomic_store(&d->buried, true);
}

/* After it none of those that look at seats saw what was there before. */
static void wait_for_handlers(void)
{
	while (atomic_load(&inside) > 0)
		sched_yield();
}

/* What only the process's own fault brings: we would return to it for ever. */
static bool is_catchable(int number)
{
	return number > 0 && number < SIGNALS && number != SIGSEGV && number != SIGBUS && number != SIGFPE &&
	       number != SIGILL;
}

/* ---- fork ---- */

static void before_fork(void)
{
	pthread_mutex_lock(&lock);
}

static void in_parent(void)
{
	pthread_mutex_unlock(&lock);
}

static void in_child(void)
{
	for (int i = 0; i < atomic_load(&used); i++) {
		atomic_store(&seats[i].wants, 0);
		atomic_store(&seats[i].fd, 0);
		memset(seats[i].users, 0, sizeof seats[i].users);
	}
	for (int number = 1; number < SIGNALS; number++) {
		if (dispositions[number].users > 0)
			uninstall(number);
		dispositions[number].users = 0;
	}
	atomic_store(&used, 0);
	atomic_store(&inside, 0);
	epoch++;
	pthread_mutex_unlock(&lock);
}

static void watch_forks(void)
{
	pthread_atfork(before_fork, in_parent, in_child);
}

/* ---- seats ---- */

bool lt_seat_take(lt_seat *seat, int eventfd)
{
	int place = 0;

	pthread_once(&once, watch_forks);
	pthread_mutex_lock(&lock);
	while (place < SEATS && atomic_load(&seats[place].fd))
		place++;
	*seat = (lt_seat){ .place = place, .epoch = epoch };
	if (place < SEATS) {
		atomic_store(&seats[place].fd, eventfd + 1);
		if (place >= atomic_load(&used))
			atomic_store(&used, place + 1);
	}
	pthread_mutex_unlock(&lock);
	return place < SEATS;
}

static void unwant(struct seat *s, int number)
{
	if (--s->users[number] > 0)
		return;
	atomic_fetch_and(&s->wants, ~bit(number));
	if (--dispositions[number].users == 0)
		uninstall(number);
}

void lt_seat_give(lt_seat seat)
{
	struct seat *s = &seats[seat.place];

	pthread_mutex_lock(&lock);
	if (seat.epoch == epoch) {
		for (int number = 1; number < SIGNALS; number++)
			while (s->users[number] > 0)
				unwant(s, number);
		wait_for_handlers();
		atomic_store(&s->fd, 0);
	}
	pthread_mutex_unlock(&lock);
}

static int want(struct seat *s, int number)
{
	struct disposition *d = &dispositions[number];
	int error = 0;

	if (s->users[number] == 0) {
		/* first: what comes as soon as we are there is told */
		atomic_fetch_or(&s->wants, bit(number));
		if (d->users == 0)
			error = install(number);
		if (error) {
			atomic_fetch_and(&s->wants, ~bit(number));
			return error;
		}
		d->users++;
	}
	s->users[number]++;
	return 0;
}

int lt_seat_want(lt_seat seat, int number)
{
	int error;

	if (!is_catchable(number))
		return EINVAL;
	pthread_mutex_lock(&lock);
	error = seat.epoch == epoch ? want(&seats[seat.place], number) : EINVAL;
	pthread_mutex_unlock(&lock);
	return error;
}

void lt_seat_unwant(lt_seat seat, int number)
{
	pthread_mutex_lock(&lock);
	if (seat.epoch == epoch)
		unwant(&seats[seat.place], number);
	pthread_mutex_unlock(&lock);
}

uint32_t lt_seat_count(lt_seat seat, int number)
{
	return atomic_load(&seats[seat.place].count[number]);
}
