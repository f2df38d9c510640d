/* status.h - what a fallible function returns.
 * The codes are gRPC's (google/rpc/code.proto).
 * Lifetime: message and reason are literals, or live in the arena of the request. */
#ifndef USHER_BASE_STATUS_H
#define USHER_BASE_STATUS_H

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))

enum status_code {
	ST_OK = 0,
	ST_CANCELLED = 1,
	ST_UNKNOWN = 2,
	ST_INVALID_ARGUMENT = 3,
	ST_DEADLINE_EXCEEDED = 4,
	ST_NOT_FOUND = 5,
	ST_ALREADY_EXISTS = 6,
	ST_PERMISSION_DENIED = 7,
	ST_RESOURCE_EXHAUSTED = 8,
	ST_FAILED_PRECONDITION = 9,
	ST_ABORTED = 10,
	ST_OUT_OF_RANGE = 11,
	ST_UNIMPLEMENTED = 12,
	ST_INTERNAL = 13,
	ST_UNAVAILABLE = 14,
	ST_DATA_LOSS = 15,
	ST_UNAUTHENTICATED = 16,
};

/* reason is ErrorInfo's: UPPER_SNAKE_CASE, for programs; NULL stands for the code's own name. */
typedef struct status {
	enum status_code code;
	const char *message;
	const char *reason;
} status;

#define STATUS_OK ((status){ST_OK, 0, 0})

/* Make a failure. */
#define REFUSE(code, message) ((status){(code), (message), 0})
#define REFUSE_FOR(code, reason, message) ((status){(code), (message), (reason)})

#define TRY(expr)                                                                                  \
	do {                                                                                       \
		status try_ = (expr);                                                              \
		if (try_.code != ST_OK)                                                            \
			return try_;                                                               \
	} while (0)

/* "NOT_FOUND" for ST_NOT_FOUND; "UNKNOWN" for a number that is no code. */
const char *status_code_name(enum status_code code);

/* The inverse; ST_UNKNOWN for a name that is none. */
enum status_code status_code_from_name(const char *name);

/* Is the code one whose message stays inside (INTERNAL, UNKNOWN, UNAVAILABLE, DATA_LOSS)? */
int status_is_internal(enum status_code code);

#endif
