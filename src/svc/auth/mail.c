#include "svc/auth/mail.h"

#include "net/mail_pack.h"

static status
mail_add(const struct auth_env *env, struct rpc_call *call, struct mail *mail)
{
	__attribute__((cleanup(strbuf_done))) struct strbuf packed;
	struct slice sealed;

	strbuf_init(&packed, 2 * MAIL_TEXT_BYTES_MAX);
	mail->created_at_us = call->now_us;
	TRY(uuid_make(call->clock, call->rand, &mail->id));
	TRY(mail_pack(mail, &packed));
	TRY(crypt_seal(env->mail_key, call->rand, slice_of(mail->id.bytes, UUID_BYTES),
	    slice_of(packed.data, packed.bytes), call->arena, &sealed));
	return STORE_QUERY(call->conn, STMT_AUTH_MAIL_ADD, NULL, p_uuid(&mail->id), p_bytes(sealed),
	    p_int(SIGNUP_TTL_US));
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
	return mail_add(env, call, &mail);
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
	return mail_add(env, call, &mail);
}
