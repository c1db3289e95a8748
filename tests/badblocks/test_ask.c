/* SPDX-License-Identifier: BSD-3-Clause */
/* test_ask.c - the kernel's lists of bad blocks from a tree like /sys, and extents of a stand-in */
#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <mcsafe/badblocks.h>

#include "badblocks/ask.h"
#include "badblocks/devdax.h"
#include "badblocks/sysfs_file.h"
#include "refusal.h"
#include "rng.h"
#include "run.h"

#define SECTOR ((size_t)512)
#define FD     77 /* no open file: fstat() and ioctl() are replaced */

/* ---- our stand-in for a file or a device --------------------------------------------------- */

static struct {
	struct stat stat;
	int fstat_error;
	struct fiemap_extent extents[1000];
	size_t n_extents;
	bool more_than_asked; /* it says that it has reported more than there was room for */
	size_t at_once;       /* the most extents that one call reports; 0: no limit */
	int fiemap_error;
	int xattr_error;
	unsigned xflags;
	unsigned calls;
} fake;

int __wrap_fstat(int fd, struct stat *stat);
int __wrap_ioctl(int fd, unsigned long request, ...);
int __real_fstat(int fd, struct stat *stat);

int __wrap_fstat(int fd, struct stat *stat)
{
	if (fd != FD)
		return __real_fstat(fd, stat);
	errno = fake.fstat_error;
	*stat = fake.stat;
	return fake.fstat_error != 0 ? -1 : 0;
}

static int give_extents(struct fiemap *map)
{
	uint32_t n = 0;

	fake.calls++;
	assert_int_equal(map->fm_flags, FIEMAP_FLAG_SYNC);
	assert_int_equal(map->fm_length, FIEMAP_MAX_OFFSET - map->fm_start);
	errno = fake.fiemap_error;
	if (fake.fiemap_error != 0)
		return -1;
	for (size_t i = 0; i < fake.n_extents && n < map->fm_extent_count; i++) {
		if (fake.extents[i].fe_logical + fake.extents[i].fe_length <= map->fm_start)
			continue;
		if (fake.at_once != 0 && n == fake.at_once)
			break;
		map->fm_extents[n++] = fake.extents[i];
	}
	map->fm_mapped_extents = n + fake.more_than_asked;
	return 0;
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list arguments;
	void *argument;

	va_start(arguments, request);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	assert_int_equal(fd, FD);
	if (request == FS_IOC_FIEMAP)
		return give_extents(argument);
	assert_int_equal(request, FS_IOC_FSGETXATTR);
	errno = fake.xattr_error;
	((struct fsxattr *)argument)->fsx_xflags = fake.xflags;
	return fake.xattr_error != 0 ? -1 : 0;
}

static void extent(uint64_t logical, uint64_t physical, uint64_t len, uint32_t flags)
{
	fake.extents[fake.n_extents++] = (struct fiemap_extent){.fe_logical = logical,
								.fe_physical = physical,
								.fe_length = len,
								.fe_flags = flags};
}

/* ---- a tree like /sys ------------------------------------------------------------------------ */

static char root[] = "./mcsafe-sys-XXXXXX";

static const char *in_tree(const char *path)
{
	static char full[2400];

	snprintf(full, sizeof(full), "%s/%s", root, path);
	return full;
}

static void make_directories(const char *path)
{
	char full[2400];

	snprintf(full, sizeof(full), "%s/%s", root, path);
	for (char *slash = strchr(full + 2, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		assert_true(mkdir(full, 0700) == 0 || errno == EEXIST);
		*slash = '/';
	}
}

static void put(const char *path, const char *text, size_t n)
{
	int fd;

	make_directories(path);
	/* Not O_TRUNC: ext4 immediately writes a file to the disk that is replaced that way. */
	unlink(in_tree(path));
	fd = open(in_tree(path), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, text, n), n);
	close(fd);
}

static void put_string(const char *path, const char *text)
{
	put(path, text, strlen(text));
}

static void put_link(const char *path, const char *target)
{
	make_directories(path);
	assert_true(symlink(target, in_tree(path)) == 0 || errno == EEXIST);
}

