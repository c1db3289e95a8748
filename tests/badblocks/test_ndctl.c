/* SPDX-License-Identifier: BSD-3-Clause */
/* test_ndctl.c - libndctl is opened only when it is needed; a stand-in takes its place */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ndctl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "badblocks/ask.h"
#include "badblocks/clearing.h"
#include "child.h"
#include "fake_ndctl.h"
#include "refusal.h"
#include "run.h"
#include "tool.h"

#define FUNCTIONS 21 /* the call after those of dlopen(3) and dlsym(3): 19 functions */

static int ask(const char *region, const char *count, struct mcsafe__list *list)
{
	*list = (struct mcsafe__list){.cut = false};
	assert_int_equal(setenv("FAKE_NDCTL_COUNT", count, 1), 0);
	return mcsafe__ndctl_region(region, list);
}

#define ADDRESS 0x100a00000u
#define LEN     0x4000u

/* Firmware that does everything that it is asked to do. */
static struct fake_ndctl *good_firmware(void)
{
	void *handle = dlopen("libndctl.so.6", RTLD_NOW);
	struct fake_ndctl *fake;

	assert_non_null(handle);
	fake = dlsym(handle, "fake_ndctl");
	assert_non_null(fake);
	*fake = (struct fake_ndctl){
		.commands = 1ul << ND_CMD_ARS_CAP | 1ul << ND_CMD_CLEAR_ERROR,
		.unit = 256,
		.most = LEN,
		.worn = ADDRESS + LEN,
	};
	return fake;
}

static bool is_loaded(void)
{
	void *handle = dlopen("libndctl.so.6", RTLD_NOW | RTLD_NOLOAD);

	if (handle != NULL)
		dlclose(handle);
	return handle != NULL;
}

static void test_it_is_not_loaded_before_a_question(void **state)
{
	struct mcsafe__list list;

	(void)state;
	assert_false(is_loaded());
	assert_int_equal(ask("region9", "1", &list), -ENODEV);
	assert_true(is_loaded());
}

static void test_what_it_says_is_taken(void **state)
{
	struct mcsafe__list list;

	(void)state;
	assert_int_equal(ask("region1", "3", &list), 0);
	assert_int_equal(list.ranges.n, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(list.ranges.list[i].start, (100000 + 10 * i) * 512);
		assert_int_equal(list.ranges.list[i].len, 7 * 512);
	}
	assert_false(list.cut);
	free(list.ranges.list);
}

/* libndctl does not tell an empty list from a list that could not be read. */
static void test_nothing_bad_is_no_answer(void **state)
{
	struct mcsafe__list list;

	(void)state;
	assert_int_equal(ask("region1", "0", &list), -ENODEV);
	assert_int_equal(ask("region0", "5", &list), -ENODEV);
	assert_int_equal(list.ranges.n, 0);
}

/* The lines have 9 bytes, so that a page of text can show 455 of them. */
static void test_a_full_page_may_have_been_cut(void **state)
{
	static const struct {
		const char *count;
		bool cut;
	} cases[] = {{"1", false}, {"400", false}, {"454", true}, {"455", true}};
	struct mcsafe__list list;

	(void)state;
	for (size_t i = 0; i < T_LENGTH(cases); i++) {
		assert_int_equal(ask("region1", cases[i].count, &list), 0);
		assert_int_equal(list.cut, cases[i].cut);
		free(list.ranges.list);
	}
}

static void test_without_a_context_there_is_no_answer(void **state)
{
	struct fake_ndctl *fake = good_firmware();
	struct mcsafe__list list;

	(void)state;
	fake->new_context = -ENXIO;
	assert_int_equal(ask("region1", "3", &list), -ENXIO);
	assert_int_equal(list.ranges.n, 0);
	fake->new_context = 0;
}

/* A sector of which no byte has an offset, and one that ends past the last. */
static void test_offsets_that_are_too_large_are_no_answer(void **state)
{
	static const unsigned long long offsets[] = {1ull << 55, (1ull << 55) - 3};
	struct fake_ndctl *fake = good_firmware();
	struct mcsafe__list list;

	(void)state;
	for (size_t i = 0; i < T_LENGTH(offsets); i++) {
		fake->bad_offset = offsets[i];
		assert_int_equal(ask("region1", "3", &list), -EBADMSG);
		assert_int_equal(list.ranges.n, 0);
		assert_int_equal(fake->live, 0);
	}
	fake->bad_offset = 0;
}

/* ---- a device of this machine ---------------------------------------------------------------- */

#define REGION "/sys/devices/region1"
#define DAX    "/sys/devices/region1/dax1.0"

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* Another /sys, in which a device-dax node has a region. Its files say that sector 1 of the region
 * is bad, and libndctl says other sectors. */
