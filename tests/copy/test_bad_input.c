/* SPDX-License-Identifier: BSD-3-Clause */
/* test_bad_input.c - wild pointers, ranges that wrap around, no record, memory that disappears */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mcsafe/copy.h>

#include "pattern.h"
#include "run.h"
#include "sweep.h"
#include "witness.h"

/* Addresses that are never mapped, before every kind of 64-byte line and of boundary. */
static const uintptr_t wild_addresses[] = {
	0, /* NULL */
	1, /* vm.mmap_min_addr forbids all of the first page */
	0xfff,
	UINT64_C(0x00007ffffffff000), /* the highest page of user space is never mapped */
	UINT64_C(0x00007ffffffffff9), /* a word here ends where addresses of 48 bits do */
	UINT64_C(0x1234000000000003), /* not canonical */
	UINT64_C(0x8000000000000000),
	UINT64_C(0xfeffffffffffffff), /* the last address that is not canonical with 57 bits */
	UINT64_C(0xffff800000000000), /* the kernel's half of the addresses */
	UINT64_C(0xffffffff81000001), /* the kernel's text */
	UINT64_C(0xfffffffffffff000), /* the last page of all */
};

static const size_t lengths[] = {1, 7, 8, 9, 15, 64, 130, 258};

static void open_good(struct sweep *sweep)
{
	const struct t_fault_kind *kind = t_fault_kind("prot_none");

	sweep_open(sweep, kind, kind, 1);
	sweep->trial.src_distance = sweep_good_distance(3);
	sweep->trial.dst_distance = sweep_good_distance(5);
}

/* Runs it with every copy that has the sides. */
static size_t try_everything(struct sweep *sweep, unsigned sides, const size_t *n, size_t n_lengths)
{
	const struct t_copy *copy = NULL;
	size_t copies = 0;

	while ((copy = sweep_next(copy, sides)) != NULL) {
		sweep->trial.copy = copy;
		sweep->trial.witnessed = true;
		t_witness_start();
		for (size_t i = 0; i < n_lengths; i++) {
			sweep->trial.n = n[i];
			t_trial_check(&sweep->trial);
			copies++;
		}
		t_witness_stop();
	}
	return copies;
}

static size_t try_wild(struct sweep *sweep, uintptr_t addr, const size_t *n, size_t n_lengths)
{
	struct t_trial *trial = &sweep->trial, good = *trial;
	struct t_region src, dst;
	size_t copies;

	t_region_wild(&src, addr, SWEEP_LONGEST);
	t_region_wild(&dst, addr, SWEEP_LONGEST);

	trial->src = &src;
	trial->src_distance = 0;
	copies = try_everything(sweep, T_SIDE(MCSAFE_SIDE_SOURCE), n, n_lengths);
	trial->dst = &dst;
	trial->dst_distance = 0;
	copies += try_everything(sweep, T_SIDE(MCSAFE_SIDE_SOURCE), n, n_lengths);
	trial->src = good.src;
	trial->src_distance = good.src_distance;
	copies += try_everything(sweep, T_SIDE(MCSAFE_SIDE_DESTINATION), n, n_lengths);
	trial->dst = good.dst;
	trial->dst_distance = good.dst_distance;
	return copies;
}

static void test_wild_pointers_are_faults_at_the_first_byte(void **state)
{
	struct sweep sweep;
	size_t copies = 0;

	(void)state;
	open_good(&sweep);
	for (size_t i = 0; i < T_LENGTH(wild_addresses); i++)
		copies += try_wild(&sweep, wild_addresses[i], lengths, T_LENGTH(lengths));
	print_message("%zu addresses, %zu copies\n", T_LENGTH(wild_addresses), copies);
	sweep_close(&sweep);
}