#define DISK   "devices/x/ndbus0/region0/namespace0.0/block/pmem0/"
#define PART   DISK "pmem0p1/"
#define REGION "devices/x/ndbus0/region1/"
#define DAX    REGION "dax1.0/dax1.0/"

/* A disk of 1 GiB, a partition of 512 MiB that starts at 1 MiB, and a device-dax node. */
static void make_tree(void)
{
	put_string(DISK "badblocks", "");
	put_string(DISK "size", "2097152\n");
	put_string(PART "partition", "1\n");
	put_string(PART "start", "2048\n");
	put_string(PART "size", "1048576\n");
	put_link("dev/block/259:0", "../../" DISK);
	put_link("dev/block/259:1", "../../" PART);
	put_string(REGION "badblocks", "");
	put_string(REGION "resource", "0x240000000\n");
	put_string(REGION "dax1.0/resource", "0x240000000\n");
	put_string(DAX "resource", "0x240200000\n");
	put_string(DAX "size", "532676608\n");
	put_link(DAX "subsystem", "../../../../../../../bus/dax");
	put_link("dev/char/252:5", "../../" DAX);
	put_string("devices/virtual/mem/null/uevent", "MAJOR=1\n");
	put_link("devices/virtual/mem/null/subsystem", "../../../../class/mem");
	put_link("dev/char/1:3", "../../devices/virtual/mem/null");
	put_string("devices/virtual/odd/uevent", "MAJOR=1\n");
	put_link("devices/virtual/odd/subsystem", "dax");
	put_link("dev/char/1:4", "../../devices/virtual/odd");
}

static struct mcsafe_badblocks *badblocks;

static void begin_file(uint64_t size)
{
	memset(&fake, 0, sizeof(fake));
	fake.stat.st_mode = S_IFREG;
	fake.stat.st_size = (off_t)size;
	fake.stat.st_dev = makedev(259, 0);
	fake.xattr_error = ENOTTY;
	mcsafe_badblocks_destroy(badblocks);
	assert_int_equal(mcsafe_badblocks_create(&badblocks), 0);
}

static void begin_device(mode_t type, unsigned number_major, unsigned number_minor)
{
	begin_file(0);
	fake.stat.st_mode = type;
	fake.stat.st_rdev = makedev(number_major, number_minor);
}

static struct mcsafe_badblocks_answer answer;

static int ask(void)
{
	int err;

	memset(&answer, 0xff, sizeof(answer));
	errno = 4711;
	err = mcsafe__badblocks_ask_in(badblocks, FD, &answer, root);
	assert_int_equal(errno, 4711);
	for (size_t i = 0; i < T_LENGTH(answer.reserved); i++)
		assert_null(answer.reserved[i]);
	return err;
}

static void assert_not_asked(int error)
{
	size_t before = mcsafe_badblocks_bytes(badblocks);

	assert_int_equal(ask(), -error);
	assert_int_equal(answer.state, MCSAFE_BADBLOCKS_NOT_ASKED);
	assert_int_equal(answer.error, error);
	assert_int_equal(answer.count, 0);
	assert_int_equal(answer.bytes, 0);
	assert_int_equal(mcsafe_badblocks_bytes(badblocks), before);
}

static void assert_none(void)
{
	assert_int_equal(ask(), 0);
	assert_int_equal(answer.state, MCSAFE_BADBLOCKS_NONE);
	assert_int_equal(answer.error, 0);
	assert_int_equal(answer.count, 0);
	assert_int_equal(answer.bytes, 0);
	assert_int_equal(mcsafe_badblocks_count(badblocks), 0);
}

