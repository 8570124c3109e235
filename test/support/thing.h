/* SPDX-License-Identifier: ISC */
/* thing.h - values and contexts that are counted, and say on the tape when they go
 *
 *	leat_io_then(io, step, thing_owned("a"))      a context: "~a" when destroyed
 *	leat_resolve_ptr(maker, thing("v"), &thing_type)  a value: "~v"
 *	lender_resolve(maker, thing("v"))             a value on loan: "<v" when given back
 *
 * things_live is their number: a test ends with none. One destroyed twice is
 * found by the count or, better, by the address sanitizer.
 */
#ifndef TEST_SUPPORT_THING_H
#define TEST_SUPPORT_THING_H

#include <stdlib.h>
#include <string.h>

#include <leat/io.h>

#include "support/expect.h"
#include "support/tape.h"

static int things_live;
/* Called each time a thing goes, and each time a continuation of step.h runs. */
static void (*thing_hook)(void);

static inline void thing_moment(void)
{
	if (thing_hook)
		thing_hook();
}

static inline void *thing(const char *word)
{
	char *text = malloc(strlen(word) + 1);

	expect_some(text);
	things_live++;
	return strcpy(text, word);
}

/* Ends it without a word. */
static inline void thing_take(void *data)
{
	expect_true(things_live > 0);
	things_live--;
	free(data);
}

static inline void thing_destroy(void *data)
{
	if (*(char *)data)
		tape_addf("~%s", (char *)data);
	thing_take(data);
	thing_moment();
}

static inline void *thing_share(void *data)
{
	return thing(data);
}

static const leat_type thing_type = { .size = sizeof thing_type, .name = "thing",
	.destroy = thing_destroy, .share = thing_share };
/* The same, but it cannot be shared. */
static const leat_type lone_type = { .size = sizeof lone_type, .name = "lone thing", .destroy = thing_destroy };

static inline leat_ctx thing_owned(const char *word)
{
	return leat_ctx_own(thing(word), thing_destroy);
}

static inline leat_ctx thing_moved(const char *word)
{
	return leat_ctx_move(thing(word), thing_destroy);
}

/* A giver: what nobody got comes back here. */
static inline void lender_take_back(void *ctx, void *value)
{
	(void)ctx;
	if (*(char *)value)
		tape_addf("<%s", (char *)value);
	thing_take(value);
	thing_moment();
}

static inline void lender_delivered(void *ctx, void *value)
{
	(void)ctx;
	if (*(char *)value)
		tape_addf(">%s", (char *)value);
}

static const leat_giver lender = { .size = sizeof lender, .give_back = lender_take_back,
	.delivered = lender_delivered };

static inline void lender_resolve(leat_maker maker, void *value)
{
	leat_resolve_lent(maker, value, &thing_type, &lender, NULL);
}

#define expect_no_things() expect_int(things_live, 0)

#endif
