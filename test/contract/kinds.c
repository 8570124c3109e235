/* SPDX-License-Identifier: ISC */
/* kinds - who must obey the contract of a flow: one row each
 *
 * To add a kind write how two connected ends of it are made, and its row in the
 * table at the end. What it cannot obey is said there, with the reason, and printed
 * by the suite.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <termios.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include <leat/net.h>

#include "contract/code.h"
#include "contract/kinds.h"

/* ---- descriptors, made without leat ---- */

bool fds_unix(int fds[2])
{
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0;
}

/* Connects to a port that the kernel chose: both ends are there at once. */
static bool fds_meet(int listening, int fds[2])
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t bytes = sizeof addr;

	if (bind(listening, (struct sockaddr *)&addr, bytes) < 0 || listen(listening, 1) < 0)
		return false;
	if (getsockname(listening, (struct sockaddr *)&addr, &bytes) < 0)
		return false;
	if (connect(fds[0], (struct sockaddr *)&addr, bytes) < 0)
		return false;
	fds[1] = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	for (int i = 0; i < 2; i++) /* what was written is at the other end, not waiting for company */
		setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	return fds[1] >= 0 && evutil_make_socket_nonblocking(fds[0]) == 0;
}

bool fds_tcp(int fds[2])
{
	int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool met;

	fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	met = fds_meet(listening, fds);
	close(listening);
	return met;
}

/* ---- leat's own ---- */

static bool make_pair(leat_loop *loop, leat_flow *ends[2])
{
	leat_flow_pair(loop, ends);
	return true;
}

static bool make_null(leat_loop *loop, leat_flow *ends[2])
{
	ends[0] = leat_flow_null(loop);
	ends[1] = leat_flow_null(loop);
	return true;
}

static bool make_socket(leat_loop *loop, leat_flow *ends[2])
{
	int fds[2];

	if (!fds_unix(fds))
		return false;
	ends[0] = leat_flow_from_fd(loop, fds[0]);
	ends[1] = leat_flow_from_fd(loop, fds[1]);
	return true;
}

static bool make_pipe(leat_loop *loop, leat_flow *ends[2])
{
	int fds[2];

	if (pipe(fds) < 0)
		return false;
	ends[0] = leat_flow_from_fd(loop, fds[0]);
	ends[1] = leat_flow_from_fd(loop, fds[1]);
	return true;
}

static bool make_fds(leat_loop *loop, leat_flow *ends[2])
{
	int there[2], back[2];

	if (pipe(there) < 0 || pipe(back) < 0)
		return false;
	ends[0] = leat_flow_from_fds(loop, back[0], there[1]);
	ends[1] = leat_flow_from_fds(loop, there[0], back[1]);
	return true;
}

/* A terminal that changes nothing of what passes: fds[0] is its owner's end. */
static bool fds_tty(int fds[2])
{
	struct termios how;

	if (openpty(&fds[0], &fds[1], NULL, NULL, NULL) < 0)
		return false;
	tcgetattr(fds[1], &how);
	cfmakeraw(&how);
	tcsetattr(fds[1], TCSANOW, &how);
	return true;
}

static bool have_tty(void)
{
	int fds[2];

	if (!fds_tty(fds))
		return false;
	close(fds[0]);
	close(fds[1]);
	return true;
}

/* One way each: both on one descriptor cannot end one by one. */
static bool make_tty(leat_loop *loop, leat_flow *ends[2])
{
	int fds[2];

	if (!fds_tty(fds))
		return false;
	ends[0] = leat_flow_from_fds(loop, fds[0], -1);
	ends[1] = leat_flow_from_fds(loop, -1, fds[1]);
	return true;
}

static bool make_tty_owner(leat_loop *loop, leat_flow *ends[2])
{
	int fds[2];

	if (!fds_tty(fds))
		return false;
	ends[0] = leat_flow_from_fds(loop, fds[1], -1);
	ends[1] = leat_flow_from_fds(loop, -1, fds[0]);
	return true;
}

static leat_flow *await_flow(leat_io *io)
{
	leat_result result;
	leat_flow *flow = leat_await(io, &result) ? leat_result_flow(&result) : NULL;

	leat_result_clear(&result);
	return flow;
}

