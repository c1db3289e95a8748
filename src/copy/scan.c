/* SPDX-License-Identifier: BSD-3-Clause */
/* scan.c - strnlen and memchr: their results, and the fault record after a fault */
#include <mcsafe/scan.h>

#include <stdatomic.h>

#include "base/msan.h"
#include "route.h"

/* Where the entries in assembly (asm/x86_64/scan_avx512.S) go if the engine in use has another
 * routine than theirs. */
enum mcsafe_cause mcsafe__memchr(const void *s, int c, size_t n, size_t *at,
				 struct mcsafe_fault *fault)
{
	return atomic_load_explicit(&mcsafe__route.scan, memory_order_relaxed)(s, c, n, at, fault);
}

#ifdef MCSAFE__MSAN
/* Without entries in assembly: MemorySanitizer must be told what assembly reads and writes. */
enum mcsafe_cause mcsafe_memchr(const void *s, int c, size_t n, size_t *at,
				struct mcsafe_fault *fault)
{
	enum mcsafe_cause cause = mcsafe__memchr(s, c, n, at, fault);

	mcsafe__msan_written(at, sizeof(*at));
	mcsafe__msan_decided(at, sizeof(*at), s,
			     *at + (*at < n && cause == MCSAFE_CAUSE_NONE ? 1 : 0));
	return cause;
}

enum mcsafe_cause mcsafe_strnlen(const char *s, size_t max, size_t *length,
				 struct mcsafe_fault *fault)
{
	return mcsafe_memchr(s, '\0', max, length, fault);
}
#endif
