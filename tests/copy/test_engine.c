/* SPDX-License-Identifier: BSD-3-Clause */
/* test_engine.c - which engine is chosen, by the processor, the program or the environment */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mcsafe/mcsafe.h>

#include "base/cpu.h"
#include "copies.h"
#include "copy/route.h"
#include "run.h"
#include "tool.h"
#include "witness.h"

/* The engine that does a copy: the one that contains the faulting instruction. */
static uintptr_t entry_in_use(void)
{
	char *bad = mmap(NULL, T_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), byte;
	const struct t_copy *copy;
	struct mcsafe_fault fault;

	assert_true((void *)bad != MAP_FAILED);
	assert_int_equal(mcsafe_memcpy(&byte, bad, 1, &fault), 1);
	assert_int_equal(munmap(bad, T_PAGE), 0);
	copy = t_engine_of((uintptr_t)fault.ip);
	assert_non_null(copy);
	return (uintptr_t)copy->fn;
}

/* The same for memcpy_mcsafe(), which has no record: the handler has seen it. */
static uintptr_t entry_in_use_without_record(void)
{
	char *bad = mmap(NULL, T_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), byte;
	const struct t_copy *copy;

	assert_true((void *)bad != MAP_FAILED);
	t_witness_start();
	assert_int_equal(memcpy_mcsafe(&byte, bad, 1), 1);
	t_witness_stop();
	assert_int_equal(munmap(bad, T_PAGE), 0);
	assert_int_equal(t_witness.n, 1);
	copy = t_engine_of(t_witness.seen[0].ip);
	assert_non_null(copy);
	return (uintptr_t)copy->fn;
}

static void test_a_copy_of_nothing_may_be_the_first(void **state)
{
	char byte = 1;

	(void)state;
	assert_int_equal(memcpy_mcsafe(&byte, &byte, 0), 0);
	assert_int_equal(mcsafe_memcpy(&byte, &byte, 0, NULL), 0);
	assert_int_equal(mcsafe_memset(&byte, 0, 0, NULL), 0);
	assert_int_equal(mcsafe_memcpy_flushcache(&byte, &byte, 0, NULL), 0);
	assert_int_equal(byte, 1);
}

/* What the limits of the engines and of copies around the caches go by. */
static void test_caches_are_as_large_as_libc_says(void **state)
{
	long first = sysconf(_SC_LEVEL1_DCACHE_SIZE), second = sysconf(_SC_LEVEL2_CACHE_SIZE);

	(void)state;
	print_message("the first cache has %zu bytes, the largest %zu; libc says %ld, then %ld\n",
		      mcsafe__cpu_first_cache_size(), mcsafe__cpu_cache_size(), first, second);
	if (t_with_valgrind()) {
		print_message("not compared: valgrind makes up caches\n");
		return;
	}
	if (first > 0)
		assert_int_equal(mcsafe__cpu_first_cache_size(), first);
	if (second > first)
		assert_true(mcsafe__cpu_cache_size() >= (size_t)second);
}

static void test_names_are_those_of_the_table(void **state)
{
	char names[256], *rest = NULL;
	size_t n = 0;

	(void)state;
	assert_true(strlen(mcsafe_engine_names()) < sizeof(names));
	snprintf(names, sizeof(names), "%s", mcsafe_engine_names());
	for (char *name = strtok_r(names, " ", &rest); name != NULL;
	     name = strtok_r(NULL, " ", &rest), n++) {
		size_t i = 0;

		while (i < mcsafe__n_engines && strcmp(mcsafe__engines[i].name, name) != 0)
			i++;
		assert_true(i < mcsafe__n_engines);
	}
	assert_int_equal(n, mcsafe__n_engines);
}

static void test_each_can_be_asked_for(void **state)
{
	(void)state;
	t_install();
	for (size_t i = 0; i < mcsafe__n_engines; i++) {
		const struct mcsafe__engine *engine = &mcsafe__engines[i];

		if (!mcsafe__engine_is_possible(engine)) {
			assert_int_equal(mcsafe_engine_set(engine->name), -ENOTSUP);
			continue;
		}
		assert_int_equal(mcsafe_engine_set(engine->name), 0);
		assert_string_equal(mcsafe_engine_name(), engine->name);
		if (t_tool_cannot(engine->name)) {
			print_message("%s: not with this tool\n", engine->name);
			continue;
		}
		assert_int_equal(entry_in_use(), (uintptr_t)engine->copy);
		assert_int_equal(entry_in_use_without_record(), (uintptr_t)engine->copy);
		assert_int_equal(mcsafe_engine_set("no such"), -EINVAL);
		assert_int_equal(mcsafe_engine_set(""), -EINVAL);
		assert_string_equal(mcsafe_engine_name(), engine->name);
	}
	assert_int_equal(mcsafe_engine_set(NULL), 0);
}

