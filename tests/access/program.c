/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * program.c - a user's program of two files, in C and in C++, for test_builds.py
 *
 *	cc -DPART=1 program.c, cc -DPART=2 program.c
 *
 * Both parts have the same inline function, of which the linker keeps one copy in C++. Part 2 has a
 * function that is never called, with an access that --gc-sections removes. Any compiler may
 * compile the program, so it shares nothing with the other tests. It prints nothing, and returns
 * the line of the first check that does not hold.
 */
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mcsafe/access.h>
#include <mcsafe/handler.h>

#ifdef __cplusplus
# define COMDAT inline __attribute__((noinline))
#else
# define COMDAT static __attribute__((noinline))
#endif

/* With a loop, so that the compiler has code to move. */
COMDAT uint32_t sum(const uint32_t *words, unsigned n, uint32_t otherwise, struct mcsafe_fault *why)
{
	uint32_t all = 0;

	for (unsigned i = 0; i < n; i++) {
		uint32_t word;

		if (mcsafe_load_explicit_u32(&words[i], &word, __ATOMIC_RELAXED, why) != 0)
			return all + otherwise;
		all += word;
	}
	return all;
}

#ifdef __cplusplus
template <typename T> T twice_or(const T *p, T otherwise)
{
	return static_cast<T>(2 * mcsafe_load_or(p, otherwise));
}
# define TWICE_OR(p, otherwise) twice_or(p, otherwise)
#else
# define TWICE_OR(p, otherwise) (2 * mcsafe_load_or(p, otherwise))
#endif

uint32_t sum_of_part_2(const uint32_t *words, unsigned n, struct mcsafe_fault *why);
uint16_t twice_of_part_2(const uint16_t *p);
uint64_t nobody_calls_this(const uint64_t *p);

#if PART == 2

uint32_t sum_of_part_2(const uint32_t *words, unsigned n, struct mcsafe_fault *why)
{
	return sum(words, n, 5000, why);
}

uint16_t twice_of_part_2(const uint16_t *p)
{
	return (uint16_t)TWICE_OR(p, (uint16_t)21);
}

uint64_t nobody_calls_this(const uint64_t *p)
{
	return mcsafe_load_or(p, 0);
}

#else

# define CHECK(holds) \
  do {                \
   if (!(holds))      \
    return __LINE__;  \
  } while (0)

/* A page, and an unmapped one after it. */
static char *map_page(void)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *map =
		mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED || munmap((char *)map + page, page) != 0)
		_exit(1);
	return (char *)map;
}

/* -O3 unrolls it. There gcc 12 lost the second operand of mcsafe_load_or(). */
static __attribute__((noinline)) uint32_t sum_of_three_or_5(const uint32_t *words)
{
	uint32_t all = 0;

	for (int i = 0; i < 3; i++)
		all += mcsafe_load_or(&words[i], (uint32_t)5);
	return all;
}

static int check_loads(const uint32_t *last, const uint16_t *bad)
{
	struct mcsafe_fault fault;
	uint32_t word = 77;

	fault.addr = NULL;
	CHECK(sum(last - 3, 4, 1000, &fault) == 4 * 9);
	CHECK(fault.addr == NULL);
	CHECK(sum(last - 3, 5, 1000, &fault) == 4 * 9 + 1000);
	CHECK(fault.addr == (const void *)bad && fault.side == MCSAFE_SIDE_SOURCE);
	CHECK(fault.cause == MCSAFE_CAUSE_UNMAPPED);
	fault.addr = NULL;
	CHECK(sum_of_part_2(last - 3, 6, &fault) == 4 * 9 + 5000);
	CHECK(fault.addr == (const void *)bad);
	CHECK(mcsafe_load_u32(last, &word) == MCSAFE_CAUSE_NONE && word == 9);
	CHECK(mcsafe_load_u32(last + 1, &word) == MCSAFE_CAUSE_UNMAPPED && word == 9);
	CHECK(TWICE_OR(bad, (uint16_t)4) == 8);
	CHECK(TWICE_OR(bad - 2, (uint16_t)4) == 18);
	CHECK(twice_of_part_2(bad) == 42);
	CHECK(sum_of_three_or_5(last + 1) == 15);
	CHECK(sum_of_three_or_5(last) == 9 + 10);
	CHECK(twice_of_part_2(bad - 2) == 18);
	return 0;
}

