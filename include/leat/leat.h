/* SPDX-License-Identifier: ISC */
/* leat - all of it */
#ifndef LEAT_LEAT_H
#define LEAT_LEAT_H

#include <leat/addr.h>
#include <leat/api.h>
#include <leat/bridge.h>
#include <leat/buf.h>
#include <leat/channel.h>
#include <leat/child.h>
#include <leat/copy.h>
#include <leat/direct.h>
#include <leat/door.h>
#include <leat/dump.h>
#include <leat/error.h>
#include <leat/event.h>
#include <leat/fiber.h>
#include <leat/flow.h>
#include <leat/flow_ops.h>
#include <leat/frame.h>
#include <leat/io.h>
#include <leat/limit.h>
#include <leat/listener.h>
#include <leat/loop.h>
#include <leat/map.h>
#include <leat/memory.h>
#include <leat/mutex.h>
#include <leat/net.h>
#include <leat/options.h>
#include <leat/proxy.h>
#include <leat/queue.h>
#include <leat/rate.h>
#include <leat/retry.h>
#include <leat/scope.h>
#include <leat/semaphore.h>
#include <leat/signal.h>
#include <leat/tee.h>
#include <leat/thread.h>
#include <leat/ticker.h>
#include <leat/trace.h>
#include <leat/transform.h>
#include <leat/version.h>

#endif
