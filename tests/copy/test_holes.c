/* SPDX-License-Identifier: BSD-3-Clause */
/* test_holes.c - the copy that goes on past bad memory, against a model that knows what is bad */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mcsafe/copy.h>
#include <mcsafe/engine.h>

#include "copy/route.h"
#include "pattern.h"
#include "rng.h"
#include "run.h"
#include "tool.h"

#define PAGES 8
#define SIZE  (PAGES * T_PAGE)
#define FILL  0x1fe /* only the low 8 bits count */

/*
 * The linker (--wrap) replaces this function of the library. A read that meets bad_line, or the
 * rest of its page, stops there: poison of which the kernel knows the line.
 */
size_t __real_mcsafe_memcpy(void *to, const void *from, size_t n, struct mcsafe_fault *fault);
size_t __wrap_mcsafe_memcpy(void *to, const void *from, size_t n, struct mcsafe_fault *fault);

static unsigned copies; /* calls of mcsafe_memcpy() */
static const unsigned char *bad_line;
static unsigned reads_of_bad_page;

/* Reads that stop early, one after the other: each at a byte, for poison that may lie later. */
static struct stop {
	const unsigned char *at, *poison;
} stops[3];
static size_t next_stop = T_LENGTH(stops);

static size_t stop_early(void *to, const void *from, struct mcsafe_fault *fault, size_t n)
{
	const struct stop *stop = &stops[next_stop++];
	size_t done = (size_t)(stop->at - (const unsigned char *)from);

	assert_true(done <= n);
	memcpy(to, from, done);
	if (fault != NULL)
		*fault = (struct mcsafe_fault){.signo = SIGBUS,
					       .cause = MCSAFE_CAUSE_POISON,
					       .side = MCSAFE_SIDE_SOURCE,
					       .addr = (void *)(uintptr_t)stop->poison,
					       .extent = T_PAGE,
					       .flags = MCSAFE_FAULT_MAY_FALL_SHORT};
	return n - done;
}

size_t __wrap_mcsafe_memcpy(void *to, const void *from, size_t n, struct mcsafe_fault *fault)
{
	uintptr_t start = (uintptr_t)from, bad = (uintptr_t)bad_line;
	size_t done;

	copies++;
	if (next_stop < T_LENGTH(stops))
		return stop_early(to, from, fault, n);
	if (bad == 0 || start + n <= bad || start >= (bad | (T_PAGE - 1)) + 1)
		return __real_mcsafe_memcpy(to, from, n, fault);
	reads_of_bad_page++;
	done = start < bad ? bad - start : 0;
	memcpy(to, from, done);
	*fault = (struct mcsafe_fault){.signo = SIGBUS,
				       .cause = MCSAFE_CAUSE_POISON,
				       .side = MCSAFE_SIDE_SOURCE,
				       .addr = (void *)(start + done),
				       .extent = 64};
	return n - done;
}

static unsigned char *src, *dst;

static unsigned char *map(void)
{
	unsigned char *memory =
		mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(memory != MAP_FAILED);
	return memory;
}

static void set_up(void)
{
	t_install();
	src = map();
	dst = map();
	for (size_t i = 0; i < SIZE; i++)
		src[i] = t_data(i);
}

static void tear_down(void)
{
	assert_int_equal(munmap(src, SIZE), 0);
	assert_int_equal(munmap(dst, SIZE), 0);
}

static void protect(unsigned char *memory, unsigned bad, int prot)
{
	for (size_t i = 0; i < PAGES; i++)
		assert_int_equal(mprotect(memory + i * T_PAGE, T_PAGE,
					  bad >> i & 1 ? prot : PROT_READ | PROT_WRITE),
				 0);
}

static bool is_bad(unsigned bad, size_t at)
{
	return bad >> (at / T_PAGE) & 1;
}

