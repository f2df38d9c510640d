/* wait.h - waiting on a condition by CLOCK_MONOTONIC: the time of day may be set while somebody
 * waits. Threads: any. */
#ifndef USHER_BASE_WAIT_H
#define USHER_BASE_WAIT_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

/* A condition whose timed waits are by CLOCK_MONOTONIC. */
void wait_cond_init(pthread_cond_t *cond);
/* CLOCK_MONOTONIC, in microseconds. Waiting is in real time: a test's clock may stand still. */
int64_t wait_now_us(void);
/* When it will be wait_us microseconds later, for pthread_cond_timedwait() on such a condition. */
void wait_deadline(int64_t wait_us, struct timespec *out);

#endif
