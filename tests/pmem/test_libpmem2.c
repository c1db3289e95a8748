/* SPDX-License-Identifier: BSD-3-Clause */
/* test_libpmem2.c - memory that libpmem2 has mapped, and the same file mapped by libmcsafe */
#include <mcsafe/inject.h>
#include <mcsafe/pmem.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libpmem2.h>

#include "run.h"

#define SIZE (16 * T_PAGE)

static struct {
	int fd;
	struct pmem2_config *config;
	struct pmem2_source *source;
	struct pmem2_map *map;
	unsigned char *base;
} theirs;

static int map_with_libpmem2(void **state)
{
	char path[] = "/tmp/mcsafe-pmem2-XXXXXX";

	(void)state;
	theirs.fd = mkstemp(path);
	assert_true(theirs.fd >= 0);
	unlink(path);
	assert_int_equal(ftruncate(theirs.fd, (off_t)SIZE), 0);
	assert_int_equal(pmem2_config_new(&theirs.config), 0);
	assert_int_equal(pmem2_source_from_fd(&theirs.source, theirs.fd), 0);
	assert_int_equal(
		pmem2_config_set_required_store_granularity(theirs.config, PMEM2_GRANULARITY_PAGE),
		0);
	assert_int_equal(pmem2_map_new(&theirs.map, theirs.config, theirs.source), 0);
	theirs.base = pmem2_map_get_address(theirs.map);
	assert_int_equal(pmem2_map_get_size(theirs.map), SIZE);
	return 0;
}

static int unmap_with_libpmem2(void **state)
{
	(void)state;
	assert_int_equal(pmem2_map_delete(&theirs.map), 0);
	pmem2_source_delete(&theirs.source);
	pmem2_config_delete(&theirs.config);
	close(theirs.fd);
	return 0;
}

static int take(struct mcsafe_pmem **pmem)
{
	enum pmem2_granularity granularity = pmem2_map_get_store_granularity(theirs.map);
	int flush = granularity == PMEM2_GRANULARITY_PAGE ? 0 : MCSAFE_PMEM_FLUSH;

	return mcsafe_pmem_open_memory(pmem, theirs.base, SIZE, theirs.fd, 0,
				       MCSAFE_PMEM_WRITE | flush);
}

/* Each mapping shows the stores through the other, durable or not. */
static void test_their_stores_and_ours_are_seen_by_both(void **state)
{
	struct mcsafe_pmem *pmem, *second;
	char text[32] = "";

	(void)state;
	t_install();
	assert_int_equal(take(&pmem), 0);
	assert_int_equal(mcsafe_pmem_open_fd(&second, theirs.fd, 0), 0);
	pmem2_get_memcpy_fn(theirs.map)(theirs.base + 100, "theirs", 7, 0);
	assert_int_equal(mcsafe_pmem_pread(pmem, text, 7, 100, NULL), 7);
	assert_string_equal(text, "theirs");
	assert_int_equal(mcsafe_pmem_pwrite(pmem, "ours", 5, 200, NULL), 5);
	assert_int_equal(mcsafe_pmem_persist(pmem, 200, 5), 0);
	assert_string_equal((char *)theirs.base + 200, "ours");
	assert_int_equal(mcsafe_pmem_pread(second, text, 5, 200, NULL), 5);
	assert_string_equal(text, "ours");
	mcsafe_pmem_close(second);
	mcsafe_pmem_close(pmem);
	/* The memory is still libpmem2's. */
	pmem2_get_persist_fn(theirs.map)(theirs.base, SIZE);
}

static void test_a_bad_page_of_libpmem2_is_repaired(void **state)
{
	static const enum mcsafe_inject_kind kinds[] = {MCSAFE_INJECT_POISON, MCSAFE_INJECT_EOF};
	struct mcsafe_pmem *pmem;
	static unsigned char data[T_PAGE], back[SIZE];
	struct mcsafe_fault fault;
	int err = -1;

	(void)state;
	t_install();
	assert_int_equal(take(&pmem), 0);
	for (size_t i = 0; i < T_LENGTH(kinds) && err != 0; i++)
		err = mcsafe_inject(theirs.base + 3 * T_PAGE, T_PAGE, kinds[i]);
	if (err != 0)
		t_skip("no SIGBUS can be injected: %s", mcsafe_inject_reason());
	assert_int_equal(mcsafe_pmem_pread(pmem, back, SIZE, 0, &fault), 3 * T_PAGE);
	/* An I/O error is remembered only if pread(2) of the file fails too. */
	assert_int_equal(mcsafe_badblocks_bytes(mcsafe_pmem_badblocks(pmem)),
			 fault.cause == MCSAFE_CAUSE_POISON ? T_PAGE : 0);
	memset(data, 'd', T_PAGE);
	assert_int_equal(mcsafe_pmem_repair(pmem, data, T_PAGE, 3 * T_PAGE), T_PAGE);
	assert_int_equal(mcsafe_pmem_pread(pmem, back, SIZE, 0, NULL), SIZE);
	assert_memory_equal(back + 3 * T_PAGE, data, T_PAGE);
	/* A plain load through libpmem2's mapping also finds the page. */
	assert_memory_equal(theirs.base + 3 * T_PAGE, data, T_PAGE);
	assert_int_equal(mcsafe_inject_clear(theirs.base + 3 * T_PAGE, T_PAGE), 0);
	mcsafe_pmem_close(pmem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_their_stores_and_ours_are_seen_by_both,
						map_with_libpmem2, unmap_with_libpmem2),
		cmocka_unit_test_setup_teardown(test_a_bad_page_of_libpmem2_is_repaired,
						map_with_libpmem2, unmap_with_libpmem2),
	};

	return t_run("pmem.libpmem2", tests, T_LENGTH(tests));
}
