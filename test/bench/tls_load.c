/* SPDX-License-Identifier: ISC */
/* tls_load - the clients of a TLS server under measurement, all of TLS 1.3
 *
 *	tls_load PORT echo CONNECTIONS BYTES MESSAGES     each sends and waits, in turn
 *	tls_load PORT in|out CONNECTIONS 0 MIB            to a sink, from a source
 *	tls_load PORT shake 1 0 HANDSHAKES                none is resumed
 *
 * When all are connected it prints "ready" and waits for a line; at the end, "done". The
 * clients block: what is measured is the server. */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 1024, BLOCK_BYTES = 65536 };

static SSL_CTX *ctx;
static SSL *conns[MOST];
static unsigned char block[BLOCK_BYTES];
static int port, connections;
static size_t bytes;
static long amount;

static SSL *
dial(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((unsigned short)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
	SSL *ssl = SSL_new(ctx);

	if (!ssl || fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
		err(1, "connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	SSL_set_fd(ssl, fd);
	if (SSL_connect(ssl) != 1)
		errx(1, "no handshake");
	return ssl;
}

static void
hang_up(SSL *ssl)
{
	int fd = SSL_get_fd(ssl);

	SSL_free(ssl);
	close(fd);
}

static void
send_all(SSL *ssl, size_t n)
{
	if (SSL_write(ssl, block, (int)n) != (int)n)
		errx(1, "a write failed");
}

static void
receive(SSL *ssl, size_t n)
{
	while (n > 0) {
		int got = SSL_read(ssl, block, (int)(n < sizeof block ? n : sizeof block));

		if (got <= 0)
			errx(1, "a read failed");
		n -= (size_t)got;
	}
}

static void
echo(void)
{
	for (long sent = 0; sent < amount; sent += connections) {
		for (int i = 0; i < connections; i++)
			send_all(conns[i], bytes);
		for (int i = 0; i < connections; i++)
			receive(conns[i], bytes);
	}
}

static void
in(void)
{
	for (long block_no = 0; block_no < amount * 16; block_no++)
		send_all(conns[block_no % connections], sizeof block);
}

static void
out(void)
{
	for (long block_no = 0; block_no < amount * 16; block_no++)
		receive(conns[block_no % connections], sizeof block);
}

static void
shake(void)
{
	for (long i = 0; i < amount; i++)
		hang_up(dial());
}

static const struct {
	const char *name;
	void (*run)(void);
} modes[] = { { "echo", echo }, { "in", in }, { "out", out }, { "shake", shake } };

static void
gate(void)
{
	char line[8];

	puts("ready");
	fflush(stdout);
	if (!fgets(line, sizeof line, stdin))
		exit(1);
}

int
main(int argc, char **argv)
{
	void (*run)(void) = NULL;

	for (size_t i = 0; argc == 6 && i < sizeof modes / sizeof modes[0]; i++)
		if (strcmp(argv[2], modes[i].name) == 0)
			run = modes[i].run;
	if (!run)
		errx(2, "usage: tls_load PORT echo|in|out|shake CONNECTIONS BYTES AMOUNT");
	port = atoi(argv[1]);
	connections = atoi(argv[3]);
	bytes = (size_t)atol(argv[4]);
	amount = atol(argv[5]);
	if (connections < 1 || connections > MOST || bytes > BLOCK_BYTES)
		errx(2, "too many");
	signal(SIGPIPE, SIG_IGN);
	ctx = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	for (int i = 0; i < connections; i++)
		conns[i] = dial();
	gate();
	run();
	puts("done");
	fflush(stdout);
	return fgetc(stdin) == EOF ? 0 : 0;
}
