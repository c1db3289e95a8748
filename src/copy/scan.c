/* SPDX-License-Identifier: BSD-3-Clause */
/* scan.c - strnlen, memchr and memcmp: their results, and the fault record after a fault */
#include <mcsafe/scan.h>

#include <stdbool.h>

#include "base/msan.h"
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

enum mcsafe_cause mcsafe_memchr(const void *s, int c, size_t n, size_t *at,
				struct mcsafe_fault *fault)
{
	struct mcsafe_fault stopped;
	size_t done;

	stopped.cause = MCSAFE_CAUSE_NONE;
	done = mcsafe__find_byte(s, c, n, &stopped);
	/* The routine may find the byte in its last vector, but past the end of s. */
	*at = done < n ? done : n;
	mcsafe__msan_decided(at, sizeof(*at), s, decisive(*at, n, &stopped));
	return finish(fault, &stopped);
}

enum mcsafe_cause mcsafe_strnlen(const char *s, size_t max, size_t *length,
				 struct mcsafe_fault *fault)
{
	return mcsafe_memchr(s, '\0', max, length, fault);
}

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
