/* SPDX-License-Identifier: ISC */
/* levels - a bufferevent and those it stands on, down to the transport */
#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

/* its types come from those above */
#include <event2/bufferevent_struct.h>

#include "flow/levels.h"
#include "flow/sigpipe.h"
#include "io/loop.h"

/* A program that has an OpenSSL bufferevent has linked these; others need
 * not.  They are told apart by weak references, so leat links neither. */
struct ssl_st;
__attribute__((weak)) struct ssl_st *bufferevent_openssl_get_ssl(struct bufferevent *bev);
__attribute__((weak)) unsigned long bufferevent_get_openssl_error(struct bufferevent *bev);
__attribute__((weak)) int SSL_shutdown(struct ssl_st *ssl);
__attribute__((weak)) int SSL_is_init_finished(const struct ssl_st *ssl);
__attribute__((weak)) int SSL_get_error(const struct ssl_st *ssl, int result);
__attribute__((weak)) void ERR_clear_error(void);

/* Of OpenSSL's interface, which does not change. */
enum {
	OPENSSL_ERROR_WANT_WRITE = 3,
	OPENSSL_ERROR_SYSCALL = 5,
	OPENSSL_REASON_MASK = 0x7fffff,
	OPENSSL_UNEXPECTED_EOF = 294,
};

static struct ssl_st *ssl_of(struct bufferevent *bev)
{
	return bufferevent_openssl_get_ssl ? bufferevent_openssl_get_ssl(bev) : NULL;
}

/* ---- what is what ---- */

/* A socket's table of operations is nowhere published; a socket is. */
static const void *socket_ops(leat_loop *loop)
{
	lt_slot *slot = lt_loop_slot(loop, LT_SLOT_BEV);

	if (!slot->data) {
		struct bufferevent *probe = bufferevent_socket_new(leat_loop_base(loop), -1, 0);

		if (!probe)
			return NULL;
		slot->data = (void *)(uintptr_t)probe->be_ops;
		bufferevent_free(probe);
	}
	return slot->data;
}

lt_level_kind lt_level_kind_of(leat_loop *loop, struct bufferevent *bev)
{
	if (ssl_of(bev))
		return LT_LEVEL_SSL;
	if (bufferevent_get_underlying(bev))
		return LT_LEVEL_FILTER;
	if (bufferevent_pair_get_partner(bev))
		return LT_LEVEL_PAIR;
	if ((const void *)bev->be_ops == socket_ops(loop))
		return LT_LEVEL_SOCKET;
	return LT_LEVEL_OTHER;
}

static int depth(struct bufferevent *bev)
{
	int count = 0;

	for (; bev; bev = bufferevent_get_underlying(bev))
		count++;
	return count;
}

bool lt_levels_find(lt_levels *levels, leat_loop *loop, struct bufferevent *top, evbuffer_cb_func on_output, void *arg)
{
	struct bufferevent *bev = top;
	int count = depth(top);

	*levels = (lt_levels){ .loop = loop };
	levels->level = levels->few;
	if ((size_t)count > sizeof levels->few / sizeof *levels->few)
		levels->level = lt_mem_zalloc(lt_loop_mem(loop), (size_t)count * sizeof *levels->level);
	if (!levels->level)
		return false;
	for (; levels->count < count; bev = bufferevent_get_underlying(bev)) {
		lt_level *level = &levels->level[levels->count];

		level->bev = bev;
		level->kind = lt_level_kind_of(loop, bev);
		level->watch = evbuffer_add_cb(bufferevent_get_output(bev), on_output, arg);
		if (!level->watch)
			return false;
		levels->count++;
	}
	return true;
}

void lt_levels_forget(lt_levels *levels)
{
	for (int i = 0; i < levels->count; i++)
		evbuffer_remove_cb_entry(bufferevent_get_output(levels->level[i].bev), levels->level[i].watch);
	if (levels->level != levels->few)
		lt_mem_release(lt_loop_mem(levels->loop), levels->level);
	levels->level = NULL;
	levels->count = 0;
}

lt_level *lt_levels_bottom(const lt_levels *levels)
{
	return &levels->level[levels->count - 1];
}

int lt_levels_fd(const lt_levels *levels)
{
	return bufferevent_getfd(lt_levels_bottom(levels)->bev);
}

/* Without its partner a pair cannot be told from what is unknown, but that
 * nothing else has no descriptor. */
