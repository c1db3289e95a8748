/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_device.c - repair of memory of a device, with the test's own firmware
 *
 * The linker replaces the functions that ask sysfs and libndctl (--wrap). The device is /dev/zero,
 * which maps as shared memory. The lab shows what real firmware does (repair-devdax). This firmware
 * also does what that one does not: it spoils the data that it clears.
 */
#include <mcsafe/inject.h>
#include <mcsafe/pmem.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "badblocks/clearing.h"
#include "badblocks/devdax.h"
#include "copy/route.h"
#include "run.h"

#define SIZE   (16 * T_PAGE)
#define BEFORE ((size_t)2 << 20) /* bytes of the device before our memory */
#define START  (UINT64_C(1) << 32)
#define REGION "region7"

/* ---- the firmware ---------------------------------------------------------------------------- */

static struct {
	unsigned char *memory; /* the mapping of the device from BEFORE on */
	const unsigned char *data;
	int cannot_begin; /* -errno */
	size_t refuses;   /* the page of our memory that stays bad; SIZE: none */
	bool loses_stores;
	bool cannot_flush;
	bool fails_stores; /* before clearing */
	size_t bytes;      /* of the device */
	bool unfenced;     /* there was no fence since the last flush */
	unsigned begun, run, ended, flushes;
	uint64_t address, n;
} firmware;

int __wrap_mcsafe__sysfs_dax_place(const char *sysfs, dev_t device,
				   struct mcsafe__dax_place *place);
int __wrap_mcsafe__clearing_begin(struct mcsafe__clearing **clearing, const char *region,
				  uint64_t address, uint64_t n);
int __wrap_mcsafe__clearing_run(const struct mcsafe__clearing *clearing);
void __wrap_mcsafe__clearing_end(struct mcsafe__clearing *clearing);
size_t __wrap_mcsafe__flush_clflush(const void *addr, size_t n, struct mcsafe_fault *fault);
void __real_mcsafe__pmem_fence(void);
void __wrap_mcsafe__pmem_fence(void);

int __wrap_mcsafe__sysfs_dax_place(const char *sysfs, dev_t device, struct mcsafe__dax_place *place)
{
	(void)sysfs;
	(void)device;
	strcpy(place->region, "/sys/devices/" REGION);
	place->region_start = START;
	place->start = START;
	place->bytes = firmware.bytes;
	return 0;
}

int __wrap_mcsafe__clearing_begin(struct mcsafe__clearing **clearing, const char *region,
				  uint64_t address, uint64_t n)
{
	assert_string_equal(region, REGION);
	firmware.begun++;
	firmware.address = address;
	firmware.n = n;
	*clearing = (struct mcsafe__clearing *)&firmware;
	return firmware.cannot_begin;
}

int __wrap_mcsafe__clearing_run(const struct mcsafe__clearing *clearing)
{
	size_t offset = firmware.address - START - BEFORE;

	assert_ptr_equal(clearing, &firmware);
	assert_in_range(firmware.address, START + BEFORE, START + BEFORE + SIZE - 1);
	assert_in_range(firmware.n, T_PAGE, SIZE - offset);
	firmware.run++;
	assert_false(firmware.unfenced);
	if (firmware.fails_stores) {
		assert_int_equal(mcsafe_inject_clear(firmware.memory + offset, T_PAGE), 0);
		return 0;
	}
	if (firmware.refuses - offset < firmware.n)
		return -EIO;
	/*
	 * If the process were killed now, the new data would be there, provided that clearing keeps
	 * it.
	 */
	assert_memory_equal(firmware.memory + offset, firmware.data + offset, firmware.n);
	memset(firmware.memory + offset, 0xde, firmware.n);
	return 0;
}

void __wrap_mcsafe__clearing_end(struct mcsafe__clearing *clearing)
{
	assert_ptr_equal(clearing, &firmware);
	firmware.ended++;
	assert_false(firmware.unfenced);
}

/* Every store is flushed. After a flush the firmware can lose a store. */
size_t __wrap_mcsafe__flush_clflush(const void *addr, size_t n, struct mcsafe_fault *fault)
{
	(void)fault;
	firmware.flushes++;
	firmware.unfenced = true;
	if (firmware.loses_stores)
		firmware.memory[(const unsigned char *)addr - firmware.memory + (ptrdiff_t)n - 1] ^=
			1;
	return firmware.cannot_flush ? n : 0;
}

