/* The input is a template, a newline and a path; the template stands beside fixed ones. */
#include "bridge/route.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	const uint8_t *newline = memchr(data, '\n', bytes);
	size_t template_bytes = newline ? (size_t)(newline - data) : bytes;
	char *template = strndup((const char *)data, template_bytes);
	char *path = newline ? strndup((const char *)newline + 1, bytes - template_bytes - 1)
			     : strdup("/v1/x");
	struct route_row rows[] = {
	    {.verb = "GET", .path = "/v1/{a}", .body = "", .method = "a"},
	    {.verb = "GET", .path = "/v1/{a}:verb", .body = "", .method = "b"},
	    {.verb = "GET", .path = "/v2/{a=x/*/**}", .body = "", .method = "c"},
	    {.verb = "PUT", .path = template, .body = "", .method = "d"},
	};
	struct route_table *table = NULL;
	struct route_match match;
	struct strbuf message;
	struct arena arena;

	strbuf_init(&message, 1u << 20);
	if (arena_init(&arena, 4096, 1u << 20).code != ST_OK)
		abort();
	if (route_table_new(rows, 4, &table, &message).code == ST_OK) {
		status found = route_table_match(table, "PUT", path, &arena, &match);
		for (size_t i = 0; found.code == ST_OK && i < match.captures_count; i++) {
			if (!utf8_is_valid(match.captures[i].value))
				abort();
		}
		(void)!route_table_match(table, "GET", path, &arena, &match).code;
	}
	route_table_free(&table);
	arena_done(&arena);
	strbuf_done(&message);
	free(template);
	free(path);
	return 0;
}