static void test_no_bytes_touch_nothing(void **state)
{
	static const size_t none[] = {0};
	struct sweep sweep;
	size_t copies = 0;

	(void)state;
	open_good(&sweep);
	for (size_t i = 0; i < T_LENGTH(wild_addresses); i++)
		copies += try_wild(&sweep, wild_addresses[i], none, 1);
	copies += try_wild(&sweep, UINTPTR_MAX, none, 1);
	/* bad memory that is mapped, and good memory */
	sweep.trial.src_distance = sweep.trial.dst_distance = 0;
	copies += try_everything(&sweep, T_SIDE(MCSAFE_SIDE_DESTINATION), none, 1);
	sweep.trial.src_distance = sweep.trial.dst_distance = 8;
	copies += try_everything(&sweep, T_SIDE(MCSAFE_SIDE_DESTINATION), none, 1);
	print_message("%zu copies\n", copies);
	sweep_close(&sweep);
}

/* ---- ranges that wrap around --------------------------------------------------------------- */

static void check_refused(const struct mcsafe_fault *record, enum mcsafe_side side,
			  const void *start)
{
	assert_int_equal(record->signo, 0);
	assert_int_equal(record->code, 0);
	assert_int_equal(record->cause, MCSAFE_CAUSE_ADDRESS);
	assert_int_equal(record->side, side);
	assert_ptr_equal(record->addr, start);
	assert_int_equal(record->extent, 0);
	assert_null(record->ip);
	for (size_t i = 0; i < T_LENGTH(record->reserved); i++)
		assert_null(record->reserved[i]);
}

/* side: the side whose range wraps around, and which is checked first. */
static void refuse(struct sweep *sweep, const struct t_copy *copy, void *dst, const void *src,
		   size_t n, enum mcsafe_side side)
{
	struct mcsafe_fault record;
	uint64_t args[4];

	memset(&record, 0xa5, sizeof(record));
	t_copy_arguments(copy, args, dst, src, n, &record);
	t_witness.n = 0;
	assert_int_equal(t_state_call(&sweep->state, copy->fn, args[0], args[1], args[2], args[3]),
			 n);
	assert_int_equal(t_state_damage(&sweep->state), 0);
	assert_int_equal(t_witness.n, 0);
	if (copy->record == T_RECORD_FAULT)
		check_refused(&record, side, side == MCSAFE_SIDE_SOURCE ? src : dst);
}

static void *high(uintptr_t below_the_end)
{
	return (void *)(UINTPTR_MAX - below_the_end);
}

static void refuse_wrapped_source(struct sweep *sweep, const struct t_copy *copy)
{
	unsigned char *src = sweep->src.good + 8, *dst = sweep->dst.good + 8;
	size_t all = UINTPTR_MAX;

	refuse(sweep, copy, dst, src, all, MCSAFE_SIDE_SOURCE);
	refuse(sweep, copy, dst, src, all - (uintptr_t)src + 1, MCSAFE_SIDE_SOURCE);
	refuse(sweep, copy, dst, high(0), 1, MCSAFE_SIDE_SOURCE);
	refuse(sweep, copy, dst, high(9), 10, MCSAFE_SIDE_SOURCE);
	/* both */
	refuse(sweep, copy, high(0), high(0), 1, MCSAFE_SIDE_SOURCE);
}

static void refuse_wrapped_destination(struct sweep *sweep, const struct t_copy *copy)
{
	unsigned char *src = sweep->src.good + 8, *dst = sweep->dst.good + 8;
	size_t all = UINTPTR_MAX;

	refuse(sweep, copy, dst, NULL, all, MCSAFE_SIDE_DESTINATION);
	refuse(sweep, copy, dst, (void *)8, all - (uintptr_t)dst + 1, MCSAFE_SIDE_DESTINATION);
	refuse(sweep, copy, high(0), src, 1, MCSAFE_SIDE_DESTINATION);
	refuse(sweep, copy, high(9), src, 10, MCSAFE_SIDE_DESTINATION);
}

static void test_a_range_that_wraps_is_refused_untouched(void **state)
{
	const struct t_copy *copy = NULL;
	struct sweep sweep;

	(void)state;
	open_good(&sweep);
	t_witness_start();
	while ((copy = sweep_next(copy, T_SIDE(MCSAFE_SIDE_DESTINATION))) != NULL) {
		if (t_copy_is_engine(copy)) /* which trusts its caller */
			continue;
		if (copy->work == T_COPIES)
			refuse_wrapped_source(&sweep, copy);
		refuse_wrapped_destination(&sweep, copy);
	}
	t_witness_stop();
	sweep_close(&sweep); /* which looks whether a byte was changed */
}

