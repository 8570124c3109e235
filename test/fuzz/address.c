/* SPDX-License-Identifier: ISC */
/* address - whatever is read as an address is printed as one, and read again */
#include <sys/socket.h>

#include <leat/addr.h>

#include "fuzz/fuzz.h"

/* As snprintf: however little room there is, it says how much it needs. */
static void print(const leat_addr *addr, char *out, size_t room)
{
	int bytes = leat_addr_print(addr, out, room);
	char *little;

	fuzz_must(bytes > 0 && (size_t)bytes < room);
	fuzz_must(strlen(out) == (size_t)bytes);
	little = malloc((size_t)bytes);
	fuzz_must(little && leat_addr_print(addr, little, (size_t)bytes) == bytes);
	fuzz_must(strncmp(little, out, (size_t)bytes - 1) == 0 && little[bytes - 1] == '\0');
	free(little);
}

static void print_and_parse(const leat_addr *addr)
{
	leat_addr again;
	char words[512];

	print(addr, words, sizeof words);
	fuzz_must(!leat_error_set(leat_addr_parse(words, &again)));
	fuzz_must(leat_addr_compare(addr, &again) == 0);
	fuzz_must(addr->bytes == again.bytes);
}

static void parse(fuzz *f)
{
	size_t bytes = f->bytes;
	const unsigned char *at = fuzz_bytes(f, &bytes);
	char *words = malloc(bytes + 1);
	leat_addr addr;

	fuzz_must(words);
	if (bytes > 0)
		memcpy(words, at, bytes);
	words[bytes] = '\0';
	if (leat_error_set(leat_addr_parse(words, &addr)))
		fuzz_must(addr.bytes == 0);
	else
		print_and_parse(&addr);
	free(words);
}

/* What the system might tell. */
static void from_sockaddr(fuzz *f)
{
	size_t bytes = f->bytes;
	const unsigned char *at = fuzz_bytes(f, &bytes);
	struct sockaddr *raw = malloc(bytes < sizeof *raw ? sizeof *raw : bytes);
	leat_addr addr, again;
	char words[512];

	fuzz_must(raw);
	if (bytes > 0)
		memcpy(raw, at, bytes);
	addr = leat_addr_from(raw, bytes);
	free(raw);
	print(&addr, words, sizeof words);
	fuzz_must(leat_addr_compare(&addr, &addr) == 0);
	(void)leat_addr_port(&addr);
	if (!leat_error_set(leat_addr_parse(words, &again)))
		print_and_parse(&again);
}

static void address(fuzz *f)
{
	if (f->bytes > 0 && *f->at < 8) {
		fuzz_byte(f);
		from_sockaddr(f);
	} else {
		parse(f);
	}
}

FUZZ("address", address)
