/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * folded.c - a user's program with identical functions, which a linker may fold, for test_builds.py
 *
 * Prints nothing, and returns the line of the first check that does not hold.
 */
#ifndef _GNU_SOURCE
# define _GNU_SOURCE
#endif
#include <stdint.h>
#include <sys/mman.h>

#include <mcsafe/access.h>
#include <mcsafe/copy.h>
#include <mcsafe/handler.h>

#define IDENTICAL(name)                                                        \
 int load_##name(const uint32_t *p, uint32_t *value);                          \
 uint32_t load_or_##name(const uint32_t *p);                                   \
 __attribute__((noinline)) int load_##name(const uint32_t *p, uint32_t *value) \
 {                                                                             \
  return mcsafe_load_u32(p, value) != MCSAFE_CAUSE_NONE;                       \
 }                                                                             \
 __attribute__((noinline)) uint32_t load_or_##name(const uint32_t *p)          \
 {                                                                             \
  return mcsafe_load_or(p, (uint32_t)77);                                      \
 }

IDENTICAL(first)
IDENTICAL(second)
IDENTICAL(third)

#define CHECK(holds) \
 do {                \
  if (!(holds))      \
   return __LINE__;  \
 } while (0)

int main(void)
{
	void *map = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int (*volatile loads[])(const uint32_t *, uint32_t *) = {load_first, load_second,
								 load_third};
	uint32_t (*volatile loads_or[])(const uint32_t *) = {load_or_first, load_or_second,
							     load_or_third};
	uint32_t *bad = (uint32_t *)map, good = 7, value = 5;
	char byte;

	CHECK(map != MAP_FAILED);
	CHECK(mcsafe_access_ready() == 0);
	CHECK(mcsafe_install() == 0);
	for (int i = 0; i < 3; i++) {
		value = 5;
		CHECK(loads[i](bad, &value) == 1 && value == 5);
		CHECK(loads[i](&good, &value) == 0 && value == 7);
		CHECK(loads_or[i](bad) == 77 && loads_or[i](&good) == 7);
	}
	CHECK(mcsafe_store_u32(bad, 1) == MCSAFE_CAUSE_PROTECTED);
	CHECK(memcpy_mcsafe(&byte, bad, 1) == 1);
	return 0;
}
