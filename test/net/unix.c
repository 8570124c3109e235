/* SPDX-License-Identifier: ISC */
/* unix - "unix:PATH" and "unix:@NAME": names, files and who owns them */
#include "net/wire.h"
#include "support/suite.h"

static const char *name_of(struct wire *w, int abstract)
{
	if (!abstract)
		return wire_path(w, "socket");
	snprintf(w->path, sizeof w->path, "unix:@%s", w->folder + 1);
	return w->path;
}

START_TEST(what_one_end_sends_the_other_reads)
{
	struct wire w;
	leat_listener *listener;
	leat_flow *client, *server;

	wire_open(&w);
	listener = leat_listen(w.loop, name_of(&w, _i), NULL);
	expect_str(listener_words(listener), name_of(&w, _i));
	meet(w.loop, listener, &client, &server);
	write_words(client, "there");
	expect_str(await_words(server), "there");
	write_words(server, "and back");
	expect_str(await_words(client), "and back");
	end_both(client, server);
	leat_listener_unref(listener);
	wire_close(&w);
}
END_TEST

START_TEST(a_name_that_is_listened_on_is_in_use)
{
	struct wire w;
	leat_listener *first, *second;

	wire_open(&w);
	first = leat_listen(w.loop, name_of(&w, _i), NULL);
	second = leat_listen(w.loop, name_of(&w, _i), NULL);
	expect_kind(leat_listener_error(second), LEAT_IN_USE);
	leat_listener_unref(second);
	expect_ok(await_error(leat_connect(w.loop, name_of(&w, _i), NULL)));
	leat_listener_unref(first);
	wire_close(&w);
}
END_TEST

START_TEST(nobody_is_disturbed_by_who_asks_for_their_name)
{
	struct wire w;
	leat_listener *first, *second;
	leat_io *io;

	wire_open(&w);
	first = leat_listen(w.loop, wire_path(&w, "socket"), NULL);
	second = leat_listen(w.loop, wire_path(&w, "socket"), NULL);
	io = leat_accept(first);
	wire_settle(&w);
	expect_false(leat_io_try(io, NULL));
	leat_io_cancel(io);
	leat_listener_unref(first);
	leat_listener_unref(second);
	wire_close(&w);
}
END_TEST

/* ---- the file ---- */

static bool is_there(struct wire *w, const char *name)
{
	struct stat file;

	return lstat(path_in(w, name), &file) == 0;
}

START_TEST(the_file_goes_with_the_listener)
{
	struct wire w;
	leat_listener *listener;

	wire_open(&w);
	listener = leat_listen(w.loop, wire_path(&w, "socket"), NULL);
	expect_true(is_there(&w, "socket"));
	leat_listener_close(listener);
	expect_false(is_there(&w, "socket"));
	leat_listener_unref(listener);
	wire_close(&w);
}
END_TEST

START_TEST(the_file_stays_where_it_was_asked_for)
{
	struct wire w;
	leat_listen_options keep = { .size = sizeof keep, .keep_path = true };
	leat_listener *listener;

	wire_open(&w);
	listener = leat_listen(w.loop, wire_path(&w, "socket"), &keep);
	leat_listener_unref(listener);
	expect_true(is_there(&w, "socket"));
	unlink(path_in(&w, "socket"));
	wire_close(&w);
}
END_TEST

START_TEST(a_file_that_nobody_listens_on_is_replaced)
{
	struct wire w;
	leat_listener *listener;

	wire_open(&w);
	close(raw_bind(wire_path(&w, "socket"), 1));
	expect_true(is_there(&w, "socket"));
	listener = leat_listen(w.loop, wire_path(&w, "socket"), NULL);
	expect_ok(leat_listener_error(listener));
	expect_ok(await_error(leat_connect(w.loop, wire_path(&w, "socket"), NULL)));
	leat_listener_unref(listener);
	wire_close(&w);
}
END_TEST