/* Exactly these ranges were found: pairs of start and length. */
static void assert_found(const struct mcsafe_range *expected, size_t n)
{
	struct mcsafe_range bad = {0, 0};
	size_t bytes = 0;

	assert_int_equal(ask(), 0);
	assert_int_equal(answer.state, MCSAFE_BADBLOCKS_FOUND);
	assert_int_equal(answer.error, 0);
	assert_int_equal(answer.count, n);
	assert_int_equal(mcsafe_badblocks_count(badblocks), n);
	for (size_t i = 0; i < n; i++) {
		assert_true(mcsafe_badblocks_next(badblocks, bad.start + bad.len, SIZE_MAX, &bad));
		assert_int_equal(bad.start, expected[i].start);
		assert_int_equal(bad.len, expected[i].len);
		bytes += bad.len;
	}
	assert_int_equal(answer.bytes, bytes);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void test_a_disk_has_none_some_or_no_list(void **state)
{
	static const struct mcsafe_range some[] = {{8 * SECTOR, 9 * SECTOR},
						   {100 * SECTOR, SECTOR}};

	(void)state;
	begin_device(S_IFBLK, 259, 0);
	put_string(DISK "badblocks", "");
	assert_none();
	put_string(DISK "badblocks", "8 8\n100 1\n16 1\n");
	assert_found(some, 2);
	put_string(DISK "badblocks", "\n");
	assert_not_asked(EOPNOTSUPP);
	assert_int_equal(unlink(in_tree(DISK "badblocks")), 0);
	assert_not_asked(EOPNOTSUPP);
	begin_device(S_IFBLK, 259, 7);
	assert_not_asked(ENODEV);
}

static void test_a_partition_has_its_part(void **state)
{
	/*
	 * One range begins before the partition, one is inside, one ends after it, two are outside.
	 */
	static const struct mcsafe_range some[] = {
		{0, 2 * SECTOR}, {100 * SECTOR, 8 * SECTOR}, {1048570 * SECTOR, 6 * SECTOR}};

	(void)state;
	begin_device(S_IFBLK, 259, 1);
	put_string(DISK "badblocks", "2040 10\n2148 8\n1050618 100\n10 8\n2000000 5\n");
	assert_found(some, 3);
	begin_device(S_IFBLK, 259, 1);
	put_string(DISK "badblocks", "0 2048\n1050624 9\n");
	assert_none();
}

static void test_bad_text_is_no_answer(void **state)
{
	static const char *const bad[] = {"8\n",
					  "8 8",
					  "8 8\n9",
					  "8 0\n",
					  "x y\n",
					  "8 8 8\n",
					  "36028797018963968 1\n",
					  "-8 8\n",
					  "8 36028797018963968\n",
					  "8 8\n\n8",
					  "18446744073709551615 1\n"};

	(void)state;
	begin_device(S_IFBLK, 259, 0);
	for (size_t i = 0; i < T_LENGTH(bad); i++) {
		put_string(DISK "badblocks", bad[i]);
		assert_not_asked(EBADMSG);
	}
	put_string(DISK "badblocks", "8 8\n");
	put_string(DISK "size", "many\n");
	assert_not_asked(EBADMSG);
	put_string(DISK "size", "-5\n");
	assert_not_asked(EBADMSG);
	put_string(DISK "size", "");
	assert_not_asked(EBADMSG);
	put_string(DISK "size", "36028797018963968\n");
	assert_not_asked(EBADMSG);
	put_string(DISK "size", "2097152 \n");
	assert_not_asked(EBADMSG);
	/* More digits than there is room for. */
	put_string(
		DISK "size",
		"2097152000000000000000000000000000000000000000000000000000000000000000000000\n");
	assert_not_asked(EBADMSG);
	/* The kernel ends each number with a newline, but need not. */
	put_string(DISK "badblocks", "");
	put_string(DISK "size", "2097152");
	assert_none();
	put_string(DISK "badblocks", "8 8\n");
	assert_int_equal(unlink(in_tree(DISK "size")), 0);
	assert_not_asked(ENOENT);
	put_string(DISK "size", "2097152\n");
	begin_device(S_IFBLK, 259, 1);
	put_string(PART "start", "99999999999999999999\n");
	assert_not_asked(EBADMSG);
	put_string(PART "start", "2048\n");
}

/* The kernel's text ends at 4095 bytes, in the middle of a line. Its list ends at 512 entries. */
static void test_a_cut_list_is_reported_as_cut(void **state)
{
	char text[8192];
	size_t n = 0, lines = 0;

	(void)state;
	begin_device(S_IFBLK, 259, 0);
	/* The first line is one byte shorter than the others. */
	for (; n < 4095; lines++)
		n += (size_t)sprintf(text + n, "%zu 7\n", 99990 + 10 * lines);
	put(DISK "badblocks", text, 4095);
	assert_int_equal(ask(), 0);
	assert_int_equal(answer.state, MCSAFE_BADBLOCKS_FOUND);
	assert_int_equal(answer.error, EOVERFLOW);
	assert_int_equal(answer.count, lines - 1);
	assert_int_equal(answer.bytes, (lines - 1) * 7 * SECTOR);
	/* The cut can also be between two lines. */
	begin_device(S_IFBLK, 259, 0);
	for (n = lines = 0; n < 4095; lines++)
		n += (size_t)sprintf(text + n, "%zu 7\n", 100000 + 10 * lines);
	assert_int_equal(n, 4095);
	put(DISK "badblocks", text, n);
	assert_int_equal(ask(), 0);
	assert_int_equal(answer.error, EOVERFLOW);
	assert_int_equal(answer.count, lines);
	/*
	 * None of the ranges is in the partition. It may still have some, because the list was cut.
	 */
	begin_device(S_IFBLK, 259, 1);
	for (n = 0; n < 4095; n += 9)
		sprintf(text + n, "000010 1\n");
	put(DISK "badblocks", text, n);
	assert_int_equal(ask(), 0);
	assert_int_equal(answer.state, MCSAFE_BADBLOCKS_FOUND);
	assert_int_equal(answer.error, EOVERFLOW);
	assert_int_equal(answer.count, 0);

	begin_device(S_IFBLK, 259, 0);
	for (size_t i = n = 0; i < 512; i++)
		n += (size_t)sprintf(text + n, "%zu 1\n", 100 + 2 * i);
	assert_in_range(n, 0, 4094);
	put(DISK "badblocks", text, n);
	assert_int_equal(ask(), 0);
	assert_int_equal(answer.error, EOVERFLOW);
	assert_int_equal(answer.count, 512);
	put(DISK "badblocks", text, 4095);
	begin_device(S_IFBLK, 259, 0);
	memset(text, '1', sizeof(text));
	put(DISK "badblocks", text, 4095);
	assert_not_asked(EBADMSG);
}

static void test_a_file_has_what_its_extents_have(void **state)
{
	/*
	 * Logical 0..64K is at 1M, 64K..128K at 512K, 1M.. at 2M. Bad sectors lie across their
	 * ends.
	 */
	static const struct mcsafe_range some[] = {
		{0, SECTOR},                       /* the end of a range that begins earlier */
		{65536 - SECTOR, 2 * SECTOR},      /* two ranges of the disk, one of the file */
		{131072 - 4 * SECTOR, 4 * SECTOR}, /* continues past the end of the extent */
		{1048576 + 10 * SECTOR, 20 * SECTOR},
	};

	(void)state;
	begin_file(8 << 20);
	put_string(DISK "badblocks", "2047 2\n"   /* 1M - 1 sector */
				     "2175 1\n"   /* 1M + 64K - 1 sector */
				     "1024 1\n"   /* 512K */
				     "1148 100\n" /* 512K + 64K - 4 sectors */
				     "4106 20\n"  /* 2M + 10 sectors */
				     "100000 8\n");
	extent(0, 1 << 20, 65536, 0);
	extent(65536, 512 << 10, 65536, FIEMAP_EXTENT_MERGED);
	extent(1 << 20, 2 << 20, 1 << 20, FIEMAP_EXTENT_LAST | FIEMAP_EXTENT_SHARED);
	assert_found(some, T_LENGTH(some));
	assert_int_equal(fake.calls, 1);
	/* A file system that reports fewer extents in one call is called again. */
	begin_file(8 << 20);
	extent(0, 1 << 20, 65536, 0);
	extent(65536, 512 << 10, 65536, 0);
	extent(1 << 20, 2 << 20, 1 << 20, 0); /* without the flag that marks the last extent */
	fake.at_once = 1;
	assert_found(some, T_LENGTH(some));
	assert_int_equal(fake.calls, 4);
	/* Nobody asks for extents past the end of the file. */
	begin_file(2 << 20);
	extent(0, 1 << 20, 65536, 0);
	extent(65536, 512 << 10, 65536, 0);
	extent(1 << 20, 2 << 20, 1 << 20, 0);
	assert_found(some, T_LENGTH(some));
	assert_int_equal(fake.calls, 1);
}

static void test_extents_without_data_are_left_out(void **state)
{
	static const uint32_t nothing_there[] = {FIEMAP_EXTENT_UNWRITTEN, FIEMAP_EXTENT_UNKNOWN,
						 FIEMAP_EXTENT_DELALLOC | FIEMAP_EXTENT_UNKNOWN,
						 FIEMAP_EXTENT_DELALLOC};
	static const struct mcsafe_range inlined = {10, 90}, encoded = {T_PAGE, 5 * T_PAGE};

	(void)state;
	put_string(DISK "badblocks", "2048 1\n");
	for (size_t i = 0; i < T_LENGTH(nothing_there); i++) {
		begin_file(1 << 20);
		extent(0, 1 << 20, T_PAGE, nothing_there[i] | FIEMAP_EXTENT_LAST);
		assert_none();
	}
	begin_file(1 << 20);
	assert_none();
	/* The data is in an inode, at an odd place. The bad sector has all but its first bytes. */
	begin_file(100);
	extent(0, (1 << 20) - 10, 100, FIEMAP_EXTENT_DATA_INLINE | FIEMAP_EXTENT_NOT_ALIGNED);
	assert_found(&inlined, 1);
	/* The data is compressed, so that no byte of it can be read. */
	begin_file(1 << 20);
	extent(0, 1 << 19, T_PAGE, FIEMAP_EXTENT_ENCODED);
	extent(T_PAGE, (1 << 20) - T_PAGE, 5 * T_PAGE, FIEMAP_EXTENT_ENCODED | FIEMAP_EXTENT_LAST);
	assert_found(&encoded, 1);
}

static void test_the_end_of_a_file_is_the_end(void **state)
{
	static const struct mcsafe_range last = {T_PAGE, T_PAGE};

	(void)state;
	put_string(DISK "badblocks", "2056 1000\n");
	begin_file(T_PAGE + 1);
	extent(0, 1 << 20, 1 << 20, FIEMAP_EXTENT_LAST);
	assert_found(&last, 1);
	/* The second extent is preallocated past the end of the file. */
	begin_file(T_PAGE);
	extent(0, 1 << 20, T_PAGE, 0);
	extent(T_PAGE, (1 << 20) + T_PAGE, 1 << 20, FIEMAP_EXTENT_LAST);
	assert_none();
}

static void test_unreadable_extents_are_reported(void **state)
{
	(void)state;
	put_string(DISK "badblocks", "8 8\n");
	begin_file(1 << 20);
	fake.fiemap_error = EOPNOTSUPP;
	assert_not_asked(EOPNOTSUPP);
	fake.fiemap_error = ENOTTY;
	assert_not_asked(EOPNOTSUPP);
	fake.fiemap_error = EIO;
	assert_not_asked(EIO);
	/* Answers that make no sense also end the search. */
	begin_file(1 << 20);
	extent(T_PAGE, 1 << 20, 0, 0);
	extent(0, 1 << 20, T_PAGE, 0);
	assert_not_asked(EBADMSG);
	begin_file(1 << 20);
	extent(0, UINT64_MAX - T_PAGE + 2, T_PAGE, FIEMAP_EXTENT_LAST);
	assert_not_asked(EBADMSG);
	begin_file(1 << 20);
	extent(T_PAGE, 0, UINT64_MAX, FIEMAP_EXTENT_LAST);
	assert_not_asked(EBADMSG);
	/* XFS: the file is on the second disk of the file system. */
	begin_file(1 << 20);
	fake.xattr_error = 0;
	assert_none();
	fake.xflags = FS_XFLAG_REALTIME;
	assert_not_asked(EOPNOTSUPP);
	/* The disk has no bad blocks, so nobody needs to know where the file is. */
	put_string(DISK "badblocks", "");
	assert_none();
}

static void test_device_dax_has_its_part_of_the_region(void **state)
{
	/* The device begins 2 MiB into the region. */
	static const struct mcsafe_range some[] = {{0, 4 * SECTOR}, {T_PAGE, T_PAGE}};

	(void)state;
	begin_device(S_IFCHR, 252, 5);
	put_string(REGION "badblocks", "");
	assert_none();
	put_string(REGION "badblocks", "4092 8\n4104 8\n10 1\n1044480 1\n");
	assert_found(some, 2);
	put_string(REGION "badblocks", "junk\n");
	assert_not_asked(EBADMSG);
	put_string(REGION "badblocks", "");
	put_string(DAX "resource", "soon\n");
	assert_not_asked(EBADMSG);
	put_string(DAX "resource", "0xffffffffffffffff\n");
	put_string(REGION "badblocks", "4092 8\n");
	assert_not_asked(EBADMSG);
	assert_int_equal(unlink(in_tree(DAX "resource")), 0);
	assert_not_asked(ENOENT);
	put_string(DAX "resource", "0x240200000\n");
	/* The region has no list: its memory is of another kind. */
	assert_int_equal(unlink(in_tree(REGION "badblocks")), 0);
	assert_not_asked(EOPNOTSUPP);
}

static void test_other_files_cannot_be_asked_about(void **state)
{
	(void)state;
	begin_device(S_IFCHR, 1, 3);
	assert_not_asked(EOPNOTSUPP);
	begin_device(S_IFCHR, 1, 99);
	assert_not_asked(EOPNOTSUPP);
	begin_device(S_IFCHR, 1, 4);
	assert_not_asked(EOPNOTSUPP);
	begin_device(S_IFIFO, 0, 0);
	assert_not_asked(EOPNOTSUPP);
	begin_device(S_IFDIR, 0, 0);
	assert_not_asked(EOPNOTSUPP);
	begin_file(T_PAGE);
	fake.stat.st_dev = makedev(0, 39);
	assert_not_asked(ENODEV);
	fake.fstat_error = EBADF;
	assert_not_asked(EBADF);
}

/*
 * Reads thousands of trees of random text, with lines cut and changed. Each read fails, or gives a
 * valid answer.
 */
static void test_random_text_never_harms(void **state)
{
	static const char characters[] = "0123456789  \n\n-x\t";
	struct t_rng rng = t_rng_start(t_seed(), 0);
	size_t answered = 0;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		char text[200];
		size_t n = t_rng_below(&rng, sizeof(text)), end = 0;
		int err;

		while (end < n && t_rng_below(&rng, 40) != 0) {
			int len = snprintf(text + end, sizeof(text) - end, "%zu %zu\n",
					   t_rng_below(&rng, 3000000), 1 + t_rng_below(&rng, 512));

			if (end + (size_t)len > n)
				break;
			end += (size_t)len;
		}
		if (end > 0 && t_rng_below(&rng, 2) != 0)
			text[t_rng_below(&rng, end)] =
				characters[t_rng_below(&rng, sizeof(characters) - 1)];
		put(DISK "badblocks", text, end);
		begin_device(S_IFBLK, 259, (unsigned)t_rng_below(&rng, 2));
		err = ask();
		assert_true(err == 0 || err == -EBADMSG || err == -EOPNOTSUPP);
		assert_int_equal(answer.state == MCSAFE_BADBLOCKS_FOUND,
				 mcsafe_badblocks_count(badblocks) != 0);
		assert_false(mcsafe_badblocks_next(badblocks, (size_t)1 << 30, SIZE_MAX, NULL));
		answered += err == 0;
	}
	assert_true(answered > 500 && answered < 2900);
}

