/* SPDX-License-Identifier: ISC */
/* given_back - whoever has a bufferevent back hears of the end and of the error that it told
 * us of, once, as if we had never had it */
#include "flow/bev.h"
#include "support/suite.h"

/* What a bufferevent stands on, and what it is. */
enum kind { SOCKET, SOCKET_WITH_TIMEOUTS, FILTER, FILTER_ON_FILTER, PAIR, FILTER_ON_PAIR, KINDS };

struct ours {
	struct world w;
	leat_flow *flow;
	struct bufferevent *bev;     /* when it is back */
	struct bufferevent *partner; /* of a pair */
	int ends, errors, other;
	int number;                  /* errno in the last event */
};

static struct bufferevent *filtered(struct bufferevent *bev)
{
	bev = bufferevent_filter_new(bev, NULL, NULL, BEV_OPT_CLOSE_ON_FREE, NULL, NULL);
	expect_some(bev);
	return bev;
}

static struct bufferevent *made(struct ours *o, enum kind kind, void (*connect_it)(struct world *))
{
	struct bufferevent *pair[2];

	if (kind != PAIR && kind != FILTER_ON_PAIR) {
		connect_it(&o->w);
		return socket_bev(&o->w, kind != SOCKET_WITH_TIMEOUTS);
	}
	expect_int(bufferevent_pair_new(o->w.base, BEV_OPT_CLOSE_ON_FREE, pair), 0);
	o->partner = pair[1];
	return pair[0];
}

static void ours_open_on(struct ours *o, enum kind kind, void (*connect_it)(struct world *))
{
	struct bufferevent *bev;

	*o = (struct ours){ 0 };
	world_open(&o->w);
	bev = made(o, kind, connect_it);
	if (kind == FILTER || kind == FILTER_ON_FILTER || kind == FILTER_ON_PAIR)
		bev = filtered(bev);
	if (kind == FILTER_ON_FILTER)
		bev = filtered(bev);
	o->flow = leat_flow_from_bufferevent(o->w.loop, bev);
}

static void ours_open(struct ours *o, enum kind kind)
{
	ours_open_on(o, kind, unix_pair);
}

static void ours_close(struct ours *o)
{
	bufferevent_free(o->bev);
	if (o->partner)
		bufferevent_free(o->partner);
	settle(&o->w);
	world_close(&o->w);
}

static void words_come(struct ours *o, const char *words)
{
	if (o->partner)
		bufferevent_write(o->partner, words, strlen(words));
	else
		peer_say(&o->w, words);
}

static void last_words(struct ours *o, const char *words)
{
	words_come(o, words);
	if (o->partner)
		bufferevent_flush(o->partner, EV_WRITE, BEV_FINISHED);
	else
		shutdown(o->w.theirs, SHUT_WR);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct ours *o = arg;

	(void)bev;
	o->number = EVUTIL_SOCKET_ERROR();
	if (what == (BEV_EVENT_READING | BEV_EVENT_EOF))
		o->ends++;
	else if (what == (BEV_EVENT_READING | BEV_EVENT_ERROR))
		o->errors++;
	else
		o->other++;
}

/* As a program would go on with it. */
static void given_back(struct ours *o)
{
	expect_ok(leat_flow_to_bufferevent(o->flow, &o->bev));
	leat_flow_unref(o->flow);
	bufferevent_setcb(o->bev, NULL, NULL, on_event, o);
	expect_int(o->ends + o->errors + o->other, 0); /* not inside our own call */
	bufferevent_enable(o->bev, EV_READ | EV_WRITE);
	settle(&o->w);
}

static void in_its_input(const struct ours *o, const char *words)
{
	struct evbuffer *input = bufferevent_get_input(o->bev);

	expect_int(evbuffer_get_length(input), strlen(words));
	if (*words)
		expect_mem(evbuffer_pullup(input, -1), words, strlen(words));
}

static void one_end(const struct ours *o)
{
	expect_int(o->ends, 1);
	expect_int(o->errors + o->other, 0);
}

START_TEST(an_end_that_nobody_read_is_told_behind_the_bytes)
{
	struct ours o;

	ours_open(&o, _i);
	last_words(&o, "last words");
	flow_hears(o.flow, "last ");
	settle(&o.w);
	given_back(&o);
	in_its_input(&o, "words");
	one_end(&o);
	ours_close(&o);
}
END_TEST

START_TEST(an_end_that_was_read_is_told_again)
{
	struct ours o;

	ours_open(&o, _i);
	last_words(&o, "x");
	flow_hears(o.flow, "x");
	flow_hears_the_end(o.flow);
	flow_says(o.flow, "answer"); /* the other direction is open */
	given_back(&o);
	in_its_input(&o, "");
	one_end(&o);
	ours_close(&o);
}
END_TEST

START_TEST(an_end_that_has_not_arrived_is_told_when_it_does)
{
	struct ours o;

	ours_open(&o, _i);
	words_come(&o, "some");
	flow_hears(o.flow, "some");
	given_back(&o);
	expect_int(o.ends + o.errors + o.other, 0);
	last_words(&o, "more");
	settle(&o.w);
	in_its_input(&o, "more");
	one_end(&o);
	ours_close(&o);
}
END_TEST

