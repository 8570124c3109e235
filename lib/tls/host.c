/* SPDX-License-Identifier: ISC */
/* host - what a server may be called: as it is sent to it, and as a certificate has it
 *
 * OpenSSL takes any text for a name, and one that begins with a dot for all names below
 * it.  RFC 6066 wants the name of a host (RFC 952, RFC 1123) without a dot at its end;
 * underscores are in no such name, but they occur.
 */
#include <arpa/inet.h>
#include <string.h>

#include "tls/tls.h"

bool lt_tls_host_is_address(const char *host)
{
	unsigned char address[16];

	return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

/* ---- names ---- */

static bool is_label(const char *label, size_t bytes)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

	return bytes > 0 && bytes <= 63 && strspn(label, letters) >= bytes && label[0] != '-' && label[bytes - 1] != '-';
}

/* The last label has something that is no digit: else it was meant as an address. */
static bool is_name(const char *host)
{
	const char *last = strrchr(host, '.');

	last = last ? last + 1 : host;
	if (last[strspn(last, "0123456789")] == '\0')
		return false;
	for (const char *label = host; label; label = strchr(label, '.') ? strchr(label, '.') + 1 : NULL)
		if (!is_label(label, strcspn(label, ".")))
			return false;
	return true;
}

/* ---- taking one ---- */

/* Without what is ours alone: the dot that ends a name, and the interface behind an
 * address that is known on one link only. */
static size_t bytes_of(const char *host)
{
	size_t bytes = strlen(host);
	const char *zone = strchr(host, ':') ? strchr(host, '%') : NULL;

	if (zone && zone[1])
		return (size_t)(zone - host);
	return bytes > 1 && host[bytes - 1] == '.' ? bytes - 1 : bytes;
}

const char *lt_tls_host_take(char *to, const char *host)
{
	size_t bytes = host ? bytes_of(host) : 0;

	to[0] = '\0';
	if (bytes >= LT_TLS_HOST)
		return "too long";
	if (bytes == 0)
		return NULL;
	memcpy(to, host, bytes);
	to[bytes] = '\0';
	return is_name(to) || lt_tls_host_is_address(to) ? NULL : "neither a name nor an IP address";
}
