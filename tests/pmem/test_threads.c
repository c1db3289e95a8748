/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_threads.c - many readers, and one thread that repairs, grows, truncates and closes the file
 */
#include <mcsafe/inject.h>
#include <mcsafe/pmem.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "rng.h"
#include "run.h"

#define READERS  3u
#define PAGES    ((size_t)32)
#define SMALL    (16 * T_PAGE) /* the first mapping has room for no more */
#define ROUNDS   300u
#define VERSIONS 4u

static struct mcsafe_pmem *pmem;
static _Atomic unsigned done_reading; /* readers that have read since the last round */
static _Atomic unsigned long reads, faults;
static atomic_bool stop;
static uint64_t seed;

/* The value of byte i: one part says where the byte belongs, the other which version it is. */
static unsigned char byte_of(size_t i, unsigned version)
{
	return (unsigned char)(i % 61 | version << 6);
}

static void fill(unsigned char *buf, size_t offset, size_t n, unsigned version)
{
	for (size_t i = 0; i < n; i++)
		buf[i] = byte_of(offset + i, version);
}

/* How many bytes are in the wrong place. Zeros are right, because the file was grown there. */
static size_t wrong(const unsigned char *buf, size_t offset, size_t n)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++)
		found += buf[i] != 0 && (buf[i] & 63) != (offset + i) % 61;
	return found;
}

/* CMocka's assertions work only in the main thread, so readers count their errors here. */
static _Atomic unsigned long wrong_bytes, wrong_results;

static void look(unsigned char *buf, struct t_rng *rng, bool salvage)
{
	size_t offset = t_rng_below(rng, PAGES * T_PAGE), n = 1 + t_rng_below(rng, 3 * T_PAGE);
	struct mcsafe_range holes[8];
	size_t nholes = 8;
	ssize_t got;

	memset(buf, 0, n);
	if (salvage)
		got = mcsafe_pmem_salvage(pmem, buf, n, (off_t)offset, 0, holes, &nholes);
	else
		got = mcsafe_pmem_pread(pmem, buf, n, (off_t)offset, NULL);
	if (got > 0)
		atomic_fetch_add(&wrong_bytes, wrong(buf, offset, (size_t)got));
	if (got > (ssize_t)n || (got < 0 && got != -EIO) || (salvage && got < 0))
		atomic_fetch_add(&wrong_results, 1);
	atomic_fetch_add(&reads, 1);
	atomic_fetch_add(&faults, got < 0);
}

static void *reader(void *arg)
{
	struct t_rng rng = t_rng_start(seed, *(unsigned *)arg);
	unsigned char buf[3 * T_PAGE];

	while (!atomic_load(&stop)) {
		look(buf, &rng, t_rng_below(&rng, 4) == 0);
		atomic_fetch_add(&done_reading, 1);
	}
	return NULL;
}

static void let_them_read(void)
{
	atomic_store(&done_reading, 0);
	while (atomic_load(&done_reading) < 4 * READERS)
		sched_yield();
}

static unsigned char *base(void)
{
	struct mcsafe_pmem_info info;

	mcsafe_pmem_get_info(pmem, &info);
	return info.base;
}

/* A page goes bad while readers use it, and is then repaired. */
static void break_and_repair(struct t_rng *rng, enum mcsafe_inject_kind kind, size_t pages)
{
	size_t page = t_rng_below(rng, pages), n = T_PAGE;
	unsigned char data[T_PAGE], back[T_PAGE], *at = base() + page * T_PAGE;

	assert_int_equal(mcsafe_inject(at, T_PAGE, kind), 0);
	/* In the first round until one of them has met it. */
	do
		let_them_read();
	while (atomic_load(&faults) == 0);
	fill(data, page * T_PAGE, n, (unsigned)t_rng_below(rng, VERSIONS));
	assert_int_equal(mcsafe_pmem_repair(pmem, data, n, (off_t)(page * T_PAGE)), n);
	/*
	 * A reader that met the fault before the repair may tell the registry only now. The
	 * registry must ignore it.
	 */
	let_them_read();
	assert_int_equal(mcsafe_badblocks_count(mcsafe_pmem_badblocks(pmem)), 0);
	assert_int_equal(mcsafe_pmem_pread(pmem, back, n, (off_t)(page * T_PAGE), NULL), n);
	assert_memory_equal(back, data, n);
	assert_int_equal(mcsafe_inject_clear(at, T_PAGE), 0);
}

static void grow_and_truncate(int fd, bool large)
{
	size_t size = large ? PAGES * T_PAGE : SMALL;

	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	let_them_read();
	assert_int_equal(mcsafe_pmem_refresh(pmem), 0);
	let_them_read();
}

