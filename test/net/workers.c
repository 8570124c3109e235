/* SPDX-License-Identifier: ISC */
/* workers - one loop per thread: connections handed over, or shared by the kernel */
#include <leat/buf.h>
#include <leat/net.h>
#include <leat/thread.h>

#include <event2/event.h>
#include <pthread.h>
#include <string.h>

#include "support/suite.h"
#include "support/world.h"

enum { WORKERS = 2, CONNECTIONS = 40 };

/* A thread with a loop of its own, which goes on as long as somebody may post
 * to it or something is under way. */
struct worker {
	pthread_t thread;
	leat_loop *loop;        /* its own */
	leat_remote *remote;    /* its loop, as we know it */
	leat_remote_maker made; /* our io: there is a remote */
	const char *address;    /* where it listens itself; NULL: nowhere */
	leat_listener *listener;
	int served;
};

static leat_io *send_back(void *flow, leat_result *result)
{
	return leat_flow_send(flow, leat_result_buf(result));
}

static leat_io *echo_once(leat_flow *flow)
{
	return leat_io_then(leat_flow_read(flow), send_back, leat_ctx_borrow(flow));
}

static leat_io *echo(void *ctx, leat_flow *flow)
{
	((struct worker *)ctx)->served++;
	return echo_once(flow);
}

static void *work(void *ctx)
{
	struct worker *me = ctx;

	me->loop = leat_loop_new(NULL, NULL);
	me->remote = leat_remote_new(me->loop);
	if (me->address) {
		leat_listen_options options = { .size = sizeof options, .reuse_port = true };

		me->listener = leat_listener_ref(leat_listen(me->loop, me->address, &options));
		leat_io_detach(leat_serve(me->listener, NULL, echo, me));
	}
	leat_remote_resolve(me->made);
	event_base_dispatch(leat_loop_base(me->loop));
	leat_listener_unref(me->listener);
	leat_loop_free(me->loop);
	return NULL;
}

static void start(struct world *w, struct worker *worker)
{
	leat_io *io = leat_io_new_remote(w->loop, &worker->made);

	expect_int(pthread_create(&worker->thread, NULL, work, worker), 0);
	expect_true(leat_await(io, NULL));
}

static void close_listener(void *listener, leat_loop *loop)
{
	(void)loop;
	leat_listener_close(listener);
}

static void stop(struct worker *worker)
{
	if (worker->listener)
		leat_post(worker->remote, close_listener, leat_ctx_borrow(worker->listener));
	leat_remote_unref(worker->remote);
	pthread_join(worker->thread, NULL);
}

/* ---- a client ---- */

static void talks(leat_loop *loop, const leat_addr *where)
{
	leat_flow *flow = leat_await_flow(leat_connect_addr(loop, where, NULL), NULL);
	char heard[4] = { 0 };

	expect_true(leat_await(leat_flow_write(flow, "hay", 3), NULL));
	expect_int(leat_await_int(leat_flow_read_into(flow, heard, 3, 3), NULL), 3);
	expect_str(heard, "hay");
	expect_true(leat_await(leat_flow_close(flow), NULL));
	leat_flow_unref(flow);
}

/* ---- an accept loop that hands over ---- */

struct office {
	struct worker workers[WORKERS];
	leat_listener *listener;
	unsigned next;
};

static leat_io *close_it(void *flow, leat_result *result)
{
	(void)result;
	return leat_flow_close(flow);
}

static void drop_it(void *flow)
{
	leat_flow_unref(flow);
}

/* On the worker's thread: the life of the connection. */
static void adopt(void *parcel, leat_loop *loop)
{
	leat_flow *flow = leat_flow_import(loop, parcel);
	leat_io *io = leat_io_then(echo_once(flow), close_it, leat_ctx_borrow(flow));

	leat_io_detach(leat_io_hold(io, leat_ctx_own(flow, drop_it)));
}

