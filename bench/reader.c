/* SPDX-License-Identifier: BSD-3-Clause */
/* reader.c - copy, then read the copy: what stores that bypass the caches cost the reader */
#include "memcpy_calls.h"

static uint64_t sum_of(const unsigned char *bytes, size_t n)
{
	const uint64_t *p = (const uint64_t *)(const void *)bytes;
	uint64_t a = 0, b = 0, c = 0, d = 0;

	for (size_t i = 0; i < n / 8; i += 4) {
		a += p[i];
		b += p[i + 1];
		c += p[i + 2];
		d += p[i + 3];
	}
	return a + b + c + d;
}

#define THEN_READ(name, call)                                                                     \
 ALWAYS_INLINE uintptr_t call##_then_read(unsigned char *dst, const unsigned char *src, size_t n) \
 {                                                                                                \
  uintptr_t result = call(dst, src, n);                                                           \
                                                                                                  \
  return result + sum_of(dst, n);                                                                 \
 }                                                                                                \
 CALLS_OF(name, call##_then_read)

THEN_READ(libc, by_memcpy)
THEN_READ(plain, by_memcpy_mcsafe)

void bench_reader(void)
{
	static const size_t lengths[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 0};
	struct contest contest = {.count = 0};
	struct work work = work_begin(effort.longest, WORK_PLACES);

	contest_add(&contest, "libc", libc);
	contest_add(&contest, "memcpy_mcsafe", plain);
	contest_add_engines(&contest, plain);
	for (const size_t *mib = lengths; *mib != 0 && *mib << 20 <= effort.longest; mib++) {
		work_aligned(&work, *mib << 20);
		contest_run(&contest, "reader", "", *mib << 20, &work, 0);
	}
	work_end(&work);
}
