/* mail.h - the mails that AuthService sends, sealed into the outbox.
 *
 * The row is part of the call's transaction; a job sends what is there.
 * Blocks: on the database. Threads: the call's. Errors: as store_query(); RESOURCE_EXHAUSTED. */
#ifndef USHER_SVC_AUTH_MAIL_H
#define USHER_SVC_AUTH_MAIL_H

#include "svc/auth/auth.h"

/* The code of a sign-up, and from where it was asked for. */
MUST_USE status auth_mail_code(
    const struct auth_env *env, struct rpc_call *call, const char *to, const char *code);
/* Somebody signed up with an address that has an account. */
MUST_USE status auth_mail_has_account(
    const struct auth_env *env, struct rpc_call *call, const char *to);

#endif
