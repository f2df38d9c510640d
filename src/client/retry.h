/* retry.h - which calls are made again, after what, when, and how often in all.
 *
 * Threads: a budget is under the caller's lock; the rest has no state.
 * Source: docs/protocol.md, "Several servers, and calling again"; gRPC's proposal A6. */
#ifndef USHER_CLIENT_RETRY_H
#define USHER_CLIENT_RETRY_H

#include "base/status.h"
#include "base/str.h"
#include "client/method.h"

#define RETRY_ATTEMPTS_MAX 4
#define RETRY_PAUSE_US_FIRST INT64_C(50000) /* twice as long each further time */
#define RETRY_PAUSE_US_MAX INT64_C(1000000)

/* May it be made twice, for all that a client knows? A READ may; not if it is filled in such a way
 * that it writes. Anything else only under an idempotency key, if it takes one. */
bool retry_is_safe(const struct client_method *method, bool has_key, struct slice payload);
/* Might the same call succeed later, or on another server? */
bool retry_is_worth_it(status failure, uint32_t retry_after_ms);
/* Of one that is worth it: is it the system that is in trouble, or this one caller? */
bool retry_tells_of_trouble(status failure);
/* How long to wait before the next attempt; pauses: how many there were of this kind. random: any
 * value, each as likely. */
int64_t retry_pause_us(unsigned pauses, uint32_t random);

/* What a client spends on repeats, all its calls together: where too much fails, it stops. */
struct retry_budget {
	uint32_t tenths;
};
#define RETRY_TENTHS_MAX 1000
void retry_budget_init(struct retry_budget *budget);
void retry_budget_take(struct retry_budget *budget);
void retry_budget_return(struct retry_budget *budget);
/* Is there enough left for a repeat? */
bool retry_budget_suffices(const struct retry_budget *budget);

#endif
