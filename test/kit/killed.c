/* SPDX-License-Identifier: ISC */
/* killed - a peer that dies at any byte of a conversation, by FIN and by RST, on a real socket
 *
 * The peer says lines and frames; we answer each. What it said before it died is
 * read, whole, and then how it died: a FIN is the end, or an end inside something; an
 * RST is never an end.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <leat/leat.h>

#include "support/suite.h"
#include "support/world.h"

static const char conversation[] = "one\r\n\0\3abc\ntwo\n\0\0last\n\0\1x";
enum { SAID = sizeof conversation - 1 };

/* Where each of the six ends, and what it is. */
static const struct piece {
	size_t end;
	bool frame;
	const char *text;
} pieces[] = {
	{ 5, false, "one" }, { 10, true, "abc" }, { 11, false, "" }, { 15, false, "two" },
	{ 17, true, "" }, { 22, false, "last" }, { SAID, true, "x" },
};
enum { PIECES = sizeof pieces / sizeof *pieces };

static const leat_frame_format format = { .size = sizeof format, .width = 2 };

static struct world w;
static leat_channel *near;

/* ---- a connection ---- */

static int listen_here(struct sockaddr_in *here)
{
	socklen_t bytes = sizeof *here;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	*here = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	expect_int(bind(fd, (struct sockaddr *)here, sizeof *here), 0);
	expect_int(listen(fd, 1), 0);
	expect_int(getsockname(fd, (struct sockaddr *)here, &bytes), 0);
	return fd;
}

/* Gives the peer's descriptor. */
static int begin(void)
{
	struct sockaddr_in here;
	int listening = listen_here(&here), peer = socket(AF_INET, SOCK_STREAM, 0), fd;

	expect_int(connect(peer, (struct sockaddr *)&here, sizeof here), 0);
	fd = accept(listening, NULL, NULL);
	expect(fd >= 0);
	close(listening);
	world_open(&w);
	near = leat_channel_new(leat_flow_from_fd(w.loop, fd));
	return peer;
}

static void finish(void)
{
	leat_channel_free(near);
	world_close(&w);
}

static void say(int peer, size_t bytes)
{
	if (bytes > 0)
		expect_int(write(peer, conversation, bytes), bytes);
}

/* What was answered is read first: a socket that is closed with something unread resets. */
static void die(int peer, bool reset)
{
	struct linger now = { .l_onoff = 1 };
	char answers[256];

	(void)!recv(peer, answers, sizeof answers, MSG_DONTWAIT);
	if (reset)
		expect_int(setsockopt(peer, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
	close(peer);
}

/* ---- our side ---- */

static leat_io *next(const struct piece *piece)
{
	return piece->frame ? leat_frame_receive(near, &format) : leat_channel_line(near, 10);
}

/* It may not arrive, but nothing breaks by it. */
static void answer(leat_buf *buf)
{
	leat_frame_put(near, &format, leat_buf_data(buf), leat_buf_size(buf));
	leat_channel_printf(near, "%zu\n", leat_buf_size(buf));
	(void)leat_await(leat_channel_flush(near), NULL);
}

static void expect_piece(const struct piece *piece, bool answered)
{
	leat_error why;
	leat_buf *buf = leat_await_buf(next(piece), &why);

	expect_ok(why);
	expect_some(buf);
	expect_bytes((const char *)leat_buf_data(buf), leat_buf_size(buf), piece->text);
	expect_false(leat_channel_cut_short(near));
	if (answered)
		answer(buf);
	leat_buf_unref(buf);
}

/* An end: of a line that was begun there is a rest, of a frame only its bytes. */
static void expect_end(const struct piece *piece, size_t begun)
{
	leat_error why;
	leat_buf *buf = leat_await_buf(next(piece), &why);

	if (begun > 0 && piece->frame) {
		expect_kind(why, LEAT_TRUNCATED);
		expect_size(leat_channel_buffered(near), begun);
		return;
	}
	expect_ok(why);
	if (begun > 0) {
		expect_size(leat_buf_size(buf), begun);
		expect_true(leat_channel_cut_short(near));
		leat_buf_unref(buf);
		buf = leat_await_buf(next(piece), &why);
	}
	expect_null(buf);
	expect_ok(why);
}

static void expect_broken(const struct piece *piece, size_t begun)
{
	leat_error why;

	expect_null(leat_await_buf(next(piece), &why));
	expect_kind(why, LEAT_RESET);
	expect_size(leat_channel_buffered(near), begun);
	expect_null(leat_await_buf(next(piece), &why));
	expect_kind(why, LEAT_RESET);
}

/* It says so many bytes and dies: at once, or when all of them were answered. */
static void killed(size_t at, bool reset, bool at_once)
{
	size_t whole = 0, begun = at;
	int peer = begin();

	for (; whole < PIECES && pieces[whole].end <= at; whole++)
		begun = at - pieces[whole].end;
	say(peer, at);
	if (at_once)
		die(peer, reset);
	for (size_t i = 0; i < whole; i++)
		expect_piece(&pieces[i], !at_once);
	if (!at_once)
		die(peer, reset);
	if (reset)
		expect_broken(&pieces[whole % PIECES], begun);
	else
		expect_end(&pieces[whole % PIECES], begun);
	finish();
}

START_TEST(a_fin_at_any_byte_is_an_end)
{
	for (size_t at = 0; at <= SAID; at++)
		killed(at, false, false);
}
END_TEST

START_TEST(a_fin_before_anything_was_read_loses_nothing)
{
	for (size_t at = 0; at <= SAID; at++)
		killed(at, false, true);
}
END_TEST

START_TEST(a_reset_at_any_byte_is_not_an_end)
{
	for (size_t at = 0; at <= SAID; at++)
		killed(at, true, false);
}
END_TEST

START_TEST(a_reset_before_anything_was_read_loses_nothing)
{
	for (size_t at = 0; at <= SAID; at++)
		killed(at, true, true);
}
END_TEST

SUITE("killed",
	a_fin_at_any_byte_is_an_end,
	a_fin_before_anything_was_read_loses_nothing,
	a_reset_at_any_byte_is_not_an_end,
	a_reset_before_anything_was_read_loses_nothing)
