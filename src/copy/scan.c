/* SPDX-License-Identifier: BSD-3-Clause */
/* scan.c - strnlen, memchr and memcmp: their results, and the fault record after a fault */
#include <mcsafe/scan.h>

#include <stdatomic.h>
#include <stdbool.h>

#include "base/msan.h"
#include "route.h"
#include "scan.h"

/* The result of a scan. stopped.cause is NONE if no load failed. */
static enum mcsafe_cause finish(struct mcsafe_fault *fault, struct mcsafe_fault *stopped)
{
	if (stopped->cause != MCSAFE_CAUSE_NONE && fault != NULL) {
		stopped->side = MCSAFE_SIDE_SOURCE;
		*fault = *stopped;
	}
	return stopped->cause;
}

/* The number of bytes that decided the result of a scan of n bytes that ended after done bytes. */
static size_t decisive(size_t done, size_t n, const struct mcsafe_fault *stopped)
{
	return done < n && stopped->cause == MCSAFE_CAUSE_NONE ? done + 1 : done;
}

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

enum mcsafe_cause mcsafe_memcmp(const void *a, const void *b, size_t n,
				struct mcsafe_comparison *result, struct mcsafe_fault *fault)
{
	struct mcsafe_fault stopped;
	struct mcsafe__difference found;
	bool failed, is_b;
	size_t looked_at;

	stopped.cause = MCSAFE_CAUSE_NONE;
	found = mcsafe__find_difference(a, b, n, &stopped);
	failed = stopped.cause != MCSAFE_CAUSE_NONE;
	is_b = failed && stopped.side == MCSAFE__OPERAND_B;
	looked_at = decisive(n - found.left, n, &stopped);

	result->equal = n - found.left;
	result->order = found.left == 0 || failed ? 0 : found.order;
	result->failed = failed ? 1 + is_b : 0;
	mcsafe__msan_decided(result, sizeof(*result), a, looked_at);
	mcsafe__msan_decided(result, sizeof(*result), b, looked_at);
	return finish(fault, &stopped);
}
