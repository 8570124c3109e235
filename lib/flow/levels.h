/* SPDX-License-Identifier: ISC */
/* levels - a bufferevent and those it stands on, down to the transport
 *
 * libevent lets a filter stand on a filter on a socket, each with an output
 * of its own, and tells the top level only of what happened to it.  Here is
 * what has to be known of the whole stack: what is still under way in it, how
 * its peer is told of the end, what its errors mean.
 */
#ifndef LT_FLOW_LEVELS_H
#define LT_FLOW_LEVELS_H

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include <leat/error.h>
#include <leat/loop.h>

typedef enum lt_level_kind {
	LT_LEVEL_OTHER,
	LT_LEVEL_SOCKET,
	LT_LEVEL_PAIR,
	LT_LEVEL_FILTER,
	LT_LEVEL_SSL,
} lt_level_kind;

typedef struct lt_level {
	struct bufferevent *bev;
	struct evbuffer_cb_entry *watch; /* on its output */
	lt_level_kind kind;
	bool said; /* SSL: the close_notify is out */
} lt_level;

typedef struct lt_levels {
	leat_loop *loop;
	lt_level *level; /* the top first */
	int count;
	int telling; /* the level that is told of the end next */
	lt_level few[2];
} lt_levels;

/* What a bufferevent is; asks libevent once per loop what a socket looks like. */
lt_level_kind lt_level_kind_of(leat_loop *loop, struct bufferevent *bev);

/* Finds the levels under `top`, and has `on_output` called when bytes leave
 * the output of any.  False without memory. */
bool lt_levels_find(lt_levels *levels, leat_loop *loop, struct bufferevent *top, evbuffer_cb_func on_output, void *arg);
/* Forgets them; touches no bufferevent but for the watches. */
void lt_levels_forget(lt_levels *levels);

lt_level *lt_levels_bottom(const lt_levels *levels);
/* The one that is OpenSSL, the topmost; NULL: none is. */
const lt_level *lt_levels_ssl(const lt_levels *levels);
/* Sockets and pairs freeze the ends of their buffers that are theirs; OpenSSL would turn for
 * ever in front of one that is, and send the same bytes again. */
static inline bool lt_level_freezes(const lt_level *level)
{
	return level->kind == LT_LEVEL_SOCKET || level->kind == LT_LEVEL_PAIR;
}
/* The descriptor at the bottom, or -1. */
int lt_levels_fd(const lt_levels *levels);
/* Whether the transport is a pair whose other end was freed, which libevent
 * tells nobody. */
bool lt_levels_orphaned(const lt_levels *levels);
/* Whether the transport is a socket that is still to be connected. */
bool lt_levels_connecting(const lt_levels *levels);

/* Whether one of them is OpenSSL in its handshake. */
bool lt_levels_shaking(const lt_levels *levels);

/* How many bytes are in the outputs. */
size_t lt_levels_output(const lt_levels *levels);
/* Whether nothing is under way that will move by itself: a filter that was
 * told to flush may keep what it cannot finish. */
bool lt_levels_flushed(const lt_levels *levels);
/* Has filters pass on what they can, and tries the descriptor now.  Gives the
 * errno of a write that failed, or 0. */
int lt_levels_push(lt_levels *levels);

/* Filters and OpenSSL look at what lies below them only when something
 * arrives there: has them look. */
void lt_levels_poke(lt_levels *levels);
/* The end has arrived below: tells the filters, who may have kept bytes. */
void lt_levels_finish_input(lt_levels *levels);
/* libevent switches off what timed out, at whichever level: switches on. */
void lt_levels_resume(lt_levels *levels, short what);
/* Whether the transport would read (EV_READ) or write (EV_WRITE) now. */
bool lt_levels_ready(const lt_levels *levels, short what);
/* The same of the descriptor alone, whatever waits in the inputs. */
bool lt_levels_fd_ready(const lt_levels *levels, short what);
/* Whether an event of the transport waits for bytes. */
bool lt_levels_listening(const lt_levels *levels);
/* How many deadlines of libevent's for reading run: each is one more event. */
int lt_levels_deadlines(const lt_levels *levels);

/* Goes on telling the peer of the end, from the top down, each kind in its
 * way, as far as outputs are empty. */
typedef enum lt_told { LT_TOLD, LT_TELL_LATER, LT_TELL_WRITABLE } lt_told;
lt_told lt_levels_tell(lt_levels *levels);
/* The peer of a stack of bufferevents sees a reset, or the nearest the
 * transport has, now. `is_shared`: unless another process has the descriptor, too. */
void lt_level_cut(struct bufferevent *top, bool is_shared);

/* Whether an error that names no direction is OpenSSL's word for an end of
 * what lies below it. */
bool lt_levels_cut_short(const lt_levels *levels);
/* The error that an event with `what` and this errno stands for. */
leat_error lt_levels_error(const lt_levels *levels, short what, int number);

#endif
