/* SPDX-License-Identifier: BSD-3-Clause */
/* test_maps.c - an address is found in a file like /proc/self/maps, or is said not to be known */
#include "base/maps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "run.h"

/* The linker leads the library's open(2) and read(2) here (--wrap). */
static struct {
	const char *text; /* of the file; NULL: the file that there is */
	size_t piece;     /* bytes that are read at once; 0: as many as there is room for */
	unsigned interrupts;
	unsigned fails_at; /* this read(2), counting from 1 */
	unsigned reads;
} os;

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
ssize_t __real_read(int fd, void *to, size_t n);
ssize_t __wrap_read(int fd, void *to, size_t n);

int __wrap_open(const char *path, int flags, ...)
{
	va_list args;
	unsigned mode;
	int fd;

	va_start(args, flags);
	mode = flags & O_CREAT ? va_arg(args, unsigned) : 0;
	va_end(args);
	if (os.text == NULL)
		return __real_open(path, flags, mode);
	assert_string_equal(path, "/proc/self/maps");
	fd = memfd_create("maps", MFD_CLOEXEC);
	assert_int_equal(pwrite(fd, os.text, strlen(os.text), 0), strlen(os.text));
	return fd;
}

ssize_t __wrap_read(int fd, void *to, size_t n)
{
	if (os.text == NULL)
		return __real_read(fd, to, n);
	if (os.interrupts != 0) {
		os.interrupts--;
		errno = EINTR;
		return -1;
	}
	if (++os.reads == os.fails_at) {
		errno = EIO;
		return -1;
	}
	return __real_read(fd, to, os.piece != 0 && n > os.piece ? os.piece : n);
}

static enum mcsafe__mapped find(const char *text, unsigned long at, struct mcsafe__mapping *found)
{
	enum mcsafe__mapped result;

	os.text = text;
	os.reads = 0;
	result = mcsafe__mapping_find(at, found);
	os.text = NULL;
	return result;
}

#define LINE "1000-3000 r-xp 0000a000 08:01 1234   /lib/some lib.so\n"
#define TEXT                                     \
 LINE "a000-b000 rw-p 00000000 00:00 0 \n"       \
      "b000-c000 ---p 00000000 00:00 0 [heap]\n" \
      "7fffffffe000-7fffffffffff rw-s 00001000 00:05 77 /dev/zero (deleted)\n"

static void expect(const struct mcsafe__mapping *found, unsigned long start, unsigned long offset,
		   const char *perms, const char *path)
{
	assert_int_equal(found->start, start);
	assert_int_equal(found->offset, offset);
	assert_string_equal(found->perms, perms);
	assert_string_equal(found->path, path);
}

static void test_an_address_is_found(void **state)
{
	struct mcsafe__mapping found;

	(void)state;
	/* However the file comes. */
	for (os.piece = 0; os.piece < 70; os.piece++) {
		os.interrupts = 3;
		assert_int_equal(find(TEXT, 0x1000, &found), MCSAFE__MAPPED);
		assert_int_equal(os.interrupts, 0);
		expect(&found, 0x1000, 0xa000, "r-xp", "/lib/some lib.so");
		assert_int_equal(found.end, 0x3000);
		assert_int_equal(find(TEXT, 0x2fff, &found), MCSAFE__MAPPED);
		assert_int_equal(find(TEXT, 0xafff, &found), MCSAFE__MAPPED);
		expect(&found, 0xa000, 0, "rw-p", "");
		assert_int_equal(find(TEXT, 0xb000, &found), MCSAFE__MAPPED);
		expect(&found, 0xb000, 0, "---p", "[heap]");
		assert_int_equal(find(TEXT, 0x7ffffffff000, &found), MCSAFE__MAPPED);
		expect(&found, 0x7fffffffe000, 0x1000, "rw-s", "/dev/zero (deleted)");
		assert_int_equal(find(TEXT, 0xfff, &found), MCSAFE__NOT_MAPPED);
		assert_int_equal(find(TEXT, 0x3000, &found), MCSAFE__NOT_MAPPED);
		assert_int_equal(find(TEXT, 0x7fffffffffff, &found), MCSAFE__NOT_MAPPED);
	}
	os.piece = 0;
}

static void test_of_a_long_path_the_end_is_kept(void **state)
{
	struct mcsafe__mapping found;
	char text[1000], path[800];
	size_t n;

	(void)state;
	for (size_t len = 200; len < sizeof(path); len += 7) {
		for (size_t i = 0; i < len; i++)
			path[i] = (char)('a' + i % 23);
		path[len] = '\0';
		n = (size_t)snprintf(text, sizeof(text), "1000-2000 r--p 00000000 08:01 5 %s%s",
				     path, len % 2 ? "\n" : ""); /* or cut off */
		assert_true(n < sizeof(text));
		assert_int_equal(find(text, 0x1000, &found), MCSAFE__MAPPED);
		n = strlen(found.path);
		assert_true(n == len || (len >= sizeof(found.path) && n > 100));
		assert_string_equal(found.path, path + len - n);
	}
}

/* What is not understood may hold the address. */
static void test_nothing_is_said_of_what_cannot_be_read(void **state)
{
	static const char *const lines[] = {
		"1000\n",
		"1000 3000 r-xp 00000000 08:01 5\n",
		"1000-3000\n",
		"1000-3000\tr-xp 00000000 08:01 5\n",
		"1000-3000 r-xps 00000000 08:01 5\n",
		"1000-3000 r-xp 00000000\n",
		"1000-3000 r-xp 0000g000 08:01 5\n",
		"1000-3000 r-xp 00000000 08:01\n",
		"G000-3000 r-xp 00000000 08:01 5\n",
	};
	struct mcsafe__mapping found;
	char text[200];

	(void)state;
	for (size_t i = 0; i < T_LENGTH(lines); i++) {
		(void)snprintf(text, sizeof(text), "%s%s", lines[i], LINE);
		if (find(text, 0x2000, &found) != MCSAFE__MAPPED_UNKNOWN)
			fail_msg("line %zu was understood", i);
	}
	/* At the end of the file. */
	assert_int_equal(find(LINE "a000-b000 rw-p 00000000 00:00 0", 0xa000, &found),
			 MCSAFE__MAPPED);
	os.fails_at = 1;
	assert_int_equal(find(TEXT, 0x2000, &found), MCSAFE__MAPPED_UNKNOWN);
	os.fails_at = 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_address_is_found),
		cmocka_unit_test(test_of_a_long_path_the_end_is_kept),
		cmocka_unit_test(test_nothing_is_said_of_what_cannot_be_read),
	};

	return t_run("report.maps", tests, T_LENGTH(tests));
}