/* Reads this machine's own lists. Whatever they contain, the three states must be distinct. */
static void test_the_machine_answers(void **state)
{
	static const char *const paths[] = {"/proc/self/exe", "/dev/null", "/", "/dev/shm/."};

	(void)state;
	for (size_t i = 0; i < T_LENGTH(paths); i++) {
		int fd = open(paths[i], O_RDONLY | O_CLOEXEC), err;

		if (fd == -1) {
			print_message("%s does not exist here\n", paths[i]);
			continue;
		}
		begin_file(0);
		__real_fstat(fd, &fake.stat);
		err = mcsafe_badblocks_ask(badblocks, FD, &answer);
		print_message("%s: state %d, error %d\n", paths[i], (int)answer.state,
			      answer.error);
		assert_int_equal(err != 0, answer.state == MCSAFE_BADBLOCKS_NOT_ASKED);
		assert_int_equal(answer.state == MCSAFE_BADBLOCKS_FOUND,
				 mcsafe_badblocks_count(badblocks) != 0);
		close(fd);
	}
	assert_int_equal(mcsafe_badblocks_ask(badblocks, -1, &answer), -EBADF);
	assert_int_equal(answer.error, EBADF);
}

static int open_tree(void **state)
{
	(void)state;
	if (mkdtemp(root) == NULL)
		return -1;
	make_tree();
	return 0;
}

