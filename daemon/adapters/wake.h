/* A worker's doorbell: whoever has something for the worker rings, the worker waits.
 *
 * Queues of Kafka, the schema registry and the control thread all ring the same bell, so that a worker
 * sleeps in one place. A ring means "look again", never "this is for you". A bell is an eventfd. */
#ifndef JOURNEYD_ADAPTERS_WAKE_H
#define JOURNEYD_ADAPTERS_WAKE_H

#include "base/error.h"

enum { JD_WAKE_NONE = -1 }; /* where a bell is optional: nobody to wake */

bool jd_wake_open(int *bell, struct jd_error *err);
void jd_wake_close(int *bell); /* accepts JD_WAKE_NONE; sets it */
/* From any thread, also from a signal handler. Rings until somebody waits are one. */
void jd_wake_ring(int bell);
/* Sleeps until the bell rings or `timeout_ms` (≥ 0) have passed; true if it rang. The ring is consumed. */
bool jd_wake_wait(int bell, int timeout_ms);

#endif
