/* What of a request's header is accepted. Everything here fails closed: a header that could be read
 * in two ways is refused, and its connection with it. */
#include "base/network.h"
#include "http/internal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ACCEPTED ((struct refusal){0})

static struct refusal
refuse(uint32_t http_status, const char *reason, const char *message)
{
	static const struct {
		uint32_t http_status;
		enum status_code code;
	} codes[] = {
	    {400, ST_INVALID_ARGUMENT},
	    {413, ST_RESOURCE_EXHAUSTED},
	    {414, ST_INVALID_ARGUMENT},
	    {417, ST_INVALID_ARGUMENT},
	    {431, ST_RESOURCE_EXHAUSTED},
	    {501, ST_UNIMPLEMENTED},
	    {503, ST_RESOURCE_EXHAUSTED},
	};
	enum status_code code = ST_INVALID_ARGUMENT;

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		if (codes[i].http_status == http_status)
			code = codes[i].code;
	}
	return (struct refusal){http_status, REFUSE_FOR(code, reason, message)};
}

static struct refusal
malformed(const char *message)
{
	return refuse(400, "MALFORMED_REQUEST", message);
}

/* What is gathered while the header lines are walked, first to count, then to copy. */
struct header_walk {
	const char *cursor; /* where the next line must begin */
	const char *end;    /* of the header; NULL when the layout is not watched */
	size_t count;
	size_t bytes;
	size_t hosts, lengths, codings;
	const char *host, *length, *coding; /* as sent, not trimmed */
	bool expects_more;                  /* than 100-continue */
	bool misplaced;
	bool bad_name;
	bool bad_value;
	struct http_header *copies; /* second walk */
	char *text;
};

/* RFC 9110, section 5.6.2. */
static bool
is_token(const char *text)
{
	if (!*text)
		return false;
	for (; *text; text++) {
		char c = *text;
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		if (!letter && !(c >= '0' && c <= '9') && !strchr("!#$%&'*+-.^_`|~", c))
			return false;
	}
	return true;
}

static bool
has_control(const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return true;
	}
	return false;
}

static bool
is_digits(const char *text)
{
	return *text && text[strspn(text, "0123456789")] == '\0';
}

/* libmicrohttpd before 1.0 joins folded lines, and cuts a line at a NUL, without a word. But the
 * lines still lie in its buffer one after the other, ends overwritten by NULs, and what it hands
 * out points in there: so each line must begin exactly where the one before ended, and between
 * name and value there may be blanks only. (NUL LF for CR LF can't be told any more: it ends a
 * line, and a value is what stands before.) Later versions refuse both in strict mode. */
static void
walk_layout(struct header_walk *walk, const char *name, const char *value)
{
	const char *gap, *after;

	if (!walk->end || walk->misplaced)
		return;
	walk->misplaced = true;
	if (name != walk->cursor)
		return;
	gap = name + strlen(name) + 1;
	if (value < gap || value >= walk->end)
		return;
	for (; gap < value; gap++) {
		if (*gap != ' ' && *gap != '\t')
			return;
	}
	after = value + strlen(value);
	if (after + 2 > walk->end || after[0] != '\0' || after[1] != '\0')
		return;
	walk->cursor = after + 2;
	walk->misplaced = false;
}

static enum MHD_Result
walk_look(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct header_walk *walk = cls;

	(void)kind;
	if (!value)
		value = "";
	walk_layout(walk, name, value);
	walk->count++;
	walk->bytes += strlen(name) + strlen(value) + 2;
	walk->bad_name |= !is_token(name);
	walk->bad_value |= has_control(value);
	if (strcasecmp(name, "host") == 0) {
		walk->hosts++;
		walk->host = value;
	} else if (strcasecmp(name, "content-length") == 0) {
		walk->lengths++;
		walk->length = value;
	} else if (strcasecmp(name, "transfer-encoding") == 0) {
		walk->codings++;
		walk->coding = value;
	} else if (strcasecmp(name, "expect") == 0) {
		walk->expects_more |= strcasecmp(value, "100-continue") != 0;
	}
	return MHD_YES;
}

static const char *
copy_text(char **into, const char *text, size_t bytes)
{
	char *copy = *into;

	memcpy(copy, text, bytes);
	copy[bytes] = '\0';
	*into = copy + bytes + 1;
	return copy;
}

static size_t
trimmed_bytes(const char *value)
{
	size_t bytes = strlen(value);

	while (bytes > 0 && (value[bytes - 1] == ' ' || value[bytes - 1] == '\t'))
		bytes--;
	return bytes;
}

static enum MHD_Result
walk_copy(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct header_walk *walk = cls;
	struct http_header *copy = &walk->copies[walk->count++];

	(void)kind;
	if (!value)
		value = "";
	copy->name = copy_text(&walk->text, name, strlen(name));
	copy->value = copy_text(&walk->text, value, trimmed_bytes(value));
	return MHD_YES;
}

