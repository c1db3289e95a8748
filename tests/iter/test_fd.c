/* SPDX-License-Identifier: BSD-3-Clause */
/* test_fd.c - files, pipes and sockets: exact counts, and the errors of descriptors */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mcsafe/mcsafe.h>

#include "async_handler.h"
#include "run.h"

/*
 * The linker (--wrap) replaces these system calls of the library, because some answers cannot be
 * produced otherwise.
 */
ssize_t __real_pread(int fd, void *buf, size_t n, off_t offset);
ssize_t __wrap_pread(int fd, void *buf, size_t n, off_t offset);
ssize_t __real_write(int fd, const void *buf, size_t n);
ssize_t __wrap_write(int fd, const void *buf, size_t n);

static int n_interrupted_reads, n_empty_writes;

ssize_t __wrap_pread(int fd, void *buf, size_t n, off_t offset)
{
	if (n_interrupted_reads > 0) {
		n_interrupted_reads--;
		errno = EINTR;
		return -1;
	}
	return __real_pread(fd, buf, n, offset);
}

ssize_t __wrap_write(int fd, const void *buf, size_t n)
{
	if (n_empty_writes > 0) {
		n_empty_writes--;
		return 0;
	}
	return __real_write(fd, buf, n);
}

#define SRC    MCSAFE_SIDE_SOURCE
#define DST    MCSAFE_SIDE_DESTINATION
#define BOUNCE 4096 /* the most that one system call carries: see iter.h */
#define PAGES  6
#define GOOD   ((size_t)PAGES * T_PAGE)

static unsigned char *memory; /* GOOD bytes that can be read, then a page that cannot */
static unsigned char back[2 * GOOD];

static void map_memory(void)
{
	memory = mmap(NULL, GOOD + T_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	assert_true(memory != MAP_FAILED);
	for (size_t i = 0; i < GOOD; i++)
		memory[i] = (unsigned char)(i * 73 >> 3);
	assert_int_equal(mprotect(memory + GOOD, T_PAGE, PROT_NONE), 0);
}

/*
 * A descriptor to write to, and the one from which the data comes out (for a file, the same one).
 */
struct sink {
	int in, out;
	off_t offset; /* the argument of mcsafe_iter_fd() */
};

static struct sink open_file(off_t offset)
{
	int fd = memfd_create("sink", MFD_CLOEXEC);

	assert_true(fd >= 0);
	return (struct sink){fd, fd, offset};
}

static struct sink open_pipe(void)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
	return (struct sink){ends[1], ends[0], -1};
}

static struct sink open_socket(int type)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
	return (struct sink){ends[1], ends[0], -1};
}

static void close_sink(const struct sink *sink)
{
	close(sink->in);
	if (sink->out != sink->in)
		close(sink->out);
}

/* Reads everything that has come out into back[], and returns its length. */
static size_t take(const struct sink *sink)
{
	size_t n = 0;
	ssize_t got;

	if (sink->in == sink->out)
		assert_int_equal(lseek(sink->out, sink->offset < 0 ? 0 : sink->offset, SEEK_SET),
				 sink->offset < 0 ? 0 : sink->offset);
	while ((got = read(sink->out, back + n, sizeof(back) - n)) > 0)
		n += (size_t)got;
	return n;
}

/*
 * Copies `good` good bytes and then bad memory to the sink: exactly the good bytes must come out.
 */
static void assert_exact(struct sink sink, size_t good)
{
	struct mcsafe_fault fault = {0};
	struct mcsafe_iter it;

	assert_int_equal(mcsafe_iter_fd(&it, DST, sink.in, sink.offset, GOOD + T_PAGE), 0);
	assert_int_equal(mcsafe_copy_to_iter(memory + GOOD - good, good + 100, &it, &fault), good);
	assert_int_equal(fault.side, SRC);
	assert_ptr_equal(fault.addr, memory + GOOD);
	assert_int_equal(mcsafe_iter_error(&it), -EFAULT);
	assert_int_equal(mcsafe_iter_count(&it), GOOD + T_PAGE - good);
	assert_int_equal(take(&sink), good);
	assert_memory_equal(back, memory + GOOD - good, good);
	close_sink(&sink);
}