/* A build with MCSAFE_DEBUG does not have such an engine, whatever the processor can do. */
static bool can_use_strings(const char *engine)
{
	for (size_t i = 0; i < mcsafe__n_engines; i++)
		if (strcmp(mcsafe__engines[i].name, engine) == 0)
			return mcsafe__engine_is_possible(&mcsafe__engines[i]);
	return false;
}

static void test_the_best_is_chosen(void **state)
{
	const char *best = "sse2";

	(void)state;
	if (mcsafe__cpu_features() & MCSAFE__CPU_AVX2)
		best = mcsafe__cpu_features() & MCSAFE__CPU_FAST_STRINGS &&
				       can_use_strings("avx2_erms")
			       ? "avx2_erms"
			       : "avx2";
	if (mcsafe__cpu_features() & MCSAFE__CPU_AVX512BW)
		best = "avx512bw";
	if (mcsafe__cpu_features() & MCSAFE__CPU_AVX512)
		best = "avx512";
	/* Measured only there. */
	if ((mcsafe__cpu_features() & MCSAFE__CPU_AVX512) &&
	    (mcsafe__cpu_features() & MCSAFE__CPU_ZEN_5) && can_use_strings("avx512_erms"))
		best = "avx512_erms";
	assert_int_equal(mcsafe_engine_set(NULL), 0);
	assert_string_equal(mcsafe_engine_name(), best);
}

/* Runs in a child, so that MCSAFE_ENGINE has not been read yet. Returns what the child prints. */
static void with_environment(const char *value, int expected, const char *engine, char *printed,
			     size_t size)
{
	int fds[2], status;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int installed, again;

		dup2(fds[1], STDERR_FILENO);
		setenv("MCSAFE_ENGINE", value, 1);
		installed = mcsafe_install();
		setenv("MCSAFE_ENGINE", "word", 1);
		again = mcsafe_install(); /* reads it only if the first one failed */
		_exit(installed == expected && again == 0 &&
				      strcmp(mcsafe_engine_name(), engine) == 0
			      ? 0
			      : 1);
	}
	close(fds[1]);
	n = read(fds[0], printed, size - 1);
	assert_true(n >= 0);
	printed[n] = '\0';
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_the_environment_chooses(void **state)
{
	const char *automatic = mcsafe_engine_name();
	char printed[256];

	(void)state;
	with_environment("sse2", 0, "sse2", printed, sizeof(printed));
	assert_string_equal(printed, "");
	with_environment("", 0, automatic, printed, sizeof(printed));
	assert_string_equal(printed, "");
	with_environment("sse3", -EINVAL, "word", printed, sizeof(printed));
	assert_non_null(strstr(printed, "MCSAFE_ENGINE=sse3"));
	assert_non_null(strstr(printed, "no such engine"));
	assert_non_null(strstr(printed, mcsafe_engine_names()));
	with_environment("\033[31mx\n", -EINVAL, "word", printed, sizeof(printed));
	assert_non_null(strstr(printed, "MCSAFE_ENGINE=\\x1b[31mx\\x0a: no such engine"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_a_copy_of_nothing_may_be_the_first), /* first: no engine is chosen */
		cmocka_unit_test(
			test_the_environment_chooses), /* first: libmcsafe is not installed */
		cmocka_unit_test(test_caches_are_as_large_as_libc_says),
		cmocka_unit_test(test_names_are_those_of_the_table),
		cmocka_unit_test(test_each_can_be_asked_for),
		cmocka_unit_test(test_the_best_is_chosen),
	};

	/* MCSAFE_ENGINE of the user is for other programs. */
	unsetenv("MCSAFE_ENGINE");
	return t_run("copy.engine", tests, T_LENGTH(tests));
}
