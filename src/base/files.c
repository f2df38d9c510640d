#include "base/files.h"

#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

/* In a row, before it is said that all is well: whoever waits takes the first ones. */
#define GOOD_LOOKS 3

bool
files_are_left(void)
{
	int copy = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);

	if (copy < 0)
		return errno != EMFILE && errno != ENFILE;
	(void)close(copy);
	return true;
}

void
files_count(int *open, int *max)
{
	struct rlimit limit = {0};
	DIR *own = opendir("/proc/self/fd");
	/* ".", "..", and the one that reads. */
	int count = own ? -3 : 0;

	(void)getrlimit(RLIMIT_NOFILE, &limit);
	*max = limit.rlim_cur < INT_MAX ? (int)limit.rlim_cur : INT_MAX;
	while (own && readdir(own))
		count++;
	if (own)
		(void)closedir(own);
	*open = own || files_are_left() ? count : *max;
}

uint64_t
files_raise(uint64_t wanted)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return wanted;
	if (limit.rlim_cur < wanted) {
		const struct rlimit raised = {
		    .rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted,
		    .rlim_max = limit.rlim_max,
		};
		if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
			limit = raised;
	}
	return limit.rlim_cur;
}

void
files_look(struct files_watch *watch)
{
	const bool were_out = atomic_load(&watch->are_out);

	if (!files_are_left()) {
		watch->good_looks = 0;
		atomic_store(&watch->are_out, true);
		if (!were_out)
			log_event(LOG_WARN, "no_files", "message",
			    "no file descriptor is left: new connections wait; raise the limit "
			    "(ulimit -n, LimitNOFILE=)",
			    NULL);
	} else if (were_out && ++watch->good_looks == GOOD_LOOKS) {
		atomic_store(&watch->are_out, false);
		log_event(LOG_INFO, "files_again", NULL);
	}
}

static const char *
draft_of(struct arena *arena, const char *path)
{
	return arena_format(arena, "%s.new", path);
}

static status
refuse_to_write(struct arena *arena, const char *path)
{
	return arena_refuse(
	    arena, ST_FAILED_PRECONDITION, NULL, "%s cannot be written: %s", path, strerror(errno));
}

bool
files_write_all(int fd, struct slice content)
{
	while (content.bytes) {
		ssize_t written = write(fd, content.data, content.bytes);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return false;
		content = slice_of(content.data + written, content.bytes - (size_t)written);
	}
	return fsync(fd) == 0;
}

status
files_write_draft(struct arena *arena, const char *path, struct slice content)
{
	const char *draft = draft_of(arena, path);
	status st = STATUS_OK;
	int fd;

	if (!draft)
		return ARENA_EXHAUSTED;
	(void)unlink(draft);
	fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return refuse_to_write(arena, path);
	if (!files_write_all(fd, content))
		st = refuse_to_write(arena, path);
	if (close(fd) != 0 && st.code == ST_OK)
		st = refuse_to_write(arena, path);
	if (st.code != ST_OK)
		(void)unlink(draft);
	return st;
}

status
files_put_draft(struct arena *arena, const char *path)
{
	const char *draft = draft_of(arena, path);

	if (!draft)
		return ARENA_EXHAUSTED;
	return rename(draft, path) == 0 ? STATUS_OK : refuse_to_write(arena, path);
}

void
files_drop_draft(struct arena *arena, const char *path)
{
	const char *draft = draft_of(arena, path);

	if (draft)
		(void)unlink(draft);
}