void __wrap_mcsafe__pmem_fence(void)
{
	firmware.unfenced = false;
	__real_mcsafe__pmem_fence();
}

/* ---- repairs --------------------------------------------------------------------------------- */

static struct mcsafe_pmem *pmem;
static unsigned char data[SIZE]; /* the content that our memory must have at the end */
static int device;

/* Makes all of the memory known as bad. */
static void begin(void)
{
	t_install();
	device = open("/dev/zero", O_RDWR | O_CLOEXEC);
	assert_true(device >= 0);
	memset(&firmware, 0, sizeof(firmware));
	firmware.memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, device, 0);
	assert_true((void *)firmware.memory != MAP_FAILED);
	firmware.data = data;
	firmware.refuses = SIZE;
	firmware.bytes = BEFORE + SIZE;
	for (size_t i = 0; i < SIZE; i++)
		data[i] = (unsigned char)(i * 7 + (i >> 8));
	assert_int_equal(mcsafe_pmem_open_memory(&pmem, firmware.memory, SIZE, device,
						 (off_t)BEFORE,
						 MCSAFE_PMEM_WRITE | MCSAFE_PMEM_NO_ASK),
			 0);
	assert_int_equal(mcsafe_badblocks_add(mcsafe_pmem_badblocks(pmem), 0, SIZE), 0);
}

static void end(void)
{
	assert_int_equal(firmware.ended, firmware.begun);
	mcsafe_pmem_close(pmem);
	munmap(firmware.memory, SIZE);
	close(device);
}

/* The number of bytes from that offset on that are known to be bad. */
static size_t known_bad(size_t from)
{
	struct mcsafe_range bad;
	size_t n = 0;

	while (mcsafe_badblocks_next(mcsafe_pmem_badblocks(pmem), from, SIZE, &bad)) {
		n += bad.len;
		from = bad.start + bad.len;
	}
	return n;
}

static ssize_t repair(size_t n, size_t offset)
{
	ssize_t result = mcsafe_pmem_repair(pmem, data + offset, n, (off_t)offset);

	assert_false(firmware.unfenced);
	return result;
}

static void test_what_is_cleared_gets_its_data(void **state)
{
	(void)state;
	begin();
	assert_int_equal(repair(2 * T_PAGE, 3 * T_PAGE), 2 * T_PAGE);
	assert_int_equal(firmware.address, START + BEFORE + 3 * T_PAGE);
	assert_int_equal(firmware.n, 2 * T_PAGE);
	assert_int_equal(firmware.run, 1);
	assert_int_equal(firmware.flushes, 2);
	assert_memory_equal(firmware.memory + 3 * T_PAGE, data + 3 * T_PAGE, 2 * T_PAGE);
	assert_int_equal(firmware.memory[3 * T_PAGE - 1], 0);
	assert_int_equal(firmware.memory[5 * T_PAGE], 0);
	assert_int_equal(known_bad(0), SIZE - 2 * T_PAGE);
	end();
}

static void test_what_is_refused_stays_bad(void **state)
{
	(void)state;
	begin();
	firmware.refuses = 6 * T_PAGE;
	assert_int_equal(repair(8 * T_PAGE, 4 * T_PAGE), 2 * T_PAGE);
	assert_memory_equal(firmware.memory + 4 * T_PAGE, data + 4 * T_PAGE, 2 * T_PAGE);
	assert_int_equal(known_bad(0), SIZE - 2 * T_PAGE);
	assert_int_equal(repair(T_PAGE, 6 * T_PAGE), -EIO);
	assert_int_equal(known_bad(0), SIZE - 2 * T_PAGE);
	end();
}

static void test_what_does_not_read_back_stays_bad(void **state)
{
	(void)state;
	begin();
	firmware.loses_stores = true;
	firmware.data = firmware.memory; /* compare the memory with itself */
	assert_int_equal(repair(T_PAGE, 6 * T_PAGE), -EIO);
	assert_int_equal(firmware.run, 1);
	assert_int_equal(known_bad(0), SIZE);
	end();
}

