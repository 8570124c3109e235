/* SPDX-License-Identifier: ISC */
/* half - H1 to H3: shutdown */
#include "contract/talk.h"

static void h1_shutdown_write_flushes_and_tells_the_peer(void)
{
	leat_io *sent = send_text(b, 400000), *told = leat_flow_shutdown(b, LEAT_WRITE);

	expect_text(a, 0, 400000);
	expect_end(a);
	expect_done(sent);
	expect_done(told);
	expect_fails(leat_flow_write(b, "x", 1), LEAT_CLOSED);
}

static void h1_reading_goes_on_after_shutdown_write(void)
{
	leat_io *reading = leat_flow_read(b);

	expect_done(leat_flow_shutdown(b, LEAT_WRITE));
	expect_end(a);
	expect_pending(reading);
	say(a, "answer");
	expect_brings(reading, "answer");
	expect_done(leat_flow_shutdown(a, LEAT_WRITE));
	expect_end(b);
}

static void h1_it_resolves_only_when_the_peer_has_been_told(void)
{
	uint64_t end;
	leat_io *sent = fill(b, MUCH, &end), *told = leat_flow_shutdown(b, LEAT_WRITE);

	settle();
	expect_pending(told);
	expect_text(a, 0, end);
	expect_done(sent);
	expect_done(told);
	expect_end(a);
}

static void h1_shutting_down_twice_is_harmless(void)
{
	leat_io *first = leat_flow_shutdown(b, LEAT_WRITE), *second = leat_flow_shutdown(b, LEAT_WRITE);

	expect_done(second);
	expect_done(first);
	expect_done(leat_flow_shutdown(b, LEAT_WRITE));
	expect_end(a);
}

static void h1_cancelling_a_shutdown_does_not_call_it_back(void)
{
	leat_io_cancel(leat_flow_shutdown(b, LEAT_WRITE));
	expect_end(a);
	expect_fails(leat_flow_write(b, "x", 1), LEAT_CLOSED);
}

static void h2_shutdown_read_gives_the_end(void)
{
	leat_io *reading = leat_flow_read(a);

	expect_done(leat_flow_shutdown(a, LEAT_READ));
	expect_brings_end(reading);
	expect_end(a);
	say(b, "unheard");
	settle();
	expect_end(a);
}

static void h2_what_arrives_is_discarded(void)
{
	leat_io *sent;

	expect_done(leat_flow_shutdown(a, LEAT_READ));
	sent = send_text(b, 12 << 20);
	expect_done(sent);
	expect_end(a);
}

static void h2_the_peer_is_not_told(void)
{
	expect_done(leat_flow_shutdown(a, LEAT_READ));
	settle();
	for (int i = 0; i < 5; i++)
		say(b, "still fine");
	say(a, "as is this");
	expect_hears(b, "as is this");
	say(b, "still fine");
}

static void h3_a_layer_shut_in_both_directions_closes_the_flow_below(void)
{
	leat_flow *ends[2] = { layer_over(stage.loop, a), layer_over(stage.loop, b) };

	leat_io *told[2];

	a = b = NULL;
	for (int i = 0; i < 2; i++)
		told[i] = leat_flow_shutdown(ends[i], LEAT_WRITE);
	for (int i = 0; i < 2; i++)
		expect_end(ends[i]);
	for (int i = 0; i < 2; i++)
		expect_done(told[i]);
	until(stage_stats(&stage).flows_live == 2);
	for (int i = 0; i < 2; i++)
		expect_end(ends[i]);
	for (int i = 0; i < 2; i++)
		expect_ends(leat_flow_close(ends[i]), LEAT_NONE);
	drop(&ends[0]);
	drop(&ends[1]);
}

const struct clause half_clauses[] = {
	CLAUSE(h1_shutdown_write_flushes_and_tells_the_peer, ANY),
	CLAUSE(h1_reading_goes_on_after_shutdown_write, DUPLEX),
	CLAUSE(h1_it_resolves_only_when_the_peer_has_been_told, ANY),
	CLAUSE(h1_shutting_down_twice_is_harmless, ANY),
	CLAUSE(h1_cancelling_a_shutdown_does_not_call_it_back, ANY),
	CLAUSE(h2_shutdown_read_gives_the_end, DUPLEX),
	CLAUSE(h2_what_arrives_is_discarded, DUPLEX),
	CLAUSE(h2_the_peer_is_not_told, DUPLEX),
	CLAUSE(h3_a_layer_shut_in_both_directions_closes_the_flow_below, DUPLEX),
	{ 0 },
};
