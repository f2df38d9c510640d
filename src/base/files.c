#include "base/files.h"

#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
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
