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

/* Its rows go with it each time. */
IN_CHILD(test_an_object_is_unloaded_with_its_rows)
{
	const uint32_t *bad = bad_word();

	CHECK_EQ(mcsafe_install(), 0);
	for (int i = 0; i < 200; i++) {
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

#define OBJECTS 150

/* All are open at the same time; the argument is the directory. */
static void open_many(void *arg)
{
	static struct object objects[OBJECTS];
	const uint32_t *bad = bad_word();
	char path[64];

	CHECK_EQ(mcsafe_install(), 0);
	for (int i = 0; i < OBJECTS; i++) {
		copy_object(path, arg, i);
		objects[i] = open_object(path);
		CHECK_EQ(unlink(path), 0);
	}
	for (int i = 0; i < OBJECTS; i++)
		expect_landing(&objects[i], bad);
}

static void test_the_accesses_of_any_number_of_objects_land(void **state)
{
	char directory[] = "/tmp/mcsafe-access-XXXXXX";

	(void)state;
	assert_non_null(mkdtemp(directory));
	t_survives(open_many, directory);
	assert_int_equal(rmdir(directory), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_object_is_unloaded_with_its_rows),
		cmocka_unit_test(test_the_last_close_counts),
		cmocka_unit_test(test_the_accesses_of_any_number_of_objects_land),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