static void test_bad_memory_makes_an_exact_short_count(void **state)
{
	static const size_t around[] = {0,          1,      2,          63,         64,      100,
					BOUNCE - 1, BOUNCE, BOUNCE + 1, 2 * BOUNCE, GOOD - 1};

	(void)state;
	t_install();
	map_memory();
	for (size_t i = 0; i < T_LENGTH(around); i++) {
		assert_exact(open_file(-1), around[i]);
		assert_exact(open_file(0), around[i]);
		assert_exact(open_file(12345), around[i]);
		assert_exact(open_pipe(), around[i]);
		assert_exact(open_socket(SOCK_STREAM), around[i]);
	}
}

/* Compares with what write(2) delivers from the same memory: fewer bytes, or none at all. */
static void test_it_delivers_no_less_than_write(void **state)
{
	size_t less = 0;

	(void)state;
	t_install();
	map_memory();
	for (size_t good = 1; good < 2 * T_PAGE; good += 97) {
		struct sink sink = open_pipe();
		ssize_t put = write(sink.in, memory + GOOD - good, good + 100);
		size_t kernel = put > 0 ? (size_t)put : 0;
		struct mcsafe_iter it;

		assert_int_equal(take(&sink), kernel);
		assert_int_equal(mcsafe_iter_fd(&it, DST, sink.in, -1, GOOD), 0);
		assert_int_equal(copy_to_iter_mcsafe(memory + GOOD - good, good + 100, &it), good);
		assert_true(good >= kernel);
		less += good > kernel;
		close_sink(&sink);
	}
	print_message("write(2) delivered less in %zu cases\n", less);
}

static void test_a_hole_can_be_filled_and_passed(void **state)
{
	struct sink sink = open_pipe();
	struct iovec iov[2] = {{NULL, 10}, {NULL, 50}};
	struct mcsafe_iter to, from;

	(void)state;
	t_install();
	map_memory();
	iov[0].iov_base = memory + GOOD - 4;
	iov[1].iov_base = memory;
	assert_int_equal(mcsafe_iter_fd(&to, DST, sink.in, -1, 1000), 0);
	assert_int_equal(mcsafe_iter_iovec(&from, SRC, iov, 2, SIZE_MAX), 0);
	assert_int_equal(mcsafe_iter_to_iter(&to, &from, SIZE_MAX, NULL), 4);
	assert_int_equal(mcsafe_iter_zero(6, &to, NULL), 6);
	assert_int_equal(mcsafe_iter_advance(&from, 6), 0);
	assert_int_equal(mcsafe_iter_to_iter(&to, &from, SIZE_MAX, NULL), 50);
	assert_int_equal(mcsafe_iter_error(&to), 0);
	assert_int_equal(take(&sink), 60);
	assert_memory_equal(back, memory + GOOD - 4, 4);
	assert_memory_equal(back + 4, "\0\0\0\0\0\0", 6);
	assert_memory_equal(back + 10, memory, 50);
	close_sink(&sink);
}

/* Message boundaries show the system calls: the library combines small segments. */
static void test_small_segments_share_a_system_call(void **state)
{
	struct sink sink = open_socket(SOCK_SEQPACKET);
	struct iovec iov[1024];
	struct mcsafe_iter to, from;

	(void)state;
	map_memory();
	for (size_t i = 0; i < T_LENGTH(iov); i++) {
		iov[i].iov_base = memory + 16 * i;
		iov[i].iov_len = 16;
	}
	assert_int_equal(mcsafe_iter_fd(&to, DST, sink.in, -1, GOOD), 0);
	assert_int_equal(mcsafe_iter_iovec(&from, SRC, iov, T_LENGTH(iov), SIZE_MAX), 0);
	assert_int_equal(mcsafe_iter_to_iter(&to, &from, SIZE_MAX, NULL), 16 * 1024);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(read(sink.out, back, sizeof(back)), BOUNCE);
		assert_memory_equal(back, memory + i * BOUNCE, BOUNCE);
	}
	assert_int_equal(read(sink.out, back, sizeof(back)), -1);
	assert_int_equal(errno, EAGAIN);
	close_sink(&sink);
}

