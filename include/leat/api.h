/* SPDX-License-Identifier: ISC */
/* api - what every public header needs: visibility, attributes, places
 *
 * Ownership in four words, used in every contract of this library:
 *   borrows  until the call returns      lent   until the io settles
 *   takes    ours from now on, even on failure   gives  yours, release it
 * An argument without a word is borrowed; a returned pointer without a word
 * is given.
 *
 * A struct that you fill begins with its size, all zero but that is the default.
 * One whose size was forgotten, and is 0, is refused by abort, with its name.
 */
#ifndef LEAT_API_H
#define LEAT_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define LEAT_BEGIN extern "C" {
#define LEAT_END }
#else
#define LEAT_BEGIN
#define LEAT_END
#endif

#if defined(__GNUC__)
#define LEAT_API __attribute__((visibility("default")))
#define LEAT_NODISCARD __attribute__((warn_unused_result))
#define LEAT_PRINTF(words, first) __attribute__((format(printf, words, first)))
#else
#define LEAT_API
#define LEAT_NODISCARD
#define LEAT_PRINTF(words, first)
#endif

/* The place of a call, as a string that lives for ever.  The macros that add it take their
 * arguments as they come, so that a literal with commas may be one of them. */
#define LEAT_TEXT_(x) #x
#define LEAT_TEXT(x) LEAT_TEXT_(x)
#define LEAT_HERE __FILE__ ":" LEAT_TEXT(__LINE__)

/* The nouns, so that a header can speak of another header's. */
typedef struct leat_buf leat_buf;
typedef struct leat_bufs leat_bufs;
typedef struct leat_io leat_io;
typedef struct leat_flow leat_flow;
typedef struct leat_listener leat_listener;
typedef struct leat_loop leat_loop;
typedef struct leat_result leat_result;
typedef struct leat_scope leat_scope;

struct bufferevent;
struct event_base;
struct iovec;
struct sockaddr;

#endif
