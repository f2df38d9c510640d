#include "session.h"

#include "gen/pb/usher/v1/auth.pb-c.h"
#include "load.h"
#include "tests/bench/accounts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void __attribute__((noreturn)) fail(const char *what)
{
	(void)fprintf(stderr, "session: %s\n", what);
	exit(2);
}

size_t
session_pack(const char *method, const char *token, const void *request,
    uint8_t out[SESSION_REQUEST_BYTES_MAX])
{
	struct request_envelope envelope;

	request_envelope_init(&envelope);
	envelope.method_id = wire_method_id(slice_text(method));
	envelope.credential = slice_text(token);
	envelope.payload = slice_of(NULL, protobuf_c_message_get_packed_size(request));
	const size_t bytes = envelope_request_size(&envelope);
	if (bytes > SESSION_REQUEST_BYTES_MAX)
		fail("a request is larger than its room");
	(void)protobuf_c_message_pack(request, envelope_pack_request(&envelope, out));
	return bytes;
}

nng_msg *
session_call(struct line *line, const char *method, const char *token, const void *request,
    struct response_envelope *out)
{
	uint8_t packed[SESSION_REQUEST_BYTES_MAX];
	const size_t bytes = session_pack(method, token, request, packed);
	nng_msg *reply = line_call(line, packed, bytes);

	if (envelope_parse_response(slice_of(nng_msg_body(reply), nng_msg_len(reply)), out).code !=
	    ST_OK)
		fail("a reply is no Response");
	return reply;
}

bool
session_take(const struct response_envelope *response, struct session *out)
{
	Usher__V1__Tokens *tokens =
	    usher__v1__tokens__unpack(NULL, response->payload.bytes, response->payload.data);
	const bool is_good = response->code == ST_OK && tokens &&
			     strlen(tokens->access_token) < sizeof(out->access) &&
			     strlen(tokens->refresh_token) < sizeof(out->refresh);

	if (is_good) {
		(void)strcpy(out->access, tokens->access_token);
		(void)strcpy(out->refresh, tokens->refresh_token);
	}
	usher__v1__tokens__free_unpacked(tokens, NULL);
	return is_good;
}

void
session_complain(const char *method, const struct response_envelope *response)
{
	load_complain("%s: code %u, %.*s: %.*s", method, response->code,
	    (int)response->reason.bytes, (const char *)response->reason.data,
	    (int)response->message.bytes, (const char *)response->message.data);
}

void
session_login(struct line *line, unsigned account, struct session *out)
{
	Usher__V1__LoginRequest request = USHER__V1__LOGIN_REQUEST__INIT;
	struct response_envelope response;
	char email[64];

	(void)snprintf(email, sizeof(email), ACCOUNT_EMAIL, account % ACCOUNTS);
	request.email = email;
	request.password = (char *)ACCOUNT_PASSWORD;
	nng_msg *reply = session_call(line, AUTH "Login", "", &request, &response);
	if (!session_take(&response, out)) {
		session_complain("Login", &response);
		fail("no session");
	}
	nng_msg_free(reply);
}

void
session_refresh(struct line *line, const char *token, struct session *out)
{
	Usher__V1__RefreshRequest request = USHER__V1__REFRESH_REQUEST__INIT;
	struct response_envelope response;

	request.refresh_token = (char *)token;
	nng_msg *reply = session_call(line, AUTH "Refresh", "", &request, &response);
	if (!session_take(&response, out)) {
		session_complain("Refresh", &response);
		fail("no successor");
	}
	nng_msg_free(reply);
}