/* Begin the walk behind the request line, and hold that line to exactly two spaces. */
static bool
walk_begin(struct header_walk *walk, const struct exchange *exchange, const char *method,
    const char *version)
{
#if MHD_VERSION < 0x01000000
	const union MHD_ConnectionInfo *size =
	    MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

	if (!size || method + strlen(method) + 1 != exchange->sent_target)
		return false;
	if (exchange->sent_target + exchange->target_bytes + 1 != version)
		return false;
	walk->end = method + size->header_size;
	walk->cursor = version + strlen(version);
	if (walk->cursor + 2 > walk->end || walk->cursor[0] || walk->cursor[1])
		return false;
	walk->cursor += 2;
	return true;
#else
	(void)method;
	(void)version;
	walk->end = NULL;
	return exchange->sent_target != NULL;
#endif
}

/* The empty line follows the last one, and nothing else. */
static bool
walk_is_whole(const struct header_walk *walk)
{
	if (walk->misplaced)
		return false;
	if (!walk->end)
		return true;
	return walk->cursor + 2 == walk->end && !walk->cursor[0] && !walk->cursor[1];
}

static struct refusal
check_lines(const struct header_walk *walk)
{
	if (walk->count > HTTP_HEADERS_MAX || walk->bytes > HTTP_HEADER_BYTES_MAX)
		return refuse(
		    431, "HEADER_TOO_LARGE", "the request has too many or too long headers");
	if (!walk_is_whole(walk))
		return malformed("a header line is folded, holds a NUL or does not end in CR LF");
	if (walk->bad_name)
		return malformed("a header's name has a character that may not stand in one");
	if (walk->bad_value)
		return malformed("a header's value has a control character");
	return ACCEPTED;
}

static struct refusal
check_framing(struct exchange *exchange, const struct header_walk *walk, bool is_http_1_0)
{
	if (walk->lengths > 1)
		return malformed("the request has more than one Content-Length");
	if (walk->lengths && walk->codings)
		return malformed("the request has both Content-Length and Transfer-Encoding");
	if (walk->codings > 1 || (walk->codings && is_http_1_0))
		return malformed("the request has a Transfer-Encoding that may not be there");
	/* Exactly as the library compares it, so that both of us see the same body. */
	if (walk->codings && strcasecmp(walk->coding, "chunked") != 0)
		return refuse(501, "TRANSFER_CODING_UNKNOWN",
		    "the only Transfer-Encoding known here is chunked");
	exchange->is_chunked = walk->codings > 0;
	if (walk->lengths && !is_digits(walk->length))
		return malformed("Content-Length is not a number");
	if (walk->lengths &&
	    (!number_parse_u64(slice_text(walk->length), &exchange->content_length) ||
		exchange->content_length > exchange->server->config.body_bytes_max))
		return refuse(413, "BODY_TOO_LARGE", "the request's body is too large");
	if (walk->expects_more)
		return refuse(
		    417, "EXPECTATION_UNKNOWN", "the only expectation known here is 100-continue");
	return ACCEPTED;
}

static bool
is_host(struct slice text)
{
	struct network address;

	if (text.bytes && text.data[0] == '[')
		return text.bytes > 2 && text.data[text.bytes - 1] == ']' &&
		       memchr(text.data, ':', text.bytes) &&
		       address_parse(slice_of(text.data + 1, text.bytes - 2), &address);
	for (size_t i = 0; i < text.bytes; i++) {
		char c = (char)text.data[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		if (!letter && !(c >= '0' && c <= '9') && c != '-' && c != '.' && c != '_')
			return false;
	}
	return text.bytes > 0 && text.bytes <= 255;
}

/* A name, an address or a bracketed IPv6 address, perhaps with a port, which may be empty. */
static bool
is_authority(const char *text, size_t bytes)
{
	size_t port_bytes = 0;
	uint64_t port;

	while (port_bytes < bytes && text[bytes - port_bytes - 1] >= '0' &&
	       text[bytes - port_bytes - 1] <= '9')
		port_bytes++;
	if (port_bytes == bytes || text[bytes - port_bytes - 1] != ':')
		return is_host(slice_of(text, bytes));
	if (port_bytes &&
	    (!number_parse_u64(slice_of(text + bytes - port_bytes, port_bytes), &port) ||
		port > 65535))
		return false;
	return is_host(slice_of(text, bytes - port_bytes - 1));
}

/* Where the request is going, in parts that point into what was sent. */
struct target {
	const char *authority, *path, *query;
	size_t authority_bytes, path_bytes, query_bytes;
};

static struct refusal
check_method(struct exchange *exchange, const char *method)
{
	static const char *const known[] = {
	    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
	const char *found = NULL;

	if (!is_token(method))
		return malformed("the request's method has a character that may not stand in one");
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(method, known[i]) == 0)
			found = known[i];
	}
	if (!found)
		return refuse(501, "METHOD_UNKNOWN", "the request's method is not known here");
	exchange->request.is_head = strcmp(found, "HEAD") == 0;
	exchange->request.method = exchange->request.is_head ? "GET" : found;
	return ACCEPTED;
}

