/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_fallen_short.c - a machine check stops REP MOVSB some bytes before the bad line
 *
 * The processor decides how many bytes early REP MOVSB stops. Therefore the linker replaces the
 * copy (--wrap) with a function that stops where it is told to, and reports what a kernel reports
 * for a machine check. The page that it reports as lost raises SIGBUS from then on, because the
 * page maps an empty file.
 */
#include <mcsafe/mcsafe.h>

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "copy/route.h"
#include "pattern.h"
#include "run.h"

#define PAGES 24
#define BAD   10 /* the lost page */
#define SIZE  (PAGES * T_PAGE)

mcsafe__copy_fn __real_mcsafe__copy_erms;
mcsafe__copy_fn __wrap_mcsafe__copy_erms;

static unsigned char *memory;
static size_t short_by;
static uintptr_t said; /* the address that the kernel reports */
static unsigned stops;

size_t __wrap_mcsafe__copy_erms(void *dst, const void *src, size_t n, struct mcsafe_fault *fault)
{
	uintptr_t from = (uintptr_t)src, bad = (uintptr_t)memory + BAD * T_PAGE;
	size_t good;

	if (bad - short_by < from || bad >= from + n)
		return __real_mcsafe__copy_erms(dst, src, n, fault);
	good = bad - short_by - from;
	assert_int_equal(__real_mcsafe__copy_erms(dst, src, good, fault), 0);
	*fault = (struct mcsafe_fault){
		.signo = SIGBUS,
		.code = BUS_MCEERR_AR,
		.cause = MCSAFE_CAUSE_POISON,
		.side = MCSAFE_SIDE_SOURCE,
		.addr = (void *)said,
		.extent = T_PAGE,
		.ip = (void *)(uintptr_t)__wrap_mcsafe__copy_erms,
		.flags = MCSAFE_FAULT_MAY_FALL_SHORT,
	};
	stops++;
	return n - good;
}

static void begin(void)
{
	int fd = memfd_create("good", MFD_CLOEXEC), empty = memfd_create("empty", MFD_CLOEXEC);

	t_install();
	if (mcsafe_engine_set("avx2_erms") != 0)
		t_skip("no engine can use REP MOVSB on this processor");
	assert_true(fd >= 0 && empty >= 0);
	assert_int_equal(ftruncate(fd, (off_t)SIZE), 0);
	memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true((void *)memory != MAP_FAILED);
	for (size_t i = 0; i < SIZE; i++)
		memory[i] = t_data(i);
	assert_ptr_equal(
		mmap(memory + BAD * T_PAGE, T_PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, empty, 0),
		memory + BAD * T_PAGE);
	close(fd);
	close(empty);
	stops = 0;
}

static void end(void)
{
	munmap(memory, SIZE);
	assert_int_equal(mcsafe_engine_set(NULL), 0);
}

/* All pages but the bad one have arrived, and that one holds the fill. */
static void check_all_but_the_page(const unsigned char *got)
{
	for (size_t i = 0; i < SIZE; i++)
		if (got[i] != (i / T_PAGE == BAD ? 0xee : t_data(i)))
			fail_msg("wrong at page %zu, byte %zu", i / T_PAGE, i % T_PAGE);
}

static unsigned char buffer[SIZE];
static const size_t shorts[] = {0, 1, 8, 64, 192, 4032};

static struct mcsafe_pmem *open_it(void)
{
	struct mcsafe_pmem *pmem = NULL;

	assert_int_equal(mcsafe_pmem_open_memory(&pmem, memory, SIZE, -1, 0, MCSAFE_PMEM_NO_ASK),
			 0);
	return pmem;
}

static void check_known(struct mcsafe_pmem *pmem)
{
	struct mcsafe_range bad;

	assert_true(mcsafe_badblocks_next(mcsafe_pmem_badblocks(pmem), 0, SIZE, &bad));
	assert_int_equal(bad.start, BAD * T_PAGE);
	assert_int_equal(bad.len, T_PAGE);
	assert_false(mcsafe_badblocks_next(mcsafe_pmem_badblocks(pmem), bad.start + bad.len, SIZE,
					   &bad));
}

/*
 * Runs check() for a kernel that names the page in this mapping, and for one that names it in
 * another.
 */
static void for_each_address(void (*check)(void))
{
	for (size_t i = 0; i < T_LENGTH(shorts); i++)
		for (int other = 0; other < 2; other++) {
			begin();
			short_by = shorts[i];
			said = (uintptr_t)memory + BAD * T_PAGE;
			if (other)
				said += UINT64_C(1) << 40;
			check();
			end();
		}
}

static void check_holes(void)
{
	struct mcsafe_range holes[4];
	size_t n = T_LENGTH(holes);

	assert_int_equal(mcsafe_memcpy_holes(buffer, memory, SIZE, 0xee, holes, &n), T_PAGE);
	assert_int_equal(stops, 1);
	assert_int_equal(n, 1);
	assert_int_equal(holes[0].start, BAD * T_PAGE);
	assert_int_equal(holes[0].len, T_PAGE);
	check_all_but_the_page(buffer);
}

static void test_holes_name_the_lost_page_only(void **state)
{
	(void)state;
	for_each_address(check_holes);
}

static void check_record(void)
{
	struct mcsafe_fault fault;

	assert_int_equal(mcsafe_memcpy(buffer, memory, SIZE, &fault),
			 SIZE - BAD * T_PAGE + short_by);
	assert_int_equal(fault.flags, MCSAFE_FAULT_MAY_FALL_SHORT);
}

static void test_the_record_tells_that_a_copy_may_fall_short(void **state)
{
	(void)state;
	for_each_address(check_record);
}

static void check_pread(void)
{
	struct mcsafe_pmem *pmem = open_it();

	assert_int_equal(mcsafe_pmem_pread(pmem, buffer, SIZE, 0, NULL), BAD * T_PAGE - short_by);
	assert_int_equal(stops, 1);
	check_known(pmem);
	assert_int_equal(mcsafe_pmem_pread(pmem, buffer, T_PAGE, (BAD - 1) * T_PAGE, NULL), T_PAGE);
	mcsafe_pmem_close(pmem);
}

static void test_pread_stops_at_the_lost_page(void **state)
{
	(void)state;
	for_each_address(check_pread);
}

static void check_salvage(void)
{
	struct mcsafe_pmem *pmem = open_it();
	struct mcsafe_range holes[4];
	size_t n = T_LENGTH(holes);

	assert_int_equal(mcsafe_pmem_salvage(pmem, buffer, SIZE, 0, 0xee, holes, &n), SIZE);
	assert_int_equal(stops, 1);
	assert_int_equal(n, 1);
	assert_int_equal(holes[0].start, BAD * T_PAGE);
	assert_int_equal(holes[0].len, T_PAGE);
	check_all_but_the_page(buffer);
	check_known(pmem);
	mcsafe_pmem_close(pmem);
}

static void test_salvage_names_the_lost_page_only(void **state)
{
	(void)state;
	for_each_address(check_salvage);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_holes_name_the_lost_page_only),
		cmocka_unit_test(test_the_record_tells_that_a_copy_may_fall_short),
		cmocka_unit_test(test_pread_stops_at_the_lost_page),
		cmocka_unit_test(test_salvage_names_the_lost_page_only),
	};

	return t_run("pmem.fallen_short", tests, T_LENGTH(tests));
}