START_TEST(a_socket_that_is_about_to_listen_is_in_use)
{
	struct wire w;
	leat_listener *listener;
	int fd;

	wire_open(&w);
	fd = raw_bind(wire_path(&w, "socket"), -1);
	listener = leat_listen(w.loop, wire_path(&w, "socket"), NULL);
	expect_kind(leat_listener_error(listener), LEAT_IN_USE);
	expect_true(is_there(&w, "socket"));
	leat_listener_unref(listener);
	close(fd);
	unlink(path_in(&w, "socket"));
	wire_close(&w);
}
END_TEST

static void make_other(const char *path, int kind)
{
	switch (kind) {
	case 0:
		expect_int(close(open(path, O_CREAT | O_WRONLY, 0600)), 0);
		break;
	case 1:
		expect_int(mkfifo(path, 0600), 0);
		break;
	case 2:
		expect_int(mkdir(path, 0700), 0);
		break;
	case 3:
		expect_int(symlink("nowhere", path), 0);
		break;
	}
}

START_TEST(what_is_no_socket_is_in_use)
{
	struct wire w;
	leat_listener *listener;

	wire_open(&w);
	make_other(path_in(&w, "other"), _i);
	listener = leat_listen(w.loop, wire_path(&w, "other"), NULL);
	expect_kind(leat_listener_error(listener), LEAT_IN_USE);
	leat_listener_unref(listener);
	expect_true(is_there(&w, "other"));
	expect_int(remove(path_in(&w, "other")), 0);
	wire_close(&w);
}
END_TEST

START_TEST(a_file_that_took_the_place_is_let_be)
{
	struct wire w;
	leat_listener *listener;

	wire_open(&w);
	listener = leat_listen(w.loop, wire_path(&w, "socket"), NULL);
	unlink(path_in(&w, "socket"));
	make_other(path_in(&w, "keeps_the_inode"), 0);
	close(raw_bind(wire_path(&w, "socket"), 1));
	leat_listener_unref(listener);
	expect_true(is_there(&w, "socket"));
	unlink(path_in(&w, "socket"));
	unlink(path_in(&w, "keeps_the_inode"));
	wire_close(&w);
}
END_TEST

START_TEST(the_mode_is_the_umasks)
{
	struct wire w;
	mode_t before = umask(0117);
	leat_listener *listener;
	struct stat file;

	wire_open(&w);
	listener = leat_listen(w.loop, wire_path(&w, "socket"), NULL);
	umask(before);
	expect_int(stat(path_in(&w, "socket"), &file), 0);
	expect_int(file.st_mode & 0777, 0660);
	leat_listener_unref(listener);
	wire_close(&w);
}
END_TEST

/* ---- bad names ---- */

START_TEST(a_name_that_does_not_fit_is_a_limit)
{
	struct wire w;
	char words[160] = "unix:";
	leat_listener *listener;

	memset(words + 5, 'x', 109);
	words[5] = _i ? '@' : '/';
	wire_open(&w);
	expect_kind(await_error(leat_connect(w.loop, words, NULL)), LEAT_LIMIT);
	listener = leat_listen(w.loop, words, NULL);
	expect_kind(await_error(leat_accept(listener)), LEAT_LIMIT);
	leat_listener_unref(listener);
	wire_close(&w);
}
END_TEST

START_TEST(an_empty_name_is_invalid)
{
	struct wire w;
	const char *words = _i ? "unix:@" : "unix:";
	leat_listener *listener;

	wire_open(&w);
	expect_kind(await_error(leat_connect(w.loop, words, NULL)), LEAT_INVALID);
	listener = leat_listen(w.loop, words, NULL);
	expect_kind(leat_listener_error(listener), LEAT_INVALID);
	leat_listener_unref(listener);
	wire_close(&w);
}
END_TEST

START_TEST(a_folder_that_is_not_there_is_not_found)
{
	struct wire w;
	leat_listener *listener;

	wire_open(&w);
	listener = leat_listen(w.loop, wire_path(&w, "no/socket"), NULL);
	expect_kind(leat_listener_error(listener), LEAT_NOT_FOUND);
	leat_listener_unref(listener);
	wire_close(&w);
}
END_TEST

/* ---- connecting ---- */

START_TEST(nobody_there_is_not_found)
{
	struct wire w;
	leat_error error;

	wire_open(&w);
	error = await_error(leat_connect(w.loop, name_of(&w, _i), NULL));
	expect_kind(error, _i ? LEAT_REFUSED : LEAT_NOT_FOUND);
	wire_close(&w);
}
END_TEST