/*
 * Checks copies that must fail at once with that error, and must leave errno and the record alone.
 */
static void assert_fails(int fd, off_t offset, enum mcsafe_side side, int error)
{
	struct mcsafe_fault fault = {0};
	struct mcsafe_iter it;
	size_t got;

	assert_int_equal(mcsafe_iter_fd(&it, side, fd, offset, 100), 0);
	errno = 4711;
	if (side == DST)
		got = mcsafe_copy_to_iter(memory, 100, &it, &fault);
	else
		got = mcsafe_copy_from_iter(back, 100, &it, &fault);
	assert_int_equal(errno, 4711);
	assert_int_equal(got, 0);
	assert_int_equal(mcsafe_iter_error(&it), error);
	assert_int_equal(fault.cause, MCSAFE_CAUSE_NONE);
	assert_int_equal(mcsafe_iter_count(&it), 100);
}

static void test_errors_of_descriptors_are_reported(void **state)
{
	struct sink pipe_sink = open_pipe(), file = open_file(0);
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	int read_only = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int write_only = open("/dev/null", O_WRONLY | O_CLOEXEC);
	void (*before)(int);

	(void)state;
	t_install();
	map_memory();
	assert_true(full >= 0 && read_only >= 0 && write_only >= 0);
	assert_fails(INT_MAX, -1, DST, -EBADF);
	assert_fails(full, -1, DST, -ENOSPC);
	assert_fails(full, 7, DST, -ENOSPC);
	assert_fails(read_only, -1, DST, -EBADF);
	assert_fails(write_only, 0, SRC, -EBADF);
	assert_fails(pipe_sink.in, 0, DST, -ESPIPE);
	assert_fails(pipe_sink.out, 0, SRC, -ESPIPE);
	assert_fails(file.in, 0, SRC, -ENODATA);
	before = signal(SIGPIPE, SIG_IGN);
	close(pipe_sink.out);
	assert_fails(pipe_sink.in, -1, DST, -EPIPE);
	signal(SIGPIPE, before);
	close(pipe_sink.in);
	close_sink(&file);
	close(full);
	close(read_only);
	close(write_only);
}

/*
 * The file must not grow past a limit. The bytes that fit are written, and both iterators move by
 * that count.
 */
static void test_a_sink_that_fails_midway_moves_the_source_back(void **state)
{
	static const size_t limits[] = {1, 100, BOUNCE - 1, BOUNCE, BOUNCE + 1, 2 * BOUNCE + 5};
	void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
	struct rlimit old, limit;

	(void)state;
	t_install();
	map_memory();
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	for (size_t i = 0; i < T_LENGTH(limits); i++) {
		char name[] = "/tmp/mcsafe-iter-XXXXXX";
		int fd = mkstemp(name);
		/* There is also bad memory, past the limit but within one buffer of it. */
		struct iovec iov[3] = {
			{memory, 7}, {memory + 7, limits[i] + 10}, {memory + GOOD, 10}};
		struct mcsafe_fault fault = {0};
		struct mcsafe_iter to, from;

		assert_true(fd >= 0);
		unlink(name);
		limit = old;
		limit.rlim_cur = limits[i];
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
		assert_int_equal(mcsafe_iter_fd(&to, DST, fd, i % 2 == 0 ? 0 : -1, GOOD), 0);
		assert_int_equal(mcsafe_iter_iovec(&from, SRC, iov, 3, SIZE_MAX), 0);
		assert_int_equal(mcsafe_iter_to_iter(&to, &from, SIZE_MAX, &fault), limits[i]);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
		assert_int_equal(mcsafe_iter_error(&to), -EFBIG);
		assert_int_equal(mcsafe_iter_error(&from), -EFBIG);
		assert_int_equal(fault.cause, MCSAFE_CAUSE_NONE);
		assert_int_equal(mcsafe_iter_count(&to), GOOD - limits[i]);
		/* With more room the copy continues where it stopped, up to the bad memory. */
		limit.rlim_cur = GOOD;
		(void)!mcsafe_iter_to_iter(&to, &from, SIZE_MAX, &fault);
		assert_int_equal(fault.side, SRC);
		assert_int_equal(pread(fd, back, sizeof(back), 0), 7 + (ssize_t)iov[1].iov_len);
		assert_memory_equal(back, memory, 7 + iov[1].iov_len);
		close(fd);
	}
	signal(SIGXFSZ, before);
}

