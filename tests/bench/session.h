/* session.h - sessions of the accounts that bench_seed makes, for programs that load AuthService.
 * Threads: one a line. Errors end the program with a message. */
#ifndef TESTS_BENCH_SESSION_H
#define TESTS_BENCH_SESSION_H

#include "line.h"
#include "wire/envelope.h"

#define SESSION_REQUEST_BYTES_MAX 8192
#define SESSION_TOKEN_BYTES_MAX 2048

#define AUTH "usher.v1.AuthService/"

struct session {
	char access[SESSION_TOKEN_BYTES_MAX];
	char refresh[128];
};

/* A request's envelope; returns its bytes. */
size_t session_pack(const char *method, const char *token, const void *request,
    uint8_t out[SESSION_REQUEST_BYTES_MAX]);
/* Call and wait. The answer is the caller's, to be freed; out borrows it. */
nng_msg *session_call(struct line *line, const char *method, const char *token, const void *request,
    struct response_envelope *out);
/* What the answer to a Login or Refresh brings. false: none, and out is as it was. */
bool session_take(const struct response_envelope *response, struct session *out);
/* A session of the account'th account, modulo their number. */
void session_login(struct line *line, unsigned account, struct session *out);
void session_refresh(struct line *line, const char *token, struct session *out);
/* What was wrong with an answer, for people. */
void session_complain(const char *method, const struct response_envelope *response);

#endif
