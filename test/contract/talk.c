/* SPDX-License-Identifier: ISC */
/* talk - the words in which the clauses are written */
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "contract/talk.h"

const struct kind *kind;
struct stage stage;
leat_flow *a, *b;

void drop(leat_flow **flow)
{
	leat_flow *it = *flow;

	*flow = NULL;
	leat_flow_unref(it);
}

void fresh(void)
{
	leat_flow *ends[2] = { NULL, NULL };

	drop(&a);
	drop(&b);
	expect_true(kind->make(stage.loop, ends));
	a = ends[0];
	b = ends[1];
}

void settle(void)
{
	stage_settle(&stage);
}

void a_moment(void)
{
	leat_io *soon = leat_sleep(stage.loop, 1);

	expect_true(leat_await(soon, NULL));
}

/* ---- outcomes ---- */

leat_error outcome(leat_io *io)
{
	leat_result result;
	leat_error error = { 0 };

	if (!leat_await(io, &result))
		error = leat_result_error(&result);
	leat_result_clear(&result);
	return error;
}

void whatever(leat_io *io)
{
	leat_error error = outcome(io);

	ck_assert_msg(!leat_error_is(error, LEAT_DEADLOCK), "nothing could settle it any more");
}

leat_error ending(leat_io *io)
{
	leat_result result;
	leat_error how;

	if (!leat_await(io, &result))
		ck_abort_msg("a close failed with %s", leat_kind_name(leat_error_kind(leat_result_error(&result))));
	how = leat_result_ending(&result);
	leat_result_clear(&result);
	return how;
}

void still(leat_io *io, const char *text)
{
	leat_result result;

	if (!leat_io_try(io, &result))
		return;
	ck_abort_msg("%s settled too early: %s", text,
		leat_result_ok(&result) ? "with success" : leat_kind_name(leat_error_kind(leat_result_error(&result))));
}

void broken(leat_error error, const char *text)
{
	leat_kind what = leat_error_kind(error);

	ck_assert_msg(what == LEAT_CLOSED || what == LEAT_RESET, "%s is %s, not closed or reset", text,
		leat_kind_name(what));
}

/* ---- saying and hearing ---- */

struct got get(leat_io *read)
{
	struct got got = { 0 };
	leat_result result;

	if (leat_await(read, &result))
		got.buf = leat_result_buf(&result);
	else
		got.error = leat_result_error(&result);
	leat_result_clear(&result);
	if (got.buf)
		expect(leat_buf_size(got.buf) > 0);
	return got;
}

void say(leat_flow *flow, const char *text)
{
	expect_done(leat_flow_write(flow, text, strlen(text)));
}

static void expected(const struct got *got, const char *text, int line)
{
	ck_assert_msg(!leat_error_set(got->error), "line %d: wanted \"%s\", got %s from %s", line, text,
		leat_kind_name(leat_error_kind(got->error)), got->error.where);
	ck_assert_msg(got->buf != NULL, "line %d: wanted \"%s\", got the end", line, text);
}

void hears(leat_flow *flow, const char *text, int line)
{
	size_t left = strlen(text);

	while (left > 0) {
		struct got got = get(leat_flow_read(flow));
		size_t n;

		expected(&got, text, line);
		n = leat_buf_size(got.buf);
		ck_assert_msg(n <= left && memcmp(leat_buf_data(got.buf), text, n) == 0,
			"line %d: wanted \"%s\", got %zu bytes \"%.*s\"", line, text, n, (int)n,
			(const char *)leat_buf_data(got.buf));
		leat_buf_unref(got.buf);
		text += n;
		left -= n;
	}
}

void brings(leat_io *read, const char *text, int line)
{
	struct got got = get(read);

	if (text) {
		expected(&got, text, line);
		ck_assert_msg(leat_buf_size(got.buf) == strlen(text) &&
			memcmp(leat_buf_data(got.buf), text, strlen(text)) == 0,
			"line %d: wanted \"%s\", got \"%.*s\"", line, text, (int)leat_buf_size(got.buf),
			(const char *)leat_buf_data(got.buf));
		leat_buf_unref(got.buf);
		return;
	}
	ck_assert_msg(!leat_error_set(got.error), "line %d: wanted the end, got %s from %s", line,
		leat_kind_name(leat_error_kind(got.error)), got.error.where);
	ck_assert_msg(!got.buf, "line %d: wanted the end, got %zu bytes", line, leat_buf_size(got.buf));
}

void hears_end(leat_flow *flow, int line)
{
	brings(leat_flow_read(flow), NULL, line);
}

size_t hears_cut(leat_flow *flow)
{
	size_t before = 0;
	struct got got;

	while ((got = get(leat_flow_read(flow))).buf) {
		before += leat_buf_size(got.buf);
		leat_buf_unref(got.buf);
	}
	if (kind->cut != LEAT_NONE)
		expect_kind(got.error, kind->cut);
	return before;
}

size_t ends_live(void)
{
	size_t flows = kind->flows ? kind->flows : 1;

	return (stage_stats(&stage).flows_live + flows - 1) / flows;
}

leat_flow_info info(leat_flow *flow)
{
	leat_flow_info known = { .size = sizeof known };

	leat_flow_info_get(flow, &known);
	return known;
}

void limit(leat_flow *flow, leat_flow_limits limits)
{
	expect_ok(leat_flow_set_limits(flow, &limits));
}

