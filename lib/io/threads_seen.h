/* SPDX-License-Identifier: ISC */
/* threads_seen.h - helgrind is told what it cannot see
 *
 * It knows locks and threads, not atomics: what is handed over by an atomic is
 * a race to it.  Built with -DLT_HELGRIND it is told; else this is nothing.
 * ThreadSanitizer needs no words.
 */
#ifndef LT_IO_THREADS_SEEN_H
#define LT_IO_THREADS_SEEN_H

#ifdef LT_HELGRIND
#include <valgrind/helgrind.h>
#define lt_seen_hand_over(what) ANNOTATE_HAPPENS_BEFORE(what)
#define lt_seen_taken(what) ANNOTATE_HAPPENS_AFTER(what)
#define lt_seen_atomic(object) VALGRIND_HG_DISABLE_CHECKING((object), sizeof *(object))
#else
#define lt_seen_hand_over(what) ((void)(what))
#define lt_seen_taken(what) ((void)(what))
#define lt_seen_atomic(object) ((void)(object))
#endif

#endif
