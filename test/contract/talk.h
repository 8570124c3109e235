/* SPDX-License-Identifier: ISC */
/* talk.h - the words in which the clauses are written
 *
 * Every test has two connected ends of one kind: `a`, which reads where only one
 * does, and `b`, which writes. Whatever it does, it leaves no io behind; the ends
 * may be in any state.
 */
#ifndef TEST_CONTRACT_TALK_H
#define TEST_CONTRACT_TALK_H

#include <stdint.h>

#include <leat/buf.h>
#include <leat/flow.h>
#include <leat/flow_ops.h>

#include "contract/kinds.h"
#include "contract/stage.h"
#include "support/expect.h"

/* What a clause's test needs of a kind, besides two ends. */
enum {
	ANY = 0,
	DUPLEX = 1,    /* both ends read and write */
	ALONE = 2,     /* makes sense with nobody at the other end, too */
	SMALL_TURNS = 4, /* is played with one continuation a turn */
};

struct clause {
	const char *name; /* "r9_a_cancelled_read_loses_no_byte" */
	void (*play)(void);
	unsigned needs;
};
#define CLAUSE(name, needs) { #name, name, needs }

/* Each ends with a nameless one. */
extern const struct clause type_clauses[], read_clauses[], write_clauses[], half_clauses[], close_clauses[],
	life_clauses[], release_clauses[], oom_clauses[], direct_clauses[];

/* Plays them over the kinds that stand on other flows, or over all others; gives the
 * program's status. */
int obey(bool layers);

extern const struct kind *kind;
extern struct stage stage;
extern leat_flow *a, *b;

/* Gives the reference back and forgets it. */
void drop(leat_flow **flow);
/* Both ends anew. */
void fresh(void);
/* Lets everything happen that can without waiting. */
void settle(void);

/* Turns until the condition holds; the alarm ends what never does. */
#define until(condition)               \
	do {                           \
		while (!(condition))   \
			a_moment();    \
	} while (0)
void a_moment(void);

/* ---- outcomes ---- */

/* Waits for the outcome; a value is destroyed. */
leat_error outcome(leat_io *io);
#define expect_done(io) expect_kind(outcome(io), LEAT_NONE)
#define expect_fails(io, kind) expect_kind(outcome(io), kind)
/* Whatever it is. */
void whatever(leat_io *io);
/* Waits for the end of a close, which never fails: how it ended. */
leat_error ending(leat_io *close);
#define expect_ends(io, kind) expect_kind(ending(io), kind)
/* Not yet. */
void still(leat_io *io, const char *text);
#define expect_pending(io) still((io), #io)
/* Whether it is one of a broken stream: CLOSED or RESET. */
void broken(leat_error error, const char *text);
#define expect_broken(error) broken((error), #error)

/* ---- saying and hearing ---- */

struct got {
	leat_buf *buf;
	leat_error error; /* none, and no buf: the end */
};
struct got get(leat_io *read);

void say(leat_flow *flow, const char *text);
/* Reads exactly that. */
void hears(leat_flow *flow, const char *text, int line);
#define expect_hears(flow, text) hears((flow), (text), __LINE__)
void hears_end(leat_flow *flow, int line);
#define expect_end(flow) hears_end((flow), __LINE__)
/* One io of a read: exactly that, the end. */
void brings(leat_io *read, const char *text, int line);
#define expect_brings(io, text) brings((io), (text), __LINE__)
#define expect_brings_end(io) brings((io), NULL, __LINE__)
/* Reads to what an aborted peer leaves behind: the kind's cut. Gives the number of
 * bytes before it. */
size_t hears_cut(leat_flow *flow);

/* How many ends have a transport. */
size_t ends_live(void);

leat_flow_info info(leat_flow *flow);
void limit(leat_flow *flow, leat_flow_limits limits);
#define LIMITS(...) ((leat_flow_limits){ .size = sizeof(leat_flow_limits), __VA_ARGS__ })

/* Closes both in order. */
void part(void);

/* ---- much ---- */

/* The byte at that place of the test's long text. */
unsigned char text_at(uint64_t at);
void text_fill(void *out, uint64_t at, size_t n);

/* Writes or reads a long text, piece by piece. */
struct pump {
	leat_flow *flow;
	uint64_t at, total; /* where it is, where it ends */
	size_t piece;       /* at once */
	bool wrong;         /* what was read is not the text */
};
/* What a read brought: looks whether it is the text; takes the buf. */
void pump_took(struct pump *pump, leat_buf *buf);
/* Both resolve when all was written, or the end was read. */
leat_io *pump_out(struct pump *pump, leat_flow *flow, uint64_t total, size_t piece);
leat_io *pump_in(struct pump *pump, leat_flow *flow);
/* The text of `n` bytes, in a buf of its own. */
leat_io *send_text(leat_flow *flow, size_t n);
/* Reads that many bytes of the text from `at`. */
void hears_text(leat_flow *flow, uint64_t at, uint64_t n, int line);
#define expect_text(flow, at, n) hears_text((flow), (at), (n), __LINE__)

/* Writes pieces of the text until one is not accepted at once; gives its io, and
 * where the text ends with it. */
leat_io *fill(leat_flow *flow, size_t piece, uint64_t *end);
/* A full transport may take another bit at any time, when TCP probes a window or lets
 * its buffer grow, to 4 MiB on Linux. What must stay pending is filled with such pieces:
 * one does not fit. */
enum { MUCH = 6 << 20 };
/* Turns until the flow's queue has not moved for a few milliseconds. */
void come_to_rest(leat_flow *flow);

/* ---- system calls that write, as seen by the program ---- */

extern bool watching;
extern unsigned watched_calls;

#endif
