/* SPDX-License-Identifier: ISC */
/* bev_facts - what libevent says of a bufferevent, recorded for the end of the turn
 *
 * No callback here does more than that; bev_lane.h says who looks at it.
 */
#include <errno.h>
#include <event2/event.h>

#include "flow/bev_lane.h"

enum {
	KEEP_BYTES = 16 * 1024, /* without a reader: more, and we stop listening */

	ORPHANED = 0x4000, /* an event of our own */
};

static bool cuts_both(leat_error error)
{
	return error.domain == &leat_errno_errors || leat_error_is(error, LEAT_PROTOCOL);
}

void lt_bev_note_write_error(lt_bev *s, leat_error error)
{
	if (!s->told_end && !leat_error_set(s->write_error))
		s->write_error = error;
}

/* An error of reading ends writing too, so that libevent does not write to a
 * stream that is known to be broken: that would raise SIGPIPE.  But TLS that
 * was cut short may be written to as any half-closed stream. */
void lt_bev_note_read_error(lt_bev *s, leat_error error)
{
	if (s->ended || leat_error_set(s->read_error))
		return;
	s->read_error = error;
	if (cuts_both(error))
		lt_bev_note_write_error(s, error);
}

/* Where a write met the reset, all that a read will meet is an end - except
 * that EPIPE comes after a true one, too. */
static void note_end(lt_bev *s)
{
	if (leat_error_set(s->write_error) && !leat_error_is(s->write_error, LEAT_CLOSED))
		lt_bev_note_read_error(s, s->write_error);
	else if (!leat_error_set(s->read_error))
		s->ended = true;
}

/* The partner of a pair has no other way to say that it has gone: reading has ended
 * by then. */
static bool is_cut_after_its_end(const lt_bev *s, short what)
{
	return s->ended && (what & BEV_EVENT_READING) && lt_levels_bottom(&s->levels)->kind == LT_LEVEL_PAIR;
}

void lt_bev_note_error(lt_bev *s, short what, int number)
{
	bool bare = !(what & (BEV_EVENT_READING | BEV_EVENT_WRITING));

	if (bare && lt_levels_cut_short(&s->levels)) {
		s->cut_short = true;
		return;
	}
	if ((what & BEV_EVENT_READING) || bare)
		lt_bev_note_read_error(s, lt_levels_error(&s->levels, what, number));
	if ((what & BEV_EVENT_WRITING) || is_cut_after_its_end(s, what))
		lt_bev_note_write_error(s, lt_levels_error(&s->levels, what, number));
}

static void on_event(struct bufferevent *top, short what, void *arg)
{
	lt_bev *s = arg;
	int number = errno;

	(void)top;
	if (what & BEV_EVENT_CONNECTED) {
		s->connected = true;
	} else if (what & BEV_EVENT_TIMEOUT) {
		s->silent_read |= !(what & BEV_EVENT_WRITING);
		s->silent_write |= !(what & BEV_EVENT_READING);
	} else if (what & BEV_EVENT_ERROR) {
		lt_bev_note_error(s, what, number);
	} else if (what & BEV_EVENT_EOF) {
		if (what & BEV_EVENT_WRITING)
			lt_bev_note_write_error(s, leat_error_errno(EPIPE));
		if ((what & BEV_EVENT_READING) || !(what & BEV_EVENT_WRITING)) /* OpenSSL says neither, where it may */
			note_end(s);
	}
	if (what & ORPHANED) {
		s->orphan_told = true;
		lt_bev_note_read_error(s, leat_error_errno(ECONNRESET));
		lt_bev_note_write_error(s, leat_error_errno(EPIPE));
	}
	lt_bev_wake(s);
}

/* Turns reading off where that many bytes wait in the input. */
void lt_bev_turn_off(lt_bev *s)
{
	if (!s->reading || evbuffer_get_length(lt_bev_input(s)) < KEEP_BYTES)
		return;
	s->reading = false;
	bufferevent_disable(s->top, EV_READ);
}

/* A partner moves over all it has, while we are reading: that ends here. */
static void on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *arg)
{
	lt_bev *s = arg;

	(void)input;
	if (info->n_added == 0)
		return;
	if (lt_levels_bottom(&s->levels)->kind == LT_LEVEL_PAIR)
		lt_bev_turn_off(s);
	lt_bev_wake(s);
}

static void on_output(struct evbuffer *output, const struct evbuffer_cb_info *info, void *arg)
{
	lt_bev *s = arg;

	(void)output;
	if (info->n_deleted > 0 && (s->blocked || s->flushing || s->telling))
		lt_bev_wake(s);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	lt_bev_wake(arg);
}

/* The partner of a pair may have been freed: looked at when it matters.  Its
 * last event may be on its way to us; ours joins it. */
void lt_bev_look_for_partner(lt_bev *s)
{
	if (!s->orphaned && lt_levels_orphaned(&s->levels)) {
		s->orphaned = true;
		bufferevent_trigger_event(lt_levels_bottom(&s->levels)->bev, ORPHANED, 0);
	}
}

/* The goodbye waits for the descriptor.  Without memory for that it is not
 * said, and the peer hears of the end only. */
bool lt_bev_await_writable(lt_bev *s)
{
	if (!s->writable)
		s->writable = event_new(leat_loop_base(s->loop), lt_levels_fd(&s->levels), EV_WRITE, on_writable, s);
	return s->writable && event_add(s->writable, NULL) == 0;
}

/* ---- hearing ---- */

bool lt_bev_hear(lt_bev *s)
{
	if (!lt_levels_find(&s->levels, s->loop, s->top, on_output, s))
		return false;
	s->arrivals = evbuffer_add_cb(lt_bev_input(s), on_input, s);
	if (!s->arrivals)
		return false;
	bufferevent_setcb(s->top, NULL, NULL, on_event, s);
	return true;
}

void lt_bev_hear_no_more(lt_bev *s)
{
	lt_loop_not_at_end(s->loop, &s->tail);
	if (s->arrivals)
		evbuffer_remove_cb_entry(lt_bev_input(s), s->arrivals);
	s->arrivals = NULL;
	lt_levels_forget(&s->levels);
	if (s->writable)
		event_free(s->writable);
	s->writable = NULL;
	bufferevent_setcb(s->top, NULL, NULL, NULL, NULL);
}
