/* The receipts' spool, as far as it goes without a database. */
#include "jobs/spool_file.h"
#include "tests/lib/scratch.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define THREADS 4
#define READS_A_THREAD 20000
#define USERS 50
#define READS 800 /* of 1792 that there is room for */
#define CANCELLED 5000

static char directory[SCRATCH_PATH_BYTES];

/* A file system that compresses, and writes elsewhere what is written again. */
static struct {
	bool is_there, was_empty;
	int flags;
} copying;

int __real_ioctl(int fd, unsigned long request, int *flags);
int __wrap_ioctl(int fd, unsigned long request, int *flags);

int
__wrap_ioctl(int fd, unsigned long request, int *flags)
{
	struct stat stat;

	if (!copying.is_there)
		return __real_ioctl(fd, request, flags);
	if (request == FS_IOC_GETFLAGS) {
		*flags = copying.flags;
		return 0;
	}
	assert_int_equal(request, FS_IOC_SETFLAGS);
	assert_int_equal(fstat(fd, &stat), 0);
	copying.was_empty = stat.st_size == 0 && stat.st_blocks == 0;
	copying.flags = *flags;
	return 0;
}

static int
set_up(void **state)
{
	(void)state;
	scratch_make(directory);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	scratch_remove(directory);
	return 0;
}

static struct spool *
spool_open(size_t bytes)
{
	struct spool *spool = NULL;
	status st = spool_new(directory, bytes, &clock_system, &rand_system, &spool);

	assert_int_equal(st.code, ST_OK);
	return spool;
}

static struct spool_read
read_of(unsigned user)
{
	struct spool_read read;

	memset(&read, 0, sizeof(read));
	memset(read.org_id.bytes, 1, UUID_BYTES);
	memset(read.key_id.bytes, 2, UUID_BYTES);
	memcpy(read.user_id.bytes, &user, sizeof(user));
	read.second = 1800000000;
	snprintf(read.purpose, sizeof(read.purpose), "chat");
	return read;
}

static bool
add(struct spool *spool, unsigned user, struct uuid *read_id)
{
	struct spool_read read = read_of(user);
	struct spool_ticket ticket;

	if (!spool_begin(spool, &read, &ticket))
		return false;
	spool_take(&ticket, read_id);
	return true;
}

/* The only file of the folder, when its process is gone. */
static bool
adopt(struct spool_file *file)
{
	DIR *dir = opendir(directory);
	const struct dirent *entry;
	bool found = false;

	assert_non_null(dir);
	while (!found && (entry = readdir(dir)))
		found = entry->d_name[0] != '.' && spool_file_adopt(directory, entry->d_name, file);
	closedir(dir);
	return found;
}

static uint64_t
sum(const struct spool_file *file, size_t *slots)
{
	uint64_t reads = 0;

	*slots = 0;
	for (unsigned b = 0; b < 2; b++)
		for (size_t i = 0; i < file->slots_count; i++) {
			reads += spool_slot_reads(&file->slots[b][i]);
			*slots += spool_slot_reads(&file->slots[b][i]) > 0;
		}
	return reads;
}

static void
the_same_read_is_counted_in_one_slot_and_has_one_name(void **state)
{
	struct spool *spool = spool_open(SPOOL_BYTES_MIN);
	struct spool_figures figures;
	struct uuid first, second, other;

	(void)state;
	assert_true(add(spool, 1, &first));
	assert_true(add(spool, 1, &second));
	assert_true(add(spool, 2, &other));
	assert_true(uuid_equals(&first, &second));
	assert_false(uuid_equals(&first, &other));
	assert_int_equal(first.bytes[6] >> 4, 7);
	assert_int_equal(first.bytes[8] >> 6, 2);
	spool_get_figures(spool, &figures);
	assert_int_equal(figures.slots_used, 2);
	spool_free(&spool);
}

static void
a_cancelled_read_is_not_counted(void **state)
{
	struct spool *spool = spool_open(SPOOL_BYTES_MIN);
	struct spool_read read = read_of(1);
	struct spool_ticket ticket;
	struct spool_file file;

	(void)state;
	assert_true(spool_begin(spool, &read, &ticket));
	spool_cancel(&ticket);
	spool_free(&spool);
	/* Nothing was in it: the file is gone. */
	assert_false(adopt(&file));
}

static void
cancel(struct spool *spool, unsigned user)
{
	struct spool_read read = read_of(user);
	struct spool_ticket ticket;

	assert_true(spool_begin(spool, &read, &ticket));
	spool_cancel(&ticket);
}

