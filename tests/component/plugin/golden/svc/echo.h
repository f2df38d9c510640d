/* echo.h - made by protoc-gen-usher from echo.proto: change that. */
#ifndef USHER_GEN_SVC_ECHO_H
#define USHER_GEN_SVC_ECHO_H

#include "base/status.h"
#include "gen/pb/google/protobuf/empty.pb-c.h"
#include "gen/pb/echo.pb-c.h"
#include "rpc/method.h"

/* What the handlers work with: the service defines it. */
struct echo_env;
struct rpc_call;

extern const struct rpc_service echo_service;

/* Say the text again.
 * Errors: INVALID_ARGUMENT (empty text). */
status echo_say(const struct echo_env *env, struct rpc_call *call,
    const Usher__Test__SayRequest *req, Usher__Test__SayReply *reply);

/* The last echo, from memory. */
status echo_get_last(const struct echo_env *env, struct rpc_call *call,
    const Usher__Test__GetLastRequest *req, Usher__Test__SayReply *reply);
/* The same from memory alone, or RPC_NOT_CACHED. */
status echo_get_last_cached(const struct echo_env *env, struct rpc_call *call,
    const Usher__Test__GetLastRequest *req, Usher__Test__SayReply *reply);

status echo_draw(const struct echo_env *env, struct rpc_call *call,
    const Usher__Test__DrawRequest *req, Usher__Test__Shape *reply);

/* Public, and slow. */
status echo_forget(const struct echo_env *env, struct rpc_call *call,
    const Google__Protobuf__Empty *req, Google__Protobuf__Empty *reply);

#endif