/* One call with those pages bad. Bit i stands for page i. */
static void try_pages(unsigned bad_src, unsigned bad_dst, size_t src_at, size_t dst_at, size_t n,
		      size_t room)
{
	struct mcsafe_range holes[PAGES * 2 + 2], model[PAGES * 2 + 2];
	size_t n_model = 0, lost = 0, found = room, result;

	memset(holes, 0xa5, sizeof(holes));
	for (size_t i = 0; i < SIZE; i++)
		dst[i] = t_fill(i);
	protect(src, bad_src, PROT_NONE);
	protect(dst, bad_dst, PROT_READ);
	result = mcsafe_memcpy_holes(dst + dst_at, src + src_at, n, FILL, holes, &found);
	protect(src, 0, 0);

	for (size_t i = 0; i < n; i++) {
		if (!is_bad(bad_src, src_at + i) && !is_bad(bad_dst, dst_at + i)) {
			assert_int_equal(dst[dst_at + i], src[src_at + i]);
			continue;
		}
		lost++;
		if (is_bad(bad_dst, dst_at + i))
			assert_int_equal(dst[dst_at + i], t_fill(dst_at + i));
		else
			assert_int_equal(dst[dst_at + i], FILL & 0xff);
		if (n_model != 0 && model[n_model - 1].start + model[n_model - 1].len == i)
			model[n_model - 1].len++;
		else
			model[n_model++] = (struct mcsafe_range){i, 1};
	}
	for (size_t i = 0; i < SIZE; i++)
		if (i < dst_at || i >= dst_at + n)
			assert_int_equal(dst[i], t_fill(i));
	assert_int_equal(result, lost);
	assert_int_equal(found, n_model);
	for (size_t i = 0; i < n_model && i < room; i++) {
		assert_int_equal(holes[i].start, model[i].start);
		assert_int_equal(holes[i].len, model[i].len);
	}
	if (n_model < T_LENGTH(holes))
		assert_int_equal(holes[n_model < room ? n_model : room].start, 0xa5a5a5a5a5a5a5a5);
	protect(dst, 0, 0);
}

static void by_each_engine(void (*test)(void))
{
	for (size_t i = 0; i < mcsafe__n_engines; i++) {
		if (t_tool_cannot(mcsafe__engines[i].name) ||
		    mcsafe_engine_set(mcsafe__engines[i].name) != 0) {
			print_message("%s: not on this processor, or not with this tool\n",
				      mcsafe__engines[i].name);
			continue;
		}
		test();
	}
	assert_int_equal(mcsafe_engine_set(NULL), 0);
}

/* Every set of bad pages of the source, and some of the destination. */
static void try_all_sets(void)
{
	set_up();
	for (unsigned bad = 0; bad < 1u << PAGES; bad++) {
		try_pages(bad, 0, 100, 3, SIZE - 200, 9);
		try_pages(0, bad, 3, 100, SIZE - 200, 9);
		try_pages(bad, 0, 0, 0, SIZE, 2);
	}
	tear_down();
}

static void test_holes_are_what_the_model_says(void **state)
{
	(void)state;
	by_each_engine(try_all_sets);
}

static void try_both_sides(void)
{
	struct t_rng rng = t_rng_start(t_seed(), 0);

	set_up();
	for (unsigned i = 0; i < 500; i++) {
		size_t src_at = t_rng_below(&rng, 2 * T_PAGE),
		       dst_at = t_rng_below(&rng, 2 * T_PAGE);
		unsigned bad_src = (unsigned)t_rng_below(&rng, 1u << PAGES);
		unsigned bad_dst = (unsigned)t_rng_below(&rng, 1u << PAGES);

		/* A page that is bad on one side takes the rest of it with it, not of the other:
		 * so at one alignment to a page there is one model. */
		dst_at = (dst_at & ~(T_PAGE - 1)) + src_at % T_PAGE;
		try_pages(bad_src, bad_dst, src_at, dst_at, t_rng_below(&rng, 6 * T_PAGE),
			  t_rng_below(&rng, 9));
	}
	tear_down();
}

static void test_holes_are_right_with_both_sides_bad_at_random(void **state)
{
	(void)state;
	by_each_engine(try_both_sides);
}

/*
 * The kernel names one line as lost. The page is lost nevertheless: the kernel unmaps all of it,
 * and what is left of it must not be touched.
 */