static int close_tree(void **state)
{
	char command[64];

	(void)state;
	mcsafe_badblocks_destroy(badblocks);
	snprintf(command, sizeof(command), "rm -rf %s", root);
	/* NOLINTNEXTLINE(cert-env33-c): a directory of our own */
	return system(command);
}

/* Another error than that of the call: no memory; no list; no such device; the text makes no
 * sense. */
static const int others[] = {-ENOMEM, -EOPNOTSUPP, -ENODEV, -EBADMSG, 0};

static void forget_answer(void)
{
	assert_int_equal(mcsafe_badblocks_clear(badblocks, 0, SIZE_MAX), 0);
}

static void expect_all_or_nothing(int result, const char *refused)
{
	(void)refused;
	assert_int_equal(answer.state,
			 result == 0 ? MCSAFE_BADBLOCKS_FOUND : MCSAFE_BADBLOCKS_NOT_ASKED);
	assert_int_equal(answer.error, -result);
	assert_int_equal(answer.count, mcsafe_badblocks_count(badblocks));
	assert_int_equal(answer.count, result == 0 ? 2 : 0);
}

static void test_whichever_call_fails_nothing_is_half_known(void **state)
{
	static const struct t_attempt attempt = {"ask", forget_answer, ask, expect_all_or_nothing};
	static const int errors[] = {EACCES, EIO};

	(void)state;
	for (int kind = 0; kind < 3; kind++) {
		put_string(DISK "badblocks", "2064 8\n2100 1\n");
		put_string(REGION "badblocks", "4196 8\n5000 1\n");
		if (kind == 0) {
			begin_file(1 << 20);
			extent(0, 2048 * SECTOR, 1 << 20, FIEMAP_EXTENT_LAST);
		} else {
			begin_device(kind == 1 ? S_IFBLK : S_IFCHR, kind == 1 ? 259 : 252,
				     kind == 1 ? 1 : 5);
		}
		for (size_t i = 0; i < T_LENGTH(errors); i++)
			assert_true(t_refuse_each(&attempt, errors[i], others) >= 8);
	}
	/* A read that a signal interrupts is repeated. */
	begin_device(S_IFBLK, 259, 0);
	for (unsigned nth = 1;; nth++) {
		const char *refused;
		int err;

		forget_answer();
		t_refuse(nth, EINTR);
		err = ask();
		refused = t_refuse_no_more();
		if (refused == NULL)
			break;
		if (strcmp(refused, "read") == 0)
			assert_int_equal(err, 0);
	}
}