static void test_a_full_pipe_can_be_tried_again(void **state)
{
	struct sink sink = open_pipe();
	struct mcsafe_iter to, from;
	size_t done = 0, rounds = 0;

	(void)state;
	map_memory();
	assert_true(fcntl(sink.in, F_SETPIPE_SZ, T_PAGE) >= 0);
	assert_int_equal(mcsafe_iter_fd(&to, DST, sink.in, -1, GOOD), 0);
	assert_int_equal(mcsafe_iter_ubuf(&from, SRC, memory, GOOD), 0);
	while (mcsafe_iter_count(&to) != 0) {
		size_t got = mcsafe_iter_to_iter(&to, &from, SIZE_MAX, NULL);

		assert_int_equal(mcsafe_iter_count(&to), mcsafe_iter_count(&from));
		assert_int_equal(mcsafe_iter_error(&to), mcsafe_iter_count(&to) ? -EAGAIN : 0);
		assert_int_equal(take(&sink), got);
		assert_memory_equal(back, memory + done, got);
		done += got;
		rounds++;
	}
	assert_int_equal(done, GOOD);
	assert_in_range(rounds, 2, SIZE_MAX);
	close_sink(&sink);
}

static void test_a_stream_does_not_move(void **state)
{
	struct sink sink = open_file(-1);
	struct mcsafe_iter it, same;
	struct mcsafe_iter_state before;

	(void)state;
	map_memory();
	assert_int_equal(mcsafe_iter_fd(&it, DST, sink.in, -1, 100), 0);
	mcsafe_iter_save(&it, &before);
	same = it;
	assert_int_equal(copy_to_iter_mcsafe(memory, 30, &it), 30);
	assert_int_equal(mcsafe_iter_advance(&it, 1), -ESPIPE);
	assert_int_equal(mcsafe_iter_revert(&it, 1), -ESPIPE);
	assert_int_equal(mcsafe_iter_restore(&it, &before), -ESPIPE);
	assert_int_equal(mcsafe_iter_count(&it), 70);
	assert_int_equal(mcsafe_iter_advance(&it, 0), 0);
	assert_int_equal(mcsafe_iter_revert(&it, 0), 0);
	mcsafe_iter_truncate(&same, 7);
	assert_int_equal(mcsafe_iter_restore(&same, &before), 0);
	assert_int_equal(mcsafe_iter_count(&same), 100);
	close_sink(&sink);
}

/* A file with an offset moves in the iterator, and its own position does not change. */
static void test_a_file_moves(void **state)
{
	struct sink file = open_file(0);
	struct mcsafe_iter it;
	unsigned char got[10];

	(void)state;
	map_memory();
	assert_int_equal(mcsafe_iter_fd(&it, DST, file.in, 50, 100), 0);
	assert_int_equal(copy_to_iter_mcsafe(memory, 10, &it), 10);
	assert_int_equal(mcsafe_iter_advance(&it, 20), 0);
	assert_int_equal(copy_to_iter_mcsafe(memory + 30, 10, &it), 10);
	assert_int_equal(mcsafe_iter_revert(&it, 40), 0);
	assert_int_equal(copy_to_iter_mcsafe(memory + 100, 5, &it), 5);
	assert_int_equal(lseek(file.in, 0, SEEK_CUR), 0);
	assert_int_equal(lseek(file.in, 0, SEEK_END), 90);
	assert_int_equal(pread(file.in, back, 100, 0), 90);
	assert_memory_equal(back + 50, memory + 100, 5);
	assert_memory_equal(back + 55, memory + 5, 5);
	assert_memory_equal(back + 80, memory + 30, 10);

	assert_int_equal(mcsafe_iter_fd(&it, SRC, file.in, 50, 100), 0);
	assert_int_equal(mcsafe_iter_advance(&it, 30), 0);
	assert_int_equal(mcsafe_copy_from_iter(got, 10, &it, NULL), 10);
	assert_memory_equal(got, memory + 30, 10);
	assert_int_equal(mcsafe_copy_from_iter(got, 10, &it, NULL), 0);
	assert_int_equal(mcsafe_iter_error(&it), -ENODATA);
	assert_int_equal(mcsafe_iter_count(&it), 60);
	assert_int_equal(lseek(file.in, 0, SEEK_CUR), 90);
	close_sink(&file);
}