static void ask_about_a_device_of_sys(void *arg)
{
	static const char *const directories[] = {"/sys/dev", "/sys/dev/char", "/sys/devices",
						  REGION, DAX};
	struct mcsafe__list list = {.cut = false};

	(void)arg;
	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("mcsafe", "/sys", "tmpfs", 0, NULL) != 0)
		_exit(77);
	for (size_t i = 0; i < T_LENGTH(directories); i++)
		CHECK_EQ(mkdir(directories[i], 0700), 0);
	put(REGION "/badblocks", "1 1\n");
	put(REGION "/resource", "0x100000000\n");
	put(DAX "/resource", "0x100000000\n");
	put(DAX "/size", "134217728\n");
	CHECK_EQ(symlink("../../../bus/dax", DAX "/subsystem"), 0);
	CHECK_EQ(symlink("../../devices/region1/dax1.0", "/sys/dev/char/252:5"), 0);
	CHECK_EQ(setenv("FAKE_NDCTL_COUNT", "2", 1), 0);
	CHECK_EQ(mcsafe__sysfs_dax("/sys", makedev(252, 5), &list), 0);
	CHECK_EQ(list.ranges.n, 2);
	CHECK_EQ(list.ranges.list[0].start, 100000 * 512);
	CHECK_EQ(list.ranges.list[1].start, 100010 * 512);
	free(list.ranges.list);
	/* libndctl does not know a bad sector, so the files are read. */
	list = (struct mcsafe__list){.cut = false};
	CHECK_EQ(setenv("FAKE_NDCTL_COUNT", "0", 1), 0);
	CHECK_EQ(mcsafe__sysfs_dax("/sys", makedev(252, 5), &list), 0);
	CHECK_EQ(list.ranges.n, 1);
	CHECK_EQ(list.ranges.list[0].start, 512);
	free(list.ranges.list);
}

static void test_libndctl_is_asked_about_a_device_of_this_machine(void **state)
{
	int status = t_in_child(ask_about_a_device_of_sys, NULL);

	(void)state;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		t_skip("only root may mount another /sys");
	assert_int_equal(status, 0);
}

/* ---- clearing -------------------------------------------------------------------------------- */

/* Begins, clears and ends. Returns the first error. */
static int clear(const char *region)
{
	struct mcsafe__clearing *clearing = NULL;
	int err = mcsafe__clearing_begin(&clearing, region, ADDRESS, LEN);

	if (err == 0)
		err = mcsafe__clearing_run(clearing);
	mcsafe__clearing_end(clearing);
	return err;
}

static void test_all_is_cleared(void **state)
{
	struct fake_ndctl *fake = good_firmware();

	(void)state;
	fake->log_priority = 4711;
	assert_int_equal(clear("region1"), 0);
	assert_int_equal(fake->cap_address, ADDRESS);
	assert_int_equal(fake->cap_len, LEN);
	assert_int_equal(fake->cleared_to, ADDRESS + LEN);
	assert_int_equal(fake->clears, 1);
	assert_int_equal(fake->live, 0);
	/* Otherwise libndctl would write to the standard error. */
	assert_int_equal(fake->log_priority, 0);
}

/*
 * The rest is requested again, as often as necessary. The upper 16 bits of a status mean no error.
 */
static void test_a_partial_clear_is_continued(void **state)
{
	struct fake_ndctl *fake = good_firmware();

	(void)state;
	fake->most = 0x900;
	fake->status_clear = fake->status_cap = 0x10000;
	fake->submit_clear = fake->submit_cap = 8;
	assert_int_equal(clear("region1"), 0);
	assert_int_equal(fake->cleared_to, ADDRESS + LEN);
	assert_int_equal(fake->clears, 8);
	assert_int_equal(fake->live, 0);
}

static void test_a_part_is_no_success(void **state)
{
	struct fake_ndctl *fake = good_firmware();

	(void)state;
	fake->worn = ADDRESS + LEN - 256;
	assert_int_equal(clear("region1"), -EIO);
	assert_int_equal(fake->cleared_to, ADDRESS + LEN - 256);
	fake->worn = ADDRESS;
	assert_int_equal(clear("region1"), -EIO);
	assert_int_equal(fake->cleared_to, ADDRESS);
	assert_int_equal(fake->live, 0);
}

