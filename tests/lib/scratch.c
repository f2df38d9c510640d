#include "tests/lib/scratch.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDERS_OPEN_MAX 16

static void
check(int result, const char *path)
{
	if (result >= 0)
		return;
	perror(path);
	exit(99);
}

void
scratch_make(char out[SCRATCH_PATH_BYTES])
{
	const char *parent = getenv("TMPDIR");
	char path[SCRATCH_PATH_BYTES];
	int bytes = snprintf(
	    path, sizeof path, "%s/usher-test-XXXXXX", parent && *parent ? parent : "/tmp");

	check(bytes < (int)sizeof path && mkdtemp(path) ? 0 : -1, path);
	strcpy(out, path);
}

static int
remove_one(const char *path, const struct stat *about, int kind, struct FTW *where)
{
	(void)about, (void)kind, (void)where;
	return remove(path);
}

void
scratch_remove(const char *path)
{
	check(nftw(path, remove_one, FOLDERS_OPEN_MAX, FTW_DEPTH | FTW_PHYS), path);
}