bool lt_levels_orphaned(const lt_levels *levels)
{
	const lt_level *bottom = lt_levels_bottom(levels);

	if (bottom->kind == LT_LEVEL_SOCKET || bottom->kind == LT_LEVEL_SSL)
		return false;
	return bufferevent_getfd(bottom->bev) < 0 && !bufferevent_pair_get_partner(bottom->bev);
}

/* A stream that was reset has no peer either: only TCP can tell. */
bool lt_levels_connecting(const lt_levels *levels)
{
	struct tcp_info info;
	socklen_t bytes = sizeof info;
	int fd = lt_levels_fd(levels);

	if (lt_levels_orphaned(levels) || lt_levels_bottom(levels)->kind == LT_LEVEL_PAIR)
		return false;
	return fd < 0 || (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &bytes) == 0 && info.tcpi_state == TCP_SYN_SENT);
}

static bool has_peer(const lt_levels *levels)
{
	struct sockaddr_storage peer;
	socklen_t bytes = sizeof peer;
	int fd = lt_levels_fd(levels);

	return lt_levels_bottom(levels)->kind == LT_LEVEL_PAIR ||
	       (fd >= 0 && getpeername(fd, (struct sockaddr *)&peer, &bytes) == 0);
}

bool lt_levels_shaking(const lt_levels *levels)
{
	for (int i = 0; i < levels->count; i++) {
		struct ssl_st *ssl = ssl_of(levels->level[i].bev);

		if (ssl && SSL_is_init_finished && !SSL_is_init_finished(ssl))
			return true;
	}
	return false;
}

/* ---- output ---- */

static size_t output_of(const lt_level *level)
{
	return evbuffer_get_length(bufferevent_get_output(level->bev));
}

/* What the levels from this one down hold. */
static size_t output_from(const lt_levels *levels, int i)
{
	size_t bytes = 0;

	for (; i < levels->count; i++)
		bytes += output_of(&levels->level[i]);
	return bytes;
}

size_t lt_levels_output(const lt_levels *levels)
{
	return output_from(levels, 0);
}

bool lt_levels_flushed(const lt_levels *levels)
{
	for (int i = 0; i < levels->count; i++)
		if (levels->level[i].kind != LT_LEVEL_FILTER && output_of(&levels->level[i]) > 0)
			return false;
	return true;
}

/* Writes the output of a plain socket; libevent does it in a later turn, and
 * finds nothing to do. */
static int push_socket(struct bufferevent *bev)
{
	struct evbuffer *output = bufferevent_get_output(bev);
	int fd = bufferevent_getfd(bev), done, number;
	lt_sigpipe hold;

	if (fd < 0 || evbuffer_get_length(output) == 0 || !(bufferevent_get_enabled(bev) & EV_WRITE))
		return 0;
	lt_sigpipe_hold(&hold);
	evbuffer_unfreeze(output, 1);
	done = evbuffer_write(output, fd);
	number = done < 0 ? errno : 0;
	evbuffer_freeze(output, 1);
	lt_sigpipe_let(&hold, number == EPIPE);
	return number == EAGAIN || number == EINTR ? 0 : number;
}

int lt_levels_push(lt_levels *levels)
{
	lt_level *bottom = lt_levels_bottom(levels);

	if (levels->level[0].kind == LT_LEVEL_FILTER)
		bufferevent_flush(levels->level[0].bev, EV_WRITE, BEV_FLUSH);
	if (bottom->kind != LT_LEVEL_SOCKET || lt_levels_connecting(levels) ||
	    bufferevent_get_token_bucket_cfg(bottom->bev))
		return 0;
	return push_socket(bottom->bev);
}

/* ---- input ---- */

void lt_levels_poke(lt_levels *levels)
{
	for (int i = levels->count - 2; i >= 0; i--) {
		struct bufferevent *below = levels->level[i + 1].bev;

		if (evbuffer_get_length(bufferevent_get_input(below)) == 0)
			continue;
		if (levels->level[i].kind == LT_LEVEL_FILTER)
			bufferevent_flush(levels->level[i].bev, EV_READ, BEV_NORMAL);
		else if (levels->level[i].kind == LT_LEVEL_SSL)
			bufferevent_enable(levels->level[i].bev, EV_READ);
	}
}

/* A flush goes down the levels by itself, the upper before the lower; so it
 * is done for each from below.  At a pair it would tell the partner that we
 * read no more: the partner must not hear that. */
