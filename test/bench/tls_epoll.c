/* SPDX-License-Identifier: ISC */
/* tls_epoll - a TLS server one writes by hand: epoll, OpenSSL on the descriptor, no library
 *
 * Level-triggered. A record is read and answered until OpenSSL wants more; a write that
 * does not go through is tried again with the same bytes when the socket takes some.
 * With "lean" as its last word OpenSSL reads ahead, so that a record is one read, and is
 * not asked again where nothing can be: the least there is to do over OpenSSL. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bench/listen.h"

enum { EVENTS = 512, TURNS = 16 };

struct conn {
	SSL *ssl;
	int fd;
	uint32_t armed;
	unsigned char *rest;	/* what SSL_write must be given again; NULL: nothing */
	int rest_len;
};

static enum mode mode;
static int lean;
static int ep;
static SSL_CTX *ctx;
static unsigned char block[BLOCK_BYTES];

static void
conn_free(struct conn *c)
{
	SSL_free(c->ssl);
	close(c->fd);
	free(c->rest);
	free(c);
}

static void
arm(struct conn *c, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = c };

	if (c->armed != events && epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e) < 0)
		err(1, "epoll_ctl");
	c->armed = events;
}

/* Gives 1 where it is to be tried again, -1 at the end. */
static int
later(struct conn *c, int ret)
{
	switch (SSL_get_error(c->ssl, ret)) {
	case SSL_ERROR_WANT_READ:
		arm(c, EPOLLIN);
		return 1;
	case SSL_ERROR_WANT_WRITE:
		arm(c, EPOLLOUT);
		return 1;
	}
	ERR_clear_error();
	return -1;
}

static int
keep(struct conn *c, int n)
{
	c->rest = malloc((size_t)n);
	if (!c->rest)
		return -1;
	memcpy(c->rest, block, (size_t)n);
	c->rest_len = n;
	return 1;
}

/* Gives 1 to wait, 0 to go on, -1 to end. */
static int
read_once(struct conn *c)
{
	int n = SSL_read(c->ssl, block, sizeof block), ret, what;

	if (n <= 0)
		return later(c, n);
	if (mode != ECHO_BACK)
		return 0;
	ret = SSL_write(c->ssl, block, n);
	if (ret > 0)
		return 0;
	what = later(c, ret);
	return what > 0 ? keep(c, n) : what;
}

static int
write_rest(struct conn *c)
{
	int ret = SSL_write(c->ssl, c->rest, c->rest_len);

	if (ret <= 0)
		return later(c, ret);
	free(c->rest);
	c->rest = NULL;
	arm(c, EPOLLIN);
	return 0;
}

static int
go_on(struct conn *c)
{
	int what = 0, ret;

	if (!SSL_is_init_finished(c->ssl)) {
		ret = SSL_accept(c->ssl);
		if (ret <= 0)
			return later(c, ret);
		arm(c, mode == SOURCE ? EPOLLOUT : EPOLLIN);
	}
	if (c->rest && (what = write_rest(c)) != 0)
		return what;
	if (mode == SOURCE) {
		ret = SSL_write(c->ssl, block, sizeof block);
		return ret > 0 ? 1 : later(c, ret);
	}
	for (int i = 0; i < (lean ? 1 : TURNS) && what == 0; i++)
		what = read_once(c);
	while (what == 0 && (lean ? SSL_has_pending(c->ssl) : SSL_pending(c->ssl) > 0))
		what = read_once(c);
	return what;
}

static void
on_accept(int listener)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct conn *c = calloc(1, sizeof *c);
		struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };

		if (!c || !(c->ssl = SSL_new(ctx)))
			errx(1, "no memory");
		c->fd = fd;
		c->armed = EPOLLIN;
		SSL_set_fd(c->ssl, fd);
		SSL_set_read_ahead(c->ssl, lean);
		SSL_set_accept_state(c->ssl);
		if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e) < 0)
			err(1, "epoll_ctl");
	}
}

int
main(int argc, char **argv)
{
	static struct epoll_event ready[EVENTS];
	struct epoll_event e = { .events = EPOLLIN };	/* data.ptr NULL: the listener */
	int listener;

	lean = argc == 6 && strcmp(argv[5], "lean") == 0;
	if (argc != 5 + lean)
		errx(2, "usage: %s PORT echo|sink|source CERT KEY [lean]", argv[0]);
	mode = mode_of(3, argv);
	signal(SIGPIPE, SIG_IGN);
	ctx = SSL_CTX_new(TLS_server_method());
	if (!ctx || SSL_CTX_use_certificate_chain_file(ctx, argv[3]) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, argv[4], SSL_FILETYPE_PEM) != 1)
		errx(1, "%s, %s: no certificate", argv[3], argv[4]);
	listener = listen_on(argv[1]);
	ep = epoll_create1(EPOLL_CLOEXEC);
	if (ep < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, listener, &e) < 0)
		err(1, "epoll");
	for (;;) {
		int n = epoll_wait(ep, ready, EVENTS, -1);

		for (int i = 0; i < n; i++)
			if (!ready[i].data.ptr)
				on_accept(listener);
			else if (go_on(ready[i].data.ptr) < 0)
				conn_free(ready[i].data.ptr);
	}
}
