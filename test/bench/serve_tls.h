/* SPDX-License-Identifier: ISC */
/* serve_tls.h - a handler for leat_serve that shakes hands first */
#ifndef BENCH_SERVE_TLS_H
#define BENCH_SERVE_TLS_H

#include <leat/io.h>
#include <leat/flow.h>

/* `first` gets the flow that is over the connection, and goes on as without TLS. */
leat_error serve_tls_init(leat_fn first, const char *cert, const char *key);
leat_io *serve_tls(void *ctx, leat_flow *flow);

#endif