/* The poison is still there when the data are stored for the first time. */
static void test_the_second_store_decides(void **state)
{
	(void)state;
	begin();
	firmware.fails_stores = true;
	if (mcsafe_inject(firmware.memory + 6 * T_PAGE, T_PAGE, MCSAFE_INJECT_PROTECT) != 0)
		t_skip("no fault can be injected: %s", mcsafe_inject_reason());
	assert_int_equal(repair(T_PAGE, 6 * T_PAGE), T_PAGE);
	assert_int_equal(firmware.run, 1);
	assert_int_equal(firmware.flushes, 1); /* what was not stored is not flushed */
	assert_memory_equal(firmware.memory + 6 * T_PAGE, data + 6 * T_PAGE, T_PAGE);
	assert_int_equal(known_bad(0), SIZE - T_PAGE);
	end();
}

static void test_data_that_cannot_be_flushed_repair_nothing(void **state)
{
	(void)state;
	begin();
	firmware.cannot_flush = true;
	assert_int_equal(repair(T_PAGE, 6 * T_PAGE), -EIO);
	assert_int_equal(firmware.run, 1);
	assert_int_equal(firmware.flushes, 2);
	assert_int_equal(known_bad(0), SIZE);
	end();
}

/* The caller has mapped more than the device has. */
static void test_memory_past_the_end_of_the_device_is_not_cleared(void **state)
{
	static const size_t sizes[] = {0, BEFORE, BEFORE + T_PAGE, BEFORE + 2 * T_PAGE - 1};

	(void)state;
	for (size_t i = 0; i < T_LENGTH(sizes); i++) {
		begin();
		firmware.bytes = sizes[i];
		assert_int_equal(repair(T_PAGE, T_PAGE), -EINVAL);
		assert_int_equal(firmware.begun + firmware.flushes, 0);
		assert_int_equal(known_bad(0), SIZE);
		end();
	}
}

static void test_nothing_is_done_where_nothing_can_be(void **state)
{
	static const struct {
		int begin, result;
	} errors[] = {
		{-ENOSYS, -EOPNOTSUPP}, {-ENODEV, -EOPNOTSUPP}, {-EOPNOTSUPP, -EOPNOTSUPP},
		{-EACCES, -EACCES},     {-EIO, -EIO},
	};

	(void)state;
	for (size_t i = 0; i < T_LENGTH(errors); i++) {
		begin();
		firmware.cannot_begin = errors[i].begin;
		assert_int_equal(repair(T_PAGE, 0), errors[i].result);
		assert_int_equal(firmware.run + firmware.flushes, 0);
		assert_int_equal(firmware.memory[0], 0);
		assert_int_equal(known_bad(0), SIZE);
		firmware.ended = firmware.begun; /* a clearing that did not begin needs no end */
		end();
	}
}

static void test_a_part_of_a_page_is_refused(void **state)
{
	struct mcsafe_pmem *shorter;

	(void)state;
	begin();
	assert_int_equal(repair(T_PAGE + 100, 0), -EINVAL);
	/* Nor can the last part of memory that ends inside a page be repaired. */
	assert_int_equal(mcsafe_pmem_open_memory(&shorter, firmware.memory, T_PAGE + 100, device, 0,
						 MCSAFE_PMEM_WRITE | MCSAFE_PMEM_NO_ASK),
			 0);
	assert_int_equal(mcsafe_pmem_repair(shorter, data, 100, (off_t)T_PAGE), -EINVAL);
	assert_int_equal(mcsafe_pmem_repair(shorter, data, T_PAGE + 100, 0), -EINVAL);
	mcsafe_pmem_close(shorter);
	assert_int_equal(firmware.begun + firmware.flushes, 0);
	end();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_cleared_gets_its_data),
		cmocka_unit_test(test_what_is_refused_stays_bad),
		cmocka_unit_test(test_what_does_not_read_back_stays_bad),
		cmocka_unit_test(test_the_second_store_decides),
		cmocka_unit_test(test_data_that_cannot_be_flushed_repair_nothing),
		cmocka_unit_test(test_memory_past_the_end_of_the_device_is_not_cleared),
		cmocka_unit_test(test_nothing_is_done_where_nothing_can_be),
		cmocka_unit_test(test_a_part_of_a_page_is_refused),
	};

	return t_run("pmem.device", tests, T_LENGTH(tests));
}
