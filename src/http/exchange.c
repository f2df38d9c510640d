/* A request's way: begun with its request line, checked when its header is there, given to the
 * handler with its body, parked until somebody replies. */
#include "http/internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

static void
exchange_release(struct exchange *exchange)
{
	struct http_server *server = exchange->server;

	if (atomic_fetch_sub(&exchange->refs, 1) != 1)
		return;
	if (exchange->response)
		MHD_destroy_response(exchange->response);
	strbuf_done(&exchange->body);
	if (exchange->text) {
		/* Authorization was in there. */
		explicit_bzero(exchange->text, exchange->text_bytes);
		free(exchange->text);
	}
	free(exchange->target);
	free(exchange);
	http_server_release(server);
}

static void
peer_deadline_after_ms(struct http_peer *peer, int64_t ms)
{
	atomic_store(&peer->deadline_us, clock_boot_us(&clock_system) + ms * US_PER_MS);
}

static void
peer_waits(struct http_peer *peer)
{
	atomic_store(&peer->waits_since_us, clock_boot_us(&clock_system));
}

void *
exchange_begin(void *cls, const char *target, struct MHD_Connection *connection)
{
	struct http_server *server = cls;
	const union MHD_ConnectionInfo *context =
	    MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct http_peer *peer = context ? context->socket_context : NULL;
	struct exchange *exchange = peer ? calloc(1, sizeof(*exchange)) : NULL;
	uint8_t id[16];

	if (!exchange)
		return NULL;
	atomic_fetch_add(&server->refs, 1);
	exchange->server = server;
	exchange->peer = peer;
	exchange->connection = connection;
	exchange->refs = 1;
	exchange->sent_target = target;
	exchange->target_bytes = target ? strlen(target) : 0;
	exchange->target = strdup(target ? target : "");
	list_init(&exchange->node);
	strbuf_init(&exchange->body, server->config.body_bytes_max + 1);
	/* Without randomness an id is no secret lost: it only names the request in the log. */
	if (rand_fill(server->config.rand, id, sizeof(id)).code != ST_OK)
		memset(id, 0, sizeof(id));
	hex_encode(slice_of(id, sizeof(id)), exchange->id);
	exchange->request.id = exchange->id;
	memcpy(exchange->client_address, peer->address, sizeof(exchange->client_address));
	exchange->request.client_address = exchange->client_address;
	exchange->request.started_us = clock_boot_us(&clock_system);

	/* From here the rest of this request has its time, but no more than the connection had. */
	int64_t deadline_us =
	    exchange->request.started_us + server->config.request_timeout_ms * US_PER_MS;
	if (deadline_us < atomic_load(&peer->deadline_us))
		atomic_store(&peer->deadline_us, deadline_us);
	atomic_store(&peer->waits_since_us, exchange->request.started_us);
	return exchange;
}

#define NO_MEMORY_BYTES_MAX 1024

/* Answered without memory of any kind, straight to the socket; MHD_NO closes it. id may be NULL. */
static enum MHD_Result
refuse_without_memory(struct MHD_Connection *connection, uint32_t http_status, const char *id)
{
	const union MHD_ConnectionInfo *fd =
	    MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	const bool is_lost = http_status == 500;
	char body[NO_MEMORY_BYTES_MAX / 2], all[NO_MEMORY_BYTES_MAX];

	http_status = is_lost ? 500 : 503;
	if (!id)
		id = "unknown";
	int body_bytes = snprintf(body, sizeof(body),
	    "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%u,\"detail\":\"%s\","
	    "\"code\":\"%s\",\"reason\":\"%s\",\"requestId\":\"%s\"}",
	    http_status_text(http_status), (unsigned)http_status,
	    is_lost ? "the call was made, but there is no memory for its reply"
		    : "there is no memory for the request",
	    is_lost ? "UNKNOWN" : "RESOURCE_EXHAUSTED", is_lost ? "REPLY_LOST" : "NO_MEMORY", id);
	int bytes = snprintf(all, sizeof(all),
	    "HTTP/1.1 %u %s\r\nConnection: close\r\nContent-Length: %d\r\n"
	    "Content-Type: application/problem+json\r\nCache-Control: no-store\r\n"
	    "X-Content-Type-Options: nosniff\r\nX-Request-Id: %s\r\n%s\r\n%s",
	    (unsigned)http_status, http_status_text(http_status), body_bytes, id,
	    is_lost ? "" : "Retry-After: 1\r\n", body);
	assert(bytes > 0 && (size_t)bytes < sizeof(all));
	if (fd)
		(void)!send(fd->connect_fd, all, (size_t)bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
	return MHD_NO;
}

static enum MHD_Result
exchange_queue(struct exchange *exchange, uint32_t http_status, struct MHD_Response *response)
{
	if (!response)
		return refuse_without_memory(exchange->connection, http_status, exchange->id);
	/* Before its client is waited for: it makes no room for itself. */
	if (exchange->response_bytes)
		peer_take_reply(exchange->server, exchange->peer, exchange->response_bytes);
	peer_deadline_after_ms(exchange->peer, exchange->server->config.reply_timeout_ms);
	peer_waits(exchange->peer);
	atomic_store(&exchange->peer->is_replied_to, true);
	return MHD_queue_response(exchange->connection, http_status, response);
}

static size_t
exchange_tell_refusal(const struct exchange *exchange, const struct refusal *refusal,
    struct http_header headers[HTTP_REFUSAL_HEADERS_MAX])
{
	const struct http_server *server = exchange->server;
	const struct http_refusal told = {
	    .http_status = refusal->http_status,
	    .reason = refusal->failure.reason,
	    .origin = MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, "Origin"),
	    .client_address = exchange->request.client_address,
	    .id = exchange->id,
	    .started_us = exchange->request.started_us,
	};

	return server->config.refused ? server->config.refused(server->env, &told, headers) : 0;
}