/* Listens there, connects to it, accepts. */
static bool dial(leat_loop *loop, const char *where, leat_flow *ends[2])
{
	leat_listener *listener = leat_listen(loop, where, NULL);
	leat_addr addr = leat_listener_addr(listener);
	leat_io *accepted = leat_accept(listener);

	ends[0] = await_flow(leat_connect_addr(loop, &addr, NULL));
	if (!ends[0])
		leat_io_cancel(accepted);
	else
		ends[1] = await_flow(accepted);
	leat_listener_unref(listener);
	if (ends[0] && ends[1])
		return true;
	leat_flow_unref(ends[0]);
	leat_flow_unref(ends[1]);
	ends[0] = ends[1] = NULL;
	return false;
}

static bool make_tcp4(leat_loop *loop, leat_flow *ends[2])
{
	return dial(loop, "tcp:127.0.0.1:0", ends);
}

static bool make_tcp6(leat_loop *loop, leat_flow *ends[2])
{
	return dial(loop, "tcp:[::1]:0", ends);
}

static bool have_tcp6(void)
{
	struct sockaddr_in6 addr = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	bool here = fd >= 0 && bind(fd, (struct sockaddr *)&addr, sizeof addr) == 0;

	if (fd >= 0)
		close(fd);
	return here;
}

static bool make_unix(leat_loop *loop, leat_flow *ends[2])
{
	char folder[] = "/tmp/leat-contract-XXXXXX", where[64];
	bool made;

	if (!mkdtemp(folder))
		return false;
	snprintf(where, sizeof where, "unix:%s/socket", folder);
	made = dial(loop, where, ends);
	rmdir(folder);
	return made;
}

static bool make_abstract(leat_loop *loop, leat_flow *ends[2])
{
	static unsigned number;
	char where[64];

	snprintf(where, sizeof where, "unix:@leat-contract-%ld-%u", (long)getpid(), number++);
	return dial(loop, where, ends);
}

static bool make_layer(leat_loop *loop, leat_flow *ends[2])
{
	if (!make_socket(loop, ends))
		return false;
	for (int i = 0; i < 2; i++)
		ends[i] = layer_over(loop, ends[i]);
	return true;
}

/* ---- bufferevents of the user's ---- */

static bool bevs_over_tcp(leat_loop *loop, struct bufferevent *bevs[2])
{
	int fds[2];

	if (!fds_tcp(fds))
		return false;
	for (int i = 0; i < 2; i++)
		bevs[i] = bufferevent_socket_new(leat_loop_base(loop), fds[i], BEV_OPT_CLOSE_ON_FREE);
	return true;
}

/* The first has been reading, as most have whose maker used them; the other not yet. */
static bool adopt(leat_loop *loop, struct bufferevent *bevs[2], leat_flow *ends[2])
{
	bufferevent_enable(bevs[0], EV_READ);
	for (int i = 0; i < 2; i++)
		ends[i] = leat_flow_from_bufferevent(loop, bevs[i]);
	return true;
}

static bool make_bev(leat_loop *loop, leat_flow *ends[2])
{
	struct bufferevent *bevs[2];

	return bevs_over_tcp(loop, bevs) && adopt(loop, bevs, ends);
}

/* A timeout, however long, keeps it from being promoted. */
static bool make_bev_timeouts(leat_loop *loop, leat_flow *ends[2])
{
	const struct timeval hour = { .tv_sec = 3600 };
	struct bufferevent *bevs[2];

	if (!bevs_over_tcp(loop, bevs))
		return false;
	for (int i = 0; i < 2; i++)
		bufferevent_set_timeouts(bevs[i], &hour, &hour);
	return adopt(loop, bevs, ends);
}

/* One that was freed before its partner was adopted tells the partner nothing. */
static bool make_bev_pair(leat_loop *loop, leat_flow *ends[2])
{
	struct bufferevent *bevs[2];
	leat_flow_info first = { .size = sizeof first };

	if (bufferevent_pair_new(leat_loop_base(loop), BEV_OPT_CLOSE_ON_FREE, bevs) < 0)
		return false;
	adopt(loop, bevs, ends);
	leat_flow_info_get(ends[0], &first);
	if (first.closed)
		leat_flow_abort(ends[1]);
	return true;
}

