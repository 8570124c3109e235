/* SPDX-License-Identifier: ISC */
/* kinds.h - what the contract suite must know of a kind of flow: one row of kinds.c */
#ifndef TEST_CONTRACT_KINDS_H
#define TEST_CONTRACT_KINDS_H

#include <leat/flow.h>
#include <leat/loop.h>

/* A clause this kind cannot obey, and why. `what` is a clause as "H2", a chapter as "H", or the whole
 * name of one test. */
struct exemption {
	const char *what;
	const char *reason;
};

enum { EXEMPTIONS = 24 };

struct kind {
	const char *name;
	/* Gives two connected ends; false where there was no memory. What it
	 * waits for, it awaits. */
	bool (*make)(leat_loop *loop, leat_flow *ends[2]);
	/* whether this machine has it; NULL: always */
	bool (*here)(void);
	/* what an aborted end looks like from the other: LEAT_RESET, or LEAT_NONE
	 * where the transport has no reset, so that it is the end, or an error */
	leat_kind cut;
	unsigned flows; /* how many each end is made of; 0: one */
	bool alone;   /* nobody is at the other end: both ends are such */
	bool one_way; /* ends[1] writes, ends[0] reads */
	const char *beyond; /* where it falls short and no test can look; printed as an exemption */
	bool signals; /* libevent writes the descriptor itself: SIGPIPE is ignored */
	struct exemption exempt[EXEMPTIONS];
};

extern const struct kind kinds[];
extern const size_t n_kinds;

/* The test's own layer, in layer.c, which speaks the code of code.h. Takes `below`. */
LEAT_NODISCARD leat_flow *layer_over(leat_loop *loop, leat_flow *below);
/* How often an op of it was called after close or abort. */
extern unsigned layer_late_calls;

/* Connected stream sockets, made without leat. */
bool fds_tcp(int fds[2]);
bool fds_unix(int fds[2]);

/* Trailers that the test's bufferevent filters have sent and seen. */
extern unsigned trailers_sent, trailers_seen;

/* coded.c */
bool make_transform(leat_loop *loop, leat_flow *ends[2]);
bool make_transform_socket(leat_loop *loop, leat_flow *ends[2]);

#ifdef HAVE_ZLIB
/* zip.c */
bool make_zlib_pair(leat_loop *loop, leat_flow *ends[2]);
bool make_zlib_socket(leat_loop *loop, leat_flow *ends[2]);
bool make_zlib_bev(leat_loop *loop, leat_flow *ends[2]);
#endif

#ifdef HAVE_ZSTD
/* zstd.c */
bool make_zstd_pair(leat_loop *loop, leat_flow *ends[2]);
#endif

/* bridge.c */
bool make_bridge(leat_loop *loop, leat_flow *ends[2]);

/* joint.c */
bool make_joint(leat_loop *loop, leat_flow *ends[2]);

/* passed.c */
bool make_limit(leat_loop *loop, leat_flow *ends[2]);
bool make_rate(leat_loop *loop, leat_flow *ends[2]);
bool make_tee(leat_loop *loop, leat_flow *ends[2]);
bool make_tee_socket(leat_loop *loop, leat_flow *ends[2]);

#ifdef HAVE_EVENT_SSL
/* ssl.c */
bool make_openssl(leat_loop *loop, leat_flow *ends[2]);
bool make_openssl_filter(leat_loop *loop, leat_flow *ends[2]);
#endif

#ifdef HAVE_TLS
/* tls.c */
bool make_tls_pair(leat_loop *loop, leat_flow *ends[2]);
bool make_tls_socket(leat_loop *loop, leat_flow *ends[2]);
bool make_tls_bev(leat_loop *loop, leat_flow *ends[2]);
bool make_tls_tls(leat_loop *loop, leat_flow *ends[2]);
/* over zlib over a pair */
bool make_tls_zlib(leat_loop *loop, leat_flow *ends[2]);
#endif

#endif
