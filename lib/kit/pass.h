/* SPDX-License-Identifier: ISC */
/* pass - a layer that passes bytes on as they are, when its owner lets them
 *
 * What tee, limit and rate have in common.  A state begins with an lt_pass, the ops
 * are LT_PASS_OPS, and the owner's table says how much may go and when.
 */
#ifndef LT_KIT_PASS_H
#define LT_KIT_PASS_H

#include <leat/buf.h>
#include <leat/flow_ops.h>

typedef struct lt_pass lt_pass;

/* All of them may end the flow: whoever calls holds it. */
typedef struct lt_passing {
	/* How many of these bytes go now.  0: none; lt_pass_go_on is called when that
	 * changes, unless the direction has ended by this.  With 0 bytes: before any are
	 * asked for below (0: do not), and when all that was written has gone. */
	size_t (*may)(lt_pass *pass, leat_direction direction, size_t bytes);
	/* A whole buf is about to go.  NULL: nothing to do. */
	void (*goes)(lt_pass *pass, leat_direction direction, leat_buf *buf);
	/* The direction has ended in order.  NULL: nothing to do. */
	void (*ended)(lt_pass *pass, leat_direction direction);
	/* The flow has ended: let go of what is held.  Once. */
	void (*gone)(lt_pass *pass);
} lt_passing;

struct lt_pass {
	leat_flow *self, *below;
	const lt_passing *passing;
	leat_buf *rest;  /* what was read and has not gone; or NULL */
	bool asked;      /* an answer is due */
	bool reading;    /* below */
	bool read_over;  /* the end or an error was given */
	bool end_given;  /* it was the end */
	bool writing;    /* a send below waits */
	bool shutting;   /* below is being shut, or is */
	bool shut;       /* it is */
	bool to_be_told; /* ops->shutdown waits for that */
	bool told;
};

/* Gives a flow over `below`, which it takes, and its state; without memory the flow is
 * stillborn, *pass NULL, and below aborted. */
leat_flow *lt_pass_new(leat_flow *below, const leat_flow_ops *ops, const lt_passing *passing, lt_pass **pass,
                       const char *where);
/* What may go has changed. */
void lt_pass_go_on(lt_pass *pass, leat_direction direction);
void lt_pass_fail(lt_pass *pass, leat_direction direction, leat_error error);
/* No more is read. */
void lt_pass_end_reading(lt_pass *pass);
/* No more is written: tells the peer. */
void lt_pass_end_writing(lt_pass *pass);

void lt_pass_read(leat_flow *self, void *state);
void lt_pass_write(leat_flow *self, void *state, leat_bufs *queue);
void lt_pass_flush(leat_flow *self, void *state);
void lt_pass_shutdown(leat_flow *self, void *state);
void lt_pass_close(leat_flow *self, void *state);
void lt_pass_abort(leat_flow *self, void *state);
void lt_pass_info(leat_flow *self, void *state, leat_flow_info *info);

#define LT_PASS_OPS                                                                   \
	.read = lt_pass_read, .write = lt_pass_write, .flush = lt_pass_flush,         \
	.shutdown = lt_pass_shutdown, .close = lt_pass_close, .abort = lt_pass_abort, \
	.info = lt_pass_info

#endif
