#include "tests/lib/talk.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#define REPLY_BYTES_MAX (64u << 20)

int
talk_dial(uint16_t port)
{
	const struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
	const struct timeval patience = {.tv_sec = 10};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return fd;
}

void
talk_say(int fd, struct slice bytes)
{
	while (bytes.bytes > 0) {
		ssize_t sent = send(fd, bytes.data, bytes.bytes, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return;
		bytes = slice_of(bytes.data + sent, bytes.bytes - (size_t)sent);
	}
}

void
talk_hear(int fd, struct talk_reply *out)
{
	char *end;
	uint8_t *room;
	ssize_t got;

	strbuf_init(&out->text, REPLY_BYTES_MAX);
	/* With SO_RCVTIMEO recv() ends with EINTR after SIGSTOP and SIGCONT, handler or not. */
	while ((room = strbuf_reserve(&out->text, 65536)) &&
	       ((got = recv(fd, room, 65536, 0)) > 0 || (got < 0 && errno == EINTR)))
		if (got > 0)
			strbuf_commit(&out->text, (size_t)got);
	assert_non_null(room);
	out->head = strbuf_text(&out->text);
	out->http_status = 0;
	out->body = "";
	out->body_bytes = 0;
	if (sscanf(out->head, "HTTP/1.%*d %d", &out->http_status) != 1)
		return;
	end = strstr(out->head, "\r\n\r\n");
	assert_non_null(end);
	end[2] = '\0';
	out->body = end + 4;
	out->body_bytes = out->text.bytes - (size_t)(out->body - out->head);
}

void
talk(uint16_t port, struct slice request, struct talk_reply *out)
{
	int fd = talk_dial(port);

	talk_say(fd, request);
	talk_hear(fd, out);
	close(fd);
}

void
talk_reply_done(struct talk_reply *reply)
{
	strbuf_done(&reply->text);
	*reply = (struct talk_reply){0};
}

const char *
talk_header(const struct talk_reply *reply, const char *name, char out[256])
{
	char start[128];
	const char *line;
	size_t bytes;

	snprintf(start, sizeof start, "\r\n%s: ", name);
	line = strcasestr(reply->head, start);
	if (!line)
		return NULL;
	line += strlen(start);
	bytes = strcspn(line, "\r\n");
	assert_true(bytes < 256);
	memcpy(out, line, bytes);
	out[bytes] = '\0';
	return out;
}
