/* The receipts' file of a process that is gone: whatever a lost disk block made of it, it is looked
 * through without a byte outside, or left alone. The input stands over a good file's header and
 * first slots, or, when its first byte is odd, for the whole file. */
#include "base/clock.h"
#include "jobs/spool_file.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

#define SEED 42

static char folder[] = "/dev/shm/usher-fuzz.XXXXXX";
static char path[64];

static void
remove_folder(void)
{
	unlink(path);
	rmdir(folder);
}

/* A good one of the least size; its bytes go into the file again and again. */
static const char *
good_file(size_t *bytes)
{
	static char *good;
	static size_t good_bytes;
	struct uuid id = {{1, 2, 3}};
	struct spool_file file;

	if (!good) {
		assert(mkdtemp(folder));
		snprintf(path, sizeof(path), "%s/a.spool", folder);
		(void)atexit(remove_folder);
		assert(spool_file_create(folder, SPOOL_BYTES_MIN, &id, SEED, &file).code == ST_OK);
		good_bytes = file.bytes;
		good = malloc(good_bytes);
		assert(good);
		memcpy(good, file.header, good_bytes);
		spool_file_close(&file, true);
	}
	*bytes = good_bytes;
	return good;
}

static void
write_file(const uint8_t *data, size_t bytes, bool is_whole)
{
	size_t good_bytes;
	const char *good = good_file(&good_bytes);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert(fd >= 0);
	if (!is_whole)
		assert(pwrite(fd, good, good_bytes, 0) == (ssize_t)good_bytes);
	if (!is_whole && bytes > good_bytes)
		bytes = good_bytes;
	assert(pwrite(fd, data, bytes, 0) == (ssize_t)bytes);
	close(fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct spool_file file;
	struct uuid id;

	if (bytes == 0)
		return 0;
	write_file(data + 1, bytes - 1, data[0] % 2);
	spool_file_sweep(folder, "a.spool.new", &clock_system);
	if (!spool_file_adopt(folder, "a.spool", &file))
		return 0;
	assert(SPOOL_HEADER_BYTES + 2 * file.slots_count * sizeof(struct spool_slot) == file.bytes);
	for (unsigned buffer = 0; buffer < 2; buffer++) {
		if (!spool_file_has_reads(&file, buffer))
			continue;
		for (size_t i = 0; i < file.slots_count; i++)
			spool_file_read_id(&file, buffer, i, &id);
	}
	spool_file_close(&file, true);
	return 0;
}