static void test_less_than_a_page_is_never_lost(void **state)
{
	const size_t bad = 2 * T_PAGE + 10 * 64;
	struct mcsafe_range hole;
	size_t found = 1;

	(void)state;
	set_up();
	bad_line = src + bad;
	assert_int_equal(mcsafe_memcpy_holes(dst, src, SIZE, FILL, &hole, &found),
			 3 * T_PAGE - bad);
	bad_line = NULL;
	assert_int_equal(found, 1);
	assert_int_equal(hole.start, bad);
	assert_int_equal(hole.len, 3 * T_PAGE - bad);
	assert_int_equal(reads_of_bad_page, 1);
	assert_memory_equal(dst, src, bad);
	for (size_t i = bad; i < 3 * T_PAGE; i++)
		assert_int_equal(dst[i], FILL & 0xff);
	assert_memory_equal(dst + 3 * T_PAGE, src + 3 * T_PAGE, SIZE - 3 * T_PAGE);
	tear_down();
}

/*
 * REP MOVSB stops short of poison in the next page. The bytes before that page are copied again,
 * and meet other poison, which was not known: the copy goes on from there.
 */
static void test_other_poison_before_the_lost_page_is_a_hole(void **state)
{
	const size_t page = 2 * T_PAGE, bad = page + 2000;
	struct mcsafe_range hole;
	size_t found = 1;

	(void)state;
	set_up();
	stops[0] = (struct stop){src + page + 100, src + page + T_PAGE};
	stops[1] = (struct stop){src + bad, NULL};
	stops[2] = (struct stop){src + bad, src + page};
	next_stop = 0;
	assert_int_equal(mcsafe_memcpy_holes(dst, src, SIZE, FILL, &hole, &found), T_PAGE - 2000);
	assert_int_equal(next_stop, T_LENGTH(stops));
	assert_int_equal(found, 1);
	assert_int_equal(hole.start, bad);
	assert_int_equal(hole.len, T_PAGE - 2000);
	assert_memory_equal(dst, src, bad);
	for (size_t i = bad; i < page + T_PAGE; i++)
		assert_int_equal(dst[i], FILL & 0xff);
	assert_memory_equal(dst + page + T_PAGE, src + page + T_PAGE, SIZE - page - T_PAGE);
	tear_down();
}

static void test_what_is_refused_is_one_hole(void **state)
{
	struct mcsafe_range hole;
	size_t found = 1;
	char byte = 1;

	(void)state;
	t_install();
	assert_int_equal(
		mcsafe_memcpy_holes(&byte, (void *)(UINTPTR_MAX - 8), 64, 0, &hole, &found), 64);
	assert_int_equal(found, 1);
	assert_int_equal(hole.start, 0);
	assert_int_equal(hole.len, 64);
	assert_int_equal(byte, 1);
	assert_int_equal(mcsafe_memcpy_holes(NULL, NULL, 0, 0, NULL, NULL), 0);
}

/* ---- a file that ends ------------------------------------------------------------------------ */

