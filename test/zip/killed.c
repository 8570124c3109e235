/* SPDX-License-Identifier: ISC */
/* killed - a peer that dies at any byte of a compressed conversation, on a real socket
 *
 * It says a gzip stream with two flushed messages in it, and dies at a byte of that, by FIN
 * or by RST, while we answer. What could be decompressed is read, then how it died: a FIN
 * before the trailer's end is TRUNCATED, an RST is RESET.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <leat/zlib.h>

#include "zip/zip.h"

static const char words[] = "questionanother";
enum { FIRST = 8, WORDS = sizeof words - 1 };

static leat_flow *gzip(leat_flow *below) { return leat_zlib_new(below, NULL); }

/* The stream, and how much of the words so many bytes of it say for sure. */
static struct text conversation(size_t *first_ends)
{
	struct text all, rest;

	open_over(gzip);
	expect_done(leat_flow_write(flow, words, FIRST));
	all = hear_all(peer);
	*first_ends = all.bytes;
	expect_done(leat_flow_write(flow, words + FIRST, WORDS - FIRST));
	leat_io_detach(leat_flow_shutdown(flow, LEAT_WRITE));
	rest = hear_all(peer);
	text_add(&all, rest.at, rest.bytes);
	text_free(&rest);
	leave();
	return all;
}

/* Gives the peer's descriptor. */
static int connected(int *mine)
{
	struct sockaddr_in here = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t bytes = sizeof here;
	int listening = socket(AF_INET, SOCK_STREAM, 0), theirs = socket(AF_INET, SOCK_STREAM, 0);

	expect_int(bind(listening, (struct sockaddr *)&here, sizeof here), 0);
	expect_int(listen(listening, 1), 0);
	expect_int(getsockname(listening, (struct sockaddr *)&here, &bytes), 0);
	expect_int(connect(theirs, (struct sockaddr *)&here, sizeof here), 0);
	*mine = accept(listening, NULL, NULL);
	close(listening);
	return theirs;
}

/* What it was sent is read first: a socket that is closed with something unread resets. */
static void die(int theirs, bool reset)
{
	struct linger now = { .l_onoff = 1 };
	char answers[256];

	(void)!recv(theirs, answers, sizeof answers, MSG_DONTWAIT);
	if (reset)
		expect_int(setsockopt(theirs, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
	close(theirs);
}

static void hears(leat_flow *from, size_t least, leat_kind how)
{
	size_t at = 0;
	leat_error why;
	leat_buf *buf;

	while ((buf = leat_await_buf(leat_flow_read(from), &why))) {
		expect_true(at + leat_buf_size(buf) <= WORDS);
		expect_mem(leat_buf_data(buf), words + at, leat_buf_size(buf));
		at += leat_buf_size(buf);
		leat_buf_unref(buf);
	}
	expect_true(at >= least);
	expect_kind(why, how);
	expect_null(leat_await_buf(leat_flow_read(from), &why));
	expect_kind(why, how);
}

static void killed(const struct text *all, size_t first_ends, size_t at, bool reset)
{
	leat_kind cut = at < all->bytes ? LEAT_TRUNCATED : LEAT_NONE;
	leat_flow *near;
	int mine, theirs = connected(&mine);

	world_open(&w);
	near = gzip(leat_flow_from_fd(w.loop, mine));
	leat_io_detach(leat_flow_write(near, "answer", 6));
	world_run(&w);
	if (at > 0)
		expect_int(write(theirs, all->at, at), at);
	die(theirs, reset);
	hears(near, at >= first_ends ? FIRST : 0, reset ? LEAT_RESET : cut);
	leat_flow_unref(near);
	world_run(&w);
	world_close(&w);
}

START_TEST(a_fin_at_any_byte_is_truncated)
{
	size_t first_ends;
	struct text all = conversation(&first_ends);

	for (size_t at = 0; at <= all.bytes; at++)
		killed(&all, first_ends, at, false);
	text_free(&all);
}
END_TEST

START_TEST(a_reset_at_any_byte_is_a_reset)
{
	size_t first_ends;
	struct text all = conversation(&first_ends);

	for (size_t at = 0; at <= all.bytes; at++)
		killed(&all, first_ends, at, true);
	text_free(&all);
}
END_TEST

SUITE("killed", a_fin_at_any_byte_is_truncated, a_reset_at_any_byte_is_a_reset)