/* A pair tells of its end inside the call that makes it. */
START_TEST(an_end_that_we_have_not_looked_at_is_told)
{
	struct ours o;

	ours_open(&o, _i);
	last_words(&o, "first ");
	flow_hears(o.flow, "fir");
	given_back(&o);
	in_its_input(&o, "st ");
	one_end(&o);
	ours_close(&o);
}
END_TEST

START_TEST(an_end_in_the_same_breath_is_told)
{
	struct ours o;

	ours_open(&o, _i);
	words_come(&o, "some");
	flow_hears(o.flow, "some");
	last_words(&o, "more");
	given_back(&o);
	in_its_input(&o, "more");
	one_end(&o);
	ours_close(&o);
}
END_TEST

/* The kernel says it once. */
START_TEST(a_reset_is_told_again)
{
	struct ours o;

	ours_open_on(&o, _i, tcp_pair);
	cut(o.w.theirs);
	o.w.theirs = -1;
	expect_kind(failure_of(leat_flow_read(o.flow)), LEAT_RESET);
	given_back(&o);
	expect_int(o.errors, 1);
	expect_int(o.number, ECONNRESET);
	expect_int(o.other, 0);
	ours_close(&o);
}
END_TEST

START_TEST(silence_is_not_told_again)
{
	struct timeval moment = { .tv_usec = 1000 };
	struct bufferevent *bev;
	struct ours o = { 0 };

	world_open(&o.w);
	unix_pair(&o.w);
	bev = socket_bev(&o.w, true);
	if (_i == 1)
		bev = filtered(bev);
	bufferevent_set_timeouts(bev, &moment, NULL);
	o.flow = leat_flow_from_bufferevent(o.w.loop, bev);
	expect_kind(failure_of(leat_flow_read(o.flow)), LEAT_TIMEOUT);
	expect_ok(leat_flow_to_bufferevent(o.flow, &o.bev));
	leat_flow_unref(o.flow);
	bufferevent_set_timeouts(o.bev, NULL, NULL);
	bufferevent_setcb(o.bev, NULL, NULL, on_event, &o);
	bufferevent_enable(o.bev, EV_READ);
	settle(&o.w);
	expect_int(o.ends + o.errors + o.other, 0);
	last_words(&o, "words");
	settle(&o.w);
	in_its_input(&o, "words");
	one_end(&o);
	ours_close(&o);
}
END_TEST

/* Nothing that the descriptor says again keeps it alive. */
START_TEST(it_may_be_freed_at_once_with_its_base)
{
	struct event_base *base = event_base_new();
	struct ours o = { 0 };
	struct bufferevent *bev;

	o.w = (struct world){ .loop = leat_loop_new(base, NULL), .base = base, .ours = -1, .theirs = -1 };
	unix_pair(&o.w);
	bev = socket_bev(&o.w, true);
	if (_i == 1)
		bev = filtered(bev);
	o.flow = leat_flow_from_bufferevent(o.w.loop, bev);
	last_words(&o, "last words");
	flow_hears(o.flow, "last ");
	settle(&o.w);
	expect_ok(leat_flow_to_bufferevent(o.flow, &o.bev));
	leat_flow_unref(o.flow);
	leat_loop_free(o.w.loop);
	bufferevent_free(o.bev);
	event_base_free(base);
	peer_hears_the_end(&o.w);
	close(o.w.theirs);
}
END_TEST

/* What libevent was asked to tell us of its own is not told to the user. */
START_TEST(a_partner_that_went_in_the_same_breath_makes_it_busy)
{
	struct ours o;
	leat_io *read;

	ours_open(&o, _i == 0 ? PAIR : FILTER_ON_PAIR);
	bufferevent_free(o.partner);
	o.partner = NULL;
	settle(&o.w);
	read = leat_flow_read(o.flow);
	leat_io_cancel(read);
	expect_kind(leat_flow_to_bufferevent(o.flow, &o.bev), LEAT_BUSY);
	settle(&o.w);
	given_back(&o);
	expect_int(o.errors, 1);
	expect_int(o.ends + o.other, 0);
	ours_close(&o);
}
END_TEST

SUITE("given_back",
	EACH(an_end_that_nobody_read_is_told_behind_the_bytes, KINDS),
	EACH(an_end_that_was_read_is_told_again, KINDS),
	EACH(an_end_that_has_not_arrived_is_told_when_it_does, KINDS),
	EACH(an_end_that_we_have_not_looked_at_is_told, KINDS),
	EACH(an_end_in_the_same_breath_is_told, KINDS),
	EACH(a_reset_is_told_again, PAIR),
	EACH(silence_is_not_told_again, 2),
	EACH(it_may_be_freed_at_once_with_its_base, 2),
	EACH(a_partner_that_went_in_the_same_breath_makes_it_busy, 2))
