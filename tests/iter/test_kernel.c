/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_kernel.c - the same copies by the library and by the kernel: it never delivers more
 *
 * preadv(2) into segments that cannot be written, and pwritev(2) of segments that cannot be read,
 * from and to a file in memory.
 */
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <mcsafe/mcsafe.h>

#include "iter_pool.h"
#include "rng.h"
#include "run.h"

#define CASES     20000
#define MAX_SEGS  8
#define FILE_SIZE 65536

static unsigned char *file_map;
static unsigned char ours[FILE_SIZE];

static int open_file(void)
{
	int fd = memfd_create("kernel", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, FILE_SIZE), 0);
	file_map = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(file_map != MAP_FAILED);
	for (size_t i = 0; i < FILE_SIZE; i++)
		file_map[i] = (unsigned char)(i * 57 >> 2);
	return fd;
}

/* Segments around the borders of the pool: most are good, so that several count. */
static size_t pick_segments(struct t_rng *rng, enum mcsafe_side side, struct iovec *iov)
{
	size_t n = 1 + t_rng_below(rng, MAX_SEGS), total = 0;

	for (size_t i = 0; i < n; i++) {
		bool good = t_rng_below(rng, 3) != 0;
		enum pool_kind kind =
			good ? POOL_GOOD : (enum pool_kind)t_rng_below(rng, POOL_KINDS);

		iov[i].iov_base = (void *)(pool_border(side, kind) - t_rng_below(rng, 300));
		iov[i].iov_len = t_rng_below(rng, 300);
		total += iov[i].iov_len;
	}
	/* A system call with nothing to do is no comparison. */
	if (total == 0)
		iov[0].iov_len = 1;
	return n;
}

static size_t delivered(ssize_t answer)
{
	return answer > 0 ? (size_t)answer : 0;
}

struct score {
	size_t stopped, kernel_less;
};

static void compare(struct score *score, size_t got, size_t kernel, size_t left)
{
	assert_true(got >= kernel);
	score->stopped += left != 0;
	score->kernel_less += got > kernel;
}

static void print_score(const char *call, const struct score *score)
{
	print_message("%s: %d cases, %zu stopped; the kernel delivered less in %zu\n", call, CASES,
		      score->stopped, score->kernel_less);
	assert_true(score->stopped > CASES / 20);
	assert_true(score->stopped < CASES);
}

static void test_scatter_delivers_what_preadv_does(void **state)
{
	struct t_rng rng = t_rng_start(t_seed(), 0);
	struct score score = {0};
	int fd = open_file();

	(void)state;
	t_install();
	pool_open();
	for (int i = 0; i < CASES; i++) {
		struct iovec iov[MAX_SEGS];
		size_t n = pick_segments(&rng, MCSAFE_SIDE_DESTINATION, iov), got, kernel;
		off_t offset = (off_t)t_rng_below(&rng, FILE_SIZE / 2);
		struct mcsafe_iter it;

		kernel = delivered(preadv(fd, iov, (int)n, offset));
		assert_int_equal(mcsafe_iter_iovec(&it, MCSAFE_SIDE_DESTINATION, iov, n, SIZE_MAX),
				 0);
		got = copy_to_iter_mcsafe(file_map + offset, SIZE_MAX / 2, &it);
		compare(&score, got, kernel, mcsafe_iter_count(&it));
	}
	print_score("preadv", &score);
	close(fd);
}

static void test_gather_delivers_what_pwritev_does(void **state)
{
	struct t_rng rng = t_rng_start(t_seed(), 1);
	struct score score = {0};
	int fd = open_file();

	(void)state;
	t_install();
	pool_open();
	for (int i = 0; i < CASES; i++) {
		struct iovec iov[MAX_SEGS];
		size_t n = pick_segments(&rng, MCSAFE_SIDE_SOURCE, iov), got, kernel;
		off_t offset = (off_t)t_rng_below(&rng, FILE_SIZE / 2);
		struct mcsafe_iter to, from;

		kernel = delivered(pwritev(fd, iov, (int)n, offset));
		memcpy(ours, file_map + offset, kernel);
		memset(file_map + offset, 0, 300 * MAX_SEGS);
		assert_int_equal(
			mcsafe_iter_fd(&to, MCSAFE_SIDE_DESTINATION, fd, offset, FILE_SIZE), 0);
		assert_int_equal(mcsafe_iter_iovec(&from, MCSAFE_SIDE_SOURCE, iov, n, SIZE_MAX), 0);
		got = mcsafe_iter_to_iter(&to, &from, SIZE_MAX, NULL);
		compare(&score, got, kernel, mcsafe_iter_count(&from));
		/* And the same bytes. */
		assert_memory_equal(ours, file_map + offset, kernel);
	}
	print_score("pwritev", &score);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scatter_delivers_what_preadv_does),
		cmocka_unit_test(test_gather_delivers_what_pwritev_does),
	};

	return t_run("iter.kernel", tests, T_LENGTH(tests));
}
