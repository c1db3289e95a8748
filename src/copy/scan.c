/* SPDX-License-Identifier: BSD-3-Clause */
/* scan.c - strnlen, memchr and memcmp: their results, and the fault record after a fault */
#include <mcsafe/scan.h>

#include "base/msan.h"
#include "landing/fault.h"
#include "scan.h"

/* The result of a scan of p that looked at done bytes. */
static enum mcsafe_cause finish(struct mcsafe_fault *fault, const struct mcsafe__landing *landing,
				const void *p, size_t done)
{
	if (landing->facts == 0)
		return MCSAFE_CAUSE_NONE;
	if (fault != NULL) {
		mcsafe__fault_from_landing(fault, landing, (const char *)p + done);
		fault->side = MCSAFE_SIDE_SOURCE;
	}
	return mcsafe__facts_cause(landing->facts);
}

/* The number of bytes that decided the result of a scan of n bytes that ended after done bytes. */
static size_t decisive(size_t done, size_t n, const struct mcsafe__landing *landing)
{
	return done < n && landing->facts == 0 ? done + 1 : done;
}

enum mcsafe_cause mcsafe_memchr(const void *s, int c, size_t n, size_t *at,
				struct mcsafe_fault *fault)
{
	struct mcsafe__landing landing = {0};
	size_t done = mcsafe__find_byte(s, c, n, &landing);

	/* The routine may find the byte in its last vector, but past the end of s. */
	*at = done < n ? done : n;
	mcsafe__msan_decided(at, sizeof(*at), s, decisive(*at, n, &landing));
	return finish(fault, &landing, s, done);
}

enum mcsafe_cause mcsafe_strnlen(const char *s, size_t max, size_t *length,
				 struct mcsafe_fault *fault)
{
	return mcsafe_memchr(s, '\0', max, length, fault);
}

enum mcsafe_cause mcsafe_memcmp(const void *a, const void *b, size_t n,
				struct mcsafe_comparison *result, struct mcsafe_fault *fault)
{
	struct mcsafe__landing landing = {0};
	struct mcsafe__difference found = mcsafe__find_difference(a, b, n, &landing);
	int is_b = mcsafe__facts_kind(landing.facts) == MCSAFE__OPERAND_B;
	size_t looked_at = decisive(n - found.left, n, &landing);

	result->equal = n - found.left;
	result->order = found.left == 0 || landing.facts != 0 ? 0 : found.order;
	result->failed = landing.facts == 0 ? 0 : 1 + is_b;
	mcsafe__msan_decided(result, sizeof(*result), a, looked_at);
	mcsafe__msan_decided(result, sizeof(*result), b, looked_at);
	return finish(fault, &landing, is_b ? b : a, n - found.left);
}
