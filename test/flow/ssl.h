/* SPDX-License-Identifier: ISC */
/* ssl.h - a context for both sides, with a certificate of its own */
#ifndef TEST_FLOW_SSL_H
#define TEST_FLOW_SSL_H

#include <stdio.h>

#include "support/certs.h"

static inline SSL_CTX *ssl_context(void)
{
	struct cert own = cert_new(&(struct cert_want){ .name = "leat" });
	SSL_CTX *context = cert_context(&own, NULL);

	cert_free(&own);
	return context;
}

#endif