void lt_levels_finish_input(lt_levels *levels)
{
	lt_level *bottom = lt_levels_bottom(levels);
	struct bufferevent *partner = bottom->kind == LT_LEVEL_PAIR ? bufferevent_pair_get_partner(bottom->bev) : NULL;
	bufferevent_data_cb on_read = NULL, on_write = NULL;
	bufferevent_event_cb on_event = NULL;
	void *arg = NULL;

	if (levels->count < 2)
		return;
	if (partner) {
		bufferevent_getcb(partner, &on_read, &on_write, &on_event, &arg);
		bufferevent_setcb(partner, on_read, on_write, NULL, arg);
	}
	for (int i = levels->count - 2; i >= 0; i--)
		if (levels->level[i].kind == LT_LEVEL_FILTER)
			bufferevent_flush(levels->level[i].bev, EV_READ, BEV_FINISHED);
	if (partner)
		bufferevent_setcb(partner, on_read, on_write, on_event, arg);
}

void lt_levels_resume(lt_levels *levels, short what)
{
	for (int i = levels->count - 1; i >= 0; i--)
		if ((bufferevent_get_enabled(levels->level[i].bev) & what) != what)
			bufferevent_enable(levels->level[i].bev, what);
}

bool lt_levels_fd_ready(const lt_levels *levels, short what)
{
	struct pollfd poll_fd = { .fd = lt_levels_fd(levels), .events = what == EV_READ ? POLLIN : POLLOUT };

	return poll_fd.fd >= 0 && poll(&poll_fd, 1, 0) > 0;
}

bool lt_levels_ready(const lt_levels *levels, short what)
{
	for (int i = 0; i < levels->count; i++)
		if (what == EV_READ && evbuffer_get_length(bufferevent_get_input(levels->level[i].bev)) > 0)
			return true;
	return lt_levels_fd_ready(levels, what);
}

bool lt_levels_listening(const lt_levels *levels)
{
	lt_level *bottom = lt_levels_bottom(levels);

	return bottom->kind != LT_LEVEL_PAIR && event_pending(&bottom->bev->ev_read, EV_READ, NULL);
}

int lt_levels_deadlines(const lt_levels *levels)
{
	int count = 0;

	for (int i = 0; i < levels->count; i++)
		count += event_pending(&levels->level[i].bev->ev_read, EV_TIMEOUT, NULL) != 0;
	return count;
}

/* ---- telling the peer ---- */

/* A flush goes on to the levels below: to further filters, and to a pair,
 * which tells its partner by it - once only. */
static lt_told tell_filter(lt_levels *levels)
{
	if (output_from(levels, levels->telling + 1) > 0)
		return LT_TELL_LATER;
	bufferevent_flush(levels->level[levels->telling].bev, EV_WRITE, BEV_FINISHED);
	while (levels->telling < levels->count && levels->level[levels->telling].kind == LT_LEVEL_FILTER)
		levels->telling++;
	if (levels->telling < levels->count && levels->level[levels->telling].kind == LT_LEVEL_PAIR)
		levels->telling++;
	return LT_TOLD;
}

/* libevent never sends a close_notify.  A handshake that is not finished may
 * never be: the transport is told alone where it has failed. */
static lt_told say_goodbye(lt_level *level)
{
	struct ssl_st *ssl = ssl_of(level->bev);
	lt_sigpipe hold;
	int result, why = 0, number;

	if (!SSL_shutdown || !SSL_is_init_finished || !SSL_get_error || !ERR_clear_error)
		return LT_TOLD;
	if (!SSL_is_init_finished(ssl))
		return LT_TELL_LATER;
	lt_sigpipe_hold(&hold);
	ERR_clear_error();
	errno = 0;
	result = SSL_shutdown(ssl);
	number = errno;
	if (result < 0)
		why = SSL_get_error(ssl, result);
	ERR_clear_error();
	lt_sigpipe_let(&hold, number == EPIPE);
	return why == OPENSSL_ERROR_WANT_WRITE ? LT_TELL_WRITABLE : LT_TOLD;
}

static void shut_fd(int fd)
{
	if (fd >= 0)
		shutdown(fd, SHUT_WR);
}