static void test_a_file_is_copied_to_a_pipe(void **state)
{
	struct sink file = open_file(0), sink = open_pipe();
	struct mcsafe_iter to, from;

	(void)state;
	map_memory();
	assert_int_equal(write(file.in, memory, GOOD), GOOD);
	assert_int_equal(mcsafe_iter_fd(&to, DST, sink.in, -1, SSIZE_MAX), 0);
	assert_int_equal(mcsafe_iter_fd(&from, SRC, file.in, 11, SSIZE_MAX - 11), 0);
	assert_int_equal(mcsafe_iter_to_iter(&to, &from, SIZE_MAX, NULL), GOOD - 11);
	assert_int_equal(mcsafe_iter_error(&to), -ENODATA);
	assert_int_equal(take(&sink), GOOD - 11);
	assert_memory_equal(back, memory + 11, GOOD - 11);
	close_sink(&file);
	close_sink(&sink);
}

static atomic_int n_interrupts;

T_ASYNC_HANDLER static void count_interrupt(int signo)
{
	(void)signo;
	n_interrupts++;
}

struct writer {
	struct sink sink;
	size_t done;
	atomic_int ready;
};

static void *write_all(void *arg)
{
	struct writer *writer = arg;
	struct mcsafe_iter it;

	if (mcsafe_iter_fd(&it, DST, writer->sink.in, -1, GOOD) == 0) {
		writer->ready = 1;
		writer->done = copy_to_iter_mcsafe(memory, GOOD, &it);
	}
	return NULL;
}