unsigned trailers_sent, trailers_seen;

struct filter {
	struct code code;
	bool said; /* the trailer is out */
};

/* A size_t, since a limit of -1 is none. */
static size_t at_most(ev_ssize_t limit, size_t n)
{
	return limit >= 0 && (size_t)limit < n ? (size_t)limit : n;
}

static enum bufferevent_filter_result filter_in(struct evbuffer *from, struct evbuffer *to, ev_ssize_t limit,
	enum bufferevent_flush_mode mode, void *ctx)
{
	struct filter *filter = ctx;
	unsigned char bytes[4096];
	size_t n = at_most(limit, sizeof bytes);
	int got = evbuffer_remove(from, bytes, n), kept;
	bool before = filter->code.over;

	if (got <= 0)
		return BEV_NEED_MORE;
	kept = (int)code_decode(&filter->code, bytes, bytes, (size_t)got);
	trailers_seen += filter->code.over && !before;
	evbuffer_add(to, bytes, (size_t)kept);
	return kept > 0 ? BEV_OK : BEV_NEED_MORE;
}

static enum bufferevent_filter_result filter_out(struct evbuffer *from, struct evbuffer *to, ev_ssize_t limit,
	enum bufferevent_flush_mode mode, void *ctx)
{
	struct filter *filter = ctx;
	unsigned char bytes[4096], coded[2 * sizeof bytes];
	int got;

	while ((got = evbuffer_remove(from, bytes, sizeof bytes)) > 0)
		evbuffer_add(to, coded, code_encode(coded, bytes, (size_t)got));
	if (mode == BEV_FINISHED && !filter->said) {
		filter->said = true;
		trailers_sent++;
		evbuffer_add(to, GOODBYE, GOODBYE_BYTES);
	}
	return BEV_OK;
}

static bool make_bev_filter(leat_loop *loop, leat_flow *ends[2])
{
	struct bufferevent *bevs[2];

	if (!bevs_over_tcp(loop, bevs))
		return false;
	for (int i = 0; i < 2; i++)
		bevs[i] = bufferevent_filter_new(bevs[i], filter_in, filter_out, BEV_OPT_CLOSE_ON_FREE, free,
			calloc(1, sizeof(struct filter)));
	return adopt(loop, bevs, ends);
}

/* ---- the rows ---- */

#define READS_ON \
	{ "r9_a_cancelled_read_hides_no_deadlock", "its read of the flow below goes on, and might settle anything" }
#define HUNG_UP "what its owner wrote and nobody has read goes with the terminal, in the kernel"

#define STAYS "what nobody wants stays with the writer"

/* A layer with a goodbye over a pair. */
#define LAYER_OVER_PAIR                                                        \
	{ "r5_what_the_transport_holds_arrives_before_the_error", STAYS },     \
	{ "r5_a_write_that_fails_hides_nothing_that_arrived", STAYS },         \
	READS_ON,                                                              \
	{ "w9_ten_small_writes_in_one_turn_are_one_system_call", "it makes no system calls" }
#define LATER "the flow below ends with its bufferevent, in libevent's next turn"

#define WHOLE "it hands a write on whole: its guard sees it begun by no part"

/* A layer over a pair that passes bytes on as they are. */
#define PASSED_OVER_PAIR                                                       \
	{ "r5_what_the_transport_holds_arrives_before_the_error", STAYS },     \
	{ "r5_a_write_that_fails_hides_nothing_that_arrived", STAYS },         \
	READS_ON,                                                              \
	{ "w9_ten_small_writes_in_one_turn_are_one_system_call", "it makes no system calls" }, \
	{ "w10_a_begun_write_goes_on_by_itself", WHOLE }

