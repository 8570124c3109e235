/* SPDX-License-Identifier: ISC */
/* nomem - a conversation again with each of OpenSSL's allocations failing, and each of ours
 *
 * Whatever fails, it fails cleanly: the conversation ends, what both sides had is free,
 * OpenSSL's queue of errors is empty, and the next conversation is as good as ever.
 */
#include <openssl/crypto.h>

#include "tls/party.h"

/* ---- OpenSSL's memory: the n-th call fails ---- */

static size_t calls, fail_at;
static long live;

static bool fails(void)
{
	return ++calls == fail_at;
}

static void *door_malloc(size_t bytes, const char *file, int line)
{
	void *memory = fails() ? NULL : malloc(bytes);

	(void)file;
	(void)line;
	live += memory != NULL;
	return memory;
}

static void *door_realloc(void *memory, size_t bytes, const char *file, int line)
{
	void *moved = fails() ? NULL : realloc(memory, bytes);

	(void)file;
	(void)line;
	live += !memory && moved;
	return moved;
}

static void door_free(void *memory, const char *file, int line)
{
	(void)file;
	(void)line;
	live -= memory != NULL;
	free(memory);
}

/* ---- the conversation ---- */

static struct party p;

static void take(int i, leat_io *io)
{
	leat_result result;

	party_run(&p);
	if (!leat_io_try(io, &result)) {
		leat_io_cancel(io);
		return;
	}
	if (leat_result_ok(&result))
		p.flow[i] = leat_result_flow(&result);
	leat_result_clear(&result);
}

static void converse(void)
{
	leat_flow *ends[2];
	leat_io *both[2];

	leat_flow_pair(p.w.loop, ends);
	both[CLIENT] = party_client(&p, ends[0], "good.test");
	both[SERVER] = party_server(&p, ends[1]);
	take(CLIENT, both[CLIENT]);
	take(SERVER, both[SERVER]);
	for (int i = 0; i < 2; i++) {
		if (!p.flow[i])
			continue;
		leat_io_ignore(leat_flow_write(p.flow[i], "some words", 10));
		leat_io_ignore(leat_flow_read(p.flow[i]));
		party_run(&p);
		leat_tls_session_free(leat_tls_session_get(p.flow[i]));
		leat_io_ignore(leat_flow_close(p.flow[i]));
		party_run(&p);
	}
	expect_int((int)ERR_peek_error(), 0);
	party_part(&p);
	party_pass(&p, 60000);
}

static void contexts(void)
{
	SSL_CTX *client = cert_context(NULL, &p.ca), *server = cert_context(&p.good, NULL);

	p.tls[CLIENT] = tls_of(client, (leat_tls_options){ .alpn = "h2,echo" });
	p.tls[SERVER] = tls_of(server, (leat_tls_options){ 0 });
}

/* What OpenSSL makes once and keeps is made before. */
static void warm_up(void)
{
	for (int i = 0; i < 3; i++)
		converse();
}

/* Where time is dear, not each. */
static size_t step(void)
{
	return suite_number("CK_TIMEOUT_MULTIPLIER", 1) > 1 ? 97 : SUITE_SLOWNESS > 1 ? 7 : 1;
}

/* False: it needed fewer.  What OpenSSL keeps after a failure is kept once: it stays
 * after the first time, and is no leak. */
static bool play_failing(void (*play)(void), size_t nth)
{
	long before = 0;

	for (int i = 0; i < 3; i++) {
		before = live;
		calls = 0;
		fail_at = nth;
		play();
		fail_at = 0;
		if (live <= before)
			break;
	}
	ck_assert_msg(live <= before, "with call %zu failing, %ld of OpenSSL's allocations stayed", nth, live - before);
	return calls >= nth;
}

START_TEST(each_allocation_of_openssl_may_fail)
{
	size_t nth = 1;

	party_open(&p);
	contexts();
	warm_up();
	while (play_failing(converse, nth))
		nth += step();
	ck_assert_msg(nth > 100, "only %zu allocations", nth);
	party_meets(&p);
	party_talk(&p);
	p.w.unhandled = 0;
	party_close(&p);
}
END_TEST

static void make_context(void)
{
	leat_tls *tls = leat_tls_new(&(leat_tls_options){ .size = sizeof(leat_tls_options), .alpn = "a,b", .verify = LEAT_TLS_ANY });

	fail_at = 0;
	expect_int((int)ERR_peek_error(), 0);
	if (leat_error_set(leat_tls_error(tls, NULL)))
		expect_kind(leat_tls_error(tls, NULL), LEAT_NOMEM);
	leat_tls_unref(leat_tls_ref(tls));
	leat_tls_unref(tls);
}

START_TEST(making_a_context_may_fail)
{
	size_t nth = 1;

	make_context();
	while (play_failing(make_context, nth))
		nth++;
}
END_TEST

/* Each of leat's own: the loop's door. */
START_TEST(each_of_leats_own_may_fail)
{
	bool failed = true;

	for (size_t nth = 1; failed; nth++) {
		party_open(&p);
		contexts();
		p.w.oom.fail_at = p.w.oom.calls + nth;
		converse();
		failed = p.w.oom.failed;
		p.w.oom.fail_at = 0;
		p.w.unhandled = 0;
		party_close(&p);
	}
}
END_TEST

int main(void)
{
	const TTest *tests[] = { making_a_context_may_fail, each_allocation_of_openssl_may_fail, each_of_leats_own_may_fail };

	if (CRYPTO_set_mem_functions(door_malloc, door_realloc, door_free) != 1)
		return EXIT_FAILURE;
	return suite_run("nomem", tests, sizeof tests / sizeof *tests);
}