/* One byte less is an ordinary range, although a long one. */
static void test_the_longest_range_is_not_refused(void **state)
{
	struct sweep sweep;
	uintptr_t src, dst;
	size_t n;

	(void)state;
	open_good(&sweep);
	src = (uintptr_t)sweep.src.bad - (uintptr_t)sweep.trial.src_distance;
	dst = (uintptr_t)sweep.dst.bad - (uintptr_t)sweep.trial.dst_distance;
	n = UINTPTR_MAX - (src > dst ? src : dst);
	(void)try_everything(&sweep, T_SIDE(MCSAFE_SIDE_DESTINATION), &n, 1);
	sweep_close(&sweep);
}

static void test_no_record_is_wanted(void **state)
{
	struct sweep sweep;
	unsigned char *src, *dst;

	(void)state;
	open_good(&sweep);
	src = sweep.src.bad - 40;
	dst = sweep.dst.bad - 40;
	assert_int_equal(mcsafe_memcpy(dst - 100, src, 50, NULL), 10);
	assert_int_equal(mcsafe_memcpy(dst, src - 100, 50, NULL), 10);
	assert_int_equal(mcsafe_memcpy_flushcache(dst - 100, src, 50, NULL), 10);
	assert_int_equal(mcsafe_memset(dst, 1, 50, NULL), 10);
	assert_int_equal(mcsafe_memcpy(dst, src, SIZE_MAX, NULL), SIZE_MAX);
	assert_int_equal(mcsafe_memset(dst, 1, SIZE_MAX, NULL), SIZE_MAX);
	t_region_fill(&sweep.dst, t_fill);
	sweep_close(&sweep);
}

/* ---- memory that disappears ----------------------------------------------------------------- */