/* Whoever is refused again and again, for another purpose each time, takes nobody's room. */
static void
cancelled_reads_leave_the_room_and_the_places_of_others(void **state)
{
	struct spool *spool = spool_open(1u << 20);
	struct spool_figures figures;
	struct uuid ids[READS], id;

	(void)state;
	for (unsigned i = 0; i < READS; i++) {
		cancel(spool, READS + i);
		assert_true(add(spool, i, &ids[i]));
	}
	for (unsigned i = 0; i < CANCELLED; i++)
		cancel(spool, i);
	spool_get_figures(spool, &figures);
	assert_int_equal(figures.slots_used, READS);
	/* Chains that cancelled reads stood in lead on to what stands there. */
	for (unsigned i = 0; i < READS; i++) {
		assert_true(add(spool, i, &id));
		assert_true(uuid_equals(&id, &ids[i]));
	}
	spool_get_figures(spool, &figures);
	assert_int_equal(figures.slots_used, READS);
	spool_free(&spool);
}

static void
a_full_spool_says_so_and_a_waiter_has_a_deadline(void **state)
{
	struct spool *spool = spool_open(SPOOL_BYTES_MIN);
	struct uuid id;
	unsigned added = 0;
	status st;

	(void)state;
	while (add(spool, added, &id))
		added++;
	assert_in_range(added, 16, 1024);
	/* What has a slot is still counted. */
	assert_true(add(spool, 0, &id));
	st = spool_wait(spool, clock_boot_us(&clock_system) - 1);
	assert_int_equal(st.code, ST_DEADLINE_EXCEEDED);
	spool_free(&spool);
}

struct adder {
	pthread_t thread;
	struct spool *spool;
	unsigned refused;
};

static void *
add_many(void *env)
{
	struct adder *adder = env;

	for (unsigned i = 0; i < READS_A_THREAD; i++) {
		struct uuid id;

		adder->refused += !add(adder->spool, i % USERS, &id);
	}
	return NULL;
}

static void
threads_that_add_at_once_lose_nothing(void **state)
{
	struct spool *spool = spool_open(1u << 20);
	struct adder adders[THREADS];
	struct spool_file file;
	size_t slots;

	(void)state;
	for (size_t i = 0; i < THREADS; i++) {
		adders[i] = (struct adder){.spool = spool};
		pthread_create(&adders[i].thread, NULL, add_many, &adders[i]);
	}
	for (size_t i = 0; i < THREADS; i++) {
		pthread_join(adders[i].thread, NULL);
		assert_int_equal(adders[i].refused, 0);
	}
	spool_free(&spool);
	assert_true(adopt(&file));
	assert_int_equal(sum(&file, &slots), THREADS * READS_A_THREAD);
	assert_int_equal(slots, USERS);
	spool_file_close(&file, true);
}

static void
what_a_killed_process_acknowledged_is_in_its_file(void **state)
{
	int pipe_fds[2];
	uint64_t acknowledged = 0, one;
	struct spool_file file;
	size_t slots;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(pipe_fds), 0);
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		struct spool *spool = spool_open(1u << 20);

		for (uint64_t i = 1;; i++) {
			struct uuid id;

			if (!add(spool, (unsigned)i % USERS, &id) ||
			    write(pipe_fds[1], &i, sizeof(i)) != sizeof(i))
				_exit(1);
		}
	}
	close(pipe_fds[1]);
	while (acknowledged < 5000 && read(pipe_fds[0], &one, sizeof(one)) == sizeof(one))
		acknowledged = one;
	/* While it lives, its file is its own. */
	assert_false(adopt(&file));
	kill(child, SIGKILL);
	while (read(pipe_fds[0], &one, sizeof(one)) == sizeof(one))
		acknowledged = one;
	waitpid(child, NULL, 0);
	close(pipe_fds[0]);
	assert_true(adopt(&file));
	/* The last one may have been added and not yet acknowledged. */
	assert_in_range(sum(&file, &slots), acknowledged, acknowledged + 1);
	assert_int_equal(slots, USERS);
	spool_file_close(&file, true);
}

static void
a_strange_file_is_left_alone(void **state)
{
	char path[128];
	struct spool_file file;
	FILE *out;

	(void)state;
	snprintf(path, sizeof(path), "%s/x.spool", directory);
	out = fopen(path, "w");
	assert_non_null(out);
	for (int i = 0; i < 10000; i++)
		fputc('x', out);
	fclose(out);
	assert_false(spool_file_adopt(directory, "x.spool", &file));
	assert_int_equal(access(path, F_OK), 0);
	unlink(path);
}