static int check_rest(uint64_t *last)
{
	uint64_t old = 1, *bad = last + 1;
	uint8_t byte = 3;

	CHECK(mcsafe_store_u64(last, 5) == MCSAFE_CAUSE_NONE && *last == 5);
	CHECK(mcsafe_store_u64(bad, 5) == MCSAFE_CAUSE_UNMAPPED);
	CHECK(mcsafe_store_explicit_u64(last, 6, __ATOMIC_SEQ_CST, NULL) == MCSAFE_CAUSE_NONE);
	CHECK(mcsafe_xchg_u64(last, 7, &old) == MCSAFE_CAUSE_NONE && old == 6 && *last == 7);
	CHECK(mcsafe_xchg_u64(bad, 8, &old) == MCSAFE_CAUSE_UNMAPPED && old == 6);
	CHECK(mcsafe_cmpxchg_u64(last, 6, 9, &old) == MCSAFE_CAUSE_NONE && old == 7 && *last == 7);
	CHECK(mcsafe_cmpxchg_u64(last, 7, 9, &old) == MCSAFE_CAUSE_NONE && old == 7 && *last == 9);
	CHECK(mcsafe_cmpxchg_u64(bad, 7, 9, &old) == MCSAFE_CAUSE_UNMAPPED && old == 7);
	CHECK(mcsafe_load_u8((uint8_t *)bad, &byte) == MCSAFE_CAUSE_UNMAPPED && byte == 3);
	CHECK(mcsafe_load_u8((uint8_t *)last, &byte) == MCSAFE_CAUSE_NONE && byte == 9);
	return 0;
}

/* Copies of constant lengths: each of the paths, up to the bad memory and into it. */
# define CHECK_COPY(n)                                                               \
  do {                                                                               \
   char to[64];                                                                      \
   memset(to, 0, sizeof(to));                                                        \
   CHECK(mcsafe_copy_const(to, bad - (n), n) == 0 && memcmp(to, bad - (n), n) == 0); \
   CHECK(mcsafe_copy_const(to, bad, n) == (n));                                      \
   memset(to, 3, sizeof(to));                                                        \
   CHECK(mcsafe_copy_const(bad - (n), to, n) == 0 && memcmp(to, bad - (n), n) == 0); \
   CHECK(mcsafe_copy_const(bad - (n) + 1, to, n) == 1);                              \
  } while (0)

static int check_copies(char *bad)
{
	CHECK_COPY(1);
	CHECK_COPY(2);
	CHECK_COPY(3);
	CHECK_COPY(4);
	CHECK_COPY(6);
	CHECK_COPY(8);
	CHECK_COPY(13);
	CHECK_COPY(16);
	CHECK_COPY(24);
	return 0;
}

/* The compiler does not know the addresses of the bad memory. */
int main(void)
{
	char *volatile page = map_page();
	char *bad = page + sysconf(_SC_PAGESIZE);
	int line;

	CHECK(mcsafe_access_ready() == 0);
	CHECK(mcsafe_install() == 0);
	for (uint32_t *word = (uint32_t *)(void *)page; (char *)word < bad; word++)
		*word = 9;
	line = check_loads((uint32_t *)(void *)bad - 1, (uint16_t *)(void *)bad);
	if (line == 0)
		line = check_rest((uint64_t *)(void *)bad - 1);
	return (line != 0 ? line : check_copies(bad)) % 256;
}

#endif