static enum mcsafe_inject_kind kind_to_use(void)
{
	if (mcsafe_inject_supported(MCSAFE_INJECT_POISON) == 0)
		return MCSAFE_INJECT_POISON;
	if (mcsafe_inject_supported(MCSAFE_INJECT_EOF) == 0)
		return MCSAFE_INJECT_EOF;
	t_skip("no SIGBUS can be injected: %s", mcsafe_inject_reason());
}

static void test_readers_beside_a_repair_see_no_wrong_byte(void **state)
{
	enum mcsafe_inject_kind kind = kind_to_use();
	int fd = memfd_create("threads", MFD_CLOEXEC);
	static unsigned char all[PAGES * T_PAGE];
	pthread_t threads[READERS];
	unsigned streams[READERS];
	struct t_rng rng;

	(void)state;
	t_install();
	seed = t_seed();
	rng = t_rng_start(seed, READERS);
	assert_true(fd >= 0);
	fill(all, 0, SMALL, 0);
	assert_int_equal(write(fd, all, SMALL), SMALL);
	assert_int_equal(mcsafe_pmem_open_fd(&pmem, fd, MCSAFE_PMEM_WRITE | MCSAFE_PMEM_NO_ASK), 0);
	for (unsigned i = 0; i < READERS; i++) {
		streams[i] = i;
		assert_int_equal(pthread_create(&threads[i], NULL, reader, &streams[i]), 0);
	}
	for (unsigned round = 0; round < ROUNDS; round++) {
		break_and_repair(&rng, kind, SMALL / T_PAGE);
		if (round % 32 == 16)
			grow_and_truncate(fd, round / 32 % 2 == 0);
	}
	atomic_store(&stop, true);
	for (unsigned i = 0; i < READERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	print_message("%lu reads, %lu of them at bad bytes\n", atomic_load(&reads),
		      atomic_load(&faults));
	assert_int_equal(atomic_load(&wrong_bytes), 0);
	assert_int_equal(atomic_load(&wrong_results), 0);
	mcsafe_pmem_close(pmem);
	close(fd);
}

static atomic_bool reading, let_go;
static int pipe_of_reader[2];

/*
 * A read that takes long: its destination is a pipe that is full until somebody reads from the
 * pipe.
 */
static void *slow_reader(void *arg)
{
	struct mcsafe_iter it;

	(void)arg;
	if (mcsafe_iter_fd(&it, MCSAFE_SIDE_DESTINATION, pipe_of_reader[1], -1, SMALL * 2) != 0)
		return NULL;
	atomic_store(&reading, true);
	if (mcsafe_pmem_read_iter(pmem, &it, SMALL * 2, 0, NULL) == (ssize_t)(2 * SMALL))
		atomic_store(&let_go, true);
	return NULL;
}

static atomic_bool closed;

static void *closer(void *arg)
{
	(void)arg;
	mcsafe_pmem_close(pmem);
	atomic_store(&closed, true);
	return NULL;
}

static void drain(size_t n)
{
	unsigned char buf[T_PAGE];

	while (n != 0) {
		ssize_t got = read(pipe_of_reader[0], buf, n < T_PAGE ? n : T_PAGE);

		assert_true(got > 0);
		n -= (size_t)got;
	}
}

static void test_close_waits_for_a_read(void **state)
{
	int fd = memfd_create("close", MFD_CLOEXEC);
	pthread_t reads_it, closes_it;

	(void)state;
	t_install();
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 2 * SMALL), 0);
	assert_int_equal(pipe(pipe_of_reader), 0);
	assert_int_equal(mcsafe_pmem_open_fd(&pmem, fd, 0), 0);
	assert_int_equal(pthread_create(&reads_it, NULL, slow_reader, NULL), 0);
	/*
	 * The first bytes have come, so the read has begun. The rest comes only when we drain the
	 * pipe.
	 */
	drain(T_PAGE);
	assert_true(atomic_load(&reading));
	assert_int_equal(pthread_create(&closes_it, NULL, closer, NULL), 0);
	for (unsigned i = 0; i < 1000; i++)
		sched_yield();
	assert_false(atomic_load(&closed));
	drain(2 * SMALL - T_PAGE);
	assert_int_equal(pthread_join(reads_it, NULL), 0);
	assert_int_equal(pthread_join(closes_it, NULL), 0);
	assert_true(atomic_load(&let_go));
	assert_true(atomic_load(&closed));
	close(fd);
	close(pipe_of_reader[0]);
	close(pipe_of_reader[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_readers_beside_a_repair_see_no_wrong_byte),
		cmocka_unit_test(test_close_waits_for_a_read),
	};

	return t_run("pmem.threads", tests, T_LENGTH(tests));
}