static void test_what_forbids_to_clear_is_respected(void **state)
{
	static const struct {
		const char *region;
		struct fake_ndctl fake; /* what differs from good firmware; 0: nothing */
		int result;
		unsigned clears;
	} cases[] = {
		{"region9", {.unit = 0}, -ENODEV, 0},
		{"region1", {.commands = 1ul << ND_CMD_ARS_CAP}, -EOPNOTSUPP, 0},
		{"region1", {.commands = 1ul << ND_CMD_CLEAR_ERROR}, -EOPNOTSUPP, 0},
		{"region1", {.no_commands = 1}, -ENOMEM, 0},
		{"region1", {.no_clear_commands = 1}, -ENOMEM, 0},
		{"region1", {.new_context = -ENXIO}, -ENXIO, 0},
		{"region1", {.submit_cap = -EACCES}, -EACCES, 0},
		{"region1", {.status_cap = 2}, -EIO, 0},
		{"region1", {.unit = 0x8000}, -EINVAL, 0},
		{"region1", {.unit = 0x3000}, -EINVAL, 0},
		{"region1", {.submit_clear = -ENOTTY}, -ENOTTY, 0},
		{"region1", {.status_clear = 2}, -EIO, 1},
		{"region1", {.extra = 1}, -EIO, 1},
	};

	(void)state;
	for (size_t i = 0; i < T_LENGTH(cases); i++) {
		const struct fake_ndctl *differs = &cases[i].fake;
		struct fake_ndctl *fake = good_firmware();

		print_message("case %zu\n", i);
		if (differs->commands != 0)
			fake->commands = differs->commands;
		if (differs->unit != 0)
			fake->unit = differs->unit;
		fake->no_commands = differs->no_commands;
		fake->no_clear_commands = differs->no_clear_commands;
		fake->new_context = differs->new_context;
		fake->submit_cap = differs->submit_cap;
		fake->submit_clear = differs->submit_clear;
		fake->status_cap = differs->status_cap;
		fake->status_clear = differs->status_clear;
		fake->extra = differs->extra;
		assert_int_equal(clear(cases[i].region), cases[i].result);
		assert_int_equal(fake->clears, cases[i].clears);
		assert_int_equal(fake->live, 0);
	}
	good_firmware()->unit = 0;
	assert_int_equal(clear("region1"), -EOPNOTSUPP);
}

static const struct fake_ndctl *firmware;

static int clear_region1(void)
{
	return clear("region1");
}

static void expect_nothing_left(int result, const char *refused)
{
	(void)result;
	(void)refused;
	assert_int_equal(firmware->live, 0);
}

static void test_a_clearing_that_finds_no_memory_is_an_error(void **state)
{
	static const int others[] = {-ENOMEM, 0};
	const struct t_attempt attempt = {"clear", NULL, clear_region1, expect_nothing_left};

	(void)state;
	firmware = good_firmware();
	assert_true(t_refuse_each(&attempt, ENOMEM, others) >= 1);
}

/* The nth function of libndctl, or libndctl itself, is not there. Then the others are not used. */
static void look_for_functions(void *arg)
{
	unsigned nth = *(const unsigned *)arg;
	struct mcsafe__clearing *clearing;
	struct mcsafe__list list = {.cut = false};
	const char *refused;

	t_refuse(nth, ENOENT);
	CHECK_EQ(mcsafe__ndctl_region("region1", &list), nth < FUNCTIONS ? -ENOSYS : 0);
	refused = t_refuse_no_more();
	if (nth < FUNCTIONS) {
		CHECK_STR_EQ(refused, nth == 1 ? "dlopen" : "dlsym");
		CHECK_EQ(mcsafe__clearing_begin(&clearing, "region1", 0, 4096), -ENOSYS);
		CHECK_EQ(list.ranges.n, 0);
	}
	free(list.ranges.list);
}

/* What is looked up is looked up once: each time in another process, before libndctl is used in
 * this one. */
static void test_without_one_of_its_functions_it_is_not_used(void **state)
{
	(void)state;
	assert_int_equal(setenv("FAKE_NDCTL_COUNT", "3", 1), 0);
	for (unsigned nth = 1; nth <= FUNCTIONS; nth++)
		t_survives(look_for_functions, &nth);
	assert_false(is_loaded());
}

static struct mcsafe__list found;

static int ask_for_three(void)
{
	return ask("region1", "3", &found);
}

static void drop(int result, const char *refused)
{
	(void)refused;
	assert_int_equal(found.ranges.n, result == 0 ? 3 : 0);
	free(found.ranges.list);
}

static void test_an_answer_that_finds_no_memory_is_an_error(void **state)
{
	static const int others[] = {-ENOMEM, 0};
	const struct t_attempt attempt = {"ask libndctl", NULL, ask_for_three, drop};

	(void)state;
	assert_true(t_refuse_each(&attempt, ENOMEM, others) >= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_one_of_its_functions_it_is_not_used),
		cmocka_unit_test(test_it_is_not_loaded_before_a_question),
		cmocka_unit_test(test_an_answer_that_finds_no_memory_is_an_error),
		cmocka_unit_test(test_what_it_says_is_taken),
		cmocka_unit_test(test_nothing_bad_is_no_answer),
		cmocka_unit_test(test_without_a_context_there_is_no_answer),
		cmocka_unit_test(test_offsets_that_are_too_large_are_no_answer),
		cmocka_unit_test(test_a_full_page_may_have_been_cut),
		NOT_WITH_VALGRIND(test_libndctl_is_asked_about_a_device_of_this_machine),
		cmocka_unit_test(test_all_is_cleared),
		cmocka_unit_test(test_a_partial_clear_is_continued),
		cmocka_unit_test(test_a_part_is_no_success),
		cmocka_unit_test(test_what_forbids_to_clear_is_respected),
		cmocka_unit_test(test_a_clearing_that_finds_no_memory_is_an_error),
	};

	return t_run("badblocks.ndctl", tests, T_LENGTH(tests));
}