/* A file whose extents are more than the kernel was asked for. */
static void test_too_many_extents_are_no_answer(void **state)
{
	(void)state;
	begin_file(1 << 20);
	put_string(DISK "badblocks", "8 8\n");
	for (uint64_t i = 0; i < 200; i++)
		extent(i * 4096, i * 4096, 4096, 0);
	fake.more_than_asked = true;
	assert_not_asked(EBADMSG);
}

static void test_numbers_that_are_too_large_are_no_answer(void **state)
{
	(void)state;
	begin_device(S_IFBLK, 259, 1);
	put_string(DISK "badblocks", "8 8\n");
	put_string(PART "start", "36028797018963968\n");
	assert_not_asked(EBADMSG);
	put_string(PART "start", "36028797018963967\n");
	assert_not_asked(EBADMSG);
	put_string(PART "start", "2048\n");
	begin_device(S_IFCHR, 252, 5);
	put_string(REGION "badblocks", "4196 8\n5000 1\n");
	put_string(REGION "resource", "0xffffffffffffe000\n");
	assert_not_asked(EBADMSG);
	/* The start of a range is below 2^64, and its end is not. */
	put_string(REGION "badblocks", "8 16\n");
	assert_not_asked(EBADMSG);
	put_string(REGION "resource", "0x240000000\n");
}

