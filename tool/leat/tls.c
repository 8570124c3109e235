/* SPDX-License-Identifier: ISC */
/* tls - the layer tls, by libleat-tls */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <leat/tls.h>

#include "layer.h"

struct tls {
	leat_tls *context;
	enum role role;
	char *host; /* of a target; NULL: its name is not looked at */
};

static void end(void *made)
{
	struct tls *t = made;

	leat_tls_unref(t->context);
	free(t->host);
	free(t);
}

/* ---- preparing ---- */

static const char *text_of(const struct part *part, enum option option)
{
	const struct setting *setting = part_setting(part, option);

	return setting ? setting->value : NULL;
}

/* Of a target all that is there; of a client nothing, or a certificate. */
static leat_tls_verify verify_of(const struct part *part, enum role role)
{
	const struct setting *verify = part_setting(part, OPTION_VERIFY);

	if (role == ROLE_TARGET)
		return verify && !verify->number ? LEAT_TLS_ANY : LEAT_TLS_USUAL;
	return verify && verify->number ? LEAT_TLS_CHAIN : LEAT_TLS_USUAL;
}

/* A list with commas, as the library wants it, of one with plus signs. */
static char *alpn_of(const struct part *part)
{
	const char *text = text_of(part, OPTION_ALPN);
	char *list = text ? strdup(text) : NULL;

	for (char *c = list; c && *c; c++)
		if (*c == '+')
			*c = ',';
	return list;
}

static leat_tls *make_context(const struct part *part, enum role role)
{
	char *alpn = alpn_of(part);
	leat_tls_options options = {
		.size = sizeof options,
		.verify = verify_of(part, role),
		.cert_file = text_of(part, OPTION_CERT),
		.key_file = text_of(part, OPTION_KEY),
		.ca_file = text_of(part, OPTION_CA),
		.alpn = alpn,
		.handshake_ms = -1, /* the session has its own deadline */
	};
	leat_tls *context = leat_tls_new(&options);

	free(alpn);
	return context;
}

/* Where the option is that the library complains of. */
static struct piece place_of(const struct part *part, const char *name)
{
	static const struct {
		const char *name;
		enum option option;
	} names[] = { { "cert_file", OPTION_CERT }, { "key_file", OPTION_KEY }, { "ca_file", OPTION_CA }, { "alpn", OPTION_ALPN } };
	const struct setting *setting;

	for (size_t i = 0; name && i < sizeof names / sizeof *names; i++) {
		setting = part_setting(part, names[i].option);
		if (setting && !strcmp(name, names[i].name))
			return setting->at;
	}
	return part->at;
}

static bool check_context(const leat_tls *context, const struct address *address, const struct part *part,
                          struct complaint *why)
{
	const char *option;
	leat_error error = leat_tls_error(context, &option);
	char words[160];

	if (!leat_error_set(error))
		return true;
	if (option && !strcmp(option, "alpn"))
		snprintf(words, sizeof words, "protocols are names of 1 to 255 bytes with a plus between them: alpn=h2+http/1.1");
	else
		leat_error_print(error, words, sizeof words);
	return complain(why, address->text, place_of(part, option), "%s", words);
}

/* The name that the target's certificate must have. */
static const char *host_of(const struct address *address, const struct part *part)
{
	const char *name = text_of(part, OPTION_NAME);

	return name ? name : address->host;
}

static bool check_host(const struct address *address, const struct part *part, enum role role, struct complaint *why)
{
	if (role == ROLE_LISTEN || host_of(address, part) || verify_of(part, role) == LEAT_TLS_ANY)
		return true;
	return complain(why, address->text, part->at,
		"whose certificate is wanted is not clear here: say name=HOST, or verify=no");
}

static bool prepare(const struct address *address, const struct part *part, enum role role, void **made,
                    struct complaint *why)
{
	struct tls *t;

	if (!check_host(address, part, role, why))
		return false;
	*made = t = calloc(1, sizeof *t);
	if (!t)
		return complain(why, NULL, part->at, "no memory");
	t->role = role;
	if (role == ROLE_TARGET && host_of(address, part))
		t->host = strdup(host_of(address, part));
	t->context = make_context(part, role);
	return check_context(t->context, address, part, why);
}

/* ---- a connection ---- */

static leat_io *wrap(leat_flow *below, void *made, char *words)
{
	struct tls *t = made;
	leat_tls_peer peer = { .size = sizeof peer, .host = t->host, .why = words, .why_bytes = LAYER_WORDS };

	return t->role == ROLE_LISTEN ? leat_tls_server(below, t->context, &peer) : leat_tls_client(below, t->context, &peer);
}

const struct layer tls_layer = { .prepare = prepare, .wrap = wrap, .end = end };