static struct refusal
check_target(const struct exchange *exchange, struct target *out)
{
	const char *target = exchange->target, *end = target + exchange->target_bytes;
	bool is_everything =
	    strcmp(target, "*") == 0 && strcmp(exchange->request.method, "OPTIONS") == 0;

	if (exchange->target_bytes > HTTP_TARGET_BYTES_MAX)
		return refuse(414, "TARGET_TOO_LONG", "the request's address is too long");
	for (const char *at = target; at < end; at++) {
		/* A char has a sign on some machines. */
		unsigned char c = (unsigned char)*at;
		if (c <= 0x20 || c >= 0x7f || c == '#')
			return malformed(
			    "the request's address has a character that must be escaped");
	}
	if (strncasecmp(target, "http://", 7) == 0 || strncasecmp(target, "https://", 8) == 0) {
		out->authority = strchr(target, ':') + 3;
		out->authority_bytes = strcspn(out->authority, "/?");
		target = out->authority + out->authority_bytes;
		if (!is_authority(out->authority, out->authority_bytes))
			return malformed("the request's address names no proper host");
	} else if (target[0] != '/' && !is_everything) {
		return malformed("the request's address does not begin with a slash");
	}
	out->path = target;
	out->path_bytes = strcspn(target, "?");
	out->query = target + out->path_bytes;
	if (*out->query == '?')
		out->query++;
	out->query_bytes = (size_t)(end - out->query);
	if (out->path_bytes == 0) {
		out->path = "/";
		out->path_bytes = 1;
	}
	return ACCEPTED;
}

static struct refusal
check_host(const struct header_walk *walk, struct target *target, bool is_http_1_0)
{
	size_t bytes = walk->host ? trimmed_bytes(walk->host) : 0;

	if (walk->hosts > 1)
		return malformed("the request has more than one Host");
	if (walk->hosts == 0 && is_http_1_0)
		return ACCEPTED;
	if (walk->hosts == 0)
		return malformed("the request has no Host");
	if (!is_authority(walk->host, bytes))
		return malformed("Host is not a name or an address");
	if (target->authority && (target->authority_bytes != bytes ||
				     strncasecmp(target->authority, walk->host, bytes) != 0))
		return malformed("the host in the request's address is not the one in Host");
	target->authority = walk->host;
	target->authority_bytes = bytes;
	return ACCEPTED;
}

static struct refusal
copy_header(struct exchange *exchange, struct header_walk *walk, const struct target *target)
{
	struct http_request *request = &exchange->request;
	size_t table_bytes = walk->count * sizeof(struct http_header);
	/* Each text and its NUL; walk->bytes has room for both of a line's. */
	size_t bytes = table_bytes + walk->bytes + target->authority_bytes + target->path_bytes +
		       target->query_bytes + 3;
	char *block = malloc(bytes);

	if (!block)
		return refuse(503, "NO_MEMORY", "the server has no memory for the request");
	exchange->text = block;
	exchange->text_bytes = bytes;
	walk->copies = (struct http_header *)(void *)block;
	walk->text = block + table_bytes;
	walk->count = 0;
	MHD_get_connection_values(exchange->connection, MHD_HEADER_KIND, walk_copy, walk);
	request->headers = walk->copies;
	request->headers_count = walk->count;
	request->host = copy_text(
	    &walk->text, target->authority ? target->authority : "", target->authority_bytes);
	request->path = copy_text(&walk->text, target->path, target->path_bytes);
	request->query = copy_text(&walk->text, target->query, target->query_bytes);
	return ACCEPTED;
}

#define PASS(expr)                                                                                 \
	do {                                                                                       \
		struct refusal pass_ = (expr);                                                     \
		if (pass_.http_status)                                                             \
			return pass_;                                                              \
	} while (0)

struct refusal
exchange_take_header(struct exchange *exchange, const char *method, const char *version)
{
	struct header_walk walk = {0};
	struct target target = {0};
	bool is_http_1_0 = strcmp(version, "HTTP/1.0") == 0;

	if (!walk_begin(&walk, exchange, method, version))
		return malformed("the request line is not METHOD, address and version, one space "
				 "between them, ended by CR LF");
	MHD_get_connection_values(exchange->connection, MHD_HEADER_KIND, walk_look, &walk);
	PASS(check_method(exchange, method));
	PASS(check_target(exchange, &target));
	PASS(check_lines(&walk));
	PASS(check_host(&walk, &target, is_http_1_0));
	PASS(check_framing(exchange, &walk, is_http_1_0));
	return copy_header(exchange, &walk, &target);
}