/* Between two copies the mapped file shrinks, or grows again, or the mapping is removed. */
static void test_memory_disappears_between_copies(void **state)
{
	static unsigned char buffer[2 * T_PAGE];
	int fd = memfd_create("shrinks", MFD_CLOEXEC);
	unsigned char *map;

	(void)state;
	t_install();
	assert_int_not_equal(fd, -1);
	assert_int_equal(ftruncate(fd, 2 * T_PAGE), 0);
	map = mmap(NULL, 2 * T_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	memset(map, 1, 2 * T_PAGE);
	assert_int_equal(memcpy_mcsafe(buffer, map, 2 * T_PAGE), 0);
	assert_int_equal(ftruncate(fd, T_PAGE), 0);
	assert_int_equal(memcpy_mcsafe(buffer, map, 2 * T_PAGE), T_PAGE);
	assert_int_equal(memcpy_mcsafe(map, buffer, 2 * T_PAGE), T_PAGE);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(memcpy_mcsafe(buffer, map, 2 * T_PAGE), 2 * T_PAGE);
	assert_int_equal(ftruncate(fd, 2 * T_PAGE), 0);
	assert_int_equal(memcpy_mcsafe(buffer, map, 2 * T_PAGE), 0);
	assert_int_equal(buffer[0], 0); /* what the file is now */
	assert_int_equal(munmap(map + T_PAGE, T_PAGE), 0);
	assert_int_equal(memcpy_mcsafe(buffer, map, 2 * T_PAGE), T_PAGE);
	assert_int_equal(munmap(map, T_PAGE), 0);
	assert_int_equal(memcpy_mcsafe(buffer, map, 2 * T_PAGE), 2 * T_PAGE);
	close(fd);
}

/* Two pages are mapped twice. They come and go in the first mapping, and stay in the second. */
struct twin {
	unsigned char *first;
	unsigned char *other;
};

static void open_twin(struct twin *twin)
{
	int fd = memfd_create("twin", MFD_CLOEXEC);

	assert_int_not_equal(fd, -1);
	assert_int_equal(ftruncate(fd, 2 * T_PAGE), 0);
	twin->first = mmap(NULL, 2 * T_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	twin->other = mmap(NULL, 2 * T_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(twin->first, MAP_FAILED);
	assert_ptr_not_equal(twin->other, MAP_FAILED);
	close(fd);
}

static void close_twin(struct twin *twin)
{
	assert_int_equal(munmap(twin->first, 2 * T_PAGE), 0);
	assert_int_equal(munmap(twin->other, 2 * T_PAGE), 0);
}

#define COPIES 10000
#define TURNS  100000

/* A thread that unmaps the second page of a mapping and maps it again, again and again. */
struct flicker {
	unsigned char *page;
	atomic_bool stop;
};

static void *flicker_run(void *arg)
{
	struct flicker *flicker = arg;

	/* At most TURNS times, so that it does not hold the lock of the address space for ever. */
	for (size_t i = 0; i < TURNS && !atomic_load(&flicker->stop); i++) {
		mprotect(flicker->page, T_PAGE, PROT_NONE);
		mprotect(flicker->page, T_PAGE, PROT_READ | PROT_WRITE);
	}
	return NULL;
}

#define N_BYTES (T_PAGE + T_PAGE / 2)

/* Wherever the copy stopped, count, record and memory must agree. */
static size_t copy_once(const struct twin *dst, const struct twin *src, enum mcsafe_side flickering)
{
	struct mcsafe_fault record = {.extent = 1};
	size_t done = N_BYTES - mcsafe_memcpy(dst->first, src->first, N_BYTES, &record);
	const struct twin *bad = flickering == MCSAFE_SIDE_SOURCE ? src : dst;

	if (done == N_BYTES) {
		assert_int_equal(record.extent, 1);
		assert_int_equal(record.cause, MCSAFE_CAUSE_NONE);
	} else {
		assert_in_range(done, T_PAGE, N_BYTES - 1);
		assert_int_equal(record.side, flickering);
		assert_int_equal(record.cause, MCSAFE_CAUSE_PROTECTED);
		assert_ptr_equal(record.addr, bad->first + done);
	}
	assert_memory_equal(dst->other, src->other, done);
	for (size_t i = done; i < 2 * T_PAGE; i++)
		if (dst->other[i] != t_fill(i))
			fail_msg("%zu bytes done, but byte %zu was written to", done, i);
	for (size_t i = 0; i < done; i++)
		dst->other[i] = t_fill(i);
	return done;
}

static void copy_flickering(enum mcsafe_side side)
{
	struct twin src, dst;
	struct flicker flicker = {.stop = false};
	pthread_t thread;
	size_t stopped = 0;

	t_install();
	open_twin(&src);
	open_twin(&dst);
	for (size_t i = 0; i < 2 * T_PAGE; i++) {
		src.other[i] = t_data(i);
		dst.other[i] = t_fill(i);
	}
	flicker.page = (side == MCSAFE_SIDE_SOURCE ? src.first : dst.first) + T_PAGE;
	assert_int_equal(pthread_create(&thread, NULL, flicker_run, &flicker), 0);
	for (size_t i = 0; i < COPIES; i++)
		stopped += copy_once(&dst, &src, side) != N_BYTES;
	atomic_store(&flicker.stop, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	print_message("%d copies, %zu of them stopped\n", COPIES, stopped);
	close_twin(&src);
	close_twin(&dst);
}

static void test_source_disappears_during_copies(void **state)
{
	(void)state;
	copy_flickering(MCSAFE_SIDE_SOURCE);
}

static void test_destination_disappears_during_copies(void **state)
{
	(void)state;
	copy_flickering(MCSAFE_SIDE_DESTINATION);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wild_pointers_are_faults_at_the_first_byte),
		cmocka_unit_test(test_no_bytes_touch_nothing),
		cmocka_unit_test(test_a_range_that_wraps_is_refused_untouched),
		cmocka_unit_test(test_the_longest_range_is_not_refused),
		cmocka_unit_test(test_no_record_is_wanted),
		cmocka_unit_test(test_memory_disappears_between_copies),
		cmocka_unit_test(test_source_disappears_during_copies),
		cmocka_unit_test(test_destination_disappears_during_copies),
	};

	return t_run("copy.bad_input", tests, T_LENGTH(tests));
}
