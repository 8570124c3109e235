/* SPDX-License-Identifier: ISC */
/* options - whoever is given a struct without its size says so, and does not go on
 *
 * A row is a deed with one such struct; it runs in a child, which must end there.
 */
#include <leat/leat.h>

#include "support/dies.h"
#include "support/suite.h"
#include "support/world.h"

static struct world w;
static leat_flow *one, *other;
static leat_channel *channel;
static const char *const argv[] = { "true", NULL };

static leat_io *serves(void *ctx, leat_flow *flow)
{
	(void)ctx;
	(void)flow;
	return NULL;
}

static leat_io *goes_on(void *ctx, leat_result *result)
{
	(void)ctx;
	(void)result;
	return NULL;
}

static leat_io *runs(void *ctx, leat_loop *loop)
{
	(void)ctx;
	(void)loop;
	return NULL;
}

/* ---- options: what was asked for would not be ---- */

static void loop_options(void) { leat_loop_free(leat_loop_new(w.base, &(leat_loop_options){ .budget = 1 })); }

static void memory(void)
{
	leat_loop_free(leat_loop_new(w.base, &(leat_loop_options){ .size = sizeof(leat_loop_options),
		.memory = &(leat_memory){ .ctx = &w } }));
}

static void fiber_options(void)
{
	leat_io_detach(leat_fiber_with(w.loop, &(leat_fiber_options){ .stack_bytes = 1 }, runs, leat_ctx_none()));
}

static void scope_options(void) { leat_scope_free(leat_scope_new(w.loop, &(leat_scope_options){ .keep_going = true })); }

static void retry_options(void)
{
	leat_io_detach(leat_retry(w.loop, &(leat_retry_options){ .tries = 1 }, goes_on, leat_ctx_none()));
}

static void trace(void) { leat_trace_start(w.loop, &(leat_trace){ .stall_ms = 1 }); }

static void dump_options(void)
{
	char out[99];

	leat_dump_text(w.loop, out, sizeof out, &(leat_dump_options){ .most_lines = 1 });
}

static void flow_limits(void) { leat_flow_set_limits(one, &(leat_flow_limits){ .idle_ms = 1 }); }

static void connect_options(void)
{
	leat_io_detach(leat_connect(w.loop, "unix:/nowhere", &(leat_connect_options){ .timeout_ms = 1 }));
}

static void listen_options(void)
{
	leat_listener_unref(leat_listen(w.loop, "tcp:127.0.0.1:0", &(leat_listen_options){ .backlog = 1 }));
}

static void serve_options(void)
{
	leat_listener *listener = leat_listen(w.loop, "tcp:127.0.0.1:0", NULL);

	leat_io_detach(leat_serve(listener, &(leat_serve_options){ .max_connections = 1 }, serves, NULL));
}

static void child_options(void) { leat_child_unref(leat_child_new(w.loop, argv, &(leat_child_options){ .dir = "/" })); }

static void run_options(void) { leat_io_detach(leat_run(w.loop, argv, &(leat_run_options){ .limit_bytes = 1 })); }

static void run_child(void)
{
	leat_io_detach(leat_run(w.loop, argv, &(leat_run_options){ .size = sizeof(leat_run_options),
		.child = &(leat_child_options){ .dir = "/" } }));
}

static void limit(void) { leat_flow_unref(leat_limit_new(one, &(leat_limit){ .read_bytes = 1 })); }

static void tee_options(void)
{
	leat_flow_unref(leat_tee_new(one, other, &(leat_tee_options){ .directions = LEAT_WRITE }));
}

static void copy_options(void)
{
	leat_io_detach(leat_copy_most(one, other, LEAT_COPY_ALL, &(leat_copy_options){ .by_bufs = true }));
}

static void proxy_options(void) { leat_io_detach(leat_proxy(one, other, &(leat_proxy_options){ .idle_ms = 1 })); }

static void format_received(void)
{
	leat_io_detach(leat_frame_receive(channel, &(leat_frame_format){ .max_bytes = 1 }));
}

static void format_put(void) { leat_frame_put(channel, &(leat_frame_format){ .width = 2 }, "x", 1); }