static enum MHD_Result
exchange_refuse(struct exchange *exchange, struct refusal refusal)
{
	struct http_header headers[HTTP_REFUSAL_HEADERS_MAX];
	size_t headers_count = exchange_tell_refusal(exchange, &refusal, headers);
	uint32_t retry_after_s = refusal.http_status == 503 ? HTTP_RETRY_AFTER_S : 0;
	struct MHD_Response *response = http_problem_make(refusal.http_status, refusal.failure,
	    retry_after_s, headers, headers_count, exchange->id, true);
	enum MHD_Result queued = exchange_queue(exchange, refusal.http_status, response);

	if (response)
		MHD_destroy_response(response);
	return queued;
}

/* The library takes no response while it reads a body, so the refusal goes straight to the socket,
 * and MHD_NO closes it. */
static enum MHD_Result
exchange_refuse_body(struct exchange *exchange, struct refusal refusal)
{
	struct http_header headers[HTTP_REFUSAL_HEADERS_MAX];
	size_t headers_count = exchange_tell_refusal(exchange, &refusal, headers);
	struct strbuf body, all;

	strbuf_init(&body, 4096);
	strbuf_init(&all, 8192);
	http_problem_begin(&body, refusal.http_status, refusal.failure, exchange->id);
	strbuf_add_char(&body, '}');
	strbuf_add_format(&all,
	    "HTTP/1.1 %u %s\r\nConnection: close\r\nContent-Length: %zu\r\n"
	    "Content-Type: application/problem+json\r\nX-Request-Id: %s\r\n",
	    (unsigned)refusal.http_status, http_status_text(refusal.http_status), body.bytes,
	    exchange->id);
	if (refusal.http_status == 503)
		strbuf_add_format(&all, "Retry-After: %u\r\n", HTTP_RETRY_AFTER_S);
	for (const struct http_header *h = http_headers_always; h->name; h++)
		strbuf_add_format(&all, "%s: %s\r\n", h->name, h->value);
	for (size_t i = 0; i < headers_count; i++)
		strbuf_add_format(&all, "%s: %s\r\n", headers[i].name, headers[i].value);
	strbuf_add_text(&all, "\r\n");
	strbuf_add(&all, body.data, body.bytes);
	if (strbuf_status(&all).code == ST_OK)
		(void)!send(exchange->peer->fd, all.data, all.bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
	strbuf_done(&body);
	strbuf_done(&all);
	return MHD_NO;
}

/* Queue what was replied, or park the connection until somebody does. */
static enum MHD_Result
exchange_settle(struct exchange *exchange)
{
	struct http_server *server = exchange->server;

	pthread_mutex_lock(&server->lock);
	if (!exchange->replied) {
		MHD_suspend_connection(exchange->connection);
		exchange->parked = true;
		pthread_mutex_unlock(&server->lock);
		return MHD_YES;
	}
	pthread_mutex_unlock(&server->lock);
	return exchange_queue(exchange, exchange->response_status, exchange->response);
}

static enum MHD_Result
exchange_give(struct exchange *exchange)
{
	struct http_server *server = exchange->server;
	bool stopping;

	exchange->request.body = slice_of(exchange->body.data, exchange->body.bytes);
	atomic_store(&exchange->peer->deadline_us, HTTP_NEVER_US);
	atomic_store(&exchange->peer->waits_since_us, HTTP_NEVER_US);
	pthread_mutex_lock(&server->lock);
	stopping = server->stopping;
	if (!stopping) {
		list_add_last(&server->exchanges, &exchange->node);
		server->busy++;
	}
	pthread_mutex_unlock(&server->lock);
	if (stopping)
		return exchange_refuse(exchange,
		    (struct refusal){503,
			REFUSE_FOR(ST_UNAVAILABLE, "SHUTTING_DOWN", "the server is stopping")});

	exchange->stage = EXCHANGE_GIVEN;
	atomic_fetch_add(&exchange->refs, 1);
	server->handler(server->env, &exchange->request);
	return exchange_settle(exchange);
}

enum MHD_Result
exchange_continue(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
    const char *version, const char *upload, size_t *upload_bytes, void **context)
{
	struct exchange *exchange = *context;

	(void)cls;
	(void)url;
	if (!exchange || !exchange->target)
		return refuse_without_memory(connection, 503, NULL);
	if (exchange->stage == EXCHANGE_LINE) {
		struct refusal refusal = exchange_take_header(exchange, method, version);
		if (refusal.http_status)
			return exchange_refuse(exchange, refusal);
		exchange->stage = EXCHANGE_BODY;
		return MHD_YES;
	}
	if (exchange->stage == EXCHANGE_GIVEN)
		return exchange_settle(exchange);
	if (*upload_bytes == 0)
		return exchange_give(exchange);
	/* A chunked body tells its size too late to be refused before. */
	if (exchange->body.bytes + *upload_bytes > exchange->server->config.body_bytes_max)
		return exchange_refuse_body(exchange,
		    (struct refusal){413, REFUSE_FOR(ST_RESOURCE_EXHAUSTED, "BODY_TOO_LARGE",
					      "the request's body is too large")});
	if (!peer_take_body(exchange->server, exchange->peer, *upload_bytes))
		return exchange_refuse_body(exchange,
		    (struct refusal){503, REFUSE_FOR(ST_UNAVAILABLE, "OVERLOADED",
					      "too much is coming in at once; try again")});
	strbuf_add(&exchange->body, upload, *upload_bytes);
	*upload_bytes = 0;
	return exchange->body.failed ? refuse_without_memory(connection, 503, exchange->id)
				     : MHD_YES;
}

void
exchange_end(void *cls, struct MHD_Connection *connection, void **context,
    enum MHD_RequestTerminationCode why)
{
	struct http_server *server = cls;
	struct exchange *exchange = *context;

	(void)connection;
	(void)why;
	if (!exchange)
		return;
	*context = NULL;
	peer_deadline_after_ms(exchange->peer,
	    (int64_t)server->config.idle_timeout_ms + server->config.request_timeout_ms);
	peer_waits(exchange->peer);
	atomic_store(&exchange->peer->is_replied_to, false);
	peer_give_body(server, exchange->peer);
	if (exchange->stage == EXCHANGE_GIVEN) {
		pthread_mutex_lock(&server->lock);
		list_remove(&exchange->node);
		if (--server->busy == 0)
			pthread_cond_broadcast(&server->changed);
		pthread_mutex_unlock(&server->lock);
	}
	exchange_release(exchange);
}

const char *
http_request_header(const struct http_request *request, const char *name)
{
	for (size_t i = 0; i < request->headers_count; i++) {
		if (strcasecmp(request->headers[i].name, name) == 0)
			return request->headers[i].value;
	}
	return NULL;
}

size_t
http_request_header_count(const struct http_request *request, const char *name)
{
	size_t count = 0;

	for (size_t i = 0; i < request->headers_count; i++)
		count += strcasecmp(request->headers[i].name, name) == 0;
	return count;
}

/* Hand a response, whose body takes so many bytes of memory, to the event loop and drop the
 * handler's reference. Whoever comes second, this or http_server_stop(), finds the request replied
 * to. */
static void
exchange_answer(
    struct exchange *exchange, uint32_t http_status, struct MHD_Response *response, size_t bytes)
{
	struct http_server *server = exchange->server;
	struct MHD_Response *unwanted = response;

	pthread_mutex_lock(&server->lock);
	if (!exchange->replied) {
		exchange->replied = true;
		exchange->response = response;
		exchange->response_status = http_status;
		exchange->response_bytes = bytes;
		unwanted = NULL;
		/* Under the lock: http_server_stop() takes what is replied to for resumed. */
		if (exchange->parked)
			MHD_resume_connection(exchange->connection);
	}
	pthread_mutex_unlock(&server->lock);
	if (unwanted)
		MHD_destroy_response(unwanted);
	exchange_release(exchange);
}

/* Is this reply the last on its connection? */
static bool
exchange_closes(const struct exchange *exchange)
{
	struct http_server *server = exchange->server;

	pthread_mutex_lock(&server->lock);
	bool stopping = server->stopping;
	pthread_mutex_unlock(&server->lock);
	return stopping || exchange->is_chunked;
}

void
http_reply(struct http_request *request, const struct http_response *response)
{
	struct exchange *exchange = container_of(request, struct exchange, request);
	bool close = exchange_closes(exchange);
	struct MHD_Response *made = http_response_make(response, exchange->id, close);
	size_t bytes = response->is_constant ? 0 : response->body.bytes;
	uint32_t http_status = response->status;

	if (!made) {
		http_status = 500;
		bytes = 0;
		made = http_problem_make(500,
		    REFUSE_FOR(ST_UNKNOWN, "REPLY_LOST",
			"the call was made, but its reply could not be written"),
		    0, NULL, 0, exchange->id, true);
	}
	exchange_answer(exchange, http_status, made, bytes);
}

void
http_reply_problem(struct http_request *request, uint32_t http_status, status failure,
    uint32_t retry_after_s, const struct http_header *headers, size_t headers_count)
{
	struct exchange *exchange = container_of(request, struct exchange, request);
	bool close = exchange_closes(exchange);

	exchange_answer(exchange, http_status,
	    http_problem_make(
		http_status, failure, retry_after_s, headers, headers_count, exchange->id, close),
	    0);
}