/* The pipe blocks and is smaller than the data. The handler has no SA_RESTART. */
static void test_interrupted_system_calls_are_repeated(void **state)
{
	struct sigaction action = {.sa_handler = count_interrupt}, before;
	struct writer writer = {.done = 0};
	int ends[2];
	pthread_t thread;
	size_t n = 0;

	(void)state;
	map_memory();
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_true(fcntl(ends[1], F_SETPIPE_SZ, T_PAGE) >= 0);
	writer.sink.in = ends[1];
	assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
	assert_int_equal(pthread_create(&thread, NULL, write_all, &writer), 0);
	while (!writer.ready)
		sched_yield();
	/*
	 * Nobody reads yet, so the thread is in write(2) or about to call it. A signal that comes
	 * just before write(2) may have to wait for its end (in ThreadSanitizer). Therefore signals
	 * are sent until enough have arrived.
	 */
	while (n_interrupts < 20) {
		assert_int_equal(pthread_kill(thread, SIGUSR1), 0);
		sched_yield();
	}
	while (n < GOOD) {
		ssize_t got = read(ends[0], back + n, GOOD - n);

		assert_true(got > 0);
		n += (size_t)got;
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(writer.done, GOOD);
	assert_memory_equal(back, memory, GOOD);
	sigaction(SIGUSR1, &before, NULL);
	close(ends[0]);
	close(ends[1]);
}

/* No file of the kernel does that, but a file system in user space may. */
static void test_an_interrupted_read_is_repeated(void **state)
{
	struct sink file = open_file(0);
	struct mcsafe_iter it;

	(void)state;
	map_memory();
	assert_int_equal(write(file.in, memory, 100), 100);
	assert_int_equal(mcsafe_iter_fd(&it, SRC, file.in, 0, 100), 0);
	n_interrupted_reads = 2;
	assert_int_equal(mcsafe_copy_from_iter(back, 100, &it, NULL), 100);
	assert_int_equal(n_interrupted_reads, 0);
	assert_memory_equal(back, memory, 100);
	close_sink(&file);
}

static void test_a_write_of_nothing_is_an_error_and_no_loop(void **state)
{
	struct sink file = open_file(-1);
	struct mcsafe_iter it;

	(void)state;
	map_memory();
	assert_int_equal(mcsafe_iter_fd(&it, DST, file.in, -1, 100), 0);
	n_empty_writes = 1;
	errno = EINTR; /* of an older call */
	assert_int_equal(copy_to_iter_mcsafe(memory, 100, &it), 0);
	assert_int_equal(mcsafe_iter_error(&it), -EIO);
	assert_int_equal(copy_to_iter_mcsafe(memory, 100, &it), 100);
	assert_int_equal(mcsafe_iter_error(&it), 0);
	close_sink(&file);
}

/* ---- a thread that is cancelled -------------------------------------------------------------- */

struct transfer {
	int fd;
	enum mcsafe_side side;
	size_t moved;
};

static void *move_when_cancelled(void *arg)
{
	struct transfer *transfer = arg;
	struct mcsafe_iter it;
	unsigned char buf[100];

	memset(buf, 'x', sizeof(buf));
	if (mcsafe_iter_fd(&it, transfer->side, transfer->fd, 0, sizeof(buf)) != 0)
		return NULL;
	pthread_cancel(pthread_self());
	transfer->moved = transfer->side == DST
				  ? copy_to_iter_mcsafe(buf, sizeof(buf), &it)
				  : mcsafe_copy_from_iter(buf, sizeof(buf), &it, NULL);
	return NULL;
}

/* A copy is a cancellation point, as write(2) and pread(2) are. Others go on with the
 * descriptor. */
static void test_a_copy_can_be_cancelled(void **state)
{
	struct sink file = open_file(0);

	(void)state;
	for (enum mcsafe_side side = SRC; side <= DST; side++) {
		struct transfer transfer = {file.in, side, 0};
		struct mcsafe_iter it;
		pthread_t thread;
		void *result;

		assert_int_equal(pthread_create(&thread, NULL, move_when_cancelled, &transfer), 0);
		assert_int_equal(pthread_join(thread, &result), 0);
		assert_ptr_equal(result, PTHREAD_CANCELED);
		assert_int_equal(transfer.moved, 0);
		assert_int_equal(mcsafe_iter_fd(&it, DST, file.in, 0, 4), 0);
		assert_int_equal(copy_to_iter_mcsafe("good", 4, &it), 4);
		assert_int_equal(pread(file.in, back, sizeof(back), 0), 4);
		assert_memory_equal(back, "good", 4);
	}
	close_sink(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_memory_makes_an_exact_short_count),
		cmocka_unit_test(test_it_delivers_no_less_than_write),
		cmocka_unit_test(test_a_hole_can_be_filled_and_passed),
		cmocka_unit_test(test_small_segments_share_a_system_call),
		cmocka_unit_test(test_errors_of_descriptors_are_reported),
		cmocka_unit_test(test_a_sink_that_fails_midway_moves_the_source_back),
		cmocka_unit_test(test_a_full_pipe_can_be_tried_again),
		cmocka_unit_test(test_a_stream_does_not_move),
		cmocka_unit_test(test_a_file_moves),
		cmocka_unit_test(test_a_file_is_copied_to_a_pipe),
		cmocka_unit_test(test_a_copy_can_be_cancelled),
		cmocka_unit_test(test_interrupted_system_calls_are_repeated),
		cmocka_unit_test(test_an_interrupted_read_is_repeated),
		cmocka_unit_test(test_a_write_of_nothing_is_an_error_and_no_loop),
	};

	return t_run("iter.fd", tests, T_LENGTH(tests));
}
