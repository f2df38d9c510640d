/* echo.h - made by protoc-gen-usher from echo.proto: change that. */
#ifndef USHER_GEN_CLIENT_ECHO_H
#define USHER_GEN_CLIENT_ECHO_H

#include "client/client.h"
#include "client/method.h"
#include "gen/pb/google/protobuf/empty.pb-c.h"
#include "gen/pb/echo.pb-c.h"

/* X_rpc() calls and waits, as client_call() does, and returns the result's
 * status. After ST_OK, X_reply() is what came back, until client_result_done().
 * X_method is for the other ways to call. */
extern const struct client_method echo_say_method;
extern const struct client_method echo_get_last_method;
extern const struct client_method echo_draw_method;
extern const struct client_method echo_forget_method;

/* Say the text again.
 * Errors: INVALID_ARGUMENT (empty text). */
static inline status
echo_say_rpc(struct client *client, const struct client_options *options,
    const Usher__Test__SayRequest *request, struct client_result *result)
{
	client_call(client, &echo_say_method, options, &request->base, result);
	return result->status;
}
static inline const Usher__Test__SayReply *
echo_say_reply(const struct client_result *result)
{
	return (const Usher__Test__SayReply *)result->reply;
}

/* The last echo, from memory. */
static inline status
echo_get_last_rpc(struct client *client, const struct client_options *options,
    const Usher__Test__GetLastRequest *request, struct client_result *result)
{
	client_call(client, &echo_get_last_method, options, &request->base, result);
	return result->status;
}
static inline const Usher__Test__SayReply *
echo_get_last_reply(const struct client_result *result)
{
	return (const Usher__Test__SayReply *)result->reply;
}

static inline status
echo_draw_rpc(struct client *client, const struct client_options *options,
    const Usher__Test__DrawRequest *request, struct client_result *result)
{
	client_call(client, &echo_draw_method, options, &request->base, result);
	return result->status;
}
static inline const Usher__Test__Shape *
echo_draw_reply(const struct client_result *result)
{
	return (const Usher__Test__Shape *)result->reply;
}

/* Public, and slow. */
static inline status
echo_forget_rpc(struct client *client, const struct client_options *options,
    const Google__Protobuf__Empty *request, struct client_result *result)
{
	client_call(client, &echo_forget_method, options, &request->base, result);
	return result->status;
}
static inline const Google__Protobuf__Empty *
echo_forget_reply(const struct client_result *result)
{
	return (const Google__Protobuf__Empty *)result->reply;
}

#endif
