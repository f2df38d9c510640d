/* A request's header, from its bytes on: libmicrohttpd before 1.0 is played (it forgives bare LF,
 * folded lines, NUL and more), and what our checks accept of that must be what a strict reader sees
 * in the same bytes, line by line. The input is a request; what stands behind its header is left
 * out. */
#include "http/internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

#define LINES_MAX 256

/* What the library keeps of a request. */
struct MHD_Connection {
	struct {
		const char *name, *value;
	} lines[LINES_MAX];
	size_t lines_count;
	union MHD_ConnectionInfo header_size;
	char *joined[LINES_MAX]; /* names, where a folded line was added */
	size_t joined_count;
};

/* Found before the library's own, as they are in the program. */
const union MHD_ConnectionInfo *
MHD_get_connection_info(
    struct MHD_Connection *connection, enum MHD_ConnectionInfoType info_type, ...)
{
	assert(info_type == MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	return &connection->header_size;
}

int
MHD_get_connection_values(struct MHD_Connection *connection, enum MHD_ValueKind kind,
    MHD_KeyValueIterator iterator, void *iterator_cls)
{
	assert(kind == MHD_HEADER_KIND);
	for (size_t i = 0; i < connection->lines_count; i++)
		iterator(iterator_cls, kind, connection->lines[i].name, connection->lines[i].value);
	return (int)connection->lines_count;
}

/* Bytes that come in: lines are cut off in place. */
struct input {
	char *at, *end;
};

/* The next line, its end overwritten with NULs; NULL when it is not whole. */
static char *
take_line(struct input *input, size_t *bytes)
{
	char *line = input->at, *end = memchr(line, '\n', (size_t)(input->end - line));

	if (!end)
		return NULL;
	input->at = end + 1;
	*end = '\0';
	if (end > line && end[-1] == '\r')
		*--end = '\0';
	*bytes = (size_t)(end - line);
	return line;
}

/* The request line's parts. */
struct played {
	char *method, *target, *version;
};

static bool
play_line(char *line, size_t bytes, struct played *out)
{
	char *blank = memchr(line, ' ', bytes), *last;

	if (!blank || blank == line)
		return false;
	*blank = '\0';
	*out = (struct played){.method = line, .target = blank + 1};
	while (*out->target == ' ' && out->target < line + bytes)
		out->target++;
	if (out->target == line + bytes)
		return false;
	last = line + bytes - 1;
	while (*last == ' ' && last > out->target)
		last--;
	while (*last != ' ' && last > out->target)
		last--;
	if (last == out->target)
		return false;
	*last = '\0';
	out->version = last + 1;
	bytes -= (size_t)(out->version - line);
	return bytes == 8 && memcmp(out->version, "HTTP/1.", 7) == 0 && out->version[7] >= '0' &&
	       out->version[7] <= '9';
}

static bool
play_field(struct MHD_Connection *connection, char *line)
{
	char *colon = strchr(line, ':');

	if (!colon || connection->lines_count == LINES_MAX)
		return false;
	*colon++ = '\0';
	connection->lines[connection->lines_count].name = line;
	connection->lines[connection->lines_count++].value = colon + strspn(colon, " \t");
	return true;
}

/* It adds the folded line to the name, which by then ends where the colon was. */
static bool
play_fold(struct MHD_Connection *connection, const char *line)
{
	const char **name = &connection->lines[connection->lines_count - 1].name;
	char *joined;

	if (connection->joined_count == LINES_MAX)
		return false;
	line += strspn(line, " \t");
	if (asprintf(&joined, "%s%s", *name, line) < 0)
		abort();
	connection->joined[connection->joined_count++] = joined;
	*name = joined;
	return true;
}

/* As far as the empty line; false: the library refuses it, or waits for more. */
static bool
play(struct MHD_Connection *connection, struct input *input, struct played *out)
{
	size_t bytes;
	char *line;

	do {
		line = take_line(input, &bytes);
	} while (line && !*line);
	if (!line || !play_line(line, bytes, out))
		return false;
	while ((line = take_line(input, &bytes)) && *line) {
		bool is_folded = (*line == ' ' || *line == '\t') && connection->lines_count > 0;

		if (is_folded ? !play_fold(connection, line) : !play_field(connection, line))
			return false;
	}
	connection->header_size.header_size = (size_t)(input->at - out->method);
	return line != NULL;
}

/* The strict reader: takes what it wants from the front, or dies. */
static void
want(struct slice *rest, const char *text)
{
	size_t bytes = strlen(text);

	assert(rest->bytes >= bytes && memcmp(rest->data, text, bytes) == 0);
	*rest = slice_of(rest->data + bytes, rest->bytes - bytes);
}

static bool
is_plain(const char *text, bool is_target)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		if (is_target ? c <= 0x20 || c >= 0x7f || c == '#'
			      : (c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

/* CR LF; or NUL for either, or LF and what of the next line's end follows: once the library has
 * overwritten the ends of lines they look the same. Two bytes it is, and none that shows. */
static void
want_end(struct slice *rest)
{
	assert(rest->bytes >= 2);
	for (size_t i = 0; i < 2; i++)
		assert(rest->data[i] == '\r' || rest->data[i] == '\n' || rest->data[i] == '\0');
	*rest = slice_of(rest->data + 2, rest->bytes - 2);
}

/* "NAME: VALUE" and its end, blanks around the value apart. */
static void
want_field(struct slice *rest, const struct http_header *header)
{
	assert(*header->name &&
	       strspn(header->name, "!#$%&'*+-.^_`|~0123456789"
				    "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == strlen(header->name));
	assert(is_plain(header->value, false));
	want(rest, header->name);
	want(rest, ":");
	while (rest->bytes && (*rest->data == ' ' || *rest->data == '\t'))
		*rest = slice_of(rest->data + 1, rest->bytes - 1);
	want(rest, header->value);
	while (rest->bytes && (*rest->data == ' ' || *rest->data == '\t'))
		*rest = slice_of(rest->data + 1, rest->bytes - 1);
	want_end(rest);
}

static void
check_framing(const struct exchange *exchange, bool is_http_1_0)
{
	const struct http_request *request = &exchange->request;
	const char *length = http_request_header(request, "Content-Length");
	const char *coding = http_request_header(request, "Transfer-Encoding");
	size_t hosts = http_request_header_count(request, "Host");
	uint64_t number = 0;

	assert(hosts == 1 || (hosts == 0 && is_http_1_0));
	assert(http_request_header_count(request, "Content-Length") <= 1);
	assert(http_request_header_count(request, "Transfer-Encoding") <= 1);
	assert(!length || !coding);
	assert(!coding || (strcasecmp(coding, "chunked") == 0 && !is_http_1_0));
	assert(exchange->is_chunked == (coding != NULL));
	assert(!length || number_parse_u64(slice_text(length), &number) || *length == '0');
	assert(exchange->content_length == number || *length == '0');
	for (size_t i = 0; i < request->headers_count; i++)
		assert(strcasecmp(request->headers[i].name, "Expect") != 0 ||
		       strcasecmp(request->headers[i].value, "100-continue") == 0);
	if (hosts)
		assert(strcmp(request->host, http_request_header(request, "Host")) == 0);
	assert(!strpbrk(request->host, "/@?# ,"));
}

/* The same bytes, as they were sent. */
static void
check_accepted(const struct exchange *exchange, struct slice sent, bool is_http_1_0)
{
	const struct http_request *request = &exchange->request;
	const char *target = exchange->target, *query = strchr(target, '?');

	want(&sent, request->is_head ? "HEAD" : request->method);
	want(&sent, " ");
	want(&sent, target);
	want(&sent, " HTTP/1.");
	sent = slice_of(sent.data + 1, sent.bytes - 1);
	want_end(&sent);
	for (size_t i = 0; i < request->headers_count; i++)
		want_field(&sent, &request->headers[i]);
	want_end(&sent);
	assert(is_plain(target, true) && strlen(target) <= HTTP_TARGET_BYTES_MAX);
	assert(request->path[0] == '/' ||
	       (strcmp(request->path, "*") == 0 && strcmp(request->method, "OPTIONS") == 0));
	assert(strcmp(request->query, query ? query + 1 : "") == 0 && !strchr(request->path, '?'));
	check_framing(exchange, is_http_1_0);
}

static void
check_refused(const struct refusal *refusal)
{
	static const uint32_t some[] = {400, 413, 414, 417, 431, 501};
	bool found = false;

	for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++)
		found |= some[i] == refusal->http_status;
	assert(found && refusal->failure.code != ST_OK);
	assert(*refusal->failure.reason && *refusal->failure.message);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static struct http_server server = {.config = {.body_bytes_max = 1u << 20}};
	struct MHD_Connection connection = {.lines_count = 0};
	struct exchange exchange = {.server = &server, .connection = &connection};
	char *copy = malloc(bytes + 1);
	struct input input = {copy, copy + bytes};
	struct played played;

	assert(copy);
	if (bytes)
		memcpy(copy, data, bytes);
	copy[bytes] = '\0';
	if (play(&connection, &input, &played)) {
		exchange.sent_target = played.target;
		exchange.target_bytes = strlen(played.target);
		exchange.target = strdup(played.target);
		/* The library cuts the query off in place, after that. */
		played.target[strcspn(played.target, "?")] = '\0';
		struct refusal refusal =
		    exchange_take_header(&exchange, played.method, played.version);
		if (refusal.http_status)
			check_refused(&refusal);
		else
			check_accepted(&exchange,
			    slice_of(
				data + (played.method - copy), (size_t)(input.at - played.method)),
			    strcmp(played.version, "HTTP/1.0") == 0);
	}
	for (size_t i = 0; i < connection.joined_count; i++)
		free(connection.joined[i]);
	free(exchange.target);
	free(exchange.text);
	free(copy);
	return 0;
}