START_TEST(a_file_without_a_listener_refuses)
{
	struct wire w;

	wire_open(&w);
	close(raw_bind(wire_path(&w, "socket"), 1));
	expect_kind(await_error(leat_connect(w.loop, wire_path(&w, "socket"), NULL)), LEAT_REFUSED);
	unlink(path_in(&w, "socket"));
	wire_close(&w);
}
END_TEST

/* As many connections as are taken without an accept. */
static int fill_backlog(const char *words, int *fds, int room)
{
	leat_addr addr;
	int count = 0;

	expect_ok(leat_addr_parse(words, &addr));
	while (count < room) {
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

		if (connect(fd, leat_addr_sockaddr(&addr), addr.bytes) < 0) {
			expect_int(errno, EAGAIN);
			close(fd);
			return count;
		}
		fds[count++] = fd;
	}
	ck_abort_msg("the backlog has no end");
}

static void close_all(int *fds, int count)
{
	while (count > 0)
		close(fds[--count]);
}

START_TEST(a_full_backlog_is_waited_for)
{
	struct wire w;
	int fds[16], count, listener;
	leat_io *io;

	wire_open(&w);
	listener = raw_bind(wire_path(&w, "socket"), 1);
	count = fill_backlog(w.path, fds, 16);
	io = leat_connect(w.loop, w.path, NULL);
	wire_settle(&w);
	expect_false(leat_io_try(io, NULL));
	close(accept(listener, NULL, NULL));
	expect_ok(await_error(io));
	close_all(fds, count);
	close(listener);
	unlink(path_in(&w, "socket"));
	wire_close(&w);
}
END_TEST

START_TEST(waiting_for_a_full_backlog_can_be_given_up)
{
	struct wire w;
	leat_connect_options soon = { .size = sizeof soon, .timeout_ms = 5 };
	int fds[16], count, listener;
	leat_io *io;

	wire_open(&w);
	listener = raw_bind(wire_path(&w, "socket"), 1);
	count = fill_backlog(w.path, fds, 16);
	expect_kind(await_error(leat_connect(w.loop, w.path, &soon)), LEAT_TIMEOUT);
	io = leat_connect(w.loop, w.path, NULL);
	leat_io_cancel(io);
	close(listener);
	expect_kind(await_error(leat_connect(w.loop, w.path, NULL)), LEAT_REFUSED);
	close_all(fds, count);
	unlink(path_in(&w, "socket"));
	wire_close(&w);
}
END_TEST

START_TEST(a_listener_that_goes_while_waiting_refuses)
{
	struct wire w;
	int fds[16], count, listener;
	leat_io *io;

	wire_open(&w);
	listener = raw_bind(wire_path(&w, "socket"), 1);
	count = fill_backlog(w.path, fds, 16);
	io = leat_connect(w.loop, w.path, NULL);
	close(listener);
	expect_kind(await_error(io), LEAT_REFUSED);
	close_all(fds, count);
	unlink(path_in(&w, "socket"));
	wire_close(&w);
}
END_TEST

SUITE("unix",
	EACH(what_one_end_sends_the_other_reads, 2),
	EACH(a_name_that_is_listened_on_is_in_use, 2),
	nobody_is_disturbed_by_who_asks_for_their_name,
	the_file_goes_with_the_listener,
	the_file_stays_where_it_was_asked_for,
	a_file_that_nobody_listens_on_is_replaced,
	a_socket_that_is_about_to_listen_is_in_use,
	EACH(what_is_no_socket_is_in_use, 4),
	a_file_that_took_the_place_is_let_be,
	the_mode_is_the_umasks,
	EACH(a_name_that_does_not_fit_is_a_limit, 2),
	EACH(an_empty_name_is_invalid, 2),
	a_folder_that_is_not_there_is_not_found,
	EACH(nobody_there_is_not_found, 2),
	a_file_without_a_listener_refuses,
	a_full_backlog_is_waited_for,
	waiting_for_a_full_backlog_can_be_given_up,
	a_listener_that_goes_while_waiting_refuses)