static void format_sent(void) { leat_io_detach(leat_frame_send(channel, &(leat_frame_format){ .width = 2 }, "x", 1)); }

/* ---- what is filled by us, or lent ---- */

static void flow_info(void) { leat_flow_info_get(one, &(leat_flow_info){ .fd = 0 }); }

static void loop_stats(void) { leat_loop_stats_get(w.loop, &(leat_loop_stats){ .turns = 0 }); }

static void lease(void) { leat_flow_lease(one, LEAT_READ, &(leat_lease){ .ctx = NULL }); }

/* ---- what makes things of yours ---- */

static void flow_ops(void)
{
	static const leat_flow_ops ops = { .name = "own" };
	void *state;

	leat_flow_unref(leat_flow_new(w.loop, &ops, &state));
}

static void listener_ops(void)
{
	static const leat_listener_ops ops = { .name = "own" };
	void *state;

	leat_listener_unref(leat_listener_new(w.loop, &ops, &state));
}

static void coder(void)
{
	static const leat_coder own = { .name = "own" };

	leat_flow_unref(leat_transform_new(one, &own, NULL));
}

static void scheme(void)
{
	static const leat_scheme own = { .name = "own" };

	leat_loop_add_scheme(w.loop, &own);
}

static void leaf(void)
{
	static const leat_leaf own = { .name = "own" };
	leat_maker maker;

	leat_io_detach(leat_io_new(w.loop, &maker, &own, NULL));
}

static void type(void)
{
	static const leat_type own = { .name = "own" };

	leat_io_detach(leat_io_ptr(w.loop, &w, &own));
	world_run(&w);
}

static void giver(void)
{
	static const leat_giver own = { .give_back = NULL };
	leat_maker maker;

	leat_io_detach(leat_io_new(w.loop, &maker, NULL, NULL));
	leat_resolve_lent(maker, &w, &leat_int_type, &own, NULL);
}

static void error_domain(void)
{
	static const leat_error_domain own = { .name = "own" };

	(void)leat_error_make(&own, 1);
}

static const struct row {
	const char *type;
	void (*deed)(void);
} rows[] = {
	{ "leat_loop_options", loop_options },
	{ "leat_memory", memory },
	{ "leat_fiber_options", fiber_options },
	{ "leat_scope_options", scope_options },
	{ "leat_retry_options", retry_options },
	{ "leat_trace", trace },
	{ "leat_dump_options", dump_options },
	{ "leat_flow_limits", flow_limits },
	{ "leat_connect_options", connect_options },
	{ "leat_listen_options", listen_options },
	{ "leat_serve_options", serve_options },
	{ "leat_child_options", child_options },
	{ "leat_run_options", run_options },
	{ "leat_child_options", run_child },
	{ "leat_limit", limit },
	{ "leat_tee_options", tee_options },
	{ "leat_copy_options", copy_options },
	{ "leat_proxy_options", proxy_options },
	{ "leat_frame_format", format_received },
	{ "leat_frame_format", format_put },
	{ "leat_frame_format", format_sent },
	{ "leat_flow_info", flow_info },
	{ "leat_loop_stats", loop_stats },
	{ "leat_lease", lease },
	{ "leat_flow_ops", flow_ops },
	{ "leat_listener_ops", listener_ops },
	{ "leat_coder", coder },
	{ "leat_scheme", scheme },
	{ "leat_leaf", leaf },
	{ "leat_type", type },
	{ "leat_giver", giver },
	{ "leat_error_domain", error_domain },
};
enum { ROWS = sizeof rows / sizeof *rows };

static const struct row *row;

static void do_it(void)
{
	leat_flow *ends[2];

	world_open(&w);
	leat_flow_pair(w.loop, ends);
	one = ends[0];
	other = ends[1];
	leat_flow_pair(w.loop, ends);
	channel = leat_channel_new(ends[0]);
	row->deed();
}

START_TEST(a_struct_without_its_size_is_named)
{
	char words[128];

	row = &rows[_i];
	snprintf(words, sizeof words, "a %s was given whose size is 0: set it to sizeof(%s)", row->type, row->type);
	expect_dies(do_it, words);
}
END_TEST

SUITE("options", EACH(a_struct_without_its_size_is_named, ROWS))
