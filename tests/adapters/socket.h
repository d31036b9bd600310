/* Just enough TCP for tests: one request, one answer, on 127.0.0.1. */
#ifndef JOURNEYD_TESTS_SOCKET_H
#define JOURNEYD_TESTS_SOCKET_H

#include <stddef.h>

int listen_on(int *port); /* port 0: a free one, written back */
int free_port(void);      /* one that nobody listens at just now */
void exchange_with(int port, const char *request, char *answer, size_t size); /* until the peer closes */

#endif