void part(void)
{
	leat_io *one = leat_flow_close(a), *other = leat_flow_close(b);

	expect_ends(one, LEAT_NONE);
	expect_ends(other, LEAT_NONE);
}

/* ---- much ---- */

unsigned char text_at(uint64_t at)
{
	return (unsigned char)((at * 31 + (at >> 8) * 7 + (at >> 16)) & 0xff);
}

void text_fill(void *out, uint64_t at, size_t n)
{
	unsigned char *bytes = out;

	for (size_t i = 0; i < n; i++)
		bytes[i] = text_at(at + i);
}

static leat_buf *text_buf(uint64_t at, size_t n)
{
	leat_buf *buf = leat_buf_new(stage.loop, n);

	if (!leat_buf_failed(buf))
		text_fill(leat_buf_space(buf), at, n);
	return buf;
}

static bool is_text(const leat_buf *buf, uint64_t at)
{
	const unsigned char *bytes = leat_buf_data(buf);
	size_t n = leat_buf_size(buf);

	for (size_t i = 0; i < n; i++)
		if (bytes[i] != text_at(at + i))
			return false;
	return true;
}

static leat_io *again(void *ctx, leat_result *result)
{
	return leat_io_int(leat_result_loop(result), 1);
}

static leat_io *push(void *ctx, leat_result *result)
{
	struct pump *pump = ctx;
	uint64_t left = pump->total - pump->at;
	size_t n = left < pump->piece ? (size_t)left : pump->piece;
	leat_buf *buf;

	if (n == 0)
		return leat_io_int(stage.loop, 0);
	buf = text_buf(pump->at, n);
	pump->at += n;
	return leat_io_then(leat_flow_send(pump->flow, buf), again, leat_ctx_none());
}

leat_io *pump_out(struct pump *pump, leat_flow *flow, uint64_t total, size_t piece)
{
	*pump = (struct pump){ .flow = flow, .total = total, .piece = piece };
	return leat_io_repeat(stage.loop, push, leat_ctx_borrow(pump));
}

void pump_took(struct pump *pump, leat_buf *buf)
{
	pump->wrong |= !is_text(buf, pump->at) || leat_buf_size(buf) == 0;
	pump->at += leat_buf_size(buf);
	leat_buf_unref(buf);
}

static leat_io *on_piece(void *ctx, leat_result *result)
{
	leat_buf *buf = leat_result_buf(result);

	if (!buf)
		return leat_io_int(stage.loop, 0);
	pump_took(ctx, buf);
	return leat_io_int(stage.loop, 1);
}

static leat_io *pull(void *ctx, leat_result *result)
{
	struct pump *pump = ctx;

	return leat_io_then(leat_flow_read(pump->flow), on_piece, leat_ctx_borrow(pump));
}

leat_io *pump_in(struct pump *pump, leat_flow *flow)
{
	*pump = (struct pump){ .flow = flow };
	return leat_io_repeat(stage.loop, pull, leat_ctx_borrow(pump));
}

leat_io *send_text(leat_flow *flow, size_t n)
{
	return leat_flow_send(flow, text_buf(0, n));
}

void hears_text(leat_flow *flow, uint64_t at, uint64_t n, int line)
{
	uint64_t last = at + n;

	while (at < last) {
		struct got got = get(leat_flow_read(flow));

		expected(&got, "more of the text", line);
		ck_assert_msg(is_text(got.buf, at), "line %d: not the text at %llu", line, (unsigned long long)at);
		at += leat_buf_size(got.buf);
		leat_buf_unref(got.buf);
	}
	ck_assert_msg(at == last, "line %d: %llu bytes too much", line, (unsigned long long)(at - last));
}

void come_to_rest(leat_flow *flow)
{
	size_t before = 0;

	for (int quiet = 0; quiet < 5; quiet++) {
		a_moment();
		settle();
		if (info(flow).queued_bytes != before)
			quiet = 0;
		before = info(flow).queued_bytes;
	}
}

leat_io *fill(leat_flow *flow, size_t piece, uint64_t *end)
{
	for (*end = 0;;) {
		leat_io *write = leat_flow_send(flow, text_buf(*end, piece));
		leat_result result;

		*end += piece;
		settle();
		if (info(flow).queued_bytes > piece)
			come_to_rest(flow);
		if (!leat_io_try(write, &result))
			return write;
		ck_assert_msg(leat_result_ok(&result), "a write failed: %s",
			leat_kind_name(leat_error_kind(leat_result_error(&result))));
		leat_result_clear(&result);
		ck_assert_msg(*end < 64 << 20, "64 MiB were accepted and nobody reads");
	}
}

/* ---- system calls: what the program and its libraries call is ours ---- */

bool watching;
unsigned watched_calls;

#define OURS __attribute__((visibility("default")))

OURS ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	watched_calls += watching;
	return syscall(SYS_sendmsg, fd, message, flags);
}

OURS ssize_t send(int fd, const void *data, size_t bytes, int flags)
{
	watched_calls += watching;
	return syscall(SYS_sendto, fd, data, bytes, flags, NULL, 0);
}

OURS ssize_t writev(int fd, const struct iovec *parts, int count)
{
	watched_calls += watching;
	return syscall(SYS_writev, fd, parts, count);
}

OURS ssize_t write(int fd, const void *data, size_t bytes)
{
	watched_calls += watching;
	return syscall(SYS_write, fd, data, bytes);
}
