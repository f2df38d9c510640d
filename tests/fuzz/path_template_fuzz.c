/* Path templates, which the generator reads as the bridge does. The input: a template, and perhaps
 * a second one behind a newline. */
#include "base/path_template.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static bool
parse(struct arena *arena, const char *text, struct path_template *out)
{
	if (path_template_parse(arena, text, out).code != ST_OK)
		return false;
	assert(path_template_same_shape(out, out));
	assert(path_template_is_ambiguous(out, out));
	assert(path_template_order(out, out) == 0);
	return true;
}

static int
sign(int number)
{
	return (number > 0) - (number < 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	char *text = strndup((const char *)data, bytes), *second = strchr(text, '\n');
	struct path_template a, b;
	struct arena arena;

	assert(arena_init(&arena, 4096, 1u << 20).code == ST_OK);
	if (second)
		*second++ = '\0';
	if (parse(&arena, text, &a) && second && parse(&arena, second, &b)) {
		bool same = path_template_same_shape(&a, &b);
		assert(same == path_template_same_shape(&b, &a));
		assert(path_template_is_ambiguous(&a, &b) == path_template_is_ambiguous(&b, &a));
		assert(sign(path_template_order(&a, &b)) == -sign(path_template_order(&b, &a)));
		if (same)
			assert(path_template_is_ambiguous(&a, &b));
	}
	arena_done(&arena);
	free(text);
	return 0;
}
