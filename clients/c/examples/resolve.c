/* The main job: who calls, and what should the model know about the user?
 *
 *     usher-example-resolve URL[,URL...] API_KEY MESSAGE
 *
 * Prints the context block. Exit codes: 0 printed, 1 refused or not reached, 2 usage. */
#include "gen/client/context.h"

#include <stdio.h>

static void
print_failure(const struct client_result *result)
{
	fprintf(stderr, "%s: %s (sent %u times)\n",
	    result->status.reason ? result->status.reason : status_code_name(result->status.code),
	    result->status.message, (unsigned)result->attempts);
	for (size_t i = 0; i < result->violations_count; i++)
		fprintf(stderr, "  %s: %s\n", result->violations[i].field,
		    result->violations[i].description);
}

static int
resolve(struct client *client, const char *key, char *message)
{
	const struct client_options options = {
	    .credential = slice_text(key),
	    .timeout_ms = 3000,
	};
	Usher__V1__ResolveRequest request = USHER__V1__RESOLVE_REQUEST__INIT;
	struct client_result result;

	/* Nothing is stored without a conversation, so this is a READ: if a server fails, another
	 * is asked. */
	request.message = message;
	if (context_resolve_rpc(client, &options, &request, &result).code == ST_OK) {
		const Usher__V1__ContextBlock *block = context_resolve_reply(&result)->context;

		for (size_t i = 0; block && i < block->n_segments; i++)
			printf("%s\n", block->segments[i]->text);
	} else {
		print_failure(&result);
	}
	const int code = result.status.code == ST_OK ? 0 : 1;
	client_result_done(&result); /* the reply goes with it */
	return code;
}

int
main(int argc, char **argv)
{
	struct client *client = NULL;

	if (argc != 4) {
		fprintf(stderr, "usage: %s URL[,URL...] API_KEY MESSAGE\n", argv[0]);
		return 2;
	}
	const struct client_settings settings = {.url = argv[1]};
	const status st = client_new(&settings, &client);
	if (st.code != ST_OK) {
		fprintf(stderr, "%s: %s\n", argv[1], st.message);
		return 2;
	}
	const int code = resolve(client, argv[2], argv[3]);
	client_free(&client);
	return code;
}