static leat_io *hand_over(void *ctx, leat_result *result)
{
	struct office *office = ctx;
	struct worker *worker = &office->workers[office->next++ % WORKERS];
	leat_flow *flow = leat_result_flow(result);
	leat_parcel *parcel;

	worker->served++;
	expect_ok(leat_flow_export(flow, &parcel));
	leat_flow_unref(flow);
	expect_int(leat_post(worker->remote, adopt, leat_ctx_parcel(parcel)), LEAT_NONE);
	return leat_io_int(leat_result_loop(result), 1);
}

static leat_io *accept_one(void *ctx, leat_result *result)
{
	struct office *office = ctx;

	(void)result;
	return leat_io_then(leat_accept(office->listener), hand_over, leat_ctx_borrow(office));
}

START_TEST(connections_are_handed_over_to_two_loops_on_two_threads)
{
	struct world w;
	struct office office = { .next = 0 };
	leat_addr where;
	leat_io *accepting;

	world_open(&w);
	for (int i = 0; i < WORKERS; i++)
		start(&w, &office.workers[i]);
	office.listener = leat_listen(w.loop, "tcp:127.0.0.1:0", NULL);
	where = leat_listener_addr(office.listener);
	accepting = leat_io_repeat(w.loop, accept_one, leat_ctx_borrow(&office));
	for (int i = 0; i < CONNECTIONS; i++)
		talks(w.loop, &where);
	leat_io_cancel(accepting);
	leat_listener_unref(office.listener);
	for (int i = 0; i < WORKERS; i++) {
		stop(&office.workers[i]);
		expect_int(office.workers[i].served, CONNECTIONS / WORKERS);
	}
	world_close(&w);
}
END_TEST

/* ---- leat_serve that hands over ---- */

static leat_io *hand_on(void *ctx, leat_flow *flow)
{
	struct worker *worker = ctx;
	leat_parcel *parcel;

	expect_ok(leat_flow_export(flow, &parcel));
	worker->served++;
	expect_int(leat_post(worker->remote, adopt, leat_ctx_parcel(parcel)), LEAT_NONE);
	return NULL;
}

START_TEST(a_handler_may_hand_its_flow_over)
{
	struct world w;
	struct worker worker = { .served = 0 };
	leat_listener *listener;
	leat_addr where;
	leat_io *service;

	world_open(&w);
	start(&w, &worker);
	listener = leat_listen(w.loop, "tcp:127.0.0.1:0", NULL);
	where = leat_listener_addr(listener);
	service = leat_serve(listener, NULL, hand_on, &worker);
	for (int i = 0; i < 5; i++)
		talks(w.loop, &where);
	leat_io_cancel(service);
	stop(&worker);
	expect_int(worker.served, 5);
	world_close(&w);
}
END_TEST

/* ---- one port, a listener in each loop ---- */

START_TEST(loops_on_two_threads_share_a_port)
{
	struct world w;
	struct worker workers[WORKERS] = { 0 };
	leat_listen_options options = { .size = sizeof options, .reuse_port = true };
	leat_listener *first;
	char address[64];
	leat_addr where;

	world_open(&w);
	/* bound for as long as the others come, never accepting itself */
	first = leat_listen(w.loop, "tcp:127.0.0.1:0", &options);
	where = leat_listener_addr(first);
	leat_addr_print(&where, address, sizeof address);
	for (int i = 0; i < WORKERS; i++) {
		workers[i].address = address;
		start(&w, &workers[i]);
		expect_ok(leat_listener_error(workers[i].listener));
	}
	leat_listener_unref(first);
	for (int i = 0; i < CONNECTIONS; i++)
		talks(w.loop, &where);
	for (int i = 0; i < WORKERS; i++)
		stop(&workers[i]);
	expect_int(workers[0].served + workers[1].served, CONNECTIONS);
	world_close(&w);
}
END_TEST

SUITE("workers", connections_are_handed_over_to_two_loops_on_two_threads, a_handler_may_hand_its_flow_over,
	loops_on_two_threads_share_a_port)
