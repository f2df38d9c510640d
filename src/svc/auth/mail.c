#include "svc/auth/mail.h"

#include "jobs/outbox.h"

static status
mail_put(const struct auth_env *env, struct rpc_call *call, struct mail *mail)
{
	mail->from = env->mail_from;
	mail->created_at_us = call->now_us;
	TRY(uuid_make(call->clock, call->rand, &mail->id));
	return outbox_put(
	    call->conn, env->mail_key, call->rand, mail, call->now_us + SIGNUP_TTL_US, call->arena);
}

/* The recipient may be anybody: nothing that the sender chose stands in the text. */
status
auth_mail_code(const struct auth_env *env, struct rpc_call *call, const char *to, const char *code)
{
	struct mail mail = {.to = to};

	mail.subject = arena_format(call->arena, "Your code: %s", code);
	mail.text = arena_format(call->arena,
	    "Your code is %s\n\n"
	    "It is good for ten minutes and proves that this address is yours.\n"
	    "It was asked for from %s. If that was not you, do nothing and tell nobody\n"
	    "the code: without it no account is made.\n",
	    code, call->client_ip);
	if (!mail.subject || !mail.text)
		return ARENA_EXHAUSTED;
	return mail_put(env, call, &mail);
}

status
auth_mail_has_account(const struct auth_env *env, struct rpc_call *call, const char *to)
{
	struct mail mail = {.to = to, .subject = "You have an account already"};

	mail.text = arena_format(call->arena,
	    "Somebody asked for an account with this address, from %s.\n\n"
	    "You have one already: log in with it. If it was not you who asked, there is\n"
	    "nothing to do: nothing was changed.\n",
	    call->client_ip);
	if (!mail.text)
		return ARENA_EXHAUSTED;
	return mail_put(env, call, &mail);
}
