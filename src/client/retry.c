#include "client/retry.h"

#include "base/wire.h"

#include <string.h>

#define TENTHS_FAILURE 10
#define TENTHS_SUCCESS 1
/* Of the pause, more or less. */
#define JITTER_PERCENT 20

/* Is the field there? What can't be read counts as if it were. */
static bool
payload_has(struct slice payload, uint32_t number)
{
	struct wire_reader reader = wire_reader_of(payload);
	struct wire_field field;

	while (wire_next(&reader, &field))
		if (field.number == number)
			return true;
	return reader.failed;
}

bool
retry_is_safe(const struct client_method *method, bool has_key, struct slice payload)
{
	if (method->idempotent_by_key && has_key)
		return true;
	if (method->effect != CLIENT_READ)
		return false;
	/* One that takes a key may write: with the field that it names, or who knows when. */
	return !method->idempotent_by_key ||
	       (method->write_field != 0 && !payload_has(payload, method->write_field));
}

static bool
is_because_of(status failure, const char *reason)
{
	return failure.reason && strcmp(failure.reason, reason) == 0;
}

bool
retry_is_worth_it(status failure, uint32_t retry_after_ms)
{
	switch (failure.code) {
	case ST_UNAVAILABLE:
		/* Waited for a connection as long as it may; and what nobody here can mend. */
		return !is_because_of(failure, "NOT_CONNECTED") &&
		       !is_because_of(failure, "MAIL_NOT_CONFIGURED");
	case ST_RESOURCE_EXHAUSTED:
		return retry_after_ms > 0;
	case ST_ABORTED:
		return is_because_of(failure, "IDEMPOTENCY_KEY_BUSY");
	case ST_UNKNOWN:
		/* It is either there, and replayed, or was not done, and is now. */
		return is_because_of(failure, "COMMIT_UNKNOWN");
	default:
		return false;
	}
}

bool
retry_tells_of_trouble(status failure)
{
	/* Of one caller's quota, throttle or key nothing follows for the others. */
	if (failure.code == ST_RESOURCE_EXHAUSTED)
		return is_because_of(failure, "OVERLOADED") ||
		       is_because_of(failure, "TOO_MANY_CALLS") ||
		       is_because_of(failure, "TOO_MANY_REFUSALS");
	return failure.code != ST_ABORTED;
}

int64_t
retry_pause_us(unsigned pauses, uint32_t random)
{
	int64_t pause_us = RETRY_PAUSE_US_FIRST;

	while (pauses-- > 0 && pause_us < RETRY_PAUSE_US_MAX)
		pause_us *= 2;
	if (pause_us > RETRY_PAUSE_US_MAX)
		pause_us = RETRY_PAUSE_US_MAX;
	const int64_t spread_us = pause_us * JITTER_PERCENT / 100;
	return pause_us - spread_us + (int64_t)((uint64_t)(2 * spread_us) * random / UINT32_MAX);
}

void
retry_budget_init(struct retry_budget *budget)
{
	budget->tenths = RETRY_TENTHS_MAX;
}

void
retry_budget_take(struct retry_budget *budget)
{
	budget->tenths -= budget->tenths < TENTHS_FAILURE ? budget->tenths : TENTHS_FAILURE;
}

void
retry_budget_return(struct retry_budget *budget)
{
	if (budget->tenths < RETRY_TENTHS_MAX)
		budget->tenths += TENTHS_SUCCESS;
}

bool
retry_budget_suffices(const struct retry_budget *budget)
{
	return budget->tenths > RETRY_TENTHS_MAX / 2;
}
