/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_outcomes.c - each sequence of results that system calls and copies can give a transfer to or
 * from a descriptor
 *
 * The buffer between memory and the descriptor has 3 bytes, so that a few bytes need several
 * buffers. The test has its own system calls and copies. Each of them may do all of its bytes, or
 * any part of them, or fail. A transfer is repeated until each result of each call has been given
 * after each sequence of results before it.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#include <mcsafe/copy.h>
#include <mcsafe/fault.h>
#include <mcsafe/iter.h>

#include "basics.h"
#include "cmocka_all.h"

/* ---- choices --------------------------------------------------------------------------------- */

/* The choices of this run, and how many options each had. The first `kept` are those of the run
 * before, but for the last. */
static struct {
	size_t taken;
	size_t options;
} choice[64];
static size_t n_choices, kept;

static size_t choose(size_t options)
{
	assert_true(n_choices < T_LENGTH(choice));
	if (n_choices == kept) {
		choice[n_choices].taken = 0;
		choice[n_choices].options = options;
		kept++;
	}
	assert_int_equal(choice[n_choices].options, options);
	return choice[n_choices++].taken;
}

/* Take the next option of the last choice that has one. False: there is none. */
static bool choose_anew(void)
{
	assert_int_equal(n_choices, kept);
	while (kept != 0 && choice[kept - 1].taken + 1 == choice[kept - 1].options)
		kept--;
	n_choices = 0;
	if (kept == 0)
		return false;
	choice[kept - 1].taken++;
	return true;
}

/* ---- what the iterators call ----------------------------------------------------------------- */

/* The linker (--wrap) puts them in the place of the system calls. */
ssize_t __wrap_pread(int fd, void *buf, size_t n, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *buf, size_t n, off_t offset);
ssize_t __wrap_write(int fd, const void *buf, size_t n);

#define SOURCE_FD 5
#define SINK_FD   6
#define MOST      9 /* bytes */
#define BEGIN     2 /* where transfers begin, at most */
#define ROOM      (BEGIN + MOST + 4)

static unsigned char source[ROOM], sink[ROOM];
static size_t sunk;        /* bytes that the descriptor SINK_FD has accepted */
static int expected_error; /* of the call that failed last */
static bool expected_fault;
static bool was_interrupted;
static off_t sink_offset; /* where pwrite(2) must continue */

/* How many bytes a system call says it has moved; or -1 and errno. */
static ssize_t any_result(size_t n, int error_at_end)
{
	size_t option = choose(n + (was_interrupted ? 2 : 3));

	if (option < n)
		return (ssize_t)(n - option);
	if (option == n) {
		expected_error = error_at_end;
		expected_fault = false;
		errno = ENOANO; /* of no meaning */
		return 0;
	}
	if (option == n + 1) {
		expected_error = -ENOSPC;
		expected_fault = false;
		errno = ENOSPC;
		return -1;
	}
	was_interrupted = true;
	errno = EINTR;
	return -1;
}

static ssize_t put(int fd, const void *buf, size_t n)
{
	ssize_t result;

	assert_int_equal(fd, SINK_FD);
	assert_in_range(n, 1, MCSAFE__BOUNCE_BYTES);
	assert_true(sunk + n <= sizeof(sink));
	/* Whatever the kernel does not accept must be right too. */
	memcpy(&sink[sunk], buf, n);
	result = any_result(n, -EIO);
	if (result > 0)
		sunk += (size_t)result;
	return result;
}

ssize_t __wrap_write(int fd, const void *buf, size_t n)
{
	assert_int_equal(sink_offset, -1);
	return put(fd, buf, n);
}

ssize_t __wrap_pwrite(int fd, const void *buf, size_t n, off_t offset)
{
	assert_int_equal(offset, sink_offset + (off_t)sunk);
	return put(fd, buf, n);
}

/* The file has more than the transfer may take. */
ssize_t __wrap_pread(int fd, void *buf, size_t n, off_t offset)
{
	ssize_t result;

	assert_int_equal(fd, SOURCE_FD);
	assert_in_range(n, 1, MCSAFE__BOUNCE_BYTES);
	assert_true(offset >= 0 && (size_t)offset + n <= sizeof(source));
	result = any_result(n, -ENODATA);
	if (result > 0)
		memcpy(buf, &source[offset], (size_t)result);
	return result;
}

static size_t any_part(size_t n, struct mcsafe_fault *fault)
{
	size_t left = n != 0 ? choose(n + 1) : 0;

	if (left != 0) {
		memset(fault, 0, sizeof(*fault));
		fault->cause = MCSAFE_CAUSE_IO;
		fault->extent = n_choices;
		expected_error = -EFAULT;
		expected_fault = true;
	}
	return left;
}

size_t mcsafe_memcpy(void *dst, const void *src, size_t n, struct mcsafe_fault *fault)
{
	size_t left = any_part(n, fault);

	memcpy(dst, src, n - left);
	return left;
}

size_t mcsafe_memcpy_flushcache(void *dst, const void *src, size_t n, struct mcsafe_fault *fault)
{
	return mcsafe_memcpy(dst, src, n, fault);
}

size_t mcsafe_memset(void *dst, int byte, size_t n, struct mcsafe_fault *fault)
{
	size_t left = any_part(n, fault);

	memset(dst, byte, n - left);
	return left;
}

int mcsafe_fault_errno(const struct mcsafe_fault *fault)
{
	assert_int_equal(fault->cause, MCSAFE_CAUSE_IO);
	return EFAULT;
}

/* ---- transfers ------------------------------------------------------------------------------- */

