/* SPDX-License-Identifier: BSD-3-Clause */
/* scan.c - strnlen and memchr: their results, and the fault record after a fault */
#include <mcsafe/scan.h>

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