static lt_told tell_ssl(lt_levels *levels)
{
	lt_level *level = &levels->level[levels->telling];
	lt_told told;

	if (output_of(level) > 0)
		return LT_TELL_LATER;
	if (!level->said && (told = say_goodbye(level)) != LT_TOLD)
		return told;
	level->said = true;
	levels->telling++;
	if (levels->telling == levels->count)
		shut_fd(bufferevent_getfd(level->bev));
	return LT_TOLD;
}

static lt_told tell_transport(lt_levels *levels)
{
	lt_level *level = &levels->level[levels->telling];

	if (output_of(level) > 0)
		return LT_TELL_LATER;
	if (level->kind == LT_LEVEL_SOCKET) {
		if (lt_levels_connecting(levels))
			return LT_TELL_LATER;
		shut_fd(bufferevent_getfd(level->bev));
	} else {
		bufferevent_flush(level->bev, EV_WRITE, BEV_FINISHED);
		if (level->kind == LT_LEVEL_OTHER)
			shut_fd(bufferevent_getfd(level->bev));
	}
	levels->telling++;
	return LT_TOLD;
}

lt_told lt_levels_tell(lt_levels *levels)
{
	lt_told told = LT_TOLD;

	while (told == LT_TOLD && levels->telling < levels->count) {
		switch (levels->level[levels->telling].kind) {
		case LT_LEVEL_FILTER:
			told = tell_filter(levels);
			break;
		case LT_LEVEL_SSL:
			told = tell_ssl(levels);
			break;
		default:
			told = tell_transport(levels);
			break;
		}
	}
	return told;
}

/* To dissolve a TCP connection is to reset it, at once and whoever else has
 * the descriptor; close(2) would be libevent's, in a later turn. */
static void cut_fd(int fd)
{
	struct sockaddr nobody = { .sa_family = AF_UNSPEC };

	if (fd >= 0 && connect(fd, &nobody, sizeof nobody) < 0)
		shutdown(fd, SHUT_RDWR);
}

static void cut_pair(struct bufferevent *partner)
{
	errno = ECONNRESET;
	bufferevent_trigger_event(partner, BEV_EVENT_READING | BEV_EVENT_ERROR, 0);
}

/* A level may live on for a turn, and must not write to what is broken, or not ours. */
void lt_level_cut(struct bufferevent *top, bool is_shared)
{
	struct bufferevent *bottom = top, *partner;

	for (struct bufferevent *bev = top; bev; bev = bufferevent_get_underlying(bev)) {
		bufferevent_disable(bev, EV_READ | EV_WRITE);
		bottom = bev;
	}
	partner = bufferevent_pair_get_partner(bottom);
	if (partner)
		cut_pair(partner);
	else if (!is_shared)
		cut_fd(bufferevent_getfd(bottom));
}

/* ---- what errors mean ---- */

/* libevent keeps what SSL_get_error said and then OpenSSL's own codes, and
 * gives them last first. */
static leat_error ssl_error(struct bufferevent *bev, int number)
{
	unsigned long code = 0, first = 0, last = 0;

	while (bufferevent_get_openssl_error && (code = bufferevent_get_openssl_error(bev))) {
		if (!first)
			first = code;
		last = code;
	}
	if (last == OPENSSL_ERROR_SYSCALL || !last)
		return number ? leat_error_errno(number) : leat_error_core(LEAT_TRUNCATED);
	if ((first & OPENSSL_REASON_MASK) == OPENSSL_UNEXPECTED_EOF)
		return leat_error_core(LEAT_TRUNCATED);
	return leat_error_core(LEAT_PROTOCOL);
}

const lt_level *lt_levels_ssl(const lt_levels *levels)
{
	for (int i = 0; i < levels->count; i++)
		if (levels->level[i].kind == LT_LEVEL_SSL)
			return &levels->level[i];
	return NULL;
}

bool lt_levels_cut_short(const lt_levels *levels)
{
	return lt_levels_ssl(levels) && has_peer(levels);
}

leat_error lt_levels_error(const lt_levels *levels, short what, int number)
{
	const lt_level *ssl = lt_levels_ssl(levels), *bottom = lt_levels_bottom(levels);
	bool bare = !(what & (BEV_EVENT_READING | BEV_EVENT_WRITING));

	if (bare && bottom->kind == LT_LEVEL_SOCKET && bufferevent_socket_get_dns_error(bottom->bev))
		return leat_error_core(LEAT_NOT_FOUND);
	if (ssl)
		return ssl_error(ssl->bev, number);
	return leat_error_errno(number ? number : EIO);
}
