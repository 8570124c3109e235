/* SPDX-License-Identifier: ISC */
/* describe - a flow in a few words, for dumps */
#include <stdarg.h>
#include <stdio.h>

#include "flow/flow.h"

typedef struct words {
	char *out;
	size_t room, used;
} words;

static void say(words *w, const char *format, ...) LEAT_PRINTF(2, 3);
static void say(words *w, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(w->out + (w->used < w->room ? w->used : w->room), w->used < w->room ? w->room - w->used : 0, format, args);
	va_end(args);
	w->used += n > 0 ? (size_t)n : 0;
}

static leat_flow_info look_at(const leat_flow *flow)
{
	leat_flow_info info = { .size = sizeof info };

	leat_flow_info_get(lt_flow_of((leat_flow *)(uintptr_t)flow), &info);
	return info;
}

static void say_who(words *w, const leat_flow_info *info)
{
	char peer[128];

	say(w, "%s %s", info->kind, info->where);
	if (info->fd >= 0)
		say(w, ", fd %d", info->fd);
	if (info->peer.bytes) {
		leat_addr_print(&info->peer, peer, sizeof peer);
		say(w, ", %s", peer);
	}
}

int lt_flow_describe(const leat_flow *flow, char *out, size_t room)
{
	words w = { .out = out, .room = room };
	leat_flow_info info = look_at(flow);

	say_who(&w, &info);
	if (flow->bits & LT_F_CLOSING)
		say(&w, ", closing");
	say(&w, ", %llu read, %llu written", (unsigned long long)info.read_bytes, (unsigned long long)info.written_bytes);
	if (info.kept_bytes)
		say(&w, ", %zu kept", info.kept_bytes);
	if (info.queued_bytes)
		say(&w, ", %zu queued", info.queued_bytes);
	if (info.read_ended)
		say(&w, ", read ended");
	if (info.write_ended)
		say(&w, ", write ended");
	return (int)w.used;
}

static int describe_of(const leat_flow *flow, char *out, size_t room)
{
	words w = { .out = out, .room = room };
	leat_flow_info info = look_at(flow);

	say(&w, "of ");
	say_who(&w, &info);
	if (info.queued_bytes)
		say(&w, ", %zu queued", info.queued_bytes);
	return (int)w.used;
}

int lt_flow_state_describe(const void *state, char *out, size_t room)
{
	return describe_of(*(leat_flow *const *)state, out, room);
}

int lt_waiter_describe(const void *state, char *out, size_t room)
{
	return describe_of(((const lt_waiter *)state)->flow, out, room);
}
