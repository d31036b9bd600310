/* What systemd wants to hear (sd_notify), without libsystemd.
 *
 * One datagram to $NOTIFY_SOCKET a message; without the variable every call does nothing. */
#ifndef JOURNEYD_ADAPTERS_NOTIFY_H
#define JOURNEYD_ADAPTERS_NOTIFY_H

#include "journeyd/types.h"

void jd_notify_ready(void);              /* READY=1 */
void jd_notify_stopping(void);           /* STOPPING=1 */
void jd_notify_alive(void);              /* WATCHDOG=1 */
void jd_notify_status(const char *text); /* STATUS=, one line */
void jd_notify_extend(int64_t ms);       /* EXTEND_TIMEOUT_USEC=: a start or stop that takes longer */
/* How often systemd wants a sign of life, in ms; call jd_notify_alive() at half of it. 0 = not at all. */
int64_t jd_notify_watchdog_ms(void);

#endif
