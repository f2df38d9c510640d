#include "store/snapshot.h"

#include <stdlib.h>

/* The number up to the next separator or the end; text is moved behind it. */
static bool
take_number(struct slice *text, char separator, uint64_t *out)
{
	const uint8_t *end = text->bytes ? memchr(text->data, separator, text->bytes) : NULL;
	size_t bytes = end ? (size_t)(end - text->data) : text->bytes;

	if (!number_parse_u64(slice_of(text->data, bytes), out))
		return false;
	size_t skip = bytes + (end ? 1 : 0);
	*text = slice_of(text->data + skip, text->bytes - skip);
	return true;
}

static size_t
count_numbers(struct slice text)
{
	size_t count = text.bytes > 0;

	for (size_t i = 0; i < text.bytes; i++)
		count += text.data[i] == ',';
	return count;
}

status
snapshot_parse(struct slice text, struct snapshot *out)
{
	struct snapshot parsed = {0};

	if (text.bytes > SNAPSHOT_TEXT_BYTES_MAX || !take_number(&text, ':', &parsed.xmin) ||
	    !take_number(&text, ':', &parsed.xmax) || parsed.xmin > parsed.xmax)
		return REFUSE(ST_INTERNAL, "a snapshot is not of PostgreSQL's form");
	size_t count = count_numbers(text);
	if (count > SNAPSHOT_RUNNING_MAX)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "too many transactions run at once");
	uint64_t *running = malloc((count + 1) * sizeof *running);
	if (!running)
		return REFUSE(ST_RESOURCE_EXHAUSTED, "no memory for a snapshot");
	for (size_t i = 0; i < count; i++) {
		uint64_t least = i ? running[i - 1] + 1 : parsed.xmin;
		if (!take_number(&text, ',', &running[i]) || running[i] < least ||
		    running[i] >= parsed.xmax) {
			free(running);
			return REFUSE(ST_INTERNAL, "a snapshot is not of PostgreSQL's form");
		}
	}
	parsed.running = running;
	parsed.running_count = count;
	snapshot_done(out);
	*out = parsed;
	return STATUS_OK;
}

void
snapshot_done(struct snapshot *snapshot)
{
	free(snapshot->running);
	*snapshot = (struct snapshot){0};
}

static int
compare_xids(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

bool
snapshot_sees(const struct snapshot *snapshot, uint64_t xid)
{
	if (xid < snapshot->xmin)
		return true;
	if (xid >= snapshot->xmax)
		return false;
	return !snapshot->running_count ||
	       !bsearch(&xid, snapshot->running, snapshot->running_count, sizeof xid, compare_xids);
}
