/* SPDX-License-Identifier: ISC */
/* sigtable.h - the process's side of signals: who wants which, how often it came */
#ifndef LT_IO_SIGTABLE_H
#define LT_IO_SIGTABLE_H

#include <stdbool.h>
#include <stdint.h>

/* A seat is one loop's.  In a child of fork the table is empty and every seat
 * of the parent's void: taking it away from there does nothing. */
typedef struct lt_seat {
	int place;
	unsigned epoch;
} lt_seat;

/* Takes a seat; each arrival of what it wants adds one to the eventfd.  False:
 * all are taken. */
bool lt_seat_take(lt_seat *seat, int eventfd);
/* Gives it back; wants nothing any more.  When it returns nobody will write to the eventfd. */
void lt_seat_give(lt_seat seat);
/* From now on arrivals are counted.  Each want needs its unwant.  0, or an
 * errno. */
int lt_seat_want(lt_seat seat, int number);
void lt_seat_unwant(lt_seat seat, int number);
/* How often it came; runs over. */
uint32_t lt_seat_count(lt_seat seat, int number);

#endif