const struct kind kinds[] = {
	{ .name = "pair", .make = make_pair, .cut = LEAT_RESET, .exempt = {
		{ "r5_what_the_transport_holds_arrives_before_the_error", "what nobody wants stays with the writer" },
		{ "r5_a_write_that_fails_hides_nothing_that_arrived", "what nobody wants stays with the writer" },
		{ "w9_ten_small_writes_in_one_turn_are_one_system_call", "it makes no system calls" },
		{ "w10_a_begun_write_goes_on_by_itself", "a write moves over whole, so it is never begun" } } },
	{ .name = "socket", .make = make_socket },
	{ .name = "tcp4", .make = make_tcp4, .cut = LEAT_RESET },
	{ .name = "tcp6", .make = make_tcp6, .cut = LEAT_RESET, .here = have_tcp6 },
	{ .name = "unix", .make = make_unix },
	{ .name = "abstract", .make = make_abstract },
	{ .name = "fds", .make = make_fds },
	{ .name = "pipe", .make = make_pipe, .one_way = true },
	{ .name = "tty", .make = make_tty, .one_way = true, .here = have_tty },
	{ .name = "tty-owner", .make = make_tty_owner, .one_way = true, .here = have_tty, .exempt = {
		{ "r4_what_is_in_flight_arrives_after_the_peers_close", HUNG_UP },
		{ "r4_what_is_in_flight_can_be_taken_after_the_peers_close", HUNG_UP },
		{ "r5_what_the_transport_holds_arrives_before_the_error", HUNG_UP },
		{ "r10_unread_comes_before_the_end", HUNG_UP },
		{ "w3_order_is_kept", HUNG_UP },
		{ "w10_the_stream_has_no_hole_at_any_moment", HUNG_UP },
		{ "h1_shutdown_write_flushes_and_tells_the_peer", HUNG_UP },
		{ "h1_it_resolves_only_when_the_peer_has_been_told", HUNG_UP },
		{ "c1_close_flushes_everything_and_signals_the_end", HUNG_UP },
		{ "c5_the_stall_limit_restarts_on_progress", HUNG_UP },
		{ "c11_a_detached_close_goes_on", HUNG_UP } } },
	{ .name = "null", .make = make_null, .alone = true },
	{ .name = "layer", .make = make_layer, .flows = 2, .exempt = {
		READS_ON,
		{ "c5_the_stall_limit_restarts_on_progress", "it hands a write on whole: the guard sees no progress" },
		{ "w9_ten_small_writes_in_one_turn_are_one_system_call", "it makes no system calls" },
		{ "w10_a_begun_write_goes_on_by_itself", "it hands a write on whole, so it is never begun" } } },
	{ .name = "transform", .make = make_transform, .flows = 2, .cut = LEAT_RESET, .exempt = {
		LAYER_OVER_PAIR } },
	{ .name = "transform-socket", .make = make_transform_socket, .flows = 2, .exempt = { READS_ON } },
#ifdef HAVE_ZLIB
	{ .name = "zlib", .make = make_zlib_pair, .flows = 2, .cut = LEAT_RESET, .exempt = { LAYER_OVER_PAIR } },
	{ .name = "zlib-socket", .make = make_zlib_socket, .flows = 2, .exempt = { READS_ON } },
	{ .name = "zlib-bev", .make = make_zlib_bev, .flows = 2, .cut = LEAT_RESET, .signals = true, .exempt = { READS_ON } },
#endif
#ifdef HAVE_ZSTD
	{ .name = "zstd", .make = make_zstd_pair, .flows = 2, .cut = LEAT_RESET, .exempt = {
		LAYER_OVER_PAIR,
		{ "w10_a_begun_write_goes_on_by_itself", "of the text it makes so little that no write is left waiting" } } },
#endif
	{ .name = "limit", .make = make_limit, .flows = 2, .cut = LEAT_RESET, .exempt = { PASSED_OVER_PAIR } },
	{ .name = "rate", .make = make_rate, .flows = 2, .cut = LEAT_RESET, .exempt = { PASSED_OVER_PAIR } },
	{ .name = "tee", .make = make_tee, .flows = 3, .cut = LEAT_RESET, .exempt = { PASSED_OVER_PAIR } },
	{ .name = "tee-socket", .make = make_tee_socket, .flows = 3, .cut = LEAT_RESET, .exempt = {
		READS_ON,
		{ "c5_the_stall_limit_restarts_on_progress", WHOLE },
		{ "w10_a_begun_write_goes_on_by_itself", WHOLE } } },
	{ .name = "joint", .make = make_joint, .flows = 3, .cut = LEAT_RESET, .exempt = { PASSED_OVER_PAIR } },
	{ .name = "bev", .make = make_bev, .cut = LEAT_RESET },
	{ .name = "bev-timeouts", .make = make_bev_timeouts, .cut = LEAT_RESET, .signals = true },
	{ .name = "bev-pair", .make = make_bev_pair,
	  .beyond = "R1: a partner that no flow has may be freed, which libevent does not tell a pending read", .exempt = {
		{ "w9_ten_small_writes_in_one_turn_are_one_system_call", "it makes no system calls" },
		{ "w10_a_begun_write_goes_on_by_itself", "libevent moves a write over whole, so it is never begun" } } },
	{ .name = "bev-filter", .make = make_bev_filter, .cut = LEAT_RESET, .signals = true },
	{ .name = "bridge", .make = make_bridge, .cut = LEAT_RESET, .flows = 2, .exempt = {
		{ "w9_ten_small_writes_in_one_turn_are_one_system_call", "it makes no system calls" },
		{ "c11_cancelling_the_last_close_aborts_the_flow", LATER },
		{ "a1_abort_never_waits", LATER },
		{ "a2_unref_inside_the_own_reads_callback", LATER },
		{ "a2_both_freed_inside_a_reads_callback", LATER },
		{ "a2_freed_inside_a_writes_callback", LATER },
		{ "a2_freed_inside_a_flushs_callback", LATER },
		{ "a2_freed_inside_a_shutdowns_callback", LATER },
		{ "a3_the_handle_is_counted", LATER },
		{ "a3_the_last_unref_aborts", LATER },
		{ "a5_taking_a_busy_flow_is_refused", LATER },
		{ "o1_each_allocation_may_fail", "a failure is told in libevent's next turn, the end may have been told by then" },
		{ "o2_each_allocation_may_fail_with_few_cells_in_stock", "as before" } } },
#ifdef HAVE_EVENT_SSL
	{ .name = "openssl", .make = make_openssl, .cut = LEAT_RESET, .signals = true, .exempt = {
		{ "w8_a_flush_tries_the_transport_inside_the_call", "OpenSSL's bufferevents write in a later turn" } } },
	{ .name = "openssl-filter", .make = make_openssl_filter, .cut = LEAT_RESET, .signals = true,
	  .exempt = {
		{ "w8_a_flush_tries_the_transport_inside_the_call", "OpenSSL's bufferevents write in a later turn" } } },
#endif
#ifdef HAVE_TLS
	{ .name = "tls-pair", .make = make_tls_pair, .cut = LEAT_RESET, .flows = 2, .exempt = {
		{ "r5_what_the_transport_holds_arrives_before_the_error", "what nobody wants stays with the writer" },
		{ "r5_a_write_that_fails_hides_nothing_that_arrived", "what nobody wants stays with the writer" },
		{ "w9_ten_small_writes_in_one_turn_are_one_system_call", "it makes no system calls" } } },
	{ .name = "tls-socket", .make = make_tls_socket, .cut = LEAT_RESET, .flows = 2, .exempt = { READS_ON } },
	{ .name = "tls-bev", .make = make_tls_bev, .cut = LEAT_RESET, .flows = 2, .signals = true, .exempt = { READS_ON } },
	{ .name = "tls-tls", .make = make_tls_tls, .cut = LEAT_RESET, .flows = 3, .exempt = { READS_ON } },
#ifdef HAVE_ZLIB
	{ .name = "tls-zlib", .make = make_tls_zlib, .cut = LEAT_RESET, .flows = 3, .exempt = {
		READS_ON,
		{ "r5_what_the_transport_holds_arrives_before_the_error", STAYS },
		{ "r5_a_write_that_fails_hides_nothing_that_arrived", STAYS },
		{ "w9_ten_small_writes_in_one_turn_are_one_system_call", "it makes no system calls" } } },
#endif
#endif
};
const size_t n_kinds = sizeof kinds / sizeof *kinds;