static int file_of(size_t size)
{
	int fd = memfd_create("holes", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	return fd;
}

/* Copy the mapping of a file from `at` on. The file has `size` bytes, that of `asked` may differ.
 * Returns how many copies it took. */
static unsigned copy_file(const unsigned char *mapped, size_t size, size_t at, int asked)
{
	size_t readable = (size + T_PAGE - 1) / T_PAGE * T_PAGE, n = SIZE - at, found = 2;
	size_t good = readable > at ? readable - at : 0;
	struct mcsafe_range holes[2];

	memset(dst, 0xa5, SIZE);
	copies = 0;
	errno = 77;
	assert_int_equal(
		mcsafe_memcpy_holes_fd(dst, mapped + at, n, FILL, holes, &found, asked, (off_t)at),
		n - good);
	assert_int_equal(errno, 77);
	assert_int_equal(found, good < n);
	if (found != 0) {
		assert_int_equal(holes[0].start, good);
		assert_int_equal(holes[0].len, n - good);
	}
	for (size_t i = 0; i < n; i++)
		assert_int_equal(dst[i], i >= good       ? FILL & 0xff
					 : at + i < size ? t_data(at + i)
							 : 0);
	return copies;
}

static void test_what_is_past_the_end_of_a_file_is_asked_for_once(void **state)
{
	static const size_t sizes[] = {0, 1, T_PAGE - 1, T_PAGE, T_PAGE + 1, 3 * T_PAGE + 100};
	static const size_t starts[] = {0, 1, 100, T_PAGE - 1, T_PAGE, 2 * T_PAGE + 7};
	int longer = file_of(SIZE), fd = file_of(SIZE), gone = dup(longer), pipes[2];
	unsigned char *mapped = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);

	(void)state;
	set_up();
	assert_true(mapped != MAP_FAILED);
	assert_int_equal(pipe(pipes), 0);
	close(gone);
	for (size_t i = 0; i < T_LENGTH(sizes); i++) {
		unsigned whole = (unsigned)(SIZE - T_PAGE * ((sizes[i] + T_PAGE - 1) / T_PAGE));

		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, src, sizes[i], 0), sizes[i]);
		for (size_t j = 0; j < T_LENGTH(starts); j++) {
			assert_in_range(copy_file(mapped, sizes[i], starts[j], fd), 1, 2);
			/* A file that says nothing about the end: one fault for each page. */
			if (starts[j] == 0) {
				assert_in_range(copy_file(mapped, sizes[i], 0, longer),
						whole / T_PAGE, PAGES + 1);
				assert_in_range(copy_file(mapped, sizes[i], 0, gone),
						whole / T_PAGE, PAGES + 1);
				assert_in_range(copy_file(mapped, sizes[i], 0, pipes[0]),
						whole / T_PAGE, PAGES + 1);
			}
		}
	}
	assert_int_equal(munmap(mapped, SIZE), 0);
	close(longer);
	close(fd);
	close(pipes[0]);
	close(pipes[1]);
	tear_down();
}

/* The rest of a page is readable after the end of its file. A destination that fails like the end
 * of a file does not end the source. */
static void test_a_bad_destination_is_not_the_end_of_the_source(void **unused)
{
	const int flags = MAP_SHARED | MAP_FIXED;
	int source = file_of(10), empty = file_of(0);
	unsigned char *mapped = mmap(NULL, T_PAGE, PROT_READ, MAP_SHARED, source, 0);
	unsigned char *to =
		mmap(NULL, 2 * T_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct mcsafe_range holes[2];
	size_t found = 2;

	(void)unused;
	t_install();
	assert_ptr_not_equal(mapped, MAP_FAILED);
	assert_ptr_not_equal(to, MAP_FAILED);
	memset(to, 0xa5, 2 * T_PAGE);
	assert_ptr_equal(mmap(to, T_PAGE, PROT_READ | PROT_WRITE, flags, empty, 0), to);
	assert_int_equal(mcsafe_memcpy_holes_fd(to + T_PAGE - 50, mapped + 3000, 100, FILL, holes,
						&found, source, 3000),
			 50);
	assert_int_equal(found, 1);
	assert_int_equal(holes[0].start, 0);
	assert_int_equal(holes[0].len, 50);
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(to[T_PAGE + i], i < 50 ? 0 : 0xa5);
	assert_int_equal(munmap(to, 2 * T_PAGE), 0);
	assert_int_equal(munmap(mapped, T_PAGE), 0);
	close(source);
	close(empty);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_holes_are_what_the_model_says),
		cmocka_unit_test(test_holes_are_right_with_both_sides_bad_at_random),
		cmocka_unit_test(test_less_than_a_page_is_never_lost),
		cmocka_unit_test(test_other_poison_before_the_lost_page_is_a_hole),
		cmocka_unit_test(test_what_is_refused_is_one_hole),
		cmocka_unit_test(test_what_is_past_the_end_of_a_file_is_asked_for_once),
		cmocka_unit_test(test_a_bad_destination_is_not_the_end_of_the_source),
	};

	return t_run("copy.holes", tests, T_LENGTH(tests));
}
