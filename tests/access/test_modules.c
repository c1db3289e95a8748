/* SPDX-License-Identifier: BSD-3-Clause */
/* test_modules.c - rows of inline accesses come and go with the shared object that holds them */
#include <mcsafe/mcsafe.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "child.h"

struct object {
	void *handle;
	enum mcsafe_cause (*load)(const uint32_t *, uint32_t *);
	int (*ready)(void);
	const struct mcsafe_row *(*rows)(void);
};

static void *symbol(const struct object *object, const char *name)
{
	void *found = dlsym(object->handle, name);

	CHECK_PTR_NE(found, NULL);
	return found;
}

static struct object open_object(const char *path)
{
	struct object object = {.handle = dlopen(path, RTLD_NOW | RTLD_LOCAL)};

	if (object.handle == NULL)
		fprintf(stderr, "%s\n", dlerror());
	CHECK_PTR_NE(object.handle, NULL);
	/* dlsym(3) returns functions as data pointers. */
	*(void **)&object.load = symbol(&object, "t_object_load");
	*(void **)&object.ready = symbol(&object, "t_object_ready");
	*(void **)&object.rows = symbol(&object, "t_object_rows");
	return object;
}

static const uint32_t *bad_word(void)
{
	void *map = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK_PTR_NE(map, MAP_FAILED);
	return map;
}

static void expect_landing(const struct object *object, const uint32_t *bad)
{
	uint32_t good = 4711, value = 5;

	CHECK_EQ(object->ready(), 0);
	CHECK_EQ(object->load(&good, &value), MCSAFE_CAUSE_NONE);
	CHECK_EQ(value, 4711);
	CHECK_EQ(object->load(bad, &value), MCSAFE_CAUSE_PROTECTED);
	CHECK_EQ(value, 4711);
}

/* More often than there are places for tables: each time the place becomes free again. */
IN_CHILD(test_an_object_is_unloaded_with_its_rows)
{
	const uint32_t *bad = bad_word();

	CHECK_EQ(mcsafe_install(), 0);
	for (int i = 0; i < 3 * MCSAFE_MODULES_MAX; i++) {
		struct object object = open_object(T_OBJECT);
		const struct mcsafe_row *rows = object.rows();

		expect_landing(&object, bad);
		CHECK_EQ(dlclose(object.handle), 0);
		CHECK_PTR_EQ(dlopen(T_OBJECT, RTLD_NOW | RTLD_NOLOAD), NULL);
		CHECK_EQ(mcsafe_module_unregister(rows), -ENOENT);
	}
}

/* As long as the object is open once, it stays loaded, and its rows stay registered. */
IN_CHILD(test_the_last_close_counts)
{
	struct object object = open_object(T_OBJECT), again = open_object(T_OBJECT);
	const uint32_t *bad = bad_word();

	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(dlclose(again.handle), 0);
	expect_landing(&object, bad);
}

/* The same code under other names, so that each is loaded. */
static void copy_object(char path[64], const char *directory, int i)
{
	int from = open(T_OBJECT, O_RDONLY | O_CLOEXEC), to;
	struct stat file;

	snprintf(path, 64, "%s/%d.so", directory, i);
	to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	CHECK_GE(from, 0);
	CHECK_GE(to, 0);
	CHECK_EQ(fstat(from, &file), 0);
	CHECK_EQ(sendfile(to, from, NULL, (size_t)file.st_size), file.st_size);
	close(from);
	close(to);
}

static const uint32_t *volatile the_bad_word;

/* One object more than there is room for. The argument is the directory. */
static void open_too_many(void *arg)
{
	struct object object;
	char path[64];
	uint32_t value;
	int full = -1;

	the_bad_word = bad_word();
	CHECK_EQ(mcsafe_install(), 0);
	for (int i = 0; i <= MCSAFE_MODULES_MAX; i++) {
		copy_object(path, arg, i);
		object = open_object(path);
		CHECK_EQ(unlink(path), 0);
		if (object.ready() != 0 && full < 0)
			full = i;
		if (full < 0)
			expect_landing(&object, the_bad_word);
	}
	CHECK_EQ(full, MCSAFE_MODULES_MAX);
	CHECK_EQ(object.ready(), -ENOSPC);
	/* The object says that it is not ready, and its accesses are ordinary ones. */
	(void)object.load(the_bad_word, &value);
}

static void test_an_object_says_when_there_is_no_room(void **state)
{
	char directory[] = "/tmp/mcsafe-access-XXXXXX";

	(void)state;
	assert_non_null(mkdtemp(directory));
	t_dies(open_too_many, directory, SIGSEGV);
	assert_int_equal(rmdir(directory), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_object_is_unloaded_with_its_rows),
		cmocka_unit_test(test_the_last_close_counts),
		cmocka_unit_test(test_an_object_says_when_there_is_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
