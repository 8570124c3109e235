/* SPDX-License-Identifier: ISC */
/* proxy_clock - what has moved, and the limits of a proxy */
#include <sys/ioctl.h>

#include <leat/loop.h>

#include "kit/proxy.h"

enum { LOOKS = 4 /* at the clock, in a limit's length */ };

leat_flow_info lt_proxy_info(leat_flow *flow)
{
	leat_flow_info info = { .size = sizeof info };

	leat_flow_info_get(flow, &info);
	return info;
}

/* Of its socket (SIOCOUTQ of tcp(7)), what the peer has not confirmed; of a Unix one, what the
 * peer has not read. */
uint64_t lt_proxy_unsent(const leat_flow_info *info)
{
	int bytes = 0;

	return info->fd >= 0 && ioctl(info->fd, TIOCOUTQ, &bytes) == 0 ? (uint64_t)bytes : 0;
}

/* That it is confirmed is progress, too: a peer that is slow takes long for what the kernel
 * took at once. */
static uint64_t moved(const lt_proxy *p)
{
	uint64_t bytes = 0;

	for (int i = 0; i < 2; i++) {
		leat_flow_info info = lt_proxy_info(p->flow[i]);

		bytes += info.read_bytes + info.written_bytes - info.queued_bytes - lt_proxy_unsent(&info);
	}
	return bytes;
}

void lt_proxy_restart(lt_proxy *p)
{
	p->mark = moved(p);
	p->since_ms = leat_loop_now_ms(p->loop);
}

/* Whether nothing has moved for that long. */
bool lt_proxy_has_stood(lt_proxy *p, int64_t limit_ms)
{
	if (moved(p) != p->mark) {
		lt_proxy_restart(p);
		return false;
	}
	return limit_ms >= 0 && leat_loop_now_ms(p->loop) - p->since_ms >= limit_ms;
}

leat_io *lt_proxy_timeout(lt_proxy *p)
{
	return leat_io_fail(p->loop, leat_error_core(LEAT_TIMEOUT));
}

static leat_io *on_look(void *ctx, leat_result *result)
{
	lt_proxy *p = ctx;

	(void)result;
	if (!lt_proxy_has_stood(p, p->ended > 0 ? p->half_open_ms : p->idle_ms))
		return leat_io_int(p->loop, 1);
	lt_proxy_tell(p, p->ended > 0 ? LEAT_PROXY_HALF_OPEN : LEAT_PROXY_IDLE, leat_error_core(LEAT_TIMEOUT));
	return lt_proxy_timeout(p);
}

/* Of a limit's length, which may be the longest there is. */
int64_t lt_proxy_look_of(int64_t ms)
{
	return ms / LOOKS + (ms % LOOKS > 0);
}

/* A part of the shorter limit. */
static int64_t look_ms(const lt_proxy *p)
{
	int64_t ms = p->idle_ms < 0 || (p->half_open_ms >= 0 && p->half_open_ms < p->idle_ms) ? p->half_open_ms : p->idle_ms;

	return lt_proxy_look_of(ms);
}

leat_io *lt_proxy_look(void *ctx, leat_result *result)
{
	lt_proxy *p = ctx;

	(void)result;
	return leat_io_then(leat_sleep(p->loop, look_ms(p)), on_look, leat_ctx_borrow(p));
}