static struct spool_slot *
slot_in_use(const struct spool_file *file)
{
	for (size_t i = 0; i < file->slots_count; i++)
		if (spool_slot_reads(&file->slots[0][i]) > 0)
			return &file->slots[0][i];
	fail();
	return NULL;
}

/* What may stand in a file after the machine died, page by page of another moment. */
static void
a_slot_of_another_batch_or_half_of_one_is_no_receipt(void **state)
{
	struct spool *spool = spool_open(SPOOL_BYTES_MIN);
	struct spool_file file;
	struct spool_slot *slot, whole;
	struct uuid id;

	(void)state;
	assert_true(add(spool, 1, &id));
	spool_free(&spool);
	assert_true(adopt(&file));
	slot = slot_in_use(&file);
	memcpy(&whole, slot, sizeof(whole));
	assert_true(spool_file_has_reads(&file, 0));
	file.header->buffers[0].batch++;
	assert_false(spool_file_has_reads(&file, 0));
	file.header->buffers[0].batch--;
	for (size_t at = sizeof(slot->tally); at < sizeof(*slot); at++) {
		((uint8_t *)slot)[at] ^= 1;
		assert_false(spool_file_has_reads(&file, 0));
		((uint8_t *)slot)[at] ^= 1;
	}
	assert_true(spool_file_has_reads(&file, 0));
	assert_memory_equal(slot, &whole, sizeof(whole));
	spool_file_close(&file, true);
}

/* Somebody went back to this version. */
static void
a_file_of_a_newer_layout_is_left_alone(void **state)
{
	struct spool *spool = spool_open(SPOOL_BYTES_MIN);
	struct spool_file file;
	struct uuid id;

	(void)state;
	assert_true(add(spool, 1, &id));
	spool_free(&spool);
	assert_true(adopt(&file));
	file.header->layout++;
	spool_file_close(&file, false);
	assert_false(adopt(&file));
}

static void
make_draft(const char *path, int64_t age_s)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = time(NULL) - age_s}};
	int fd = open(path, O_CREAT | O_RDWR | O_EXCL, 0600);

	assert_true(fd >= 0);
	assert_int_equal(futimens(fd, times), 0);
	close(fd);
}

/* Killed while its file was being made: nothing is in there, and nobody would ever remove it. */
static void
what_was_never_finished_goes_unless_its_maker_lives(void **state)
{
	char path[128];
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "%s/x.spool.new", directory);
	make_draft(path, 30);
	spool_file_sweep(directory, "x.spool.new", &clock_system);
	assert_int_equal(access(path, F_OK), 0);
	unlink(path);

	make_draft(path, 3600);
	fd = open(path, O_RDWR);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	spool_file_sweep(directory, "x.spool.new", &clock_system);
	assert_int_equal(access(path, F_OK), 0);
	close(fd);
	spool_file_sweep(directory, "x.spool.new", &clock_system);
	assert_int_equal(access(path, F_OK), -1);
}

/* Or a disk that fills up would be met by whoever counts a read. */
static void
an_empty_file_is_told_to_be_written_in_place(void **state)
{
	struct spool *spool;

	(void)state;
	copying.is_there = true;
	copying.flags = FS_COMPR_FL | FS_NOATIME_FL;
	spool = spool_open(SPOOL_BYTES_MIN);
	copying.is_there = false;
	assert_int_equal(copying.flags, FS_NOCOW_FL | FS_NOATIME_FL);
	assert_true(copying.was_empty);
	spool_free(&spool);
}

static void
a_folder_that_is_not_there_is_said(void **state)
{
	struct spool *spool = NULL;
	status st =
	    spool_new("/nowhere/at/all", SPOOL_BYTES_MIN, &clock_system, &rand_system, &spool);

	(void)state;
	assert_int_equal(st.code, ST_UNAVAILABLE);
	assert_string_equal(st.reason, "SPOOL");
	st = spool_new(directory, SPOOL_BYTES_MIN - 1, &clock_system, &rand_system, &spool);
	assert_int_equal(st.code, ST_INVALID_ARGUMENT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		the_same_read_is_counted_in_one_slot_and_has_one_name, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_cancelled_read_is_not_counted, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		cancelled_reads_leave_the_room_and_the_places_of_others, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		a_full_spool_says_so_and_a_waiter_has_a_deadline, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		threads_that_add_at_once_lose_nothing, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		what_a_killed_process_acknowledged_is_in_its_file, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_strange_file_is_left_alone, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		a_slot_of_another_batch_or_half_of_one_is_no_receipt, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		a_file_of_a_newer_layout_is_left_alone, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		what_was_never_finished_goes_unless_its_maker_lives, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		an_empty_file_is_told_to_be_written_in_place, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_folder_that_is_not_there_is_said, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