static void test_paths_that_are_too_long_are_no_answer(void **state)
{
	static const mode_t types[] = {S_IFREG, S_IFBLK, S_IFCHR};
	char sysfs[3000], name[201], half[700], deep[1500];
	size_t size, align;
	uint64_t number;

	(void)state;
	memset(name, 'd', 200);
	name[200] = '\0';
	for (size_t len = 980; len < sizeof(sysfs); len += len < 1050 ? 1 : 500) {
		memset(sysfs, '/', len);
		sysfs[len] = '\0';
		for (size_t i = 0; i < T_LENGTH(types); i++) {
			begin_device(types[i], 259, 12345);
			assert_int_not_equal(
				mcsafe__badblocks_ask_in(badblocks, FD, &answer, sysfs), 0);
			assert_int_equal(answer.state, MCSAFE_BADBLOCKS_NOT_ASKED);
			if (len > 1024)
				assert_int_equal(answer.error, ENAMETOOLONG);
		}
		assert_int_equal(mcsafe__devdax(sysfs, makedev(252, 5), &size, &align), -ENODEV);
	}
	/* The links are short, and what they lead to together is not. */
	(void)snprintf(half, sizeof(half), "%s/%s/%s", name, name, name);
	(void)snprintf(deep, sizeof(deep), "deep/%s/%s/size", half, half);
	put_string(deep, "4096\n");
	(void)snprintf(deep, sizeof(deep), "deep/%s", half);
	put_link("half", deep);
	(void)snprintf(deep, sizeof(deep), "../../half/%s", half);
	put_link("dev/char/252:77", deep);
	begin_device(S_IFCHR, 252, 77);
	assert_not_asked(ENAMETOOLONG);
	/* A directory that leaves no room for the name of a file. */
	memset(sysfs, '/', MCSAFE__SYSFS_PATH - 5);
	sysfs[MCSAFE__SYSFS_PATH - 5] = '\0';
	assert_int_equal(mcsafe__sysfs_read_number(sysfs, "resource", &number), -ENAMETOOLONG);
	assert_false(mcsafe__sysfs_has(sysfs, "resource"));
	assert_false(mcsafe__sysfs_is_dax(sysfs));
}