#define UNTOUCHED 0xee

enum side { LINEAR, SEGMENTS, FILE_AT, STREAM, ZEROS, FLUSHED };

static size_t transfers;

/* Lists of all bytes of a side, with empty segments and some of one byte. */
static struct iovec *segments_of(unsigned char *bytes, struct iovec *iov)
{
	static const size_t lengths[] = {1, 0, 2, 1, 3, 0, 8};
	size_t at = 0;

	for (size_t i = 0; i < T_LENGTH(lengths); i++) {
		iov[i] = (struct iovec){&bytes[at], lengths[i]};
		at += lengths[i];
	}
	assert_int_equal(at, ROOM);
	return iov;
}

static void begin(struct mcsafe_iter *it, enum side side, enum mcsafe_side direction,
		  unsigned char *bytes, struct iovec *iov, size_t at)
{
	int fd = direction == MCSAFE_SIDE_SOURCE ? SOURCE_FD : SINK_FD;

	if (side == FILE_AT || side == STREAM)
		assert_int_equal(mcsafe_iter_fd(it, direction, fd, side == STREAM ? -1 : 0, ROOM),
				 0);
	else
		assert_int_equal(mcsafe_iter_iovec(it, direction, segments_of(bytes, iov), 7, ROOM),
				 0);
	if (side != STREAM)
		assert_int_equal(mcsafe_iter_advance(it, at), 0);
}

static size_t transfer(enum side from, struct mcsafe_iter *src, enum side to,
		       struct mcsafe_iter *dst, size_t at, size_t n, struct mcsafe_fault *fault)
{
	if (from == LINEAR)
		return mcsafe_copy_to_iter(&source[at], n, dst, fault);
	if (from == ZEROS)
		return mcsafe_iter_zero(n, dst, fault);
	if (to == LINEAR)
		return mcsafe_copy_from_iter(&sink[at], n, src, fault);
	if (to == FLUSHED)
		return mcsafe_copy_from_iter_flushcache(&sink[at], n, src, fault);
	return mcsafe_iter_to_iter(dst, src, n, fault);
}

static void run(enum side from, enum side to, size_t at, size_t n)
{
	bool to_fd = to == FILE_AT || to == STREAM;
	struct mcsafe_fault fault = {.cause = MCSAFE_CAUSE_NONE};
	struct mcsafe_iter src, dst;
	struct iovec src_iov[7], dst_iov[7];
	unsigned char *got = to_fd ? sink : &sink[at];
	size_t done;

	memset(sink, UNTOUCHED, sizeof(sink));
	sunk = 0;
	expected_error = 0;
	expected_fault = was_interrupted = false;
	sink_offset = to == STREAM ? -1 : (off_t)at;
	begin(&src, from, MCSAFE_SIDE_SOURCE, source, src_iov, at);
	begin(&dst, to, MCSAFE_SIDE_DESTINATION, sink, dst_iov, at);

	errno = EXDEV;
	done = transfer(from, &src, to, &dst, at, n, &fault);
	assert_int_equal(errno, EXDEV);

	if (to_fd)
		assert_int_equal(done, sunk);
	assert_int_equal(done == n, expected_error == 0);
	for (size_t i = 0; i < done; i++)
		assert_int_equal(got[i], from == ZEROS ? 0 : source[at + i]);
	for (size_t i = done; !to_fd && at + i < ROOM; i++)
		assert_int_equal(got[i], UNTOUCHED);
	if (from == SEGMENTS || from == FILE_AT) {
		assert_int_equal(mcsafe_iter_count(&src), ROOM - at - done);
		assert_int_equal(mcsafe_iter_error(&src), expected_error);
	}
	if (to == SEGMENTS || to_fd) {
		assert_int_equal(mcsafe_iter_count(&dst), ROOM - (to == STREAM ? 0 : at) - done);
		assert_int_equal(mcsafe_iter_error(&dst), expected_error);
	}
	assert_int_equal(fault.cause != MCSAFE_CAUSE_NONE, expected_fault);
	transfers++;
}

/* Each length, from each beginning, with each sequence of results. */
static void try_all(enum side from, enum side to)
{
	for (size_t i = 0; i < sizeof(source); i++)
		source[i] = (unsigned char)(i + 1);
	transfers = 0;
	for (size_t n = 0; n <= MOST; n++)
		for (size_t at = 0; at <= BEGIN; at++)
			do
				run(from, to, at, n);
			while (choose_anew());
	print_message("%zu transfers\n", transfers);
	assert_true(transfers > 1000);
}

static void memory_to_file(void **state)
{
	(void)state;
	try_all(LINEAR, FILE_AT);
	try_all(SEGMENTS, FILE_AT);
}

static void memory_to_stream(void **state)
{
	(void)state;
	try_all(LINEAR, STREAM);
	try_all(SEGMENTS, STREAM);
}

static void zeros_to_descriptor(void **state)
{
	(void)state;
	try_all(ZEROS, FILE_AT);
	try_all(ZEROS, STREAM);
}

static void file_to_memory(void **state)
{
	(void)state;
	try_all(FILE_AT, LINEAR);
	try_all(FILE_AT, SEGMENTS);
	try_all(FILE_AT, FLUSHED);
}

static void file_to_descriptor(void **state)
{
	(void)state;
	try_all(FILE_AT, FILE_AT);
	try_all(FILE_AT, STREAM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_to_file),      cmocka_unit_test(memory_to_stream),
		cmocka_unit_test(zeros_to_descriptor), cmocka_unit_test(file_to_memory),
		cmocka_unit_test(file_to_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
