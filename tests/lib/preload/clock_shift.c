/* Moves a process's wall clock: CLOCK_REALTIME, and what else tells the time of day, are the real
 * one and the 8 bytes of the file that USHER_CLOCK_SHIFT names, in microseconds. Whoever writes
 * there moves the clock at once. CLOCK_BOOTTIME and CLOCK_MONOTONIC stay: nobody can set those. */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define US_PER_S INT64_C(1000000)

static const _Atomic int64_t *shift_us;

__attribute__((constructor)) static void
map_shift(void)
{
	const char *path = getenv("USHER_CLOCK_SHIFT");
	int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	if (file < 0)
		return;
	void *memory = mmap(NULL, sizeof *shift_us, PROT_READ, MAP_SHARED, file, 0);
	close(file);
	if (memory != MAP_FAILED)
		shift_us = memory;
}

int
clock_gettime(clockid_t id, struct timespec *out)
{
	int failed = (int)syscall(SYS_clock_gettime, id, out);

	if (failed || !shift_us || (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE))
		return failed;
	int64_t us = atomic_load(shift_us), fraction = us % US_PER_S;
	out->tv_sec += us / US_PER_S;
	out->tv_nsec += fraction * 1000;
	if (out->tv_nsec < 0) {
		out->tv_nsec += 1000 * US_PER_S;
		out->tv_sec--;
	}
	if (out->tv_nsec >= 1000 * US_PER_S) {
		out->tv_nsec -= 1000 * US_PER_S;
		out->tv_sec++;
	}
	return 0;
}

int
gettimeofday(struct timeval *restrict out, void *restrict zone)
{
	struct timespec now;

	(void)zone;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	out->tv_sec = now.tv_sec;
	out->tv_usec = now.tv_nsec / 1000;
	return 0;
}

time_t
time(time_t *out)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (out)
		*out = now.tv_sec;
	return now.tv_sec;
}