/* Its beginning alone would be another number. */
static void test_a_number_is_read_whole_or_not(void **state)
{
	char text[128];
	uint64_t number;

	(void)state;
	for (int digits = 3; digits < 100; digits++) {
		int n = snprintf(text, sizeof(text), "0x%0*x\n", digits, 0x777u);

		put("numbers/size", text, (size_t)n);
		number = 0;
		if (mcsafe__sysfs_read_number(in_tree("numbers"), "size", &number) == 0)
			assert_int_equal(number, 0x777);
		else
			assert_true(n >= 63);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_disk_has_none_some_or_no_list),
		cmocka_unit_test(test_a_partition_has_its_part),
		cmocka_unit_test(test_bad_text_is_no_answer),
		cmocka_unit_test(test_a_number_is_read_whole_or_not),
		cmocka_unit_test(test_a_cut_list_is_reported_as_cut),
		cmocka_unit_test(test_a_file_has_what_its_extents_have),
		cmocka_unit_test(test_extents_without_data_are_left_out),
		cmocka_unit_test(test_the_end_of_a_file_is_the_end),
		cmocka_unit_test(test_unreadable_extents_are_reported),
		cmocka_unit_test(test_device_dax_has_its_part_of_the_region),
		cmocka_unit_test(test_other_files_cannot_be_asked_about),
		cmocka_unit_test(test_random_text_never_harms),
		cmocka_unit_test(test_whichever_call_fails_nothing_is_half_known),
		cmocka_unit_test(test_too_many_extents_are_no_answer),
		cmocka_unit_test(test_numbers_that_are_too_large_are_no_answer),
		cmocka_unit_test(test_paths_that_are_too_long_are_no_answer),
		cmocka_unit_test(test_the_machine_answers),
	};
	int status;

	if (open_tree(NULL) != 0)
		return 1;
	status = t_run("badblocks.ask", tests, T_LENGTH(tests));
	return close_tree(NULL) == 0 ? status : 1;
}
